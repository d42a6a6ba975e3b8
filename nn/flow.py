"""How gradients flow through the layers of a network, and how its units are doing: measured over a batch."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from autodiff import numerics
from nn.eager.step import EagerStep, Loss
from nn.model.activations import activation_name
from nn.model.module import Module

__all__ = ["LayerFlow", "gradient_flow"]

FLAT = 0.05
"""A unit is saturated where its slope is less than this share of the steepest."""

_SLOPES: dict[str, Callable[[float], float]] = {
    "tanh": lambda z: 1.0 - math.tanh(z) ** 2,
    "sigmoid": lambda z: 4.0 * numerics.sigmoid(z) * numerics.sigmoid(-z),
}
"""The slopes of activations that saturate, as shares of the steepest."""


class LayerFlow(NamedTuple):
    """What was measured of one layer over a batch.

    Parameters
    ----------
    name : str
        Where it is in the model, such as "layers.0".
    mean_abs : float
        The mean of the absolute gradients of its parameters.
    norm : float
        Their Euclidean norm.
    parameters : int
        How many there are.
    dead : float
        The share of its ReLU units that gave 0 for every sample; nan if it has none.
    saturated : float
        The share of the outputs of its tanh and sigmoid units, over units and samples, at which the activation is all
        but flat (its slope under 5 % of the steepest); nan if it has none.
    """

    name: str
    mean_abs: float
    norm: float
    parameters: int
    dead: float
    saturated: float


def gradient_flow(model: Module, rows: Sequence[Any], targets: Sequence[Any], loss: Loss) -> list[LayerFlow]:
    """Measure the gradients and the activity of each layer over a batch, in training mode.

    Parameters
    ----------
    model : Module
        A network; it is left as it is.
    rows : sequence of rows of float
        The features of the batch; one sample at least.
    targets : sequence
        One a row.
    loss : callable
        Takes the outputs of all rows and their targets.

    Returns
    -------
    list of LayerFlow
        One for each module that has parameters of its own (a `Layer` with its neurons is one), in the order of the
        model. An activation on its own, `Elementwise`, belongs to the layer before.

    Raises
    ------
    ValueError
        If there is no row, or the model has no parameters.

    Examples
    --------
    >>> from nn import MLP, losses
    >>> model = MLP(1, [1, 1], activation="sigmoid", seed=0)
    >>> model.load_state_dict(dict.fromkeys(model.state_dict(), 0.5))
    >>> for layer in gradient_flow(model, [[2.0]], [1.0], losses.mse):
    ...     print(layer.name, round(layer.mean_abs, 6), layer.saturated)
    layers.0 0.020406 0.0
    layers.1 0.165786 nan
    """
    if not len(rows):
        raise ValueError("expected at least one row to measure gradients with, got none")
    if not model.parameters():
        raise ValueError(f"this {type(model).__name__} has no parameters, hence no gradients")
    model = copy.deepcopy(model).train()
    model.zero_grad()
    with _watched(model, len(rows)) as layers:
        EagerStep(model, loss)(rows, targets)
    return [layer.flow(name or type(model).__name__) for name, layer in layers.items() if layer.gradients]


@dataclass
class _Watched:
    """What is collected of a layer: its gradients, and of each unit with an activation what went in."""

    gradients: list[float] = field(default_factory=list)
    inputs: dict[str, list[list[float]]] = field(default_factory=dict)

    def flow(self, name: str) -> LayerFlow:
        sizes = [abs(g) for g in self.gradients]
        units = self.inputs.get("relu", [])
        slopes = [f(z) for kind, f in _SLOPES.items() for unit in self.inputs.get(kind, []) for z in unit]
        return LayerFlow(
            name,
            numerics.mean(sizes),
            math.nan if any(map(math.isnan, sizes)) else math.hypot(*sizes),
            len(sizes),
            numerics.mean([float(all(z <= 0.0 for z in unit)) for unit in units]),
            numerics.mean([float(slope < FLAT) for slope in slopes]),
        )


@contextmanager
def _watched(model: Module, samples: int) -> Iterator[dict[str, _Watched]]:
    """Listen to the activations inside a ``with``; afterwards collect them and the gradients, by layer."""
    heard: list[tuple[str, str, list[float]]] = []
    layers: dict[str, _Watched] = {}
    owners = {_owner(name) for name, _ in model.named_parameters()}
    layer = ""
    for path, module in model.named_modules():
        home = re.sub(r"(^|\.)neurons\.\d+$", "", path)
        layer = home if home in owners else layer
        activation = vars(module).get("activation")
        name = activation_name(activation) if activation is not None else None
        if name is not None:
            heard.append((layer, name, []))
            module.activation = _listening(activation, heard[-1][-1])
    yield layers
    for name, p in model.named_parameters():
        layers.setdefault(_owner(name), _Watched()).gradients.append(p.grad or 0.0)
    for layer, name, inputs in heard:
        width = len(inputs) // samples  # an activation on its own is called for one number of a row after the other
        units = [inputs[k::width] for k in range(width)]
        layers.setdefault(layer, _Watched()).inputs.setdefault(name, []).extend(units)


def _owner(parameter: str) -> str:
    """The path of the layer that a parameter belongs to: without its neuron, or its attribute and indices."""
    path = re.sub(r"(^|\.)neurons\.\d+\..*$", "", parameter)
    return path if path != parameter else re.sub(r"(^|\.)[^.]+(\.\d+)*$", "", parameter)


def _listening(activation: Callable[[Any], Any], heard: list[float]) -> Callable[[Any], Any]:
    def listen(z: Any) -> Any:
        heard.append(float(z))
        return activation(z)

    return listen
