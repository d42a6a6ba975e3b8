"""Activation functions of networks, and the error function that one of them is made of."""

from __future__ import annotations

import math
from typing import Any

from autodiff import numerics
from autodiff.operation import Binary, Tuned, Unary
from autodiff.ops import special
from autodiff.ops.cases import _step
from autodiff.ops.exponentials import exp, expm1
from autodiff.ops.hyperbolic import _sech2, tanh

relu = Unary(
    "relu",
    numerics.relu,
    formula="a if a > 0 else 0",
    da=lambda y, a: _step(a),
    singular=lambda a: a,
    doc="Rectified linear unit: a for a > 0, else 0; its partial at 0 is 0.",
)

leaky_relu = Tuned(
    "leaky_relu",
    special.leaky_relu,
    formula="a if a > 0 else b * a",
    parameter="slope",
    default=0.01,
    da=lambda y, a, b: _leak(a, b),
    db=lambda y, a, b: -relu(-a),
    singular=lambda a, b: a,
    doc="""Relu that leaks: x for x > 0, else slope * x; leaky_relu(x, slope=0.01).

    The partial at 0 is the slope. The slope may be a Value too.
    """,
)

_leak = Binary(
    "leak",
    special.leak,
    formula="1 if a > 0 else b",
    da=None,
    db=lambda y, a, b: 1.0 - _step(a),
    singular=lambda a, b: a,
    method="",
    doc="1 for a > 0, else b: the derivative of leaky_relu.",
)

sigmoid = Unary(
    "sigmoid",
    numerics.sigmoid,
    formula="1 / (1 + exp(-a))",
    da=lambda y, a: 0.25 * _sech2(0.5 * a),  # the plain y * (1 - y) cancels: at a = 40 it is 0, truly 4.2e-18
    singular=None,
    doc="Logistic function, 1 / (1 + exp(-a)).",
)

log_sigmoid = Unary(
    "log_sigmoid",
    special.log_sigmoid,
    formula="-log(1 + exp(-a))",
    da=lambda y, a: sigmoid(-a),
    singular=None,
    doc="log(sigmoid(a)) = -log(1 + exp(-a)), without overflow.",
)

softplus = Unary(
    "softplus",
    numerics.softplus,
    formula="log(1 + exp(a))",
    da=lambda y, a: sigmoid(a),
    singular=None,
    doc="log(1 + exp(a)), a smooth relu, without overflow.",
)

elu = Tuned(
    "elu",
    special.elu,
    formula="a if a > 0 else b * (exp(a) - 1)",
    parameter="alpha",
    default=1.0,
    da=lambda y, a, b: _elu_slope(a, b),
    db=lambda y, a, b: expm1(-relu(-a)),
    singular=lambda a, b: a,
    doc="""Exponential linear unit: x for x > 0, else alpha * (exp(x) - 1); elu(x, alpha=1.0).

    The partial at 0 is alpha: the true derivative if alpha is 1, else that of the left side. Alpha may be a Value too.
    """,
)

_elu_slope = Binary(
    "elu_slope",
    special.elu_slope,
    formula="1 if a > 0 else b * exp(a)",
    da=lambda y, a, b: y * (1.0 - _step(a)),
    db=lambda y, a, b: exp(-relu(-a)) * (1.0 - _step(a)),  # of min(a, 0): exp(a) alone may be inf, and inf * 0 nan
    singular=lambda a, b: a,
    method="",
    doc="1 for a > 0, else b * exp(a): the derivative of elu.",
)

silu = Unary(
    "silu",
    special.silu,
    formula="a / (1 + exp(-a))",
    da=lambda y, a: _silu_slope(a),
    singular=None,
    doc="Sigmoid linear unit (swish), a * sigmoid(a). Its slope is 0 at -1.278; next to it few digits are right.",
)

_silu_slope = Unary(
    "silu_slope",
    special.silu_slope,
    formula="(1 + a / (1 + exp(a))) / (1 + exp(-a))",
    da=lambda y, a: 0.25 * _sech2(0.5 * a) * (2.0 - a * tanh(0.5 * a)),
    singular=None,
    method="",
    doc="sigmoid(a) * (1 + a * sigmoid(-a)): the derivative of silu.",
)

erf = Unary(
    "erf",
    math.erf,
    da=lambda y, a: _erf_slope(a),
    singular=None,
    doc="Error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to a.",
)

_erf_slope = Unary(
    "erf_slope",
    special.erf_slope,
    formula="2 / sqrt(pi) * exp(-a**2)",
    da=lambda y, a: -2.0 * (a * y),
    singular=None,
    method="",
    doc="2 / sqrt(pi) * exp(-a**2): the derivative of erf.",
)

gelu = Unary(
    "gelu",
    special.gelu,
    formula="a * erfc(-a / sqrt(2)) / 2",
    da=lambda y, a: _gelu_slope(a),
    singular=None,
    doc="""Gaussian error linear unit, a times the normal distribution function: a * erfc(-a / sqrt(2)) / 2.

    It is the exact function, not its approximation by tanh. Its slope is 0 at -0.752; next to it few digits are right.
    """,
)

_gelu_slope = Unary(
    "gelu_slope",
    special.gelu_slope,
    formula="erfc(-a / sqrt(2)) / 2 + a * exp(-a**2 / 2) / sqrt(2 * pi)",
    da=lambda y, a: _gelu_bend(_normal(a), a),
    singular=None,
    method="",
    doc="The normal distribution function plus a times the density: the derivative of gelu.",
)


def _gelu_bend(density: Any, a: Any) -> Any:
    return 2.0 * density - a * (a * density)  # in this order: a * a alone overflows where the density is 0


_normal = Unary(
    "normal",
    special.normal,
    formula="exp(-a**2 / 2) / sqrt(2 * pi)",
    da=lambda y, a: -a * y,
    singular=None,
    method="",
    doc="exp(-a**2 / 2) / sqrt(2 pi): the density of the normal distribution.",
)
