"""A function judged by its parts, where differences of the whole cannot tell: who is to blame, or that all is right.

A derivative is right by the chain rule if the function is what the graph records and nothing else, if each operation's
partials are right at its own operands, and if rounding does not matter: neither of the numbers the partials are taken
at, nor of what the sweep makes of them. Each of the three is tested: the function records the same graph with the same
constants at other points; each operation is held against differences; and the gradient stays when every number in the
graph is shaken by a unit in its last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from autodiff.errors import GradientError
from autodiff.graph import topological
from autodiff.operation import Op
from autodiff.testing.report import GradientRow
from autodiff.testing.rows import operation_rows, recorded
from autodiff.value import Value

_SHIFTS = (4, 10, 20, 30, 40)  # bits: how near other points are
_DRAWS = 4


def by_parts(
    call: Callable[..., Any], point: Sequence[float], order: int, rows: Sequence[GradientRow], rtol: float
) -> list[GradientRow]:
    """Judge those rows anew on which the whole does not agree. Raises `GradientError` if there is somebody to blame."""
    leaves, outputs = recorded(call, point, order)
    accused = next((row for row in rows if row.verdict == "differs"), None)
    doubtful = {_use(v) for v in _nodes(outputs)} - _right(_nodes(outputs), accused, order, rtol)
    random = Random(0)
    judged: list[GradientRow] = []
    n = len(leaves)
    for k, output in enumerate(outputs):
        group = list(rows[k * n : (k + 1) * n])
        if all(row.verdict == "agrees" for row in group):
            judged += group
            continue
        graph = topological((output,))
        same = _is_recorded(call, point, order, k, leaves, graph)
        unsure = next((v.op.name for v in _nodes([output]) if v.op is not None and _use(v) in doubtful), "")
        scatter = _scatter(graph, leaves, random) if same and not unsure else []
        for j, row in enumerate(group):
            if row.verdict != "agrees":
                row = _judged(row, same, unsure, scatter[j] if scatter else math.inf, rtol)
            judged.append(row)
    return judged


def _judged(row: GradientRow, same: bool | None, unsure: str, scatter: float, rtol: float) -> GradientRow:
    if row.verdict == "differs":
        if same is False:
            raise GradientError(
                f"{contradiction(row)}. Each operation in the graph is right by itself: the function leaves the graph "
                "(float(x), x.data, the math module), or it is not the same at every call"
            )
        if unsure:
            reason = f"differences of the whole contradict, but {unsure} cannot be judged by itself"
        else:
            reason = "differences of the whole contradict: between operations that agree, numbers cancel or overflow"
        return replace(row, verdict="cannot tell", reason=reason)
    if same is False:
        reason = f"{row.reason}; and the function leaves the graph, or changes from call to call"
        return replace(row, reason=reason, negligible=False)
    if not same or unsure:
        return row
    if scatter <= rtol * abs(row.computed):
        return replace(row, verdict="agrees", reason="operation by operation")
    return replace(row, reason=f"{row.reason}; rounding changes the gradient by {scatter:.1g}")


def _nodes(outputs: Iterable[Value]) -> list[Value]:
    return [v for v in topological(outputs) if v.op is not None]


Use = tuple[Op | None, tuple[float, ...], tuple[bool, ...]]


def _use(v: Value) -> Use:
    return v.op, tuple(map(float, v.operands)), tuple([isinstance(p, Value) for p in v.operands])


def _right(nodes: Sequence[Value], accused: GradientRow | None, order: int, rtol: float) -> set[Use]:
    """The uses of operations that agree. Raises `GradientError` at one that differs."""
    uses = dict.fromkeys(map(_use, nodes))
    right: set[Use] = set()
    for depth in (1, 2) if order == 2 and accused is not None else (1,):
        for use in uses:
            op, operands, moving = use
            assert op is not None
            found = operation_rows(op, operands, moving, depth, rtol)
            for row in found:
                if row.verdict == "differs":
                    so = "" if accused is None else f"; so {contradiction(accused)}"
                    raise GradientError(f"{accusation(op, row)}{so}")
            if all(row.verdict == "agrees" for row in found):
                right.add(use)
    return right


def accusation(op: Op, row: GradientRow) -> str:
    """What is said of a wrong rule."""
    return f"the rule of operation {op.name!r} is wrong: {contradiction(row)}"


def contradiction(row: GradientRow) -> str:
    """Both numbers of a derivative, and how sure the differences are."""
    return (
        f"{row.derivative} at ({row.point}) was computed as {row.computed!r}, differences say {row.differences!r} "
        f"+- {row.uncertainty:.1g}"
    )


# -- The graph computed again --------------------------------------------------------------------------------------


def _is_recorded(
    call: Callable[..., Any],
    point: Sequence[float],
    order: int,
    k: int,
    leaves: Sequence[Value],
    graph: Sequence[Value],
) -> bool | None:
    """Whether the function records the same graph nearby, constants included; None: it branches, or cannot be asked."""
    here = _written(graph, leaves)
    random = Random(0)
    compared = False
    for bits in _SHIFTS:
        at = [x + math.ldexp(random.uniform(-1.0, 1.0) * (abs(x) or 1.0), -bits) for x in point]
        if at == list(point):
            continue
        try:
            others, outputs = recorded(call, at, order)
        except (ArithmeticError, ValueError):
            continue
        there = _written(topological((outputs[k],)), others)
        if [line[0] for line in there] == [line[0] for line in here]:  # else it is another branch
            if there != here:
                return False
            compared = True
    return compared or None


def _written(graph: Sequence[Value], leaves: Sequence[Value]) -> list[tuple[str, ...]]:
    """A graph as text: a line a node, with the constants."""
    own = set(leaves)
    names = {v: f"n{k}" for k, v in enumerate(graph)} | {v: f"x{k}" for k, v in enumerate(leaves)}
    return [
        (v.op.name, *(names[p] if isinstance(p, Value) else repr(p) for p in v.operands))
        if v.op is not None
        else ("leaf", names[v] if v in own else repr(v._data))
        for v in graph
    ]


def _replayed(
    graph: Sequence[Value], at: dict[Value, float], shaken: Callable[[float], float] = lambda x: x
) -> dict[Value, float]:
    """The numbers of a graph with other leaves, and with something done to each result."""
    values: dict[Value, float] = {}
    for v in graph:
        if v.op is None:
            values[v] = at.get(v, v._data)
        else:
            values[v] = shaken(v.op.value(*v.op.grouped(_operands(v, values))))
    return values


def _operands(v: Value, values: dict[Value, float]) -> list[float]:
    return [values[p] if isinstance(p, Value) else p for p in v.operands]


def _scatter(graph: Sequence[Value], leaves: Sequence[Value], random: Random) -> list[float]:
    """How much rounding changes the derivative with respect to each leaf."""
    draws = [_gradient(graph, leaves, lambda x: x)]
    draws += [
        _gradient(graph, leaves, lambda x: x * (1.0 + random.choice((1.0, -1.0)) * 2.0**-52)) for _ in range(_DRAWS)
    ]
    spread = [max(column) - min(column) for column in zip(*draws)]
    return [s if s == s else math.inf for s in spread]


def _gradient(graph: Sequence[Value], leaves: Sequence[Value], shaken: Callable[[float], float]) -> list[float]:
    values = _replayed(graph, {leaf: leaf._data for leaf in leaves}, shaken)
    sums = {graph[-1]: 1.0}
    for v in reversed(graph):
        if v.op is not None and v in sums:
            partials = v.op.partials(values[v], _operands(v, values), [isinstance(p, Value) for p in v.operands])
            for p, partial in zip(v.operands, partials):
                if isinstance(p, Value) and partial is not None:
                    sums[p] = sums.get(p, 0.0) + shaken(partial) * sums[v]
    return [sums.get(leaf, 0.0) for leaf in leaves]
