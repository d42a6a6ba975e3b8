"""Total IEEE 754 functions of Python floats.

Python's own functions raise at poles, overflows and outside their domains, and some return complex numbers.
Here every function returns a float for every float: infinities at poles and overflows, nan outside the
domain, nan for nan. Where a formula differs from the textbook's, a comment names the plain formula and what
the change buys. Error bounds are in units in the last place (ulp).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

inf = math.inf
nan = math.nan


def divide(a: float, b: float) -> float:
    """a / b, with IEEE results at b = 0."""
    try:
        return a / b
    except ZeroDivisionError:
        if a == 0.0 or a != a:
            return nan
        return math.copysign(inf, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    """a**b, never complex: nan for a negative base with a fractional exponent."""
    try:
        return math.pow(a, b)
    except OverflowError:
        return -inf if a < 0.0 and _is_odd(b) else inf
    except ValueError:
        if a != 0.0:
            return nan
        return math.copysign(inf, a) if _is_odd(b) else inf


def _is_odd(b: float) -> bool:
    return math.isfinite(b) and math.fmod(b, 2.0) in (1.0, -1.0)


def _times_power(c: float, a: float, b: float) -> float:
    """c * a**b, also where a**b alone is subnormal or overflows and the product is not: by the root of the power."""
    y = power(a, b)
    if 1e-290 < abs(y) < inf or abs(a) == inf or y != y:
        return c * y
    root = power(abs(a), 0.5 * b)
    return c * math.copysign(root, y) * root


def power_slope(a: float, b: float) -> float:
    """d(a**b)/da = b * a**(b - 1), to 4 ulp; 0 for b = 0, even at a = 0.

    The plain formula loses up to 78 ulp where b - 1 is rounded, because the rounding error is multiplied by
    log(a), and more where the power alone is subnormal. There, b * (a**b / a) is used instead.
    """
    if b == 0.0:
        return 0.0
    less = b - 1.0
    if less + 1.0 == b != less or not 0.0 < abs(a) < inf:  # b - 1 is exact, or a power of zero or infinity
        return _times_power(b, a, less)
    y = power(a, b)
    if y != y:
        return nan  # a fractional power of a negative number, though b - 1 may have been rounded to an integer
    if abs(y) > 1e-290:
        return b * y / a  # not b * (y / a), where y / a may overflow
    root = power(abs(a), 0.5 * b)
    return b * math.copysign(root, y) * (root / a)


def power_log(a: float, b: float) -> float:
    """d(a**b)/db = a**b * log(a), to 4 ulp; at a = 0 it is 0 for b >= 0 and nan for b < 0."""
    if a == 0.0:
        return 0.0 if b >= 0.0 else nan
    return _times_power(log(a), a, b)


def damp(a: float, b: float) -> float:
    """a * b, and 0 for a = 0 and an infinite b; nan if either is nan."""
    y = a * b
    return y if y == y or a != 0.0 or b != b else 0.0


def exp(x: float) -> float:
    """e**x; inf on overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def expm1(x: float) -> float:
    """e**x - 1 without cancellation near 0; inf on overflow."""
    try:
        return math.expm1(x)
    except OverflowError:
        return inf


def log(x: float) -> float:
    """Natural logarithm; -inf at 0, nan below."""
    try:
        return math.log(x)
    except ValueError:
        return -inf if x == 0.0 else nan


def log1p(x: float) -> float:
    """log(1 + x) without cancellation near 0; -inf at -1, nan below."""
    try:
        return math.log1p(x)
    except ValueError:
        return -inf if x == -1.0 else nan


def log2(x: float) -> float:
    """Logarithm to base 2; -inf at 0, nan below."""
    try:
        return math.log2(x)
    except ValueError:
        return -inf if x == 0.0 else nan


def log10(x: float) -> float:
    """Logarithm to base 10; -inf at 0, nan below."""
    try:
        return math.log10(x)
    except ValueError:
        return -inf if x == 0.0 else nan


def exp2(x: float) -> float:
    """2**x; inf on overflow. (Python 3.10 has no math.exp2.)"""
    return power(2.0, x)


def sqrt(x: float) -> float:
    """Square root; nan below 0; -0.0 for -0.0."""
    try:
        return math.sqrt(x)
    except ValueError:
        return nan


def sin(x: float) -> float:
    """Sine; nan at an infinity."""
    return math.sin(x) if -1e8 < x < 1e8 else _far(math.sin, x)


def cos(x: float) -> float:
    """Cosine; nan at an infinity."""
    return math.cos(x) if -1e8 < x < 1e8 else _far(math.cos, x)


def tan(x: float) -> float:
    """Tangent; nan at an infinity."""
    return math.tan(x) if -1e8 < x < 1e8 else _far(math.tan, x)


def _far(function: Callable[[float], float], x: float) -> float:
    """The sine, cosine or tangent of a huge angle, to 1 ulp.

    Next to 0 and to a pole those of the C library are off by up to 140,000 ulp (glibc 2.36). There the angle is so near
    to a multiple of pi/2 that the answer is its distance from that, or the inverse: in whole numbers (Payne and Hanek).
    """
    if not math.isfinite(x):
        return nan
    y = function(x)
    if 1e-9 <= abs(y) <= 1e9:
        return y
    n, d = abs(x).as_integer_ratio()
    one = 1 << 1200
    part = n * TWO_OVER_PI // d % one
    rest = min(part, one - part)
    return math.copysign(rest / TWO_OVER_PI if abs(y) < 1.0 else TWO_OVER_PI / rest, y)


TWO_OVER_PI = int(
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E006492EEA09D1921CFE1D"
    "EB1CB129A73EE88235F52EBB4484E99C7026B45F7E413991D639835339F49C845F8BBDF9283B1FF897FFDE05980FEF2F118B"
    "5A0A6D1F6D367ECF27CB09B74F463F669E5FEA2D7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D0856033046FC7B",
    16,
)
"""2 / pi in units of 2**-1200: as many digits as the largest float needs."""


def asin(x: float) -> float:
    """Arc sine; nan outside [-1, 1]."""
    try:
        return math.asin(x)
    except ValueError:
        return nan


def acos(x: float) -> float:
    """Arc cosine; nan outside [-1, 1]."""
    try:
        return math.acos(x)
    except ValueError:
        return nan


def sinh(x: float) -> float:
    """Hyperbolic sine; an infinity on overflow."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(inf, x)


def cosh(x: float) -> float:
    """Hyperbolic cosine; inf on overflow."""
    try:
        return math.cosh(x)
    except OverflowError:
        return inf


def acosh(x: float) -> float:
    """Inverse hyperbolic cosine; nan below 1."""
    try:
        return math.acosh(x)
    except ValueError:
        return nan


def atanh(x: float) -> float:
    """Inverse hyperbolic tangent; an infinity at -1 and 1, nan beyond."""
    try:
        return math.atanh(x)
    except ValueError:
        return math.copysign(inf, x) if abs(x) == 1.0 else nan


def sech2(x: float) -> float:
    """1 / cosh(x)**2, the derivative of tanh, to 3.5 ulp.

    The plain 1 - tanh(x)**2 cancels: it is off by more than 4 ulp at 40 % of all points and is 0 from
    x = 19.1 on. With e = exp(-2|x|), the quotient 4 e / (1 + e)**2 has no cancellation and no overflow.
    """
    e = exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)); for x < 0 as exp(x) / (1 + exp(x)), which does not overflow."""
    if x < 0.0:
        e = exp(x)
        return e / (1.0 + e)
    return 1.0 / (1.0 + exp(-x))


def softplus(x: float) -> float:
    """log(1 + exp(x)) as max(x, 0) + log1p(exp(-|x|)), which neither overflows nor cancels."""
    tail = math.log1p(exp(-abs(x)))
    return x + tail if x > 0.0 else tail


def relu(x: float) -> float:
    """max(x, 0); nan for nan."""
    return x if x > 0.0 or x != x else 0.0


def step(x: float) -> float:
    """Derivative of relu: 1 for x > 0, else 0; nan for nan."""
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else nan


def sign(x: float) -> float:
    """Derivative of abs: -1, 0 or 1; nan for nan."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else nan


def maximum(a: float, b: float) -> float:
    """The larger of two numbers; nan if either is nan (Python's own `max` depends on the order)."""
    if a == b:
        return a + b if a == 0.0 else a  # of -0.0 and 0.0 the larger is 0.0
    return a if a > b or a != a else b


def minimum(a: float, b: float) -> float:
    """The smaller of two numbers; nan if either is nan."""
    return -maximum(-a, -b)


def above(a: float, b: float) -> float:
    """1 for a > b, else 0; nan if either is nan."""
    return 1.0 if a > b else 0.0 if a <= b else nan


def exceeds(a: float, b: float) -> float:
    """1 for a > b, else 0, as Python compares: 0 if either is nan."""
    return 1.0 if a > b else 0.0


def reaches(a: float, b: float) -> float:
    """1 for a >= b, else 0, as Python compares: 0 if either is nan."""
    return 1.0 if a >= b else 0.0


def clip(xs: Sequence[float]) -> float:
    """The first of three numbers, kept between the second and the third; nan if one is nan."""
    x, low, high = xs
    return minimum(maximum(x, low), high)


def where(xs: Sequence[float]) -> float:
    """The second of three numbers if the first is not zero, else the third; nan if the first is nan."""
    condition, a, b = xs
    return b if condition == 0.0 else a if condition == condition else nan


def share(a: float, b: float) -> float:
    """Derivative of maximum(a, b) with respect to a: 1 if a wins, 0 if b does, 1/2 at a tie."""
    return 1.0 if a > b else 0.0 if a < b else 0.5 if a == b else nan


def guard(x: float, y: float) -> float:
    """x, or nan where y is nan: keeps a derivative from being defined where its function is not."""
    return x if y == y else nan


def total(xs: Sequence[float]) -> float:
    """Correctly rounded sum (`math.fsum`), also where it overflows on its way; inf - inf is nan."""
    try:
        return math.fsum(xs)
    except (OverflowError, ValueError):
        return _exact_sum(xs)


def _exact_sum(xs: Sequence[float]) -> float:
    """The sum in whole numbers of units of 2**-1074, where `math.fsum` gives up."""
    if not all(map(math.isfinite, xs)):
        return float(sum(x for x in xs if not math.isfinite(x)))
    unit = 1 << 1074
    whole = sum(n * (unit // d) for n, d in map(float.as_integer_ratio, xs))
    try:
        return whole / unit  # correctly rounded, as all quotients of ints
    except OverflowError:
        return inf if whole > 0 else -inf


def dot(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Sum of products; the products are rounded once, their sum once."""
    try:
        return math.fsum(map(operator.mul, xs, ys))
    except (OverflowError, ValueError):
        return _exact_sum(list(map(operator.mul, xs, ys)))


def mean(xs: Sequence[float]) -> float:
    """Arithmetic mean; nan of nothing."""
    if not xs:
        return nan
    whole, count = total(xs), len(xs)
    return whole / count if math.isfinite(whole) else total([x / count for x in xs])  # the sum alone may overflow


def peak(xs: Sequence[float]) -> float:
    """The largest of the numbers; nan if one is nan; -inf for none."""
    top = max(xs) if xs else -inf
    return top if all(x == x for x in xs) else nan


def excess(x: float, top: float) -> float:
    """x - top, and 0 where they are equal, infinite or not (the plain difference of two infinities is nan)."""
    return 0.0 if x == top else x - top


def logsumexp(xs: Sequence[float]) -> float:
    """log(sum(exp(x))) shifted by the largest term, which then counts 1 exactly: nothing overflows."""
    top = peak(xs)
    if not math.isfinite(top):
        return top
    # Leave the largest term out of the sum and let log1p add it back: small tails are not lost.
    rest = [math.exp(x - top) for x in xs]
    rest.remove(1.0)
    return top + math.log1p(math.fsum(rest))
