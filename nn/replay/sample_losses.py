"""The losses of `nn.losses` as replay wants them: the loss of one sample, of Values, with targets that are inputs.

`nn.losses` checks and reads targets as Python numbers, and may build another graph for another label. Here a target is
checked and turned into numbers once, and the graph is the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autodiff import ops
from nn import losses
from nn.losses.targets import chance_of, is_row, label_of, side_of, single, target

__all__ = ["SAMPLE_LOSSES", "SampleLoss"]


@dataclass(frozen=True)
class SampleLoss:
    """One loss.

    Attributes
    ----------
    columns : callable
        From a target, the number of its sample, and the outputs of that sample (of which only their number counts) to
        the numbers that stand for it; raises as the loss does.
    of : callable
        From the outputs of a sample, and Values that stand for these numbers, to its loss.
    """

    columns: Callable[[Any, int, Any], list[float]]
    of: Callable[[Any, Sequence[Any]], Any]


def _row(outputs: Any) -> list[Any]:
    return list(outputs) if is_row(outputs) else [outputs]


def _numbers(t: Any, k: int, outputs: Any) -> list[float]:
    row, given = _row(outputs), _row(t)
    if len(row) != len(given):
        raise ValueError(f"{len(row)} outputs of sample {k} but {len(given)} targets; give one target for each")
    return [float(target(x, k, j if is_row(t) else None)) for j, x in enumerate(given)]


def _of_differences(penalty: Callable[[Any], Any]) -> Callable[[Any, Sequence[Any]], Any]:
    def loss(outputs: Any, columns: Sequence[Any]) -> Any:
        terms = [penalty(ops.sub(p, t)) for p, t in zip(_row(outputs), columns)]
        return terms[0] if len(terms) == 1 else ops.mean(terms)

    return loss


def _chances(t: Any, k: int, outputs: Any) -> list[float]:
    single(outputs, k)
    chance = chance_of(t, k)
    return [chance, 1.0 - chance]


def _side(t: Any, k: int, outputs: Any) -> list[float]:
    single(outputs, k)
    return [side_of(t, k)]


def _binary_cross_entropy(z: Any, columns: Sequence[Any]) -> Any:
    one, other = columns
    # Each share only where it is not 0: 0 times an infinite softplus would be nan.
    return ops.add(
        ops.where(one, one * ops.softplus(-z), 0.0),
        ops.where(other, other * ops.softplus(z), 0.0),
    )


def _cross_entropy(logits: Any, columns: Sequence[Any]) -> Any:
    """As in `nn.losses`: softplus(logsumexp(z_j - z[label] for j != label)); the label's own term counts as -inf."""
    row = _row(logits)
    elsewhere = [columns[0] - float(j) for j in range(len(row))]  # 0 at the label
    own = ops.sum([ops.where(e, 0.0, z) for e, z in zip(elsewhere, row)])
    return ops.softplus(ops.logsumexp([ops.where(e, z - own, -math.inf) for e, z in zip(elsewhere, row)]))


SAMPLE_LOSSES: dict[Any, SampleLoss] = {
    losses.mse: SampleLoss(_numbers, _of_differences(lambda d: ops.pow(d, 2.0))),
    losses.mae: SampleLoss(_numbers, _of_differences(ops.abs)),
    losses.binary_cross_entropy: SampleLoss(_chances, _binary_cross_entropy),
    losses.cross_entropy: SampleLoss(lambda t, k, z: [float(label_of(t, len(_row(z)), k))], _cross_entropy),
    losses.hinge: SampleLoss(_side, lambda s, columns: ops.relu(1.0 - columns[0] * s)),
}
"""By the function in `nn.losses`."""
