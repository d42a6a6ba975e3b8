"""Machine code: a program as LLVM text, compiled in the process by llvmlite.

In the order of reading: `native`, from a program to a function; `program_text`, its functions and the loop over the
samples; `body`, the lines of one function; `lines` and `vector_math`, what they are written with. Large programs
without samples are data (`instruction_tables`) for one piece of machine code (`table_loops`).
"""

from autodiff.replay.backends.llvm.native import NativeRun, compile_program, source

__all__ = ["NativeRun", "compile_program", "source"]
