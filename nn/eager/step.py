"""One step of training on one mini-batch, by its graph; and `Worker`, who does the numerical work of a training.

Here it builds graphs; that of `nn.replay` runs a traced program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from autodiff.derivatives import differentiating
from autodiff.recording import no_grad
from autodiff.value import Value
from nn.checks import expect
from nn.data import Dataset
from nn.model.module import Module, evaluating, forward_batch
from nn.optim import Optimizer
from nn.optim.clip import clip_grad_norm_, clip_grad_value_, grad_norm

Loss = Callable[..., Any]
"""A function of a batch's outputs and targets (and ``weights=``, where there are any) that gives the mean loss."""

Metric = Callable[[Sequence[Any], Sequence[float]], float]
"""A function of outputs (in `nn.fit` plain numbers) and targets that gives a score; more is better."""

_LOSS = "the loss of a batch is a Value, computed from the outputs of the model"


class EagerStep:
    """The plain way: build the graph of the batch's loss (and a penalty, if there is one), and sweep it."""

    def __init__(self, model: Any, loss: Loss, penalty: Callable[[], Any] | None = None) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty

    def __call__(self, rows: Sequence[Any], targets: Sequence[Any], weights: Sequence[float] | None = None) -> float:
        """Add the gradients of the batch's loss to ``.grad``; return the loss."""
        with differentiating():
            value = mean_loss(self.loss, forward_batch(self.model, rows), targets, weights)
            if self.penalty is not None:
                value = value + self.penalty()
        expect(isinstance(value, Value), _LOSS, value)
        value.backward()
        return float(value.data)


def mean_loss(loss: Loss, outputs: Sequence[Any], targets: Sequence[Any], weights: Sequence[float] | None) -> Any:
    """The loss of a batch; a loss need not know of weights where there are none."""
    return loss(outputs, targets) if weights is None else loss(outputs, targets, weights=weights)


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
    >>> from nn import Neuron, losses
    >>> from nn.optim import SGD
    >>> neuron = Neuron(1, activation="linear", seed=0)
    >>> optimizer = SGD(neuron.parameters(), lr=0.1)
    >>> first, *_, last = [train_step(neuron, losses.mse, optimizer, [[0.0], [1.0]], [1.0, 3.0]) for _ in range(200)]
    >>> first > 1.0, last < 1e-6
    (True, True)
    """
    optimizer.zero_grad()
    value = EagerStep(model, loss)(rows, targets)
    optimizer.step()
    return value


def evaluate(
    model: Any, dataset: Dataset, loss: Loss, metric: Metric, weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """The loss and the score of a model on a whole data set, in evaluation mode, without recording a graph.

    Parameters
    ----------
    model : callable
        Takes a row of features.
    dataset : Dataset
        What to measure it on.
    loss, metric : callable
        Take the outputs of all rows and their targets.
    weights : sequence of float, optional
        For the loss, one a sample.

    Returns
    -------
    loss, score : float
        Both as floats.
    """
    with no_grad(), evaluating(model):
        outputs = forward_batch(model, dataset.features)
        value = mean_loss(loss, outputs, dataset.targets, weights)
        expect(hasattr(value, "__float__"), _LOSS, value)
        return float(value), metric(outputs, dataset.targets)


@dataclass
class Problem:
    """What a training works on: `weights` are one a sample of the training part, `penalty` is added to the loss.

    It is `open` if callbacks and the like can reach the data, and so may change them.
    """

    model: Module
    optimizer: Optimizer
    training: Dataset
    validation: Dataset | None
    weights: Sequence[float] | None
    loss: Loss
    metric: Metric
    penalty: Callable[[], Any] | None
    batch_size: int
    open: bool = False


def _plain(outputs: Any) -> Any:
    """Outputs of a model with numbers in place of Values."""
    if isinstance(outputs, (list, tuple)):
        return [_plain(output) for output in outputs]
    return outputs.data if isinstance(outputs, Value) else outputs


class Worker:
    """The numerical work of `nn.fit`, the plain way: the graph of each mini-batch is built and swept.

    `nn.replay` does the same by other means, a method each.
    """

    backend = "eager"
    """What it runs on, in a word."""
    reason: Exception | None = None
    """Why not all is replayed, if that was wanted."""

    def __init__(self, problem: Problem, reason: Exception | None = None) -> None:
        self.problem = problem
        if reason is not None:
            self.reason, self.backend = reason, f"eager: {reason}"
        self._eager = EagerStep(problem.model, problem.loss, problem.penalty)

    def read(self) -> None:
        """Take the numbers that the model's own Values have, before the training and after it was restored."""

    def begin(self) -> None:
        """Begin an epoch of steps, in training mode."""
        self.problem.model.train()

    def gradient(self, chosen: Sequence[int]) -> float:
        """Compute the gradients of some samples' loss; return that loss, penalties included."""
        problem = self.problem
        problem.optimizer.zero_grad()
        return self._eager(
            [problem.training.features[k] for k in chosen],
            [problem.training.targets[k] for k in chosen],
            None if problem.weights is None else [problem.weights[k] for k in chosen],
        )

    def clipped(self, clip_value: float | None, clip_norm: float | None) -> float:
        """Clip the gradients, by value first; return their norm before."""
        parameters = self.problem.optimizer.parameters
        norm = grad_norm(parameters)
        if clip_value is not None:
            clip_grad_value_(parameters, clip_value)
        if clip_norm is not None:
            clip_grad_norm_(parameters, clip_norm)
        return norm

    def update(self) -> None:
        """Make the optimizer's step."""
        self.problem.optimizer.step()

    def is_finite(self) -> bool:
        """Whether all numbers of the model and of the optimizer are finite."""
        columns = [self.problem.model.state_dict().values(), *self.problem.optimizer.state.values()]
        return all(math.isfinite(x) for column in columns for x in column)

    def measure(self) -> tuple[float, float, float, float]:
        """Loss and score of the training part, and of the validation part (nan if there is none)."""
        problem, metric = self.problem, self._score
        here = evaluate(problem.model, problem.training, problem.loss, metric, problem.weights)
        if problem.validation is None or not math.isfinite(here[0]):
            return (*here, math.nan, math.nan)
        return (*here, *evaluate(problem.model, problem.validation, problem.loss, metric))

    def _score(self, outputs: Sequence[Any], targets: Sequence[float]) -> float:
        """What the metric makes of plain numbers, and of targets of its own: it may sort them, say."""
        return self.problem.metric(_plain(outputs), copy(targets))

    def snapshot(self) -> Callable[[], dict[str, float]]:
        """The state of the model at this moment: what gives it, when it is wanted, as `Module.state_dict` does."""
        return self.problem.model.state_dict().copy

    def show(self) -> None:
        """Let the model's own Values have the numbers and gradients of this moment."""
