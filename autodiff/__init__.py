"""Scalar automatic differentiation: every derivative right, and there to be seen.

>>> from autodiff import Value
>>> x = Value(2.0)
>>> y = x * x + 1
>>> y.backward()
>>> x.grad
4.0

What there is; ``help(autodiff.grad)`` and the like tell more:

================= ======================================================================================================
`Value`           a number that remembers how it was computed; `Value.backward` finds the ``.grad`` of all below it
operations        ``exp log sqrt sin tanh relu sum dot softmax where ...``: for Values and for plain numbers
functions         `grad` `value_and_grad` `jvp` `vjp` `jacobian` `hessian` `hvp` `derivative`; of a graph `grad_graph`
pictures          `draw_forward` `draw_backward`, and `explain`: along which paths a gradient comes
checks            `check_grads` `check_op` by differences; `strict` raises at the first nan or infinity
speed             `compile`: a function traced once and replayed as machine code, NumPy or plain Python
graphs            `no_grad` computes without recording, `scope` draws a box; `define` makes an operation of your own
errors            all are `AutodiffError`, `TypeError` or `ValueError`; see `autodiff.errors`
================= ======================================================================================================

The open files are an evening's reading, in this order: `errors`, `numerics`, `operation` (the table), `ops` (the
calculus), `recording` (what a node is stamped with, and what tracing refuses), `graph` (order, and what is stale),
`strict`, `reverse` (the sweep), `value`, `operators` (which make the nodes). What is needed later stands behind doors:
`derivatives` of plain functions, `show` for drawings, `testing` against differences, `program` and `replay` for
compiled functions; `copying` and `files` are small.
"""

import builtins

from autodiff import copying, operators, ops  # noqa: F401  (they complete Value)
from autodiff.derivatives import derivative, grad, grad_graph, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autodiff.errors import (
    AutodiffError,
    DataError,
    GradientError,
    GraphError,
    ModelFileError,
    NonFiniteError,
    RenderError,
    StaleGraphError,
    TraceError,
)
from autodiff.ops import *  # noqa: F403  (every operation of the table)
from autodiff.ops.define import define
from autodiff.recording import no_grad, scope
from autodiff.replay import compile as compile  # not in __all__: `import *` must not replace Python's compile
from autodiff.show import draw_backward, draw_forward, explain
from autodiff.strict import strict
from autodiff.testing import check_grads, check_op
from autodiff.value import Value

__version__ = "0.1.0"

__all__ = [
    "AutodiffError",
    "DataError",
    "GradientError",
    "GraphError",
    "ModelFileError",
    "NonFiniteError",
    "RenderError",
    "StaleGraphError",
    "TraceError",
    "Value",
    "check_grads",
    "check_op",
    "define",
    "derivative",
    "draw_backward",
    "draw_forward",
    "explain",
    "grad",
    "grad_graph",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "scope",
    "strict",
    "value_and_grad",
    "vjp",
    *(name for name in ops.PUBLIC if not hasattr(builtins, name)),  # `import *` must not replace Python's sum
]
