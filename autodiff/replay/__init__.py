"""Replay: a recorded graph as a program that runs a million times.

`compile` (`decorator`) makes a function a `Compiled` one (`compiled`), and `compile_graph` (`graphs`) a graph. At the
first call for each form of its arguments (`forms`) the function is traced with Values (`modes`, `recorder`), and the
graph and its derivative are written on a tape (`tape`, `identities`). Its operations are translated to machine
arithmetic (`lowering`, with `primitives` and `expansions`), and the program (`program`) is handed to a backend:

- LLVM (`llvm`): the program written out (`llvm_text`, `llvm_body`, `llvm_math`), or as data if it is large
  (`interpreter`, `interpreter_text`);
- NumPy (`arrays`);
- plain Python (`python`).

`direct` takes plain floats and arrays past the reading of forms; `inspection`, `report` and `c` show what was made.
"""

from autodiff.replay.api import compile
from autodiff.replay.compiled import Compiled
from autodiff.replay.graphs import compile_graph

__all__ = ["Compiled", "compile", "compile_graph"]
