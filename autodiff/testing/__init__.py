"""Derivatives held against finite differences, with three verdicts: agrees, differs, cannot tell.

`differences` judges a derivative by plain numbers, with the doubt that `fits` of polynomials leave; `rows` asks it of
functions and of single operations, and `report` tells. `check` is what users call; where it cannot tell of a function,
it asks `parts` to judge each operation; `sampling` spreads points over the domain of one, and
`jumps` finds where its rule is to be looked at twice.
"""

from autodiff.testing.check import check_grads, check_op

__all__ = ["check_grads", "check_op"]
