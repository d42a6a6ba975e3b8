"""How gradients flow through the layers of a network and how its units are doing: measured over a batch, and judged."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from autodiff import numerics
from autodiff.operation import named
from autodiff.value import Value
from nn.checks import called, expect, listed
from nn.eager.step import EagerStep, Loss
from nn.model.mlp import activation_name
from nn.model.module import Module
from nn.optim.clip import grad_norm

__all__ = ["Finding", "LayerFlow", "diagnose_gradients", "gradient_flow"]

FLAT = 0.05
"""A unit is saturated where its slope is less than this share of the steepest."""

VANISHING = 1e-3
"""A mean gradient smaller than this share of that of a later layer vanishes."""

EXPLODING = 1e3
"""A norm of all gradients larger than this explodes, and a mean gradient so many times that of the last layer."""

IDLE = 0.5
"""The share of dead or saturated units from which on a layer is said to be so."""


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
    TypeError
        If an argument is of a wrong type; the message names it.
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
    expect(isinstance(model, Module), "model is an nn.Module, such as an nn.MLP", model)
    called(loss, "loss")
    rows, targets = listed(rows, "rows is a list of rows of numbers"), listed(targets, "targets is a list")
    if not rows:
        raise ValueError("expected at least one row to measure gradients with, got none")
    if not model.parameters():
        raise ValueError(f"this {type(model).__name__} has no parameters, hence no gradients")
    model = copy.deepcopy(model).train()
    model.zero_grad()
    layers = _watched(model)
    EagerStep(model, loss)(rows, targets)
    return [layer.flow(name or type(model).__name__, len(rows)) for name, layer in layers.items()]


@dataclass
class _Watched:
    """What is collected of a layer: its parameters, and by the name of each activation what goes into it."""

    parameters: list[Value] = field(default_factory=list)
    heard: dict[str, list[list[float]]] = field(default_factory=dict)

    def flow(self, name: str, samples: int) -> LayerFlow:
        sizes = [abs(p.grad or 0.0) for p in self.parameters]
        steepness = [
            _slope(kind, z) / _slope(kind, 0.0)  # which is the steepest
            for kind in ("tanh", "sigmoid")
            for inputs in self.heard.get(kind, [])
            for z in inputs
        ]
        units: list[list[float]] = []
        for inputs in self.heard.get("relu", []):
            width = len(inputs) // samples  # an activation on its own is called for one number of a row after the other
            units += [inputs[k::width] for k in range(width)]
        return LayerFlow(
            name,
            numerics.mean(sizes),
            grad_norm(self.parameters),
            len(sizes),
            numerics.mean([float(all(z <= 0.0 for z in unit)) for unit in units]),
            numerics.mean([float(share < FLAT) for share in steepness]),
        )


def _slope(activation: str, z: float) -> float:
    op = named(activation)
    (slope,) = op.partials(op.value(z), (z,), (True,))
    return float(slope)


def _watched(model: Module) -> dict[str, _Watched]:
    """Let the activations of a model tell what goes into them, from now on; by layer."""
    layers: dict[str, _Watched] = {}
    for name, p in model.named_parameters():
        layers.setdefault(_owner(name), _Watched()).parameters.append(p)
    layer = _Watched()
    for path, module in model.named_modules():
        layer = layers.get(re.sub(r"(^|\.)neurons\.\d+$", "", path), layer)
        activation = vars(module).get("activation")
        kind = None if activation is None else activation_name(activation)
        if kind is not None:
            inputs: list[float] = []
            layer.heard.setdefault(kind, []).append(inputs)
            module.activation = _listening(activation, inputs)
    return layers


def _owner(parameter: str) -> str:
    """The path of the layer that a parameter belongs to: without its neuron, or its attribute and indices."""
    path = re.sub(r"(^|\.)neurons\.\d+\..*$", "", parameter)
    return path if path != parameter else re.sub(r"(^|\.)[^.]+(\.\d+)*$", "", parameter)


def _listening(activation: Callable[[Any], Any], inputs: list[float]) -> Callable[[Any], Any]:
    def listen(z: Any) -> Any:
        inputs.append(float(z))
        return activation(z)

    return listen


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
    TypeError
        If an argument is of a wrong type; the message names it.
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
    flow = listed(flow, "flow is what nn.gradient_flow returns")
    for layer in flow:
        expect(isinstance(layer, LayerFlow), "flow is what nn.gradient_flow returns, a list of LayerFlow", layer)
    if not flow:
        raise ValueError("expected at least one layer, got none")
    findings: list[Finding] = []
    sizes = [layer.mean_abs for layer in flow]
    small = [k for k in range(len(flow)) if sizes[k] < VANISHING * max(sizes[k:])]
    if small:
        k = min(small, key=sizes.__getitem__)
        text = f"the mean gradient of {flow[k].name} is {sizes[k]:.2g}, that of a later layer {max(sizes[k:]):.2g}"
        remedy = "use relu in place of sigmoid or tanh, He's or Xavier's initialisation, skip connections, batch norm"
        findings.append(Finding("vanishing", tuple(flow[k].name for k in small), text, remedy))

    norm = math.hypot(*(layer.norm for layer in flow))
    large = [layer.name for layer in flow if layer.mean_abs > EXPLODING * sizes[-1] > 0.0]
    if large or not norm <= EXPLODING:
        names = large or [layer.name for layer in flow if not layer.norm <= EXPLODING / len(flow)]
        remedy = "clip the gradients, use a smaller learning rate or smaller weights, or standardise the data"
        findings.append(Finding("exploding", tuple(names), f"the norm of all gradients is {norm:.2g}", remedy))

    dead = [layer for layer in flow if layer.dead >= IDLE]
    if dead:
        text = f"of a layer's ReLU units {max(layer.dead for layer in dead):.0%} give 0 for every sample"
        remedy = "use a smaller learning rate, He's initialisation, or an activation with a slope on both sides"
        findings.append(Finding("dead", tuple(layer.name for layer in dead), text, remedy))

    flat = [layer for layer in flow if layer.saturated >= IDLE]
    if flat:
        share = max(layer.saturated for layer in flat)
        text = f"of a layer's outputs {share:.0%} lie where the activation is all but flat"
        remedy = "standardise the features, use smaller weights (Xavier's initialisation) or batch normalisation"
        findings.append(Finding("saturated", tuple(layer.name for layer in flat), text, remedy))
    healthy = f"mean gradients lie between {min(sizes):.2g} and {max(sizes):.2g}"
    return findings or [Finding("healthy", (), healthy, "")]
