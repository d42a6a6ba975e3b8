"""What `nn.fit` and `nn.find_lr` take: checked, or chosen, before anything is done, in words that say what is wrong."""

from __future__ import annotations

import operator
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from autodiff.errors import DataError
from autodiff.operation import real
from autodiff.recording import no_grad
from nn import losses
from nn.checks import expect, finite, whole
from nn.data import Dataset, batches, split
from nn.data.dataset import missing_class
from nn.eager.step import Loss, Metric
from nn.metrics import accuracy, r2
from nn.model import BatchNorm, Module
from nn.model.module import evaluating, forward_batch
from nn.optim import Optimizer


def check_trained(model: Any, optimizer: Any) -> None:
    """Check that there is a model, and an optimizer (or None) that has parameters of it and so changes something."""
    expect(isinstance(model, Module), "a model is an nn.Module, such as an nn.MLP", model)
    if optimizer is None:
        return
    told = "an optimizer is an nn.optim.Optimizer, such as nn.optim.SGD(model.parameters(), lr=0.1)"
    expect(isinstance(optimizer, Optimizer), told, optimizer)
    if not set(optimizer.parameters) & set(model.parameters()):
        raise ValueError("the optimizer has no parameter of this model; make it with model.parameters()")


def check_batches(model: Module, samples: int, batch_size: int) -> None:
    """Check that no batch, the last of an epoch included, is of a single sample where there is batch normalisation."""
    alone = samples % batch_size == 1 or batch_size == 1
    norm = next((module for module in model.modules() if isinstance(module, BatchNorm)), None)
    if alone and norm is not None:
        raise ValueError(
            f"{norm!r} needs two samples at least in every batch, but {samples} samples in batches of {batch_size} "
            "leave one alone; choose another batch size"
        )


def check_functions(**functions: Any) -> None:
    """Check that what is to be called can be called; None stands for a default."""
    for name, function in functions.items():
        expect(function is None or callable(function), f"{name} is a function, or left out", function)


def check_numbers(epochs: Any, batch_size: Any, seed: Any, patience: Any, callbacks: Any) -> None:
    """Check the numbers of a training, and that there may be several callbacks."""
    whole(epochs, "the number of epochs")
    if patience is not None:
        whole(patience, "the patience", least=1)
    batches(0, batch_size, random.Random())  # complains about the batch size
    expect(isinstance(seed, int) and not isinstance(seed, bool), "the seed is a whole number", seed)
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks is a list, got {type(callbacks).__name__}: {callbacks!r:.60}; write [callback]")


def measures(model: Any, dataset: Dataset, loss: Loss | None, metric: Metric | None) -> tuple[Loss, Metric]:
    """What a model is judged by on a data set, where nothing was chosen; a ValueError where nothing fits."""
    labels = dataset.class_names is not None or all(hasattr(t, "__index__") for t in dataset.targets)
    several = loss is None and labels and _has_several_outputs(model, dataset)
    if dataset.class_names is None:
        if several:
            raise ValueError(
                f"the model has several outputs, but the targets are numbers, from {min(dataset.targets)} to "
                f"{max(dataset.targets)}, one a sample; the classes of a classifier are numbered from 0"
            )
        return loss or losses.mse, metric or r2
    if loss is None:
        loss = losses.cross_entropy if several or len(dataset.class_names) > 2 else losses.binary_cross_entropy
    return loss, metric or accuracy


def _has_several_outputs(model: Any, dataset: Dataset) -> bool:
    with no_grad(), evaluating(model):
        return isinstance(forward_batch(model, dataset.features[:1])[0], Sequence)


# -- Samples -----------------------------------------------------------------------------------------------------------


def as_dataset(data: Any, like: Dataset | None = None) -> Dataset:
    """Take a data set, or make one of plain lists, (X, y) or pairs; `like` is another part, whose kind and names count.

    Where all targets are whole numbers from 0 (ints, not floats), they are classes; else numbers, for a regression.

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


def parts(
    training: Any, validation: Any, weights: Sequence[float] | None, seed: int
) -> tuple[Dataset, Dataset | None, Sequence[float] | None]:
    """The data as data sets that fit each other, or, if `validation` is a share, two parts; and the weights of one."""
    training = as_dataset(training)
    if weights is not None:
        weights = checked_weights(weights, len(training))
    if validation is None:
        return training, None, weights
    if isinstance(validation, float | int):
        numbered = replace(training, features=[[float(k)] for k in range(len(training))], feature_names=("row",))
        kept, aside = ([int(k) for (k,) in part.features] for part in split(numbered, validation, seed))
        return training.take(kept), training.take(aside), None if weights is None else [weights[k] for k in kept]
    validation = as_dataset(validation, like=training)
    check_parts(training, validation)
    return training, validation, weights


def check_parts(training: Dataset, validation: Dataset) -> None:
    """Complain if a validation part has other features or classes, or a class has samples in one of the parts only."""
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
    if missing := missing_class(training, validation):
        raise DataError(f"{missing}; split so that it has (nn.data.split does)")


def checked_weights(weights: Sequence[float], count: int) -> list[float]:
    """Check that there is a weight of at least 0 for each sample, and not all are 0."""
    expect(hasattr(weights, "__len__"), "expected a weight for each sample", weights)
    if len(weights) != count:
        raise ValueError(f"expected a weight for each of {count} samples, got {len(weights)}")
    checked = [finite(w, f"the weight of sample {k}", least=0.0) for k, w in enumerate(weights)]
    if not any(checked):
        raise ValueError("the weights of all samples are 0; nothing would be learned")
    return checked
