"""A data set, and what training does with one: set a part aside, standardise, draw mini-batches."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autodiff import numerics
from autodiff.errors import DataError, ModelFileError

__all__ = ["Dataset", "Standardizer", "batches", "split"]


@dataclass(frozen=True)
class Dataset:
    """Samples with their targets: classes, or numbers for a regression.

    Parameters
    ----------
    features : list of list of float
        One row a sample, all of one length, finite.
    targets : sequence of float
        One a row: the number of its class (an int), or any finite number for a regression.
    feature_names : tuple of str
        One a column.
    class_names : tuple of str, optional
        The name of each class; None for a regression.
    target_name : str
        What the target is called.

    Raises
    ------
    DataError
        If lengths differ, there is no sample, a number is not finite, or a target is not the number of a class.

    Examples
    --------
    >>> data = Dataset([[0.0, 1.0], [2.0, 3.0]], [0, 1], ("width", "length"), ("small", "large"))
    >>> len(data), data.class_names[data.targets[1]]
    (2, 'large')
    """

    features: list[list[float]]
    targets: Sequence[float]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] | None = None
    target_name: str = "target"

    def __post_init__(self) -> None:
        if len(self.features) != len(self.targets):
            raise DataError(f"expected a target for each row, got {len(self.targets)} for {len(self.features)} rows")
        if not self.features:
            raise DataError("expected at least one sample, got none")
        for k, (row, target) in enumerate(zip(self.features, self.targets)):
            if len(row) != len(self.feature_names):
                raise DataError(f"expected {len(self.feature_names)} features in row {k}, got {len(row)}")
            if not all(map(math.isfinite, (*row, target))):
                raise DataError(f"expected finite numbers in row {k}, got {row} with the target {target}")
            if self.class_names is not None and target not in range(len(self.class_names)):
                raise DataError(f"expected a class from 0 to {len(self.class_names) - 1} in row {k}, got {target}")

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Iterable[int]) -> Dataset:
        """Return the data set of some rows, by their numbers, in the order given."""
        rows = list(rows)
        return replace(self, features=[self.features[k] for k in rows], targets=[self.targets[k] for k in rows])


def split(dataset: Dataset, fraction: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Set part of the samples aside for validation, the same share of every class.

    Parameters
    ----------
    dataset : Dataset
        What to split.
    fraction : float
        The share of the validation part, above 0 and below 1. In each class the count is rounded, but at least
        one sample stays for training and, if there are two, at least one goes to validation.
    seed : int
        Seed of the choice.

    Returns
    -------
    training, validation : Dataset
        Together every sample once, each part in the original order.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1.
    DataError
        If there is nothing to set aside: no class has two samples.

    Examples
    --------
    >>> from nn.data import iris
    >>> training, validation = split(iris(), 0.2, seed=1)
    >>> len(training), [validation.targets.count(k) for k in range(3)]
    (120, [10, 10, 10])
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}")
    groups: dict[float, list[int]] = {}
    for k, target in enumerate(dataset.targets):
        groups.setdefault(0 if dataset.class_names is None else target, []).append(k)
    rng = random.Random(seed)
    aside: set[int] = set()
    for _, members in sorted(groups.items()):
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        aside.update(rng.sample(members, count))
    if not aside:
        kind = "rows" if dataset.class_names is None else "rows of one class"
        raise DataError(f"expected at least two {kind}, one to train on and one to validate with, got one")
    rows = range(len(dataset))
    return dataset.take(k for k in rows if k not in aside), dataset.take(k for k in rows if k in aside)


def batches(n: int, batch_size: int, rng: random.Random) -> list[list[int]]:
    """Shuffle the numbers 0 to n - 1 and cut them into mini-batches: sampling without replacement.

    Parameters
    ----------
    n : int
        How many samples; at least 0.
    batch_size : int
        How many a batch, at least 1; the last batch has what is left.
    rng : random.Random
        The source of the order.

    Returns
    -------
    list of list of int
        Each number once.

    Raises
    ------
    TypeError
        If the batch size is no int.
    ValueError
        If it is below 1.

    Examples
    --------
    >>> [len(batch) for batch in batches(100, 32, random.Random(0))]
    [32, 32, 32, 4]
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int):
        raise TypeError(f"expected an int for the batch size, got {type(batch_size).__name__}: {batch_size!r:.60}")
    if batch_size < 1:
        raise ValueError(f"expected a batch size of at least 1, got {batch_size}")
    order = list(range(n))
    rng.shuffle(order)
    return [order[k : k + batch_size] for k in range(0, n, batch_size)]


@dataclass(frozen=True)
class Standardizer:
    """Shifts and scales each column to mean 0 and standard deviation 1 over the rows that it was fitted to.

    Parameters
    ----------
    means : tuple of float
        One a column.
    scales : tuple of float
        The (population) standard deviations, above 0; 1 for a constant column.

    Examples
    --------
    >>> standardizer = Standardizer.fit([[1.0, 7.0], [3.0, 7.0]])
    >>> standardizer.transform([[2.0, 7.0], [5.0, 8.0]])
    [[0.0, 0.0], [3.0, 1.0]]
    >>> standardizer.inverse([[3.0, 1.0]])
    [[5.0, 8.0]]
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]

    @classmethod
    def fit(cls, rows: Sequence[Sequence[float]]) -> Standardizer:
        """Measure the columns of some rows, which are to be those of the training part alone.

        Raises
        ------
        DataError
            If a column's numbers are so large that its mean or deviation overflows, or there is no row.
        """
        if not rows:
            raise DataError("expected at least one row to measure, got none")
        measured = [_measure(column) for column in zip(*rows)]
        for k, pair in enumerate(measured):
            if not all(map(math.isfinite, pair)):
                raise DataError(f"the numbers in feature column {k + 1} are too large; express them in a larger unit")
        return cls(tuple(mean for mean, _ in measured), tuple(scale for _, scale in measured))

    def transform(self, rows: Iterable[Sequence[float]]) -> list[list[float]]:
        """Return the rows with (x - mean) / scale in place of x."""
        return [[(x - m) / s for x, m, s in zip(row, self.means, self.scales)] for row in rows]

    def inverse(self, rows: Iterable[Sequence[float]]) -> list[list[float]]:
        """Return the rows with x * scale + mean in place of x: undo `transform`."""
        return [[x * s + m for x, m, s in zip(row, self.means, self.scales)] for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as a dict that can be written as JSON."""
        return {"means": list(self.means), "scales": list(self.scales)}

    @classmethod
    def from_dict(cls, saved: object, columns: int) -> Standardizer:
        """Make it from what `to_dict` gave.

        Parameters
        ----------
        saved : dict
            With the keys "means" and "scales".
        columns : int
            How many columns it has to be for.

        Raises
        ------
        ModelFileError
            If it is something else.
        """
        parts = (saved.get("means"), saved.get("scales")) if isinstance(saved, Mapping) else (None, None)
        for part in parts:
            if not isinstance(part, list) or len(part) != columns or not all(map(_is_finite_number, part)):
                raise ModelFileError(f"expected means and scales of {columns} column(s) as finite numbers")
        means, scales = (tuple(map(float, part)) for part in parts if part is not None)
        if not all(scale > 0.0 for scale in scales):
            raise ModelFileError(f"expected scales above 0, got {min(scales)}")
        return cls(means, scales)


def _measure(column: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation; 1 for the deviation of a constant, which rounding could make 1e-17."""
    if min(column) == max(column):
        return column[0], 1.0
    mean = numerics.mean(column)
    # hypot in place of the root of a sum of squares: no square overflows or underflows.
    return mean, math.hypot(*(x - mean for x in column)) / math.sqrt(len(column)) or 1.0


def _is_finite_number(x: object) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= sys.float_info.max
