"""What the tests of replay share: the backends, points to run at, and by how much a program may differ from eager."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from autodiff.operation import OPERATIONS, Nary, Op
from autodiff.program.primitives import PRIMITIVES, TRUTHS
from autodiff.program.program import Program
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS

NEEDS = {"llvm": "llvmlite", "numpy": "numpy", "python": None}
"""The package that each backend needs."""


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def needing(backend: str) -> Any:
    """A backend as a parameter of a test, skipped where its package is not installed."""
    package = NEEDS[backend]
    missing = package is not None and not installed(package)
    return pytest.param(backend, marks=pytest.mark.skipif(missing, reason=f"{package} is not installed"))


BACKENDS = [needing(b) for b in NEEDS]

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, -1e308]
SPECIAL += [1.0, -1.0, 0.5, -2.0, 709.9, -745.3, 1e-300, 1e200, 3.0, -7.5, 1e16, 40.0, -39.0, 20.0, -701.0]


def same(a: float, b: float) -> bool:
    """Equal to the last bit: nan equals nan, and 0.0 is not -0.0."""
    return (a != a and b != b) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))


def applied(op: Op, numbers: Sequence[Any]) -> Any:
    """An operation applied to its operands in a row."""
    if not isinstance(op, Nary):
        return op(*numbers)
    width = len(numbers) // op.groups
    return op(*(list(numbers[k * width : (k + 1) * width]) for k in range(op.groups)))


WIDTHS = {"clip": 3, "where": 3, "dot": 4, "sum": 3, "mean": 3, "prod": 3, "logsumexp": 3, "peak": 3}


def width(op: Op) -> int:
    """How many operands the tests give it."""
    return op.arity or WIDTHS[op.name]


def table(a: Any, b: Any, c: Any, d: Any) -> dict[str, Any]:
    """All operations at once."""
    return {name: applied(op, (a, b, c, d)[: width(op)]) for name, op in OPERATIONS.items()}


def partials(a: Any, b: Any, c: Any, d: Any) -> dict[str, list[Any]]:
    """All partials at once; 0.0 for none."""
    found = {}
    for name, op in OPERATIONS.items():
        xs = (a, b, c, d)[: width(op)]
        found[name] = [0.0 if p is None else p for p in op.partials(applied(op, xs), xs, [True] * len(xs))]
    return found


def flattened(tree: Any) -> list[Any]:
    """The numbers (or arrays) of a nested structure."""
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else None
    return [tree] if parts is None else [x for part in parts for x in flattened(part)]


# -- What rounding may do --------------------------------------------------------------------------------------------

EPS = 2.0**-52
TINY = 2.0**-1074
LIBRARY_ULPS = 4.0
"""How far apart two implementations of an elementary function may be."""


def allowed(program: Program, shared: Sequence[float], samples: Any, certain: bool = True) -> Any:
    """How far from what a program computes another sound computation of the same may be.

    The bound is that of first-order error analysis: each primitive instruction that may be rounded in another way
    counts its own error times the derivative of the output with respect to it. Arithmetic on numbers that are the
    same everywhere is the same everywhere, so a program of arithmetic alone has the bound 0.

    Parameters
    ----------
    program : Program
        In operations or in primitives.
    shared : sequence of float
        Its inputs that samples share.
    samples : array of shape (inputs, n)
        Those of each sample.
    certain : bool
        Whether arithmetic of the operations is done as they say; if not, each step may round in another way, as
        where powers are written as products.

    Returns
    -------
    array of shape (outputs, n)
        The bounds. One of infinity: not known. One of nan: a sum overflows on its way, so that its order decides.
    """
    import numpy as np

    program = program.lowered()
    code, n = program.tape.code, np.shape(samples)[1]
    given = {s: np.full(n, shared[k]) for k, s in enumerate(program.shared_inputs)}
    given |= {s: np.asarray(samples[k], dtype=float) for k, s in enumerate(program.sample_inputs)}
    given |= {s: np.full(n, x) for s, x in program.tape.constants.items()}
    values: dict[int, Any] = {}
    errors: dict[int, Any] = {}
    doubtful: set[int] = set()
    overflows = np.zeros(n, dtype=bool)
    with np.errstate(all="ignore"):
        for slot in program.live:
            name, operands = code[slot]
            if name in (INPUT, CONSTANT):
                values[slot] = given[slot]
                continue
            x = [values[p] for p in operands]
            inherited = any(p in doubtful for p in operands)
            if name == SUM_OF_PRODUCTS:
                terms = [a * b for a, b in zip(x[::2], x[1::2])]
                values[slot] = sum(terms[1:], terms[0])
                size = sum(map(np.abs, terms))
                errors[slot] = (len(terms) + 1) * (EPS * size + 2.0 * TINY)
                overflows |= _overflow(np, x, terms)
                doubtful.add(slot)
                continue
            values[slot] = _compute(np, name, x)
            ulps = LIBRARY_ULPS if PRIMITIVES[name].library else 1.0 if inherited or not certain else 0.0
            if inherited or ulps:
                doubtful.add(slot)
            if ulps and name not in _EXACT:
                errors[slot] = ulps * (EPS * np.abs(values[slot]) + TINY)
        bounds = [_weighted(np, program, values, errors, o.slot, n) for o in program.outputs]
        bounds = np.nan_to_num(np.array(bounds).reshape(len(bounds), n), nan=math.inf)
    return np.where(overflows, math.nan, bounds)


def _overflow(np: Any, factors: Sequence[Any], terms: Sequence[Any]) -> Any:
    """Where a product of finite numbers, or a sum of finite terms, is infinite."""
    found = np.isinf(sum(np.where(np.isfinite(t), np.abs(t), 0.0) for t in terms))
    for a, b, t in zip(factors[::2], factors[1::2], terms):
        found |= np.isinf(t) & np.isfinite(a) & np.isfinite(b)
    return found


def _weighted(np: Any, program: Program, values: Any, errors: Any, output: int, n: int) -> Any:
    """The sum of all errors, each times the derivative of the output with respect to where it is made."""
    code = program.tape.code
    adjoints: dict[int, Any] = {output: np.ones(n)}
    bound = np.zeros(n)
    for slot in reversed(program.live):
        adjoint = adjoints.pop(slot, None)
        if adjoint is None:
            continue
        if slot in errors:
            bound += _times(np, np.abs(adjoint), errors[slot])
        name, operands = code[slot]
        if name in (INPUT, CONSTANT):
            continue
        x = [values[p] for p in operands]
        for p, partial in zip(operands, _partials(np, name, x, values[slot])):
            if partial is not None:
                term = _times(np, adjoint, partial)
                adjoints[p] = adjoints[p] + term if p in adjoints else term
    return 2.0 * bound


def _times(np: Any, a: Any, b: Any) -> Any:
    """The product, where 0 times anything is 0: what is not taken does not count."""
    return np.where((a == 0.0) | (b == 0.0), 0.0, a * b)


def close(got: Any, expected: Any, bounds: Any) -> Any:
    """For each number whether it is what is expected; nan, infinities and the sign of zero must be the same.

    Where the bound is infinite, any finite number will do for another one; where it is nan, anything.
    """
    import numpy as np

    got, expected, bounds = (np.asarray(x, dtype=float) for x in (got, expected, bounds))
    with np.errstate(all="ignore"):
        zeros = (got == 0.0) & (expected == 0.0)
        alike = np.where(zeros, np.signbit(got) == np.signbit(expected), got == expected)
        alike |= np.isnan(got) & np.isnan(expected)
        near = np.isfinite(got) & np.isfinite(expected) & (np.abs(got - expected) <= bounds) & ~zeros
        edge = (np.isinf(got) != np.isinf(expected)) & (got * expected > 0.0)  # one has overflowed by an ulp
        edge &= np.minimum(np.abs(got), np.abs(expected)) + bounds >= np.finfo(float).max
    return alike | near | edge | np.isnan(bounds)


_EXACT = {"neg", "fabs", "floor", "copysign", "select", "mantissa", "exponent", *TRUTHS}


def _compute(np: Any, name: str, x: Sequence[Any]) -> Any:
    if name in _COMPUTE:
        return getattr(np, _COMPUTE[name])(*x)
    if name == "mantissa":
        return np.frexp(x[0])[0]
    if name == "exponent":
        return np.frexp(x[0])[1].astype(float)
    if name == "ldexp":
        return np.ldexp(x[0], np.clip(x[1], -2900.0, 2900.0).astype(int))
    if name in ("erf", "erfc"):
        return np.array([getattr(math, name)(t) for t in x[0].tolist()])
    return getattr(np, name)(*x)


_COMPUTE = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative"}
_COMPUTE |= {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}
_COMPUTE |= {"and": "logical_and", "or": "logical_or", "not": "logical_not", "select": "where", "pow": "power"}
_COMPUTE |= {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
_COMPUTE |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}

_SLOPES: dict[str, Callable[..., Any]] = {
    "add": lambda np, y, a, b: (1.0, 1.0),
    "sub": lambda np, y, a, b: (1.0, -1.0),
    "mul": lambda np, y, a, b: (b, a),
    "div": lambda np, y, a, b: (1.0 / b, -y / b),
    "neg": lambda np, y, a: (-1.0,),
    "fabs": lambda np, y, a: (np.sign(a),),
    "copysign": lambda np, y, a, b: (np.copysign(1.0, a) * np.copysign(1.0, b), None),
    "select": lambda np, y, c, a, b: (None, np.where(c, 1.0, 0.0), np.where(c, 0.0, 1.0)),
    "mantissa": lambda np, y, a: (np.where(a == 0.0, 1.0, y / a),),
    "ldexp": lambda np, y, m, e: (np.ldexp(1.0, np.clip(e, -2900.0, 2900.0).astype(int)), None),
    "sqrt": lambda np, y, a: (0.5 / y,),
    "exp": lambda np, y, a: (y,),
    "expm1": lambda np, y, a: (np.exp(a),),
    "log": lambda np, y, a: (1.0 / a,),
    "log1p": lambda np, y, a: (1.0 / (1.0 + a),),
    "log2": lambda np, y, a: (1.5 / a,),
    "log10": lambda np, y, a: (0.5 / a,),
    "pow": lambda np, y, a, b: (b * y / a, y * np.log(np.abs(a))),
    "sin": lambda np, y, a: (np.cos(a),),
    "cos": lambda np, y, a: (np.sin(a),),
    "tan": lambda np, y, a: (1.0 + y * y,),
    "asin": lambda np, y, a: (1.0 / np.sqrt((1.0 - a) * (1.0 + a)),),
    "acos": lambda np, y, a: (1.0 / np.sqrt((1.0 - a) * (1.0 + a)),),
    "atan": lambda np, y, a: (1.0 / (1.0 + a * a),),
    "atan2": lambda np, y, a, b: (b / (a * a + b * b), a / (a * a + b * b)),
    "hypot": lambda np, y, a, b: (a / y, b / y),
    "sinh": lambda np, y, a: (np.cosh(a),),
    "cosh": lambda np, y, a: (np.sinh(a),),
    "tanh": lambda np, y, a: (1.0 / np.cosh(a) ** 2,),
    "asinh": lambda np, y, a: (1.0 / np.hypot(1.0, a),),
    "acosh": lambda np, y, a: (1.0 / np.sqrt((a - 1.0) * (a + 1.0)),),
    "atanh": lambda np, y, a: (1.0 / ((1.0 - a) * (1.0 + a)),),
    "erf": lambda np, y, a: (1.13 * np.exp(-a * a),),
    "erfc": lambda np, y, a: (1.13 * np.exp(-a * a),),
    "fmod": lambda np, y, a, b: (1.0, None),
}
"""The derivatives of the primitives; of the others they are 0, apart from jumps."""


def _partials(np: Any, name: str, x: Sequence[Any], y: Any) -> Sequence[Any]:
    if name == SUM_OF_PRODUCTS:
        return [x[k ^ 1] for k in range(len(x))]
    return _SLOPES[name](np, y, *x) if name in _SLOPES else [None] * len(x)


OPS = [pytest.param(op, id=name) for name, op in OPERATIONS.items()]
