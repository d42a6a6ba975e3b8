"""Derivatives by central differences, extrapolated to step zero, with an estimate of their error.

References
----------
C. J. F. Ridders, *Accurate computation of F'(x) and F'(x) F''(x)*, Advances in Engineering Software 4 (1982);
W. H. Press et al., *Numerical Recipes*, 3rd edition, section 5.7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

_RATIO = 4.0  # of one step to the next
_ROWS = 6  # steps that are extrapolated together
_STEPS = 22  # from a quarter of the operand's size down to where differences are noise
_SURE = 1e-10  # an extrapolation as good as this ends the search
_UNSURE = 1e-3  # one as bad as this says nothing


class Sample(NamedTuple):
    """What a function gives at a point: its numbers, and on which side of its singular set each operation is."""

    numbers: Sequence[float]
    sides: Sequence[tuple[str, float]]


class Estimate(NamedTuple):
    """A derivative by differences, its uncertainty, and if it says nothing the reason."""

    derivative: float
    uncertainty: float
    skipped: str


def difference(f: Callable[[float], Sample], x: float, here: Sample) -> list[Estimate]:
    """Differentiate all numbers of a sample with respect to one operand at x, where `here` is the sample."""
    best = [Estimate(math.nan, math.inf, "") for _ in here.numbers]
    reason = "differences do not settle"
    slopes: list[list[float]] = []
    scale = max(abs(x), 1.0)
    for k in range(1, _STEPS + 1):
        h = scale * _RATIO**-k
        high, low = x + h, x - h
        if high == low:
            break
        ends = f(high), f(low)
        obstacle = _obstacle(here, *ends)
        if obstacle:
            reason = obstacle
            slopes = []
            continue
        width = high - low  # not 2 h: the ends are rounded
        pairs = list(zip(ends[0].numbers, ends[1].numbers))
        slopes.append([(p - q) / width for p, q in pairs])
        if len(slopes) >= _ROWS:
            for i, (p, q) in enumerate(pairs):
                value, error = _extrapolated([row[i] for row in slopes[-_ROWS:]])
                error += 2.0**-51 * max(abs(p), abs(q)) / width  # noise
                if error < best[i].uncertainty:
                    best[i] = Estimate(value, error, "")
            known = [(e, abs(y) / scale) for e, y in zip(best, here.numbers) if math.isfinite(y)]
            if all(e.uncertainty <= _SURE * max(abs(e.derivative), size) for e, size in known):
                break
    return [
        _judged(e, abs(y) / scale, reason) if math.isfinite(y) else Estimate(math.nan, math.inf, "not finite here")
        for e, y in zip(best, here.numbers)
    ]


def _judged(e: Estimate, size: float, reason: str) -> Estimate:
    if e.uncertainty <= _UNSURE * max(abs(e.derivative), size, 1e-300):
        return e
    return e._replace(skipped=reason if math.isinf(e.uncertainty) else "differences do not settle")


def _obstacle(here: Sample, *ends: Sample) -> str:
    """Why differences between these points mean nothing; "" if they do."""
    for end in ends:
        if [name for name, _ in end.sides] != [name for name, _ in here.sides]:
            return "the function takes another branch nearby"
        for (name, side), (_, there) in zip(here.sides, end.sides):
            if side != there:
                return f"{name} has a kink or pole {'here' if side == 0.0 else 'nearby'}"
        if not all(math.isfinite(y) for y, before in zip(end.numbers, here.numbers) if math.isfinite(before)):
            return "not finite nearby"
    return ""


def _extrapolated(slopes: Sequence[float]) -> tuple[float, float]:
    """The limit of slopes with ever smaller steps, and its uncertainty (Richardson's extrapolation by Ridders)."""
    value, error = slopes[0], math.inf
    previous = [slopes[0]]
    for slope in slopes[1:]:
        row, factor = [slope], 1.0  # column j of the tableau is free of the errors of order h**2, ..., h**(2 j)
        for before in previous:
            factor *= _RATIO * _RATIO
            row.append((row[-1] * factor - before) / (factor - 1.0))
            change = max(abs(row[-1] - row[-2]), abs(row[-1] - before))
            if change < error:
                value, error = row[-1], change
        previous = row
    return value, error
