"""What runs a program: machine code by LLVM, NumPy, or plain Python; and the same as source in C.

A backend is a function from a `Program` to a `Run`. In the order of reading: `choice`, which has them by name;
`program_lines`, what programs look like in most languages; `python`, `numpy_calls` and `c`, which fill that in; and
`llvm/`.
"""

from autodiff.replay.backends.choice import BACKENDS, SOURCES, compile_program
from autodiff.replay.backends.llvm import NativeRun
from autodiff.replay.backends.program_lines import ProgramLines
from autodiff.replay.backends.python import compile_scalar, written

__all__ = ["BACKENDS", "SOURCES", "NativeRun", "ProgramLines", "compile_program", "compile_scalar", "written"]
