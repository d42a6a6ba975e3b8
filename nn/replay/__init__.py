"""A training step by a compiled program, in place of the graphs of `nn.eager`.

To be read in this order:

- `compiled_step`: `compile` makes a `CompiledStep` of a model and a loss; how programs are traced, and run on a data
  set in columns;
- `replay_worker`: what trains by these under `nn.fit`, and the rule of an optimizer as a program over all parameters.
"""

from nn.replay.compiled_step import CompiledStep, NotCompilable, compile
from nn.replay.replay_worker import ReplayWorker

__all__ = ["CompiledStep", "NotCompilable", "ReplayWorker", "compile"]
