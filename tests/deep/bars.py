"""How accurate each operation has to be: 4 ulp. Every exception stands here, with its reason.

An ulp is the spacing of floats at the true result: 2**-1074 among subnormal numbers, however few digits these have. An
infinity counts as 2**1024, in the result and in the truth, so that a result may overflow within 4 ulp of the threshold.

An exception widens the bar where the mathematics makes a rounding count for more: by the condition of a sum of terms of
either sign, or by what an intermediate result lost that had to be rounded to a subnormal number. Where an intermediate
overflows, nothing is asked; such points are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import reference
from reference import mp, mpf

BAR = 4.0

TOP = mpf(2) ** 1024
SMALLEST_NORMAL = mpf(2) ** -1022


@dataclass(frozen=True)
class Allowance:
    """What is allowed besides 4 ulp, and why.

    Parameters
    ----------
    why : str
        The reason.
    bar : float
        In ulp.
    condition : callable or None
        By how much a rounding counts: the bar is multiplied by it if it is more than 1.
    passes : callable or None
        The exact intermediate results that may leave the range of normal floats where the result does not.
    added : callable or None
        Ulps that are added.

    The functions get exact operands; those for a partial of an operation on sequences get the number of the
    operand before.
    """

    why: str
    bar: float = BAR
    condition: Callable[..., Any] | None = None
    passes: Callable[..., Sequence[Any]] | None = None
    added: Callable[..., Any] | None = None

    def at(self, true: Any, *operands: Any) -> float:
        """How many ulps are allowed at exact operands."""
        bar = self.bar * max(1.0, float(self.condition(*operands))) if self.condition else self.bar
        if self.added:
            bar += float(self.added(*operands))
        for x in self.passes(*operands) if self.passes else ():
            if abs(x) >= TOP * (1 - mpf(2) ** -50):
                return math.inf
            if 0 < abs(x) < SMALLEST_NORMAL:
                bar += float(min(abs(true), TOP) / ulp(true) * LOST / abs(x))
        return bar


def ulp(x: Any) -> Any:
    """The spacing of floats at an exact number; beyond 2**1024 as at the largest float."""
    _, exponent = mp.frexp(abs(x)) if x else (0, -1074)
    return mp.ldexp(mpf(1), max(min(int(exponent), 1024) - 53, -1074))


LOST = 2 * mpf(2) ** -1074
"""What rounding to a subnormal number may lose, with the error of what is rounded."""


def _products(xs: Sequence[Any], ys: Sequence[Any]) -> list[Any]:
    return [x * y for x, y in zip(xs, ys)]


ORDINARY = Allowance("")

CANCELS = (
    "terms of either sign are added, each rounded: the bar is multiplied by the sum of their sizes over the result"
)
PASSES = "an intermediate result may be subnormal, or overflow, where the result does neither"
SECOND = "the derivative of a derivative, from rounded factors; " + PASSES

# -- Values and derivatives ---------------------------------------------------------------------------------------

TINY = mpf(10) ** -400


def _sizes_of_products(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    products = _products(xs, ys)
    return mp.fsum(map(abs, products)) / max(abs(mp.fsum(products)), TINY)


def _sizes_in_logsumexp(xs: Sequence[Any]) -> Any:
    return (max(map(abs, xs)) + mp.log(len(xs))) / max(abs(reference.value("logsumexp", xs)), TINY)


EXCEPTIONS: dict[tuple[str, str | int], Allowance] = {
    ("dot", "value"): Allowance(CANCELS, condition=_sizes_of_products, passes=_products),
    ("logaddexp", "value"): Allowance(CANCELS, condition=reference.VALUE_CONDITIONS["logaddexp"]),
    ("logsumexp", "value"): Allowance(CANCELS, condition=_sizes_in_logsumexp),
    ("silu", 0): Allowance(CANCELS, condition=reference.PARTIAL_CONDITIONS["silu", 0]),
    ("gelu", 0): Allowance(CANCELS, condition=reference.PARTIAL_CONDITIONS["gelu", 0]),
    ("div", 1): Allowance(PASSES + ": a / b", passes=lambda a, b: [a / b]),
    ("pow", 0): Allowance(PASSES + ": a**(b - 1)", passes=lambda a, b: [mp.power(a, b - 1)]),
    ("silu_slope", "value"): Allowance(CANCELS, condition=reference.VALUE_CONDITIONS["silu_slope"]),
    ("gelu_slope", "value"): Allowance(CANCELS, condition=reference.VALUE_CONDITIONS["gelu_slope"]),
}

# -- Derivatives of the derivatives that are operations of their own: they count in second derivatives alone ------


def _less_rounded(a: Any, b: Any) -> Any:
    return 1 + abs(mp.log(a)) * (1 + abs(b))


def _less_rounded_and_summed(a: Any, b: Any) -> Any:
    term = b * mp.log(a)
    return _less_rounded(a, b) * (1 + abs(term)) / max(abs(1 + term), mpf(10) ** -40)


def _both_turns(a: Any, b: Any) -> list[Any]:
    one, other = reference.value("turn", a, b), reference.value("turn", b, a)
    return [one, other, abs(one) + abs(other)]


def _directions(a: Any, b: Any) -> list[Any]:
    size, across = reference.value("hypot", a, b), reference.value("direction", b, a)
    return [size, reference.value("direction", a, b), across, across / size]


THREE_FACTORS = 6.0
"""Of factors with an error of 1.3 to 2 ulp each."""

_LESS = "; the rounding of b - 1 is multiplied by log(a)"

EXCEPTIONS |= {
    ("power_slope", 0): Allowance(
        SECOND + ": (b - 1) a**(b - 2)" + _LESS,
        condition=_less_rounded,
        passes=lambda a, b: [reference.value("power_slope", a, b - 1)],
    ),
    ("power_slope", 1): Allowance(
        SECOND + ": a**(b - 1), b a**(b - 1)" + _LESS + "; " + CANCELS,
        condition=_less_rounded_and_summed,
        passes=lambda a, b: [
            mp.power(a, b - 1),
            reference.value("power_slope", a, b),
            reference.value("power_slope", a, b) * mp.log(a),
        ],
    ),
    ("power_log", 0): Allowance(
        SECOND + ": a**(b - 1), b log(a)" + _LESS + "; " + CANCELS,
        condition=_less_rounded_and_summed,
        passes=lambda a, b: [mp.power(a, b - 1), b * mp.log(a)],
    ),
    ("power_log", 1): Allowance(SECOND + ": a**b log(a)", passes=lambda a, b: [reference.value("power_log", a, b)]),
    ("silu_slope", 0): Allowance(
        SECOND + ": sech(a / 2)**2 / 4; " + CANCELS,
        condition=reference.PARTIAL_CONDITIONS["silu_slope", 0],
        passes=lambda a: [reference.value("sech2", a / 2) / 4],
    ),
    ("gelu_slope", 0): Allowance(
        SECOND + ": the density; " + CANCELS,
        condition=reference.PARTIAL_CONDITIONS["gelu_slope", 0],
        passes=lambda a: [reference.value("normal", a), a * reference.value("normal", a)],
    ),
    ("normal", 0): Allowance(SECOND + ": the density", passes=lambda a: [reference.value("normal", a)]),
    ("erf_slope", 0): Allowance(SECOND + ": the value", passes=lambda a: [reference.value("erf_slope", a)]),
    ("turn", 0): Allowance(SECOND + ": turn both ways, their sum and difference", THREE_FACTORS, passes=_both_turns),
    ("turn", 1): Allowance(
        SECOND + ": turn both ways, their sum and difference; " + CANCELS,
        THREE_FACTORS,
        condition=reference.PARTIAL_CONDITIONS["turn", 1],
        passes=_both_turns,
    ),
    ("part", 0): Allowance(SECOND + ": the sum, the other part", passes=lambda a, b: [a + b, b / (a + b)]),
    ("part", 1): Allowance(SECOND + ": the sum, the part", passes=lambda a, b: [a + b, a / (a + b)]),
    ("direction", 0): Allowance(SECOND + ": the factors", THREE_FACTORS, passes=_directions),
    ("direction", 1): Allowance(SECOND + ": the factors", THREE_FACTORS, passes=_directions),
}
