"""The calculus: every operation with its partial derivatives, each written once.

A rule gets the output ``y`` and the operands and is written with ordinary operators and with the operations of
this file, so that it runs on floats (`Value.backward`), on `Value` nodes (`grad_graph`) and on any other kind
of number. A rule never branches on a number that might change: where a derivative has cases, it is an operation
of its own (those with a leading underscore), so that a recorded gradient can be recomputed at another point.

At a kink the partial is the true derivative if there is one, else the sub- or supergradient of least norm, else
what continuity asks for, else nan. A nan operand, or one outside the domain, gives nan.

To add an operation, add a block: the method on `Value`, the function in the `autodiff` namespace, the label in
a drawing and the tests are made from it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from autodiff import numerics, special
from autodiff.operation import OPERATIONS, Binary, Nary, Tuned, Unary

N = TypeVar("N")
_inf = math.inf

_LN_2 = 0.6931471805599453
_LOG2_E = 1.4426950408889634
_LOG10_E = 0.4342944819032518

# -- Derivatives that have cases. A rule of None: the derivative is zero wherever there is one. ------------------

_sign = Unary(
    "sign",
    numerics.sign,
    da=None,
    singular=lambda a: a,
    method="",
    doc="-1, 0 or 1: the derivative of abs.",
)

_step = Unary(
    "step",
    numerics.step,
    da=None,
    singular=lambda a: a,
    method="",
    doc="1 for a > 0, else 0: the derivative of relu.",
)

_share = Binary(
    "share",
    numerics.share,
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    method="",
    doc="1 for a > b, 1/2 for a = b, else 0: the derivative of maximum(a, b) with respect to a.",
)

_guard = Binary(
    "guard",
    numerics.guard,
    da=lambda y, a, b: _guard(1.0, b),
    db=None,
    singular=None,
    method="",
    doc="a, or nan where b is nan: confines a derivative to the domain of its function.",
)

_sech2 = Unary(
    "sech2",
    numerics.sech2,
    da=lambda y, a: -2.0 * tanh(a) * y,
    singular=None,
    method="",
    doc="1 / cosh(a)**2: the derivative of tanh.",
)

_power_slope = Binary(
    "power_slope",
    numerics.power_slope,
    da=lambda y, a, b: b * _power_slope(a, b - 1.0),
    db=lambda y, a, b: pow(a, b - 1.0) + y * log(a),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{1} * {0}**({1} - 1)",
    method="",
    doc="b * a**(b - 1), and 0 for b = 0: the derivative of a**b with respect to a.",
)

_power_log = Binary(
    "power_log",
    numerics.power_log,
    da=lambda y, a, b: pow(a, b - 1.0) * (b * log(a) + 1.0),
    db=lambda y, a, b: y * log(a),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{0}**{1} * log({0})",
    method="",
    doc="a**b * log(a), and 0 at a = 0 <= b: the derivative of a**b with respect to b.",
)

_above = Binary(
    "above",
    numerics.above,
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    label="{0} > {1}",
    method="",
    doc="1 for a > b, else 0: which bound of clip is in force.",
)

_leak = Binary(
    "leak",
    special.leak,
    da=None,
    db=lambda y, a, b: 1.0 - _step(a),
    singular=lambda a, b: a,
    method="",
    doc="1 for a > 0, else b: the derivative of leaky_relu.",
)

_elu_slope = Binary(
    "elu_slope",
    special.elu_slope,
    da=lambda y, a, b: y * (1.0 - _step(a)),
    db=lambda y, a, b: exp(-relu(-a)) * (1.0 - _step(a)),  # of min(a, 0): exp(a) alone may be inf, and inf * 0 nan
    singular=lambda a, b: a,
    method="",
    doc="1 for a > 0, else b * exp(a): the derivative of elu.",
)

_silu_slope = Unary(
    "silu_slope",
    special.silu_slope,
    da=lambda y, a: 0.25 * _sech2(0.5 * a) * (2.0 - a * tanh(0.5 * a)),
    singular=None,
    method="",
    doc="sigmoid(a) * (1 + a * sigmoid(-a)): the derivative of silu.",
)

_normal = Unary(
    "normal",
    special.normal,
    da=lambda y, a: -a * y,
    singular=None,
    method="",
    doc="exp(-a**2 / 2) / sqrt(2 pi): the density of the normal distribution.",
)

_gelu_slope = Unary(
    "gelu_slope",
    special.gelu_slope,
    da=lambda y, a: _gelu_bend(_normal(a), a),
    singular=None,
    method="",
    doc="The normal distribution function plus a times the density: the derivative of gelu.",
)


def _gelu_bend(density: Any, a: Any) -> Any:
    return 2.0 * density - a * (a * density)  # in this order: a * a alone overflows where the density is 0


_erf_slope = Unary(
    "erf_slope",
    special.erf_slope,
    da=lambda y, a: -2.0 * (a * y),
    singular=None,
    method="",
    doc="2 / sqrt(pi) * exp(-a**2): the derivative of erf.",
)

_odds_share = Binary(
    "odds_share",
    special.odds_share,
    da=lambda y, a, b: y * _odds_share(b, a),
    db=lambda y, a, b: -y * _odds_share(b, a),
    singular=None,
    method="",
    doc="exp(a) / (exp(a) + exp(b)): the derivative of logaddexp with respect to a.",
)

_direction = Binary(
    "direction",
    special.direction,
    da=lambda y, a, b: _direction(b, a) * div(_direction(b, a), hypot(a, b)),  # in this order: a square underflows
    db=lambda y, a, b: -y * div(_direction(b, a), hypot(a, b)),
    singular=lambda a, b: hypot(a, b),
    label="{0} / hypot({0}, {1})",
    method="",
    doc="a / hypot(a, b), and 0 at the origin: the derivative of hypot with respect to a.",
)

_turn = Binary(
    "turn",
    special.turn,
    da=lambda y, a, b: -2.0 * y * _turn(b, a),
    db=lambda y, a, b: (_turn(b, a) - y) * (_turn(b, a) + y),  # 1 / (a**2 + b**2) - 2 y**2
    singular=lambda a, b: hypot(a, b),
    label="{1} / ({0}**2 + {1}**2)",
    method="",
    doc="b / (a**2 + b**2): the derivative of atan2(a, b) with respect to a.",
)


def _power_da(y: Any, a: Any, b: Any) -> Any:
    """b * a**(b - 1), as plainly as can be where the exponent is a constant (it cannot change later on)."""
    if type(b) is not float:
        return _power_slope(a, b)
    if b == 2.0:
        return 2.0 * a
    if b == 1.0 or b == 0.0:
        return b + 0.0  # 0.0 for -0.0, as in power_slope
    less = b - 1.0
    return b * pow(a, less) if less + 1.0 == b else _power_slope(a, b)


# -- Arithmetic --------------------------------------------------------------------------------------------------

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
    da=lambda y, a: _sign(a),
    singular=lambda a: a,
    label="|{0}|",
    method="__abs__",
    doc="Absolute value, |a|; its partial at 0 is 0.",
)

minimum = Binary(
    "minimum",
    numerics.minimum,
    da=lambda y, a, b: _share(b, a),
    db=lambda y, a, b: _share(a, b),
    singular=lambda a, b: a - b,
    doc="The smaller of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2.",
)

maximum = Binary(
    "maximum",
    numerics.maximum,
    da=lambda y, a, b: _share(a, b),
    db=lambda y, a, b: _share(b, a),
    singular=lambda a, b: a - b,
    doc="The larger of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2.",
)

# -- Elementary functions ----------------------------------------------------------------------------------------

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
    da=lambda y, a: exp(a),  # the plain y + 1 cancels for a < 0
    singular=None,
    doc="e**a - 1, accurate near a = 0.",
)

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
    da=lambda y, a: _guard(div(1.0, 1.0 + a), y),
    domain=(-1.0, _inf),
    singular=lambda a: 1.0 + a,
    doc="log(1 + a), accurate near a = 0; -inf at -1, nan below.",
)

log2 = Unary(
    "log2",
    numerics.log2,
    da=lambda y, a: _guard(div(_LOG2_E, a), y),  # the plain 1 / (a * log(2)) rounds a subnormal product
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Logarithm to base 2; at 0 and below as log.",
)

log10 = Unary(
    "log10",
    numerics.log10,
    da=lambda y, a: _guard(div(_LOG10_E, a), y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Logarithm to base 10; at 0 and below as log.",
)

exp2 = Unary(
    "exp2",
    numerics.exp2,
    da=lambda y, a: _LN_2 * y,
    singular=None,
    label="2**{0}",
    doc="Power of two, 2**a; inf from a = 1024 on.",
)

cbrt = Unary(
    "cbrt",
    special.cbrt,
    da=lambda y, a: div(1.0, 3.0 * (y * y)),
    singular=lambda a: a,
    doc="Cube root, of negative numbers too; its partial at 0 is inf, on either side.",
)

sqrt = Unary(
    "sqrt",
    numerics.sqrt,
    da=lambda y, a: div(0.5, y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Square root; its partial at 0 is inf (-inf at -0.0); nan below 0.",
)

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

hypot = Binary(
    "hypot",
    math.hypot,
    da=lambda y, a, b: _direction(a, b),
    db=lambda y, a, b: _direction(b, a),
    singular=lambda a, b: hypot(a, b),
    doc="sqrt(a**2 + b**2), without overflow; the partials at the origin are 0 and 0, the subgradient of least norm.",
)

sinh = Unary(
    "sinh",
    numerics.sinh,
    da=lambda y, a: cosh(a),
    singular=None,
    doc="Hyperbolic sine.",
)

cosh = Unary(
    "cosh",
    numerics.cosh,
    da=lambda y, a: sinh(a),
    singular=None,
    doc="Hyperbolic cosine.",
)

asinh = Unary(
    "asinh",
    math.asinh,
    da=lambda y, a: div(1.0, hypot(1.0, a)),
    singular=None,
    doc="Inverse hyperbolic sine.",
)

acosh = Unary(
    "acosh",
    numerics.acosh,
    da=lambda y, a: div(1.0, sqrt(a - 1.0) * sqrt(a + 1.0)),  # a * a - 1 cancels next to 1, and overflows
    domain=(1.0, _inf),
    singular=lambda a: a - 1.0,
    doc="Inverse hyperbolic cosine; its partial at 1 is inf; nan below.",
)

atanh = Unary(
    "atanh",
    numerics.atanh,
    da=lambda y, a: _guard(div(1.0, (1.0 - a) * (1.0 + a)), y),
    domain=(-1.0, 1.0),
    singular=lambda a: (1.0 - a) * (1.0 + a),
    doc="Inverse hyperbolic tangent; -inf at -1 and inf at 1, with partial inf; nan beyond.",
)

erf = Unary(
    "erf",
    math.erf,
    da=lambda y, a: _erf_slope(a),
    singular=None,
    doc="Error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to a.",
)

tanh = Unary(
    "tanh",
    math.tanh,
    da=lambda y, a: _sech2(a),  # the plain 1 - y * y cancels
    singular=None,
    doc="Hyperbolic tangent.",
)

# -- Activations -------------------------------------------------------------------------------------------------

sigmoid = Unary(
    "sigmoid",
    numerics.sigmoid,
    da=lambda y, a: 0.25 * _sech2(0.5 * a),  # the plain y * (1 - y) cancels: at a = 40 it is 0, truly 4.2e-18
    singular=None,
    doc="Logistic function, 1 / (1 + exp(-a)).",
)

relu = Unary(
    "relu",
    numerics.relu,
    da=lambda y, a: _step(a),
    singular=lambda a: a,
    doc="Rectified linear unit: a for a > 0, else 0; its partial at 0 is 0.",
)

softplus = Unary(
    "softplus",
    numerics.softplus,
    da=lambda y, a: sigmoid(a),
    singular=None,
    doc="log(1 + exp(a)), a smooth relu, without overflow.",
)

log_sigmoid = Unary(
    "log_sigmoid",
    special.log_sigmoid,
    da=lambda y, a: sigmoid(-a),
    singular=None,
    doc="log(sigmoid(a)) = -log(1 + exp(-a)), without overflow.",
)

silu = Unary(
    "silu",
    special.silu,
    da=lambda y, a: _silu_slope(a),
    singular=None,
    doc="Sigmoid linear unit (swish), a * sigmoid(a). Its slope is 0 at -1.278; next to it few digits are right.",
)

gelu = Unary(
    "gelu",
    special.gelu,
    da=lambda y, a: _gelu_slope(a),
    singular=None,
    doc="""Gaussian error linear unit, a times the normal distribution function: a * erfc(-a / sqrt(2)) / 2.

    It is the exact function, not its approximation by tanh. Its slope is 0 at -0.752; next to it few digits are right.
    """,
)

leaky_relu = Tuned(
    "leaky_relu",
    special.leaky_relu,
    parameter="slope",
    default=0.01,
    da=lambda y, a, b: _leak(a, b),
    db=lambda y, a, b: -relu(-a),
    singular=lambda a, b: a,
    doc="""Relu that leaks: x for x > 0, else slope * x; leaky_relu(x, slope=0.01).

    The partial at 0 is the slope. The slope may be a Value too.
    """,
)

elu = Tuned(
    "elu",
    special.elu,
    parameter="alpha",
    default=1.0,
    da=lambda y, a, b: _elu_slope(a, b),
    db=lambda y, a, b: expm1(-relu(-a)),
    singular=lambda a, b: a,
    doc="""Exponential linear unit: x for x > 0, else alpha * (exp(x) - 1); elu(x, alpha=1.0).

    The partial at 0 is alpha: the true derivative if alpha is 1, else that of the left side. Alpha may be a Value too.
    """,
)

logaddexp = Binary(
    "logaddexp",
    special.logaddexp,
    da=lambda y, a, b: _odds_share(a, b),
    db=lambda y, a, b: _odds_share(b, a),
    singular=None,
    doc="log(exp(a) + exp(b)) without overflow; the partials are sigmoid(a - b) and sigmoid(b - a).",
)

# -- Operations on sequences: one node however many the operands --------------------------------------------------

sum = Nary(
    "sum",
    numerics.total,
    lambda y, xs: [1.0] * len(xs),
    singular=None,
    doc="Sum of a sequence, correctly rounded, as a single node; 0 for an empty one.",
)

mean = Nary(
    "mean",
    numerics.mean,
    lambda y, xs: [1.0 / len(xs)] * len(xs),
    singular=None,
    doc="Arithmetic mean of a sequence, as a single node; nan for an empty one.",
)

dot = Nary(
    "dot",
    numerics.dot,
    lambda y, xs, ys: [*ys, *xs],
    groups=2,
    singular=None,
    doc="Sum of the products of two sequences of the same length, as a single node.",
)

logsumexp = Nary(
    "logsumexp",
    numerics.logsumexp,
    lambda y, xs: softmax(xs),
    singular=None,
    doc="log(sum(exp(x))) over a sequence, without overflow, as a single node; -inf for an empty one.",
)


def _others(y: Any, xs: Sequence[Any]) -> list[Any]:
    """For each factor the product of the others, from the products of those before and behind: no division."""
    before, behind = [1.0], [1.0]
    for k in range(1, len(xs)):
        before.append(xs[0] if k == 1 else before[-1] * xs[k - 1])
        behind.append(xs[-1] if k == 1 else xs[-k] * behind[-1])
    inner = [p * q for p, q in zip(before[1:-1], behind[-2:0:-1])]
    return ([behind[-1], *inner, before[-1]] if len(xs) > 1 else [1.0])[: len(xs)]


prod = Nary(
    "prod",
    special.product,
    _others,
    singular=None,
    doc="""Product of a sequence, as a single node; 1 for an empty one.

    The product does not overflow or underflow on its way. A partial is the product of the other factors, right
    also where some are 0, from two running products: n - 2 roundings, and these may overflow on their way.
    """,
)

_clip = Nary(
    "clip",
    numerics.clip,
    lambda y, xs: _clip_partials(*xs),
    singular=None,
    doc="The first of three numbers, kept between the second and the third.",
)


def _clip_partials(x: Any, low: Any, high: Any) -> list[Any]:
    under, over, crossed = _above(low, x), _above(x, high), _above(low, high)
    capped = 1.0 - (1.0 - over) * (1.0 - crossed)
    return [(1.0 - under) * (1.0 - capped), under * (1.0 - crossed), capped]


_where = Nary(
    "where",
    numerics.where,
    lambda y, xs: [None, _step(abs(xs[0])), 1.0 - _step(abs(xs[0]))],
    singular=None,
    doc="The second of three numbers if the first is not zero, else the third.",
)

_peak = Nary(
    "peak",
    numerics.peak,
    None,
    singular=None,
    doc="The largest of a sequence, taken for a constant: what softmax shifts by, which changes nothing.",
)

_excess = Binary(
    "excess",
    numerics.excess,
    da=1.0,
    db=-1.0,
    singular=None,
    label="{0} - {1}",
    method="",
    doc="a - b, and 0 for a = b, infinite or not.",
)


def softmax(xs: Iterable[N]) -> list[N]:
    """Turn a sequence of numbers into probabilities that are proportional to their exponentials.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits.

    Returns
    -------
    list
        ``exp(x_i) / sum_j exp(x_j)``, as many as there are logits; they sum to 1.

    Notes
    -----
    All exponents are shifted by the largest logit first, so that nothing overflows. The partials are
    ``d p_i / d x_j = p_i ((i = j) - p_j)``.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    logits: list[Any] = list(xs)
    top = _peak(logits)
    powers = [exp(_excess(x, top)) for x in logits]
    whole = sum(powers)
    return [div(e, whole) for e in powers]


def log_softmax(xs: Iterable[N]) -> list[N]:
    """Take the logarithms of the probabilities that `softmax` gives, without underflow.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits.

    Returns
    -------
    list
        ``x_i - logsumexp(x)``, as many as there are logits.

    Notes
    -----
    All logits are shifted by the largest first, so that the logarithm of a probability next to 1 keeps its digits.
    The partials are ``d l_i / d x_j = (i = j) - p_j``, each with an absolute error of a few 1e-16.

    Examples
    --------
    >>> log_softmax([0.0, 1000.0])
    [-1000.0, 0.0]
    """
    logits: list[Any] = list(xs)
    top = _peak(logits)
    shifted = [_excess(x, top) for x in logits]
    whole = logsumexp(shifted)
    return [sub(x, whole) for x in shifted]


def clip(x: Any, low: Any, high: Any) -> Any:
    """Keep a number between two bounds.

    Parameters
    ----------
    x, low, high : Value or float
        The number and its bounds. If low > high, the result is high.

    Returns
    -------
    Value or float
        ``min(max(x, low), high)``, as a single node; nan if an operand is nan.

    Raises
    ------
    TypeError
        For anything but Values and real numbers.

    Notes
    -----
    The partial with respect to x is 1 between the bounds and 0 beyond; with respect to a bound it is 1 where the
    result is the bound. At a bound itself x gets 1 and the bound 0, as in PyTorch, where the subgradient of
    least norm would be 0: a parameter that is clipped to a bound can then leave it.

    Examples
    --------
    >>> clip(3.0, 0.0, 1.0)
    1.0
    """
    return _clip((x, low, high))


def where(condition: Any, a: Any, b: Any) -> Any:
    """Take one of two numbers.

    Parameters
    ----------
    condition : bool, Value or float
        Nonzero is true. No gradient flows to it; if it is a Value, a recorded graph that is refreshed decides anew.
    a, b : Value or float
        What to take if it is true, and if not.

    Returns
    -------
    Value or float
        One of the two, as a single node; nan if the condition is nan.

    Raises
    ------
    TypeError
        For anything but Values and real numbers.

    Notes
    -----
    Both branches are computed, and the one that is not taken gets the adjoint 0. If its own partial is
    infinite, 0 * inf is nan: the gradient of ``where(x > 0, log(x), 0)`` at 0 is nan. Make the operand harmless
    as well, by a second `where` inside: ``where(x > 0, log(where(x > 0, x, 1)), 0)``.

    Examples
    --------
    >>> from autodiff import Value
    >>> x = Value(0.0)
    >>> y = where(x > 0, log(where(x > 0, x, 1.0)), 0.0)
    >>> y.backward()
    >>> y.data, x.grad
    (0.0, 0.0)
    """
    if type(condition).__name__ in ("bool_", "bool"):  # a comparison of NumPy scalars gives NumPy's, no numbers.Real
        condition = bool(condition)
    return _where((condition, a, b))


__all__ = [
    "clip",
    "log_softmax",
    "softmax",
    "where",
    *(name for name, op in OPERATIONS.items() if globals().get(name) is op),
]
