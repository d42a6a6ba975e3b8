"""The backend that needs nothing: a program as the source of a plain Python function."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from autodiff.derivatives.structures import fill
from autodiff.operation import OPERATIONS
from autodiff.program import CONSTANT, INPUT, PRIMITIVES, SUM_OF_PRODUCTS, Program, Run, formula
from autodiff.replay.backends.program_lines import ProgramLines, Text

# What needs no call, which costs more than the operation. Only at b = 0 does Python's own division raise.
_INFIX = {name: PRIMITIVES[name].numpy for name in ("add", "sub", "mul", "neg")}


def compile_program(program: Program) -> Run:
    """Compile a program to a function; see `Run`."""
    before, within, after = ProgramLines(program, repr, _expression).loop()
    loop = ["for s in range(n):", *(f"    {line}" for line in within)] if within else []
    body = [*before, *loop, *after] or ["pass"]
    return cast(Run, _made(program, "n, stride, shared, samples, shared_out, samples_out", body))


def compile_scalar(program: Program, form: Any = None) -> Callable[..., Any]:
    """Compile a program without samples to a function of its inputs that returns its outputs.

    `form` is that of the result, of tuples, lists and dicts; the function then returns None if it is given anything but
    floats. By default the result is a flat tuple.
    """
    lines = ProgramLines(program, repr, _expression)
    arguments = [f"v{s}" for s in program.inputs]
    results = [lines.read(o.slot) for o in program.outputs]
    body = lines.steps(lane=False)
    if form is None:
        body.append(f"return ({''.join(f'{r}, ' for r in results)})")
    else:
        checks = " and ".join(["True", *(f"type({a}) is float" for a in arguments)])
        body = [f"if not ({checks}): return None", *body, f"return {written(form, iter(results))}"]
    return _made(program, ", ".join(arguments), body)


def _made(program: Program, arguments: str, body: Sequence[str]) -> Callable[..., Any]:
    """A function of such arguments and lines, which may call the float functions of the program."""
    names = {program.tape.code[s].name for s in program.live} - {INPUT, CONSTANT, SUM_OF_PRODUCTS, *_INFIX}
    space: dict[str, Any] = {f"f_{name}": OPERATIONS[name].value for name in names}
    space |= {"inf": math.inf, "nan": math.nan}
    text = f"def run({arguments}):\n" + textwrap.indent("\n".join(body), "    ")
    exec(compile(text, "<replayed program>", "exec"), space)
    return cast("Callable[..., Any]", space["run"])


def _expression(name: str, operands: Sequence[str]) -> str:
    if name in _INFIX:
        return _INFIX[name].format(*operands)
    op = OPERATIONS[name]
    text = formula(op.value)
    if text is not None:
        return text.format(*operands)
    given = [x if isinstance(x, str) else f"[{', '.join(x)}]" for x in op.grouped(operands)]
    call = f"f_{name}({', '.join(given)})"
    return f"{operands[0]} / {operands[1]} if {operands[1]} else {call}" if name == "div" else call


def written(form: Any, results: Iterator[str]) -> str:
    """The text of a structure with results in the places of its leaves."""
    return repr(fill(form, map(Text, results)))
