"""What an operation is: a function, its partial derivatives, and what people and tests need to know of it.

`autodiff.ops` is the table of all of them. An operation is called like a function: on floats it computes; for any
other type of number, ``op.on[type]`` says what it does. So one rule, written with ordinary operators and operations,
runs on floats, on `Value` nodes (which gives the gradient as a graph), and on whatever number type comes later.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, TypeVar, overload

__all__ = ["OPERATIONS", "Binary", "Nary", "Op", "Tuned", "Unary", "attach", "for_every_operation", "real"]

N = TypeVar("N")
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


def attach(kind: type, op: Op, method: Callable[..., Any], reflected: Callable[..., Any] | None = None) -> None:
    """Give a type of number the method or operator of an operation that has one, and the reflected operator."""
    if op.method:
        if isinstance(op, Tuned):
            method = _tuned_method(op)
        method.__name__ = op.method
        method.__qualname__ = f"{kind.__name__}.{op.method}"
        method.__doc__ = op.__doc__
        setattr(kind, op.method, method)
        if reflected is not None and op.method.startswith("__"):
            setattr(kind, f"__r{op.method[2:]}", reflected)


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


def _partial(rule: Rule, y: Any, operands: Sequence[Any], wanted: bool) -> Any:
    if not wanted:
        return None
    return rule(y, *operands) if callable(rule) else rule


class Unary(Op):
    """An operation on one number. The rule ``da(y, a)`` gives dy/da, from the output and the operand."""

    def __init__(
        self,
        name: str,
        value: Callable[[float], float],
        da: Rule,
        *,
        formula: str = "",
        domain: Interval = (-float("inf"), float("inf")),
        singular: Callable[[float], float] | None,
        label: str = "",
        doc: str,
        method: str | None = None,
    ) -> None:
        label, method = label or name + "({0})", name if method is None else method
        hot = "unary" if callable(da) else ""
        super().__init__(
            name,
            value,
            formula=formula,
            domain=(domain,),
            singular=singular,
            label=label,
            doc=doc,
            method=method,
            arity=1,
            hot=hot,
        )
        self.da = da
        self._bind()

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: N) -> N: ...
    def __call__(self, x: Any) -> Any:  # noqa: D102
        if type(x) is float:
            return self.value(x)
        on = self.on.get(type(x))
        return on(x) if on else self.value(real(x))

    def partials(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:  # noqa: D102
        return (_partial(self.da, y, operands, wanted[0]),)


class Binary(Op):
    """An operation on two numbers. The rules ``da(y, a, b)`` and ``db(y, a, b)`` give dy/da and dy/db."""

    def __init__(
        self,
        name: str,
        value: Callable[[float, float], float],
        da: Rule,
        db: Rule,
        *,
        formula: str = "",
        domain: tuple[Interval, Interval] = ((-float("inf"), float("inf")),) * 2,
        singular: Callable[[float, float], float] | None,
        label: str = "",
        doc: str,
        method: str | None = None,
    ) -> None:
        label, method = label or name + "({0}, {1})", name if method is None else method
        kinds = {type(rule) for rule in (da, db)}
        hot = "linear" if kinds == {float} else "binary" if callable(da) and callable(db) else ""
        super().__init__(
            name,
            value,
            formula=formula,
            domain=domain,
            singular=singular,
            label=label,
            doc=doc,
            method=method,
            arity=2,
            hot=hot,
        )
        self.da = da
        self.db = db
        self._bind()

    @overload
    def __call__(self, x: float, y: float) -> float: ...
    @overload
    def __call__(self, x: N | float, y: N | float) -> N: ...
    def __call__(self, x: Any, y: Any) -> Any:  # noqa: D102
        if type(x) is float and type(y) is float:
            return self.value(x, y)
        on = self.on.get(type(x)) or self.on.get(type(y))
        return on(x, y) if on else self.value(real(x), real(y))

    def partials(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:  # noqa: D102
        return _partial(self.da, y, operands, wanted[0]), _partial(self.db, y, operands, wanted[1])


class Tuned(Binary):
    """An operation on a number and a parameter with a name and a default: ``f(x)``, ``f(x, 0.1)``, ``f(x, slope=0.1)``.

    Parameters
    ----------
    parameter : str
        The name of the second operand.
    default : float
        Its value where none is given.
    """

    def __init__(self, name: str, *rest: Any, parameter: str, default: float, **others: Any) -> None:
        self.parameter = parameter
        self.default = default
        super().__init__(name, *rest, **others)

    def __call__(self, x: Any, *given: Any, **named: Any) -> Any:  # noqa: D102
        y = given[0] if given else named.pop(self.parameter, self.default)
        if named or len(given) > 1:
            extra = ", ".join([repr(g) for g in given[1:]] + [f"{k}={v!r}" for k, v in named.items()])
            raise TypeError(f"{self.name} takes (x, {self.parameter}={self.default}), got also {extra:.60}")
        return super().__call__(x, y)


def _tuned_method(op: Tuned) -> Callable[..., Any]:
    def method(self: Any, *given: Any, **named: Any) -> Any:
        return op(self, *given, **named)

    return method


class Nary(Op):
    """An operation on one sequence of numbers, or on two of the same length.

    ``rule(y, xs)`` or ``rule(y, xs, ys)`` gives the partials with respect to all operands, flat; None for a constant.
    """

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        rule: Callable[..., Sequence[Any]] | None,
        *,
        formula: str = "",
        groups: int = 1,
        singular: Callable[..., float] | None,
        label: str = "",
        doc: str,
    ) -> None:
        domain = ((-float("inf"), float("inf")),) * groups
        label = label or name + "({})"
        super().__init__(
            name,
            value,
            formula=formula,
            domain=domain,
            singular=singular,
            label=label,
            doc=doc,
            method="",
            arity=0,
            hot="dot" if name == "dot" else "",
        )
        self.rule = rule
        self.groups = groups
        self._bind()

    @overload
    def __call__(self, xs: Iterable[float], ys: Iterable[float] | None = None) -> float: ...
    @overload
    def __call__(self, xs: Iterable[N | float], ys: Iterable[N | float] | None = None) -> N: ...
    def __call__(self, xs: Iterable[Any], ys: Iterable[Any] | None = None) -> Any:  # noqa: D102
        a = tuple(xs)  # the same object if it is a tuple: a layer's neurons share their inputs
        b = None if ys is None else tuple(ys)
        if (b is None) is (self.groups == 2):
            raise TypeError(f"{self.name} takes {self.groups} sequence(s), got {2 - (b is None)}")
        if b is not None and len(a) != len(b):
            raise ValueError(f"{self.name} needs sequences of one length, got lengths {len(a)} and {len(b)}")
        on = self.on.get(type(a[0])) if a else None
        if on is None:
            on = next((self.on[type(x)] for x in (*a, *(b or ())) if type(x) in self.on), None)
        if on is not None:
            return on(a, b)
        return self.value(*(list(map(real, group)) for group in (a, b) if group is not None))

    def partials(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:  # noqa: D102
        if self.rule is None:
            return [None] * len(operands)
        size = len(operands) // self.groups
        return self.rule(y, *(operands[k * size : (k + 1) * size] for k in range(self.groups)))
