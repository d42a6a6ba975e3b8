"""The backend for speed: a program as machine code, compiled in the process by llvmlite.

`program_text` writes the program as LLVM text. A large one without samples is not written out: it is data
for the one piece of machine code of `interpreter`. There are no optimisation passes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from autodiff.program import LANES, Program
from autodiff.replay.backends.llvm import interpreter
from autodiff.replay.backends.llvm.program_text import ProgramText

_LARGE = 8000  # primitives; above, a program without samples is data for the interpreter
_SWIFT = 20_000  # from that many steps on, compile at the lowest level


def source(program: Program) -> str:
    """The program as LLVM text, with an entry ``run``; see `NativeRun`."""
    return ProgramText(program.lowered()).text


def compile_program(program: Program) -> NativeRun:
    """Compile a program to machine code; an ImportError without llvmlite."""
    lowered = program.lowered()
    if not lowered.sample_inputs and len(lowered.live) > _LARGE:
        return NativeRun(interpreter.machine_code(), interpreter.workspace(lowered))
    written = ProgramText(lowered)
    return NativeRun(written.text, array("d", bytes(8 * written.workspace)), swift=written.steps >= _SWIFT)


class NativeRun:
    """A compiled program, called as `autodiff.program.Run` says.

    The text has an entry ``run`` of the same arguments, and the workspace as the last one, which is given as it is at
    first. A `swift` compilation takes less time, to slower code.
    """

    def __init__(self, text: str, workspace: array[float], *, swift: bool = False) -> None:
        self.workspace = array("d", bytes(8 * (len(workspace) + LANES)))
        self._engine, address = _machine_code(text, swift)
        import ctypes  # here: few programs compile, and every one imports

        self._native = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        start = self.workspace.buffer_info()[0]
        shift = -start % 64 // 8  # a vector across two cache lines takes twice the time
        self._at = start + 8 * shift
        self.workspace[shift : shift + len(workspace)] = workspace

    def __call__(self, n: int, stride: int, *buffers: array[float]) -> None:
        """Run it."""
        self.bound(n, stride, *buffers)()

    def bound(self, n: int, stride: int, *buffers: array[float]) -> Callable[[], None]:
        """The same with what it is given fixed once and for all: while it is used, keep the buffers, and this."""
        import ctypes

        fields = (ctypes.c_int64 * 7)(n, stride, *(b.buffer_info()[0] for b in buffers), self._at)
        at = ctypes.cast(fields, ctypes.c_void_p)  # which keeps them
        return partial(self._native, at)


_FIELDS = ("i64 %n", "i64 %stride", "ptr %shared", "ptr %samples", "ptr %out", "ptr %samples_out", "ptr %w")
_ENTRY = "\n".join(
    [
        "define void @from_fields(ptr %fields) {",
        *(
            f"  %at{k} = getelementptr i64, ptr %fields, i64 {k}\n  {name} = load {kind}, ptr %at{k}"
            for k, (kind, name) in enumerate(map(str.split, _FIELDS))
        ),
        f"  call void @run({', '.join(_FIELDS)})",
        "  ret void",
        "}",
    ]
)
"""Calls ``run`` with arguments that stand in memory: handing over one pointer is a microsecond faster than seven."""


@lru_cache(maxsize=64)
def _machine_code(text: str, swift: bool) -> tuple[Any, int]:
    """Compile LLVM text and the entry to it; the engine has to be kept as long as the address of that is used.

    The same text is compiled once: two models of one architecture have one.
    """
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise ImportError("the llvm backend needs llvmlite: pip install llvmlite; or take backend='python'") from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(f"{text}\n{_ENTRY}")
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=int(not swift)
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine, engine.get_function_address("from_fields")
