"""The backend for batches without LLVM: a program as NumPy calls, each on all samples at once."""

from __future__ import annotations

import math
import textwrap
from array import array
from typing import Any

from autodiff.program import PRIMITIVES, Program, Run
from autodiff.replay.backends import angles
from autodiff.replay.backends.program_lines import ProgramLines


def compile_program(program: Program) -> Run:
    """Compile a program to a function, see `Run`; an ImportError without NumPy."""
    try:
        import numpy
    except ImportError:
        raise ImportError("the numpy backend needs NumPy: pip install numpy; or take backend='python'") from None
    program = program.lowered()
    space: dict[str, Any] = {
        **vars(numpy),
        **{name: numpy.vectorize(getattr(math, name), otypes=[float]) for name in ("erf", "erfc")},
        **{name: _angle(numpy, name) for name in angles.ANGLES},
        "total": lambda n, x: x.sum() if numpy.ndim(x) else n * x,
    }
    exec(compile(_text(program), "<replayed program>", "exec"), space)
    body, counts = space["body"], (len(program.sample_inputs), len(program.sample_outputs))

    def run(n: int, stride: int, *buffers: array[float]) -> None:
        shared, samples, shared_out, samples_out = buffers
        rows, results = (
            numpy.frombuffer(b, count=k * stride).reshape(k, stride)[:, :n]
            for b, k in zip((samples, samples_out), counts)
        )
        with numpy.errstate(all="ignore"):
            body(n, numpy.frombuffer(shared), rows, shared_out, results)

    return run


def _angle(numpy: Any, name: str) -> Any:
    """NumPy's own, which is wrong next to 0 for huge angles; so these are computed one by one."""
    usual, each = getattr(numpy, name), numpy.vectorize(PRIMITIVES[name].python, otypes=[float])
    huge = angles.HUGE  # squares are added up faster than compared, and those of none are that large
    return lambda x: usual(x) if numpy.dot(x, x) < huge**2 else numpy.piecewise(x, [abs(x) >= huge], [each, usual])


def _text(program: Program) -> str:
    constants = program.tape.constants
    lines = ProgramLines(
        program,
        repr,
        lambda name, operands: PRIMITIVES[name].numpy.format(*operands),
        {s: f"c{s}" for s in constants},  # as NumPy's numbers: division by zero does not raise
    )
    body = [f"v{s} = shared[{k}]" for k, s in enumerate(program.shared_inputs)]
    body += [f"v{s} = samples[{k}]" for k, s in enumerate(program.sample_inputs)]
    body += [*lines.steps(lane=False), *lines.steps(lane=True)]
    for k, output in enumerate(program.shared_outputs):
        x = lines.read(output.slot)
        body.append(f"shared_out[{k}] = {x if output.kind == 'one' else f'total(n, {x})'}")
    body += [f"samples_out[{k}] = {lines.read(o.slot)}" for k, o in enumerate(program.sample_outputs)]
    head = "\n".join(f"c{s} = float64('{x!r}')" for s, x in constants.items())
    text = textwrap.indent("\n".join(body or ["pass"]), "    ")
    return f"{head}\ndef body(n, shared, samples, shared_out, samples_out):\n{text}"
