"""What an operation is: a function, its partial derivatives, and what people and tests need to know of it.

`autodiff.ops` is the table of all of them. An operation is called like a function: on floats it computes; for any
other type of number, ``op.on[type]`` says what it does. So one rule, written with ordinary operators and operations,
runs on floats, on `Value` nodes (which gives the gradient as a graph), and on whatever number type comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, overload

from autodiff.registry import OPERATIONS, Interval, Op, Rule, for_every_operation, named, real

__all__ = [
    "OPERATIONS",
    "Binary",
    "Interval",
    "Nary",
    "Op",
    "Rule",
    "Tuned",
    "Unary",
    "attach",
    "for_every_operation",
    "named",
    "real",
]

N = TypeVar("N")


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
