"""Replay: a recorded graph as a program that runs a million times.

`compile` traces a function with Values once for each form of its arguments (`recorder`), writes the graph and its
derivative on a tape (`tape`), translates the operations to machine arithmetic (`lowering`), and hands the program to a
backend: LLVM (`llvm`), NumPy (`arrays`) or plain Python (`python`).
"""

from autodiff.replay.compiled import Compiled
from autodiff.replay.decorator import compile
from autodiff.replay.graphs import compile_graph

__all__ = ["Compiled", "compile", "compile_graph"]
