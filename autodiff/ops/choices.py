"""One of several numbers: minimum, maximum, clip, where."""

from __future__ import annotations

from numbers import Real
from typing import Any, overload

from autodiff import numerics
from autodiff.operation import Binary, N, Nary
from autodiff.ops.arithmetic import abs
from autodiff.ops.cases import _above, _share, _step

minimum = Binary(
    "minimum",
    numerics.minimum,
    formula="a if a < b else b",
    da=lambda y, a, b: _share(b, a),
    db=lambda y, a, b: _share(a, b),
    singular=lambda a, b: a - b,
    doc="The smaller of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2.",
)

maximum = Binary(
    "maximum",
    numerics.maximum,
    formula="a if a > b else b",
    da=lambda y, a, b: _share(a, b),
    db=lambda y, a, b: _share(b, a),
    singular=lambda a, b: a - b,
    doc="The larger of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2.",
)

_clip = Nary(
    "clip",
    numerics.clip,
    lambda y, xs: _clip_partials(*xs),
    formula="min(max(xs[0], xs[1]), xs[2])",
    singular=None,
    doc="The first of three numbers, kept between the second and the third; at a bound its partial is 1.",
)


def _clip_partials(x: Any, low: Any, high: Any) -> list[Any]:
    under, over, crossed = _above(low, x), _above(x, high), _above(low, high)
    capped = 1.0 - (1.0 - over) * (1.0 - crossed)
    return [(1.0 - under) * (1.0 - capped), under * (1.0 - crossed), capped]


@overload
def clip(x: float | Real, low: float | Real, high: float | Real) -> float: ...
@overload
def clip(x: N, low: N | float | Real, high: N | float | Real) -> N: ...
@overload
def clip(x: float | Real, low: N, high: N | float | Real) -> N: ...
@overload
def clip(x: float | Real, low: float | Real, high: N) -> N: ...
def clip(x: Any, low: Any, high: Any) -> Any:
    """Keep a number between two bounds.

    Parameters
    ----------
    x, low, high : Value or float
        The number and its bounds. If low > high, the result is high.

    Returns
    -------
    Value or float
        ``min(max(x, low), high)``, as a single node; nan if an operand is nan.

    Raises
    ------
    TypeError
        For anything but Values and real numbers.

    Notes
    -----
    The partial with respect to x is 1 between the bounds and 0 beyond; with respect to a bound it is 1 where the
    result is the bound. At a bound itself x gets 1 and the bound 0, as in PyTorch, where the subgradient of
    least norm would be 0: a parameter that is clipped to a bound can then leave it.

    Examples
    --------
    >>> clip(3.0, 0.0, 1.0)
    1.0
    """
    return _clip((x, low, high))


_exceeds = Binary(
    "exceeds",
    numerics.exceeds,
    formula="1 if a > b else 0",
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    label="{0} > {1}",
    method="",
    doc="1 for a > b, else 0, also where one is nan: what a comparison is in a function that is being compiled.",
)

_reaches = Binary(
    "reaches",
    numerics.reaches,
    formula="1 if a >= b else 0",
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    label="{0} >= {1}",
    method="",
    doc="1 for a >= b, else 0, also where one is nan.",
)

_where = Nary(
    "where",
    numerics.where,
    lambda y, xs: [None, _step(abs(xs[0])), 1.0 - _step(abs(xs[0]))],
    formula="xs[1] if xs[0] != 0 else xs[2]",
    singular=None,
    doc="The second of three numbers if the first is not zero, else the third; no gradient flows to the first.",
)


@overload
def where(condition: N, a: N | float | Real, b: N | float | Real) -> N: ...
@overload
def where(condition: bool | float | Real, a: N, b: N | float | Real) -> N: ...
@overload
def where(condition: bool | float | Real, a: float | Real, b: N) -> N: ...
@overload
def where(condition: bool | float | Real, a: float | Real, b: float | Real) -> float: ...
def where(condition: Any, a: Any, b: Any) -> Any:
    """Take one of two numbers.

    Parameters
    ----------
    condition : bool, Value or float
        Nonzero is true. No gradient flows to it; if it is a Value, a recorded graph that is refreshed decides anew.
    a, b : Value or float
        What to take if it is true, and if not.

    Returns
    -------
    Value or float
        One of the two, as a single node; nan if the condition is nan.

    Raises
    ------
    TypeError
        For anything but Values and real numbers.

    Notes
    -----
    Both branches are computed, and the one that is not taken gets the adjoint 0. If its own partial is
    infinite, 0 * inf is nan: the gradient of ``where(x > 0, log(x), 0)`` at 0 is nan, and so is that of
    ``where(x == 0, 1, sin(x) / x)``, whose value there is 1. Make the operand harmless as well, by a second `where`
    inside: ``where(x > 0, log(where(x > 0, x, 1)), 0)``.

    Examples
    --------
    >>> from autodiff import Value, log
    >>> x = Value(0.0)
    >>> y = where(x > 0, log(where(x > 0, x, 1.0)), 0.0)
    >>> y.backward()
    >>> y.data, x.grad
    (0.0, 0.0)
    """
    if type(condition).__name__ in ("bool_", "bool"):  # a comparison of NumPy scalars gives NumPy's, no numbers.Real
        condition = bool(condition)
    return _where((condition, a, b))
