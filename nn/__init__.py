"""Neural networks of scalar Values: layers, losses, optimisers, training.

>>> from nn import MLP
>>> model = MLP(2, [16, 16, 1])
>>> len(model.parameters())
337
"""

from autodiff.value import parameter
from nn import losses, optim
from nn.checkpoint import load, save
from nn.module import Module
from nn.neuron import MLP, Layer, Neuron

__all__ = ["MLP", "Layer", "Module", "Neuron", "load", "losses", "optim", "parameter", "save"]
