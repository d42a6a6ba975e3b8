"""Curves that are read for a decision: when to stop, which learning rate, which optimizer, which layer is asleep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from nn.checks import expect, listed, number_of
from nn.history import History
from nn.plots.style import DASHES, LINES, MARKERS, PALETTE, finished, on_axes, require_matplotlib, run_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Quantity = Literal["loss", "score", "learning_rate", "gradient_norm"]
_UNITS = {"accuracy": "accuracy (share of samples)", "r2": "R² (share of variance)"}


def plot_learning_curve(history: History, ax: Axes | None = None, quantity: Quantity = "loss") -> Axes:
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
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        For another quantity, or a history without an epoch.
    ImportError
        If matplotlib is missing.
    """
    expect(isinstance(history, History), "history is what nn.fit returns", history)
    if quantity not in get_args(Quantity):
        raise ValueError(f"expected the quantity {', '.join(map(repr, get_args(Quantity)))}, got {quantity!r:.60}")
    if not history.epochs:
        raise ValueError("the history is empty: there is no epoch to draw")
    ax = on_axes(ax)
    name = (history.metric if quantity == "score" else quantity).replace("_", " ")
    if quantity in ("loss", "score"):
        parts = {part: history.column(f"{part}_{quantity}") for part in ("training", "validation")}
    else:
        parts = {name: history.column(quantity)}
    marker = "." if len(history.epochs) < 3 else ""  # a line through one point cannot be seen
    for k, (label, ys) in enumerate(parts.items()):
        if ys:
            ax.plot(range(len(ys)), ys, linestyle=DASHES[k], marker=marker, color=PALETTE[5 * k], label=label)
    ax.axvline(history.best_epoch, color="0.6", linewidth=1, label=f"best epoch ({history.best_epoch})", zorder=0)
    if quantity != "score" and _is_wide([y for ys in parts.values() for y in ys]):
        ax.set_yscale("log")
    _whole_numbers(ax)
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
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If the history has no epoch.
    ImportError
        If matplotlib is missing.
    """
    expect(isinstance(history, History), "history is what nn.fit returns", history)
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_learning_curve(history, left, "loss")
    plot_learning_curve(history, right, "score")
    return figure


def plot_lr_finder(result: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss against a rising learning rate, with the suggested rate.

    Parameters
    ----------
    result : object
        What `nn.find_lr` returned: with ``rates``, ``losses`` and, perhaps, ``smoothed``, of one length, and
        ``suggestion``, a rate or None.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        The rates on a logarithmic scale. Where the loss explodes the curve leaves the picture at the top.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there is nothing to draw, or the lengths differ.
    ImportError
        If matplotlib is missing.
    """
    for name in ("rates", "losses", "suggestion"):
        expect(hasattr(result, name), "result is what nn.find_lr returns", result)
    rates, losses = list(result.rates), list(result.losses)
    if len(rates) != len(losses):
        raise ValueError(f"expected a loss for each rate, got {len(losses)} for {len(rates)} rates")
    finite = [y for y in losses if math.isfinite(y)]
    if not finite:
        raise ValueError("expected at least one finite loss to draw, got none")
    ax = on_axes(ax)
    smoothed = list(getattr(result, "smoothed", ()))
    ax.plot(rates, losses, color=PALETTE[0], linewidth=0.8 if smoothed else 1.5, label="loss")
    if smoothed:
        ax.plot(rates, smoothed, DASHES[1], color="black", label="smoothed")
    if result.suggestion is not None:
        near = min(range(len(rates)), key=lambda k: abs(math.log(rates[k] / result.suggestion)))
        label = f"suggestion ({result.suggestion:.2g})"
        ax.axvline(result.suggestion, color="0.6", linewidth=1, zorder=0)
        ax.plot([result.suggestion], [(smoothed or losses)[near]], MARKERS[0], color=PALETTE[5], label=label)
    ax.set_xscale("log")
    low, start = min(finite), finite[0]
    if max(finite) > 2.0 * start - low:
        edge = 0.1 * (start - low) or 0.1
        ax.set_ylim(low - edge, start + 5.0 * edge)  # an exploding loss must not flatten all that comes before
    return finished(ax, "learning-rate finder", "learning rate (logarithmic)", "loss")


def plot_optimizers(runs: Mapping[str, Any], ax: Axes | None = None, *, y: str = "loss") -> Axes:
    """Draw how several runs descend.

    Parameters
    ----------
    runs : mapping of str to run
        By name, seven at most: sequences of losses, results of `nn.minimize`, or the histories of `nn.fit`, of which
        the training loss is drawn.
    ax : Axes, optional
        Where to draw; by default a new figure.
    y : str
        What to write on the vertical axis.

    Returns
    -------
    Axes
        One curve a run with a colour and a dash of its own, those that `nn.plots.plot_landscape` gives its path;
        logarithmic if the losses span much. Where a loss is nan
        or infinite the curve ends.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are no runs, more than seven, or one has no losses.
    ImportError
        If matplotlib is missing.
    """
    expect(isinstance(runs, Mapping), "runs is a mapping of names to runs", runs)
    if not 1 <= len(runs) <= len(LINES):
        raise ValueError(f"expected 1 to {len(LINES)} runs, got {len(runs)}")
    curves = {name: _losses(run) for name, run in runs.items()}
    for name, losses in curves.items():
        if not losses:
            raise ValueError(f"the run {name!r} has no losses to draw")
    ax = on_axes(ax)
    every = max(1, max(map(len, curves.values())) // 10)
    for k, (name, losses) in enumerate(curves.items()):
        # Markers stand apart, so that curves on top of each other can still be told.
        ax.plot(losses, markevery=(k * every // len(curves), every), label=name, markersize=4, **run_style(k))
    seen = [loss for losses in curves.values() for loss in losses]
    if _is_wide([loss for loss in seen if loss != 0.0]):  # a loss of exactly 0 is off a logarithmic scale
        ax.set_yscale("log", nonpositive="mask")
    _whole_numbers(ax)
    time = "epoch" if any(hasattr(run, "epochs") for run in runs.values()) else "step"
    return finished(ax, f"{y} by {time}", time, y)


def plot_gradient_flow(
    layers: Mapping[str, float] | Iterable[Any], ax: Axes | None = None, *, label: str | None = None
) -> Axes:
    """Draw how large the gradients are from layer to layer.

    Parameters
    ----------
    layers : mapping or sequence
        What `nn.gradient_flow` returned; or the mean absolute gradient of each layer, by its name, from the input to
        the output: a mapping, or pairs.
    ax : Axes, optional
        Where to draw; by default a new figure. Draw several networks on the same axes to compare them.
    label : str, optional
        What to call the network in the legend.

    Returns
    -------
    Axes
        On a logarithmic scale. A layer whose gradients are all 0 is a gap in the line.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there is no layer, or a gradient is negative.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = plot_gradient_flow({"layer 1": 1e-5, "layer 2": 1e-3, "layer 3": 0.1}, Figure().subplots())
    >>> ax.get_yscale()
    'log'
    """
    told = "layers is what nn.gradient_flow returns, or a mapping of names to mean absolute gradients, or such pairs"
    pairs = []
    for item in layers.items() if isinstance(layers, Mapping) else listed(layers, told):
        name, size = [*listed(item, told), None, None][:2]  # of an `nn.flow.LayerFlow` the name and the mean
        pairs.append((str(name), number_of(size, told)))
    if not pairs:
        raise ValueError("expected at least one layer, got none")
    for name, x in pairs:
        if x < 0.0:
            raise ValueError(f"expected mean absolute gradients, got {x} for {name!r}")
    ax = on_axes(ax)
    k = len(ax.lines) % len(LINES)
    sizes = [x if x > 0.0 else math.nan for _, x in pairs]
    ax.plot(range(len(pairs)), sizes, label=label, **run_style(k))
    ax.set_yscale("log")
    names = [name for name, _ in pairs]
    steep = len(names) > 4 or max(map(len, names)) > 12
    ax.set_xticks(range(len(names)), names, rotation=45 if steep else 0, ha="right" if steep else "center")
    return finished(ax, "gradient flow", "layer, from input to output", "mean |gradient|", label is not None)


def _whole_numbers(ax: Axes) -> None:
    """Let the horizontal axis have marks at whole numbers only, as epochs and steps are."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _is_wide(ys: Iterable[float], factor: float = 30.0) -> bool:
    """Whether numbers are positive, nan and infinity apart, and span so much that a logarithmic scale shows more."""
    finite = [y for y in ys if math.isfinite(y)]
    return bool(finite) and min(finite) > 0.0 and max(finite) > factor * min(finite)


def _losses(run: Any) -> Sequence[float]:
    if hasattr(run, "column"):
        return list(run.column("training_loss"))
    told = "a run is a list of losses, the result of nn.minimize, or the history of nn.fit"
    losses = run if isinstance(run, Mapping) else getattr(run, "values", run)
    expect(not isinstance(losses, Mapping), told, run)
    return [number_of(x, told) for x in listed(losses, told)]
