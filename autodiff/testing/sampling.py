"""Points all over the domain of an operation, and nowhere else: of every size, next to its ends, and of like size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from random import Random

from autodiff.operation import Interval

_MODERATE, _WIDE, _EVERY = (-3.0, 2.0), (-8.0, 6.5), (-30.0, 12.0)  # decades


def points(domains: Sequence[Interval], count: int, random: Random) -> Iterator[list[float]]:
    """Points of a product of intervals: each operand runs through its interval by itself, in an order of its own.

    A quarter of the points have operands that are near each other.
    """
    columns = [list(_column(domain, count, random)) for domain in domains]
    for column in columns:
        random.shuffle(column)
    for k, point in enumerate(zip(*columns)):
        operands = list(point)
        if k % 4 == 3:
            for j, (low, high) in enumerate(domains[1:], 1):
                x = operands[0] * (1.0 + random.choice((1.0, -1.0)) * 10.0 ** random.uniform(-5.0, 0.3))
                operands[j] = x if low < x < high else operands[j]
        yield operands


def _column(domain: Interval, count: int, random: Random) -> Iterator[float]:
    """As many numbers inside an interval: each of its parts is cut into as many pieces as it gets numbers."""
    parts = list(_parts(*domain))
    shares = [int(count * weight) for weight, _ in parts]
    shares[0] += count - sum(shares)
    for share, (_, place) in zip(shares, parts):
        for k in range(share):
            x = place((k + random.uniform(0.01, 0.99)) / share)
            yield min(max(x, math.nextafter(domain[0], math.inf)), math.nextafter(domain[1], -math.inf))


def grids(domain: Interval, count: int) -> Iterator[list[float]]:
    """About as many numbers inside an interval, at even steps in each of its parts."""
    low, high = math.nextafter(domain[0], math.inf), math.nextafter(domain[1], -math.inf)
    for weight, place in _parts(*domain):
        share = int(count * weight)
        yield [min(max(place((k + 0.37) / share), low), high) for k in range(share)]


Place = Callable[[float], float]


def _parts(low: float, high: float) -> Iterator[tuple[float, Place]]:
    """The parts of an interval: a share of all numbers, and a map from 0 to 1 onto the part."""
    if low < 0.0 < high:
        for share, place in (*_parts(low, 0.0), *_parts(0.0, high)):
            yield 0.5 * share, place
    elif math.isinf(high) or math.isinf(low):
        end, sign = (low, 1.0) if math.isinf(high) else (high, -1.0)
        for share, decades in ((0.4, _MODERATE), (0.5, _WIDE), (0.1, _EVERY)):
            yield share, _scaled(end, sign, decades)
    else:
        half = math.log10(0.5 * (high - low))
        yield 0.4, lambda u: low + (high - low) * u
        yield 0.3, _scaled(low, 1.0, (half - 8.0, half))
        yield 0.3, _scaled(high, -1.0, (half - 8.0, half))


def _scaled(origin: float, sign: float, decades: tuple[float, float]) -> Place:
    low, high = decades
    if origin:  # as near as floats are to each other
        low = max(low, math.log10(math.ulp(origin)) + 1.0)
    return lambda u: origin + sign * 10.0 ** (low + (high - low) * u)
