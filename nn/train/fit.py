"""`fit`: what it takes, checked before anything is done; and training, with everything that belongs to it."""

from __future__ import annotations

import operator
import os
import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

from autodiff.errors import DataError
from autodiff.operation import real
from autodiff.recording import no_grad
from nn import losses
from nn.callbacks import AnyCallback, Training, checked
from nn.checks import expect, finite, flag, is_flag, listed, seed_of, whole
from nn.data import Dataset, split
from nn.data.dataset import are_codes, missing_class
from nn.eager.step import Loss, Metric, Problem, Worker
from nn.history import History
from nn.metrics import accuracy, r2
from nn.model import BatchNorm, Module
from nn.model.module import evaluating, forward_batch
from nn.optim import SGD, Optimizer
from nn.replay import NotCompilable, ReplayWorker, Settings
from nn.schedules import Schedule
from nn.train.checkpoint import Saving, restore
from nn.train.loop import Loop


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


def check_numbers(batch_size: Any, seed: Any) -> tuple[int, int]:
    """Take the numbers that say which samples come together."""
    return whole(batch_size, "the batch size", least=1), seed_of(seed)


def measures(model: Any, dataset: Dataset, loss: Loss | None, metric: Metric | None) -> tuple[Loss, Metric]:
    """What a model is judged by on a data set, where nothing was chosen; a ValueError where nothing fits."""
    labels = dataset.class_names is not None or all(hasattr(t, "__index__") for t in dataset.targets)
    several = loss is None and labels and _has_several_outputs(model, dataset)
    if dataset.class_names is None:
        if several:
            raise ValueError(
                f"the model has several outputs, but the targets are numbers, from {min(dataset.targets)} to "
                f"{max(dataset.targets)}, one a sample; the classes of a classifier are numbered from 0, each twice or "
                "more in the mean; if these are classes, give a Dataset with class_names"
            )
        return loss or losses.mse, metric or r2
    if loss is None and not several and len(dataset.class_names) > 2:
        raise ValueError(
            f"the model has one output, but the targets number {len(dataset.class_names)} classes; let it have one for "
            "each, or, for a regression, give the targets as floats"
        )
    if loss is None:
        loss = losses.cross_entropy if several or len(dataset.class_names) > 2 else losses.binary_cross_entropy
    return loss, metric or accuracy


def _has_several_outputs(model: Any, dataset: Dataset) -> bool:
    with no_grad(), evaluating(model):
        return isinstance(forward_batch(model, dataset.features[:1])[0], Sequence)


# -- Samples -----------------------------------------------------------------------------------------------------------


def as_dataset(data: Any, like: Dataset | None = None) -> Dataset:
    """Take a data set, or make one of plain lists, (X, y) or pairs; `like` is another part, whose kind and names count.

    Targets are classes where they can be their numbers: all ints (or bools), not floats, 0 and 1 alone, or every one
    from 0 to the largest, and two samples for each in the mean. Else they are numbers, for a regression.

    >>> as_dataset([([0.0, 1.0], 1), ([1.0, 1.0], 0)]).class_names
    ('0', '1')
    >>> as_dataset(([[0.0], [1.0]], [1, 30_000_000])).class_names
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
    labels = [label for y in targets if (label := _label(y)) is not None]
    if labels and len(labels) == len(targets) and (set(labels) <= {0, 1} or (min(labels) == 0 and are_codes(labels))):
        return Dataset(features, labels, class_names=tuple(map(str, range(max(max(labels) + 1, 2)))))
    return Dataset(features, targets)


def _label(y: Any) -> int | None:
    """The number of a class, if it is one: an int, a bool, or NumPy's; arrays have the method of ints in any case."""
    try:
        return int(y) if is_flag(y) else operator.index(y)
    except TypeError:
        return None


def _row(x: Any, k: int) -> list[float]:
    try:
        return [_number(x)] if isinstance(x, Real) or is_flag(x) else [_number(number) for number in x]
    except TypeError:
        raise TypeError(f"expected a number or a row of numbers as sample {k}, got {x!r:.60}") from None


def _number(x: Any) -> float:
    return float(x) if is_flag(x) else real(x)


def parts(
    training: Any, validation: Any, weights: Sequence[float] | None, seed: int
) -> tuple[Dataset, Dataset | None, Sequence[float] | None]:
    """The data as data sets that fit each other, or, if `validation` is a share, two parts; and the weights of one."""
    training = as_dataset(training)
    if weights is not None:
        weights = checked_weights(weights, len(training))
    if validation is None:
        return training, None, weights
    if isinstance(validation, Real):
        numbered = replace(training, features=[[float(k)] for k in range(len(training))], feature_names=("row",))
        kept, aside = ([int(k) for (k,) in part.features] for part in split(numbered, float(validation), seed))
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
    weights = listed(weights, "weights holds a weight for each sample")
    if len(weights) != count:
        raise ValueError(f"expected a weight for each of {count} samples, got {len(weights)}")
    checked = [finite(w, f"the weight of sample {k}", least=0.0) for k, w in enumerate(weights)]
    if not any(checked):
        raise ValueError("the weights of all samples are 0; nothing would be learned")
    return checked


def fit(
    model: Module,
    training: Any,
    validation: Any = None,
    *,
    loss: Loss | None = None,
    metric: Metric | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 100,
    batch_size: int = 32,
    seed: int = 0,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    weights: Sequence[float] | None = None,
    patience: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    callbacks: Sequence[AnyCallback] = (),
    eager: bool = False,
    progress: bool = True,
) -> History:
    """Train a model, and leave it with the best weights that were met, in evaluation mode.

    Parameters
    ----------
    model : Module
        Takes a row of features; is changed.
    training : Dataset, or tuple (X, y), or list of pairs (x, y)
        What to learn from, standardised best (`nn.data.Standardizer`). In plain lists, targets are classes if they are
        ints (or bools) that number them: 0 and 1 alone, or every one from 0 to the largest, each twice in the mean.
        Others are numbers for a regression, which ``History.metric`` tells. To say it yourself give floats for numbers,
        or a `Dataset`, with ``class_names=`` for classes.
    validation : Dataset or the like, or float, optional
        What to choose the best epoch by; a number is the share of `training` to set aside, in each class.
    loss : callable, optional
        Takes the outputs and targets of a batch. By default `losses.mse` for a regression; for classes
        `losses.cross_entropy`, or `losses.binary_cross_entropy` if the model has a single output.
    metric : callable, optional
        Takes the outputs of all samples, as floats (lists of floats, where there are several a sample), and a copy of
        their targets; returns a float, more is better. By default `accuracy` for classes and `r2` for a regression.
    optimizer : Optimizer, optional
        By default `SGD` with learning rate 0.1.
    epochs : int
        How often to go through the training part; at least 0.
    batch_size : int
        How many samples a step; at least 1. They are drawn without replacement, in a new order each epoch.
    seed : int
        Seed of that order, and of the choice of a validation part.
    schedule : callable, optional
        The learning rate of step k, counted from 0 over the whole training; see `nn.schedules`. By default the rate is
        the optimizer's.
    clip_norm, clip_value : float, optional
        Bounds for the gradients before each step: of their Euclidean norm, all together, and of each by itself.
    l1, l2 : float
        Strengths of the penalties `losses.l1` and `losses.l2` of all parameters, biases included; at least 0. The
        recorded losses are without them.
    weights : sequence of float, optional
        How much each sample of `training` counts in the loss; at least 0. Not for validation. A mini-batch in which
        all are 0 makes no step.
    patience : int, optional
        End after so many epochs in a row that were no better than the best; at least 1.
    checkpoint : path, optional
        A file to write the state of the training to: after each epoch, or, where epochs are so short that it would take
        much of the time, after some of them, and after the last.
    resume : bool
        Go on from that file; if there is none yet, begin.
    callbacks : sequence of callable
        Each is called with an `nn.callbacks.Training` after each epoch; one of the class `nn.callbacks.Callback` also
        after each step.
    eager : bool
        Whether to build the graph of every mini-batch, as one does by hand, in place of recording it once and
        replaying the program (`nn.compile`), which is more than a hundred times as fast and gives the same numbers but
        for rounding, also where a callback changes a setting. What cannot be traced, such as a branch on a number, is
        done eagerly in any case, and so is code of yours that does more than to compute: that draws random numbers by
        other means than `Dropout`, counts its calls, prints. Of the latter a RuntimeWarning tells;
        ``History.backend`` always says what was done, and why.
    progress : bool
        Whether to show a progress bar, for which tqdm is needed.

    Returns
    -------
    History
        Losses, scores, learning rates, gradient norms and times of every epoch, that before training included.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or the model's first loss is not finite. `DataError`, a ValueError, if data
        cannot be used; `ModelFileError`, another, if the checkpoint is damaged or of another training.
    ImportError
        If tqdm is missing and `progress` is true.
    OSError
        If the checkpoint cannot be read or written.

    Notes
    -----
    Ctrl-C ends the training, not the program: the history then says "interrupted". If a loss, a gradient or a weight
    becomes infinite or nan, a warning is given and the history says "diverged". In both cases, too, the model is left
    with the best weights so far.

    A training that was interrupted, even by the death of the process, and is resumed with the same arguments ends with
    the same numbers, times apart, to the last bit, as if nothing had happened. Model and optimizer may be new ones:
    their state, the optimizer's settings and the generators of `Dropout` included, whatever seeds they were made with,
    is that of the checkpoint. More epochs, another patience and other callbacks are allowed, and `eager`, which changes
    numbers by rounding. All else has to be the same, and what is not is refused and named: data, seed, batch size,
    loss, metric, penalties, bounds, the schedule with its numbers (one that was made for more epochs is another one),
    the kind of optimizer with the hyperparameters that it began with and the order of its parameters, and what the
    model is made of, as it was when the checkpoint was written. Functions are compared by name, and, if there are no
    callbacks, by what they give for the model of the checkpoint. What callbacks remember is theirs to keep.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.data import xor
    >>> model = MLP(2, [8, 2], activation="tanh", seed=1)
    >>> history = fit(model, xor(), epochs=100, batch_size=4, optimizer=SGD(model.parameters(), 0.5), progress=False)
    >>> history.best.training_score
    1.0
    """
    check_trained(model, optimizer)
    check_functions(loss=loss, metric=metric, schedule=schedule)
    epochs = whole(epochs, "the number of epochs")
    patience = None if patience is None else whole(patience, "the patience", least=1)
    batch_size, seed = check_numbers(batch_size, seed)
    told = "checkpoint is the path of a file, or left out"
    expect(checkpoint is None or isinstance(checkpoint, (str, os.PathLike)), told, checkpoint)
    resume, eager, progress = flag(resume, "resume"), flag(eager, "eager"), flag(progress, "progress")
    if not isinstance(callbacks, Iterable) or hasattr(callbacks, "shape"):
        raise TypeError(f"callbacks is a list, got {type(callbacks).__name__}: {callbacks!r:.60}; write [callback]")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the checkpoint to go on from: checkpoint=path")
    training, validation, weights = parts(training, validation, weights, seed)
    check_batches(model, len(training), batch_size)
    loss, metric = measures(model, training, loss, metric)
    optimizer = optimizer or SGD(model.parameters(), lr=0.1)
    penalty = _penalty(model, l1, l2)
    callbacks = [checked(callback) for callback in callbacks]
    others = metric, schedule
    problem = Problem(model, optimizer, training, validation, weights, loss, metric, penalty, batch_size)
    if not eager:
        problem.open = _reach([*callbacks, *others], training, validation)
    worker = Worker(problem) if eager else _worker(problem)
    history = History(getattr(metric, "__name__", "score"), validation is not None, backend=worker.backend)
    loop = Loop(
        Training(model, optimizer, history),
        worker,
        schedule,
        _bound(clip_value, "clip_value"),
        _bound(clip_norm, "clip_norm"),
        random.Random(seed),
        callbacks,
        watched=bool(callbacks) or checkpoint is not None,
        meddled=not eager and _reach(others, model, optimizer, training, validation),
    )
    saving = None
    if checkpoint is not None:
        begun = {name: x for name, x in optimizer.hyperparameters().items() if name != "lr" or schedule is None}
        saving = Saving(loop, checkpoint, {"seed": seed, "l1": float(l1), "l2": float(l2), "optimizer": begun})
        if resume and Path(checkpoint).exists():
            restore(loop, checkpoint, saving.told)
    with require_tqdm()(total=epochs, desc="training", unit="epoch") if progress else nullcontext() as bar:

        def after_epoch(last: bool) -> None:
            if saving is not None:
                saving(last)
            if bar is not None:
                _show(bar, loop.history)

        loop.run(epochs, patience, after_epoch)
    if loop.history.stopped == "diverged":
        _complain(loop.history)
    return loop.history


def _worker(problem: Problem) -> Worker:
    """Replay what can be traced, the rest is done eagerly."""
    try:
        return ReplayWorker(problem)
    except NotCompilable as reason:
        return Worker(problem, reason)


def _reach(functions: Iterable[Any], *objects: Any) -> bool:
    """Whether functions of the user's hold some objects, or parts of them, and so may look at them or change them."""
    try:
        theirs = Settings("", list(functions))
        return theirs.foreign and theirs.meets(Settings("", objects))
    except NotCompilable:  # who knows
        return True


def _penalty(model: Module, l1: float, l2: float) -> Callable[[], Any] | None:
    """What is added to the loss of each batch."""
    parameters, l1, l2 = model.parameters(), finite(l1, "l1", least=0.0), finite(l2, "l2", least=0.0)
    if l1 and l2:
        return lambda: losses.l1(parameters, l1) + losses.l2(parameters, l2)
    if l1 or l2:
        return lambda: losses.l1(parameters, l1) if l1 else losses.l2(parameters, l2)
    return None


def _bound(bound: float | None, name: str) -> float | None:
    return None if bound is None else finite(bound, name, above=0.0)


def _complain(history: History) -> None:
    if not history.epochs:
        raise ValueError(
            "the loss of the untrained model is not finite; standardise the features, or begin with smaller weights"
        )
    warnings.warn(
        f"training diverged in epoch {len(history.epochs)}: a loss, a gradient or a weight is no longer finite; "
        f"the model has the weights of epoch {history.best_epoch}; {history.diagnosis.remedy}",
        RuntimeWarning,
        stacklevel=3,
    )


def _show(bar: Any, history: History) -> None:
    """Bring a progress bar to the last epoch."""
    part, last = "validation" if history.validated else "training", history.epochs[-1]
    told = {name: f"{getattr(last, f'{part}_{name}'):.4f}" for name in ("loss", "score")}
    bar.set_postfix(told, refresh=False)
    bar.update(len(history.epochs) - 1 - bar.n)


def require_tqdm() -> Any:
    """Import the progress bar, or raise an ImportError that names the command."""
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm; run: pip install tqdm (or say progress=False)") from error
    return tqdm
