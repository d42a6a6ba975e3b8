"""The backend that needs nothing: a program as the source of a plain Python function."""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, cast

from autodiff import numerics
from autodiff.derivatives.structures import fill
from autodiff.operation import OPERATIONS, Nary
from autodiff.program.program import Program, Run
from autodiff.program.sources import Module, definition
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS

__all__ = ["compile_program", "compile_scalar", "source", "term"]

# What needs no call, which costs more than the operation. Only at b = 0 does Python's own division raise.
_INFIX = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}"}


def compile_program(program: Program) -> Run:
    """Compile a program to a function; see `Run`."""
    space: dict[str, Any] = _functions(program)
    exec(compile(_loop(program), "<replayed program>", "exec"), space)
    return cast(Run, space["run"])


def compile_scalar(program: Program, form: Any = None) -> Callable[..., Any]:
    """Compile a program without samples to a function of its inputs that returns its outputs.

    Parameters
    ----------
    program : Program
        The program.
    form : structure, optional
        That of the result, of tuples, lists and dicts (`derivatives.structures`); the function then returns None if it
        is given anything but floats. By default the result is a flat tuple.

    Returns
    -------
    callable
        The function.
    """
    space: dict[str, Any] = _functions(program)
    exec(compile(_scalar(program, form), "<replayed program>", "exec"), space)
    return cast("Callable[..., Any]", space["run"])


def source(program: Program) -> str:
    """A Python module of its own, with the functions that the program calls.

    Raises
    ------
    GraphError
        If a function's source is not to be had.
    """
    module = Module()
    aliases = []
    for name, function in _functions(program).items():
        if callable(function):
            inner = inspect.unwrap(function)  # what `define` makes a float of
            text = module.add(inner)
            aliases.append(f"{name} = {text if inner is function else f'lambda *x: float({text}(*x))'}")
    parts = [
        '"""A recorded computation as plain Python. Generated."""',
        "import math\nimport operator\n\ninf = math.inf\nnan = math.nan",
        *module.texts,
        "\n".join(aliases),
        _scalar(program) if not program.sample_inputs else _loop(program),
    ]
    return "\n\n\n".join(filter(None, parts)) + "\n"


def _functions(program: Program) -> dict[str, Any]:
    """The float functions that the program calls, by the names that its source has for them."""
    names = {program.tape.code[s].name for s in program.live} - {INPUT, CONSTANT, SUM_OF_PRODUCTS, *_INFIX}
    functions = {name: OPERATIONS[name].value for name in sorted(names)}
    return {f"f_{name}": function for name, function in functions.items() if _formula(function) is None} | {
        "inf": math.inf,
        "nan": math.nan,
    }


def _literal(x: float) -> str:
    return repr(x) if x == x and abs(x) != math.inf else f"({'-' if x < 0 else ''}{'inf' if x == x else 'nan'})"


def _lines(program: Program, steps: Iterable[int]) -> list[str]:
    """An assignment for each slot."""
    tape = program.tape

    def at(slot: int) -> str:
        return f"({_literal(tape.constants[slot])})" if slot in tape.constants else f"v{slot}"

    lines = []
    for slot in steps:
        name, operands = tape.code[slot]
        read = [at(p) for p in operands]
        if name in _INFIX:
            text = _INFIX[name].format(*read)
        elif name == SUM_OF_PRODUCTS:
            pairs = zip(operands[::2], operands[1::2])
            text = " + ".join([term(tape.constants.get(a), tape.constants.get(b), at(a), at(b)) for a, b in pairs])
        else:
            op = OPERATIONS[name]
            if isinstance(op, Nary):
                size = len(read) // op.groups
                read = [f"[{', '.join(read[k * size : (k + 1) * size])}]" for k in range(op.groups)]
            text = f"f_{name}({', '.join(read)})"
            formula = _formula(op.value)
            if formula is not None:
                text = formula.format(*read)
            elif name == "div":
                text = f"{read[0]} / {read[1]} if {read[1]} else {text}"
        lines.append(f"v{slot} = {text}")
    return lines


@cache
def _formula(function: Callable[..., Any]) -> str | None:
    """A function of `autodiff.numerics` that is one expression of its arguments, as a format for these; else None."""
    if function.__module__ != numerics.__name__:
        return None
    tree = definition(function)
    last = tree.body[-1] if isinstance(tree, ast.FunctionDef) else None
    if not isinstance(last, ast.Return) or last.value is None or len(cast(ast.FunctionDef, tree).body) > 2:
        return None
    places = {a.arg: f"{{{k}}}" for k, a in enumerate(tree.args.args)}
    for node in ast.walk(last.value):
        if isinstance(node, ast.Name) and node.id not in {*places, "inf", "nan"}:
            return None
        if not isinstance(node, _SIMPLE) or (
            isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Add, ast.Sub))
        ):
            return None
    text = ast.unparse(last.value)
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: places.get(m[0], m[0]), text)


_SIMPLE: tuple[type[ast.AST], ...] = (
    ast.IfExp,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.BinOp,
    ast.Name,
    ast.Constant,
)
_SIMPLE += (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)


def term(x: float | None, y: float | None, a: str, b: str) -> str:
    """The text of a term of a sum of products; a factor of 1 or -1 is not written."""
    for c, other in ((x, b), (y, a)):
        if c == 1.0 or c == -1.0:
            return other if c == 1.0 else f"-{other}"
    return f"{a} * {b}"


def _result(program: Program, slot: int) -> str:
    constants = program.tape.constants
    return _literal(constants[slot]) if slot in constants else f"v{slot}"


def _scalar(program: Program, form: Any = None) -> str:
    arguments = [f"v{s}" for s in program.inputs]
    results = [_result(program, o.slot) for o in program.outputs]
    lines = _lines(program, program.steps(lane=False))
    if form is None:
        lines.append(f"return ({''.join(f'{r}, ' for r in results)})")
    else:
        checks = " and ".join(["True", *(f"type({a}) is float" for a in arguments)])
        lines = [f"if not ({checks}): return None", *lines, f"return {written(form, iter(results))}"]
    return f"def run({', '.join(arguments)}):\n" + textwrap.indent("\n".join(lines), "    ")


def written(form: Any, results: Iterator[str]) -> str:
    """The text of a structure with results in the places of its leaves."""
    return repr(fill(form, map(_Text, results)))


class _Text(str):
    """A text that is written as it is, without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _loop(program: Program) -> str:
    head = [f"v{s} = shared[{k}]" for k, s in enumerate(program.shared_inputs)]
    head += _lines(program, program.steps(lane=False))
    sums = [(k, o.slot) for k, o in enumerate(program.shared_outputs) if o.kind == "sum"]
    head += [f"sum{k} = 0.0" for k, _ in sums]
    body = [f"v{s} = samples[{k} * stride + s]" for k, s in enumerate(program.sample_inputs)]
    body += _lines(program, program.steps(lane=True))
    body += [f"sum{k} += {_result(program, slot)}" for k, slot in sums]
    body += [
        f"samples_out[{k} * stride + s] = {_result(program, o.slot)}" for k, o in enumerate(program.sample_outputs)
    ]
    tail = [
        f"shared_out[{k}] = {f'sum{k}' if o.kind == 'sum' else _result(program, o.slot)}"
        for k, o in enumerate(program.shared_outputs)
    ]
    loop = ["for s in range(n):", *(f"    {line}" for line in body)] if body else []
    text = "\n".join([*head, *loop, *tail]) or "pass"
    return "def run(n, stride, shared, samples, shared_out, samples_out):\n" + textwrap.indent(text, "    ")
