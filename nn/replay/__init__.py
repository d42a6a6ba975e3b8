"""A training step by a compiled program, in place of the graphs of `nn.eager`.

To be read in this order:

- `compiled_step`: `compile` makes a `CompiledStep` of a model and a loss;
- `plan`: how its programs are traced and run, for which a data set is held as `columns`;
- `update`: the rule of an optimizer as a program over all parameters;
- `replay_worker`: what trains by these under `nn.fit`.
"""

from nn.replay.compiled_step import CompiledStep, NotCompilable, compile
from nn.replay.replay_worker import ReplayWorker

__all__ = ["CompiledStep", "NotCompilable", "ReplayWorker", "compile"]
