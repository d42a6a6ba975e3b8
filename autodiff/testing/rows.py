"""Rows of a report: every derivative of a function, or of one operation, at a point, each with a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from typing import Any, NamedTuple, cast

from autodiff.derivatives import adjoints, differentiating, grad_graph
from autodiff.graph import topological
from autodiff.operation import Nary, Op
from autodiff.show.notation import number
from autodiff.testing.differences import Judgement, judge
from autodiff.testing.report import GradientRow
from autodiff.value import Value


class Sample(NamedTuple):
    """What a function gives at a point: its numbers, and on which side of its singular set each operation is."""

    numbers: Sequence[float]
    sides: Sequence[tuple[str, float]]


def recorded(call: Callable[..., Any], point: Sequence[float], order: int) -> tuple[list[Value], list[Value]]:
    """The leaves; and the output and, for the second order, its gradient as graphs."""
    leaves = [Value(x) for x in point]
    with differentiating():
        y = call(*leaves)
    if not isinstance(y, Value):
        try:
            y = Value(y)
        except TypeError:
            raise TypeError(f"the function is to give one number, got {type(y).__name__}: {y!r:.60}") from None
    return leaves, [y, *(grad_graph(y, leaves) if order == 2 else ())]


def sample(outputs: Sequence[Value]) -> Sample:
    """The numbers of graphs, and the sides of their operations."""
    sides = [(v.op.name, _side(v.op, v.operands)) for v in topological(outputs) if v.op is not None]
    return Sample([v._data for v in outputs], sides)


def _side(op: Op, operands: Sequence[Any]) -> float:
    s = 1.0 if op.singular is None else op.singular(*map(float, operands))
    return float((s > 0.0) - (s < 0.0))


def obstacle(here: Sample, there: Sample, across: bool = False) -> str:
    """Why differences between two points mean nothing; "" if they do. Across a singular set that is here, if asked."""
    if [name for name, _ in there.sides] != [name for name, _ in here.sides]:
        return "the function takes another branch nearby"
    for (name, side), (_, other) in zip(here.sides, there.sides):
        if side != other and (side or not across):
            return _kink(name, side)
    return ""


def function_rows(
    call: Callable[..., Any], point: Sequence[float], order: int, f: str, names: Sequence[str], rtol: float
) -> list[GradientRow]:
    """The derivatives of a function of as many numbers as there are names: the first ones, then the second ones."""
    leaves, outputs = recorded(call, point, order)
    here = sample(outputs)
    computed = [adjoints(v, wrt=leaves) for v in outputs]
    of = [f"d{f}/d{{}}", *(f"d2{f}/d{name}d{{}}" for name in names)]
    pole = next((name for name, side in here.sides if side == 0.0), "")
    rows: list[list[GradientRow]] = [[] for _ in outputs]
    for j, (leaf, name) in enumerate(zip(leaves, names)):
        known: dict[float, Sample] = {point[j]: here}

        def moved(
            k: int, t: float, across: bool = False, j: int = j, known: dict[float, Sample] = known
        ) -> float | str:
            if t not in known:
                known[t] = sample(recorded(call, [*point[:j], t, *point[j + 1 :]], order)[1])
            return obstacle(here, known[t], across) or known[t].numbers[k]

        for k, row in enumerate(rows):
            gradient = float(computed[k].get(leaf, 0.0))
            row.append(_row(partial(moved, k), point, j, name, gradient, of[k].format(name), pole, rtol))
    return [row for group in rows for row in group]


def operation_rows(
    op: Op, operands: Sequence[float], moving: Sequence[bool], order: int, rtol: float
) -> list[GradientRow]:
    """The derivatives of a single operation with respect to those operands that are not constants."""
    if isinstance(op, Nary) and op.rule is None:
        return []  # taken for a constant on purpose, as the shift inside softmax
    names = ["a", "b"] if op.arity else [f"x{k}" for k in range(len(operands))]
    if order == 2:

        def call(*xs: Any) -> Any:
            given = iter(xs)
            return cast(Any, op)(*op.grouped([next(given) if moves else x for x, moves in zip(operands, moving)]))

        return function_rows(call, list(compress(operands, moving)), 2, op.name, list(compress(names, moving)), rtol)
    here = _side(op, operands)
    partials = op.partials(op.value(*op.grouped(operands)), list(operands), moving)
    rows = []
    for j, (name, p) in enumerate(zip(names, partials)):

        def moved(t: float, across: bool = False, j: int = j) -> float | str:
            xs = [*operands[:j], t, *operands[j + 1 :]]
            if op.singular is not None and _side(op, xs) != here and (here or not across):
                return _kink(op.name, here)
            return op.value(*op.grouped(xs))

        if moving[j]:
            gradient, pole = 0.0 if p is None else float(p), "" if here else op.name
            rows.append(_row(moved, operands, j, name, gradient, f"d{op.name}/d{name}", pole, rtol))
    return rows


def _row(
    f: Callable[..., float | str],
    point: Sequence[float],
    j: int,
    name: str,
    gradient: float,
    derivative: str,
    pole: str,
    rtol: float,
) -> GradientRow:
    found = judge(f, point[j], gradient, rtol)
    if found.verdict == "cannot tell" and pole and math.isfinite(gradient):
        found = _from_both_sides(f, point[j], gradient, rtol) or found
    if found.verdict == "differs" and not math.isfinite(gradient) and pole:
        found = found._replace(verdict="cannot tell", reason=_kink(pole, 0.0))
    if found.verdict == "differs" and not math.isfinite(gradient) and not all(map(math.isfinite, point)):
        found = found._replace(
            verdict="cannot tell", reason="an operand is not finite: what was computed before overflowed"
        )
    where = ", ".join(map(number, point)) if len(point) <= 3 else f"{name} = {number(point[j])}"
    verdict, differences, doubt, reason, negligible = found
    return GradientRow(derivative, where, gradient, differences, doubt, verdict, reason, negligible)


def _from_both_sides(f: Callable[..., float | str], x: float, gradient: float, rtol: float) -> Judgement | None:
    """What each side of a singular set says by itself, if both agree: no kink, as that of x**2 at 0 is none."""

    def beyond(side: float, t: float) -> float | str:
        return f(t, True) if side * (t - x) >= 0.0 else "the other side"

    right, left = (judge(partial(beyond, side), x, gradient, rtol) for side in (1.0, -1.0))
    return right if right.verdict == left.verdict == "agrees" else None


def _kink(name: str, side: float) -> str:
    return f"{name} has a kink or pole {'here' if side == 0.0 else 'nearby'}"
