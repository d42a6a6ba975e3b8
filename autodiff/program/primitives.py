"""The table of primitives: what the machine can do, a row each.

A backend is the column of its language, and a loop over a tape.

A primitive is named as in LLVM or as the C library names it. Comparisons and ``and``, ``or``, ``not`` give truth
values, which only ``select``, ``and``, ``or`` and ``not`` take.

The columns of languages are templates of expressions, with ``{0}``, ``{1}``, ``{2}`` for the operands, which are names
or constants. In LLVM's, ``{kind}`` is the type of a number or of a vector of them, ``{suffix}`` what the names of
intrinsic functions have for it, ``{truth}`` the type of a truth value, ``{true}`` the true one, and ``{of}`` what
stands before the name of a function for that type. A sum of products has any number of operands, two a term; its row
has what one term is.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from autodiff import numerics
from autodiff.program.tape import SUM_OF_PRODUCTS


class Primitive(NamedTuple):
    """A row: `python` computes it, for every float; `source` has what else stands for it in a Python source.

    `takes` says how many operands are truth values, the first ones, and `gives` whether the result is one. What is of
    the `library` of C differs by a few ulp from machine to machine.
    """

    name: str
    arity: int
    python: Callable[..., Any]
    source: tuple[Any, ...]
    numpy: str
    c: str
    llvm: str
    takes: int = 0
    gives: bool = False
    library: bool = False


def _infix(name: str, python: Callable[..., Any], node: type[ast.AST], sign: str, llvm: str) -> Primitive:
    text = f"{{0}} {sign} {{1}}"
    return Primitive(name, 2, python, (node,), text, text, f"{llvm} {{kind}} {{0}}, {{1}}")


def _comparison(name: str, python: Callable[..., Any], node: type[ast.AST], sign: str, condition: str) -> Primitive:
    return _infix(name, python, node, sign, f"fcmp {condition}")._replace(gives=True)


def _called(name: str, python: Callable[..., Any], numpy: str = "", arity: int = 1, llvm: str = "") -> Primitive:
    operands = [f"{{{k}}}" for k in range(arity)]
    given, typed = ", ".join(operands), ", ".join(f"{{kind}} {x}" for x in operands)
    source = (getattr(math, name),) if hasattr(math, name) else ()
    call = f"call {{kind}} @{llvm or f'{{of}}{name}'}({typed})"
    return Primitive(name, arity, python, source, f"{numpy or name}({given})", f"{name}({given})", call)


def _library(name: str, python: Callable[..., Any], numpy: str = "", arity: int = 1) -> Primitive:
    return _called(name, python, numpy, arity)._replace(library=True)


def _angle(name: str, python: Callable[..., Any]) -> Primitive:
    """Of the library, but for some huge angles."""
    return _library(name, python)._replace(c=f"angle({name}, {{0}})")


def _intrinsic(name: str, python: Callable[..., Any], numpy: str = "", arity: int = 1) -> Primitive:
    return _called(name, python, numpy, arity, f"llvm.{name}.{{suffix}}")


def _floor(x: float) -> float:
    return math.copysign(math.floor(x), x) if math.isfinite(x) else x


def _ldexp(m: float, e: float) -> float:
    try:
        return math.ldexp(m, int(e))
    except OverflowError:
        return math.copysign(math.inf, m)


def _fmod(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return math.nan


def _sum_of_products(*x: Any) -> Any:
    terms = list(map(operator.mul, x[::2], x[1::2]))
    return sum(terms[1:], terms[0])


_ROWS = (
    _infix("add", operator.add, ast.Add, "+", "fadd"),
    _infix("sub", operator.sub, ast.Sub, "-", "fsub"),
    _infix("mul", operator.mul, ast.Mult, "*", "fmul contract"),
    _infix("div", numerics.divide, ast.Div, "/", "fdiv"),
    Primitive("neg", 1, operator.neg, (ast.USub,), "-{0}", "-({0})", "fneg {kind} {0}"),
    Primitive(SUM_OF_PRODUCTS, 0, _sum_of_products, (), "{0} * {1}", "{0} * {1}", "fmul contract {kind} {0}, {1}"),
    # LLVM's conditions: any comparison with nan is false, but for ``ne``
    _comparison("lt", operator.lt, ast.Lt, "<", "olt"),
    _comparison("le", operator.le, ast.LtE, "<=", "ole"),
    _comparison("gt", operator.gt, ast.Gt, ">", "ogt"),
    _comparison("ge", operator.ge, ast.GtE, ">=", "oge"),
    _comparison("eq", operator.eq, ast.Eq, "==", "oeq"),
    _comparison("ne", operator.ne, ast.NotEq, "!=", "une"),
    Primitive("and", 2, operator.and_, (), "{0} & {1}", "{0} && {1}", "and {truth} {0}, {1}", takes=2, gives=True),
    Primitive("or", 2, operator.or_, (), "{0} | {1}", "{0} || {1}", "or {truth} {0}, {1}", takes=2, gives=True),
    Primitive("not", 1, operator.not_, (ast.Not,), "~{0}", "!{0}", "xor {truth} {0}, {true}", takes=1, gives=True),
    Primitive(
        "select",
        3,
        lambda test, a, b: a if test else b,
        (),
        "where({0}, {1}, {2})",
        "{0} ? {1} : {2}",
        "select {truth} {0}, {kind} {1}, {kind} {2}",
        takes=1,
    ),
    _intrinsic("fabs", abs, "abs"),
    _intrinsic("sqrt", numerics.sqrt),
    _intrinsic("floor", _floor),
    _intrinsic("copysign", math.copysign, arity=2),
    _called("mantissa", lambda x: math.frexp(x)[0])._replace(numpy="frexp({0})[0]"),
    _called("exponent", lambda x: float(math.frexp(x)[1]))._replace(numpy="frexp({0})[1].astype(float)"),
    _called("ldexp", _ldexp, arity=2)._replace(
        numpy="ldexp({0}, clip({1}, -2900.0, 2900.0).astype(int))", c="scaled({0}, {1})"
    ),
    _library("exp", numerics.exp),
    _library("expm1", numerics.expm1),
    _library("log", numerics.log),
    _library("log1p", numerics.log1p),
    _library("log2", numerics.log2),
    _library("log10", numerics.log10),
    # NumPy's `power` takes a root for an exponent of 0.5: -0.0 and -inf come out wrong
    _library("pow", numerics.power, "float_power", arity=2)._replace(source=(math.pow, ast.Pow)),
    _angle("sin", numerics.sin),
    _angle("cos", numerics.cos),
    _angle("tan", numerics.tan),
    _library("asin", numerics.asin, "arcsin"),
    _library("acos", numerics.acos, "arccos"),
    _library("atan", math.atan, "arctan"),
    _library("atan2", math.atan2, "arctan2", arity=2),
    _library("hypot", math.hypot, arity=2),
    _library("sinh", numerics.sinh),
    _library("cosh", numerics.cosh),
    _library("asinh", math.asinh, "arcsinh"),
    _library("acosh", numerics.acosh, "arccosh"),
    _library("atanh", numerics.atanh, "arctanh"),
    _library("tanh", math.tanh),
    _library("erf", math.erf),
    _library("erfc", math.erfc),
    _library("fmod", _fmod, arity=2),
)

PRIMITIVES: dict[str, Primitive] = {row.name: row for row in _ROWS}
"""The rows by name."""

TRUTHS = frozenset(row.name for row in _ROWS if row.gives)
"""The names of those whose result is a truth value."""

MEANING: dict[Any, Primitive] = {x: row for row in _ROWS for x in (row.python, *row.source)}
"""The rows by the functions, and the kinds of syntax nodes, that stand for them in a Python source."""
