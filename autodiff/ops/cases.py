"""Derivatives that have cases: which side of a kink, which of two numbers, inside a domain or outside.

A rule of None: the derivative is zero wherever there is one.
"""

from __future__ import annotations

from autodiff import numerics
from autodiff.operation import Binary, Unary

_sign = Unary(
    "sign",
    numerics.sign,
    formula="1 if a > 0 else -1 if a < 0 else 0",
    da=None,
    singular=lambda a: a,
    method="",
    doc="-1, 0 or 1: the derivative of abs.",
)

_step = Unary(
    "step",
    numerics.step,
    formula="1 if a > 0 else 0",
    da=None,
    singular=lambda a: a,
    method="",
    doc="1 for a > 0, else 0: the derivative of relu.",
)

_share = Binary(
    "share",
    numerics.share,
    formula="1 if a > b else 1 / 2 if a == b else 0",
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    method="",
    doc="1 for a > b, 1/2 for a = b, else 0: the derivative of maximum(a, b) with respect to a.",
)

_above = Binary(
    "above",
    numerics.above,
    formula="1 if a > b else 0",
    da=None,
    db=None,
    singular=lambda a, b: a - b,
    label="{0} > {1}",
    method="",
    doc="1 for a > b, else 0: which bound of clip is in force.",
)

_guard = Binary(
    "guard",
    numerics.guard,
    formula="a",
    da=lambda y, a, b: _guard(1.0, b),
    db=None,
    singular=None,
    method="",
    doc="a, or nan where b is nan: confines a derivative to the domain of its function.",
)

_damp = Binary(
    "damp",
    numerics.damp,
    da=lambda y, a, b: b,
    db=lambda y, a, b: a,
    singular=None,
    label="{0} * {1}",
    method="",
    doc="a * b, and 0 for a = 0 even if b is infinite: of a factor that vanishes faster than the other grows.",
)
