"""What may be done during a training: functions that are told how it goes, and may end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nn.history import History
from nn.model.module import Module
from nn.optim import Optimizer

__all__ = ["Callback", "Training"]


@dataclass
class Training:
    """Where a training stands; callbacks get it.

    Parameters
    ----------
    model : Module
        What is trained, with the weights of this moment; ``.grad`` is the gradient of the last mini-batch, as it was
        clipped. After a step it is in training mode, after an epoch in evaluation mode.
    optimizer : Optimizer
        What changes them.
    history : History
        The record so far.
    epoch : int
        The epoch: 0 after the untrained model was measured, then that which is going on or has just ended.
    step : int
        How many steps were taken, over the whole training.
    loss : float
        The last mini-batch's, penalties included, before its step; nan before the first.
    gradient_norm : float
        The Euclidean norm of its gradients before clipping; nan before the first.
    stopping : bool
        Whether `stop` was called.
    """

    model: Module
    optimizer: Optimizer
    history: History
    epoch: int = 0
    step: int = 0
    loss: float = float("nan")
    gradient_norm: float = float("nan")
    stopping: bool = False

    def stop(self) -> None:
        """End the training after this step or epoch; the best weights are kept as at its usual end."""
        self.stopping = True


class Callback:
    """Base class of callbacks that want to be called after steps; for epochs alone a function of a `Training` will do.

    Examples
    --------
    >>> class Losses(Callback):
    ...     def __init__(self):
    ...         self.seen = []
    ...     def on_step(self, training):
    ...         self.seen.append(training.loss)
    >>> from nn import Neuron, fit
    >>> from nn.data import Dataset
    >>> losses = Losses()
    >>> data = Dataset([[0.0], [1.0]], [1.0, 3.0], ("x",))
    >>> history = fit(Neuron(1, activation="linear"), data, epochs=3, batch_size=1, callbacks=[losses], progress=False)
    >>> len(losses.seen)
    6
    """

    def on_step(self, training: Training) -> None:
        """Do something after a step."""

    def on_epoch(self, training: Training) -> None:
        """Do something after an epoch was measured, the untrained model (epoch 0) included."""


AnyCallback = Callback | Callable[[Training], Any]


def checked(callback: AnyCallback) -> AnyCallback:
    """Take a callback, or a function to be called after each epoch; a TypeError if it is neither."""
    if not isinstance(callback, Callback) and not callable(callback):
        raise TypeError(f"a callback is a function of a Training or an nn.callbacks.Callback, got {callback!r:.60}")
    return callback
