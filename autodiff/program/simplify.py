"""Simplification: a tape that folds constants, and knows operations that give the same as something simpler.

These identities are exact for every float, so that nan, infinities and the sign of zero stay what they are; but powers
that are written as products or as an inverse are within 1.5 ulp only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from autodiff import ops
from autodiff.operation import Op
from autodiff.program.tape import SUM_OF_PRODUCTS, Tape


class SimplifyingTape(Tape):
    """A tape of operations that are simplified as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.counts |= {"asked": 0, "folded": 0, "identities": 0}

    def apply(self, op: Op, operands: Sequence[int]) -> int:
        """The slot that has the result of an operation: folded, simplified, shared, or new."""
        self.counts["asked"] += 1
        constants = self.constants
        if operands and all(map(constants.__contains__, operands)):
            self.counts["folded"] += 1
            return self.constant(op.value(*op.grouped([constants[p] for p in operands])))
        same = _IDENTITIES[op.name](self, *operands) if op.name in _IDENTITIES else None
        if same is not None:
            self.counts["identities"] += 1
            return same
        return self.write(op.name, operands)

    def sum_of_products(self, pairs: Sequence[tuple[int, int]]) -> int:
        """The slot of a sum of products, a single product, or a single number."""
        if len(pairs) == 1:
            return self.apply(ops.mul, pairs[0])
        return self.write(SUM_OF_PRODUCTS, [p for pair in pairs for p in pair])


# -- The identities: each gives the slot of the result, or None if nothing is simpler --------------------------------


def _is(tape: Tape, slot: int, x: float) -> bool:
    c = tape.constants.get(slot)
    return c is not None and c == x and math.copysign(1.0, c) == math.copysign(1.0, x)


def _add(tape: SimplifyingTape, a: int, b: int) -> int | None:
    if _is(tape, a, -0.0) or _is(tape, b, -0.0):  # x + 0.0 turns -0.0 into 0.0
        return b if _is(tape, a, -0.0) else a
    for x, y in ((a, b), (b, a)):
        if tape.code[y].name == "neg":
            return tape.apply(ops.sub, (x, *tape.code[y].operands))
    return None


def _sub(tape: SimplifyingTape, a: int, b: int) -> int | None:
    if _is(tape, b, 0.0):
        return a
    name, operands = tape.code[b]
    return tape.apply(ops.add, (a, *operands)) if name == "neg" else None


def _mul(tape: SimplifyingTape, a: int, b: int) -> int | None:
    for x, c in ((a, b), (b, a)):
        if _is(tape, c, 1.0):
            return x
        if _is(tape, c, -1.0):
            return tape.apply(ops.neg, (x,))
    return None


def _div(tape: SimplifyingTape, a: int, b: int) -> int | None:
    c = tape.constants.get(b)
    if c is not None and math.isfinite(c) and abs(math.frexp(c)[0]) == 0.5 and 2.0**-1000 < abs(c) < 2.0**1000:
        return tape.apply(ops.mul, (a, tape.constant(1.0 / c)))  # the inverse of a power of two is exact
    return None


def _neg(tape: SimplifyingTape, a: int) -> int | None:
    name, operands = tape.code[a]
    return operands[0] if name == "neg" else None


def _pow(tape: SimplifyingTape, a: int, b: int) -> int | None:
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


def _where(tape: SimplifyingTape, condition: int, a: int, b: int) -> int | None:
    c = tape.constants.get(condition)
    if c is None:
        return None
    return tape.constant(math.nan) if c != c else a if c else b


_IDENTITIES: dict[str, Callable[..., int | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "pow": _pow,
    "where": _where,
}
