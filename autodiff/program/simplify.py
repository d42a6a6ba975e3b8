"""Identities that a tape uses: an application of an operation that has the same result as something simpler.

They are exact for every float, so that nan, infinities and the sign of zero stay what they are; but powers that are
written as products or as an inverse are within 1.5 ulp only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from autodiff import ops

if TYPE_CHECKING:
    from autodiff.program.tape import Tape

__all__ = ["IDENTITIES"]


def _is(tape: Tape, slot: int, x: float) -> bool:
    c = tape.constants.get(slot)
    return c is not None and c == x and math.copysign(1.0, c) == math.copysign(1.0, x)


def _add(tape: Tape, a: int, b: int) -> int | None:
    if _is(tape, a, -0.0) or _is(tape, b, -0.0):  # x + 0.0 turns -0.0 into 0.0
        return b if _is(tape, a, -0.0) else a
    for x, y in ((a, b), (b, a)):
        if tape.code[y].name == "neg":
            return tape.apply(ops.sub, (x, *tape.code[y].operands))
    return None


def _sub(tape: Tape, a: int, b: int) -> int | None:
    if _is(tape, b, 0.0):
        return a
    name, operands = tape.code[b]
    return tape.apply(ops.add, (a, *operands)) if name == "neg" else None


def _mul(tape: Tape, a: int, b: int) -> int | None:
    for x, c in ((a, b), (b, a)):
        if _is(tape, c, 1.0):
            return x
        if _is(tape, c, -1.0):
            return tape.apply(ops.neg, (x,))
    return None


def _div(tape: Tape, a: int, b: int) -> int | None:
    c = tape.constants.get(b)
    if c is not None and math.isfinite(c) and abs(math.frexp(c)[0]) == 0.5 and 2.0**-1000 < abs(c) < 2.0**1000:
        return tape.apply(ops.mul, (a, tape.constant(1.0 / c)))  # the inverse of a power of two is exact
    return None


def _neg(tape: Tape, a: int) -> int | None:
    name, operands = tape.code[a]
    return operands[0] if name == "neg" else None


def _pow(tape: Tape, a: int, b: int) -> int | None:
    n = tape.constants.get(b)
    if n == 0.0:
        return tape.constant(1.0)
    if n == 1.0:
        return a
    if n == -1.0:
        return tape.apply(ops.div, (tape.constant(1.0), a))
    if n in (2.0, 3.0, 4.0):  # within 1.5 ulp, for bases of either sign
        square = tape.apply(ops.mul, (a, a))
        return square if n == 2.0 else tape.apply(ops.mul, (square, a if n == 3.0 else square))
    return None


def _where(tape: Tape, condition: int, a: int, b: int) -> int | None:
    c = tape.constants.get(condition)
    if c is None:
        return None
    return tape.constant(math.nan) if c != c else a if c else b


IDENTITIES: dict[str, Callable[..., int | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "pow": _pow,
    "where": _where,
}
"""By the operation: from a tape and the operands to the slot of the result, or None if nothing is simpler."""
