"""A program as C source that stands by itself: it compiles with any C99 compiler and needs only the math library."""

from __future__ import annotations

import math
import re

from autodiff.program import PRIMITIVES, Program
from autodiff.replay.backends import angles
from autodiff.replay.backends.program_lines import ProgramLines

_HEAD = """\
/* A recorded computation. Generated; compile with: cc -O2 -ffp-contract=off -c this.c, and link with -lm.

   n            how many samples there are
   stride       how far apart the rows of samples and samples_out are
   shared       inputs that all samples share
   samples      inputs of each sample, one row an input
   shared_out   results that are one number (or summed over the samples)
   samples_out  results of each sample, one row a result */
#include <math.h>
"""
_HELPERS = {
    "mantissa": "static double mantissa(double x) { int e; return frexp(x, &e); }",
    "exponent": "static double exponent(double x) { int e = 0; return isfinite(x) ? (frexp(x, &e), (double)e) : 0.0; }",
    "scaled": "static double scaled(double m, double e) { return ldexp(m, (int)fmax(fmin(e, 2900.0), -2900.0)); }",
}
_GIVEN = "long n, long stride, const double *shared, const double *samples, double *shared_out, double *samples_out"


def source(program: Program) -> str:
    """The program as a C function ``run``. A compiler has nothing to warn of: nothing in it is not used."""
    lines = ProgramLines(program.lowered(), _literal, lambda name, operands: PRIMITIVES[name].c.format(*operands))
    before, within, after = map(_statements, lines.loop())
    loop = ["for (long s = 0; s < n; s++) {", *(f"  {line}" for line in within), "}"] if within else []
    body = [*before, *loop, *after]
    used = set(re.findall(r"[A-Za-z_]\w*", "\n".join(body)))
    unused = [f"(void){name};" for name in re.findall(r"\w+$|\w+(?=,)", _GIVEN) if name not in used]
    helpers = [f"{text}\n" for name, text in _HELPERS.items() if name in used] + [angles.in_c()] * ("angle" in used)
    inside = "".join(f"  {line}\n" for line in [*unused, *body])
    return f"{_HEAD}\n{''.join(helpers)}\nvoid run({_GIVEN}) {{\n{inside}}}\n"


def _literal(x: float) -> str:
    if x != x:
        return "NAN"
    size = repr(abs(x)) if math.isfinite(x) else "INFINITY"
    return size if math.copysign(1.0, x) > 0.0 else f"(-{size})"  # in brackets: two signs in a row are a decrement


def _statements(lines: list[str]) -> list[str]:
    """Lines as C has them: what is assigned for the first time is declared. Truth values are doubles as well."""
    return [re.sub(r"^((?:v|sum)[\d_]+ = )", r"double \1", f"{line};") for line in lines]
