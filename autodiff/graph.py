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

    A depth-first search in postorder with a stack of its own, in time linear in the number of edges. A None on it says
    that all below the node underneath has its place in the order. The tables go by id: a set asks a Value for its hash.
    """
    order: list[V] = []
    entered: set[int] = set()
    complete: set[int] = set()  # tuples of operands of which all are entered
    stack: list[Any] = [*outputs][::-1]
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
            continue
        while (key := id(v)) not in entered:  # enter v, and go down by its first operand without a detour by the stack
            entered.add(key)
            op = v.op
            if op is None:
                order.append(v)
                break
            stack += (v, None)
            if op.arity == 2:
                b, v = v._b, v._a
                if type(b) is not float:
                    stack.append(b)
                    if type(v) is float:
                        break
            elif op.arity == 1:
                v = v._a
            else:  # most groups are complete: weights, and a layer's inputs
                for group in (v._b, v._a):
                    if group and id(group) not in complete and type(group[0]) is not float:
                        if entered.issuperset(map(id, group)):
                            complete.add(id(group))
                        else:
                            stack += reversed(group)
                break
    return order


def check_fresh(order: Iterable[Node]) -> None:
    """Raise `StaleGraphError` if the data of a leaf changed after a node was computed from it."""
    written = recording.written
    for v in order:
        if v._stamp.epoch < written:
            check_operands(v)


def check_operands(v: Node) -> None:
    """Raise `StaleGraphError` if an operand of a node is newer than the node."""
    for p in v.operands:
        if not isinstance(p, float) and p._stamp.epoch > v._stamp.epoch:
            raise StaleGraphError(
                f"the data of {p!r} changed after this graph was built on it, so its gradients would be wrong; "
                "rebuild the expression, or call .refresh() on its output to recompute it in place"
            )
