"""`fit`: train a model, with everything that belongs to it."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from nn import losses
from nn.callbacks import AnyCallback, Training, checked
from nn.checks import finite
from nn.eager.step import Loss, Metric
from nn.eager.worker import Problem, Worker
from nn.history import History
from nn.model import Module
from nn.optim import SGD, Optimizer
from nn.replay import NotCompilable, ReplayWorker
from nn.schedules import Schedule
from nn.train import arguments
from nn.train.checkpoint import Saving, restore
from nn.train.loop import Loop


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
        What to learn from, standardised best (`nn.data.Standardizer`). In plain lists, targets that are all ints from
        0 are classes, others numbers for a regression.
    validation : Dataset or the like, or float, optional
        What to choose the best epoch by; a number is the share of `training` to set aside, in each class.
    loss : callable, optional
        Takes the outputs and targets of a batch. By default `losses.mse` for a regression; for classes
        `losses.cross_entropy`, or `losses.binary_cross_entropy` if the model has a single output.
    metric : callable, optional
        Takes outputs and targets, returns a float; by default `accuracy` for classes and `r2` for a regression.
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
        for rounding. What cannot be recorded is done eagerly in any case; ``History.backend`` says what was done.
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
    their state, the learning rate included, is that of the checkpoint. More epochs or another patience are allowed.
    What callbacks remember is theirs to keep.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.data import xor
    >>> model = MLP(2, [8, 2], activation="tanh", seed=1)
    >>> history = fit(model, xor(), epochs=100, batch_size=4, optimizer=SGD(model.parameters(), 0.5), progress=False)
    >>> history.best.training_score
    1.0
    """
    arguments.check_trained(model, optimizer)
    arguments.check_functions(loss=loss, metric=metric, schedule=schedule)
    arguments.check_numbers(epochs, batch_size, seed, patience, callbacks)
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the checkpoint to go on from: checkpoint=path")
    training, validation, weights = arguments.parts(training, validation, weights, seed)
    arguments.check_batches(model, len(training), batch_size)
    loss, metric = arguments.measures(model, training, loss, metric)
    optimizer = optimizer or SGD(model.parameters(), lr=0.1)
    penalty = _penalty(model, l1, l2)
    problem = Problem(model, optimizer, training, validation, weights, loss, metric, penalty, batch_size)
    worker = Worker(problem) if eager else _worker(problem)
    history = History(getattr(metric, "__name__", "score"), validation is not None, backend=worker.backend)
    loop = Loop(
        Training(model, optimizer, history),
        worker,
        schedule,
        _bound(clip_value, "clip_value"),
        _bound(clip_norm, "clip_norm"),
        random.Random(seed),
        [checked(callback) for callback in callbacks],
        watched=bool(callbacks) or checkpoint is not None,
    )
    if checkpoint is not None and resume and Path(checkpoint).exists():
        restore(loop, checkpoint, seed)
    saving = None if checkpoint is None else Saving(loop, checkpoint, seed)
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
    """Replay what can be recorded, the rest is done eagerly."""
    try:
        return ReplayWorker(problem)
    except NotCompilable as reason:
        worker = Worker(problem)
        worker.backend = f"eager: {reason}"
        return worker


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
