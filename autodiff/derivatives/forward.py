"""Forward mode: dual numbers, which carry a derivative along with every number.

A dual number is a primal a and a tangent a', one number of a plane with a direction of infinitesimal length e,
``a + a' e`` with ``e * e = 0``. An operation on dual numbers applies to the primals, and its partials give the
tangent, ``y' = sum of partial * tangent``: the rules of `autodiff.ops`, run on the numbers that primals are. These
may be floats; `Value`s, which record; or dual numbers of an outer differentiation. Each differentiation has a level
of its own, a number that grows inwards, and what belongs to another level is a constant to it. So nested derivatives
do not confuse their directions.

An operand that does not depend on the input has no tangent, which is zero whatever it is multiplied by. A tangent that
is there and happens to be 0.0 follows IEEE: times an infinite partial it is nan.

References
----------
J. Siskind and B. Pearlmutter, *Nesting forward-mode AD in a functional framework*, 2008.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from typing import Any, cast, final

from autodiff import ops, recording
from autodiff.derivatives.sweep import times
from autodiff.operation import COMPARISONS, Binary, Methods, Nary, Op, Unary, attach, for_every_operation, is_real, real
from autodiff.recording import is_paused
from autodiff.value import Value

levels = itertools.count(1)
"""Of differentiations: the next is larger than those of all that are under way."""


@final
class Dual(Methods):
    """A number with a tangent. `autodiff.jvp` makes them; functions need not know of them.

    Parameters
    ----------
    level : int
        The differentiation it belongs to.
    primal : number
        The number: a float, a Value, or a Dual of a lower level.
    tangent : number
        Its derivative in the direction of that differentiation, of any of these types.

    Notes
    -----
    It has the operators and methods of `Value`. ``==``, ``!=``, ``<``, ``<=``, ``>`` and ``>=``, ``float(x)`` and the
    functions of `math` see the number alone; its hash is refused in the function that is differentiated. Inside
    `autodiff.no_grad` results are constants.

    Examples
    --------
    >>> from autodiff.derivatives.forward import Dual
    >>> x = Dual(1, 3.0, 1.0)
    >>> x * x
    Dual(level=1, primal=9.0, tangent=6.0)
    """

    __slots__ = ("level", "primal", "tangent")

    def __init__(self, level: int, primal: Any, tangent: Any) -> None:
        self.level = level
        self.primal = primal
        self.tangent = tangent

    @property
    def data(self) -> float:
        """The number itself, as a float."""
        return float(self)

    def detach(self) -> Value:
        """Return the same number as a constant, which tangents do not flow through."""
        return Value(float(self))

    def __repr__(self) -> str:
        if recording.traced and not sys._getframe(1).f_code.co_filename.startswith(recording.OURS):
            recording.refuse(self, "the text", recording.TEXT)
        return f"Dual(level={self.level}, primal={self.primal!r}, tangent={self.tangent!r})"

    def __float__(self) -> float:
        return float(self.primal)

    def __int__(self) -> int:
        return int(float(self))

    def __bool__(self) -> bool:
        return bool(float(self))

    def __round__(self, ndigits: int | None = None) -> float:
        return round(float(self), ndigits)

    def __trunc__(self) -> int:
        return math.trunc(float(self))

    def __floor__(self) -> int:
        return math.floor(float(self))

    def __ceil__(self) -> int:
        return math.ceil(float(self))

    def __format__(self, spec: str) -> str:
        data = float(self)
        return format(data, spec) if spec else repr(self)

    def __hash__(self) -> int:
        function = recording.innermost.get()
        if function is not None:
            function.check_hash(self)
        return object.__hash__(self)

    def __pos__(self) -> Dual:
        return self


def real_part(x: Any) -> Any:
    """The number itself, without the tangents of any level: a float or a Value."""
    while type(x) is Dual:
        x = x.primal
    return x


def is_number(x: Any) -> bool:
    """Whether something is a real number of any kind, or a number that is differentiated."""
    return type(x) is float or type(x) in ops.add.on or is_real(x)


def _unary(op: Unary) -> Callable[[Dual], Any]:
    """The operation on a Dual."""

    def function(a: Dual) -> Any:
        x = a.primal
        y = op(x)
        if recording.paused and is_paused():
            return y
        (partial,) = op.partials(y, (x,), (True,))
        return y if partial is None else Dual(a.level, y, times(partial, a.tangent))

    return function


def _binary(op: Binary) -> Callable[[Any, Any], Any]:
    """The operation on two numbers, at least one of them a Dual; one of a lower level, or none, is a constant."""

    def function(a: Any, b: Any) -> Any:
        first = a.level if type(a) is Dual else 0
        second = b.level if type(b) is Dual else 0
        x = a.primal if first >= second else a if type(a) in op.on else real(a)
        z = b.primal if second >= first else b if type(b) in op.on else real(b)
        y = op(x, z)
        if recording.paused and is_paused():
            return y
        da, db = op.partials(y, (x, z), (first >= second, second >= first))
        if db is None or second < first:
            return y if da is None else Dual(first, y, times(da, a.tangent))
        if da is None or first < second:
            return Dual(second, y, times(db, b.tangent))
        return Dual(first, y, times(da, a.tangent) + times(db, b.tangent))

    return function


def _sequence(op: Nary) -> Callable[..., Any]:
    """The operation on one or two sequences with a Dual among their members; the tangent is a single dot product."""

    def function(a: tuple[Any, ...], b: tuple[Any, ...] | None = None) -> Any:
        operands = a if b is None else a + b
        level = max([p.level for p in operands if type(p) is Dual])
        wanted = [type(p) is Dual and p.level == level for p in operands]
        primals = [p.primal if w else p if type(p) in op.on else real(p) for p, w in zip(operands, wanted)]
        y = op(primals) if b is None else op(primals[: len(a)], primals[len(a) :])
        if recording.paused and is_paused():
            return y
        partials = op.partials(y, primals, wanted)
        terms = [(d, p.tangent) for d, p, w in zip(partials, operands, wanted) if w and d is not None]
        if not terms:
            return y
        return Dual(level, y, times(*terms[0]) if len(terms) == 1 else ops.dot(*zip(*terms)))

    return function


def _bind(op: Op) -> None:
    """Let an operation work on dual numbers, and give `Dual` its method."""
    if not isinstance(op, Binary):
        op.on[Dual] = _unary(op) if isinstance(op, Unary) else _sequence(cast(Nary, op))
        attach(Dual, op, op.on[Dual])
        return
    function = op.on[Dual] = _binary(op)

    def operator(self: Dual, other: Any) -> Any:
        return function(self, other) if is_number(other) else NotImplemented

    def reflected(self: Dual, other: Any) -> Any:
        return function(other, self) if is_number(other) else NotImplemented

    attach(Dual, op, operator if op.method.startswith("__") else _binary(op), reflected)


for_every_operation(_bind)


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Dual, Any], Any]:
    """Of the numbers, without their tangents."""
    return lambda self, other: compare(real_part(self), real_part(other))


for compare in COMPARISONS:
    setattr(Dual, f"__{compare.__name__}__", _comparison(compare))
