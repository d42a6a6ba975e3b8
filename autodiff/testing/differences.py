"""A derivative judged by values of the function alone: does a computed number agree, differ, or can nobody tell?

This file knows floats and functions of one float, and nothing of how the number was computed.

Polynomials are fitted to points further and further apart, or closer and closer, until one is sure enough to agree.
Next to a kink, a pole or the end of a domain the points lie on one side.

Nothing is accused on the word of one step. What contradicts the computed number has to hold at other steps too, and no
closer points may contradict it. Values that jump between neighbouring floats are taken as rounding at closer points
as well, where they may not show: ``(x + 1e8) - 1e8`` is a staircase, flat between its steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple, cast

from autodiff.testing.fits import COARSE, CREDIBLE, HALF, SURE, UNIT, Fit, Values, fitted

Verdict = Literal["agrees", "differs", "cannot tell"]

_FACTORS, _OTHERS = (5209 / 4096, 5 / 4), (3343 / 4096, 3 / 4)  # of a spacing: in few bits, so that points are exact
_CLOSE = 8  # units of x: points closer than that are all rounded in the same way, which looks smooth
_ROUNDING = 2.0**-20  # of the function, or of 1: what jumps more is a jump of the function itself
_UNSETTLED = "differences do not settle"
_NARROW = "what the function does here is too narrow for floats"


class Judgement(NamedTuple):
    """What differences say of a computed derivative: the verdict, their number, its doubt, and why they cannot tell."""

    verdict: Verdict
    derivative: float
    doubt: float
    reason: str = ""
    negligible: bool = False  # cannot tell, but the doubt, and so the derivative, is nothing next to the function


def judge(f: Callable[[float], float | str], x: float, computed: float, rtol: float) -> Judgement:
    """Hold a computed derivative of f at x against differences.

    `f` gives a number or, where its number has nothing to do with the derivative at x, a str that says why.
    """
    values = Values(f, x)
    if isinstance(values.here, str):
        return Judgement("cannot tell", math.nan, math.inf, values.here)
    fits: dict[tuple[int, int], Fit | str] = {}

    def agrees(exponent: int, side: int) -> bool:
        fit = fits[exponent, side] = fitted(values, x, _spacing(x, exponent, _FACTORS), side)
        return isinstance(fit, Fit) and fit.settles(computed, rtol)

    def usable() -> list[Fit]:
        return [fit for fit in fits.values() if isinstance(fit, Fit)]

    def judged(fits: Sequence[Fit]) -> Judgement:
        return _settled(fits, computed, rtol, CREDIBLE * rtol * abs(cast(float, values.here)) / max(abs(x), 1.0))

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
    kept, rounding = _with_rounding(values, x, usable())
    while (found := judged(kept)).verdict == "differs":
        false = [fit for fit in kept if fit.slope == found.derivative and not _is_confirmed(values, x, fit, rtol)]
        if not false:
            break
        kept = [fit for fit in kept if fit not in false]
    if found.verdict == "differs" and any(_pleads(fit, found, computed, rtol, rounding) for fit in usable()):
        return found._replace(verdict="cannot tell", reason="steps disagree: stairs or waves, or rounding")
    if found.verdict == "differs" and not _is_seen_nearby(values, x, found, computed, rtol, fits):
        return found._replace(verdict="cannot tell", reason=_NARROW)
    obstacles = [fit for fit in fits.values() if isinstance(fit, str) and fit != COARSE]
    if found.reason == _UNSETTLED and len(obstacles) > len(usable()):  # else they are far, and something else is near
        found = found._replace(reason=obstacles[-1])
    return found


# -- Steps -----------------------------------------------------------------------------------------------------------


def _exponents(x: float) -> tuple[list[int], int]:
    """Of spacings, in powers of two: from wide to narrow; and the first to try.

    They lie around the size of x, and for a small x around 1 as well; a few lie between.
    """
    size = min(max((math.frexp(x)[1] if x else 1) - 5, -1065), 1016)  # seven points reach a quarter of the size
    exponents = set(range(size + 3, size - 52, -3))
    if size + 3 < -1:
        exponents.update(range(-1, max(size, -28), -3))
        exponents.update(range(size, -28, max(3, (-28 - size) // 24)))
    if x == 0.0:
        exponents.update(range(size, -1000, -40))
    return sorted((e for e in exponents if e >= -1065), reverse=True), size


def _spacing(x: float, exponent: int, factors: tuple[float, float]) -> float:
    """About a power of two, but no round number: a function's own steps would hide between such points."""
    room = exponent - math.frexp(math.ulp(x))[1]
    return math.ldexp(factors[0] if room > 15 else factors[1] if room > 3 else 1.0, exponent)


def _walk(
    fits: dict[tuple[int, int], Fit | str], exponents: Sequence[int], first: int, rounding: float
) -> Iterator[int]:
    """Spacings from a first one on: wider ones while the coefficients are level, else narrower ones.

    Wider than the others only where this makes rounding harmless, and not a function's own steps.
    """
    far = [e for e in range(exponents[0] + 42, exponents[0], -3) if e < 1020]
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


# -- All together ----------------------------------------------------------------------------------------------------


def _settled(fits: Sequence[Fit], computed: float, rtol: float, slight: float) -> Judgement:
    """What fits say together: only what no fit with closer points contradicts counts, and of this the surest."""
    standing: list[Fit] = []
    torn: list[Fit] = []  # what contradicts another one with points as close
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
    if best is None or best in torn or (best.side and torn and all(fit.side for fit in standing)):
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
    nothing = SURE * best.doubt <= slight or (best.reach == 0.0 and abs(computed) <= slight)
    return Judgement("cannot tell", best.slope, best.doubt, reason, nothing)


def _is_confirmed(f: Values, x: float, fit: Fit, rtol: float) -> bool:
    """Whether other points say the same: what repeats itself may look smooth at evenly spaced ones."""
    other = fitted(f, x, _spacing(x, math.frexp(fit.spacing)[1] - 1, _OTHERS), fit.side)
    if isinstance(other, str) or other.spacing == fit.spacing or other.contradicts(fit.slope, rtol, fit.doubt):
        return False
    return other.doubt <= SURE * fit.doubt or other.is_credible()


def _is_seen_nearby(
    f: Values, x: float, found: Judgement, computed: float, rtol: float, fits: dict[tuple[int, int], Fit | str]
) -> bool:
    """Whether a contradiction of wide steps holds on both sides, and for the floats next to x.

    A bend, a wave or a stair that is narrower than a few floats shows nowhere else.
    """
    usable = {key: fit for key, fit in fits.items() if isinstance(fit, Fit)}
    accusing = {key: fit for key, fit in usable.items() if fit.slope == found.derivative}
    ulp, slope, here = math.ulp(x), abs(found.derivative), cast(float, f.here)
    if not math.isfinite(found.doubt):
        return False
    if not math.isfinite(computed):  # it may have no value between these floats, as (-1)**x at 1e16
        nearest = min((exponent for exponent, _ in accusing), default=0)
        whole = ulp >= 1.0 and slope == 0.0
        return not whole and not any(
            e < nearest for (e, _), fit in fits.items() if isinstance(fit, str) and fit != COARSE
        )
    if ulp >= 1.0 and any(abs(computed) * ulp > fit.size > 0.0 for fit in accusing.values()):
        return False  # by the computed number it would change by more than itself from one float to the next
    for exponent, side in accusing:
        if side and (exponent, -side) in usable:  # the other side can be seen: what it or both say is to be the same
            others = [fit for fit in usable.values() if fit.side != side and fit.is_credible()]
            others = [fit for fit in others if fit.contradicts(computed, rtol)]
            if all(fit.contradicts(found.derivative, rtol, found.doubt) for fit in others):
                return False
    if computed == 0.0 and slope * ulp >= 0.99 * math.ulp(here):  # else neighbours are the same in any case
        return here not in (f(x + ulp), f(x - ulp))
    return True


def _pleads(fit: Fit, found: Judgement, computed: float, rtol: float, rounding: float) -> bool:
    """Whether a fit speaks for the computed number and against what was found, before rounding is thought of."""
    if fit.reach == 0.0:
        return computed == 0.0 < rounding
    against = fit.contradicts(found.derivative, rtol, found.doubt)
    return against and fit.is_credible() and not fit.contradicts(computed, rtol)


def _kink(fits: Sequence[Fit], rtol: float) -> str:
    left, right = (min([f for f in fits if f.side == s], key=lambda f: f.doubt, default=None) for s in (-1, 1))
    if left is None or right is None or not left.contradicts(right.slope, CREDIBLE, right.doubt):
        return ""
    return f"a kink: the slope is {left.slope:.4g} to the left and {right.slope:.4g} to the right"


def _with_rounding(f: Values, x: float, fits: Sequence[Fit]) -> tuple[list[Fit], float]:
    """The fits, with the rounding that shows at wider points, and how much that is; without those across a jump."""
    known = 0.0
    kept: list[Fit] = []
    apart = [fit for fit in fits if fit.spacing >= _CLOSE * math.ulp(x)]
    trend = min((fit for fit in apart if fit.is_credible()), key=lambda fit: fit.spacing, default=None)
    for fit in sorted(apart, key=lambda fit: -fit.spacing):
        if fit.noise > 32.0 * UNIT * fit.size:
            ends = (2 * fit.side * HALF,) if fit.side else (HALF, -HALF)
            slope = trend.slope if trend else 0.0
            jump = max(_jump(f, x, end * fit.spacing, slope, fit.noise / 16.0) for end in ends)
            if jump > _ROUNDING * max(fit.size, 1.0):
                continue
            known = max(known, jump)
        noise = max(fit.noise, known)
        kept.append(fit._replace(noise=noise, doubt=noise * fit.amplification))
    return kept, known


def _jump(f: Values, x: float, width: float, slope: float, least: float) -> float:
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
