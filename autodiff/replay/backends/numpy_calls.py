"""The backend for batches without LLVM: a program as NumPy calls, each on all samples at once."""

from __future__ import annotations

import math
import textwrap
from array import array
from collections.abc import Callable
from typing import Any

from autodiff.program.primitives import COMPARISONS, LIBRARY
from autodiff.program.program import Program, Run
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS

__all__ = ["compile_program"]


def compile_program(program: Program) -> Run:
    """Compile a program to a function; see `Run`.

    Raises
    ------
    ImportError
        If NumPy is missing.
    NotLowerable
        If an operation has no counterpart in machine arithmetic.
    """
    try:
        import numpy
    except ImportError:
        raise ImportError("the numpy backend needs NumPy: pip install numpy; or take backend='python'") from None
    program = program.lowered()
    space: dict[str, Any] = _functions(numpy)
    exec(compile(_text(program), "<replayed program>", "exec"), space)
    body, counts = space["body"], (len(program.sample_inputs), len(program.sample_outputs))

    def run(
        n: int,
        stride: int,
        shared: array[float],
        samples: array[float],
        shared_out: array[float],
        samples_out: array[float],
    ) -> None:
        rows, results = (
            numpy.frombuffer(b, count=k * stride).reshape(k, stride)[:, :n]
            for b, k in zip((samples, samples_out), counts)
        )
        with numpy.errstate(all="ignore"):
            body(n, numpy.frombuffer(shared), rows, shared_out, results)

    return run


def _text(program: Program) -> str:
    code, constants = program.tape.code, program.tape.constants

    def at(slot: int) -> str:
        return f"c{slot}" if slot in constants else f"v{slot}"

    lines = [f"v{s} = shared[{k}]" for k, s in enumerate(program.shared_inputs)]
    lines += [f"v{s} = samples[{k}]" for k, s in enumerate(program.sample_inputs)]
    for slot in program.live:
        name, operands = code[slot]
        read = [at(p) for p in operands]
        if name == SUM_OF_PRODUCTS:
            lines.append(
                f"v{slot} = " + " + ".join(_product(program, a, b) for a, b in zip(operands[::2], operands[1::2]))
            )
        elif name in _INFIX:
            lines.append(f"v{slot} = " + _INFIX[name].format(*read))
        elif name not in (INPUT, CONSTANT):
            lines.append(f"v{slot} = {name}_({', '.join(read)})")
    for k, output in enumerate(program.shared_outputs):
        x = at(output.slot)
        lines.append(f"shared_out[{k}] = " + (x if output.kind == "one" else f"total(n, {x})"))
    lines += [f"samples_out[{k}] = {at(o.slot)}" for k, o in enumerate(program.sample_outputs)]
    head = "\n".join(f"c{s} = number({_literal(x)})" for s, x in constants.items())
    return f"{head}\ndef body(n, shared, samples, shared_out, samples_out):\n" + textwrap.indent(
        "\n".join(lines), "    "
    )


def _product(program: Program, a: int, b: int) -> str:
    constants = program.tape.constants
    for x, y in ((a, b), (b, a)):
        if constants.get(x) == 1.0:
            return f"c{y}" if y in constants else f"v{y}"
    return " * ".join(f"c{p}" if p in constants else f"v{p}" for p in (a, b))


def _literal(x: float) -> str:
    return f"float('{x!r}')"


_INFIX = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}"}
_INFIX |= {"and": "{} & {}", "or": "{} | {}", "not": "~{}"}
_INFIX |= {name: f"{{}} {sign} {{}}" for name, sign in zip(COMPARISONS, ("<", "<=", ">", ">=", "==", "!="))}
_OTHER_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
_OTHER_NAMES |= {"pow": "float_power"}  # `power` takes a root for an exponent of 0.5: -0.0 and -inf come out wrong
_OTHER_NAMES |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "fabs": "abs", "select": "where"}


def _functions(numpy: Any) -> dict[str, Any]:
    """What the text of a program may call, by name."""

    def one_by_one(function: Callable[..., float]) -> Callable[..., Any]:
        elementwise = numpy.frompyfunc(function, 1, 1)
        return lambda x: numpy.asarray(elementwise(x), dtype=float)

    found: dict[str, Any] = {f"{name}_": one_by_one(getattr(math, name)) for name in ("erf", "erfc")}
    for name in (*LIBRARY, "fabs", "sqrt", "floor", "copysign", "select"):
        if f"{name}_" not in found:
            found[f"{name}_"] = getattr(numpy, _OTHER_NAMES.get(name, name))
    found["mantissa_"] = lambda x: numpy.frexp(x)[0]
    found["exponent_"] = lambda x: numpy.frexp(x)[1].astype(float)
    found["ldexp_"] = lambda m, e: numpy.ldexp(m, numpy.clip(e, -2900.0, 2900.0).astype(int))
    found["total"] = lambda n, x: x.sum() if numpy.ndim(x) else n * x
    found["number"] = numpy.float64
    return found
