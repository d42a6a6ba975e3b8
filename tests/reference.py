"""What the engine is judged by: values and derivatives in 50-digit arithmetic.

Nothing here computes with the engine. A value is the formula of the operation, a mathematical definition, evaluated
with as many digits as it takes; a derivative is its difference quotient. So a new operation needs nothing here. For
those that are tested most there are closed forms besides, which take less time: they need no more than 50 digits,
however large or small the operands. `test_reference` compares them with the formulas and difference quotients.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath

from autodiff.operation import OPERATIONS, Nary

mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.mp
mp.dps = 50
mpf = mp.mpf

UNIT = 2.0**-53
"""Unit roundoff: half an ulp of 1."""


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + mp.exp(-a))


def _sign(a: Any) -> Any:
    return mpf((a > 0) - (a < 0))


def _share(a: Any, b: Any) -> Any:
    return (1 + _sign(a - b)) / 2


def _softmax(xs: Sequence[Any]) -> list[Any]:
    top = max(xs)
    powers = [mp.exp(x - top) for x in xs]
    return [p / mp.fsum(powers) for p in powers]


def _logsumexp(xs: Sequence[Any]) -> Any:
    top = max(xs)
    rest = [mp.exp(x - top) for x in xs]
    rest.remove(1)
    return top + mp.log1p(mp.fsum(rest))


def _erf(a: Any) -> Any:
    return mp.erf(a) if abs(a) < 100 else _sign(a)  # mpmath fails far out


def _erfc(a: Any) -> Any:
    return mp.erfc(a) if abs(a) < 100 else mpf(2 * (a < 0))


def _below(a: Any) -> Any:
    """The normal distribution function."""
    return _erfc(-a / mp.sqrt(2)) / 2


def _normal(a: Any) -> Any:
    return mp.exp(-a * a / 2) / mp.sqrt(2 * mp.pi)


def _clip_partials(xs: Sequence[Any]) -> list[Any]:
    x, low, high = xs
    if low > high or x > high:
        return [mpf(0), mpf(0), mpf(1)]
    return [mpf(0), mpf(1), mpf(0)] if x < low else [mpf(1), mpf(0), mpf(0)]


def _others(xs: Sequence[Any]) -> list[Any]:
    return [mp.fprod([*xs[:k], *xs[k + 1 :]]) for k in range(len(xs))]


class _Exact(ast.NodeTransformer):
    """Makes 1 / 2 in a formula the exact quotient."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Call(ast.Name("mpf", ast.Load()), [node], [])

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node


FUNCTIONS: dict[str, Any] = {name: getattr(mp, name) for name in dir(mp) if not name.startswith("_")}
FUNCTIONS |= {"erf": _erf, "erfc": _erfc, "abs": abs, "min": min, "max": max, "len": len, "zip": zip}
FUNCTIONS["__builtins__"] = {}
"""What a formula may use: the functions of mpmath, and a few of Python's own."""

NOTHING = mpf(10) ** -800
"""Smaller results are taken for 0: even the square of the least float is larger."""


def formula(name: str) -> Callable[..., Any]:
    """The formula of an operation as a function of mpmath numbers, or of sequences of them.

    If terms are added in it, they may cancel. Then it is evaluated with a thousand digits besides, or with four
    thousand, until two results agree.
    """
    op = OPERATIONS[name]
    letters = ["xs", "ys"][: op.groups] if isinstance(op, Nary) else ["a", "b"][: op.arity]
    tree = _Exact().visit(ast.parse(f"lambda {', '.join(letters)}: {op.formula}", mode="eval"))
    function = eval(compile(ast.fix_missing_locations(tree), f"formula of {name}", "eval"), FUNCTIONS)
    adds = any(isinstance(n, (ast.Add, ast.Sub)) or getattr(n, "id", "") == "fsum" for n in ast.walk(tree))

    def settled(*operands: Any) -> Any:
        digits, result = mp.dps, mp.convert(function(*operands))
        for more in (1000, 4000) if adds else ():
            before = result
            with mp.workdps(digits + more):
                result = mp.convert(function(*operands))
            if abs(result - before) <= abs(result) * mpf(10) ** (10 - digits) != 0:
                return +result
        if adds and abs(result) > NOTHING:
            raise ArithmeticError(f"the formula of {name} cancels at {operands}: give it a closed form in CLOSED")
        return +result

    return settled


class _Values(dict[str, Callable[..., Any]]):
    """Closed forms; for an operation that has none, its formula."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        self[name] = function = formula(name)
        return function


CLOSED: dict[str, Callable[..., Any]] = {
    "sech2": lambda a: mp.sech(a) ** 2,
    "expm1": lambda a: mp.expm1(a),
    "log1p": lambda a: mp.log1p(a),
    "tanh": lambda a: mp.tanh(a),
    "sigmoid": _sigmoid,
    "softplus": lambda a: max(a, mpf(0)) + mp.log1p(mp.exp(-abs(a))),
    "power_slope": lambda a, b: b * mp.power(a, b - 1),
    "elu_slope": lambda a, b: mpf(1) if a > 0 else b * mp.exp(a),
    "silu_slope": lambda a: _sigmoid(a) * (1 + a * _sigmoid(-a)),
    "gelu_slope": lambda a: _below(a) + a * _normal(a),
    "odds_share": lambda a, b: 1 / (1 + mp.exp(b - a)),
    "exp_excess": lambda a, b: mp.exp(a - b),
    "part": lambda a, b: a / (a + b),
    "sinh": lambda a: mp.sinh(a),
    "cosh": lambda a: mp.cosh(a),
    "asinh": lambda a: _sign(a) * mp.log1p(abs(a) + a * a / (1 + mp.sqrt(1 + a * a))),
    "acosh": lambda a: mp.acosh(a),
    "atanh": lambda a: (mp.log1p(a) - mp.log1p(-a)) / 2,
    "log_sigmoid": lambda a: min(a, mpf(0)) - mp.log1p(mp.exp(-abs(a))),
    "silu": lambda a: a * _sigmoid(a),
    "elu": lambda a, b: a if a > 0 else b * mp.expm1(a),
    "logaddexp": lambda a, b: _logsumexp([a, b]),
    "logsumexp": _logsumexp,
}
"""Values of those whose formulas cancel, or take long."""

VALUES = _Values(CLOSED)
"""Each operation by name, on mpmath numbers."""


def _power_da(a: Any, b: Any) -> Any:
    return b * mp.power(a, b - 1)


def _power_db(a: Any, b: Any) -> Any:
    return mp.power(a, b) * mp.log(a)


def _zero(*operands: Any) -> Any:
    return mpf(0)


def _one(*operands: Any) -> Any:
    return mpf(1)


PARTIALS: dict[str, Any] = {
    "sign": (_zero,),
    "step": (_zero,),
    "share": (_zero, _zero),
    "guard": (_one, _zero),
    "damp": (lambda a, b: b, lambda a, b: a),
    "sech2": (lambda a: -2 * mp.tanh(a) * mp.sech(a) ** 2,),
    "power_slope": (
        lambda a, b: b * (b - 1) * mp.power(a, b - 2),
        lambda a, b: mp.power(a, b - 1) * (1 + b * mp.log(a)),
    ),
    "power_log": (
        lambda a, b: mp.power(a, b - 1) * (1 + b * mp.log(a)),
        lambda a, b: mp.power(a, b) * mp.log(a) ** 2,
    ),
    "add": (_one, _one),
    "sub": (_one, lambda a, b: mpf(-1)),
    "excess": (_one, lambda a, b: mpf(-1)),
    "mul": (lambda a, b: b, lambda a, b: a),
    "div": (lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "pow": (_power_da, _power_db),
    "neg": (lambda a: mpf(-1),),
    "abs": (_sign,),
    "minimum": (lambda a, b: _share(b, a), lambda a, b: _share(a, b)),
    "maximum": (lambda a, b: _share(a, b), lambda a, b: _share(b, a)),
    "exp": (lambda a: mp.exp(a),),
    "expm1": (lambda a: mp.exp(a),),
    "log": (lambda a: 1 / a,),
    "log1p": (lambda a: 1 / (1 + a),),
    "sqrt": (lambda a: 1 / (2 * mp.sqrt(a)),),
    "sin": (lambda a: mp.cos(a),),
    "cos": (lambda a: -mp.sin(a),),
    "tanh": (lambda a: mp.sech(a) ** 2,),
    "sigmoid": (lambda a: _sigmoid(a) * _sigmoid(-a),),
    "relu": (lambda a: mpf(a > 0),),
    "softplus": (_sigmoid,),
    "above": (_zero, _zero),
    "exceeds": (_zero, _zero),
    "reaches": (_zero, _zero),
    "leak": (_zero, lambda a, b: mpf(a <= 0)),
    "elu_slope": (lambda a, b: mpf(0) if a > 0 else b * mp.exp(a), lambda a, b: mpf(0) if a > 0 else mp.exp(a)),
    "silu_slope": (lambda a: _sigmoid(a) * _sigmoid(-a) * (2 - a * mp.tanh(a / 2)),),
    "normal": (lambda a: -a * _normal(a),),
    "gelu_slope": (lambda a: (2 - a * a) * _normal(a),),
    "erf_slope": (lambda a: -4 * a / mp.sqrt(mp.pi) * mp.exp(-a * a),),
    "odds_share": (lambda a, b: _sigmoid(a - b) * _sigmoid(b - a), lambda a, b: -_sigmoid(a - b) * _sigmoid(b - a)),
    "exp_excess": (lambda a, b: mp.exp(a - b), lambda a, b: -mp.exp(a - b)),
    "part": (lambda a, b: b / (a + b) ** 2, lambda a, b: -a / (a + b) ** 2),
    "direction": (lambda a, b: b * b / (a * a + b * b) ** 1.5, lambda a, b: -a * b / (a * a + b * b) ** 1.5),
    "turn": (
        lambda a, b: -2 * a * b / (a * a + b * b) ** 2,
        lambda a, b: (a - b) * (a + b) / (a * a + b * b) ** 2,
    ),
    "log2": (lambda a: 1 / (a * mp.log(2)),),
    "log10": (lambda a: 1 / (a * mp.log(10)),),
    "exp2": (lambda a: mp.power(2, a) * mp.log(2),),
    "cbrt": (lambda a: 1 / (3 * mp.cbrt(a * a)),),
    "tan": (lambda a: mp.sec(a) ** 2,),
    "asin": (lambda a: 1 / mp.sqrt((1 - a) * (1 + a)),),
    "acos": (lambda a: -1 / mp.sqrt((1 - a) * (1 + a)),),
    "atan": (lambda a: 1 / (1 + a * a),),
    "atan2": (lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)),
    "hypot": (lambda a, b: a / mp.sqrt(a * a + b * b), lambda a, b: b / mp.sqrt(a * a + b * b)),
    "sinh": (lambda a: mp.cosh(a),),
    "cosh": (lambda a: mp.sinh(a),),
    "asinh": (lambda a: 1 / mp.sqrt(1 + a * a),),
    "acosh": (lambda a: 1 / mp.sqrt((a - 1) * (a + 1)),),
    "atanh": (lambda a: 1 / ((1 - a) * (1 + a)),),
    "erf": (lambda a: 2 / mp.sqrt(mp.pi) * mp.exp(-a * a),),
    "log_sigmoid": (lambda a: _sigmoid(-a),),
    "silu": (lambda a: _sigmoid(a) * (1 + a * _sigmoid(-a)),),
    "gelu": (lambda a: _below(a) + a * _normal(a),),
    "leaky_relu": (lambda a, b: mpf(1) if a > 0 else b, lambda a, b: min(a, mpf(0))),
    "elu": (lambda a, b: mpf(1) if a > 0 else b * mp.exp(a), lambda a, b: mp.expm1(min(a, mpf(0)))),
    "logaddexp": (lambda a, b: _sigmoid(a - b), lambda a, b: _sigmoid(b - a)),
    "prod": _others,
    "clip": _clip_partials,
    "where": lambda xs: [mpf(0), mpf(bool(xs[0])), mpf(not xs[0])],
    "sum": lambda xs: [mpf(1)] * len(xs),
    "mean": lambda xs: [mpf(1) / len(xs)] * len(xs),
    "dot": lambda xs, ys: [*ys, *xs],
    "logsumexp": _softmax,
    "peak": lambda xs: [mpf(0)] * len(xs),
}
"""The partials: for one or two numbers a function for each; for sequences one function that gives them all, flat."""

VALUE_CONDITIONS: dict[str, Callable[..., Any]] = {
    "silu_slope": lambda a: (1 + abs(a) * _sigmoid(-a)) / abs(1 + a * _sigmoid(-a)),  # 0 at -1.278
    "gelu_slope": lambda a: (_below(a) + abs(a) * _normal(a)) / max(abs(_below(a) + a * _normal(a)), mpf(10) ** -500),
    "logaddexp": lambda a, b: (abs(max(a, b)) + 1) / max(abs(_logsumexp([a, b])), mpf(10) ** -320),
}
"""Where terms of either sign are added: by how much a rounding counts, the sum of their sizes over the result."""

PARTIAL_CONDITIONS: dict[tuple[str, int], Callable[..., Any]] = {
    ("silu", 0): VALUE_CONDITIONS["silu_slope"],
    ("gelu", 0): VALUE_CONDITIONS["gelu_slope"],
    ("silu_slope", 0): lambda a: (2 + abs(a * mp.tanh(a / 2))) / abs(2 - a * mp.tanh(a / 2)),
    ("gelu_slope", 0): lambda a: (2 + a * a) / abs(2 - a * a),
    ("turn", 1): lambda a, b: (abs(a) + abs(b)) / max(abs(abs(a) - abs(b)), mpf(10) ** -400),
}
"""The same for partials, by operation and operand."""


def value(name: str, *operands: Any) -> Any:
    """The operation on exact operands: numbers, or sequences of numbers."""
    return VALUES[name](*map(exact, operands))


def partials(name: str, *operands: Any) -> list[Any]:
    """All partials of the operation at exact operands, flat."""
    points = [exact(x) for x in operands]
    if name not in PARTIALS:
        return quotients(VALUES[name], points)
    rules = PARTIALS[name]
    return list(rules(*points)) if callable(rules) else [rule(*points) for rule in rules]


def quotients(function: Callable[..., Any], operands: Sequence[Any]) -> list[Any]:
    """All partials of a function of mpmath numbers, or of lists of them, by its difference quotients alone, flat.

    `mpmath.diff` has no step that is right both for tiny operands and for huge ones.
    """
    slots = [(g, k) for g, group in enumerate(operands) for k in (range(len(group)) if type(group) is list else [None])]

    def slope(g: int, k: int | None) -> Any:
        def along(t: Any) -> Any:
            moved = t if k is None else [*operands[g][:k], t, *operands[g][k + 1 :]]
            return function(*operands[:g], moved, *operands[g + 1 :])

        x = operands[g] if k is None else operands[g][k]
        size, bits = int(mp.mag(x)) if x else 0, mp.prec
        with mp.workprec(3 * bits + 2 * max(abs(size), 1100)):  # a slope may be 2**-1074 next to 1
            h = mp.ldexp(1, min(size, 0) - bits)
            slope = (along(x + h) - along(x - h)) / (2 * h)
        return +slope

    return [slope(g, k) for g, k in slots]


def softmax_row(k: int, xs: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The k-th probability and its partials with respect to all logits."""
    p = _softmax(xs)
    others = mp.fsum([*p[:k], *p[k + 1 :]])  # 1 - p[k] has no room in 50 digits where p[k] is next to 1
    return p[k], [p[k] * (others if j == k else -p[j]) for j in range(len(p))]


def exact(x: Any) -> Any:
    """A float, or a sequence of floats, as mpmath numbers of the same value."""
    return [mpf(t) for t in x] if isinstance(x, (list, tuple)) else mpf(x)


def ulp(x: Any) -> Any:
    """The spacing of floats at an exact number: 2**-1074 around zero, and that of the largest float above it."""
    _, exponent = mp.frexp(abs(x)) if x else (0, -1074)
    return mp.ldexp(mpf(1), max(min(int(exponent), 1024) - 53, -1074))


def error_in_ulp(computed: float, true: Any) -> float:
    """How many units in the last place a float is away from an exact number; inf and overflow are equal."""
    if math.isinf(computed) or mp.isinf(true):
        beyond = abs(true) >= mpf(2) ** 1024 * (1 - mpf(2) ** -53)
        return 0.0 if beyond and (true > 0) == (computed > 0) else math.inf
    return float(abs(mpf(computed) - true) / ulp(true)) if computed == computed else math.inf
