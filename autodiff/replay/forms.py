"""What a compiled function is given and what it returns: read into a form, numbers, and columns of numbers.

Two calls whose arguments have equal forms run the same program.
"""

from __future__ import annotations

import inspect
import itertools
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Rational
from types import MappingProxyType
from typing import Any

from autodiff.derivatives.forward import Dual, is_number
from autodiff.derivatives.structures import (
    CONTAINERS,
    NUMBER,
    Grid,
    Number,
    fill,
    is_array,
    is_numpys,
    leaves,
    place,
    transform,
)
from autodiff.operation import real
from autodiff.value import Value

_NO_FLOAT = "which no float is, and a compiled function computes with floats: take float(...) of it"

_COUNTED = 2**53


class Differentiated(Exception):
    """An argument holds a number that somebody else traces or differentiates."""


class Named(dict[str, Any]):
    """Arguments by name: the last argument of a function that hands them on. `places` are theirs in its signature."""

    places: Mapping[str, int] = MappingProxyType({})


def by_position(
    function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]
) -> tuple[Sequence[Any], Named]:
    """Arguments by position, as far as they can be given so, and the others.

    Others are those behind one that is left out, and those that a function takes by name only.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)  # its own: a wrapper may take others
    except ValueError:  # it has none, as some functions of C
        return args, Named(named)
    given = signature.bind(*args, **named)
    rest = Named(given.kwargs)
    rest.places = {name: k for k, name in enumerate(signature.parameters)}
    return given.args, rest


def check_axes(axes: Any) -> None:
    """See that axes are 0, None, or a structure of these; a ValueError if not."""
    for axis in leaves(axes):
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, Integral) or axis != 0):
            raise ValueError(
                f"in_axes holds 0 for a batch along the first axis, and None for what samples share; got {axis!r:.60}"
            )


class Reader:
    """Takes arguments apart.

    `shared` are the numbers that all samples share, in order; `columns` those of each sample; `samples` says
    how many there are, and is None outside a batch.
    """

    def __init__(self) -> None:
        self.shared = array("d")
        self.columns: list[array[float]] = []
        self.samples: int | None = None

    def read(self, x: Any, axes: Any, what: str) -> Any:
        """The form of an argument; `axes` is 0 where it holds a batch, None where not, or a structure of these."""
        if not isinstance(x, CONTAINERS) and not isinstance(axes, CONTAINERS):
            return self._leaf(x, axes, (x, what, 0))
        pairs = zip(_spread(axes, x, what), leaves(x))  # in this order: axes must fit what is empty, too
        forms = [self._leaf(v, axis, (x, what, k)) for k, (axis, v) in enumerate(pairs)]
        return fill(x, iter(forms))

    def _leaf(self, x: Any, axis: int | None, at: tuple[Any, str, int]) -> Number | Grid:
        if axis is None and type(x) is float:
            self.shared.append(x)
            return NUMBER
        if is_array(x):
            return self._array(x, axis is not None, at)
        if type(x) is Value or type(x) is Dual:
            raise Differentiated
        if axis is not None:
            raise TypeError(
                f"{place(*at)} is given axis 0 in in_axes, so it holds one number a sample: "
                f"expected an array, got {type(x).__name__}: {x!r:.60}"
            )
        try:
            self.shared.append(_exact(x))
        except _NoFloat:
            raise ValueError(f"{place(*at)} is {x}, {_NO_FLOAT}") from None
        except TypeError:
            raise TypeError(
                f"{place(*at)} is a {type(x).__name__}, not a number: {x!r:.60}; a compiled function takes numbers, "
                "arrays, and lists, tuples and dicts of these (name others in static_argnums)"
            ) from None
        return NUMBER

    def _array(self, x: Any, lane: bool, at: tuple[Any, str, int]) -> Grid:
        numpy = is_numpys(x)
        if not numpy and hasattr(x, "__array_finalize__"):
            raise TypeError(
                f"{place(*at)} is a {type(x).__name__}, an array with rules of its own (of masks, of matrices), which "
                "a program does not know: pass a plain array, as numpy.asarray(x) or x.filled(number)"
            )
        if numpy and x.dtype.kind not in "bfiu" and any(type(v) is Value or type(v) is Dual for v in x.flat):
            raise Differentiated
        view: Any = x if numpy else memoryview(x)
        try:
            shape, numbers = view.shape, _floats(view)
        except _NoFloat as odd:
            raise ValueError(f"{place(*at)} holds {odd}, {_NO_FLOAT}") from None
        except (TypeError, NotImplementedError):
            kind = x.dtype if numpy else f"the format {view.format!r}"
            raise TypeError(f"{place(*at)} is an array of {kind}, not of numbers: {x!r:.60}") from None
        if not lane:
            self.shared += numbers
            return Grid(shape, numpy=numpy)
        if self.samples is None:
            self.samples = shape[0]
        if shape[0] != self.samples:
            raise ValueError(f"{place(*at)} holds {shape[0]} samples, an argument before it {self.samples}")
        form = Grid(shape[1:], lane=True, numpy=numpy)
        self.columns += [numbers[k :: form.count] for k in range(form.count)]
        return form


def _spread(axes: Any, x: Any, what: str) -> Iterator[Any]:
    """The axis of each leaf of an argument."""
    if not isinstance(axes, CONTAINERS):
        yield from itertools.repeat(axes, len(leaves(x)))
        return
    if type(x) is not type(axes) or len(x) != len(axes) or (isinstance(axes, dict) and {*x} != {*axes}):
        raise ValueError(f"in_axes has another structure than {what}: {axes!r:.60} for {x!r:.60}")
    for key in x if isinstance(x, dict) else range(len(x)):
        yield from _spread(axes[key], x[key], f"{what}[{key!r}]")


def _floats(view: Any) -> array[float]:
    """What an array holds, row by row; floats are copied as a block of memory."""
    if not isinstance(view, memoryview):
        import numpy

        if view.dtype.kind not in "bfiu" or _may_be_rounded(view):
            return array("d", map(_exact, view.flat))
        return array("d", numpy.ascontiguousarray(view, dtype=float).tobytes())
    if view.format == "d":
        return array("d", view.tobytes())
    numbers: Any = view.tolist()
    for _ in range(view.ndim - 1):
        numbers = [v for row in numbers for v in row]
    return array("d", map(_exact, numbers))


class _NoFloat(Exception):
    """An integer is given that no float is."""


def _exact(x: Any) -> float:
    """A number as a float; an integer of any kind has to be one."""
    y = real(x)
    if type(x) is not float and isinstance(x, Rational) and x.denominator == 1 and y != int(x.numerator):
        raise _NoFloat(x)
    return y


def _may_be_rounded(view: Any) -> bool:
    """Whether an array of NumPy holds integers beyond those that floats count through."""
    wide = view.dtype.kind in "iu" and view.dtype.itemsize > 4 and view.size > 0
    return wide and bool(view.max() > _COUNTED or view.min() < -_COUNTED)


def _returned(x: Any) -> Any:
    try:
        return x if type(x) is Value or type(x) is Dual else _exact(x)
    except _NoFloat:
        raise ValueError(f"what is returned is {x}, {_NO_FLOAT}") from None


def take_apart(y: Any) -> tuple[list[Any], Any]:
    """The numbers in what a function returned, and its form."""
    found: list[Any] = []

    def form(x: Any) -> Number | Grid:
        if is_number(x):
            found.append(_returned(x))
            return NUMBER
        if is_numpys(x):
            found.extend(map(_returned, x.ravel().tolist()))
            return Grid(tuple(x.shape))
        raise TypeError(
            "a compiled function returns numbers, or lists, tuples and dicts of them, "
            f"got {type(x).__name__}: {x!r:.60}"
        )

    return found, transform(y, form)
