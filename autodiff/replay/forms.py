"""What a function is called with and what it returns: the form of it, apart from the numbers in it.

A form is a structure of lists, tuples and dictionaries with `NUMBER` where a number stands, and `Grid` where an array
stands (NumPy's, or anything with the buffer protocol). Two calls with equal forms run the same program.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from autodiff.derivatives.forward import Dual
from autodiff.operation import real
from autodiff.value import Value

__all__ = [
    "NUMBER",
    "Differentiated",
    "Grid",
    "Number",
    "Reader",
    "build",
    "check_axes",
    "count",
    "is_array",
    "leaves_of",
    "mapped",
    "nested",
    "size",
]


@dataclass(frozen=True)
class Number:
    """A place for a number; of each sample if `lane`."""

    lane: bool = False


@dataclass(frozen=True)
class Grid:
    """A place for an array: its shape, that of one sample if `lane`, and whether it is NumPy's."""

    shape: tuple[int, ...]
    lane: bool = False
    numpy: bool = True


NUMBER = Number()


def is_array(x: Any) -> bool:
    """Whether something is an array: it has a buffer of numbers, with one dimension at least."""
    if isinstance(x, (bytes, bytearray, str, Real)):
        return False
    try:
        return memoryview(x).ndim > 0
    except (TypeError, ValueError):  # a NumPy array of objects, of Values perhaps, has no buffer
        return type(x).__module__ == "numpy" and getattr(x, "ndim", 0) > 0


class Differentiated(Exception):
    """An argument holds a number that somebody else records or differentiates."""


def check_axes(axes: Any) -> None:
    """See that axes are 0, None, or a structure of these.

    Raises
    ------
    ValueError
        If not.
    """
    if isinstance(axes, (list, tuple, dict)):
        for part in axes.values() if isinstance(axes, dict) else axes:
            check_axes(part)
    elif axes is not None and (type(axes) is not int or axes != 0):
        raise ValueError(
            f"in_axes holds 0 for a batch along the first axis, and None for what samples share; got {axes!r:.60}"
        )


def size(shape: Sequence[int]) -> int:
    """How many numbers an array holds."""
    return math.prod(shape)


def count(leaf: Number | Grid) -> int:
    """How many numbers stand in a place, those of one sample."""
    return size(leaf.shape) if isinstance(leaf, Grid) else 1


class Reader:
    """Takes arguments apart: into forms, and numbers and columns of numbers.

    Attributes
    ----------
    shared : array of float
        The numbers that all samples share, in order.
    columns : list of sequence of float
        Those of each sample.
    samples : int or None
        How many samples there are; None outside a batch.
    """

    def __init__(self) -> None:
        self.shared = array("d")
        self.columns: list[Sequence[float]] = []
        self.samples: int | None = None

    def read(self, x: Any, axes: Any, place: str) -> Any:
        """The form of an argument; `axes` is 0 where it holds a batch, None where not, or a structure of these."""
        if isinstance(axes, (list, tuple, dict)):
            if type(x) is not type(axes) or len(x) != len(axes) or (isinstance(axes, dict) and {*x} != {*axes}):
                raise ValueError(f"in_axes has another structure than {place}: {axes!r:.60} for {x!r:.60}")
            if isinstance(x, dict):
                return {k: self.read(x[k], axes[k], f"{place}[{k!r}]") for k in x}
            parts = [self.read(v, a, f"{place}[{k}]") for k, (v, a) in enumerate(zip(x, axes))]
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        if isinstance(x, dict):
            return {k: self.read(v, axes, f"{place}[{k!r}]") for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            parts = [self.read(v, axes, f"{place}[{k}]") for k, v in enumerate(x)]
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        if is_array(x):
            return self._array(x, axes is not None, place)
        if type(x) is Value or type(x) is Dual:
            raise Differentiated
        if axes is not None:
            raise TypeError(
                f"{place} is given axis 0 in in_axes, so it holds one number a sample: "
                f"expected an array, got {type(x).__name__}: {x!r:.60}"
            )
        try:
            self.shared.append(x if type(x) is float else real(x))
        except TypeError:
            raise TypeError(
                f"{place} is a {type(x).__name__}, not a number: {x!r:.60}; a compiled function takes numbers, arrays, "
                "and lists, tuples and dicts of these (name others in static_argnums)"
            ) from None
        return NUMBER

    def _array(self, x: Any, lane: bool, place: str) -> Grid:
        ours = type(x).__module__ != "numpy"
        view: Any = memoryview(x) if ours else x
        if not ours and x.dtype.kind not in "bfiu":
            if any(type(v) is Value or type(v) is Dual for v in x.flat):
                raise Differentiated
            if x.dtype.kind != "O":
                raise TypeError(f"{place} is an array of {x.dtype}, not of numbers: {x!r:.60}")
        shape = tuple(view.shape)
        if not lane:
            _append(self.shared, view)
            return Grid(shape, numpy=not ours)
        if self.samples is None:
            self.samples = shape[0]
        if shape[0] != self.samples:
            raise ValueError(f"{place} holds {shape[0]} samples, an argument before it {self.samples}")
        width = size(shape[1:])
        if ours:
            numbers = _flat(view)
            self.columns += [numbers[k::width] for k in range(width)]
        else:
            self.columns += list(view.reshape(shape[0], width).T)
        return Grid(shape[1:], lane=True, numpy=not ours)


def _append(numbers: array[float], given: Any) -> None:
    """Append what an array holds; floats are copied as a block of memory."""
    if not isinstance(given, memoryview) and given.dtype.kind != "O":
        import numpy

        block: Any = numpy.ascontiguousarray(given, dtype=float)
        given = memoryview(block)
    if isinstance(given, memoryview) and given.format == "d" and given.c_contiguous and given.nbytes:
        numbers.frombytes(given.cast("B"))
    else:
        numbers.extend(_flat(given))


def _flat(view: Any) -> list[float]:
    numbers: Any = view.tolist()
    for _ in range(view.ndim - 1):
        numbers = [x for row in numbers for x in row]
    return [x if type(x) is float else real(x) for x in numbers]


def build(form: Any, numbers: Sequence[Any], grid: Callable[[Grid, Sequence[Any]], Any]) -> Any:
    """A structure of that form with given numbers, and with arrays made of them by `grid`."""
    return _built(form, numbers, 0, grid)[0]


def _built(form: Any, numbers: Sequence[Any], k: int, grid: Callable[[Grid, Sequence[Any]], Any]) -> tuple[Any, int]:
    """The same of the numbers from k on, and where they end."""
    if isinstance(form, Number):
        return numbers[k], k + 1
    if isinstance(form, Grid):
        end = k + size(form.shape)
        return grid(form, numbers[k:end]), end
    parts = []
    for part in form.values() if isinstance(form, dict) else form:
        made, k = _built(part, numbers, k, grid)
        parts.append(made)
    if isinstance(form, dict):
        return dict(zip(form, parts)), k
    if isinstance(form, list):
        return parts, k
    return type(form)(*parts) if hasattr(form, "_fields") else tuple(parts), k


def nested(shape: Sequence[int], numbers: Sequence[Any]) -> Any:
    """Numbers as nested lists of that shape."""
    if not shape:
        return numbers[0]
    numbers = list(numbers)
    for width in reversed(shape[1:]):
        numbers = [numbers[k : k + width] for k in range(0, len(numbers), width)]
    return numbers


def leaves_of(form: Any) -> list[Number | Grid]:
    """The places for numbers and arrays, in order."""
    if isinstance(form, (Number, Grid)):
        return [form]
    parts = form.values() if isinstance(form, dict) else form
    return [leaf for part in parts for leaf in leaves_of(part)]


def mapped(form: Any, function: Callable[[Any], Any]) -> Any:
    """The same structure of what a function makes of its parts."""
    if isinstance(form, dict):
        return {k: function(part) for k, part in form.items()}
    parts = list(map(function, form))
    if isinstance(form, list):
        return parts
    return type(form)(*parts) if hasattr(form, "_fields") else tuple(parts)
