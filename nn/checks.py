"""What a user gives: checked once, in words that say what was expected and what came.

NumPy's numbers and bools pass for Python's, and are made these.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from numbers import Real
from pathlib import Path
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
    expect(isinstance(x, Real) and not is_flag(x), f"{what} is a real number", x)
    try:
        number = float(x)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and least <= number <= most and above < number < below):
        bounds = (("at least", least), ("above", above), ("at most", most), ("below", below))
        told = [f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound)]
        raise ValueError(f"{what} is {' and '.join(['finite', *told])}, got {x!r:.60}")
    return number


def whole(x: Any, what: str, least: float = 0) -> int:
    """The number that is given, if it is whole (a TypeError if not) and not too small (a ValueError if it is)."""
    try:
        number = None if is_flag(x) else operator.index(x)
    except TypeError:
        number = None
    expect(number is not None, f"{what} is a whole number", x)
    assert number is not None
    if number < least:
        raise ValueError(f"{what} is at least {least}, got {number}")
    return number


def seed_of(x: Any, what: str = "the seed") -> int:
    """The seed that is given, any whole number: Python's generators do not take NumPy's."""
    return whole(x, what, least=-math.inf)


def is_flag(x: Any) -> bool:
    """Whether something is a bool, Python's or NumPy's (which is no number for Python)."""
    return isinstance(x, bool) or (type(x).__module__ == "numpy" and type(x).__name__ in ("bool", "bool_"))


def is_finite(x: Any) -> bool:
    """Whether something is a real number (or a bool) that a float can hold."""
    try:
        return (isinstance(x, Real) or is_flag(x)) and math.isfinite(x)
    except OverflowError:  # an int too large for a float
        return False


def flag(x: Any, what: str) -> bool:
    """The bool that is given; a TypeError if it is none."""
    expect(is_flag(x), f"{what} is True or False", x)
    return bool(x)


def listed(x: Any, what: str) -> list[Any]:
    """The entries of what is given, a list, a tuple, an array or the like; a TypeError if it has none to give."""
    if type(x) is not list:
        expect(isinstance(x, Iterable) and not isinstance(x, (str, bytes)) and getattr(x, "shape", None) != (), what, x)
    return list(x)


def called(f: Any, what: str) -> None:
    """Raise a TypeError unless something can be called; the message says what it is to be."""
    expect(callable(f), f"{what} is a function", f)


def a_path(x: Any, what: str = "path") -> None:
    """Raise a TypeError unless something can be the path of a file; not its number, either."""
    expect(isinstance(x, (str, os.PathLike)), f"{what} is a str or a Path", x)


def number_of(x: Any, what: str) -> float:
    """The number that is given, infinite or nan perhaps; a TypeError if it is none: of a Value its data."""
    if type(x) is float:
        return x
    expect(is_flag(x) or isinstance(x, Real) or (hasattr(x, "__float__") and not hasattr(x, "shape")), what, x)
    return float(x)


MEMORY = "NN_MEMORY"
"""The environment variable that says how many bytes may be used: a number, or inf; by default, what is free."""

_SMALL = 1e8


def affordable(count: float, each: float, what: str) -> None:
    """Raise a MemoryError if so many things of so many bytes do not fit in what is free, before any is made."""
    needed = count * each
    if needed > _SMALL and needed > (free := free_memory()):
        raise MemoryError(
            f"{what} would need {needed / 1e9:,.1f} GB at the least, and {free / 1e9:,.1f} GB are free; take less, "
            f"or set the environment variable {MEMORY} to the bytes that may be used, or inf"
        )


def free_memory() -> float:
    """How many bytes may be used: as the user says, or the system; inf if neither does."""
    if os.environ.get(MEMORY):
        try:
            return float(os.environ[MEMORY])
        except ValueError:
            raise ValueError(f"the environment variable {MEMORY} is a number, got {os.environ[MEMORY]!r:.60}") from None
    found = [math.inf]
    with suppress(OSError, ValueError, AttributeError):
        found.append(float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError, IndexError):
        (line,) = [line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable")]
        found.append(1024.0 * float(line.split()[1]))
    with suppress(OSError, ValueError):  # that of a container; "max" is no number
        found.append(float(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found)


def known(name: Any, table: Mapping[str, T], what: str, others: str = "") -> T:
    """What a table has under a name; a ValueError that lists the names if there is nothing."""
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"unknown {what} {name!r:.60}; known are {', '.join(table)}{others}")
    return table[name]
