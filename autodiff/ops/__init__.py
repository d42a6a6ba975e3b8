"""The calculus: every operation with its partial derivatives, each written once.

A rule gets the output ``y`` and the operands and is written with ordinary operators and with the operations of
this folder, so that it runs on floats (`Value.backward`), on `Value` nodes (`grad_graph`) and on any other kind
of number. A rule never branches on a number that might change: where a derivative has cases, it is an operation
of its own (those with a leading underscore), so that a recorded gradient can be recomputed at another point.

At a kink the partial is the true derivative if there is one, else the sub- or supergradient of least norm, else
what continuity asks for, else nan. A nan operand, or one outside the domain, gives nan.

To add an operation, add a block to the file of its family: the method on `Value`, the function in the `autodiff`
namespace, the label in a drawing and the tests are made from it. The files, each of which may use those before it:
`cases`, `arithmetic`, `choices`, `exponentials`, `trigonometric`, `hyperbolic`, `activations`, `sequences`. Besides,
`special` has float functions of several families, and `define` makes operations of the user's own.
"""

from typing import TYPE_CHECKING

from autodiff.operation import OPERATIONS
from autodiff.ops.activations import *  # noqa: F403
from autodiff.ops.arithmetic import *  # noqa: F403
from autodiff.ops.choices import *  # noqa: F403
from autodiff.ops.exponentials import *  # noqa: F403
from autodiff.ops.hyperbolic import *  # noqa: F403
from autodiff.ops.sequences import *  # noqa: F403
from autodiff.ops.trigonometric import *  # noqa: F403

PUBLIC = [
    "clip",
    "log_softmax",
    "softmax",
    "where",
    *(name for name, op in OPERATIONS.items() if globals().get(name) is op),
]
"""Names of what users call: the operations, and functions that are made of them."""

if not TYPE_CHECKING:  # type checkers understand plain lists of strings alone, and would see none of the operations
    __all__ = PUBLIC
