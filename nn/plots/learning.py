"""Learning curves: what was measured after each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nn.history import History
from nn.plots.style import DASHES, PALETTE, finished, is_wide, new_axes, require_matplotlib, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["learning_curve_figure", "plot_learning_curve"]

_QUANTITIES = ("loss", "score", "learning_rate", "gradient_norm")
_UNITS = {"accuracy": "accuracy (share of samples)", "r2": "R² (share of variance)"}


def plot_learning_curve(
    history: History,
    ax: Axes | None = None,
    quantity: Literal["loss", "score", "learning_rate", "gradient_norm"] = "loss",
) -> Axes:
    """Draw what was measured after each epoch, and mark the best one.

    Parameters
    ----------
    history : History
        What `nn.fit` returned.
    ax : Axes, optional
        Where to draw; by default a new figure.
    quantity : {"loss", "score", "learning_rate", "gradient_norm"}
        What to draw: loss and score for the training and the validation part. Quantities other than the score that
        span more than a factor of 30 are drawn on a logarithmic scale.

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
    if quantity not in _QUANTITIES:
        raise ValueError(f"expected the quantity {', '.join(map(repr, _QUANTITIES))}, got {quantity!r:.60}")
    if not history.epochs:
        raise ValueError("the history is empty: there is no epoch to draw")
    ax = ax or new_axes()
    name = (history.metric if quantity == "score" else quantity).replace("_", " ")
    parts = (
        {part: history.column(f"{part}_{quantity}") for part in ("training", "validation")}
        if (quantity in ("loss", "score"))
        else {name: history.column(quantity)}
    )
    marker = "." if len(history.epochs) < 3 else ""  # a line through one point cannot be seen
    for k, (label, ys) in enumerate(parts.items()):
        if ys:
            ax.plot(range(len(ys)), ys, linestyle=DASHES[k], marker=marker, color=PALETTE[5 * k], label=label)
    ax.axvline(history.best_epoch, color="0.6", linewidth=1, label=f"best epoch ({history.best_epoch})", zorder=0)
    if quantity != "score" and is_wide([y for ys in parts.values() for y in ys]):
        ax.set_yscale("log")
    whole_numbers(ax)
    ax.grid(alpha=0.25)
    return finished(ax, f"{name} by epoch", "epoch (0: before training)", _UNITS.get(name, name))


def learning_curve_figure(history: History) -> Figure:
    """Draw loss and score side by side, on a figure that pyplot knows nothing of.

    Parameters
    ----------
    history : History
        What `nn.fit` returned.

    Returns
    -------
    Figure
        To be saved with `save_figure` or ``.savefig(path)``: no display is needed.

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
