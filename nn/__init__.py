"""Neural networks of scalar Values: layers, losses, optimizers, training.

>>> from nn import MLP
>>> model = MLP(2, [16, 16, 1])
>>> len(model.parameters())
337
"""

from autodiff.value import parameter
from nn import callbacks, data, losses, optim, plots, schedules, stopping
from nn.batch_norm import BatchNorm
from nn.checkpoint import load, save
from nn.clip import clip_grad_norm_, clip_grad_value_
from nn.compiled import compile  # noqa: F401  (not in __all__: `import *` must not replace Python's compile)
from nn.diagnosis import Diagnosis, diagnose
from nn.dropout import Dropout
from nn.finder import find_lr
from nn.findings import diagnose_gradients
from nn.flow import gradient_flow
from nn.history import History
from nn.layers import Elementwise, Residual, Sequential
from nn.minimize import minimize, random_search
from nn.mlp import MLP, Layer
from nn.module import Module
from nn.neuron import Neuron
from nn.train import fit

__all__ = [
    "MLP",
    "BatchNorm",
    "Diagnosis",
    "Dropout",
    "Elementwise",
    "History",
    "Layer",
    "Module",
    "Neuron",
    "Residual",
    "Sequential",
    "callbacks",
    "clip_grad_norm_",
    "clip_grad_value_",
    "data",
    "diagnose",
    "diagnose_gradients",
    "find_lr",
    "fit",
    "gradient_flow",
    "load",
    "losses",
    "minimize",
    "optim",
    "parameter",
    "plots",
    "random_search",
    "save",
    "schedules",
    "stopping",
]
