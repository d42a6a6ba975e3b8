"""The table of operations, and what all of them have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

__all__ = ["OPERATIONS", "Interval", "Op", "Rule", "for_every_operation", "named", "real"]

Rule = Callable[..., Any] | float | None
"""A rule for a partial derivative: a function of output and operands; or the partial, where it is the same everywhere.

None: the output is constant in that operand, apart from jumps.
"""

Interval = tuple[float, float]

OPERATIONS: dict[str, Op] = {}
"""Every operation by name."""


def real(x: object) -> float:
    """Convert a real number of any kind to a float.

    Raises
    ------
    TypeError
        For anything that is not a `numbers.Real`: complex, Decimal, str, None, arrays.
    OverflowError
        For an int too large for a float.
    """
    if type(x) is float:  # for speed alone: to ask an abstract class takes five times as long
        return x
    if isinstance(x, Real):
        return float(x)
    raise TypeError(f"expected a real number, got {type(x).__name__}: {x!r:.60}")


def named(name: str) -> Op:
    """The operation of a name: how operations and graphs are unpickled.

    Raises
    ------
    KeyError
        If there is none; an operation of your own has to be defined before a graph that uses it is loaded.
    """
    if name not in OPERATIONS:
        raise KeyError(f"there is no operation named {name!r}; define it before loading what uses it")
    return OPERATIONS[name]


_binders: list[Callable[[Op], None]] = []


def for_every_operation(bind: Callable[[Op], None]) -> None:
    """Call a function with every operation that there is, and later with every one that is defined.

    Parameters
    ----------
    bind : callable
        It lets an operation work on one type of number: it sets ``op.on[type]``, and the type's method.
    """
    _binders.append(bind)
    for op in OPERATIONS.values():
        bind(op)


class Op:
    """An operation: the one place where a function and its derivative are written.

    Parameters
    ----------
    name : str
        The name: of the function, of the method on `Value`, and in a saved graph.
    value : callable
        The function on floats. It is total: it raises for no float.
    formula : str
        The same as a mathematical definition, to be read, and to be judged by: an expression in the operands ``a`` and
        ``b``, or ``xs`` and ``ys`` for sequences, with the functions of mpmath. The tests evaluate it in 50 digits
        and more, so it may cancel and overflow. By default it is the label.
    domain : tuple of (float, float)
        For each operand the closed interval where the function is defined.
    singular : callable or None
        A function of the operands that is zero where the operation has a kink, a pole or another singular
        point, and changes sign across it (unless that is a point alone, as the origin for hypot); None for a
        smooth operation.
    label : str
        How a drawing writes it, with ``{0}`` and ``{1}`` (or ``{}`` for any number) in place of the operands.
    doc : str
        The docstring.
    method : str
        Name of the method on `Value`; "" for none.

    arity : int
        The number of operands that are scalars: 1, 2, or 0 for an operation on sequences.
    hot : str
        Which loop of the sweep in `autodiff.reverse` may take the partials without asking `partials`; "" for none.

    Attributes
    ----------
    on : dict of type to callable
        How the operation is applied to operands of which one, at least, is of that type.
    """

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        *,
        formula: str,
        domain: tuple[Interval, ...],
        singular: Callable[..., float] | None,
        label: str,
        doc: str,
        method: str,
        arity: int,
        hot: str,
    ) -> None:
        if name in OPERATIONS:
            raise ValueError(f"there is an operation named {name!r} already; choose another name")
        self.name = self.__name__ = name
        self.value = value
        self.formula = formula or label.format("a", "b")
        self.domain = domain
        self.singular = singular
        self.label = label
        self.method = method
        self.arity = arity  # in the instance, not in the class: the loops over graphs read it faster there
        self.hot = hot
        self.on: dict[type, Callable[..., Any]] = {}
        self.__doc__ = inspect.cleandoc(doc)
        OPERATIONS[name] = self

    def _bind(self) -> None:
        """Let the operation work on every type of number; it is complete now."""
        for bind in _binders:
            bind(self)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return named, (self.name,)

    def partials(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        """The partial derivatives at one point, one for each operand (a `Sequence`, flat).

        Parameters
        ----------
        y : number
            The output there.
        operands : sequence of numbers
            All operands, flat.
        wanted : sequence of bool
            For which operands a partial is wanted; the others may get None.

        Returns
        -------
        sequence
            Numbers of the operands' kind, or floats; None where no partial is wanted or the rule is None.
        """
        raise AssertionError("the kinds of operation below implement this")
