"""Neural networks of scalar Values: layers, losses, optimizers, training.

>>> from nn import MLP
>>> model = MLP(2, [16, 16, 1])
>>> len(model.parameters())
337

The rooms, in the order of reading: `nn.model`, what is trained; `nn.data`, what on; `nn.losses` and `nn.optim`, by
what; `nn.train` with `nn.history`, how. A step is made in ``nn.eager`` by a graph, in ``nn.replay`` by a traced
program; ``nn.cli`` is the command line, `nn.plots` draws. Open, because small: `minimize` with its
`minimum` and `stopping` rules, `callbacks`, `schedules`, `metrics`, `flow` (gradients by layer), `checks`.
"""

from nn.cli import ctrl_c as _ctrl_c  # noqa: F401, I001  (first: it looks after Ctrl-C while the rest is loaded)

from autodiff.value import parameter
from nn import callbacks, data, losses, model, optim, plots, schedules, stopping
from nn.flow import diagnose_gradients, gradient_flow
from nn.history import Diagnosis, History, diagnose
from nn.minimize import minimize, random_search
from nn.model import *  # noqa: F403  (its classes, `load` and `save`)
from nn.optim.clip import clip_grad_norm_, clip_grad_value_
from nn.replay import compile as compile  # not in __all__: `import *` must not replace Python's compile
from nn.train import find_lr, fit

__all__ = [
    "Diagnosis",
    "History",
    "callbacks",
    "clip_grad_norm_",
    "clip_grad_value_",
    "data",
    "diagnose",
    "diagnose_gradients",
    "find_lr",
    "fit",
    "gradient_flow",
    "losses",
    "minimize",
    "optim",
    "parameter",
    "plots",
    "random_search",
    "schedules",
    "stopping",
]
__all__ += model.__all__


def __dir__() -> list[str]:
    return sorted([*__all__, "compile", "history", "metrics", "train"])  # and none of the rooms that are internal
