"""Derivatives of plain functions, forward and in reverse, nested as you like.

Read `forward` first (dual numbers), then `nesting`, which tells why derivatives inside derivatives do not confuse
their numbers, then `transforms`: what users call, each in a few lines. `structures` walks nested lists, dicts, tuples
and arrays of numbers; `standins` says what is refused to a function whose numbers are others than it thinks.
"""

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

__all__ = ["derivative", "grad", "grad_graph", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
