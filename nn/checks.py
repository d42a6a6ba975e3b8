"""Numbers that a user gives: checked once, in words that say what was expected and what came."""

from __future__ import annotations

import math
import operator
from typing import Any

from autodiff.operation import real

__all__ = ["finite", "whole"]


def finite(
    x: Any,
    what: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> float:
    """Check a finite real number.

    Parameters
    ----------
    x : real number
        What was given; a bool is none.
    what : str
        What it is, with its article, for the message.
    least, above, most, below : float
        The bounds: ``least <= x <= most``, ``above < x < below``.

    Returns
    -------
    float
        The number.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is nan, infinite or out of bounds.

    Examples
    --------
    >>> finite(0.9, "the momentum", least=0.0, below=1.0)
    0.9
    >>> finite(1, "the momentum", least=0.0, below=1.0)
    Traceback (most recent call last):
        ...
    ValueError: the momentum is finite and at least 0 and below 1, got 1
    """
    if isinstance(x, bool):
        raise TypeError(f"{what} is a real number, got bool: {x}")
    try:
        number = real(x)
    except TypeError:
        raise TypeError(f"{what} is a real number, got {type(x).__name__}: {x!r:.60}") from None
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and least <= number <= most and above < number < below):
        bounds = (("at least", least), ("above", above), ("at most", most), ("below", below))
        told = [f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound)]
        raise ValueError(f"{what} is {' and '.join(['finite', *told])}, got {x!r:.60}")
    return number


def whole(x: Any, what: str, least: int = 0) -> int:
    """Check a whole number.

    Parameters
    ----------
    x : int
        What was given; a bool is none, and no float.
    what : str
        What it is, with its article, for the message.
    least : int
        The smallest that is allowed.

    Returns
    -------
    int
        The number.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is too small.

    Examples
    --------
    >>> whole(3, "the number of steps")
    3
    """
    try:
        number = operator.index(x)
    except TypeError:
        number = None
    if number is None or isinstance(x, bool):
        raise TypeError(f"{what} is a whole number, got {type(x).__name__}: {x!r:.60}")
    if number < least:
        raise ValueError(f"{what} is at least {least}, got {x}")
    return number
