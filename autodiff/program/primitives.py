"""The primitive instructions that programs are lowered to: their names, operands, and counterparts in Python.

A primitive is named as in LLVM or as the C library names it. Comparisons and ``and``, ``or``, ``not`` give truth
values, which only ``select``, ``and``, ``or`` and ``not`` take.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from autodiff import numerics
from autodiff.errors import GraphError

__all__ = [
    "ARITIES",
    "COMPARISONS",
    "FUNCTIONS",
    "GIVE_TRUTHS",
    "KNOWN",
    "LIBRARY",
    "OPERATORS",
    "TAKE_TRUTHS",
    "NotLowerable",
    "Slot",
]


class NotLowerable(GraphError):
    """The float function of an operation uses what has no counterpart in machine arithmetic; it says what."""


class Slot(int):
    """A number of the primitive program, as against a Python number that is known already."""


COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")

LIBRARY = {
    name: 2 if name in ("pow", "atan2", "hypot", "fmod") else 1
    for name in (
        *("exp", "expm1", "log", "log1p", "log2", "log10", "pow", "sin", "cos", "tan", "asin", "acos", "atan"),
        *("atan2", "hypot", "sinh", "cosh", "asinh", "acosh", "atanh", "tanh", "erf", "erfc", "fmod"),
    )
}
"""Functions of the C library by name, with the number of their arguments."""

FUNCTIONS: dict[Any, str] = {getattr(math, name): name for name in LIBRARY} | {
    abs: "fabs",
    math.fabs: "fabs",
    math.sqrt: "sqrt",
    math.floor: "floor",
    math.copysign: "copysign",
    math.ldexp: "ldexp",
    operator.add: "add",
    operator.sub: "sub",
    operator.mul: "mul",
    operator.neg: "neg",
}
"""The primitives that compute what a Python function does."""

ARITIES = {**LIBRARY, "copysign": 2, "ldexp": 2, "add": 2, "sub": 2, "mul": 2}
"""How many operands those of `FUNCTIONS` take, where it is not one."""

GIVE_TRUTHS = {*COMPARISONS, "and", "or", "not"}
"""The primitives whose result is a truth value."""

TAKE_TRUTHS = {"and": 2, "or": 2, "not": 1, "select": 1}
"""How many operands of a primitive are truth values, the first ones."""

OPERATORS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.Not: "not",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
"""The primitives that compute what an operator in Python source does."""

KNOWN: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": numerics.divide,
    "pow": numerics.power,
    "neg": operator.neg,
    "not": operator.not_,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "fabs": abs,
    "sqrt": numerics.sqrt,
    "floor": math.floor,
    "copysign": math.copysign,
    "exp": numerics.exp,
}
"""What computes a primitive at once, where all operands are known."""
