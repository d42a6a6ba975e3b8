"""Copies of graphs: `copy.copy`, `copy.deepcopy` and `pickle`, without recursion however deep the graph is.

(`_copied`, which calls itself, goes into a tuple of operands, no further. It is no closure: a closure that names itself
is a cycle, and would keep a whole graph alive until the garbage collector comes.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff import recording
from autodiff.errors import StaleGraphError
from autodiff.graph import check_fresh, topological
from autodiff.operation import named
from autodiff.recording import Place, Stamp
from autodiff.value import Value, new_node


def copied(v: Value) -> Value:
    """Copy a node; its operands are shared."""
    if recording.traced:
        recording.refuse(v, "a copy", recording.LEAVES)
    return new_node(v.op, v._data, v._a, v._b, own(v._stamp, {}), v.grad)


def deepcopy(output: Value, memo: dict[int, Any]) -> Value:
    """Copy a graph; nodes that the memo of `copy.deepcopy` knows already are shared with the earlier copy."""
    if recording.traced:
        recording.refuse(output, "a copy", recording.LEAVES)
    for v in topological((output,)):
        if id(v) not in memo:
            memo[id(v)] = new_node(v.op, v._data, _copied(v._a, memo), _copied(v._b, memo), own(v._stamp, memo), v.grad)
    copy: Value = memo[id(output)]
    return copy


def _copied(operand: Any, memo: dict[int, Any]) -> Any:
    if type(operand) is tuple and id(operand) not in memo:  # a tuple that several nodes share stays shared
        memo[id(operand)] = tuple([_copied(p, memo) for p in operand])
    return memo.get(id(operand), operand)  # a number is not in it


def own(stamp: Stamp, memo: dict[int, Any]) -> Stamp:
    """The stamp for a copy of a node, which is born now; copies share it as the nodes do."""
    if stamp.private or id(stamp) not in memo:
        born = recording.now.epoch
        memo[id(stamp)] = Stamp(stamp.epoch, stamp.scope, stamp.label, stamp.role, stamp.place, born)
    fresh: Stamp = memo[id(stamp)]
    return fresh


def reduce(output: Value) -> tuple[Any, ...]:
    """The state for `pickle`: for a leaf its own, for a node its leaves and a flat list of the nodes above them.

    Nodes refer to operands by number. Leaves are pickled as objects of their own, so that outputs which are
    pickled together still share them.
    """
    if recording.traced:
        recording.refuse(output, "a pickle", recording.LEAVES)
    if output.op is None:
        return _leaf, (output._data, output.grad, _plain(output._stamp))
    order = topological((output,))
    try:
        check_fresh(order)
        fresh = True
    except StaleGraphError:
        fresh = False
    leaves = [v for v in order if v.op is None]
    nodes = [v for v in order if v.op is not None]
    number = {id(v): k for k, v in enumerate(leaves + nodes)}

    def reference(p: Any) -> Any:
        return number[id(p)] if type(p) is Value else p

    rows = [
        (v.op.name, v._data, v.grad, _each(v._a, reference), _each(v._b, reference), _plain(v._stamp))
        for v in nodes
        if v.op
    ]
    return _graph, (leaves, rows, fresh)


def _each(operand: Any, function: Callable[[Any], Any]) -> Any:
    """What a function makes of an operand, or of each in a tuple of them."""
    return tuple([function(p) for p in operand]) if type(operand) is tuple else function(operand)


_Plain = tuple[tuple[str, ...], str, str, Place | None]


def _plain(stamp: Stamp) -> _Plain:
    return stamp.scope, stamp.label, stamp.role, stamp.place


def _leaf(data: float, grad: float, stamp: _Plain) -> Value:
    return new_node(None, data, None, None, Stamp(recording.now.epoch, *stamp), grad)


def _graph(leaves: list[Value], rows: list[tuple[Any, ...]], fresh: bool) -> Value:
    """Build the nodes again; a graph that was stale stays so: it is given an epoch before all leaves."""
    epoch = recording.now.epoch if fresh else -1
    nodes = list(leaves)
    stamps: dict[tuple[Any, ...], Stamp] = {}

    def operand(reference: Any) -> Any:
        return nodes[reference] if type(reference) is int else reference

    for name, data, grad, a, b, plain in rows:
        stamp = stamps.get(plain)
        if stamp is None or stamp.private:
            stamp = stamps[plain] = Stamp(epoch, *plain)
        nodes.append(new_node(named(name), data, _each(a, operand), _each(b, operand), stamp, grad))
    return nodes[-1]


Value.__copy__, Value.__deepcopy__, Value.__reduce__ = copied, deepcopy, reduce  # type: ignore[method-assign, assignment, attr-defined]
