"""Derivatives checked against finite differences, for users: of a function, and of a single operation.

References
----------
C. J. F. Ridders, *Accurate computation of F'(x) and F'(x) F''(x)*, Advances in Engineering Software 4 (1982);
W. H. Press et al., *Numerical Recipes*, 3rd edition, section 5.7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, cast

from autodiff.derivatives import adjoints
from autodiff.derivatives.nesting import differentiating
from autodiff.derivatives.structures import fill, places
from autodiff.derivatives.transforms import grad_graph
from autodiff.errors import GradientError
from autodiff.graph import topological
from autodiff.operation import Nary, Op, real
from autodiff.show.notation import number
from autodiff.testing.differences import Sample, difference
from autodiff.value import Value

if TYPE_CHECKING:
    from random import Random
from collections.abc import Iterable
from dataclasses import dataclass

from autodiff.show.tables import html, text


@dataclass(frozen=True)
class GradientRow:
    """One derivative: what it is of, the rules' number, that of differences, and how sure the latter is."""

    derivative: str
    point: str
    computed: float
    differences: float
    uncertainty: float
    skipped: str

    def agrees(self, rtol: float) -> bool:
        """Whether the two numbers are as near to each other as the differences allow to say."""
        if self.skipped:
            return True
        size = max(abs(self.computed), abs(self.differences))
        return abs(self.computed - self.differences) <= rtol * size + 10.0 * self.uncertainty

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        verdict = f"skipped: {self.skipped}" if self.skipped else "agrees"
        numbers = [f"{x:.10g}" for x in (self.computed, self.differences)]
        return self.derivative, self.point, *numbers, f"{self.uncertainty:.1g}", verdict


class GradientReport:
    """What `check_grads` and `check_op` looked at: prints as a table, and shows as one in Jupyter.

    Attributes
    ----------
    rows : tuple of GradientRow
        Every derivative that was looked at.
    """

    _header = ("derivative", "at", "computed", "differences", "+-", "verdict")

    def __init__(self, title: str, rows: Iterable[GradientRow]) -> None:
        self.title = title
        self.rows = tuple(rows)

    @property
    def skipped(self) -> tuple[GradientRow, ...]:
        """The rows that say nothing, each with its reason."""
        return tuple(row for row in self.rows if row.skipped)

    def _summary(self) -> str:
        skipped = len(self.skipped)
        return f"{self.title}: {len(self.rows) - skipped} derivatives agree, {skipped} skipped"

    def __repr__(self) -> str:
        return f"{self._summary()}\n{text(self._header, [row.cells() for row in self.rows])}"

    def _repr_html_(self) -> str:
        return html(self._summary(), self._header, [row.cells() for row in self.rows])


def check_grads(f: Callable[..., Any], *at: Any, order: int = 2, rtol: float = 1e-6) -> GradientReport:
    """Check the derivatives of a function against central differences.

    Parameters
    ----------
    f : callable
        A function of as many operands as `at` has, which gives one number.
    *at : real number or sequence of real numbers
        The point, off kinks.
    order : {1, 2}
        1 for the gradient, 2 for the second derivatives as well.
    rtol : float
        The relative error that passes.

    Returns
    -------
    GradientReport
        A table of all derivatives, those skipped with the reason.

    Raises
    ------
    GradientError
        If a derivative is wrong. The message names the operation with the wrong rule, found by checking every
        operation of the graph by itself at its own operands.
    TypeError
        If `f` does not give a number.
    ValueError
        If there is no operand, or the order is not 1 or 2.

    Notes
    -----
    The gradient is that of a reverse sweep, and second derivatives are those of `grad_graph`; they are compared with
    differences of the function, and of its gradient. Differences are extrapolated to step zero by Ridders' method, from
    steps that shrink until the extrapolation settles, which also tells how far to trust it. A step is not used
    if some operation in the graph is on another side of its singular set there, if the graph has another shape, or if
    a number is not finite; a derivative for which no steps are left, as at a kink, is skipped.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.check_grads(lambda x, y: x * autodiff.exp(y), 2.0, 0.5, order=1)  # doctest: +ELLIPSIS
    check_grads: 2 derivatives agree, 0 skipped
    derivative | at     | computed    | differences | +-... | verdict
    df/dx0     | 2, 0.5 | 1.648721271 | 1.648721271 | ... | agrees
    df/dx1     | 2, 0.5 | 3.297442541 | 3.297442541 | ... | agrees
    """
    if order not in (1, 2):
        raise ValueError(f"order is 1 or 2, got {order!r}")
    if not at:
        raise ValueError("check_grads needs the point: check_grads(f, x, y, ...)")
    point, call, names = _flat(f, at)
    rows = _rows(call, point, order, "f", names)
    for row in rows:
        if not row.agrees(rtol):
            raise GradientError(_blame(row, call, point, order, rtol))
    return GradientReport("check_grads", rows)


def check_op(op: Op, *, points: int = 20, order: int = 2, rtol: float = 1e-6) -> GradientReport:
    """Check the rules of one operation against differences, at points all over its domain.

    Parameters
    ----------
    op : operation
        One of the table, or of your own.
    points : int
        At how many points.
    order : {1, 2}
        1 for the partials, 2 for their derivatives as well.
    rtol : float
        The relative error that passes.

    Returns
    -------
    GradientReport
        A table of all derivatives at all points; the points are the same every time.

    Raises
    ------
    GradientError
        If a rule is wrong, naming operation, operand, both numbers, and the operands.
    TypeError
        If `op` is not an operation.

    Examples
    --------
    >>> import autodiff
    >>> report = autodiff.check_op(autodiff.div)
    >>> len(report.rows), len(report.skipped)
    (120, 0)
    """
    if not isinstance(op, Op):
        raise TypeError(f"check_op takes an operation such as autodiff.exp, got {type(op).__name__}: {op!r:.60}")
    import zlib  # here: few programs check, and every one imports
    from random import Random

    rows: list[GradientRow] = []
    random = Random(zlib.crc32(op.name.encode()))
    for _ in range(points):
        size = 3 if isinstance(op, Nary) else 1
        operands = [_within(d, random) for d in op.domain for _ in range(size)]
        found = _op_rows(op, operands, [True] * len(operands), order)
        for row in found:  # at once: the function may raise at the next point
            if not row.agrees(rtol):
                raise GradientError(_accusation(op, row))
        rows += found
    return GradientReport(f"check_op({op.name})", rows)


# -- The function --------------------------------------------------------------------------------------------------


def _flat(f: Callable[..., Any], at: Sequence[Any]) -> tuple[list[float], Callable[..., Any], list[str]]:
    """The point as a flat list, the function on it, and what the operands are called."""
    trees = [list(p) if hasattr(p, "__len__") else p for p in at]
    point = [float(x) if isinstance(x, Value) else real(x) for p in trees for x in (p if isinstance(p, list) else [p])]
    names = [name for k, p in enumerate(trees) for name in places(p, f"x{k}")]
    return point, lambda *flat: f(*fill(trees, iter(flat))), names


def _recorded(call: Callable[..., Any], point: Sequence[float], order: int) -> tuple[list[Value], list[Value]]:
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


def _sample(outputs: Sequence[Value]) -> Sample:
    """The numbers of graphs, and on which side of its singular set each operation is there."""
    sides: list[tuple[str, float]] = []
    for v in topological(outputs):
        if v.op is not None:
            s = 1.0 if v.op.singular is None else v.op.singular(*map(float, v.operands))
            sides.append((v.op.name, float((s > 0.0) - (s < 0.0))))
    return Sample([v._data for v in outputs], sides)


def _rows(call: Callable[..., Any], point: list[float], order: int, f: str, names: Sequence[str]) -> list[GradientRow]:
    leaves, outputs = _recorded(call, point, order)
    here = _sample(outputs)
    computed = [adjoints(v, wrt=leaves) for v in outputs]
    of = [f"d{f}/d{{}}", *(f"d2{f}/d{name}d{{}}" for name in names)]
    rows: list[list[GradientRow]] = [[] for _ in outputs]
    pole = next((name for name, side in here.sides if side == 0.0), "")
    for j, (x, leaf, name) in enumerate(zip(point, leaves, names)):

        def moved(t: float, j: int = j) -> Sample:
            return _sample(_recorded(call, [*point[:j], t, *point[j + 1 :]], order)[1])

        for k, found in enumerate(difference(moved, x, here)):
            gradient = float(computed[k].get(leaf, 0.0))
            if not found.skipped and not math.isfinite(gradient) and pole:
                found = found._replace(skipped=f"{pole} has a kink or pole here")
            where = ", ".join(map(number, point)) if len(point) <= 3 else f"{name} = {number(x)}"
            rows[k].append(GradientRow(of[k].format(name), where, gradient, *found))
    return [row for group in rows for row in group]


# -- The culprit ---------------------------------------------------------------------------------------------------


def _op_rows(op: Op, operands: Sequence[float], moving: Sequence[bool], order: int) -> list[GradientRow]:
    """The derivatives of a single operation with respect to those operands that are not constants."""
    if isinstance(op, Nary) and op.rule is None:
        return []  # taken for a constant on purpose, as the shift inside softmax

    def call(*xs: Any) -> Any:
        given = iter(xs)
        full = [next(given) if moves else x for x, moves in zip(operands, moving)]
        return cast(Any, op)(*op.grouped(full))

    letters = ["a", "b"] if op.arity else [f"x{k}" for k in range(len(operands))]
    return _rows(call, list(compress(operands, moving)), order, op.name, list(compress(letters, moving)))


def _blame(row: GradientRow, call: Callable[..., Any], point: list[float], order: int, rtol: float) -> str:
    """Say which operation is to blame for a wrong derivative."""
    _, outputs = _recorded(call, point, order)
    uses = dict.fromkeys(
        (v.op, tuple(map(float, v.operands)), tuple([isinstance(p, Value) for p in v.operands]))
        for v in topological(outputs)
        if v.op is not None
    )
    for op, operands, moving in uses:
        for inner in _op_rows(op, operands, moving, order):
            if not inner.agrees(rtol):
                return f"{_accusation(op, inner)}; so {_contradiction(row)}"
    return (
        f"{_contradiction(row)}. Each operation in the graph is right by itself: the function leaves the graph "
        "(float(x), x.data, the math module), or it is not the same at every call"
    )


def _accusation(op: Op, row: GradientRow) -> str:
    return f"the rule of operation {op.name!r} is wrong: {_contradiction(row)}"


def _contradiction(row: GradientRow) -> str:
    return (
        f"{row.derivative} at ({row.point}) was computed as {row.computed!r}, differences say {row.differences!r} "
        f"+- {row.uncertainty:.1g}"
    )


def _within(domain: tuple[float, float], random: Random) -> float:
    """A point inside an interval: of moderate size, rarely small or large."""
    low, high = max(domain[0], -1e3), min(domain[1], 1e3)
    size = random.choice([1.0, 1.0, 4.0, 4.0, 0.05, 20.0])
    centre = low if domain[0] > -math.inf else high if domain[1] < math.inf else 0.0
    reach = [max(low, centre - size), min(high, centre + size)]
    return reach[0] + (reach[1] - reach[0]) * random.uniform(0.02, 0.98)
