"""Derivatives of plain functions."""

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
