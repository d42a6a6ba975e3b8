"""Hyperbolic functions and their inverses."""

from __future__ import annotations

import math

from autodiff import numerics
from autodiff.operation import Unary
from autodiff.ops.arithmetic import div
from autodiff.ops.cases import _guard
from autodiff.ops.exponentials import sqrt
from autodiff.ops.trigonometric import hypot

_inf = math.inf

sinh = Unary(
    "sinh",
    numerics.sinh,
    formula="(exp(a) - exp(-a)) / 2",
    da=lambda y, a: cosh(a),
    singular=None,
    doc="Hyperbolic sine.",
)

cosh = Unary(
    "cosh",
    numerics.cosh,
    formula="(exp(a) + exp(-a)) / 2",
    da=lambda y, a: sinh(a),
    singular=None,
    doc="Hyperbolic cosine.",
)

tanh = Unary(
    "tanh",
    math.tanh,
    formula="(exp(a) - exp(-a)) / (exp(a) + exp(-a))",
    da=lambda y, a: _sech2(a),  # the plain 1 - y * y cancels
    singular=None,
    doc="Hyperbolic tangent.",
)

_sech2 = Unary(
    "sech2",
    numerics.sech2,
    formula="1 / cosh(a)**2",
    da=lambda y, a: -2.0 * tanh(a) * y,
    singular=None,
    method="",
    doc="1 / cosh(a)**2: the derivative of tanh.",
)

asinh = Unary(
    "asinh",
    math.asinh,
    formula="log(a + sqrt(a**2 + 1))",
    da=lambda y, a: div(1.0, hypot(1.0, a)),
    singular=None,
    doc="Inverse hyperbolic sine.",
)

acosh = Unary(
    "acosh",
    numerics.acosh,
    formula="log(a + sqrt(a**2 - 1))",
    da=lambda y, a: div(1.0, sqrt(a - 1.0) * sqrt(a + 1.0)),  # a * a - 1 cancels next to 1, and overflows
    domain=(1.0, _inf),
    singular=lambda a: a - 1.0,
    doc="Inverse hyperbolic cosine; its partial at 1 is inf; nan below.",
)

atanh = Unary(
    "atanh",
    numerics.atanh,
    formula="log((1 + a) / (1 - a)) / 2",
    da=lambda y, a: _guard(div(1.0, (1.0 - a) * (1.0 + a)), y),
    domain=(-1.0, 1.0),
    singular=lambda a: (1.0 - a) * (1.0 + a),
    doc="Inverse hyperbolic tangent; -inf at -1 and inf at 1, with partial inf; nan beyond.",
)
