"""What an operation is: a function, its partial derivatives, and what people and tests need to know of it.

`autodiff.ops` is the table of all of them. An operation is called like a function: on floats it computes; for any
other type of number, ``op.on[type]`` says what it does. So one rule, written with ordinary operators and operations,
runs on floats, on `Value` nodes (which gives the gradient as a graph), and on whatever number type comes later.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

Rule = Callable[..., Any] | float | None
"""A rule for a partial derivative: a function of output and operands; or the partial, where it is the same everywhere.

None: the output is constant in that operand, apart from jumps.
"""

Interval = tuple[float, float]
EVERYWHERE: Interval = (-float("inf"), float("inf"))

OPERATIONS: dict[str, Op] = {}
"""Every operation by name."""

COMPARISONS = (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)


class Differentiable(Protocol):
    """A number that a derivative can be taken of: a `Value`, or what stands for one inside a transform."""

    @property
    def data(self) -> float:
        """The number itself."""

    def detach(self) -> Any:
        """The number as a constant."""


N = TypeVar("N", bound=Differentiable)

if TYPE_CHECKING:
    from autodiff.methods import (
        Methods as Methods,
    )  # the operators and methods that types of numbers get from the table
else:
    Methods = object


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
    """Call a function with every operation, now and later: it lets the operation work on one more type of number."""
    _binders.append(bind)
    for op in OPERATIONS.values():
        bind(op)


def attach(kind: type, op: Op, method: Callable[..., Any], reflected: Callable[..., Any] | None = None) -> None:
    """Give a type of number the method or operator of an operation that has one, and the reflected operator."""
    if op.method:
        if isinstance(op, Tuned):  # its parameter may be left out, or be named
            method = lambda self, *given, **named: op(self, *given, **named)  # noqa: E731
        method.__name__ = op.method
        method.__qualname__ = f"{kind.__name__}.{op.method}"
        method.__doc__ = op.doc
        setattr(kind, op.method, method)
        if reflected is not None and op.method.startswith("__"):
            setattr(kind, f"__r{op.method[2:]}", reflected)


class _Docstring:
    """The docstring of a class of operations; and of each operation, put together when somebody asks for it."""

    def __init__(self, kind: str | None) -> None:
        self.kind = kind

    def __get__(self, op: Op | None, kind: type) -> str | None:
        return self.kind if op is None else op.describe()


class Op:
    """An operation: the one place where a function and its derivative are written.

    Parameters
    ----------
    name : str
        The name: of the function, of the method on `Value`, and in a saved graph.
    value : callable
        The function on floats. It is total: it raises for no float.
    arity : int
        The number of operands that are scalars: 1, 2, or 0 for an operation on sequences.
    hot : str
        Which loop of the sweep in `autodiff.reverse` may take the partials without asking `partials`; "" for none.
    domain : tuple of (float, float)
        For each operand the closed interval where the function is defined.
    label : str
        How a drawing writes it, with ``{0}`` and ``{1}`` (or ``{}`` for any number) in place of the operands; by
        default the name and the operands in brackets.
    singular : callable or None
        A function of the operands that is zero where the operation has a kink, a pole or another singular
        point, and changes sign across it (unless that is a point alone, as the origin for hypot); None for a
        smooth operation.
    doc : str
        What it is, in a sentence or more: the first part of its docstring.
    formula : str
        The same as a mathematical definition, to be read, and to be judged by: an expression in the operands ``a`` and
        ``b``, or ``xs`` and ``ys`` for sequences, with the functions of mpmath. The tests evaluate it in 50 digits
        and more, so it may cancel and overflow. By default it is the label.
    method : str
        Name of the method on `Value`, by default that of the operation; "" for none.

    Attributes
    ----------
    on : dict of type to callable
        How the operation is applied to operands of which one, at least, is of that type.
    """

    def __init_subclass__(cls) -> None:
        cls.__doc__ = _Docstring(cls.__doc__)  # type: ignore[assignment]

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        arity: int,
        hot: str,
        domain: tuple[Interval, ...],
        *,
        label: str = "",
        singular: Callable[..., float] | None,
        doc: str,
        formula: str = "",
        method: str | None = None,
    ) -> None:
        if name in OPERATIONS:
            raise ValueError(f"there is an operation named {name!r} already; choose another name")
        self.name = self.__name__ = name
        self.value = value
        self.domain = domain
        self.singular = singular
        self.label = label or f"{name}({('{}', '{0}', '{0}, {1}')[arity]})"
        self.formula = formula or self.label.format("a", "b")
        self.doc = inspect.cleandoc(doc)
        self.method = name if method is None else method
        self.arity = arity  # in the instance, not in the class: the loops over graphs read it faster there
        self.hot = hot
        self.on: dict[type, Callable[..., Any]] = {}
        OPERATIONS[name] = self

    def _bind(self) -> None:
        """Let the operation work on every type of number; it is complete now."""
        for bind in _binders:
            bind(self)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return named, (self.name,)

    def describe(self) -> str:
        """The docstring: what it is; for an operation of the table also how it is called, and its calculus."""
        return self.doc

    def grouped(self, operands: Sequence[Any]) -> Sequence[Any]:
        """All operands, flat, as the arguments of a call: as they are, or in one or two sequences."""
        return operands

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
    """An operation on one number. The rule ``da(y, a)`` gives dy/da, from the output and the operand; see `Op`."""

    def __init__(
        self, name: str, value: Callable[[float], float], da: Rule, *, domain: Interval = EVERYWHERE, **about: Any
    ) -> None:
        super().__init__(name, value, 1, "unary" if callable(da) else "", (domain,), **about)
        self.da = da
        self._bind()

    @overload
    def __call__(self, x: float | Real) -> float: ...
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
    """An operation on two numbers. The rules ``da(y, a, b)`` and ``db(y, a, b)`` give dy/da and dy/db; see `Op`."""

    def __init__(
        self,
        name: str,
        value: Callable[[float, float], float],
        da: Rule,
        db: Rule,
        *,
        domain: tuple[Interval, Interval] = (EVERYWHERE, EVERYWHERE),
        **about: Any,
    ) -> None:
        kinds = {type(rule) for rule in (da, db)}
        hot = "linear" if kinds == {float} else "binary" if callable(da) and callable(db) else ""
        super().__init__(name, value, 2, hot, domain, **about)
        self.da = da
        self.db = db
        self._bind()

    @overload
    def __call__(self, x: float | Real, y: float | Real) -> float: ...
    @overload
    def __call__(self, x: N, y: N | float | Real) -> N: ...
    @overload
    def __call__(self, x: float | Real, y: N) -> N: ...
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

    @overload
    def __call__(self, x: float | Real, *given: float | Real, **named: float | Real) -> float: ...
    @overload
    def __call__(self, x: N, *given: N | float | Real, **named: N | float | Real) -> N: ...
    @overload
    def __call__(self, x: float | Real, *given: N, **named: N) -> N: ...
    def __call__(self, x: Any, *given: Any, **named: Any) -> Any:  # noqa: D102
        y = given[0] if given else named.pop(self.parameter, self.default)
        if named or len(given) > 1:
            extra = ", ".join([repr(g) for g in given[1:]] + [f"{k}={v!r}" for k, v in named.items()])
            raise TypeError(f"{self.name} takes (x, {self.parameter}={self.default}), got also {extra:.60}")
        return super().__call__(x, y)


class Nary(Op):
    """An operation on one sequence of numbers, or on two of the same length; see `Op`.

    ``rule(y, xs)`` or ``rule(y, xs, ys)`` gives the partials with respect to all operands, flat; None for a constant.
    """

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        rule: Callable[..., Sequence[Any]] | None,
        *,
        groups: int = 1,
        **about: Any,
    ) -> None:
        super().__init__(name, value, 0, "dot" if name == "dot" else "", (EVERYWHERE,) * groups, method="", **about)
        self.rule = rule
        self.groups = groups
        self._bind()

    @overload
    def __call__(  # type: ignore[overload-overlap]  # an empty sequence fits both
        self, xs: Iterable[float], ys: Iterable[float] | None = None
    ) -> float: ...
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

    def grouped(self, operands: Sequence[Any]) -> Sequence[Any]:  # noqa: D102
        size = len(operands) // self.groups
        return [operands[k * size : (k + 1) * size] for k in range(self.groups)]

    def partials(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:  # noqa: D102
        return [None] * len(operands) if self.rule is None else self.rule(y, *self.grouped(operands))
