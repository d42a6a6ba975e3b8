"""`Value`: a number that remembers how it was computed."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from numbers import Real
from typing import Any, cast, final

from autodiff import recording
from autodiff.errors import GraphError
from autodiff.graph import topological
from autodiff.operation import Methods, Op, real
from autodiff.recording import Stamp
from autodiff.reverse import backward
from autodiff.strict import check_result


@final
class Value(Methods):
    """A scalar in a computation graph, with its gradient.

    Arithmetic and functions of Values give Values that hold their operation and operands; `backward` on a
    result then gives its derivative with respect to everything that it was computed from. Operands may be mixed
    with real numbers of any kind (int, Fraction, NumPy scalars); these stay constants.

    Parameters
    ----------
    data : real number
        The number.
    label : str, optional
        A name for drawings and messages.

    Attributes
    ----------
    grad : float
        The derivative of what `backward` was called on with respect to this node, summed over all calls.
    op : Op or None
        The operation that made the node; None for a leaf.

    Raises
    ------
    TypeError
        If the data is not a real number.
    OverflowError
        If it is an int too large for a float.

    Notes
    -----
    ``==``, ``!=``, ``<``, ``<=``, ``>`` and ``>=`` compare data, as its number does, and so do ``in``, ``index``,
    ``count`` and ``remove`` of a list; ``float(v)``, ``int(v)``, ``round(v)``, ``bool(v)``, ``f"{v:.3f}"`` and the
    functions of `math` see the data alone and leave the graph. The hash is that of identity, so that sets and dicts are
    of nodes: 0.0 does not find a Value of 0.0 there.

    In a function that `autodiff.compile` or `nn.fit` traces, a comparison gives a Value, for `where`, and what would
    leave the graph raises a `TraceError`, and so does its text (``print(v)``, ``str(v)``). There, and under `grad` and
    `jvp`, which go by the numbers, the hash of an argument or of what is computed from it is refused: a set or a dict
    finds a float by its number, a Value by what it is. Compare by ``==``, or let the keys of a table of nodes be
    ``id(v)``. A copy of such a number under `grad` is the number itself, and none is pickled.

    Examples
    --------
    >>> x = Value(3.0, label="x")
    >>> y = x**2 + 2 * x
    >>> y.backward()
    >>> y.data, x.grad
    (15.0, 8.0)
    """

    # Six slots are 80 bytes, and 24 for the number: 104 bytes a node. A tuple of operands, or a closure for the
    # derivative, would be more than this again, and a cycle would leave the freeing to the garbage collector.
    __slots__ = ("_a", "_b", "_data", "_stamp", "grad", "op")

    _data: float
    grad: float
    op: Op | None
    _a: Any
    _b: Any
    _stamp: Stamp

    def __init__(self, data: Real | float, label: str = "") -> None:
        if type(data) is not float:
            if isinstance(data, Value):
                raise TypeError("Value(...) of a Value: use it as it is, or .detach() for a leaf with its data")
            data = real(data)
        self._data = data
        self.grad = 0.0
        self.op = self._a = self._b = None
        self._stamp = recording.now
        if label:
            self.label = label

    def __init_subclass__(cls) -> None:
        raise TypeError("Value has no subclasses: operations give plain Values; hold a Value in your class instead")

    # -- What a node is ------------------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number. Writing it is for leaves, and makes the graphs built on them stale.

        Raises
        ------
        GraphError
            On writing the data of a node that was computed.
        TypeError, OverflowError
            As for the constructor.
        TraceError
            On reading or writing it in a function that is being compiled.
        """
        if recording.traced:
            recording.refuse(self, ".data")
        return self._data

    @data.setter
    def data(self, data: Real | float) -> None:
        if self.op is not None:
            raise GraphError(
                f"the data of {self!r} is computed by {self.op.name!r}; write the data of a leaf and call .refresh(), "
                "or take a leaf with .detach()"
            )
        if recording.traced:
            recording.refuse(self, "writing .data", recording.LEAVES)
        self._data = data if type(data) is float else real(data)
        epoch, stamp = recording.begin_epoch(write=True), self._stamp
        if stamp.private:
            stamp.epoch = epoch
        else:
            self._stamp = Stamp(epoch, stamp.scope, "", "", None, stamp.born)

    @property
    def label(self) -> str:
        """The node's name in drawings and messages; "" for none."""
        return self._stamp.label

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a str, got {type(label).__name__}: {label!r:.60}")
        old = self._stamp
        self._stamp = Stamp(old.epoch, old.scope, label, old.role, old.place, old.born)

    @property
    def scope(self) -> tuple[str, ...]:
        """Names of the scopes (see `autodiff.scope`) in which the node was made, outermost first."""
        return self._stamp.scope

    @property
    def role(self) -> str:
        """The part it plays: "parameter" for what a module trains, else "input" for a leaf, "operation" for a node."""
        return self._stamp.role or ("input" if self.op is None else "operation")

    @property
    def operands(self) -> tuple[Value | float, ...]:
        """What the node was computed from: Values, and floats where the operand was a constant; () for a leaf."""
        op = self.op
        if op is None:
            return ()
        if op.arity == 2:
            return (self._a, self._b)
        if op.arity == 1:
            return (self._a,)
        return cast("tuple[Value | float, ...]", self._a if self._b is None else self._a + self._b)

    def __repr__(self) -> str:
        if recording.traced and not sys._getframe(1).f_code.co_filename.startswith(recording.OURS):
            recording.refuse(self, "the text", recording.TEXT)
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data}, grad={self.grad}{label})"

    # -- Gradients -----------------------------------------------------------------------------------------------

    def backward(self, seed: float = 1.0) -> None:
        """Add the derivative of this node with respect to every node below it to that node's ``.grad``.

        Parameters
        ----------
        seed : float
            The adjoint to start from: gradients are multiplied by it.

        Raises
        ------
        StaleGraphError
            If a leaf's data changed after the graph was built. No gradient is changed then.
        TraceError
            In a function that is being compiled.

        Notes
        -----
        Reverse accumulation: in reverse topological order each node's adjoint, multiplied by each partial, is added to
        its operands' adjoints. It takes a small constant times the time of building the graph, however many leaves
        there are. Calling it again adds the same again; see `zero_grad`.

        Examples
        --------
        >>> x = Value(3.0)
        >>> y = x**3
        >>> y.backward(); x.grad
        27.0
        >>> y.backward(); x.grad
        54.0
        """
        if recording.traced:
            recording.refuse(self, "backward()", recording.LEAVES)
        backward(self, seed if type(seed) is float else real(seed))

    def zero_grad(self) -> None:
        """Set ``.grad`` to 0 on this node and on every node below it."""
        for v in topological((self,)):
            v.grad = 0.0

    def refresh(self) -> Value:
        """Recompute this node and every node below it in place, from the present data of the leaves.

        What a slider in a notebook needs: write ``leaf.data``, refresh, look. Gradients stay as they are.

        Returns
        -------
        Value
            The node itself.

        Examples
        --------
        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 5.0
        >>> y.refresh().data
        25.0
        """
        epoch = 0
        stamps: dict[Stamp, Stamp] = {}  # nodes that shared a stamp share the new one
        for v in topological((self,)):
            op, stamp, operands = v.op, v._stamp, v.operands
            newer = [p for p in operands if not isinstance(p, float) and p._stamp.epoch > stamp.epoch]
            if op is None or not newer:
                continue
            # An epoch of its own: what was made of the old numbers after the leaf was written is older, so stale.
            epoch = epoch or recording.begin_epoch(write=True)
            data = op.value(*op.grouped([p if isinstance(p, float) else p._data for p in operands]))
            if recording.paused:
                check_result(op, data, v._a, v._b, stamp)
            v._data = data
            if stamp not in stamps:
                stamps[stamp] = Stamp(epoch, stamp.scope, stamp.label, stamp.role, stamp.place, stamp.born)
            v._stamp = stamps[stamp]
        return self

    def detach(self) -> Value:
        """Return a new leaf with the same data and label, which gradients do not flow through.

        Raises
        ------
        TraceError
            In a function that is being compiled.
        """
        return Value(self._taken("detach()", recording.LEAVES), self.label)

    # -- Numbers -------------------------------------------------------------------------------------------------

    def __float__(self) -> float:
        return float(self._taken("float()"))

    def __int__(self) -> int:
        return int(self._taken("int()"))

    def __bool__(self) -> bool:
        return bool(self._taken("the truth"))

    def __round__(self, ndigits: int | None = None) -> float:
        return round(self._taken("round()"), ndigits)

    def __trunc__(self) -> int:
        return math.trunc(self._taken("trunc()"))

    def __floor__(self) -> int:
        return math.floor(self._taken("floor()"))

    def __ceil__(self) -> int:
        return math.ceil(self._taken("ceil()"))

    def __format__(self, spec: str) -> str:
        data = self._taken("the text", recording.TEXT)
        return format(data, spec) if spec else repr(self)

    def _taken(self, how: str, why: str = recording.BRANCHES) -> float:
        """The data, taken out of the graph."""
        if recording.traced:
            recording.refuse(self, how, why)
        return self._data

    def __hash__(self) -> int:
        function = recording.innermost.get()
        if function is not None:
            function.check_hash(self)
        return object.__hash__(self)

    def __pos__(self) -> Value:
        return self


def parameter(data: Real | float, label: str = "") -> Value:
    """Make a leaf that is to be trained: drawings show it as a parameter.

    Parameters
    ----------
    data : real number
        Its initial value.
    label : str
        Its name; "" for none.

    Returns
    -------
    Value
        A leaf with the role "parameter".

    Examples
    --------
    >>> parameter(0.5).role
    'parameter'
    """
    v = Value(data)
    v._stamp = Stamp(recording.now.epoch, recording.now.scope, label, "parameter")
    return v


def write(leaves: Iterable[Value], numbers: Iterable[Real | float]) -> None:
    """Write the data of several leaves as one change: what ``v.data = x`` does for each, in a third of the time.

    It raises what that does; the leaves before the one that raises are written.
    """
    epoch = recording.begin_epoch(write=True)
    stamp = Stamp(epoch, ())
    for v, x in zip(leaves, numbers):
        if v.op is not None or recording.traced:
            v.data = x  # raises
            continue
        v._data = x if type(x) is float else real(x)
        own = v._stamp
        if own.label or own.role:
            own.epoch = epoch
            continue
        if own.scope is not stamp.scope or own.born != stamp.born:
            stamp = Stamp(epoch, own.scope, born=own.born)
        v._stamp = stamp


def values(given: Any, what: str) -> list[Value]:
    """A Value, or an iterable of Values, as a list; a TypeError or ValueError that names it if it is none."""
    values = [given] if isinstance(given, Value) else list(given) if isinstance(given, Iterable) else [given]
    if not values:
        raise ValueError(f"{what} needs at least one Value, got none")
    for v in values:
        if not isinstance(v, Value):
            raise TypeError(f"{what} takes Values, got {type(v).__name__}: {v!r:.60}")
    return values


def new_node(op: Op | None, data: float, a: Any, b: Any, stamp: Stamp, grad: float = 0.0) -> Value:
    """Make a node of its parts, without a look at them."""
    v = object.__new__(Value)
    v._data, v.grad, v.op, v._a, v._b, v._stamp = data, grad, op, a, b, stamp
    return v
