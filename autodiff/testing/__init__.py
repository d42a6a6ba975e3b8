"""Derivatives held against finite differences.

`differences` estimates a derivative and how far to trust it, `check` compares (of a function, of one operation) and
names the operation to blame.
"""

from autodiff.testing.check import check_grads, check_op

__all__ = ["check_grads", "check_op"]
