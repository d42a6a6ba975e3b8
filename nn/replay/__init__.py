"""A training step by a compiled program, in place of the graphs of `nn.eager`.

To be read in this order:

- `settings`: what of a model, a loss, an optimizer may change between two calls; what of it is an input of a program,
  and what is watched;
- `compiled_step`: `compile` makes a `CompiledStep` of a model and a loss; how programs are traced, and run on a data
  set in columns;
- `flat_update`: the rule of an optimizer as a program over all parameters;
- `replay_worker`: what trains by these under `nn.fit`.
"""

from nn.replay.compiled_step import CompiledStep, compile
from nn.replay.replay_worker import ReplayWorker
from nn.replay.settings import NotCompilable, Settings, Unrepeatable

__all__ = ["CompiledStep", "NotCompilable", "ReplayWorker", "Settings", "Unrepeatable", "compile"]
