"""The drawings that the main job writes: a neuron and a small network, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autodiff import Value
from autodiff.errors import RenderError
from autodiff.show import draw_backward, draw_forward
from nn.data import Dataset
from nn.losses import cross_entropy, mse
from nn.model import MLP, Neuron

DRAWINGS = ("neuron_forward.svg", "neuron_backward.svg", "network_forward.svg", "network_backward.svg")
"""What is drawn, by the names of the files."""

MOST_INPUTS = 8
MOST_UNITS = 4


def neuron_output(model: MLP, dataset: Dataset, activation: str) -> Value:
    """The first neuron of a network at the first sample, written out in single multiplications and additions.

    It is labelled, and has all gradients. Of more than eight features the first eight are drawn.
    """
    first = model.layers[0].neurons[0]
    x = _inputs(dataset, dataset.features[0], MOST_INPUTS)
    neuron = Neuron(len(x), activation=activation if len(model.layers) > 1 else "linear", expand=True, seed=0)
    for own, trained in zip((*neuron.w, neuron.b), (*first.w[: len(x)], first.b)):
        if own is not None and trained is not None:
            own.data = trained.data
    output = neuron(x)
    output.label = "y"
    output.backward()
    return output


def network_loss(dataset: Dataset, activation: str) -> Value:
    """The loss of a sample through a network that is small enough to be read: 3 hidden neurons, untrained.

    It is labelled, and has all gradients. Of more than four features, or classes, the first four are drawn.
    """
    classes = 0 if dataset.class_names is None else min(len(dataset.class_names), MOST_UNITS)
    chosen = next(k for k, target in enumerate(dataset.targets) if not classes or target < classes)
    x = _inputs(dataset, dataset.features[chosen], MOST_UNITS)
    target = dataset.targets[chosen]
    model = MLP(len(x), [3, classes or 1], activation=activation, init="xavier", seed=0)
    output = model(x)
    loss = cross_entropy(output, int(target)) if classes else mse(output, target)
    loss.label = "loss"
    loss.backward()
    return loss


def draw_all(model: MLP, dataset: Dataset, activation: str, folder: Path) -> str:
    """Write `DRAWINGS` into a folder; return why there are none, and what command would help, or ""."""
    try:
        graphs = neuron_output(model, dataset, activation), network_loss(dataset, activation)
        pictures = [draw(y).pipe(format="svg") for y in graphs for draw in (draw_forward, draw_backward)]
    except (ImportError, RenderError) as error:
        return str(error)
    for name, picture in zip(DRAWINGS, pictures):
        (folder / name).write_bytes(picture)
    return ""


def _inputs(dataset: Dataset, row: Sequence[float], most: int) -> list[Value]:
    return [Value(x, label=name) for x, name in zip(row[:most], dataset.feature_names)]
