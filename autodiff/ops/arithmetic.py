"""Sums, products, quotients, signs."""

from __future__ import annotations

import math
import operator

from autodiff import numerics
from autodiff.operation import Binary, Unary
from autodiff.ops.cases import _sign

add = Binary(
    "add",
    operator.add,
    da=1.0,
    db=1.0,
    singular=None,
    label="{0} + {1}",
    method="__add__",
    doc="Sum of two numbers, a + b.",
)

sub = Binary(
    "sub",
    operator.sub,
    da=1.0,
    db=-1.0,
    singular=None,
    label="{0} - {1}",
    method="__sub__",
    doc="Difference, a - b.",
)

mul = Binary(
    "mul",
    operator.mul,
    da=lambda y, a, b: b,
    db=lambda y, a, b: a,
    singular=None,
    label="{0} * {1}",
    method="__mul__",
    doc="Product, a * b.",
)

div = Binary(
    "div",
    numerics.divide,
    da=lambda y, a, b: div(1.0, b),
    db=lambda y, a, b: -div(y, b),  # the plain -a / b**2 overflows and underflows long before the result does
    singular=lambda a, b: b,
    label="{0} / {1}",
    method="__truediv__",
    doc="Quotient, a / b. 1/0 is inf and 0/0 is nan: nothing raises.",
)

neg = Unary(
    "neg",
    operator.neg,
    da=-1.0,
    singular=None,
    label="-{0}",
    method="__neg__",
    doc="Negation, -a.",
)

abs = Unary(
    "abs",
    math.fabs,
    formula="a if a > 0 else -a",
    da=lambda y, a: _sign(a),
    singular=lambda a: a,
    label="|{0}|",
    method="__abs__",
    doc="Absolute value, |a|; its partial at 0 is 0.",
)
