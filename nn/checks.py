"""Numbers that a user gives: checked once, in words that say what was expected and what came."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeVar

T = TypeVar("T")


def expect(fits: bool, told: str, x: Any) -> None:
    """Raise a TypeError that tells what was expected, and what came, unless that fits."""
    if not fits:
        raise TypeError(f"{told}, got {type(x).__name__}: {x!r:.60}")


def finite(
    x: Any,
    what: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> float:
    """The number that is given, if it is real (a TypeError if not), finite and in its bounds (a ValueError if not).

    >>> finite(1, "the momentum", least=0.0, below=1.0)
    Traceback (most recent call last):
        ...
    ValueError: the momentum is finite and at least 0 and below 1, got 1
    """
    expect(isinstance(x, Real) and not isinstance(x, bool), f"{what} is a real number", x)
    try:
        number = float(x)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and least <= number <= most and above < number < below):
        bounds = (("at least", least), ("above", above), ("at most", most), ("below", below))
        told = [f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound)]
        raise ValueError(f"{what} is {' and '.join(['finite', *told])}, got {x!r:.60}")
    return number


def whole(x: Any, what: str, least: int = 0) -> int:
    """The number that is given, if it is whole (a TypeError if not) and not too small (a ValueError if it is)."""
    try:
        number = operator.index(x)
    except TypeError:
        number = None
    if number is None or isinstance(x, bool):
        raise TypeError(f"{what} is a whole number, got {type(x).__name__}: {x!r:.60}")
    if number < least:
        raise ValueError(f"{what} is at least {least}, got {x}")
    return number


def known(name: Any, table: Mapping[str, T], what: str, others: str = "") -> T:
    """What a table has under a name; a ValueError that lists the names if there is nothing."""
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"unknown {what} {name!r:.60}; known are {', '.join(table)}{others}")
    return table[name]
