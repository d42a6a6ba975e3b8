"""The worker that replays: recorded programs over flat buffers, the optimizer's rule on whole arrays."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from nn.data.dataset import Dataset
from nn.eager.worker import Problem, Worker
from nn.losses.functions import SAMPLE_LOSSES
from nn.model.module import evaluating
from nn.optim.clip import clip_factor
from nn.optim.optimizer import Optimizer
from nn.replay.columns import Columns, is_finite, numpy_or_none
from nn.replay.compiled_step import CompiledStep, NotCompilable
from nn.replay.update import FlatUpdate

__all__ = ["ReplayWorker"]


_MOST_TOGETHER = 128  # samples; compiling takes some 10 ms for each


class ReplayWorker(Worker):
    """Does what `nn.eager.worker.Worker` does, by programs that are compiled at the first use.

    Parameters
    ----------
    problem : Problem
        What to work on.
    backend : str
        As in `autodiff.compile`.

    Raises
    ------
    NotCompilable
        If the model or the loss cannot be recorded, or the optimizer has a ``step`` of its own or changes what is no
        parameter of the model.
    """

    def __init__(self, problem: Problem, backend: str = "auto") -> None:
        if problem.loss not in SAMPLE_LOSSES:
            raise NotCompilable("the loss is a function of your own")
        optimizer = problem.optimizer
        if type(optimizer).step is not Optimizer.step:
            raise NotCompilable(f"{type(optimizer).__name__} has a step of its own")
        self.problem = problem
        self._step = CompiledStep(problem.model, problem.loss, problem.penalty, backend=backend)
        self._measure = CompiledStep(problem.model, problem.loss, backend=backend, sweep=False)
        place = {p: k for k, p in enumerate(self._step.values)}
        if not place.keys() >= set(optimizer.parameters):
            raise NotCompilable("the optimizer changes what is no parameter of the model")
        chosen = [place[p] for p in optimizer.parameters]
        self._chosen = None if chosen == list(range(len(place))) else chosen
        self._update = FlatUpdate(optimizer, self._chosen)
        self._modules = problem.model.modules()
        self._names = [name for name, _ in problem.model.named_parameters()]
        self._buffered = bool(problem.model.named_buffers())
        self._columns = self._step.columns(problem.training.features, problem.training.targets, problem.weights)
        self._aside = None if problem.validation is None else self._of(problem.validation)
        numpy = self._numpy = numpy_or_none()
        self._x: Any = self._step.parameters if numpy is None else numpy.frombuffer(self._step.parameters)
        self._g: Any = self._step.gradient if numpy is None else numpy.frombuffer(self._step.gradient)
        self._swept = False
        self._prepare()
        self._step.pull()

    def _prepare(self) -> None:
        """Compile now, so that what cannot be recorded is known before anything is changed."""
        with evaluating(self.problem.model):  # which brings the modes back
            self._set_mode(True)
            together = min(self.problem.batch_size, len(self._columns))
            if together > _MOST_TOGETHER and any(module.couples_samples for module in self._modules):
                raise NotCompilable(f"one graph of {together} samples, which the model couples, takes long to compile")
            self._step.prepare(self._columns, range(together))
            self._set_mode(False)
            self._measure.prepare(self._columns, range(len(self._columns)))
        self.backend = self._step.report.backend

    def _set_mode(self, training: bool) -> None:
        for module in self._modules:
            module.training = training

    def _of(self, dataset: Dataset) -> Columns:
        return self._step.columns(dataset.features, dataset.targets)

    def begin(self) -> None:  # noqa: D102
        self._set_mode(True)

    def gradient(self, chosen: Sequence[int]) -> float:  # noqa: D102
        self._swept = True
        return self._step.run(self._columns, chosen)

    def clipped(self, clip_value: float | None, clip_norm: float | None) -> float:  # noqa: D102
        norm = self._norm()
        if clip_value is not None:
            self._step.gradient[:] = array("d", [max(min(x, clip_value), -clip_value) for x in self._g])
        if clip_norm is not None:
            factor = clip_factor(norm if clip_value is None else self._norm(), clip_norm)
            if factor != 1.0:
                self._step.gradient[:] = array("d", [x * factor for x in self._g])
        return norm

    def _norm(self) -> float:
        """Of the gradients of what the optimizer changes."""
        g = self._g if self._chosen is None else [self._g[k] for k in self._chosen]
        if self._numpy is not None:
            with self._numpy.errstate(over="ignore", invalid="ignore"):  # it is done again below
                square = float(self._numpy.dot(g, g))
            if 1e-200 < square < 1e200:
                return math.sqrt(square)
        return math.nan if any(x != x for x in g) else math.hypot(*g)

    def update(self) -> None:  # noqa: D102
        self._update(self._step.parameters, self._step.gradient)

    def is_finite(self) -> bool:  # noqa: D102
        columns = [self._x, *self.problem.optimizer.state.values()]
        if self._buffered:
            columns.append([x for _, x in self.problem.model.named_buffers()])
        return all(map(is_finite, columns))

    def measure(self) -> tuple[float, float, float, float]:  # noqa: D102
        self._set_mode(False)
        self._measure.parameters[:] = self._step.parameters
        here = self._measured(self._columns, self.problem.training)
        if self._aside is None or self.problem.validation is None or not math.isfinite(here[0]):
            return (*here, math.nan, math.nan)
        return (*here, *self._measured(self._aside, self.problem.validation))

    def _measured(self, columns: Columns, dataset: Dataset) -> tuple[float, float]:
        loss = self._measure.run(columns, range(len(columns)))
        return loss, self.problem.metric(self._measure.outputs(len(columns)), dataset.targets)

    def snapshot(self) -> Callable[[], dict[str, float]]:  # noqa: D102
        numbers = array("d", self._step.parameters)
        buffers = dict(self.problem.model.named_buffers()) if self._buffered else {}
        return lambda: {**dict(zip(self._names, numbers)), **buffers}

    def show(self) -> None:  # noqa: D102
        self._step.push()
        if self._swept:
            for p, g in zip(self._step.values, self._step.gradient):
                p.grad = g
        state = self.problem.optimizer.state
        for name, column in state.items():
            state[name] = list(map(float, column))

    def read(self) -> None:
        """Take the numbers of the model's Values: they were restored from a checkpoint, perhaps."""
        self._step.pull()
