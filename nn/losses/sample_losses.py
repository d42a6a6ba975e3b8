"""Each loss once, of one sample: how its target is read as numbers, and the terms whose mean it is.

A batch's loss averages these, and replay records them. In the one case the numbers of a target are Python's, and pick
what is computed, so that a graph has the nodes that its sample needs and no more; in the other they are Values, inputs
of a program that is the same for every sample, and `where` picks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autodiff import ops
from autodiff.value import Value
from nn.losses.targets import as_row, chances_of, label_of, numbers_of, side_of


class SampleLoss(NamedTuple):
    """A loss: `read` makes numbers of (target, sample's place, outputs), `terms` takes the outputs and these."""

    read: Callable[[Any, int, Any], list[Any]]
    terms: Callable[[Any, Sequence[Any]], list[Any]]

    def of(self, outputs: Any, numbers: Sequence[Any]) -> Any:
        """The loss of a sample."""
        terms = self.terms(outputs, numbers)
        return terms[0] if len(terms) == 1 else ops.mean(terms)


def _of_differences(penalty: Callable[[Any], Any]) -> Callable[[Any, Sequence[Any]], list[Any]]:
    return lambda outputs, numbers: [penalty(ops.sub(y, t)) for y, t in zip(as_row(outputs), numbers)]


def _binary_cross_entropy(z: Any, chances: Sequence[Any]) -> list[Any]:
    one, other = chances
    if not isinstance(one, Value) and one in (0.0, 1.0):
        return [ops.softplus(-z if one else z)]
    return [_share(one, ops.softplus(-z)) + _share(other, ops.softplus(z))]


def _share(chance: Any, loss: Any) -> Any:
    # Only where it is not 0: 0 times an infinite softplus would be nan.
    return ops.where(chance, chance * loss, 0.0) if isinstance(chance, Value) else chance * loss


def _cross_entropy(logits: Any, labels: Sequence[Any]) -> list[Any]:
    row, (label,) = as_row(logits), labels
    if isinstance(label, Value):
        elsewhere = [label - float(j) for j in range(len(row))]  # 0 at the label
        own = ops.sum([ops.where(e, 0.0, z) for e, z in zip(elsewhere, row)])
        above = [ops.where(e, z - own, -math.inf) for e, z in zip(elsewhere, row)]
    else:
        own = row.pop(label)
        above = [z - own for z in row]
    return [ops.softplus(ops.logsumexp(above))]


def _hinge(score: Any, sides: Sequence[Any]) -> list[Any]:
    (side,) = sides
    if isinstance(side, Value):
        return [ops.relu(1.0 - side * score)]
    return [ops.relu(1.0 - score if side == 1.0 else 1.0 + score)]


MSE = SampleLoss(numbers_of, _of_differences(lambda d: ops.pow(d, 2.0)))  # Python's own power raises on overflow
MAE = SampleLoss(numbers_of, _of_differences(ops.abs))
BINARY_CROSS_ENTROPY = SampleLoss(chances_of, _binary_cross_entropy)
CROSS_ENTROPY = SampleLoss(label_of, _cross_entropy)
HINGE = SampleLoss(side_of, _hinge)
