"""Scalar automatic differentiation: every derivative right, and there to be seen.

>>> from autodiff import Value
>>> x = Value(2.0)
>>> y = x * x + 1
>>> y.backward()
>>> x.grad
4.0
"""

import builtins

from autodiff import (
    operators,  # noqa: F401  (binding gives Value its operators)
    ops,
)
from autodiff.derivatives.transforms import (
    derivative,
    grad,
    grad_graph,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
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
from autodiff.recording import no_grad, scope, strict
from autodiff.replay import compile  # noqa: F401  (not in __all__: `import *` must not replace Python's compile)
from autodiff.show.draw import draw_backward, draw_forward
from autodiff.show.explain import explain
from autodiff.testing.check import check_grads, check_op
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
