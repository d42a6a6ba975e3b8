"""A program as C source that stands by itself: it compiles with any C99 compiler and needs only the math library."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autodiff.program.primitives import COMPARISONS, LIBRARY
from autodiff.program.program import Program
from autodiff.program.tape import SUM_OF_PRODUCTS
from autodiff.replay.backends.python import term

__all__ = ["source"]

_HEAD = """\
/* A recorded computation. Generated; compile with: cc -O2 -ffp-contract=off -c this.c, and link with -lm.

   n            how many samples there are
   stride       how far apart the rows of samples and samples_out are
   shared       inputs that all samples share
   samples      inputs of each sample, one row an input
   shared_out   results that are one number (or summed over the samples)
   samples_out  results of each sample, one row a result */
#include <math.h>

static double mantissa(double x) { int e; return frexp(x, &e); }
static double exponent(double x) { int e = 0; return isfinite(x) ? (frexp(x, &e), (double)e) : 0.0; }
static double scaled(double m, double e) { return ldexp(m, (int)fmax(fmin(e, 2900.0), -2900.0)); }
"""


def source(program: Program) -> str:
    """The program as a C function ``run``.

    Raises
    ------
    NotLowerable
        If an operation has no counterpart in machine arithmetic.
    """
    program = program.lowered()
    arguments = (
        "long n, long stride, const double *shared, const double *samples, double *shared_out, double *samples_out"
    )
    sums = [(k, o.slot) for k, o in enumerate(program.shared_outputs) if o.kind == "sum"]
    lines = [f"const double v{s} = shared[{k}];" for k, s in enumerate(program.shared_inputs)]
    lines += _lines(program, program.steps(lane=False))
    lines += [f"double sum{k} = 0.0;" for k, _ in sums]
    lines.append("for (long s = 0; s < n; s++) {")
    lines += [f"  const double v{s} = samples[{k} * stride + s];" for k, s in enumerate(program.sample_inputs)]
    lines += [f"  {line}" for line in _lines(program, program.steps(lane=True))]
    lines += [f"  sum{k} += {_read(program, slot)};" for k, slot in sums]
    lines += [
        f"  samples_out[{k} * stride + s] = {_read(program, o.slot)};" for k, o in enumerate(program.sample_outputs)
    ]
    lines.append("}")
    for k, o in enumerate(program.shared_outputs):
        lines.append(f"shared_out[{k}] = {_read(program, o.slot) if o.kind == 'one' else f'sum{k}'};")
    body = "\n".join(f"  {line}" for line in lines)
    return f"{_HEAD}\nvoid run({arguments}) {{\n{body}\n}}\n"


def _read(program: Program, slot: int) -> str:
    x = program.tape.constants.get(slot)
    if x is None:
        return f"v{slot}"
    if x != x:
        return "NAN"
    size = repr(abs(x)) if math.isfinite(x) else "INFINITY"
    return size if math.copysign(1.0, x) > 0.0 else f"(-{size})"  # in brackets: two signs in a row are a decrement


def _lines(program: Program, steps: Iterable[int]) -> list[str]:
    lines = []
    for slot in steps:
        name, operands = program.tape.code[slot]
        read = [_read(program, p) for p in operands]
        if name == SUM_OF_PRODUCTS:
            known = [program.tape.constants.get(p) for p in operands]
            text = " + ".join(map(term, known[::2], known[1::2], read[::2], read[1::2]))
        elif name in _FORMS:
            text = _FORMS[name].format(*read)
        else:
            text = f"{_NAMES.get(name, name)}({', '.join(read)})"
        kind = "int" if name in (*COMPARISONS, "and", "or", "not") else "double"
        lines.append(f"const {kind} v{slot} = {text};")
    return lines


_FORMS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-({})"}
_FORMS |= {"and": "{} && {}", "or": "{} || {}", "not": "!{}", "select": "{} ? {} : {}"}
_FORMS |= {name: f"{{}} {sign} {{}}" for name, sign in zip(COMPARISONS, ("<", "<=", ">", ">=", "==", "!="))}
_NAMES = {name: name for name in LIBRARY} | {"ldexp": "scaled"}
