"""One step of training on one mini-batch, and the measuring of a model on a whole data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.recording import no_grad
from autodiff.value import Value
from nn.checks import expect
from nn.data import Dataset
from nn.model.module import evaluating, forward_batch
from nn.optim import Optimizer

Loss = Callable[..., Any]
"""A function of a batch's outputs and targets (and ``weights=``, where there are any) that gives the mean loss."""

Metric = Callable[[Sequence[Any], Sequence[float]], float]
"""A function of outputs and targets that gives a score; more is better."""

_LOSS = "the loss of a batch is a Value, computed from the outputs of the model"


class EagerStep:
    """The plain way: build the graph of the batch's loss (and a penalty, if there is one), and sweep it."""

    def __init__(self, model: Any, loss: Loss, penalty: Callable[[], Any] | None = None) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty

    def __call__(self, rows: Sequence[Any], targets: Sequence[Any], weights: Sequence[float] | None = None) -> float:
        """Add the gradients of the batch's loss to ``.grad``; return the loss."""
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
