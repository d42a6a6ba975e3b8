"""The weighted mean of samples' losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autodiff import ops
from autodiff.operation import real
from autodiff.value import Value
from nn.losses.targets import as_row


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
