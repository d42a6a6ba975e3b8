"""Functions of angles, their inverses, and the distance from the origin."""

from __future__ import annotations

import math

from autodiff import numerics
from autodiff.operation import Binary, Unary
from autodiff.ops import special
from autodiff.ops.arithmetic import div
from autodiff.ops.cases import _damp
from autodiff.ops.exponentials import sqrt

sin = Unary(
    "sin",
    numerics.sin,
    da=lambda y, a: cos(a),
    singular=None,
    doc="Sine of an angle in radians.",
)

cos = Unary(
    "cos",
    numerics.cos,
    da=lambda y, a: -sin(a),
    singular=None,
    doc="Cosine of an angle in radians.",
)

tan = Unary(
    "tan",
    numerics.tan,
    formula="sin(a) / cos(a)",
    da=lambda y, a: 1.0 + y * y,
    singular=lambda a: cos(a),
    doc="Tangent of an angle in radians; no float is a pole.",
)

asin = Unary(
    "asin",
    numerics.asin,
    da=lambda y, a: div(1.0, sqrt((1.0 - a) * (1.0 + a))),  # the plain 1 - a * a cancels next to 1
    domain=(-1.0, 1.0),
    singular=lambda a: (1.0 - a) * (1.0 + a),
    doc="Arc sine, in radians; its partial at -1 and 1 is inf; nan beyond.",
)

acos = Unary(
    "acos",
    numerics.acos,
    da=lambda y, a: div(-1.0, sqrt((1.0 - a) * (1.0 + a))),
    domain=(-1.0, 1.0),
    singular=lambda a: (1.0 - a) * (1.0 + a),
    doc="Arc cosine, in radians; its partial at -1 and 1 is -inf; nan beyond.",
)

atan = Unary(
    "atan",
    math.atan,
    da=lambda y, a: _turn(a, 1.0),  # the plain 1 / (1 + a * a) is 0 from a = 1.3e154 on
    singular=None,
    doc="Arc tangent, in radians.",
)

atan2 = Binary(
    "atan2",
    math.atan2,
    da=lambda y, a, b: _turn(a, b),
    db=lambda y, a, b: -_turn(b, a),
    singular=lambda a, b: a if b < 0.0 else hypot(a, b),  # the cut, and the origin
    doc="""Angle of the point (b, a), in radians from -pi to pi: the arc tangent of a / b, in the right quadrant.

    The partials are ``b / (a**2 + b**2)`` and ``-a / (a**2 + b**2)``, without overflow; at the origin they are nan,
    and across the cut at a = 0 > b, where the angle jumps, they are those of either side.
    """,
)

_turn = Binary(
    "turn",
    special.turn,
    da=lambda y, a, b: -2.0 * _damp(y, _turn(b, a)),
    db=lambda y, a, b: (_turn(b, a) - y) * (_turn(b, a) + y),  # 1 / (a**2 + b**2) - 2 y**2
    singular=lambda a, b: hypot(a, b),
    label="{1} / ({0}**2 + {1}**2)",
    method="",
    doc="b / (a**2 + b**2): the derivative of atan2(a, b) with respect to a.",
)

hypot = Binary(
    "hypot",
    math.hypot,
    formula="sqrt(a**2 + b**2)",
    da=lambda y, a, b: _direction(a, b),
    db=lambda y, a, b: _direction(b, a),
    singular=lambda a, b: hypot(a, b),
    doc="sqrt(a**2 + b**2), without overflow; the partials at the origin are 0 and 0, the subgradient of least norm.",
)

_direction = Binary(
    "direction",
    special.direction,
    formula="a / sqrt(a**2 + b**2)",
    da=lambda y, a, b: _direction(b, a) * div(_direction(b, a), hypot(a, b)),  # in this order: a square underflows
    db=lambda y, a, b: -y * div(_direction(b, a), hypot(a, b)),
    singular=lambda a, b: hypot(a, b),
    label="{0} / hypot({0}, {1})",
    method="",
    doc="a / hypot(a, b), and 0 at the origin: the derivative of hypot with respect to a.",
)
