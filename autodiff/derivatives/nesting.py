"""One differentiation of a function, whatever differentiations it stands in: the story of nesting, on one page.

**Forward** (`Arguments.push`), the arguments become dual numbers ``x + t e`` of a level of their own, a number larger
than those of all differentiations under way. In ``jvp(f)`` inside ``jvp(g)``, g's numbers meet those of f as
``(x + t e1) + s e2``. An operation asks its operands for the highest level there: only what belongs to that one has a
tangent, all else is a constant to it, dual numbers of lower levels included. So e1 and e2 are not confused, and the
tangent of ``x -> x * d/dy (x + y)`` is 1, not 2: in the inner differentiation x is a constant.

**In reverse** (`Recorded`), the arguments become new leaves, and the sweep asks for the adjoints of these leaves alone.
In ``grad(grad(f))`` the outer one makes a leaf x of the number. The inner one is given x, a Value already, and makes a
node ``x * 1.0`` its leaf: it equals x, stays connected with x, and yet is another node. What reaches f by another way
is not counted. The inner sweep runs on nodes (`view`), because its result is differentiated once more: it is a graph,
in which x can be reached. Where nobody outside differentiates and no Value takes part, the same sweep runs on floats
(`Outside.keep`).

**Mixed.** In ``jvp`` of ``grad`` the leaves are given dual numbers. For a polynomial F in infinitesimals
``F(x + h) = F(x) + h F'(x)`` with a real h: so a leaf takes the place of the real part (`_on_leaf`), the tangents stand
beside it, and the components of F' are the derivatives of the components of F (`Recorded._sweep`). In ``grad`` of
``jvp`` the primals and tangents of the dual numbers are Values, and nothing is special.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextvars import ContextVar
from numbers import Integral
from typing import Any

from autodiff import recording
from autodiff.derivatives.forward import Dual, levels, real_part
from autodiff.derivatives.standins import StandIns
from autodiff.derivatives.structures import CONTAINERS, fill, numbers
from autodiff.derivatives.sweep import swept
from autodiff.graph import check_fresh, topological
from autodiff.recording import is_tracing
from autodiff.reverse import private_gradient
from autodiff.value import Value

_recorded_outside: ContextVar[bool | None] = ContextVar("_recorded_outside", default=None)  # None: nothing outside


def is_differentiating() -> bool:
    """Whether a transform is calling its function in this context."""
    return _recorded_outside.get() is not None


@contextlib.contextmanager
def differentiating() -> Iterator[None]:
    """Stand around, as a transform does: so compiled functions continue a graph that somebody sweeps themselves."""
    token = _recorded_outside.set(True)
    try:
        yield
    finally:
        _recorded_outside.reset(token)


class Outside:
    """What a differentiation stands in, and is given: they say what kind of number its results are.

    `values`: a Value takes part, so every result is one: it is among the arguments, or `look` finds that the function
    captured it. `keep`: results stay connected with the graph, because of that, because an enclosing transform
    differentiates them, or because `compile` traces them. Otherwise Values in them are constants, which the function
    made. `epoch` is that of the call: what was born earlier is not the function's own.
    """

    def __init__(self, arguments: Arguments, *more: Any) -> None:
        self.values = _hold_a_value((*arguments.args, *arguments.kwargs.values(), *more))
        self.enclosed = bool(_recorded_outside.get() or (recording.traced and is_tracing()))
        self.keep = (self.enclosed or self.values) and not recording.is_paused()
        self.captured = False
        self.epoch = 0 if self.enclosed else recording.begin_epoch()

    def number(self, x: Any) -> Any:
        """A number as a result: inside `no_grad` without tangents, and without a graph unless it is to be kept."""
        if type(x) is Dual and not recording.is_paused():
            return Dual(x.level, self.number(x.primal), self.number(x.tangent))
        if type(x) is Value and self.keep:
            return x * 1.0 if x._stamp.born < self.epoch else x  # a node of its own, to be labelled, say
        return Value(float(x)) if self.values else float(x)

    def look(self, results: Iterable[Any]) -> None:
        """Look for captured Values in the graph behind what the function returned.

        Raises `StaleGraphError` if it is stale. Where something encloses the call, it looks at all in the end.
        """
        nodes = [v for x in results if type(x) is not float for v in _nodes(x)]
        if nodes and not (self.enclosed and self.keep):
            order = topological(nodes)
            check_fresh(order)
            self.meet([order])

    def meet(self, orders: Iterable[list[Value]]) -> bool:
        """Whether a leaf in some graphs was there before the call; if so, results are as if it had been given."""
        for order in orders:
            if min([v._stamp.born for v in order if v.op is None]) < self.epoch:
                self.captured = True
                self.follow(self)
        return self.captured

    def follow(self, call: Outside) -> None:
        """Give Values, connected with what a call captured."""
        if call.captured and not recording.is_paused():
            self.values = self.keep = True


def _hold_a_value(given: Collection[Any]) -> bool:
    """Whether a Value is among some arguments, or in structures, arrays or dual numbers there."""
    met: set[int] = set()  # by id: a structure may hold itself
    while kinds := set(map(type, given)) - _PLAIN:
        if Value in kinds:
            return True
        inner = {id(x): x for x in given if type(x) in kinds and id(x) not in met}
        met |= inner.keys()
        given = [member for x in inner.values() for member in _members(x)]
    return False


_PLAIN = {float, int, bool, str, type(None)}


def _members(x: Any) -> Collection[Any]:
    if isinstance(x, CONTAINERS):
        return x.values() if isinstance(x, dict) else x
    return x.ravel().tolist() if getattr(getattr(x, "dtype", None), "kind", "") == "O" else _nodes(x)


def _nodes(x: Any) -> list[Value]:
    """The Values that a number consists of."""
    if type(x) is Dual:
        return [*_nodes(x.primal), *_nodes(x.tangent)]
    return [x] if type(x) is Value else []


class Arguments:
    """A function and the arguments of a call, some of which (`argnums`) it is to be differentiated with respect to."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Any) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        asked = positions(argnums)
        self.single = isinstance(asked, int)
        places = [_position(k, len(args)) for k in ((asked,) if isinstance(asked, int) else asked)]
        self.trees = {k: args[k] for k in places}
        if len(self.trees) < len(places):
            raise ValueError(f"argnums names an argument twice: {argnums}")
        self.numbers = [x for k, tree in self.trees.items() for x in numbers(tree, f"argument {k}")]

    def call(self, given: list[Any], recorded: bool) -> Any:
        """Call the function with other numbers in the places of the chosen ones."""
        iterator = iter(given)
        args = list(self.args)
        for k, tree in self.trees.items():
            args[k] = fill(tree, iterator)
        token = _recorded_outside.set(recorded or bool(_recorded_outside.get()))
        try:
            with StandIns(given):
                return self.function(*args, **self.kwargs)
        finally:
            _recorded_outside.reset(token)

    def like(self, values: Sequence[Any]) -> Any:
        """Numbers in the structure of the chosen arguments: of the one, or of each in a tuple."""
        iterator = iter(values)
        trees = tuple([fill(tree, iterator) for tree in self.trees.values()])
        return trees[0] if self.single else trees

    def push(self, tangents: Sequence[Any], outside: Outside) -> tuple[Any, list[Any], list[Any]]:
        """The function on dual numbers: what it returns, its primals and tangents; None is a constant's tangent."""
        level = next(levels)
        given = [x if t is None else Dual(level, x, t) for x, t in zip(self.numbers, tangents)]
        output = self.call(given, recorded=outside.keep)
        found = numbers(output, "the result")
        outside.look(found)
        pairs = [(y.primal, y.tangent) if type(y) is Dual and y.level == level else (y, 0.0) for y in found]
        return output, [outside.number(y) for y, _ in pairs], [outside.number(t) for _, t in pairs]


class Recorded:
    """A function run on leaves, ready to be swept from any number in its `output`."""

    def __init__(self, arguments: Arguments) -> None:
        self.leaves = [_leaf(real_part(x)) for x in arguments.numbers]
        given = [_on_leaf(x, leaf) for x, leaf in zip(arguments.numbers, self.leaves)]
        self.output = arguments.call(given, recorded=True)

    def only_gradient(self, y: Any, outside: Outside) -> list[Any]:
        """The same as `gradient`, for a recording that is swept once, by the thread that made it."""
        orders = [topological((v,)) for v in _nodes(y)]
        private = not (outside.values or outside.enclosed or outside.meet(orders))
        found = private_gradient(y, orders[0], self.leaves) if private and type(y) is Value else None
        return self.gradient(y, outside, orders) if found is None else found

    def gradient(self, y: Any, outside: Outside, orders: Iterable[list[Value]] = ()) -> list[Any]:
        """The derivative of a number in the output with respect to each of the chosen arguments' numbers."""
        with recording.resume():
            found = self._sweep(y, outside.keep, iter(orders))
        # As in `backward`, where a gradient starts at 0.0: a float is never -0.0.
        return [outside.number(0.0 if g is None else g + 0.0 if type(g) is float else g) for g in found]

    def _sweep(self, y: Any, keep: bool, orders: Iterator[list[Value]]) -> list[Any]:
        """None: y does not depend on it. The `orders` of its nodes come in the order of `_nodes`, if they are known."""
        if type(y) is Dual:
            pairs = zip(self._sweep(y.primal, keep, orders), self._sweep(y.tangent, keep, orders))
            return [p if t is None else Dual(y.level, 0.0 if p is None else p, t) for p, t in pairs]
        if type(y) is Value:
            wrt, order = self.leaves, next(orders, None)
            found = swept(y, view=lambda p: p, wrt=wrt, order=order) if keep else swept(y, wrt=wrt, order=order)
            sums = {id(v): adjoint for v, adjoint in found}
            return [sums.get(id(leaf)) for leaf in self.leaves]
        return [None] * len(self.leaves)


def positions(argnums: Any, what: str = "argnums") -> int | tuple[int, ...]:
    """What `argnums` names: an int for one argument, a tuple for several; a TypeError if it is something else."""
    if type(argnums) is int or (type(argnums) is tuple and {*map(type, argnums)} == {int}):  # for speed alone
        return argnums
    if isinstance(argnums, Sequence) and not isinstance(argnums, str):
        return tuple([_integer(k, what) for k in argnums])
    return _integer(argnums, what)


def _integer(k: Any, what: str) -> int:
    if type(k) is not int and (isinstance(k, bool) or not isinstance(k, Integral)):
        raise TypeError(f"{what} takes an int or a sequence of ints, got {type(k).__name__}: {k!r:.60}")
    return int(k)


def _position(k: int, count: int) -> int:
    if not -count <= k < count:
        raise ValueError(f"argnums names argument {k}, but the function was called with {count} positional argument(s)")
    return k % count


def _leaf(x: Any) -> Value:
    if type(x) is not Value:
        return Value(x)
    with recording.resume():
        return x * 1.0  # the product changes no number and has no node in a sweep


def _on_leaf(x: Any, leaf: Value) -> Any:
    return Dual(x.level, _on_leaf(x.primal, leaf), x.tangent) if type(x) is Dual else leaf
