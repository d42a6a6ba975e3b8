"""What runs a program: machine code by LLVM, NumPy, or plain Python; and the same as source in C.

A backend is a function from a `Program` to a `Run`. In the order of reading: `program_lines`, what programs look like
in most languages; `python`, `numpy_calls` and `c`, which fill that in; and `llvm/`.
"""

from autodiff.replay.backends import c, llvm, numpy_calls, python
from autodiff.replay.backends.llvm import NativeRun
from autodiff.replay.backends.program_lines import ProgramLines, Text

__all__ = ["NativeRun", "ProgramLines", "Text", "c", "llvm", "numpy_calls", "python"]
