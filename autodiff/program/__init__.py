"""A graph as a flat program, its derivative, and what machines can make of it. Nothing here knows of Values.

In the order of reading: `tape`, a program of one assignment a slot; `simplify`, a tape that knows what is the same as
something simpler; `derivative`, which writes a program's derivative behind it; `primitives`, the table of what a
machine can do, a column a backend; `lowering`, from operations to these, by reading the source of float functions; and
`program`, a tape with its inputs and outputs, ready for a backend.
"""

from autodiff.program.derivative import reverse
from autodiff.program.lowering import NotLowerable, formula
from autodiff.program.primitives import PRIMITIVES, TRUTHS
from autodiff.program.program import LANES, Output, Program, Run, padded
from autodiff.program.simplify import SimplifyingTape
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS

__all__ = [
    "CONSTANT",
    "INPUT",
    "LANES",
    "PRIMITIVES",
    "SUM_OF_PRODUCTS",
    "TRUTHS",
    "NotLowerable",
    "Output",
    "Program",
    "Run",
    "SimplifyingTape",
    "formula",
    "padded",
    "reverse",
]
