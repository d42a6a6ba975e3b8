"""A data set as columns of numbers, from which the samples of a batch are gathered into the inputs of a program."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

from autodiff.operation import real
from autodiff.replay import Rows
from nn.losses.targets import check_weights, shares_of


@cache
def numpy_or_none() -> Any:
    """The module NumPy, or None if it is not installed."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


class Columns:
    """Numbers of samples, column by column: features, numbers that stand for the targets, and weights of the samples.

    `inputs`, `told` and `width` are the numbers of columns: features, numbers for a target, and both together.
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
        self._weights = None if weights is None else array("d", map(real, weights))
        check_weights(self._weights or ())
        numpy = numpy_or_none()
        self._table = None if numpy is None else numpy.array(self._columns).reshape(self.width, self._count)

    def __len__(self) -> int:
        return self._count

    def gather(self, chosen: Sequence[int], rows: Rows, mean: bool) -> None:
        """Copy some samples into the rows of a buffer, and behind these the shares of their losses in the whole loss.

        They are their weights, in a mean over the sum of the weights.
        """
        n = len(chosen)
        if self._weights is None:
            shares = array("d", [1.0 / n if mean else 1.0]) * n
        else:
            weights = [self._weights[s] for s in chosen]
            shares = array("d", shares_of(weights) if mean else weights)
        rows.fill([shares], self.width)
        if self._table is not None:
            rows.table[: self.width] = self._table[:, chosen]
        else:
            rows.fill(array("d", [column[s] for s in chosen]) for column in self._columns)


def is_finite(numbers: Any) -> bool:
    """Whether all numbers of a flat buffer are finite."""
    numpy = numpy_or_none()
    return all(map(math.isfinite, numbers)) if numpy is None else bool(numpy.isfinite(numbers).all())
