"""What the gradients of a network's layers say: vanishing, exploding, dead and saturated, with the remedy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from nn.flow import LayerFlow

__all__ = ["Finding", "diagnose_gradients"]

VANISHING = 1e-3
"""A mean gradient smaller than this share of that of a later layer vanishes."""

EXPLODING = 1e3
"""A norm of all gradients larger than this explodes, and a mean gradient so many times that of the last layer."""

IDLE = 0.5
"""The share of dead or saturated units from which on a layer is said to be so."""


class Finding(NamedTuple):
    """What is to be said of the gradients.

    Parameters
    ----------
    kind : {"vanishing", "exploding", "dead", "saturated", "healthy"}
        In a word.
    layers : tuple of str
        Which layers are meant, from input to output.
    text : str
        What was seen.
    remedy : str
        What to do; "" for healthy gradients.
    """

    kind: Literal["vanishing", "exploding", "dead", "saturated", "healthy"]
    layers: tuple[str, ...]
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")


def diagnose_gradients(flow: Sequence[LayerFlow]) -> list[Finding]:
    """Judge what `gradient_flow` measured.

    Parameters
    ----------
    flow : sequence of LayerFlow
        One a layer, from input to output.

    Returns
    -------
    list of Finding
        One for each kind of trouble; or a single one of the kind "healthy".

    Raises
    ------
    ValueError
        If there is no layer.

    Notes
    -----
    * vanishing: the mean gradient of a layer is less than 1/1000 of that of a later one;
    * exploding: the norm of all gradients is over 1000, or not finite, or the mean gradient of a layer is over 1000
      times that of the last;
    * dead: at least half of a layer's ReLU units gave 0 for every sample;
    * saturated: at least half of the outputs of a layer's tanh and sigmoid units lie where these are all but flat.

    Examples
    --------
    >>> nan = float("nan")
    >>> flow = [LayerFlow("first", 1e-7, 1e-6, 9, nan, 0.1), LayerFlow("second", 0.1, 1.0, 9, nan, nan)]
    >>> (finding,) = diagnose_gradients(flow)
    >>> finding.kind, finding.layers
    ('vanishing', ('first',))
    """
    if not flow:
        raise ValueError("expected at least one layer, got none")
    found = [finding for judge in (_vanishing, _exploding, _dead, _saturated) if (finding := judge(flow))]
    sizes = [layer.mean_abs for layer in flow]
    healthy = f"mean gradients lie between {min(sizes):.2g} and {max(sizes):.2g}"
    return found or [Finding("healthy", (), healthy, "")]


def _vanishing(flow: Sequence[LayerFlow]) -> Finding | None:
    sizes = [layer.mean_abs for layer in flow]
    small = [k for k in range(len(flow)) if sizes[k] < VANISHING * max(sizes[k:])]
    if not small:
        return None
    k = min(small, key=sizes.__getitem__)
    return Finding(
        "vanishing",
        tuple(flow[k].name for k in small),
        f"the mean gradient of {flow[k].name} is {sizes[k]:.2g}, that of a later layer {max(sizes[k:]):.2g}",
        "use relu in place of sigmoid or tanh, He's or Xavier's initialisation, skip connections, batch norm",
    )


def _exploding(flow: Sequence[LayerFlow]) -> Finding | None:
    norm = math.hypot(*(layer.norm for layer in flow))
    last = flow[-1].mean_abs
    large = tuple(layer.name for layer in flow if layer.mean_abs > EXPLODING * last > 0.0)
    if norm <= EXPLODING and not large:
        return None
    return Finding(
        "exploding",
        large or tuple(layer.name for layer in flow if not layer.norm <= EXPLODING / len(flow)),
        f"the norm of all gradients is {norm:.2g}",
        "clip the gradients, use a smaller learning rate or smaller weights, or standardise the data",
    )


def _dead(flow: Sequence[LayerFlow]) -> Finding | None:
    idle = [layer for layer in flow if layer.dead >= IDLE]
    if not idle:
        return None
    return Finding(
        "dead",
        tuple(layer.name for layer in idle),
        f"of a layer's ReLU units {max(layer.dead for layer in idle):.0%} give 0 for every sample",
        "use a smaller learning rate, He's initialisation, or an activation with a slope on both sides",
    )


def _saturated(flow: Sequence[LayerFlow]) -> Finding | None:
    flat = [layer for layer in flow if layer.saturated >= IDLE]
    if not flat:
        return None
    return Finding(
        "saturated",
        tuple(layer.name for layer in flat),
        f"of a layer's outputs {max(layer.saturated for layer in flat):.0%} lie where the activation is all but flat",
        "standardise the features, use smaller weights (Xavier's initialisation) or batch normalisation",
    )
