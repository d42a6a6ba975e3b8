"""Replay: a function traced once as a program that runs a million times.

To be read in this order:

- `api`: `compile` makes a function a `Compiled` one; it attaches itself to `Value` as a method, too;
- `compiled`: what a `Compiled` does at each call, and at the first for each form of its arguments (`forms`);
- `modes`: what is traced for a value, a gradient, a Hessian; `inspection`: what a compiled function shows of its
  programs; `shortcut`: how plain floats and arrays get past the reading of forms;
- `kernel`: a compiled program with its buffers, by the best backend there is;
- `tracer`: a function called on Values, its graph on a tape, and its derivative
  (what would leave the graph, a branch say, is refused in `autodiff.recording`); `leaks`: what is left of the Values;
- `backends`: a program as machine code, as NumPy calls, as plain Python.
"""

from autodiff.replay.api import compile
from autodiff.replay.compiled import Compiled
from autodiff.replay.inspection import Report
from autodiff.replay.kernel import Bound, Kernel, Rows
from autodiff.replay.tracer import Tracer

__all__ = ["Bound", "Compiled", "Kernel", "Report", "Rows", "Tracer", "compile"]
