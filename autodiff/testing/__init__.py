"""Derivatives held against differences."""

from autodiff.testing.check import check_grads, check_op

__all__ = ["check_grads", "check_op"]
