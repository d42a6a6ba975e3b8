"""Pictures of a training and of what was learned. Each takes Axes to draw on and returns them; none shows itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from autodiff.recording import no_grad
from nn.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["learning_curve_figure", "plot_decision_boundary", "plot_learning_curve"]

# Okabe and Ito's colours, which people with any colour vision tell apart; black is left for lines.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
MARKERS = "os^DvPX"


def plot_learning_curve(history: History, ax: Axes | None = None, quantity: Literal["loss", "score"] = "loss") -> Axes:
    """Draw the loss, or the score, of the training and the validation part after each epoch.

    Parameters
    ----------
    history : History
        What `nn.train.fit` returned.
    ax : Axes, optional
        Where to draw; by default a new figure.
    quantity : {"loss", "score"}
        What to draw. Losses that span more than a factor of 30 are drawn on a logarithmic scale.

    Returns
    -------
    Axes
        With the best epoch marked.

    Raises
    ------
    ValueError
        For another quantity, or a history without an epoch.
    ImportError
        If matplotlib is missing.
    """
    if quantity not in ("loss", "score"):
        raise ValueError(f'expected the quantity "loss" or "score", got {quantity!r}')
    if not history.epochs:
        raise ValueError("the history is empty: there is no epoch to draw")
    ax = ax or _new_axes()
    name = history.metric if quantity == "score" else "loss"
    drawn: list[float] = []
    for part, colour, style in (("training", PALETTE[0], "-"), ("validation", PALETTE[5], "--")):
        ys = history.column(f"{part}_{quantity}")
        if ys:
            ax.plot(range(len(ys)), ys, style, color=colour, label=part)
            drawn += ys
    ax.axvline(history.best_epoch, color="0.6", linewidth=1, label=f"best epoch ({history.best_epoch})", zorder=0)
    finite = [y for y in drawn if math.isfinite(y)]
    if quantity == "loss" and min(finite) > 0.0 and max(finite) > 30.0 * min(finite):
        ax.set_yscale("log")
    ax.set_xlabel("epoch (0: before training)")
    ax.set_ylabel(name)
    ax.set_title(f"{name} by epoch")
    ax.grid(alpha=0.25)
    ax.legend()
    return ax


def learning_curve_figure(history: History) -> Figure:
    """Draw loss and score side by side, on a figure that pyplot knows nothing of.

    Parameters
    ----------
    history : History
        What `nn.train.fit` returned.

    Returns
    -------
    Figure
        To be saved with ``.savefig(path)``: no display is needed.

    Raises
    ------
    ValueError
        If the history has no epoch.
    ImportError
        If matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_learning_curve(history, left, "loss")
    plot_learning_curve(history, right, "score")
    return figure


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
    ValueError
        If X is no sequence of points in the plane, y has another length, classes are not whole numbers from 0 to 6
        that the model has an output for, or the resolution is too small.
    ImportError
        If matplotlib is missing.
    """
    if not X or any(len(row) != 2 for row in X):
        raise ValueError(f"expected points with two features each, got {f'{X[0]!r:.60}' if X else 'no points'}")
    if len(X) != len(y):
        raise ValueError(f"expected a class for each point, got {len(y)} for {len(X)} points")
    if resolution < 2:
        raise ValueError(f"expected a resolution of at least 2, got {resolution}")
    xs, ys = (_grid([row[k] for row in X], resolution) for k in (0, 1))
    with no_grad():
        scores = [[_scores(model([a, b])) for a in xs] for b in ys]
    classes = range(len(scores[0][0]))
    if any(kind not in classes for kind in y) or len(classes) > len(PALETTE):
        raise ValueError(
            f"expected classes from 0 to {min(len(classes), len(PALETTE)) - 1}, got {sorted(set(y))} "
            f"with {len(classes)} outputs of the model"
        )
    ax = ax or _new_axes()
    for k in classes:
        margin = [[point[k] - max(point[:k] + point[k + 1 :]) for point in row] for row in scores]
        top = max(map(max, margin))
        if top > 0.0:  # else the class is chosen nowhere in the picture
            ax.contourf(xs, ys, margin, levels=[0.0, top], colors=[PALETTE[k]], alpha=0.25)
        if top > 0.0 > min(map(min, margin)):
            ax.contour(xs, ys, margin, levels=[0.0], colors="black", linewidths=0.8)
        own = [row for row, kind in zip(X, y) if kind == k]
        style: dict[str, Any] = {
            "color": PALETTE[k],
            "marker": MARKERS[k],
            "label": class_names[k] if class_names else str(k),
        }
        ax.scatter([p[0] for p in own], [p[1] for p in own], edgecolors="black", linewidths=0.5, zorder=3, **style)
    ax.set_xlabel(feature_names[0])
    ax.set_ylabel(feature_names[1])
    ax.set_title("decision boundary")
    ax.legend()
    return ax


def _scores(output: Any) -> list[float]:
    """One score a class; a single logit z is (0, z), so that class 1 is chosen where z > 0."""
    return [float(z) for z in output] if isinstance(output, Sequence) else [0.0, float(output)]


def _grid(xs: Sequence[float], n: int) -> list[float]:
    low, high = min(xs), max(xs)
    edge = 0.1 * (high - low) or 1.0
    return [low - edge + (high - low + 2.0 * edge) * k / (n - 1) for k in range(n)]


def require_matplotlib() -> None:
    """Raise an ImportError that names the command if matplotlib is not there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("plots need matplotlib; run: pip install matplotlib") from error


def _new_axes() -> Axes:
    require_matplotlib()
    import matplotlib.pyplot as plt  # not a bare Figure: a notebook shows the figures that pyplot knows of

    return plt.subplots(layout="constrained")[1]
