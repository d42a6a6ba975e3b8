"""Derivatives checked against differences, for users: of a function, and of a single operation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from autodiff.derivatives.structures import CONTAINERS, fill, places
from autodiff.derivatives.structures import leaves as members
from autodiff.errors import GradientError
from autodiff.operation import Nary, Op, real
from autodiff.testing.parts import accusation, by_parts
from autodiff.testing.report import GradientReport, GradientRow
from autodiff.testing.rows import function_rows, operation_rows
from autodiff.value import Value

if TYPE_CHECKING:
    from random import Random

_SECONDS = 40  # points for one at which second derivatives are checked as well
_LOOKS = 8  # at the rule alone, for every point: where it jumps it is judged as well
_ROUNDS = 4  # of sampling, until enough points have a finite value


def check_grads(f: Callable[..., Any], *at: Any, order: int = 2, rtol: float = 1e-6) -> GradientReport:
    """Check the derivatives of a function against central differences.

    Parameters
    ----------
    f : callable
        A function of as many operands as `at` has, which gives one number.
    *at : real number, or list, tuple or dict of them, nested as you like
        The point, off kinks.
    order : {1, 2}
        1 for the gradient, 2 for the second derivatives as well.
    rtol : float
        The relative error that passes.

    Returns
    -------
    GradientReport
        A table of all derivatives, each with its verdict: "agrees", or "cannot tell" with the reason.

    Raises
    ------
    GradientError
        If a derivative is wrong, the third verdict. The message names the operation with the wrong rule, found by
        checking every operation of the graph by itself at its own operands.
    TypeError
        If `f` does not give a number.
    ValueError
        If there is no operand, or the order is not 1 or 2.

    Warns
    -----
    UserWarning
        If one cannot tell whether a derivative is right, so that a test does not pass for want of evidence. A kink is
        no reason, as long as anything else could be judged.

    Notes
    -----
    The gradient is that of a reverse sweep, and second derivatives are those of `grad_graph`; they are compared with
    differences of the function, and of its gradient. Values at 15 points show the slope, and how much doubt rounding
    inside the function and curvature leave; the distance of the points is what leaves the least. Points are not used
    where some operation in the graph is on another side of its singular set, where the graph has another shape, or
    where a number is not finite; next to a kink they lie on one side.

    Where the doubt is too large, as in ``1e12 + exp(x)``, the function is judged by its parts: it agrees "operation by
    operation" if its numbers nearby are those of the recorded graph, if each operation agrees by itself, and if
    rounding hardly changes the gradient. Nobody is accused unless a rule is wrong by itself, or the numbers come
    from outside the graph. A derivative with a doubt below 1e-9 of the relative change of the function agrees too, as
    "nothing next to the function": that of tanh(x) at 18, say.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.check_grads(lambda x, y: x * autodiff.exp(y), 2.0, 0.5, order=1)  # doctest: +ELLIPSIS
    check_grads: 2 derivatives agree, 0 cannot be judged
    derivative | at     | computed    | differences | +-... | verdict
    df/dx0     | 2, 0.5 | 1.648721271 | 1.648721271 | ... | agrees
    df/dx1     | 2, 0.5 | 3.297442541 | 3.297442541 | ... | agrees
    """
    if order not in (1, 2):
        raise ValueError(f"order is 1 or 2, got {order!r}")
    if not at:
        raise ValueError("check_grads needs the point: check_grads(f, x, y, ...)")
    point, call, names = _flat(f, at)
    rows = function_rows(call, point, order, "f", names, rtol)
    if any(row.verdict != "agrees" for row in rows):
        rows = [row.settled() for row in by_parts(call, point, order, rows, rtol)]
    _warn("check_grads", rows)
    return GradientReport("check_grads", rows)


def check_op(op: Op, *, points: int = 800, order: int = 2, rtol: float = 1e-6) -> GradientReport:
    """Check the rules of one operation against differences, at points all over its domain.

    Parameters
    ----------
    op : operation
        One of the table, or of your own.
    points : int
        At how many points: of every size from 1e-8 to 3e6 and some beyond, of either sign, next to the ends of the
        domain, nowhere else, and only where the operation has a finite value; and, without rows of their own, on both
        sides of where the rule jumps. The more, the smaller the regions in which a rule may be wrong unnoticed.
    order : {1, 2}
        1 for the partials, 2 for their derivatives as well, at every 40th point.
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

    Warns
    -----
    UserWarning
        If one cannot tell of a derivative at any point.

    Examples
    --------
    >>> import autodiff
    >>> report = autodiff.check_op(autodiff.div, points=40)
    >>> len(report.rows), len(report.skipped)
    (84, 0)
    """
    if not isinstance(op, Op):
        raise TypeError(f"check_op takes an operation such as autodiff.exp, got {type(op).__name__}: {op!r:.60}")
    import zlib  # here: few programs check, and every one imports
    from random import Random

    from autodiff.testing.jumps import jumps

    rows: list[GradientRow] = []
    random = Random(zlib.crc32(op.name.encode()))
    for k, operands in enumerate(_points(op, points, random)):
        again = 2 if order == 2 and k % _SECONDS == 0 else 1
        found = operation_rows(op, operands, [True] * len(operands), again, rtol)
        for row in found:
            if row.verdict == "differs":
                raise GradientError(accusation(op, row))
        rows += [row.settled() for row in found]
    for operands in jumps(op, 3 if isinstance(op, Nary) else 1, _LOOKS * points, rtol):
        for row in operation_rows(op, operands, [True] * len(operands), 1, rtol):
            if row.verdict == "differs":
                raise GradientError(accusation(op, row))
    _warn(f"check_op({op.name})", rows)
    return GradientReport(f"check_op({op.name})", rows)


def _flat(f: Callable[..., Any], at: Sequence[Any]) -> tuple[list[float], Callable[..., Any], list[str]]:
    """The point as a flat list, the function on it, and what the operands are called."""
    trees = [p if isinstance(p, CONTAINERS) or not hasattr(p, "__len__") else list(p) for p in at]
    point = [float(x) if isinstance(x, Value) else real(x) for x in members(trees)]
    names = [name for k, tree in enumerate(trees) for name in places(tree, f"x{k}")]
    return point, lambda *flat: f(*fill(trees, iter(flat))), names


def _points(op: Op, count: int, random: Random) -> Iterator[list[float]]:
    """Points of its domain at which an operation has a finite value; sequences of all lengths that it takes."""
    from autodiff.testing.sampling import points as sampled

    sizes = [size for size in (3, 1, 2, 5) if _takes(op, size)] if isinstance(op, Nary) else [1]
    for n, size in enumerate(sizes):
        wanted = count // len(sizes) + (n < count % len(sizes))
        for _ in range(_ROUNDS):
            for operands in sampled([d for d in op.domain for _ in range(size)], wanted, random):
                if wanted and _is_finite(op, operands):
                    wanted -= 1
                    yield operands


def _takes(op: Op, size: int) -> bool:
    operands = [0.5] * size * len(op.domain)
    try:
        op.partials(op.value(*op.grouped(operands)), operands, [True] * len(operands))
    except (TypeError, ValueError, LookupError):
        return False
    return True


def _is_finite(op: Op, operands: Sequence[float]) -> bool:
    try:
        return math.isfinite(op.value(*op.grouped(operands)))
    except (ArithmeticError, ValueError):
        return False


def _warn(title: str, rows: Sequence[GradientRow]) -> None:
    """Say which derivatives were judged nowhere, unless it is for a kink and others were judged."""
    judged = {row.derivative for row in rows if not row.skipped}
    left = {row.derivative: row for row in reversed(rows) if row.derivative not in judged}
    told = [row for row in left.values() if not judged or "kink" not in row.reason]
    if told or not rows:
        words = "; ".join(f"{row.derivative} at ({row.point}): {row.reason}" for row in reversed(told))
        warnings.warn(f"{title} cannot tell whether these are right: {words or 'no point has a value'}", stacklevel=3)
