"""Training: mini-batches, epochs, a record of both, and the best weights kept."""

from __future__ import annotations

import math
import random
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from autodiff.recording import no_grad
from autodiff.value import Value
from nn import losses
from nn.dataset import Dataset, batches
from nn.history import Epoch, History
from nn.metrics import accuracy, r2
from nn.module import Module
from nn.optim import SGD
from nn.progress import progress_bar

__all__ = ["Epoch", "History", "accuracy", "evaluate", "fit", "r2", "train_step"]

Loss = Callable[[Sequence[Any], Sequence[Any]], Value]
"""A function of a batch's outputs and targets that gives the mean loss."""

Metric = Callable[[Sequence[Any], Sequence[float]], float]
"""A function of outputs and targets that gives a score; more is better."""


class Optimizer(Protocol):
    """What changes the parameters: `nn.optim.SGD` is one."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> None:
        """Change the parameters by their gradients."""


def train_step(model: Any, loss: Loss, optimizer: Optimizer, rows: Sequence[Any], targets: Sequence[Any]) -> float:
    """Take one step of descent on one mini-batch: forward, backward, update.

    Parameters
    ----------
    model : callable
        Takes a row of features.
    loss : callable
        Takes the outputs of all rows and their targets; see `nn.losses`.
    optimizer : Optimizer
        Holds the model's parameters.
    rows : sequence of rows of float
        The features of the mini-batch.
    targets : sequence of float
        One a row.

    Returns
    -------
    float
        The loss before the update.

    Examples
    --------
    >>> from nn import Neuron
    >>> neuron = Neuron(1, activation="linear", seed=0)
    >>> optimizer = SGD(neuron.parameters(), lr=0.1)
    >>> first, *_, last = [train_step(neuron, losses.mse, optimizer, [[0.0], [1.0]], [1.0, 3.0]) for _ in range(200)]
    >>> first > 1.0, last < 1e-6
    (True, True)
    """
    optimizer.zero_grad()
    value = loss([model(row) for row in rows], targets)
    value.backward()
    optimizer.step()
    return value.data


def evaluate(model: Any, dataset: Dataset, loss: Loss, metric: Metric) -> tuple[float, float]:
    """The loss and the score of a model on a whole data set, without recording a graph.

    Parameters
    ----------
    model : callable
        Takes a row of features.
    dataset : Dataset
        What to measure it on.
    loss, metric : callable
        Take the outputs of all rows and their targets.

    Returns
    -------
    loss, score : float
        Both as floats.
    """
    with no_grad():
        outputs = [model(row) for row in dataset.features]
        return float(loss(outputs, dataset.targets)), metric(outputs, dataset.targets)


def fit(
    model: Module,
    training: Dataset,
    validation: Dataset | None = None,
    *,
    loss: Loss | None = None,
    metric: Metric | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 100,
    batch_size: int = 32,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model, and leave it with the best weights that were met.

    Parameters
    ----------
    model : Module
        Takes a row of features; is changed.
    training : Dataset
        What to learn from, standardised best (`nn.data.Standardizer`).
    validation : Dataset, optional
        What to choose the best epoch by.
    loss : callable, optional
        Takes the outputs and targets of a batch; by default `losses.cross_entropy` for classes and `losses.mse`
        for a regression.
    metric : callable, optional
        Takes outputs and targets, returns a float; by default `accuracy` for classes and `r2` for a regression.
    optimizer : Optimizer, optional
        By default `SGD` with learning rate 0.1.
    epochs : int
        How often to go through the training part; at least 0.
    batch_size : int
        How many samples a step; at least 1. They are drawn without replacement, in a new order each epoch.
    seed : int
        Seed of the order.
    progress : bool
        Whether to show a progress bar, for which tqdm is needed.

    Returns
    -------
    History
        Losses, scores and times of every epoch, that before training included.

    Raises
    ------
    ValueError
        If `epochs` or `batch_size` is too small, or the model's first loss is not finite.
    ImportError
        If tqdm is missing and `progress` is true.

    Notes
    -----
    Ctrl-C ends the training, not the program: the history then says "interrupted". If a loss or a weight becomes
    infinite or nan, a warning is given and the history says "diverged". In both cases, too, the model is left with
    the best weights so far.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.data import xor
    >>> model = MLP(2, [8, 2], activation="tanh", seed=1)
    >>> history = fit(model, xor(), epochs=100, batch_size=4, optimizer=SGD(model.parameters(), 0.5), progress=False)
    >>> history.best.training_score
    1.0
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise ValueError(f"expected a whole number of epochs, at least 0, got {epochs!r:.60}")
    batches(0, batch_size, random.Random())  # complains about the batch size before anything is done
    classes = training.class_names is not None
    loss = loss or (losses.cross_entropy if classes else losses.mse)
    metric = metric or (accuracy if classes else r2)
    optimizer = optimizer or SGD(model.parameters(), lr=0.1)
    history = History(getattr(metric, "__name__", "score"), validation is not None)
    best = _weights(model)
    rng = random.Random(seed)

    try:
        with progress_bar(epochs, progress) as report:
            for k in range(epochs + 1):
                begin = time.perf_counter()
                finite = k == 0 or _descend(model, loss, optimizer, training, batch_size, rng)
                measured = _measure(model, training, validation, loss, metric) if finite else (math.nan,) * 4
                if not math.isfinite(measured[0]):
                    history.stopped = "diverged"
                    break
                history.epochs.append(Epoch(*measured, time.perf_counter() - begin))
                if _judged(history, k) < _judged(history, history.best_epoch):
                    best, history.best_epoch = _weights(model), k
                report(history)
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    for p, x in zip(model.parameters(), best):
        p.data = x
    if history.stopped == "diverged":
        _complain(history)
    return history


def _descend(
    model: Module, loss: Loss, optimizer: Optimizer, training: Dataset, batch_size: int, rng: random.Random
) -> bool:
    """Go through the training part once; False as soon as a loss, or at the end a weight, is not finite."""
    for chosen in batches(len(training), batch_size, rng):
        rows, targets = [training.features[k] for k in chosen], [training.targets[k] for k in chosen]
        if not math.isfinite(train_step(model, loss, optimizer, rows, targets)):
            return False
    return all(map(math.isfinite, _weights(model)))  # a relu may hide an infinite weight from the loss


def _measure(
    model: Module, training: Dataset, validation: Dataset | None, loss: Loss, metric: Metric
) -> tuple[float, float, float, float]:
    aside = evaluate(model, validation, loss, metric) if validation else (math.nan, math.nan)
    return *evaluate(model, training, loss, metric), *aside


def _judged(history: History, k: int) -> float:
    """The loss by which an epoch is chosen; nan counts as infinite, so that it is never the best."""
    loss = history.epochs[k].validation_loss if history.validated else history.epochs[k].training_loss
    return math.inf if math.isnan(loss) else loss


def _weights(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


def _complain(history: History) -> None:
    if not history.epochs:
        raise ValueError(
            "the loss of the untrained model is not finite; standardise the features, or begin with smaller weights"
        )
    warnings.warn(
        f"training diverged in epoch {len(history.epochs)}: a loss or a weight is no longer finite; the model has the "
        f"weights of epoch {history.best_epoch}; use a smaller learning rate",
        RuntimeWarning,
        stacklevel=3,
    )
