"""The backend that needs nothing: a program as the source of a plain Python function."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from autodiff.operation import OPERATIONS
from autodiff.program import CONSTANT, INPUT, PRIMITIVES, SUM_OF_PRODUCTS, Program, Run, formula
from autodiff.replay.backends.program_lines import ProgramLines
from autodiff.replay.forms import Number

# What needs no call, which costs more than the operation. Only at b = 0 does Python's own division raise.
_INFIX = {name: PRIMITIVES[name].numpy for name in ("add", "sub", "mul", "neg")}


def compile_program(program: Program) -> Run:
    """Compile a program to a function; see `Run`."""
    return cast(Run, _made(program, _loop(program)))


def compile_scalar(program: Program, form: Any = None) -> Callable[..., Any]:
    """Compile a program without samples to a function of its inputs that returns its outputs.

    `form` is that of the result, of tuples, lists and dicts (`autodiff.replay.forms`); the function then returns None
    if it is given anything but floats. By default the result is a flat tuple.
    """
    return _made(program, _scalar(program, form))


def _made(program: Program, text: str) -> Callable[..., Any]:
    """The function ``run`` of a text, which may call the float functions of the program."""
    names = {program.tape.code[s].name for s in program.live} - {INPUT, CONSTANT, SUM_OF_PRODUCTS, *_INFIX}
    space: dict[str, Any] = {f"f_{name}": OPERATIONS[name].value for name in names}
    space |= {"inf": math.inf, "nan": math.nan}
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


def _scalar(program: Program, form: Any = None) -> str:
    lines = ProgramLines(program, repr, _expression)
    arguments = [f"v{s}" for s in program.inputs]
    results = [lines.read(o.slot) for o in program.outputs]
    body = lines.steps(lane=False)
    if form is None:
        body.append(f"return ({''.join(f'{r}, ' for r in results)})")
    else:
        body = [_only_floats(arguments), *body, f"return {_structure(form, iter(results))}"]
    return f"def run({', '.join(arguments)}):\n" + textwrap.indent("\n".join(body), "    ")


def _loop(program: Program) -> str:
    before, within, after = ProgramLines(program, repr, _expression).loop()
    loop = ["for s in range(n):", *(f"    {line}" for line in within)] if within else []
    text = "\n".join([*before, *loop, *after]) or "pass"
    return "def run(n, stride, shared, samples, shared_out, samples_out):\n" + textwrap.indent(text, "    ")


def through_buffers(inputs: int, outputs: int, form: Any) -> str:
    """The source of a function ``direct`` that does the same by ``run``, with its numbers in buffers."""
    arguments = [f"v{k}" for k in range(inputs)]
    lines = [_only_floats(arguments), "with lock:"]
    lines += [f"    shared[{k}] = {a}" for k, a in enumerate(arguments)]
    lines += ["    run(0, 0)", f"    return {_structure(form, (f'out[{k}]' for k in range(outputs)))}"]
    return f"def direct({', '.join(arguments)}):\n" + textwrap.indent("\n".join(lines), "    ")


def _only_floats(arguments: list[str]) -> str:
    tests = " is ".join([*(f"type({a})" for a in arguments), "float"])
    return f"if not ({tests}): return None" if arguments else "pass"


def _structure(form: Any, results: Iterator[str]) -> str:
    """The text of a structure with results in the places for numbers."""
    if isinstance(form, Number):
        return next(results)
    if isinstance(form, dict):
        return "{" + ", ".join(f"{key!r}: {_structure(part, results)}" for key, part in form.items()) + "}"
    parts = "".join(f"{_structure(part, results)}, " for part in form)
    return f"[{parts}]" if isinstance(form, list) else f"({parts})"
