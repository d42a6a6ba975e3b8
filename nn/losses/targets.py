"""What the losses share: outputs and targets side by side, targets checked, and the mean over the samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autodiff import ops
from autodiff.operation import real
from autodiff.value import Value

__all__ = [
    "average",
    "chance_of",
    "check_weights",
    "is_row",
    "label_of",
    "pairs",
    "shares_of",
    "side_of",
    "single",
    "target",
]


def is_row(x: Any) -> bool:
    """Whether something is a sequence or an iterator of numbers, not a number."""
    return not isinstance(x, str) and (hasattr(x, "__len__") or hasattr(x, "__next__"))


def pairs(outputs: Any, targets: Any, what: str) -> list[tuple[Any, Any]]:
    """Outputs and targets side by side; a lone output with a lone target is a batch of one.

    Raises
    ------
    ValueError
        If there are not as many, or none.
    """
    if not is_row(outputs) and not is_row(targets):
        return [(outputs, targets)]
    if not is_row(outputs) or not is_row(targets):
        raise ValueError(f"{what} and targets differ in shape: {outputs!r:.60} and {targets!r:.60}")
    left, right = list(outputs), list(targets)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} {what} but {len(right)} targets; give one target for each")
    if not left:
        raise ValueError(f"there are no {what}; the mean over no sample has no meaning")
    return list(zip(left, right))


def target(t: Any, sample: int, output: int | None = None) -> Any:
    """Take the target of a sample, or of one of its outputs: a finite number, which may be a Value.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is nan or infinite; the message says where.
    """
    number = t if type(t) in ops.add.on else real(t)
    if not math.isfinite(number):
        where = f"sample {sample}" if output is None else f"sample {sample}, output {output},"
        raise ValueError(f"the target of {where} is {t!r:.60}, expected a finite number")
    return number


def single(output: Any, sample: int) -> Any:
    """Take the output of a sample for a loss of one output; a ValueError if there are several."""
    if is_row(output):
        raise ValueError(
            f"sample {sample} has {len(output)} outputs, and this loss takes one a sample; let the model have one, "
            "or for classes use cross_entropy"
        )
    return output


def chance_of(t: Any, sample: int) -> float:
    """Take the target of a sample that is a probability; a ValueError if it is none."""
    chance = real(t)
    if not 0.0 <= chance <= 1.0:
        raise ValueError(f"the target of sample {sample} is {t!r:.60}, expected 0 or 1, or a probability between")
    return chance


def side_of(t: Any, sample: int) -> float:
    """Take the target of a sample that is -1 or 1; a ValueError if it is neither."""
    side = real(t)
    if side not in (-1.0, 1.0):
        raise ValueError(f"the target of sample {sample} is {t!r:.60}, expected -1 or 1")
    return side


def label_of(label: Any, classes: int, sample: int) -> int:
    """Take the class of a sample, of so many.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If there are less than two classes, or it is none of them.
    """
    if not hasattr(label, "__index__"):
        raise TypeError(f"the label of sample {sample} is an integer, got {type(label).__name__}: {label!r:.60}")
    c: int = label.__index__()
    if classes < 2:
        raise ValueError(f"sample {sample} needs 2 logits at least, one a class, got {classes}")
    if not 0 <= c < classes:
        raise ValueError(
            f"the label of sample {sample} is {c}, but {classes} logits have the classes 0 to {classes - 1}"
        )
    return c


def average(terms: Sequence[Any], weights: Any = None) -> Value:
    """The mean of the samples' losses as one node, or their weighted mean, ``sum(w * l) / sum(w)``.

    Parameters
    ----------
    terms : sequence of Value or float
        One a sample; one at least.
    weights : sequence of float, or a number for a single sample, optional
        One a sample; at least 0, and not all 0. A sample of weight 0 is left out, whatever its loss.

    Returns
    -------
    Value or float
        The mean; a float for floats.

    Raises
    ------
    TypeError
        If a weight is not a number.
    ValueError
        If there are not as many weights as samples, one is negative, nan or infinite, or all are 0.

    Examples
    --------
    >>> average([1.0, 2.0, 6.0], [1, 3, 0])
    1.75
    """
    if weights is None:
        mean: Value = ops.mean(terms)
        return mean
    given = [real(w) for w in weights] if is_row(weights) else [real(weights)]
    if len(given) != len(terms):
        raise ValueError(f"{len(terms)} samples but {len(given)} weights; give one weight for each")
    weighted: Value = ops.dot(*zip(*[(term, share) for term, share in zip(terms, shares_of(given)) if share]))
    return weighted


def check_weights(weights: Sequence[float]) -> None:
    """See that weights are finite and at least 0.

    Raises
    ------
    ValueError
        If one is not.
    """
    for k, w in enumerate(weights):
        if not 0.0 <= w < math.inf:
            raise ValueError(f"the weight of sample {k} is {w}, expected a finite number, at least 0")


def shares_of(weights: Sequence[float]) -> list[float]:
    """Weights over their sum.

    Raises
    ------
    ValueError
        If one is negative, nan or infinite, or all are 0.
    """
    check_weights(weights)
    largest = max(weights)
    if largest == 0.0:
        raise ValueError("all weights are 0; the mean over no sample has no meaning")
    parts = [w / largest for w in weights]  # their sum does not overflow
    whole = math.fsum(parts)
    return [part / whole for part in parts]
