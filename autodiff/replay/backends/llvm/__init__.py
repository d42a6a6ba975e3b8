"""Machine code: a program as LLVM text, compiled in the process by llvmlite.

In the order of reading: `native`, from a program to a function; `program_text`, its functions and the loop over the
samples; `vector_math`, what lines are written with, and functions of vectors. Large programs without samples are data
for the one piece of machine code of `interpreter`.
"""

from autodiff.replay.backends.llvm.native import NativeRun, compile_program, source

__all__ = ["NativeRun", "compile_program", "source"]
