"""Who does the numerical work of a training: `Worker` builds graphs; that of `nn.replay` runs a recorded program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nn.data import Dataset
from nn.eager.step import EagerStep, Loss, Metric, evaluate
from nn.model.module import Module
from nn.optim import Optimizer
from nn.optim.clip import clip_grad_norm_, clip_grad_value_, grad_norm


@dataclass
class Problem:
    """What a training works on: `weights` are one a sample of the training part, `penalty` is added to the loss."""

    model: Module
    optimizer: Optimizer
    training: Dataset
    validation: Dataset | None
    weights: Sequence[float] | None
    loss: Loss
    metric: Metric
    penalty: Callable[[], Any] | None
    batch_size: int


class Worker:
    """The numerical work of `nn.fit`, the plain way: the graph of each mini-batch is built and swept.

    `nn.replay` does the same by other means, a method each.
    """

    backend = "eager"
    """What it runs on, in a word."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
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
        problem = self.problem
        here = evaluate(problem.model, problem.training, problem.loss, problem.metric, problem.weights)
        if problem.validation is None or not math.isfinite(here[0]):
            return (*here, math.nan, math.nan)
        return (*here, *evaluate(problem.model, problem.validation, problem.loss, problem.metric))

    def snapshot(self) -> Callable[[], dict[str, float]]:
        """The state of the model at this moment: what gives it, when it is wanted, as `Module.state_dict` does."""
        return self.problem.model.state_dict().copy

    def show(self) -> None:
        """Let the model's own Values have the numbers and gradients of this moment."""
