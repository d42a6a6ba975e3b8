"""A function near a point as a polynomial: its slope there, and how far to trust it.

At 15 evenly spaced points the function is written as a sum of orthonormal polynomials. A smooth function shows in the
first coefficients; what the last ones hold is no part of it that these points resolve, but rounding inside the
function (which is even over all coefficients), or curvature that the points are too far apart for. Their size, times
what the derivative makes of it, is the doubt. It gets smaller with points further apart if the coefficients have
levelled out, and with closer ones if they have not.

References
----------
G. E. Forsythe, *Generation and use of orthogonal polynomials for data-fitting with a digital computer*, J. SIAM 5
(1957); J. J. Moré, S. M. Wild, *Estimating computational noise*, SIAM J. Sci. Comput. 33 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from operator import mul
from typing import NamedTuple

HALF = 7  # points on either side
SURE = 10.0  # doubts that a contradiction has to exceed
CREDIBLE = 1e-3  # of the slope: what doubts more says nothing
UNIT = 2.0**-53
COARSE = "floats lie too far apart here"
_TAIL = 4  # the last coefficients, which tell the noise
_SMALLEST = 2.0**-1011  # below, numbers are rounded as if they were as large
_FLAT = 2.0**-10  # of the operand, or of 1: over more than this a function may well bend without a trace


class Values:
    """The function, each number computed once; a str where there is none."""

    def __init__(self, f: Callable[[float], float | str], x: float) -> None:
        self._f = f
        here = f(x)
        self.here = here if isinstance(here, str) or math.isfinite(here) else "not finite here"
        self._known: dict[float, float | str] = {x: self.here}

    def __call__(self, t: float) -> float | str:  # noqa: D102
        y = self._known.get(t)
        if y is None:
            try:
                y = self._f(t)
                if not isinstance(y, str) and not math.isfinite(y):
                    y = "not finite nearby"
            except (ArithmeticError, ValueError, TypeError) as error:
                y = f"{type(error).__name__} nearby"
            self._known[t] = y
        return y


class Fit(NamedTuple):
    """A function near x as a polynomial: where its points lie, its slope at x, and how far to trust it."""

    spacing: float
    side: int  # the points lie on both sides of x (0), to the right (1) or to the left (-1)
    slope: float
    doubt: float
    noise: float  # of a value
    amplification: float  # of noise in the doubt
    size: float  # of the largest value
    reach: float  # the largest slope of a line from the value at x to another
    level: bool  # whether the coefficients have levelled out: wider is better

    def contradicts(self, number: float, rtol: float, doubt: float = 0.0) -> bool:
        """Whether a number, of some doubt itself, is another slope."""
        gap = 0.0 if number == self.slope else abs(self.slope - number)  # infinities
        return not gap <= rtol * min(max(abs(self.slope), abs(number)), 1e308) + SURE * (self.doubt + doubt)

    def settles(self, number: float, rtol: float) -> bool:
        """Whether it agrees, and would have noticed."""
        allowed = rtol * max(abs(self.slope), abs(number))
        return SURE * self.doubt <= allowed and not self.contradicts(number, rtol)

    def is_level(self, number: float, rtol: float) -> bool:
        """Whether this is the top or bottom of a curve, which is as level as differences can tell."""
        level = max(abs(self.slope), abs(number)) <= CREDIBLE * self.reach
        return level and SURE * self.doubt <= rtol * self.reach

    def is_credible(self) -> bool:
        """Whether the slope has digits at all."""
        return self.reach == 0.0 or self.doubt <= CREDIBLE * max(abs(self.slope), self.reach)


@cache
def _polynomials() -> tuple[list[list[float]], list[float], list[float]]:
    """Orthonormal on the integers from -7 to 7: their values there, their slopes at 0 and 7; without the constant."""
    n = 2 * HALF + 1
    points = [float(u) for u in range(-HALF, HALF + 1)]

    def scale(k: int) -> float:
        return 0.5 * k * math.sqrt((n * n - k * k) / (4.0 * k * k - 1.0))

    columns: list[list[float]] = []
    slopes: list[list[float]] = []
    for u in points:  # u q_k = s_k q_(k-1) + s_(k+1) q_(k+1)
        q, d = [0.0, 1.0 / math.sqrt(n)], [0.0, 0.0]
        for k in range(n - 1):
            before = scale(k) if k else 0.0
            q.append((u * q[-1] - before * q[-2]) / scale(k + 1))
            d.append((q[-2] + u * d[-1] - before * d[-2]) / scale(k + 1))
        columns.append(q[2:])
        slopes.append(d[2:])
    return [list(row) for row in zip(*columns)], slopes[HALF], slopes[-1]


def _near(x: float, spacing: float) -> float:
    """Over what distance a function that shows nothing is taken for straight."""
    return min(spacing, max(_FLAT * min(abs(x) or 1.0, 1.0), 5e-324))


_PLACES = {  # of the points, in spacings: from afar, for that is where something is in the way
    0: [s * i for i in range(HALF, 0, -1) for s in (1, -1)],
    1: list(range(2 * HALF, 0, -1)),
    -1: list(range(-2 * HALF, 0)),
}


def fitted(f: Values, x: float, spacing: float, side: int) -> Fit | str:
    """The function at the points of one spacing; a str if they cannot be used."""
    if x + spacing == x or x - spacing == x:
        return COARSE
    here = f.here
    assert isinstance(here, float)
    size = abs(here)
    shrink = 1.0 if size < 1e300 else 2.0**-20  # differences may overflow
    deltas = [0.0] * (2 * HALF + 1)
    centre = HALF * (1 - side)  # the place of x among the points
    for i in _PLACES[side]:
        y = f(x + i * spacing)
        if isinstance(y, str):
            return y
        deltas[centre + i] = shrink * y - shrink * here
        size = max(size, abs(y))
    widest = max(map(abs, deltas))
    rows, middle, end = _polynomials()
    coefficients = [sum(map(mul, row, deltas)) for row in rows]
    if widest and size >= _SMALLEST:
        rounding, extent = UNIT * size, spacing
    else:  # flat, but perhaps made of larger numbers, as log(1 + exp(x)) is; or all of it may be rounding
        rounding, extent = UNIT * (_SMALLEST if widest else max(size, 1.0)), _near(x, spacing)
    noise = max(max(map(abs, coefficients[-_TAIL:])), shrink * rounding)
    head = max([k + 1 for k, c in enumerate(coefficients[:-_TAIL]) if abs(c) > 3.0 * noise], default=0)
    level = head < len(coefficients) - _TAIL - 1
    slopes = middle if side == 0 else end if side < 0 else [-d if k % 2 else d for k, d in enumerate(end)]
    amplification = math.hypot(*slopes[: head + 2]) / extent
    return Fit(
        spacing,
        side,
        sum(map(mul, slopes[: head if level else None], coefficients)) / spacing / shrink,
        noise * amplification / shrink,
        noise / shrink,
        amplification,
        size,
        widest / (len(deltas) - 1 - centre if side >= 0 else centre) / spacing / shrink,
        level,
    )
