"""Derivatives by central differences, extrapolated to step zero, with an estimate of their error.

References
----------
C. J. F. Ridders, *Accurate computation of F'(x) and F'(x) F''(x)*, Advances in Engineering Software 4 (1982);
W. H. Press et al., *Numerical Recipes*, 3rd edition, section 5.7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
    steps: list[float] = []
    slopes: list[list[float]] = []
    noise = [0.0] * len(best)
    scale = max(abs(x), 1.0)
    finite = [math.isfinite(y) for y in here.numbers]
    for k in range(1, _STEPS + 1):
        h = scale * _RATIO**-k
        high, low = x + h, x - h
        if high == low:
            break
        ends = f(high), f(low)
        obstacle = _obstacle(here, *ends)
        if obstacle:
            reason = obstacle
            steps, slopes = [], []
            continue
        width = high - low  # not 2 h: the ends are rounded
        steps.append(h)
        slopes.append([(p - q) / width for p, q in zip(ends[0].numbers, ends[1].numbers)])
        noise = [2.0**-51 * max(abs(p), abs(q)) / width for p, q in zip(ends[0].numbers, ends[1].numbers)]
        if len(slopes) >= _ROWS:
            for i, column in enumerate(zip(*slopes[-_ROWS:])):
                value, error = _extrapolated(column)
                if error + noise[i] < best[i].uncertainty:
                    best[i] = Estimate(value, error + noise[i], "")
            if all(_sure(e, y / scale) for e, y, known in zip(best, here.numbers, finite) if known):
                break
    return [
        _judged(e, abs(y) / scale, reason) if known else Estimate(math.nan, math.inf, "not finite here")
        for e, y, known in zip(best, here.numbers, finite)
    ]


def _sure(e: Estimate, size: float) -> bool:
    return e.uncertainty <= _SURE * max(abs(e.derivative), abs(size))


def _judged(e: Estimate, size: float, reason: str) -> Estimate:
    if not e.uncertainty <= _UNSURE * max(abs(e.derivative), size, 1e-300):
        why = reason if math.isinf(e.uncertainty) or e.uncertainty != e.uncertainty else "differences do not settle"
        return Estimate(e.derivative, e.uncertainty, why)
    return e


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
        row = list(_row(slope, previous))
        for j in range(1, len(row)):
            change = max(abs(row[j] - row[j - 1]), abs(row[j] - previous[j - 1]))
            if change < error:
                value, error = row[j], change
        previous = row
    return value, error


def _row(slope: float, previous: Sequence[float]) -> Iterator[float]:
    """One row of the tableau: column j is free of the errors of order h**2, ..., h**(2 j)."""
    yield slope
    factor = 1.0
    for before in previous:
        factor *= _RATIO * _RATIO
        slope = (slope * factor - before) / (factor - 1.0)
        yield slope
