"""Powers and roots, exponentials and logarithms."""

from __future__ import annotations

import math
from typing import Any

from autodiff import numerics
from autodiff.operation import Binary, Unary
from autodiff.ops import special
from autodiff.ops.arithmetic import div
from autodiff.ops.cases import _damp, _guard

_LN_2 = 0.6931471805599453
_LOG10_E = 0.4342944819032518
_LOG2_E = 1.4426950408889634
_inf = math.inf


def _power_da(y: Any, a: Any, b: Any) -> Any:
    """b * a**(b - 1), as plainly as can be where the exponent is a constant (it cannot change later on)."""
    if type(b) is not float:
        return _power_slope(a, b)
    if b == 2.0:
        return 2.0 * a
    if b == 1.0 or b == 0.0:
        return b + 0.0  # 0.0 for -0.0, as in power_slope
    less = b - 1.0
    return b * pow(a, less) if less + 1.0 == b != less else _power_slope(a, b)


pow = Binary(
    "pow",
    numerics.power,
    da=_power_da,
    db=lambda y, a, b: _power_log(a, b),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{0}**{1}",
    method="__pow__",
    doc="""Power, a**b.

    For a < 0 it is defined at integer b only, and nan elsewhere, never complex; its partial with respect to b is
    nan there. The partials at (0, 0) are 0 and 0; with respect to b it is 0 at a = 0 < b.
    """,
)

_power_slope = Binary(
    "power_slope",
    numerics.power_slope,
    da=lambda y, a, b: _damp(b, _power_slope(a, b - 1.0)),
    db=lambda y, a, b: _damp(pow(a, b - 1.0), b * log(a) + 1.0),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{1} * {0}**({1} - 1)",
    method="",
    doc="b * a**(b - 1), and 0 for b = 0: the derivative of a**b with respect to a.",
)

_power_log = Binary(
    "power_log",
    numerics.power_log,
    da=lambda y, a, b: _damp(pow(a, b - 1.0), b * log(a) + 1.0),  # a power of 0 wins over its logarithm
    db=lambda y, a, b: _damp(y, log(a)),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{0}**{1} * log({0})",
    method="",
    doc="a**b * log(a), and 0 at a = 0 <= b: the derivative of a**b with respect to b.",
)

sqrt = Unary(
    "sqrt",
    numerics.sqrt,
    da=lambda y, a: div(0.5, y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Square root; its partial at 0 is inf (-inf at -0.0); nan below 0.",
)

cbrt = Unary(
    "cbrt",
    special.cbrt,
    formula="cbrt(a) if a > 0 else -cbrt(-a)",
    da=lambda y, a: div(1.0, 3.0 * (y * y)),
    singular=lambda a: a,
    doc="Cube root, of negative numbers too; its partial at 0 is inf, on either side.",
)

exp = Unary(
    "exp",
    numerics.exp,
    da=lambda y, a: y,
    singular=None,
    doc="Exponential, e**a; inf from a = 709.8 on.",
)

expm1 = Unary(
    "expm1",
    numerics.expm1,
    formula="exp(a) - 1",
    da=lambda y, a: exp(a),  # the plain y + 1 cancels for a < 0
    singular=None,
    doc="e**a - 1, accurate near a = 0.",
)

exp2 = Unary(
    "exp2",
    numerics.exp2,
    da=lambda y, a: _log_2_times_square(exp2(0.5 * a)),  # the plain log(2) * y overflows with y, 0.53 too early
    singular=None,
    label="2**{0}",
    doc="Power of two, 2**a; inf from a = 1024 on.",
)


def _log_2_times_square(root: Any) -> Any:
    return _LN_2 * root * root


log = Unary(
    "log",
    numerics.log,
    da=lambda y, a: _guard(div(1.0, a), y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Natural logarithm; -inf at 0, with partial inf (-inf at -0.0); nan below, with partial nan.",
)

log1p = Unary(
    "log1p",
    numerics.log1p,
    formula="log(1 + a)",
    da=lambda y, a: _guard(div(1.0, 1.0 + a), y),
    domain=(-1.0, _inf),
    singular=lambda a: 1.0 + a,
    doc="log(1 + a), accurate near a = 0; -inf at -1, nan below.",
)

log2 = Unary(
    "log2",
    numerics.log2,
    formula="log(a) / log(2)",
    da=lambda y, a: _guard(div(_LOG2_E, a), y),  # the plain 1 / (a * log(2)) rounds a subnormal product
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Logarithm to base 2; at 0 and below as log.",
)

log10 = Unary(
    "log10",
    numerics.log10,
    formula="log(a) / log(10)",
    da=lambda y, a: _guard(div(_LOG10_E, a), y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Logarithm to base 10; at 0 and below as log.",
)

logaddexp = Binary(
    "logaddexp",
    special.logaddexp,
    formula="log(exp(a) + exp(b))",
    da=lambda y, a, b: _odds_share(a, b),
    db=lambda y, a, b: _odds_share(b, a),
    singular=None,
    doc="log(exp(a) + exp(b)) without overflow; the partials are sigmoid(a - b) and sigmoid(b - a).",
)

_odds_share = Binary(
    "odds_share",
    special.odds_share,
    formula="1 / (1 + exp(b - a))",
    da=lambda y, a, b: y * _odds_share(b, a),
    db=lambda y, a, b: -y * _odds_share(b, a),
    singular=None,
    method="",
    doc="exp(a) / (exp(a) + exp(b)): the derivative of logaddexp with respect to a.",
)
