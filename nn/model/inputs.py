"""What users pass to neurons and layers, sizes and inputs of every kind; and the form that outputs have."""

from __future__ import annotations

import operator
from typing import Any

from autodiff import ops
from autodiff.operation import real
from autodiff.value import Value

VALUES: set[type] = {Value}
FLOATS: set[type] = {float}
"""The types of inputs that a layer takes as they are: all Values, or all floats."""


def positive(n: int, what: str) -> int:
    """Take a size: a whole number, at least 1; the message of the error says what it is the size of."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{what} is a positive integer, got {n!r:.60}")
    size = operator.index(n)
    if size < 1:
        raise ValueError(f"{what} is a positive integer, got {size}")
    return size


def as_tuple(x: Any, size: int) -> tuple[Any, ...]:
    """The inputs as a tuple; a lone number, such as a layer of one neuron gives, is one input where one is needed."""
    try:
        return tuple(x)
    except TypeError:
        if size == 1:
            return (x,)
        raise TypeError(f"expected {size} inputs in a sequence, got {type(x).__name__}: {x!r:.60}") from None


def uniform(x: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs as all Values or all floats, once for all neurons of a layer; other kinds of numbers as they are."""
    if any(type(p) in ops.add.on and type(p) is not Value for p in x):
        return x
    if any(type(p) is Value for p in x):
        return tuple([p if type(p) is Value else Value(p) for p in x])
    return tuple(map(real, x))


def unwrapped(row: list[Any]) -> Any:
    """A row of outputs as layers give it: one as it is, several as a list."""
    return row[0] if len(row) == 1 else row
