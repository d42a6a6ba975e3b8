"""A derivative judged by values of the function alone: does a computed number agree, differ, or can nobody tell?

This file knows floats and functions of one float, and nothing of how the number was computed.

At 15 evenly spaced points the function is written as a sum of orthonormal polynomials. A smooth function shows in the
first coefficients; what the last ones hold is no part of it that these points resolve, but rounding inside the
function (which is even over all coefficients), or curvature that the points are too far apart for. Their size, times
what the derivative makes of it, is the doubt. One that is too large for the question asked is made smaller by points
further apart if the coefficients have levelled out, and by closer ones if they have not. Next to a kink, a pole or the
end of a domain the points lie on one side.

Nothing is accused on the word of one step. What contradicts the computed number has to hold at every step that
resolves the function, and values that jump between neighbouring floats are taken as rounding at smaller steps too,
where they may not show: ``(x + 1e8) - 1e8`` is a staircase, flat between its steps.

References
----------
G. E. Forsythe, *Generation and use of orthogonal polynomials for data-fitting with a digital computer*, J. SIAM 5
(1957); J. J. Moré, S. M. Wild, *Estimating computational noise*, SIAM J. Sci. Comput. 33 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby
from operator import mul
from typing import Literal, NamedTuple, cast

Verdict = Literal["agrees", "differs", "cannot tell"]

_HALF = 7  # points on either side
_TAIL = 4  # the last coefficients, which tell the noise
_SURE = 10.0  # doubts that a contradiction has to exceed
_CREDIBLE = 1e-3  # of the slope: what doubts more says nothing
_UNIT = 2.0**-53
_SMALLEST = 2.0**-1011  # below, numbers are rounded as if they were as large
_FACTORS, _OTHERS = (5209 / 4096, 5 / 4), (3343 / 4096, 3 / 4)  # of a spacing: in few bits, so that points are exact
_CLOSE = 8  # units of x: points closer than that are all rounded in the same way, which looks smooth
_ROUNDING = 2.0**-20  # of the function, or of 1: what jumps more is a jump of the function itself


class Judgement(NamedTuple):
    """What differences say of a computed derivative: the verdict, their number, its doubt, and why they cannot tell."""

    verdict: Verdict
    derivative: float
    doubt: float
    reason: str = ""
    negligible: bool = False  # cannot tell, but the doubt, and so the derivative, is nothing next to the function


class _Fit(NamedTuple):
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
        gap = 0.0 if number == self.slope else abs(self.slope - number)  # infinities
        return not gap <= rtol * min(max(abs(self.slope), abs(number)), 1e308) + _SURE * (self.doubt + doubt)

    def settles(self, number: float, rtol: float) -> bool:
        """Whether it agrees, and would have noticed."""
        allowed = rtol * max(abs(self.slope), abs(number))
        return _SURE * self.doubt <= allowed and not self.contradicts(number, rtol)

    def is_level(self, number: float, rtol: float) -> bool:
        """Whether this is the top or bottom of a curve, which is as level as differences can tell."""
        level = max(abs(self.slope), abs(number)) <= _CREDIBLE * self.reach
        return level and _SURE * self.doubt <= rtol * self.reach

    def is_credible(self) -> bool:
        return self.reach == 0.0 or self.doubt <= _CREDIBLE * max(abs(self.slope), self.reach)


def judge(f: Callable[[float], float | str], x: float, computed: float, rtol: float) -> Judgement:
    """Hold a computed derivative of f at x against differences.

    `f` gives a number or, where its number has nothing to do with the derivative at x, a str that says why.
    """
    values = _Values(f, x)
    if isinstance(values.here, str):
        return Judgement("cannot tell", math.nan, math.inf, values.here)
    fits: dict[tuple[int, int], _Fit | str] = {}

    def agrees(exponent: int, side: int) -> bool:
        fit = fits[exponent, side] = _fit(values, x, _spacing(x, exponent, _FACTORS), side)
        return isinstance(fit, _Fit) and fit.settles(computed, rtol)

    def usable() -> list[_Fit]:
        return [fit for fit in fits.values() if isinstance(fit, _Fit)]

    def judged(fits: Sequence[_Fit]) -> Judgement:
        return _settled(fits, computed, rtol, _CREDIBLE * rtol * abs(cast(float, values.here)) / max(abs(x), 1.0))

    exponents, first = _exponents(x)
    for exponent in _walk(fits, exponents, first, _ROUNDING * max(abs(values.here), 1.0)):
        if agrees(exponent, 0):
            return judged(usable()[-1:])
    found = judged(usable())
    if found.verdict == "agrees" or found.negligible:
        return found
    for side in (0, 1, -1):
        for exponent in exponents:
            if (exponent, side) in fits or not agrees(exponent, side):
                continue
            if not any(fit.is_credible() and fit.contradicts(computed, rtol) for fit in usable()):
                return judged(usable()[-1:])
    kept = _with_rounding(values, x, usable())
    while (found := judged(kept)).verdict == "differs":
        false = [fit for fit in kept if fit.slope == found.derivative and not _is_confirmed(values, x, fit, rtol)]
        if not false:
            break
        kept = [fit for fit in kept if fit not in false]
    obstacles = [fit for fit in fits.values() if isinstance(fit, str) and fit != _COARSE]
    if found.reason == _UNSETTLED and obstacles:
        found = found._replace(reason=obstacles[-1])
    return found


_UNSETTLED = "differences do not settle"
_COARSE = "floats lie too far apart here"


# -- Values and points -----------------------------------------------------------------------------------------------


class _Values:
    """The function, each number computed once; a str where there is none."""

    def __init__(self, f: Callable[[float], float | str], x: float) -> None:
        self._f = f
        here = f(x)
        self.here = here if isinstance(here, str) or math.isfinite(here) else "not finite here"
        self._known: dict[float, float | str] = {x: self.here}

    def __call__(self, t: float) -> float | str:
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


def _exponents(x: float) -> tuple[list[int], int]:
    """Of spacings, in powers of two: from wide to narrow; and the first to try.

    They lie around the size of x, and for a small x around 1 as well; a few lie between.
    """
    size = (math.frexp(x)[1] if x else 1) - 5  # seven points reach a quarter of the size
    exponents = set(range(size + 3, size - 52, -3))
    if size + 3 < -1:
        exponents.update(range(-1, max(size, -28), -3))
        exponents.update(range(size, -28, max(3, (-28 - size) // 24)))
    if x == 0.0:
        exponents.update(range(size, -1000, -40))
    return sorted((e for e in exponents if -1070 < e < 1020), reverse=True), size


def _spacing(x: float, exponent: int, factors: tuple[float, float]) -> float:
    """About a power of two, but no round number: a function's own steps would hide between such points."""
    room = exponent - math.frexp(math.ulp(x))[1]
    return math.ldexp(factors[0] if room > 15 else factors[1] if room > 3 else 1.0, exponent)


def _walk(
    fits: dict[tuple[int, int], _Fit | str], exponents: Sequence[int], first: int, rounding: float
) -> Iterator[int]:
    """Spacings from a first one on: wider ones while the coefficients are level, else narrower ones.

    Wider than the others only where this makes rounding harmless, and not a function's own steps.
    """
    far = [exponents[0] + 3 * k for k in range(14, 0, -1)]
    path = [*far, *exponents]
    k = path.index(first)
    while k < len(path) and (path[k], 0) not in fits:
        yield path[k]
        fit = fits[path[k], 0]
        if isinstance(fit, str) or not fit.level:
            k += 1
        elif k > len(far):
            k = k - 1 if fit.reach else len(far)  # where it is flat, see whether it is everywhere
        elif k == 0 or not fit.reach or fit.noise > rounding:
            break
        else:
            k -= 1


# -- Polynomials -----------------------------------------------------------------------------------------------------


@cache
def _polynomials() -> tuple[list[list[float]], list[float], list[float]]:
    """Orthonormal on the integers from -7 to 7: their values there, their slopes at 0 and 7; without the constant."""
    n = 2 * _HALF + 1
    points = [float(u) for u in range(-_HALF, _HALF + 1)]

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
    return [list(row) for row in zip(*columns)], slopes[_HALF], slopes[-1]


_PLACES = {  # of the points, in spacings: from afar, for that is where something is in the way
    0: [s * i for i in range(_HALF, 0, -1) for s in (1, -1)],
    1: list(range(2 * _HALF, 0, -1)),
    -1: list(range(-2 * _HALF, 0)),
}
_FLAT = 2.0**-10  # of the operand, or of 1: over more than this a function may well bend without a trace


def _fit(f: _Values, x: float, spacing: float, side: int) -> _Fit | str:
    """The function at the points of one spacing; a str if they cannot be used."""
    if x + spacing == x or x - spacing == x:
        return _COARSE
    here = f.here
    assert isinstance(here, float)
    size = abs(here)
    shrink = 1.0 if size < 1e300 else 2.0**-20  # differences may overflow
    deltas = [0.0] * (2 * _HALF + 1)
    centre = _HALF * (1 - side)  # the place of x among the points
    for i in _PLACES[side]:
        y = f(x + i * spacing)
        if isinstance(y, str):
            return y
        deltas[centre + i] = shrink * y - shrink * here
        size = max(size, abs(y))
    widest = max(map(abs, deltas))
    rows, middle, end = _polynomials()
    coefficients = [sum(map(mul, row, deltas)) for row in rows]
    if widest:
        rounding, extent = _UNIT * max(size, _SMALLEST), spacing
    else:  # it may be made of larger numbers, as log(1 + exp(x)) is
        rounding, extent = _UNIT * max(size, 1.0), min(spacing, _FLAT * min(abs(x) or 1.0, 1.0))
    noise = max(max(map(abs, coefficients[-_TAIL:])), shrink * rounding)
    head = max([k + 1 for k, c in enumerate(coefficients[:-_TAIL]) if abs(c) > 3.0 * noise], default=0)
    level = head < len(coefficients) - _TAIL - 1
    slopes = middle if side == 0 else end if side < 0 else [-d if k % 2 else d for k, d in enumerate(end)]
    amplification = math.hypot(*slopes[: head + 2]) / extent
    return _Fit(
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


# -- All together ----------------------------------------------------------------------------------------------------


def _settled(fits: Sequence[_Fit], computed: float, rtol: float, slight: float) -> Judgement:
    """What fits say together: only what no fit with closer points contradicts counts, and of this the surest."""
    standing: list[_Fit] = []
    torn: list[_Fit] = []  # what contradicts another one with points as close
    credible = [fit for fit in fits if fit.is_credible()]
    for _, group in groupby(sorted(credible, key=lambda fit: fit.spacing), key=lambda fit: fit.spacing):
        new = [
            fit
            for fit in group
            if not any(fit.contradicts(o.slope, rtol, o.doubt) for o in standing if fit.side * o.side >= 0)
        ]
        for fit in new:
            (torn if any(fit.contradicts(o.slope, rtol, o.doubt) for o in new) else standing).append(fit)
    best = min(standing + torn, key=lambda fit: fit.doubt, default=None)
    if best is None or best in torn:
        return Judgement("cannot tell", math.nan, math.inf, _kink(torn, rtol) or _UNSETTLED)
    if best.contradicts(computed, rtol):
        against = {fit.spacing for fit in standing if fit.contradicts(computed, rtol)}
        if len(against) > 1:
            return Judgement("differs", best.slope, best.doubt)
        return Judgement("cannot tell", best.slope, best.doubt, _UNSETTLED)
    flat = computed == 0.0 == best.reach
    if best.settles(computed, rtol) or flat or any(fit.is_level(computed, rtol) for fit in standing):
        return Judgement("agrees", best.slope, best.doubt)
    reason = f"rounding in the function leaves a doubt of {best.doubt:.0e}"
    nothing = _SURE * best.doubt <= slight or (best.reach == 0.0 and abs(computed) <= slight)
    return Judgement("cannot tell", best.slope, best.doubt, reason, nothing)


def _is_confirmed(f: _Values, x: float, fit: _Fit, rtol: float) -> bool:
    """Whether other points say the same: what repeats itself may look smooth at evenly spaced ones."""
    other = _fit(f, x, _spacing(x, math.frexp(fit.spacing)[1] - 1, _OTHERS), fit.side)
    if isinstance(other, str) or other.spacing == fit.spacing or other.contradicts(fit.slope, rtol, fit.doubt):
        return False
    return other.doubt <= _SURE * fit.doubt or other.is_credible()


def _kink(fits: Sequence[_Fit], rtol: float) -> str:
    left, right = (min([f for f in fits if f.side == s], key=lambda f: f.doubt, default=None) for s in (-1, 1))
    if left is None or right is None or not left.contradicts(right.slope, _CREDIBLE, right.doubt):
        return ""
    return f"a kink: the slope is {left.slope:.4g} to the left and {right.slope:.4g} to the right"


def _with_rounding(f: _Values, x: float, fits: Sequence[_Fit]) -> list[_Fit]:
    """The fits, with rounding that shows at wider points; without those across a jump of the function itself."""
    known = 0.0
    kept: list[_Fit] = []
    far = [fit for fit in fits if fit.spacing >= _CLOSE * math.ulp(x)]
    trend = min((fit for fit in far if fit.is_credible()), key=lambda fit: fit.spacing, default=None)
    for fit in sorted(far, key=lambda fit: -fit.spacing):
        if fit.noise > 32.0 * _UNIT * fit.size:
            ends = (2 * fit.side * _HALF,) if fit.side else (_HALF, -_HALF)
            slope = trend.slope if trend else 0.0
            jump = max(_jump(f, x, end * fit.spacing, slope, fit.noise / 16.0) for end in ends)
            if jump > _ROUNDING * max(fit.size, 1.0):
                continue
            known = max(known, jump)
        noise = max(fit.noise, known)
        kept.append(fit._replace(noise=noise, doubt=noise * fit.amplification))
    return kept


def _jump(f: _Values, x: float, width: float, slope: float, least: float) -> float:
    """By how much the function, less a line, jumps between two neighbouring floats; 0.0 for less than `least`."""

    def rest(t: float) -> float:
        y = f(t)
        return math.nan if isinstance(y, str) else y - slope * (t - x)

    low, high = x, x + width
    y, z = rest(low), rest(high)
    changes: list[float] = []  # over intervals each of which is half of the one before
    while abs(z - y) >= least:
        changes.append(abs(z - y))
        middle = low + 0.5 * (high - low)
        if middle in (low, high):
            return changes[-1] if changes[-1] > changes[-5:][0] / 4.0 else 0.0  # that of a smooth one halves each time
        m = rest(middle)
        if abs(m - y) > abs(z - m):
            high, z = middle, m
        else:
            low, y = middle, m
    return 0.0
