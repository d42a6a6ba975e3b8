"""The computation graph as a graph: order and freshness. It asks a node only for what it is made of.

A node has an operation ``op`` (None for a leaf) and its operands in two slots, ``_a`` and ``_b``: one number each,
or a tuple of numbers for an operation on sequences. An operand is a node or a float (a constant); the members of
a tuple are all nodes or all floats. Nothing here recurses: a graph may be a million nodes deep.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from autodiff import recording
from autodiff.errors import StaleGraphError
from autodiff.operation import Op
from autodiff.recording import Stamp


class Node(Protocol):
    """What a graph is made of. `autodiff.value.Value` is one."""

    _data: float
    grad: float
    op: Op | None
    _a: Any
    _b: Any
    _stamp: Stamp

    @property
    def operands(self) -> tuple[Any, ...]:
        """Nodes, and floats for constants, flat."""

    @property
    def label(self) -> str:
        """Its name; "" for none."""


V = TypeVar("V", bound=Node)


def topological(outputs: Iterable[V]) -> list[V]:
    """All nodes that some outputs are computed from, each once, operands before what is made of them.

    The order depends on the structure alone.

    A depth-first search in postorder with a stack of its own, in time linear in the number of edges. A node is pushed
    again when it is entered; when it comes up the second time, everything below it has its place in the order.
    (What comes up a third time was pushed by several uses; it keeps its place.) This is the hot half of
    `Value.backward`, hence the local names and the cases by arity.
    """
    order: dict[V, None] = {}
    entered: set[V] = set()
    complete: set[int] = set()  # by id, tuples of operands that were entered as a whole
    stack = list(outputs)
    stack.reverse()
    while stack:
        v = stack.pop()
        if v in entered:
            order[v] = None
            continue
        while True:  # enter v, and go down by its first operand without a detour by the stack
            entered.add(v)
            op = v.op
            if op is None:
                order[v] = None
                break
            stack.append(v)
            a, b = v._a, v._b
            if op.arity == 2:
                if type(b) is not float and b not in entered:
                    stack.append(b)
                if type(a) is float or a in entered:
                    break
                v = a
            elif op.arity == 1:
                if a in entered:
                    break
                v = a
            else:
                for group in (b, a):  # most of them are complete: weights, and a layer's inputs
                    if group and type(group[0]) is not float and id(group) not in complete:
                        if entered.issuperset(group):
                            complete.add(id(group))
                            continue
                        for p in reversed(group):
                            if p not in entered:
                                stack.append(p)
                break
    return list(order)


def check_fresh(order: Iterable[Node]) -> None:
    """Raise `StaleGraphError` if the data of a leaf changed after a node was computed from it."""
    epoch = recording.now.epoch
    for v in order:
        if v._stamp.epoch != epoch:
            check_operands(v)


def check_operands(v: Node) -> None:
    """Raise `StaleGraphError` if an operand of a node is newer than the node."""
    for p in v.operands:
        if not isinstance(p, float) and p._stamp.epoch > v._stamp.epoch:
            raise StaleGraphError(
                f"the data of {p!r} changed after this graph was built on it, so its gradients would be wrong; "
                "rebuild the expression, or call .refresh() on its output to recompute it in place"
            )
