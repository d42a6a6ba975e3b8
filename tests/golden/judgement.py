"""What a disagreement with JAX or PyTorch is, what a judgement of a class of them is, and words for such classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from points import DOMAINS

SMALLEST_NORMAL = 2.0**-1022


@dataclass(frozen=True)
class Case:
    """One number at one point: what the engine gives, and what a framework gave."""

    operation: str
    at: tuple[float, ...]
    what: str
    """"value", or "d0", "d1", ...: the partial with respect to that operand."""
    framework: str
    ours: float
    theirs: float


@dataclass(frozen=True)
class Entry:
    """A class of disagreements and the judgement of it."""

    operations: str
    what: str
    """"value", "partials" or "all", or names such as "d1"."""
    framework: str
    """"jax", "torch" or "both"."""
    right: str
    """"ours": the mathematics decides for us, or is silent (no derivative there) and we give nan. "theirs": it decides
    for them. "either": a matter of convention. "neither": both lose digits."""
    where: str
    theirs: str
    ours: str
    why: str
    when: Callable[[Case], bool]

    def covers(self, case: Case) -> bool:
        """Whether a case is of this class, the judgement aside."""
        return (
            (self.operations == "all" or case.operation in self.operations.split())
            and (
                case.what in self.what.split()
                or self.what == "all"
                or (self.what == "partials") > (case.what == "value")
            )
            and self.framework in ("both", case.framework)
            and self.when(case)
        )


def at_nan(case: Case) -> bool:
    return any(map(math.isnan, case.at))


def at_infinity(case: Case) -> bool:
    return any(map(math.isinf, case.at)) and not at_nan(case)


def regular(case: Case) -> bool:
    """All operands are finite, and none is subnormal."""
    return all(x == 0.0 or SMALLEST_NORMAL <= abs(x) < math.inf for x in case.at)


def outside(case: Case) -> bool:
    """Off the domain: there is no real value."""
    low, high = DOMAINS.get(case.operation, (-math.inf, math.inf))
    if case.operation == "pow":
        return case.at[0] < 0.0 and case.at[1] % 1.0 != 0.0 and not math.isinf(case.at[1])
    return not (low <= case.at[0] <= high or math.isnan(case.at[0]))


def small(x: float) -> bool:
    """Subnormal, or the smallest normal number, which is flushed too."""
    return 0.0 < abs(x) <= SMALLEST_NORMAL


def two_infinities(case: Case) -> bool:
    """Two operands tie for the largest and are infinite."""
    top = max(case.at)
    return math.isinf(top) and case.at.count(top) > 1 and not at_nan(case)
