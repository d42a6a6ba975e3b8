"""Fixed points for every operation, with the bounds between which its value and its partials must lie.

The bounds come from `reference` alone: mpmath's answer, give or take some ulp. They are floats, made once, so that
comparing takes no time: mutation testing compares thousands of times.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any

import reference
from reference import mp, mpf

from autodiff.operation import OPERATIONS, Op

R = (-inf, inf)
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "acos": ((-1.0, 1.0),),
    "acosh": ((1.0, inf),),
    "asin": ((-1.0, 1.0),),
    "atanh": ((-1.0, 1.0),),
    "log": ((0.0, inf),),
    "log10": ((0.0, inf),),
    "log1p": ((-1.0, inf),),
    "log2": ((0.0, inf),),
    "part": ((0.0, inf), (0.0, inf)),
    "pow": ((0.0, inf), R),
    "power_log": ((0.0, inf), R),
    "power_slope": ((0.0, inf), R),
    "sqrt": ((0.0, inf),),
}
"""Where each operation is defined, if not for all numbers."""

_SIZES = [5e-324, 3e-310, 1e-300, 1e-150, 1e-20, 1e-8, 0.1, 0.3, 0.5, 0.75, 1.3, 1.5, 2.0, 2.75, 3.0, 4.2, 5.0, 7.3]
_SIZES += [math.nextafter(1.0, 0.0), 1.0, math.nextafter(1.0, 2.0), 10.3, 20.0, 26.1, 27.1, 30.7, 34.9, 36.6, 38.3]
_SIZES += [40.5, 50.0, 100.3, 300.0, 500.9, 699.0, 705.2, 709.5, 740.3, 745.0, 1000.0, 1023.5, 1070.0, 1080.0]
_SIZES += [12345.6, 1e8, 1e17, 1e100, 1e155, 1e200, 1e300, 1.7976931348623157e308]
_SIZES += [563416747700.2246, 1.5986289000543612e74, 2.331386745148063e283]  # next to multiples of pi/2
_NUMBERS = [s * x for x in _SIZES for s in (1.0, -1.0)]

_FEW = [-7.3, -2.0, -1.0, -0.4, 0.3, 1.0, 2.5, 3.0, 11.0]
_TWO = list(itertools.product(_FEW, repeat=2))
_TWO += [(1e-300, 1e-160), (3e200, -4e200), (1e-200, 2e-200), (-1e300, 1e-300), (1e-300, 0.1), (1e100, 0.3)]
_TWO += [(1.0000001, 1e9), (3.0, 1e-18), (40.1, -2.3), (-40.1, 1.7), (-300.2, 299.7), (700.5, -0.3), (-699.0, 2.0)]
_TWO += [(-701.0, 3.0), (-740.0, 1e5), (1e-5, 60.1), (0.5, -1022.0), (1e16, 1.0), (1.0, -1e16), (1e10, -29.3)]
_LISTS = [[1.7], [-0.3, 2.2], [3.0, -1.5, 0.7], [1e16, 1.0, -1e16], [0.1] * 10, [1.1, 2.3, -3.7, 4.9, 0.6], [7.0, 7.0]]
_LISTS += [[-30.0, 2.0, 1.0, 1.5], [-65.3, 0.7, 1e-5], [0.9, 1e5, -65.3], [1e-200, 3e250, 2e-40]]
_TRIPLES = [
    [0.5, -1.0, 2.0],
    [-3.0, -1.0, 2.0],
    [5.0, -1.0, 2.0],
    [0.5, 2.0, -1.0],
    [3.0, 2.0, -1.0],
    [-3.0, 2.0, -1.0],
]

# In ulp, where the bar is not 4: derivatives of the derivatives are products of three rounded factors.
_BARS = {"sech2": 6.0, "power_slope": 6.0, "power_log": 6.0, "odds_share": 6.0, "turn": 6.0, "direction": 6.0}
_BARS |= {"silu_slope": 6.0, "gelu_slope": 6.0, "elu_slope": 6.0}


@dataclass(frozen=True)
class Answer:
    """An operation at a point, with a lower and an upper bound for the value and for each partial."""

    name: str
    operands: tuple[Any, ...]
    value: tuple[float, float]
    partials: tuple[tuple[float, float] | None, ...]
    """None where there is no partial, or where intermediate results are subnormal or overflow."""


def _rounded(x: Any) -> float:
    return math.copysign(inf, x) if abs(x) > mpf(2) ** 1024 * (1 - mpf(2) ** -54) else float(x)


def bounds(true: Any, ulps: float) -> tuple[float, float]:
    """The floats some ulp below and above an exact number; for an infinity itself, twice."""
    if mp.isinf(true):
        return float(true), float(true)
    margin = mpf(ulps) * reference.ulp(true)
    return _rounded(true - margin), _rounded(true + margin)


def _value_condition(name: str, operands: tuple[Any, ...]) -> Any:
    if name == "logsumexp":
        return (max(map(abs, operands[0])) + math.log(len(operands[0]))) / abs(reference.value(name, *operands))
    if name == "dot":
        return mp.fsum(abs(mpf(x) * y) for x, y in zip(*operands)) / abs(reference.value(name, *operands))
    condition = reference.VALUE_CONDITIONS.get(name)
    return max(1, condition(*map(mpf, operands))) if condition else 1


def _partial_bar(name: str, k: int, operands: tuple[Any, ...]) -> Any:
    bar = _BARS.get(name, 4.0)
    if (name, k) in reference.PARTIAL_CONDITIONS:
        return bar * max(1, reference.PARTIAL_CONDITIONS[name, k](*map(mpf, operands)))
    if name not in ("power_slope", "power_log"):
        return bar
    a, b = map(mpf, operands)
    term = b * mp.log(a)
    rounded = 1 + abs(mp.log(a)) * (1 + abs(b))  # the error of b - 1 is multiplied by log(a)
    summed = (1 + abs(term)) / max(abs(1 + term), mpf(10) ** -40)
    return bar * rounded * (summed if k == ("power_log", "power_slope").index(name) else 1)


def _ordinary(x: Any) -> bool:
    return x == 0 or mpf(2) ** -960 < abs(x) < mpf(2) ** 1000


def _points(op: Op) -> Iterator[tuple[Any, ...]]:
    if op.arity:
        points = _TWO if op.arity == 2 else [(x,) for x in _NUMBERS]
        yield from (p for p in points if all(low <= x <= high for x, (low, high) in zip(p, op.domain)))
    elif op.name == "dot":
        yield from (([*xs], [x + 0.5 for x in reversed(xs)]) for xs in _LISTS)
    else:
        yield from ((xs,) for xs in (_TRIPLES if op.name in ("clip", "where") else _LISTS))


def _answer(name: str, operands: tuple[Any, ...]) -> Answer:
    y = reference.value(name, *operands)
    try:
        true = reference.partials(name, *operands)
    except ZeroDivisionError:  # at a pole: the table of edge cases has it
        true = []
    found: list[tuple[float, float] | None] = []
    for k, t in enumerate(true):
        sizes = [y, t, *(x for x in operands if isinstance(x, float))]
        if name == "power_slope":
            sizes.append(mp.power(operands[0], operands[1] - 2.0))  # a factor of its partials
        usable = all(map(_ordinary, sizes))
        found.append(bounds(t, _partial_bar(name, k, operands)) if usable else None)
    return Answer(name, operands, bounds(y, 4.0 * _value_condition(name, operands)), tuple(found))


@cache
def answers(name: str) -> list[Answer]:
    """What an operation must give at its points."""
    return [_answer(name, p) for p in _points(OPERATIONS[name])]


def _side(x: float) -> int:
    return (x > 0.0) - (x < 0.0)


def _of_the_first(a: float, b: float = 0.0) -> int:
    return _side(a)


def _of_the_difference(a: float, b: float) -> int:
    return (a > b) - (a < b)


def _of_the_interval(a: float) -> int:
    return 0 if abs(a) == 1.0 else 1 if abs(a) < 1.0 else -1


def _of_the_origin(a: float, b: float) -> int:
    return int((a, b) != (0.0, 0.0))


SINGULAR = {
    **dict.fromkeys(("abs", "cbrt", "log", "log10", "log2", "relu", "sign", "sqrt", "step"), _of_the_first),
    **dict.fromkeys(("elu", "elu_slope", "leak", "leaky_relu", "pow", "power_log", "power_slope"), _of_the_first),
    **dict.fromkeys(("above", "exceeds", "maximum", "minimum", "reaches", "share"), _of_the_difference),
    **dict.fromkeys(("acos", "asin", "atanh"), _of_the_interval),
    **dict.fromkeys(("direction", "hypot", "turn"), _of_the_origin),
    "acosh": lambda a: _side(a - 1.0),
    "atan2": lambda a, b: _side(a) if b < 0.0 else _of_the_origin(a, b),  # the angle jumps at a = 0 > b
    "div": lambda a, b: _side(b),
    "log1p": lambda a: _side(a + 1.0),
    "part": lambda a, b: _side(a + b),
    "tan": lambda a: _side(math.cos(a)),
}
"""On which side of its singular set a point lies, 0 for on it, of each operation that has one."""
