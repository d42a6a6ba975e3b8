"""Neural networks of scalar Values: layers, losses, optimizers, training.

>>> from nn import MLP
>>> model = MLP(2, [16, 16, 1])
>>> len(model.parameters())
337
"""

from autodiff.value import parameter
from nn import callbacks, data, losses, optim, plots, schedules, stopping
from nn.findings import diagnose_gradients
from nn.flow import gradient_flow
from nn.history import History
from nn.history.diagnosis import Diagnosis, diagnose
from nn.minimize import minimize, random_search
from nn.model.batch_norm import BatchNorm
from nn.model.dropout import Dropout
from nn.model.layers import Elementwise, Residual, Sequential
from nn.model.mlp import MLP, Layer
from nn.model.module import Module
from nn.model.neuron import Neuron
from nn.model.saved import load, save
from nn.optim.clip import clip_grad_norm_, clip_grad_value_
from nn.replay import compile  # noqa: F401  (not in __all__: `import *` must not replace Python's compile)
from nn.train import fit
from nn.train.finder import find_lr

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
