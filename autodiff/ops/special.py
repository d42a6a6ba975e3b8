"""Total float functions that take more than a formula: scaling, compensated products, the normal distribution.

As in `autodiff.numerics`, every function returns a float for every float. Error bounds are in units in the last
place (ulp).

References
----------
T. J. Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 18 (1971).
T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26 (2005).
NIST Digital Library of Mathematical Functions, 7.12 (the asymptotic series of erfc).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from autodiff.numerics import divide, exp, inf, maximum, nan, sigmoid


def _scaled(x: float, exponent: int) -> float:
    """x * 2**exponent; an infinity on overflow."""
    try:
        return math.ldexp(x, exponent)
    except OverflowError:
        return math.copysign(inf, x)


def _head(x: float) -> float:
    """The upper half of a number's bits, whose square is exact (Veltkamp); |x| below 1e300."""
    t = 134217729.0 * x
    return t - (t - x)


def _lost(x: float, y: float, product: float) -> float:
    """What the rounding of x * y to `product` lost, exactly (Dekker); for moderate sizes."""
    a, b = _head(x), _head(y)
    c, d = x - a, y - b
    return ((a * b - product) + a * d + c * b) + c * d


# -- Roots, angles and products ----------------------------------------------------------------------------------


def cbrt(x: float) -> float:
    """Cube root, to 1 ulp. (Python 3.10 has no math.cbrt, and that of the C library may be off by 4.)

    A power is off by several ulp; one Newton step with an exact residual mends it.
    """
    if x == 0.0 or not math.isfinite(x):
        return x
    m, e = math.frexp(abs(x))
    k = e // 3
    m = math.ldexp(m, e - 3 * k)  # in [0.5, 4)
    y = m ** (1.0 / 3.0)
    square = y * y
    cube = square * y
    residual = ((m - cube) - _lost(square, y, cube)) - _lost(y, y, square) * y
    return math.copysign(math.ldexp(y + residual / (3.0 * square), k), x)


def direction(a: float, b: float) -> float:
    """a / hypot(a, b), to 2 ulp; 0 at the origin.

    Both are scaled by a power of two first: the plain hypot of subnormal numbers has few bits.
    """
    if math.isinf(a) or math.isinf(b):
        if a != a or b != b or (math.isinf(a) and math.isinf(b)):
            return nan
        return math.copysign(1.0, a) if math.isinf(a) else math.copysign(0.0, a)
    _, e = math.frexp(max(abs(a), abs(b)))
    a, b = math.ldexp(a, -e), math.ldexp(b, -e)
    return a / math.hypot(a, b) if a != 0.0 or b != 0.0 else 0.0


def turn(a: float, b: float) -> float:
    """b / (a**2 + b**2), to 2 ulp; nan at the origin, 0 at infinity.

    The plain squares overflow and underflow long before the result does; here both are scaled by a power of two.
    """
    if a != a or b != b or a == 0.0 == b:
        return nan
    if math.isinf(b):
        return math.copysign(0.0, b)
    _, e = math.frexp(max(abs(a), abs(b)))
    m, k = math.frexp(b)  # by itself: it may be subnormal next to the other
    a, b = math.ldexp(a, -e), math.ldexp(b, -e)
    return _scaled(m / (a * a + b * b), k - 2 * e)


def product(xs: Sequence[float]) -> float:
    """Product, to 1 ulp however many factors there are; no intermediate overflow or underflow; 1 of nothing."""
    if not all(map(math.isfinite, xs)) or 0.0 in xs:
        return math.prod([x if x == 0.0 or not math.isfinite(x) else math.copysign(1.0, x) for x in xs])
    p, lost, exponent = 1.0, 0.0, 0
    for x in xs:
        m, e = math.frexp(x)
        q = p * m
        lost = lost * m + _lost(p, m, q)
        p, k = math.frexp(q)
        lost = math.ldexp(lost, -k)
        exponent += e + k
    return _scaled(p + lost, exponent)


# -- The normal distribution -------------------------------------------------------------------------------------

_ROOT_HALF = 0.7071067811865476
_ROOT_HALF_REST = -4.833646656726457e-17  # sqrt(1/2) minus the float above
_TWO_OVER_ROOT_PI = 1.1283791670955126
_ONE_OVER_ROOT_TWO_PI = 0.3989422804014327
_FAR = -35.0  # below, the distribution function comes from its asymptotic series


def erf_slope(x: float) -> float:
    """2 / sqrt(pi) * exp(-x**2), the derivative of erf, to 2.1 ulp.

    The plain formula is off by up to 14 ulp, because exp multiplies the rounding error of x**2 by x**2. Here x is
    split, so that the square of its upper half is exact.
    """
    if abs(x) > 28.0:
        return 0.0
    h = _head(x)
    return _TWO_OVER_ROOT_PI * exp(-h * h) * exp(-(x - h) * (x + h))


def normal(x: float) -> float:
    """exp(-x**2 / 2) / sqrt(2 pi), the density of the normal distribution, to 3 ulp."""
    return _weighted(1.0, x)


def _weighted(c: float, x: float) -> float:
    """c times the density at x, also where the density alone is subnormal."""
    if abs(x) > 40.0:
        return math.copysign(0.0, c)
    h = _head(x)
    rest = _ONE_OVER_ROOT_TWO_PI * exp(-0.5 * (x - h) * (x + h))
    if abs(x) < 37.5:
        return c * (rest * exp(-0.5 * h * h))
    half = exp(-0.25 * h * h)
    return c * rest * half * half


def _below(x: float) -> float:
    """The probability that a normal variable is less than x >= -35.

    It is erfc(-x / sqrt(2)) / 2. The rounding of x / sqrt(2) alone costs x**2 ulp in the tail, so what it loses is
    carried along, by one term of the Taylor series.
    """
    z = x * _ROOT_HALF
    lost = _lost(x, _ROOT_HALF, z) + x * _ROOT_HALF_REST
    return 0.5 * (math.erfc(-z) + lost * erf_slope(z))


def _mills(x: float) -> float:
    """The same probability times -x and over the density, for x < -35: 1 - 1/x**2 + 3/x**4 - 15/x**6 + ..."""
    t = 1.0 / (x * x)
    return 1.0 - t * (1.0 - 3.0 * t * (1.0 - 5.0 * t * (1.0 - 7.0 * t * (1.0 - 9.0 * t * (1.0 - 11.0 * t)))))


def gelu(x: float) -> float:
    """x times the normal distribution function."""
    if x > 40.0:
        return x
    return -_weighted(_mills(x), x) if x < _FAR else x * _below(x)


def gelu_slope(x: float) -> float:
    """The derivative of gelu: the distribution function plus x times the density."""
    if x > 40.0:
        return 1.0
    if x < _FAR:
        return _weighted(x - _mills(x) / x, x)
    return _below(x) + _weighted(x, x)


# -- Other activations -------------------------------------------------------------------------------------------


def log_sigmoid(x: float) -> float:
    """log(sigmoid(x)) as min(x, 0) - log1p(exp(-|x|)), which neither overflows nor cancels."""
    tail = math.log1p(exp(-abs(x)))
    return -tail if x > 0.0 else x - tail


def silu(x: float) -> float:
    """x * sigmoid(x); far below 0 as x exp(x/2) exp(x/2), as sigmoid alone is subnormal there."""
    if x < -700.0:
        half = exp(0.5 * x)
        return x * half * half if x > -inf else -0.0
    return x * sigmoid(x)


def silu_slope(x: float) -> float:
    """sigmoid(x) * (1 + x * sigmoid(-x)), the derivative of silu."""
    if x < -700.0:
        half = exp(0.5 * x)
        return (1.0 + x) * half * half if x > -inf else -0.0
    return 1.0 if x == inf else sigmoid(x) * (1.0 + x * sigmoid(-x))


def leaky_relu(x: float, slope: float) -> float:
    """x for x > 0, else slope * x."""
    return x if x > 0.0 else slope * x


def leak(x: float, slope: float) -> float:
    """Derivative of leaky_relu: 1 for x > 0, else the slope; nan for nan."""
    return 1.0 if x > 0.0 else slope if x <= 0.0 else nan


def elu(x: float, alpha: float) -> float:
    """x for x > 0, else alpha * (exp(x) - 1)."""
    return x if x > 0.0 else alpha * math.expm1(x)


def elu_slope(x: float, alpha: float) -> float:
    """Derivative of elu: 1 for x > 0, else alpha * exp(x), also where exp(x) alone is subnormal."""
    if x > 0.0:
        return 1.0
    if x > -700.0:
        return alpha * math.exp(x)
    half = exp(0.5 * x)
    return alpha * half * half


def _difference(a: float, b: float) -> tuple[float, float]:
    """a - b, and what its rounding lost, exactly (Knuth)."""
    d = a - b
    t = a - d
    return d, (a - (d + t)) + (t - b)


def logaddexp(a: float, b: float) -> float:
    """log(exp(a) + exp(b)) as max(a, b) + log1p(exp(-|a - b|)): nothing overflows.

    The residual of the subtraction is carried along, as in `odds_share`.
    """
    d, lost = _difference(maximum(a, b), min(a, b))
    if not math.isfinite(d):
        return maximum(a, b)
    e = math.exp(-d)
    return maximum(a, b) + math.log1p(e - e * lost)


def exp_excess(a: float, b: float) -> float:
    """exp(a - b), to 2 ulp; 1 for a = b, infinite or not.

    The plain formula is off by up to 460 ulp. The residual of the subtraction is carried along, as in `odds_share`.
    """
    if a == b:
        return 1.0
    d, lost = _difference(a, b)
    e = exp(d)
    return e + e * lost if 0.0 < e < inf else e


def part(a: float, b: float) -> float:
    """a / (a + b) of positive numbers, to 1.5 ulp; nan at the origin, and of an infinite a."""
    whole = a + b
    return divide(a, whole) if whole < inf else 0.5 * a / (0.5 * a + 0.5 * b)


def odds_share(a: float, b: float) -> float:
    """exp(a) / (exp(a) + exp(b)) = sigmoid(a - b), to 2.7 ulp; 1/2 for equal infinities.

    The plain sigmoid(a - b) is off by up to 444 ulp: exp multiplies the rounding error of the difference. Here the
    residual of the subtraction is carried along.
    """
    d, lost = _difference(a, b)
    if not math.isfinite(d):
        return 1.0 if a > b else 0.0 if a < b else 0.5 if a == b else nan
    e = math.exp(-abs(d))
    if d >= 0.0:
        return 1.0 / (1.0 + e)  # here the residual would count for a fifth of an ulp at most
    e += e * lost
    return e / (1.0 + e)
