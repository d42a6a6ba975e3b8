"""What is trained: modules, from a single neuron to deep networks, and the files that hold them.

Read `module` first, then `mlp`: activations, the neuron and what is made of it (with `init`, the first weights), the
other modules in `layers` and `batch_norm`, and at last `saved`, the files.
"""

# The order is that of reading, and in which messages about files name the classes.
from nn.model.module import Module  # noqa: I001
from nn.model.mlp import Neuron
from nn.model.mlp import MLP, Layer
from nn.model.layers import Dropout, Elementwise, Residual, Sequential
from nn.model.batch_norm import BatchNorm
from nn.model.saved import KINDS, OURS, load, save

__all__ = [
    "MLP",
    "BatchNorm",
    "Dropout",
    "Elementwise",
    "Layer",
    "Module",
    "Neuron",
    "Residual",
    "Sequential",
    "load",
    "save",
]

OURS.update(KINDS)
