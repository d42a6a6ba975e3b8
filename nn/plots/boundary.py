"""Where a classifier of points in the plane changes its mind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from autodiff.recording import no_grad
from nn.checks import called, expect, is_flag, listed, number_of
from nn.model.module import evaluating
from nn.plots.style import MARKERS, PALETTE, finished, on_axes, steps, two_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_decision_boundary(
    model: Callable[[list[float]], Any],
    X: Sequence[Sequence[float]],
    y: Sequence[float],
    ax: Axes | None = None,
    *,
    feature_names: Sequence[str] = ("x1", "x2"),
    class_names: Sequence[str] | None = None,
    resolution: int = 60,
) -> Axes:
    """Draw the regions in which a classifier of points in the plane chooses each class, and the points.

    Parameters
    ----------
    model : callable
        Takes a row of two numbers; returns the logits, one a class, or the single logit of class 1 against class 0.
    X : sequence of rows of length 2
        The points.
    y : sequence of int
        The number of each point's class, from 0; at most seven classes.
    ax : Axes, optional
        Where to draw; by default a new figure.
    feature_names : sequence of two str
        What to write on the axes.
    class_names : sequence of str, optional
        What to write in the legend; by default the numbers.
    resolution : int
        The model is evaluated on a square grid of this many points a side; at least 2.

    Returns
    -------
    Axes
        Each class in a colour and a marker of its own, the boundaries in black.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If X is no sequence of finite points in the plane, y or the names have another length, classes are not whole
        numbers from 0 to 6 that the model has an output for, or the resolution is too small.
    ImportError
        If matplotlib is missing.
    """
    called(model, "model")
    X = [
        listed(row, f"point {k} of X is a pair of numbers") for k, row in enumerate(listed(X, "X is a list of points"))
    ]
    y = listed(y, "y is a list with the class of each point")
    first, second = two_names(feature_names, "feature_names")
    class_names = None if class_names is None else listed(class_names, "class_names is a list of names, or left out")
    if not X or any(len(row) != 2 for row in X):
        raise ValueError(f"expected points with two features each, got {f'{X[0]!r:.60}' if X else 'no points'}")
    if not all(math.isfinite(number_of(x, "each coordinate of X is a number")) for row in X for x in row):
        raise ValueError("expected finite numbers as features, got nan or infinity")
    if len(X) != len(y):
        raise ValueError(f"expected a class for each point, got {len(y)} for {len(X)} points")
    for k, kind in enumerate(y):
        expect(isinstance(kind, Real) or is_flag(kind), f"class {k} of y is a whole number", kind)
    xs, ys = (_grid([row[k] for row in X], resolution) for k in (0, 1))
    with no_grad(), evaluating(model):
        scores = [[_scores(model([a, b])) for a in xs] for b in ys]
    classes = range(len(scores[0][0]))
    if any(kind not in classes for kind in y) or len(classes) > len(PALETTE):
        raise ValueError(
            f"expected classes from 0 to {min(len(classes), len(PALETTE)) - 1}, got {sorted(set(y))} "
            f"with {len(classes)} outputs of the model"
        )
    if class_names is not None and len(class_names) != len(classes):
        raise ValueError(f"expected a name for each of {len(classes)} classes, got {len(class_names)}")
    ax = on_axes(ax)
    for k in classes:
        margin = [[point[k] - max(point[:k] + point[k + 1 :]) for point in row] for row in scores]
        top = max(map(max, margin))
        if top > 0.0:  # else the class is chosen nowhere in the picture
            ax.contourf(xs, ys, margin, levels=[0.0, top], colors=[PALETTE[k]], alpha=0.25)
        if top > 0.0 > min(map(min, margin)):
            ax.contour(xs, ys, margin, levels=[0.0], colors="black", linewidths=0.8)
        own = [row for row, kind in zip(X, y) if kind == k]
        style: dict[str, Any] = {"color": PALETTE[k], "marker": MARKERS[k], "edgecolors": "black", "linewidths": 0.5}
        label = class_names[k] if class_names else str(k)
        ax.scatter([p[0] for p in own], [p[1] for p in own], zorder=3, label=label, **style)
    return finished(ax, "decision boundary", first, second, grid=False)


def _scores(output: Any) -> list[float]:
    """One score a class; a single logit z is (0, z), so that class 1 is chosen where z > 0."""
    logits = [float(z) for z in output] if hasattr(output, "__len__") else [float(output)]
    return logits if len(logits) > 1 else [0.0, *logits]


def _grid(xs: Sequence[float], n: int) -> list[float]:
    low, high = min(xs), max(xs)
    edge = 0.1 * (high - low) or 1.0
    return steps(low - edge, high - low + 2.0 * edge, n)
