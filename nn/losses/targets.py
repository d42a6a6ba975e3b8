"""What a batch's loss takes: outputs and targets side by side, targets read as numbers, weights; all of it checked.

What reads the target of a sample takes it, the sample's place in its batch, and how many outputs that sample has in a
row, or None for a lone one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autodiff import ops
from autodiff.operation import real
from autodiff.value import Value


def is_row(x: Any) -> bool:
    """Whether something is a sequence or an iterator of numbers, not a number."""
    if type(x) in _NUMBERS:  # for speed alone, as for lists
        return False
    return type(x) is list or (not isinstance(x, str) and (hasattr(x, "__len__") or hasattr(x, "__next__")))


_NUMBERS = {Value, float, int}


def as_row(x: Any) -> list[Any]:
    """A row of numbers as a list; a lone number is a row of one."""
    return list(x) if is_row(x) else [x]


def unlike(outputs: Any, targets: Any, what: str) -> ValueError:
    """What to raise where one is a row and the other a number."""
    return ValueError(f"{what} and targets differ in shape: {outputs!r:.60} and {targets!r:.60}")


def pairs(outputs: Any, targets: Any, what: str) -> list[tuple[Any, Any]]:
    """Outputs and targets side by side (lone ones are a batch of one); a ValueError if not as many, or none."""
    if is_row(outputs) != is_row(targets):
        raise unlike(outputs, targets, what)
    left, right = as_row(outputs), as_row(targets)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} {what} but {len(right)} targets; give one target for each")
    if not left:
        raise ValueError(f"there are no {what}; the mean over no sample has no meaning")
    return list(zip(left, right))


def numbers_of(t: Any, sample: int, size: int | None) -> Any:
    """Read a finite number, which may be a Value; or a list of them, one an output."""
    if (size is None or size == 1) and not is_row(t):
        return _finite(t, sample)
    told = pairs(range(1 if size is None else size), as_row(t), f"outputs of sample {sample}")
    return [_finite(number, sample, k) for k, number in told]


def _finite(t: Any, sample: int, output: int | None = None) -> Any:
    number = t if type(t) is float or type(t) in ops.add.on else real(t)  # the first for speed alone
    if not math.isfinite(number):
        where = f"sample {sample}" if output is None else f"sample {sample}, output {output},"
        raise ValueError(f"the target of {where} is {t!r:.60}, expected a finite number")
    return number


def chance_of(t: Any, sample: int, size: int | None) -> float:
    """Read the probability of class 1."""
    if size is not None:
        raise _several(sample, size)
    chance = real(t)
    if not 0.0 <= chance <= 1.0:
        raise ValueError(f"the target of sample {sample} is {t!r:.60}, expected 0 or 1, or a probability between")
    return chance


def side_of(t: Any, sample: int, size: int | None) -> float:
    """Read -1 or 1."""
    if size is not None:
        raise _several(sample, size)
    side = real(t)
    if side not in (-1.0, 1.0):
        raise ValueError(f"the target of sample {sample} is {t!r:.60}, expected -1 or 1")
    return side


def _several(sample: int, size: int) -> ValueError:
    return ValueError(
        f"sample {sample} has {size} outputs, and this loss takes one a sample; let the model have one, "
        "or for classes use cross_entropy"
    )


def label_of(label: Any, sample: int, size: int | None) -> int:
    """Read the number of a class, of as many as outputs."""
    if not hasattr(label, "__index__"):
        raise TypeError(f"the label of sample {sample} is an integer, got {type(label).__name__}: {label!r:.60}")
    c: int = label.__index__()
    classes = 1 if size is None else size
    if classes < 2:
        raise ValueError(f"sample {sample} needs 2 logits at least, one a class, got {classes}")
    if not 0 <= c < classes:
        raise ValueError(
            f"the label of sample {sample} is {c}, but {classes} logits have the classes 0 to {classes - 1}"
        )
    return c


def average(terms: Sequence[Any], weights: Any) -> Value:
    """The samples' losses averaged by weights, ``sum(w * l) / sum(w)``; one of weight 0 is left out, even if nan."""
    given = [real(w) for w in as_row(weights)]
    if len(given) != len(terms):
        raise ValueError(f"{len(terms)} samples but {len(given)} weights; give one weight for each")
    weighted: Value = ops.dot(*zip(*[(term, share) for term, share in zip(terms, shares_of(given)) if share]))
    return weighted


def check_weights(weights: Sequence[float]) -> None:
    """See that weights are finite and at least 0; a ValueError tells which is not."""
    for k, w in enumerate(weights):
        if not 0.0 <= w < math.inf:
            raise ValueError(f"the weight of sample {k} is {w}, expected a finite number, at least 0")


def shares_of(weights: Sequence[float]) -> list[float]:
    """Weights over their sum; a ValueError if one is none, or all are 0."""
    check_weights(weights)
    largest = max(weights)
    if largest == 0.0:
        raise ValueError("all weights are 0; the mean over no sample has no meaning")
    parts = [w / largest for w in weights]  # their sum does not overflow
    whole = math.fsum(parts)
    return [part / whole for part in parts]
