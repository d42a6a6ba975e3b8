"""The backends by name, and which one compiles a program."""

from __future__ import annotations

from collections.abc import Callable

from autodiff.program import NotLowerable, Program, Run
from autodiff.replay.backends import c, llvm, numpy_calls, python

BACKENDS: dict[str, Callable[[Program], Run]] = {
    "llvm": llvm.compile_program,
    "numpy": numpy_calls.compile_program,
    "python": python.compile_program,
}

SOURCES: dict[str, Callable[[Program], str]] = {"llvm": llvm.source, "c": c.source}
"""A program as source that stands by itself, by the language."""

_SMALL = 300  # steps; below, plain Python is ready sooner, and as fast, for what is no batch


def compile_program(program: Program, backend: str) -> tuple[str, Run, list[str]]:
    """Compile by a backend, or by the best that there is; the name of it, and what is to be said of the choice."""
    if backend != "auto":
        try:
            return backend, BACKENDS[backend](program), []
        except NotLowerable as problem:
            raise NotLowerable(f"no {backend} for this program: {problem}; take backend='auto' or 'python'") from None
    names = ["llvm", "numpy"] if program.sample_inputs else ["llvm"] if len(program.live) >= _SMALL else []
    notes: list[str] = []
    for name in names:
        try:
            return name, BACKENDS[name](program), notes
        except ImportError:
            notes.append(f"no {name}: it is not installed")
        except NotLowerable as problem:
            notes.append(f"no {name}: {problem}")
    return "python", python.compile_program(program), notes
