"""Neural networks of scalar Values: layers, losses, optimizers, training.

>>> from nn import MLP
>>> model = MLP(2, [16, 16, 1])
>>> len(model.parameters())
337
"""

from autodiff.value import parameter
from nn import data, losses, optim, plots
from nn.batch_norm import BatchNorm
from nn.checkpoint import load, save
from nn.history import History
from nn.layers import Dropout, Elementwise, Residual, Sequential
from nn.mlp import MLP, Layer
from nn.module import Module
from nn.neuron import Neuron
from nn.train import fit

__all__ = [
    "MLP",
    "BatchNorm",
    "Dropout",
    "Elementwise",
    "History",
    "Layer",
    "Module",
    "Neuron",
    "Residual",
    "Sequential",
    "data",
    "fit",
    "load",
    "losses",
    "optim",
    "parameter",
    "plots",
    "save",
]
