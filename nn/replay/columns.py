"""A data set as columns of numbers, from which the samples of a batch are gathered into a buffer."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

from autodiff.operation import real
from nn.losses.targets import check_weights, shares_of

__all__ = ["Columns", "numpy_or_none"]


@cache
def numpy_or_none() -> Any:
    """The module NumPy, or None if it is not installed."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


class Columns:
    """Numbers of samples, column by column.

    Parameters
    ----------
    features : sequence of sequence of float
        What the model takes of each sample.
    told : sequence of sequence of float
        The numbers that stand for each target.
    weights : sequence of float, optional
        One a sample, at least 0.

    Attributes
    ----------
    inputs, told, width : int
        How many features, how many numbers for a target, and both together.
    """

    def __init__(
        self,
        features: Sequence[Sequence[float]],
        told: Sequence[Sequence[float]],
        weights: Sequence[float] | None = None,
    ) -> None:
        for k, row in enumerate(features):
            if len(row) != len(features[0]):
                raise ValueError(f"row {k} has {len(row)} features, row 0 has {len(features[0])}")
        if weights is not None and len(weights) != len(features):
            raise ValueError(f"{len(features)} samples but {len(weights)} weights; give one weight for each")
        self._count = len(features)
        self.inputs, self.told = len(features[0]), len(told[0])
        self.width = self.inputs + self.told
        self._columns = [array("d", column) for rows in (features, told) for column in zip(*rows)]
        self.weights = None if weights is None else array("d", map(real, weights))
        check_weights(self.weights or ())
        numpy = numpy_or_none()
        self._numpy = numpy
        self._table = None if numpy is None else numpy.array(self._columns).reshape(self.width, self._count)

    def __len__(self) -> int:
        return self._count

    def gather(self, chosen: Sequence[int], buffer: array[float], stride: int) -> None:
        """Copy the samples of some numbers into a buffer, column after column, `stride` numbers apart."""
        if self._table is not None:
            room = self._numpy.frombuffer(buffer, count=stride * self.width).reshape(self.width, stride)
            room[:, : len(chosen)] = self._table[:, chosen]
            return
        for k, column in enumerate(self._columns):
            buffer[k * stride : k * stride + len(chosen)] = array("d", [column[s] for s in chosen])

    def shares(self, chosen: Sequence[int], mean: bool) -> array[float]:
        """What the loss of each of some samples is multiplied by: its weight, in a mean over the sum of the weights."""
        n = len(chosen)
        if self.weights is None:
            return array("d", [1.0 / n if mean else 1.0]) * n
        weights = [self.weights[s] for s in chosen]
        return array("d", shares_of(weights) if mean else weights)


def is_finite(numbers: Any) -> bool:
    """Whether all numbers of a flat buffer are finite."""
    numpy = numpy_or_none()
    return all(map(math.isfinite, numbers)) if numpy is None else bool(numpy.isfinite(numbers).all())
