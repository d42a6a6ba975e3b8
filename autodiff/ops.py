"""The calculus: every operation with its partial derivatives, each written once.

A rule gets the output ``y`` and the operands and is written with ordinary operators and with the operations of
this file, so that it runs on floats (`Value.backward`), on `Value` nodes (`grad_graph`) and on any other kind
of number. A rule never branches on a number that might change: where a derivative has cases, it is an operation
of its own (those with a leading underscore), so that a recorded gradient can be recomputed at another point.

At a kink the partial is the true derivative if there is one, else the sub- or supergradient of least norm, else
what continuity asks for, else nan. A nan operand, or one outside the domain, gives nan.

To add an operation, add a block: the method on `Value`, the function in the `autodiff` namespace, the label in
a drawing and the tests are made from it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, TypeVar

from autodiff import numerics
from autodiff.operation import OPERATIONS, Binary, Nary, Unary

N = TypeVar("N")
_inf = math.inf

# -- Derivatives that have cases. A rule of None: the derivative is zero wherever there is one. ------------------

_sign = Unary(
    "sign",
    numerics.sign,
    da=None,
    singular=lambda a: a,
    method="",
    doc="-1, 0 or 1: the derivative of abs.",
)

_step = Unary(
    "step",
    numerics.step,
    da=None,
    singular=lambda a: a,
    method="",
    doc="1 for a > 0, else 0: the derivative of relu.",
)

_share = Binary(
    "share",
    numerics.share,
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    method="",
    doc="1 for a > b, 1/2 for a = b, else 0: the derivative of maximum(a, b) with respect to a.",
)

_guard = Binary(
    "guard",
    numerics.guard,
    da=lambda y, a, b: _guard(1.0, b),
    db=None,
    singular=None,
    method="",
    doc="a, or nan where b is nan: confines a derivative to the domain of its function.",
)

_sech2 = Unary(
    "sech2",
    numerics.sech2,
    da=lambda y, a: -2.0 * tanh(a) * y,
    singular=None,
    method="",
    doc="1 / cosh(a)**2: the derivative of tanh.",
)

_power_slope = Binary(
    "power_slope",
    numerics.power_slope,
    da=lambda y, a, b: b * _power_slope(a, b - 1.0),
    db=lambda y, a, b: pow(a, b - 1.0) + y * log(a),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{1} * {0}**({1} - 1)",
    method="",
    doc="b * a**(b - 1), and 0 for b = 0: the derivative of a**b with respect to a.",
)

_power_log = Binary(
    "power_log",
    numerics.power_log,
    da=lambda y, a, b: pow(a, b - 1.0) * (b * log(a) + 1.0),
    db=lambda y, a, b: y * log(a),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{0}**{1} * log({0})",
    method="",
    doc="a**b * log(a), and 0 at a = 0 <= b: the derivative of a**b with respect to b.",
)


def _power_da(y: Any, a: Any, b: Any) -> Any:
    """b * a**(b - 1), as plainly as can be where the exponent is a constant (it cannot change later on)."""
    if type(b) is not float:
        return _power_slope(a, b)
    if b == 2.0:
        return 2.0 * a
    if b == 1.0 or b == 0.0:
        return b
    less = b - 1.0
    return b * pow(a, less) if less + 1.0 == b else _power_slope(a, b)


# -- Arithmetic --------------------------------------------------------------------------------------------------

add = Binary(
    "add",
    operator.add,
    da=1.0,
    db=1.0,
    singular=None,
    label="{0} + {1}",
    method="__add__",
    doc="Sum of two numbers, a + b.",
)

sub = Binary(
    "sub",
    operator.sub,
    da=1.0,
    db=-1.0,
    singular=None,
    label="{0} - {1}",
    method="__sub__",
    doc="Difference, a - b.",
)

mul = Binary(
    "mul",
    operator.mul,
    da=lambda y, a, b: b,
    db=lambda y, a, b: a,
    singular=None,
    label="{0} * {1}",
    method="__mul__",
    doc="Product, a * b.",
)

div = Binary(
    "div",
    numerics.divide,
    da=lambda y, a, b: div(1.0, b),
    db=lambda y, a, b: -div(y, b),  # the plain -a / b**2 overflows and underflows long before the result does
    singular=lambda a, b: b,
    label="{0} / {1}",
    method="__truediv__",
    doc="Quotient, a / b. 1/0 is inf and 0/0 is nan: nothing raises.",
)

pow = Binary(
    "pow",
    numerics.power,
    da=_power_da,
    db=lambda y, a, b: _power_log(a, b),
    domain=((0.0, _inf), (-_inf, _inf)),
    singular=lambda a, b: a,
    label="{0}**{1}",
    method="__pow__",
    doc="""Power, a**b.

    For a < 0 it is defined at integer b only, and nan elsewhere, never complex; its partial with respect to b is
    nan there. The partials at (0, 0) are 0 and 0; with respect to b it is 0 at a = 0 < b.
    """,
)

neg = Unary(
    "neg",
    operator.neg,
    da=-1.0,
    singular=None,
    label="-{0}",
    method="__neg__",
    doc="Negation, -a.",
)

abs = Unary(
    "abs",
    math.fabs,
    da=lambda y, a: _sign(a),
    singular=lambda a: a,
    label="|{0}|",
    method="__abs__",
    doc="Absolute value, |a|; its partial at 0 is 0.",
)

minimum = Binary(
    "minimum",
    numerics.minimum,
    da=lambda y, a, b: _share(b, a),
    db=lambda y, a, b: _share(a, b),
    singular=lambda a, b: a - b,
    doc="The smaller of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2.",
)

maximum = Binary(
    "maximum",
    numerics.maximum,
    da=lambda y, a, b: _share(a, b),
    db=lambda y, a, b: _share(b, a),
    singular=lambda a, b: a - b,
    doc="The larger of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2.",
)

# -- Elementary functions ----------------------------------------------------------------------------------------

exp = Unary(
    "exp",
    numerics.exp,
    da=lambda y, a: y,
    singular=None,
    doc="Exponential, e**a; inf from a = 709.8 on.",
)

expm1 = Unary(
    "expm1",
    numerics.expm1,
    da=lambda y, a: exp(a),  # the plain y + 1 cancels for a < 0
    singular=None,
    doc="e**a - 1, accurate near a = 0.",
)

log = Unary(
    "log",
    numerics.log,
    da=lambda y, a: _guard(div(1.0, a), y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Natural logarithm; -inf at 0, with partial inf (-inf at -0.0); nan below, with partial nan.",
)

log1p = Unary(
    "log1p",
    numerics.log1p,
    da=lambda y, a: _guard(div(1.0, 1.0 + a), y),
    domain=(-1.0, _inf),
    singular=lambda a: 1.0 + a,
    doc="log(1 + a), accurate near a = 0; -inf at -1, nan below.",
)

sqrt = Unary(
    "sqrt",
    numerics.sqrt,
    da=lambda y, a: div(0.5, y),
    domain=(0.0, _inf),
    singular=lambda a: a,
    doc="Square root; its partial at 0 is inf (-inf at -0.0); nan below 0.",
)

sin = Unary(
    "sin",
    numerics.sin,
    da=lambda y, a: cos(a),
    singular=None,
    doc="Sine of an angle in radians.",
)

cos = Unary(
    "cos",
    numerics.cos,
    da=lambda y, a: -sin(a),
    singular=None,
    doc="Cosine of an angle in radians.",
)

tanh = Unary(
    "tanh",
    math.tanh,
    da=lambda y, a: _sech2(a),  # the plain 1 - y * y cancels
    singular=None,
    doc="Hyperbolic tangent.",
)

# -- Activations -------------------------------------------------------------------------------------------------

sigmoid = Unary(
    "sigmoid",
    numerics.sigmoid,
    da=lambda y, a: 0.25 * _sech2(0.5 * a),  # the plain y * (1 - y) cancels: at a = 40 it is 0, truly 4.2e-18
    singular=None,
    doc="Logistic function, 1 / (1 + exp(-a)).",
)

relu = Unary(
    "relu",
    numerics.relu,
    da=lambda y, a: _step(a),
    singular=lambda a: a,
    doc="Rectified linear unit: a for a > 0, else 0; its partial at 0 is 0.",
)

softplus = Unary(
    "softplus",
    numerics.softplus,
    da=lambda y, a: sigmoid(a),
    singular=None,
    doc="log(1 + exp(a)), a smooth relu, without overflow.",
)

# -- Operations on sequences: one node however many the operands --------------------------------------------------

sum = Nary(
    "sum",
    numerics.total,
    lambda y, xs: [1.0] * len(xs),
    singular=None,
    doc="Sum of a sequence, correctly rounded, as a single node; 0 for an empty one.",
)

mean = Nary(
    "mean",
    numerics.mean,
    lambda y, xs: [1.0 / len(xs)] * len(xs),
    singular=None,
    doc="Arithmetic mean of a sequence, as a single node; nan for an empty one.",
)

dot = Nary(
    "dot",
    numerics.dot,
    lambda y, xs, ys: [*ys, *xs],
    groups=2,
    singular=None,
    doc="Sum of the products of two sequences of the same length, as a single node.",
)

logsumexp = Nary(
    "logsumexp",
    numerics.logsumexp,
    lambda y, xs: softmax(xs),
    singular=None,
    doc="log(sum(exp(x))) over a sequence, without overflow, as a single node; -inf for an empty one.",
)

_peak = Nary(
    "peak",
    numerics.peak,
    None,
    singular=None,
    doc="The largest of a sequence, taken for a constant: what softmax shifts by, which changes nothing.",
)

_excess = Binary(
    "excess",
    numerics.excess,
    da=1.0,
    db=-1.0,
    singular=None,
    label="{0} - {1}",
    method="",
    doc="a - b, and 0 for a = b, infinite or not.",
)


def softmax(xs: Iterable[N]) -> list[N]:
    """Turn a sequence of numbers into probabilities that are proportional to their exponentials.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits.

    Returns
    -------
    list
        ``exp(x_i) / sum_j exp(x_j)``, as many as there are logits; they sum to 1.

    Notes
    -----
    All exponents are shifted by the largest logit first, so that nothing overflows. The partials are
    ``d p_i / d x_j = p_i ((i = j) - p_j)``.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    logits: list[Any] = list(xs)
    top = _peak(logits)
    powers = [exp(_excess(x, top)) for x in logits]
    whole = sum(powers)
    return [div(e, whole) for e in powers]


__all__ = ["softmax", *(name for name, op in OPERATIONS.items() if globals().get(name) is op)]
