"""`jvp` and `hessian` of functions of arrays: the transforms know lists of numbers, and are given these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.derivatives import transforms
from autodiff.replay.forms import NUMBER, Grid, Number, build, count, mapped
from autodiff.replay.structures import key, symbols, take_apart
from autodiff.value import Value

__all__ = ["hessian", "jvp"]


def jvp(function: Callable[..., Any], forms: Sequence[Any], leaves: Sequence[Value]) -> tuple[list[Any], Any]:
    """The value of a function and its derivative along a direction.

    Parameters
    ----------
    function : callable
        The function.
    forms : sequence of two tuples of forms
        Those of the primals and of the tangents.
    leaves : sequence of Value
        The numbers of both.

    Returns
    -------
    numbers : list of Value or float
        All numbers of the result.
    form : tuple of two forms
        That of the result.
    """
    primals, tangents = forms
    if key(primals) != key(tangents):
        raise ValueError("tangents must have the structure of primals: the same kinds of arguments, of the same shapes")
    form: Any = None

    def flat(*numbers: Any) -> list[Any]:
        nonlocal form
        found: list[Any] = []
        form = take_apart(function(*build(primals, numbers, symbols)), found)
        return found

    half = len(leaves) // 2
    values, slopes = transforms.jvp(flat, leaves[:half], leaves[half:])
    return [*values, *slopes], (form, form)


def hessian(
    function: Callable[..., Any],
    given: Callable[[Sequence[Any]], Sequence[Any]],
    form: Any,
    wrt: Sequence[Value],
    leaves: Sequence[Value],
) -> tuple[list[Any], Any]:
    """The second derivatives of a function.

    Parameters
    ----------
    function : callable
        The function.
    given : callable
        From numbers in the places of `leaves` to the arguments.
    form : form
        That of the arguments to differentiate by.
    wrt : sequence of Value
        Their numbers.
    leaves : sequence of Value
        Those of all arguments.

    Returns
    -------
    numbers : list of Value or float
        All numbers of the result.
    form : form
        For each place in `form` a structure like `form`; the shapes of two arrays are joined.
    """

    def flat(numbers: Sequence[Any]) -> Any:
        others = dict(zip(wrt, numbers))
        return function(*given([others.get(v, v) for v in leaves]))

    rows = transforms.hessian(flat)(list(wrt))
    found: list[Any] = []
    return found, _blocks(form, form, rows, found)


def _blocks(outer: Any, inner: Any, rows: list[list[Any]], found: list[Any]) -> Any:
    """Take as many rows of the matrix as the outer structure has numbers; give the form of what is found in them."""
    if not isinstance(outer, (Number, Grid)):
        return mapped(outer, lambda part: _blocks(part, inner, rows, found))
    mine = [rows.pop(0) for _ in range(count(outer))]
    return _block(outer, inner, mine, found)


def _block(outer: Number | Grid, inner: Any, rows: list[list[Any]], found: list[Any]) -> Any:
    """The same of the columns of some rows."""
    if not isinstance(inner, (Number, Grid)):
        return mapped(inner, lambda part: _block(outer, part, rows, found))
    wide = count(inner)
    for row in rows:
        found += row[:wide]
        del row[:wide]
    arrays = [leaf for leaf in (outer, inner) if isinstance(leaf, Grid)]
    if not arrays:
        return NUMBER
    return Grid(tuple(k for a in arrays for k in a.shape), numpy=any(a.numpy for a in arrays))
