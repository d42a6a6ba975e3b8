"""What `nn.fit` takes as data: checked, and in the form of data sets."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from autodiff.errors import DataError
from autodiff.operation import real
from nn.checks import finite
from nn.data.dataset import Dataset, split

__all__ = ["as_dataset", "check_parts", "checked_weights", "hold_out"]


def as_dataset(data: Any, like: Dataset | None = None) -> Dataset:
    """Take a data set, or make one of plain lists.

    Parameters
    ----------
    data : Dataset, tuple (X, y), or list of pairs (x, y)
        The samples. A row x is a sequence of numbers, or a single number. If all targets are whole numbers from 0
        (ints, not floats), they are classes; else they are numbers, for a regression.
    like : Dataset, optional
        Another part of the same data, whose kind, names and classes count in place of the own.

    Returns
    -------
    Dataset
        The data set itself, or a new one.

    Raises
    ------
    TypeError
        If it is nothing of the kind.
    DataError
        If the samples cannot be used; see `Dataset`.

    Examples
    --------
    >>> as_dataset([([0.0, 1.0], 1), ([1.0, 1.0], 0)]).class_names
    ('0', '1')
    >>> as_dataset(([0.0, 0.5], [1.0, 2.5])).features
    [[0.0], [0.5]]
    """
    if isinstance(data, Dataset):
        return data
    told = f"got {type(data).__name__}: {data!r:.60}"
    try:
        if isinstance(data, tuple) and len(data) == 2:
            rows, targets = list(data[0]), list(data[1])
        else:
            pairs = [(x, y) for x, y in data]
            rows, targets = [x for x, _ in pairs], [y for _, y in pairs]
    except (TypeError, ValueError):
        raise TypeError(f"expected a Dataset, a tuple (X, y), or a list of pairs (x, y) of numbers, {told}") from None
    features = [_row(x, k) for k, x in enumerate(rows)]
    if like is not None:
        return Dataset(features, targets, like.feature_names, like.class_names, like.target_name)
    labels = [operator.index(y) for y in targets if hasattr(y, "__index__")]
    if labels and len(labels) == len(targets) and min(labels) >= 0:
        return Dataset(features, labels, class_names=tuple(map(str, range(max(max(labels) + 1, 2)))))
    return Dataset(features, targets)


def _row(x: Any, k: int) -> list[float]:
    try:
        return [real(x)] if isinstance(x, Real) else [real(number) for number in x]
    except TypeError:
        raise TypeError(f"expected a number or a row of numbers as sample {k}, got {x!r:.60}") from None


def hold_out(
    training: Dataset, fraction: float, seed: int, weights: Sequence[float] | None
) -> tuple[Dataset, Dataset, Sequence[float] | None]:
    """Set a share of the samples aside for validation, and keep the weights of the rest.

    Parameters
    ----------
    training : Dataset
        What to split; see `nn.data.split`.
    fraction : float
        The share of the validation part, above 0 and below 1.
    seed : int
        Seed of the choice.
    weights : sequence of float, optional
        One a sample.

    Returns
    -------
    training, validation : Dataset
        The parts.
    weights : sequence of float or None
        Of the training part.
    """
    numbered = replace(training, features=[[float(k)] for k in range(len(training))], feature_names=("row",))
    kept, aside = ([int(k) for (k,) in part.features] for part in split(numbered, fraction, seed))
    return training.take(kept), training.take(aside), None if weights is None else [weights[k] for k in kept]


def check_parts(training: Dataset, validation: Dataset) -> None:
    """Complain if a validation part does not fit the training part.

    Raises
    ------
    DataError
        If they differ in features or classes, or a class has samples in one of them only; the message names it.
    """
    if len(training.feature_names) != len(validation.feature_names):
        raise DataError(
            f"the training part has {len(training.feature_names)} features, the validation part "
            f"{len(validation.feature_names)}"
        )
    if training.class_names != validation.class_names:
        raise DataError(
            f"the parts differ in their classes: {training.class_names} for training, "
            f"{validation.class_names} for validation"
        )
    if training.class_names is None:
        return
    present = {"training": set(training.targets), "validation": set(validation.targets)}
    for part, kinds in present.items():
        for kind in sorted(set.union(*present.values()) - kinds):
            raise DataError(
                f"the {part} part has no sample of class {training.class_names[int(kind)]!r}; "
                "split so that it has (nn.data.split does)"
            )


def checked_weights(weights: Sequence[float], count: int) -> list[float]:
    """Check the weights of the samples.

    Raises
    ------
    TypeError
        If they are no sequence, or one is no number.
    ValueError
        If there are not as many as samples, one is negative or not finite, or all are 0.
    """
    if not hasattr(weights, "__len__"):
        raise TypeError(f"expected a weight for each sample, got {type(weights).__name__}: {weights!r:.60}")
    if len(weights) != count:
        raise ValueError(f"expected a weight for each of {count} samples, got {len(weights)}")
    checked = [finite(w, f"the weight of sample {k}", least=0.0) for k, w in enumerate(weights)]
    if not any(checked):
        raise ValueError("the weights of all samples are 0; nothing would be learned")
    return checked
