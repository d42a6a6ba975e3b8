"""Numbers in structures: the arguments of a function that is recorded, and what it returns."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from autodiff.derivatives.forward import is_number
from autodiff.replay.forms import NUMBER, Grid, nested

__all__ = ["doubles", "grid", "key", "symbols", "take_apart"]


def key(forms: Any) -> Any:
    """A form, or several, as something to look up by."""
    if isinstance(forms, dict):
        return dict, tuple((k, key(f)) for k, f in forms.items())
    if isinstance(forms, (list, tuple)):
        return type(forms), tuple(map(key, forms))
    return forms


def symbols(form: Grid, given: Sequence[Any]) -> Any:
    """An array of Values for a function that is recorded: NumPy's, of objects, or nested lists."""
    if not form.numpy:
        return nested(form.shape, given)
    import numpy

    if not form.shape:
        return given[0]
    grid = numpy.empty(len(given), dtype=object)
    grid[:] = given
    return grid.reshape(form.shape)


def grid(form: Grid, given: Sequence[Any], n: int | None) -> Any:
    """An array of results; in a batch, of n samples along its first axis."""
    if not form.numpy:
        if n is None:
            return array("d", given) if len(form.shape) == 1 else nested(form.shape, given)
        return given[0] if not form.shape else nested(form.shape, given)
    import numpy

    if n is None:
        return numpy.array(given).reshape(form.shape)
    return numpy.stack(given, axis=-1).reshape(n, *form.shape) if given else numpy.empty((n, *form.shape))


def doubles(column: Any) -> Any:
    """A column of a batch as a buffer of floats."""
    if type(column).__module__ == "numpy":
        import numpy

        column = numpy.ascontiguousarray(column, dtype=float)
        return memoryview(column)
    return array("d", column)


def take_apart(y: Any, found: list[Any]) -> Any:
    """The form of what a function returned; its numbers are appended to a list."""
    if is_number(y):
        found.append(y)
        return NUMBER
    if isinstance(y, dict):
        return {k: take_apart(part, found) for k, part in y.items()}
    if isinstance(y, (list, tuple)):
        parts = [take_apart(part, found) for part in y]
        return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
    if type(y).__module__ == "numpy" and hasattr(y, "ravel"):
        found += [x if is_number(x) else float(x) for x in y.ravel().tolist()]
        return Grid(tuple(y.shape))
    raise TypeError(
        f"a compiled function returns numbers, or lists, tuples and dicts of them, got {type(y).__name__}: {y!r:.60}"
    )
