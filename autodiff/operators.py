"""From the table of operations to the operators and methods of `Value`.

Each operation gets a closure that computes and makes the node in one breath: a call saved is a fifth of the time,
and the repeated lines are the price.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, cast

from autodiff import ops, recording  # noqa: F401  (ops fills the table)
from autodiff.numerics import total
from autodiff.operation import COMPARISONS, Binary, Nary, Op, Unary, attach, for_every_operation, real
from autodiff.recording import Stamp, is_paused, user_place
from autodiff.strict import check_result, is_strict
from autodiff.value import Value, new_node

_new = object.__new__


def _rarely(op: Op, y: float, a: Any, b: Any) -> Value:
    """Make the node of an operation while some thread traces a function, or is in a `no_grad` or `strict` block."""
    stamp = recording.now
    if is_strict():
        stamp = Stamp(stamp.epoch, stamp.scope, place=user_place())
        check_result(op, y, a, b, stamp)
    if not is_paused():
        v = new_node(op, y, a, b, stamp)
        if recording.traced and (trace := recording.trace_of()) is not None:
            trace.made.append(v)
        return v
    if recording.traced:
        operands = (*a, *(b or ())) if type(a) is tuple else (a, b)
        recording.refuse(next(p for p in operands if type(p) is Value), "no_grad around an operation", recording.LEAVES)
    return Value(y)


def _unary(op: Unary) -> Callable[[Value], Value]:
    compute = op.value

    def method(self: Value) -> Value:
        y = compute(self._data)
        if recording.paused:
            return _rarely(op, y, self, None)
        v = _new(Value)
        v._data = y
        v.grad = 0.0
        v.op = op
        v._a = self
        v._b = None
        v._stamp = recording.now
        return v

    return method


def _binary(op: Binary) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    compute = op.value

    def method(self: Value, other: Any) -> Value:
        if type(other) is Value:
            y = compute(self._data, other._data)
        else:
            if type(other) is not float:
                if type(other) is not int and not isinstance(other, Real):  # the second test takes 0.2 us
                    return NotImplemented  # type: ignore[no-any-return]
                other = float(other)
            y = compute(self._data, other)
        if recording.paused:
            return _rarely(op, y, self, other)
        v = _new(Value)
        v._data = y
        v.grad = 0.0
        v.op = op
        v._a = self
        v._b = other
        v._stamp = recording.now
        return v

    def reflected(self: Value, other: Any) -> Value:
        if type(other) is not float:
            if type(other) is not int and not isinstance(other, Real):
                return NotImplemented  # type: ignore[no-any-return]
            other = float(other)
        y = compute(other, self._data)
        if recording.paused:
            return _rarely(op, y, other, self)
        v = _new(Value)
        v._data = y
        v.grad = 0.0
        v.op = op
        v._a = other
        v._b = self
        v._stamp = recording.now
        return v

    return method, reflected


def _function(op: Binary, operator: Callable[..., Value], reflected: Callable[..., Value]) -> Callable[..., Value]:
    def function(a: Any, b: Any) -> Any:
        y = operator(a, b) if type(a) is Value else reflected(b, a)
        if y is NotImplemented:
            other = b if type(a) is Value else a
            if type(other) in op.on:  # a number that is made of Values
                return op.on[type(other)](a, b)
            raise TypeError(f"{op.name} takes Values and real numbers, got {type(other).__name__}: {other!r:.60}")
        return y

    return function


def _nary(op: Nary) -> Callable[..., Value]:
    compute = op.value

    def function(a: tuple[Any, ...], b: tuple[Any, ...] | None = None) -> Any:
        for kind in {*map(type, a), *map(type, b or ())} - _simple:
            if kind in op.on:  # a number that is made of Values
                return op.on[kind](a, b)
        a, xs = _uniform(a)
        if b is None:
            y = compute(xs)
        else:
            b, ys = _uniform(b)
            y = compute(xs, ys)
        if recording.paused:
            return _rarely(op, y, a, b)
        return new_node(op, y, a, b, recording.now)

    return function


def _dot(op: Nary) -> Callable[..., Value]:
    """The function of `_nary`, with `numerics.dot` written into it: it is half of a network's forward pass."""
    general = _nary(op)

    def function(a: tuple[Any, ...], b: tuple[Any, ...]) -> Value:
        try:
            if type(b[0]) is not float:
                y = total([p._data * q._data for p, q in zip(a, b)])
            elif set(map(type, b)) == _only_floats:
                y = total([p._data * x for p, x in zip(a, b)])
            else:
                return general(a, b)
        except AttributeError:  # constants among nodes
            return general(a, b)
        if recording.paused:
            return _rarely(op, y, a, b)
        v = _new(Value)
        v._data = y
        v.grad = 0.0
        v.op = op
        v._a = a
        v._b = b
        v._stamp = recording.now
        return v

    return function


_only_floats = {float}
_simple = {Value, float, int}


def _uniform(operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], Sequence[float]]:
    """The operands as all nodes or, if there is no node among them, all floats; and their data."""
    if Value in set(map(type, operands)):
        operands = tuple([p if type(p) is Value else Value(p) for p in operands])
        return operands, [p._data for p in operands]
    operands = tuple(map(real, operands))
    return operands, operands


def bind(op: Op) -> None:
    """Let an operation work on Values, and give `Value` its method."""
    if isinstance(op, Binary):
        operator, reflected = _binary(op)
        function = op.on[Value] = _function(op, operator, reflected)
        # An operator returns NotImplemented instead: Python asks the other operand before it raises.
        attach(Value, op, operator if op.method.startswith("__") else function, reflected)
    elif isinstance(op, Unary):
        op.on[Value] = _unary(op)
        attach(Value, op, op.on[Value])
    else:
        op.on[Value] = _dot(cast(Nary, op)) if op.hot == "dot" else _nary(cast(Nary, op))
        attach(Value, op, op.on[Value])


for_every_operation(bind)


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Value, Any], Any]:
    """It compares data; while a function is traced it is a number itself, which `where` takes and `if` refuses."""

    def method(self: Value, other: Any) -> Any:
        if recording.traced and (trace := recording.trace_of(self, other)) is not None:
            return trace.compared(compare, self, other)
        return compare(self._data, other._data if type(other) is Value else other)

    return method


for compare in COMPARISONS:
    setattr(Value, f"__{compare.__name__}__", _comparison(compare))
