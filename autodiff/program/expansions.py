"""Float functions that are not translated from their source: how each is written in primitives.

Those of `math` have no source, and those of sequences have loops. Each expansion takes the `Writer`, and the operands:
slots, or numbers that are known already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any, Protocol

from autodiff import numerics
from autodiff.operation import Op
from autodiff.ops import special
from autodiff.program.primitives import NotLowerable, Slot
from autodiff.program.tape import SUM_OF_PRODUCTS, Tape

__all__ = ["BUILTIN", "SEQUENCES", "Writer"]


class Writer(Protocol):
    """What an expansion asks of the translator."""

    out: Tape
    op: Op

    def emit(self, name: str, *operands: Any) -> Any:
        """A primitive; what is known already is computed now."""

    def select(self, condition: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        """One of two, by a condition."""

    def together(self, name: str, tests: Iterable[Any]) -> Any:
        """All of some tests ("and"), or any ("or")."""

    def call(self, function: Any, arguments: list[Any]) -> Any:
        """What a float function computes."""


def _frexp(t: Writer, x: Any) -> Any:
    return t.emit("mantissa", x), t.emit("exponent", x)


def _isfinite(t: Writer, x: Any) -> Any:
    return t.emit("lt", t.emit("fabs", x), math.inf)


def _isinf(t: Writer, x: Any) -> Any:
    return t.emit("eq", t.emit("fabs", x), math.inf)


def _extreme(test: str) -> Callable[..., Any]:
    def of(t: Writer, *xs: Any) -> Any:
        if len(xs) < 2:
            raise NotLowerable(f"{t.op.name} takes the least or largest of a sequence")
        return reduce(lambda a, b: t.select(t.emit(test, b, a), lambda: b, lambda: a), xs)

    return of


BUILTIN: dict[Any, Callable[..., Any]] = {
    math.frexp: _frexp,
    math.isfinite: _isfinite,
    math.isinf: _isinf,
    math.isnan: lambda t, x: t.emit("ne", x, x),
    min: _extreme("lt"),
    max: _extreme("gt"),
    float: lambda t, x: x,
    len: lambda t, xs: len(xs),
}


def _sum(t: Writer, xs: list[Any]) -> Any:
    return _dot(t, xs, [1.0] * len(xs))


def _dot(t: Writer, xs: list[Any], ys: list[Any]) -> Any:
    if not xs:
        return 0.0
    return t.emit(SUM_OF_PRODUCTS, 0.0, 1.0, *[z for pair in zip(xs, ys) for z in pair])  # a sum of -0.0 alone is 0.0


def _mean(t: Writer, xs: list[Any]) -> Any:
    if not xs:
        return math.nan
    whole, count = _sum(t, xs), float(len(xs))
    parts = [t.emit("div", x, count) for x in xs]  # the sum alone may overflow
    return t.select(_isfinite(t, whole), lambda: t.emit("div", whole, count), lambda: _sum(t, parts))


def _peak(t: Writer, xs: list[Any]) -> Any:
    top: Any = -math.inf
    for x in xs:
        top = x if top == -math.inf and not isinstance(top, Slot) else t.call(numerics.maximum, [top, x])
    return top


def _itself(x: Any) -> Any:
    return x


def _logsumexp(t: Writer, xs: list[Any]) -> Any:
    """As `numerics.logsumexp`: the first of the largest terms counts 1 exactly and is left out of the sum."""
    top = _peak(t, xs)
    seen: Any = False
    rest = []
    for x in xs:
        here = t.emit("eq", x, top)
        term = t.emit("exp", t.emit("sub", x, top))
        first = t.together("and", [here, t.emit("not", seen)])
        rest.append(t.select(first, lambda: 0.0, partial(_itself, term)))
        seen = t.together("or", [seen, here])
    whole = t.emit("add", top, t.emit("log1p", _sum(t, rest)))
    return t.select(_isfinite(t, top), lambda: whole, lambda: top)


def _product(t: Writer, xs: list[Any]) -> Any:
    """The product of the mantissas, which neither overflows nor underflows, and the sum of the exponents."""
    p: Any = 1.0
    exponent: Any = 0.0
    for x in xs:
        m, e = _frexp(t, x)
        p, k = _frexp(t, t.emit("mul", p, m))
        exponent = t.emit("add", exponent, t.emit("add", e, k))
    return t.emit("ldexp", p, exponent)


def _power(t: Writer, a: Any, b: Any) -> Any:
    """As `numerics.power`; a root is faster than a power, and differs from it at -0.0 and at -inf alone."""
    if not isinstance(b, Slot) or t.out.constants.get(b) != 0.5:
        return t.emit("pow", a, b)
    root = t.emit("add", t.emit("sqrt", a), 0.0)
    return t.select(t.emit("eq", a, -math.inf), lambda: math.inf, lambda: root)


SEQUENCES: dict[Any, Callable[..., Any]] = {
    numerics.power: _power,
    numerics.total: _sum,
    numerics.dot: _dot,
    numerics.mean: _mean,
    numerics.peak: _peak,
    numerics.logsumexp: _logsumexp,
    special.product: _product,
}
