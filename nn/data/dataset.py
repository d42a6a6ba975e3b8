"""A data set, and what training does with one: set a part aside, draw batches, code classes, standardise columns."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from autodiff import numerics
from autodiff.errors import DataError, ModelFileError
from nn.checks import affordable, expect, flag, is_finite, is_flag, listed, seed_of, whole


@dataclass(frozen=True)
class Dataset:
    """Samples with their targets: classes, or numbers for a regression.

    Parameters
    ----------
    features : list of list of float
        One row a sample, all of one length, finite.
    targets : sequence of float
        One a row: the number of its class (an int), or any finite number for a regression.
    feature_names : tuple of str, optional
        One a column; by default x1, x2 and so on.
    class_names : tuple of str, optional
        The name of each class; None for a regression.
    target_name : str
        What the target is called.
    source : str, optional
        The file that it comes from, for messages; it does not count when data sets are compared.

    Raises
    ------
    DataError
        If lengths differ, there is no sample, a number is missing or not finite, or a target is not a single number, or
        not that of a class. The message names the row, counted from 0, and the column.

    Examples
    --------
    >>> data = Dataset([[0.0, 1.0], [2.0, 3.0]], [0, 1], ("width", "length"), ("small", "large"))
    >>> len(data), data.class_names[data.targets[1]]
    (2, 'large')
    """

    features: list[list[float]]
    targets: Sequence[float]
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    target_name: str = "target"
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for what, given in (("features", self.features), ("targets", self.targets)):
            if not hasattr(given, "__len__") or isinstance(given, (str, bytes, Mapping)) or _is_lone(given):
                raise self._error(f"expected a list as {what}, got {type(given).__name__}: {given!r:.40}")
        self._check_alone()
        if len(self.features) != len(self.targets):
            raise self._error(f"expected a target for each row, got {len(self.targets)} for {len(self.features)} rows")
        if not len(self.features):
            raise self._error("expected at least one sample, got none")
        for k, row in enumerate(self.features):
            if not hasattr(row, "__len__") or isinstance(row, (str, bytes, Mapping)) or _is_lone(row):
                raise self._error(f"expected a row of numbers as row {k}, got {type(row).__name__}: {row!r:.40}")
        if not len(self.features[0]):
            raise self._error("expected at least one feature in row 0, got none")
        if not self.feature_names:
            names = tuple(f"x{k + 1}" for k in range(len(self.features[0])))
            object.__setattr__(self, "feature_names", names)
        kinds = {*map(type, self.targets), *(type(x) for row in self.features for x in row)}
        if any(kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_") for kind in kinds):  # no numbers
            own = [[bool(x) if is_flag(x) else x for x in row] for row in (self.targets, *self.features)]
            object.__setattr__(self, "targets", own[0])
            object.__setattr__(self, "features", own[1:])
        classes = range(len(self.class_names or ()))
        for k, (row, target) in enumerate(zip(self.features, self.targets)):
            if len(row) != len(self.feature_names):
                raise self._error(f"expected {len(self.feature_names)} features in row {k}, got {len(row)}")
            for name, x in zip((*self.feature_names, self.target_name), (*row, target)):
                if not is_finite(x):
                    raise self._error(f"expected a finite number in row {k}, column {name!r}, got {x!r:.40}")
            if self.class_names is not None and not (hasattr(target, "__index__") and target in classes):
                raise self._error(
                    f"expected a class from 0 to {len(self.class_names) - 1} in row {k}, column "
                    f"{self.target_name!r}, got {target!r:.40}"
                )

    def _check_alone(self) -> None:
        """Refuse targets with several numbers a sample, or with one that stands in a list or an array of its own."""
        for k, target in enumerate(self.targets):
            own = (len(target),) if isinstance(target, (list, tuple)) else getattr(target, "shape", ())
            if own:
                single = "flatten them, as by targets.ravel() or [t for (t,) in targets]"
                cure = single if set(own) == {1} else "choose one column"
                shape = len(self.targets), *own
                raise self._error(f"expected one number a sample as targets, got the shape {shape} at row {k}; {cure}")

    def _error(self, message: str) -> DataError:
        return DataError(f"{self.source}: {message}" if self.source else message)

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Iterable[int]) -> Dataset:
        """Return the data set of some rows, by their numbers, in the order given."""
        rows = list(rows)
        return replace(self, features=[self.features[k] for k in rows], targets=[self.targets[k] for k in rows])

    def place(self, name: str) -> str:
        """Say where a column is, for a message: its file, if there is one, and its name."""
        return f"{self.source}, column {name!r}" if self.source else f"column {name!r}"


def _is_lone(x: Any) -> bool:
    """Whether something is an array of no dimension, which has no length though it says so."""
    return getattr(x, "shape", None) == ()


def are_codes(targets: Sequence[float]) -> bool:
    """Whether targets may be the numbers of classes: whole ones from 0 or 1 on without a gap, each twice in the mean.

    >>> are_codes([0, 2, 1, 0, 1, 2]), are_codes([0, 1, 30_000_000]), are_codes([0, 1, 2]), are_codes([1, 0])
    (True, False, False, True)
    """
    seen = set(targets)
    first = min(seen, default=-1)
    least = 2 if len(seen) > 2 else 1
    return (
        first in (0, 1) and seen == set(range(int(first), len(seen) + int(first))) and len(targets) >= least * len(seen)
    )


def split(dataset: Dataset, fraction: float = 0.2, seed: int = 0, stratify: bool = True) -> tuple[Dataset, Dataset]:
    """Set part of the samples aside for validation, by default the same share of every class.

    Parameters
    ----------
    dataset : Dataset
        What to split.
    fraction : float
        The share of the validation part, above 0 and below 1. The count (with `stratify` that of each class) is
        rounded, but either part gets one sample at least.
    seed : int
        Seed of the choice.
    stratify : bool
        Whether to draw from each class on its own. It makes no difference to a regression.

    Returns
    -------
    training, validation : Dataset
        Together every sample once, each part in the original order.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1.
    TypeError
        If it is no data set, or the fraction no number.
    DataError
        If there is nothing to set aside, or a class would have no sample in one of the parts; it names the class.

    Examples
    --------
    >>> from nn.data import iris
    >>> training, validation = split(iris(), 0.2, seed=1)
    >>> len(training), [validation.targets.count(k) for k in range(3)]
    (120, [10, 10, 10])
    """
    expect(isinstance(dataset, Dataset), "expected a Dataset to split", dataset)
    expect(isinstance(fraction, Real), "expected a number as fraction", fraction)
    fraction, seed, stratify = float(fraction), seed_of(seed), flag(stratify, "stratify")
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}")
    names = dataset.class_names or ()
    by_class = stratify and bool(names)
    groups: dict[float, list[int]] = {}
    for k, target in enumerate(dataset.targets):
        groups.setdefault(target if by_class else 0, []).append(k)
    rng = random.Random(seed)
    aside: set[int] = set()
    for kind, members in sorted(groups.items()):
        if len(members) == 1:
            what = f"samples of class {names[int(kind)]!r}" if by_class else "samples"
            raise dataset._error(f"expected at least two {what}, one to train on and one to validate with, got one")
        aside.update(rng.sample(members, min(max(round(fraction * len(members)), 1), len(members) - 1)))
    rows = range(len(dataset))
    parts = dataset.take(k for k in rows if k not in aside), dataset.take(k for k in rows if k in aside)
    if missing := missing_class(*parts):
        raise dataset._error(f"{missing}; split with stratify=True, or by another fraction or seed")
    return parts


def missing_class(training: Dataset, validation: Dataset) -> str:
    """Say which part has no sample of a class that the other has; nothing if each has all, or it is a regression."""
    if training.class_names is None:
        return ""
    for name, part, other in (("training", training, validation), ("validation", validation, training)):
        for kind in sorted(set(other.targets) - set(part.targets)):
            return f"the {name} part has no sample of class {training.class_names[int(kind)]!r}"
    return ""


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
    expect(isinstance(rng, random.Random), "rng is a random.Random", rng)
    batch_size = whole(batch_size, "the batch size", least=1)
    order = list(range(whole(n, "n, the number of samples,")))
    rng.shuffle(order)
    return [order[k : k + batch_size] for k in range(0, n, batch_size)]


def one_hot(labels: Sequence[int], num_classes: int | None = None) -> list[list[float]]:
    """Code classes as vectors: 1 at the class's place, 0 elsewhere.

    Parameters
    ----------
    labels : sequence of int
        The number of each sample's class, from 0.
    num_classes : int, optional
        The length of the vectors; by default the largest label and 1.

    Returns
    -------
    list of list of float
        One row a label.

    Raises
    ------
    TypeError
        If a label is no int.
    ValueError
        If a label is out of range; the message names its place.

    Examples
    --------
    >>> one_hot([0, 2])
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    places = [whole(label, f"label {k}", least=-math.inf) for k, label in enumerate(listed(labels, "labels is a list"))]
    size = max(places, default=-1) + 1 if num_classes is None else whole(num_classes, "num_classes")
    for k, label in enumerate(places):
        if label not in range(size):
            bound = "0 or more" if num_classes is None else f"from 0 to {size - 1}"
            raise ValueError(f"expected label {k} to be {bound}, got {label}")
    affordable(len(places) * size, 8.0, f"{len(places):,} vectors of {size:,} numbers")
    return [[float(k == label) for k in range(size)] for label in places]


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
    def fit(cls, rows: Sequence[Sequence[float]], places: Sequence[str] = ()) -> Standardizer:
        """Measure the columns of some rows, which are to be those of the training part alone.

        Parameters
        ----------
        rows : sequence of rows of float
            All of one length, finite.
        places : sequence of str, optional
            What messages call each column, such as `nn.data.Dataset.place` gives; by default its number.

        Raises
        ------
        DataError
            If a column holds nan or infinity, or numbers so large that its mean or deviation overflows; if rows
            differ in length, or there is none. The message names the column.
        """
        rows = listed(rows, "rows is a list of rows of numbers")
        if not rows:
            raise DataError("expected at least one row to measure, got none")
        width = len(listed(rows[0], "row 0 is a list of numbers"))
        measured = [_measure(column) for column in zip(*_checked(rows, width))]
        for k, pair in enumerate(measured):
            if not all(map(math.isfinite, pair)):
                place = places[k] if places else f"column {k + 1}"
                if not all(math.isfinite(row[k]) for row in rows):
                    raise DataError(f"{place}: expected finite numbers to measure, got nan or infinity")
                raise DataError(f"{place}: the numbers are too large; express them in a larger unit")
        return cls(tuple(mean for mean, _ in measured), tuple(scale for _, scale in measured))

    def transform(self, rows: Iterable[Sequence[float]]) -> list[list[float]]:
        """Return the rows with (x - mean) / scale in place of x.

        Raises
        ------
        DataError
            If a row has not as many numbers as were measured.
        """
        rows = _checked(rows, len(self.means))
        return [[(x - m) / s for x, m, s in zip(row, self.means, self.scales)] for row in rows]

    def inverse(self, rows: Iterable[Sequence[float]]) -> list[list[float]]:
        """Return the rows with x * scale + mean in place of x: undo `transform`.

        Raises
        ------
        DataError
            If a row has not as many numbers as were measured.
        """
        rows = _checked(rows, len(self.means))
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


def _checked(rows: Iterable[Sequence[float]], width: int) -> list[Sequence[float]]:
    rows = [
        listed(row, f"row {k} is a list of numbers") for k, row in enumerate(listed(rows, "rows is a list of rows"))
    ]
    for k, row in enumerate(rows):
        if len(row) != width:
            raise DataError(f"expected {width} number(s) in row {k}, got {len(row)}")
        for x in row:
            expect(isinstance(x, Real), f"expected numbers in row {k}", x)
    return rows


def _measure(column: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation; 1 for the deviation of a constant, which rounding could make 1e-17."""
    if min(column) == max(column):
        return column[0], 1.0
    mean = numerics.mean(column)
    # hypot in place of the root of a sum of squares: no square overflows or underflows.
    return mean, math.hypot(*(x - mean for x in column)) / math.sqrt(len(column)) or 1.0


def _is_finite_number(x: object) -> bool:
    return not isinstance(x, bool) and isinstance(x, int | float) and is_finite(x)
