"""Where the partials of an operation change abruptly: next to such a place a rule may be wrong, if only in a window.

A rule is cheap next to a judgement, so it is looked at in many more points: along lines on which one operand moves,
at even steps of its logarithm, or of itself. A jump shows as a fourth difference far above those around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from autodiff.operation import Op
from autodiff.testing.sampling import grids

_OTHERS = ((0.7, 1.3, 0.4), (-2.5, 30.0, -0.6), (2e4, -3e5, 5e3))  # where the operands that rest are, line by line
_AROUND = range(-20, 21, 4)
_STANDS_OUT = 8.0  # times the lower half of the fourth differences around
_MOST = 20  # jumps of an operation


def jumps(op: Op, size: int, count: int, rtol: float) -> list[list[float]]:
    """Points on both sides of the most abrupt changes, of an operation with as many operands."""
    found: list[tuple[float, list[list[float]]]] = []
    domains = [domain for domain in op.domain for _ in range(size)]
    lines = _OTHERS if len(domains) > 1 else _OTHERS[:1]
    for j, domain in enumerate(domains):
        for others in lines:
            rest = [
                x if low < x < high else _inside(low, high)
                for x, (low, high) in zip([others[k % 3] for k in range(len(domains))], domains)
            ]
            for grid in grids(domain, count // len(lines) // len(domains)):
                line = [[*rest[:j], t, *rest[j + 1 :]] for t in grid]
                for column in zip(*(_partials(op, operands) for operands in line)):
                    found += [(far, line[k - 1 : k + 2]) for far, k in _outliers(column, rtol)]
    found.sort(key=lambda jump: -jump[0])
    return [operands for _, beside in found[:_MOST] for operands in beside]


def _inside(low: float, high: float) -> float:
    if math.isinf(low) or math.isinf(high):
        return low + 1.5 if math.isfinite(low) else high - 1.5
    return low + 0.4 * (high - low)


def _partials(op: Op, operands: list[float]) -> list[float]:
    """Its partials; infinite where they are no number, and nan where there is no value."""
    try:
        y = op.value(*op.grouped(operands))
        if math.isfinite(y):
            partials = [0.0 if p is None else float(p) for p in op.partials(y, operands, [True] * len(operands))]
            return [p if math.isfinite(p) else math.inf for p in partials]
    except (ArithmeticError, ValueError, TypeError):
        pass
    return [math.nan] * len(operands)


def _outliers(numbers: Sequence[float], rtol: float) -> Iterator[tuple[float, int]]:
    """How far the fourth difference stands out, and where: once a jump. Whatever is no number stands out."""
    a, b, c, d, e = (numbers[k : len(numbers) - 4 + k] for k in range(5))
    bends = [abs(p - 4.0 * q + 6.0 * r - 4.0 * s + t) for p, q, r, s, t in zip(a, b, c, d, e)]
    for k, (before, here) in enumerate(pairwise(numbers[1:-1]), 2):
        if (before == math.inf and math.isfinite(here)) or (here == math.inf and math.isfinite(before)):
            yield math.inf, k
    last = len(bends) - 1
    for k, bend in enumerate(bends):
        if bend > rtol * abs(numbers[k + 2]) and bend >= max(bends[max(k - 1, 0)], bends[min(k + 1, last)]):
            around = sorted(bends[min(max(k + i, 0), last)] for i in _AROUND)
            usual = around[len(around) // 2 - 1]
            if bend > _STANDS_OUT * usual:
                yield bend / (usual + 1e-3 * rtol * abs(numbers[k + 2]) + 5e-324), k + 2
