"""The worker that replays: traced programs over flat buffers, and so the optimizer's rule."""

from __future__ import annotations

import copy
import math
import operator
from array import array
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from nn.data.dataset import Dataset
from nn.eager.step import Problem, Worker
from nn.losses.functions import SAMPLE_LOSSES
from nn.model.module import Module, evaluating
from nn.optim.clip import clip_factor
from nn.optim.rules import Optimizer
from nn.replay.compiled_step import Columns, CompiledStep, is_finite, numpy_or_none
from nn.replay.flat_update import FlatUpdate
from nn.replay.settings import NotCompilable

_MOST_TOGETHER = 128  # samples; compiling takes some 10 ms for each


_MOST_CHANGES = 64
"""Of what is no number: recording anew at each step would be slower than building graphs."""


class ReplayWorker(Worker):
    """Does what `nn.eager.step.Worker` does, by programs that are compiled when it is made.

    That raises NotCompilable if the model or the loss cannot be traced, or the optimizer has a ``step`` of its own or
    changes what is no parameter of the model.
    """

    def __init__(self, problem: Problem) -> None:
        if not isinstance(problem.loss, Hashable) or problem.loss not in SAMPLE_LOSSES:
            raise NotCompilable("the loss is a function of your own")
        self.problem = problem
        self._swept = False
        self._changes = 0
        self._begin()

    def _begin(self) -> None:
        """Look at the model and the optimizer as they are now, and compile."""
        problem = self.problem
        self._check_optimizer()
        self._step = CompiledStep(problem.model, problem.loss, problem.penalty)
        self._measure = CompiledStep(problem.model, problem.loss, sweep=False, settings=self._step.settings)
        self._parameters = list(problem.optimizer.parameters)
        place = {p: k for k, p in enumerate(self._step.values)}
        if not place.keys() >= set(self._parameters):
            raise NotCompilable("the optimizer changes what is no parameter of the model")
        if any(len(column) != len(self._parameters) for column in problem.optimizer.state.values()):
            raise NotCompilable("the optimizer remembers more or fewer numbers than it has parameters")
        chosen = [place[p] for p in self._parameters]
        self._chosen = None if chosen == list(range(len(place))) else chosen
        self._update = FlatUpdate(problem.optimizer, self._chosen)
        self._modules = problem.model.modules()
        self._buffered = bool(problem.model.named_buffers())
        self._take_data()
        numpy = self._numpy = numpy_or_none()
        self._x: Any = self._step.parameters if numpy is None else numpy.frombuffer(self._step.parameters)
        self._g: Any = self._step.gradient if numpy is None else numpy.frombuffer(self._step.gradient)
        self._prepare()
        self._step.pull()

    def _check_optimizer(self) -> None:
        optimizer = self.problem.optimizer
        for name in ("step", "zero_grad"):
            if getattr(getattr(optimizer, name), "__func__", None) is not getattr(Optimizer, name):
                raise NotCompilable(f"{type(optimizer).__name__} has a {name} of its own")

    def _take_data(self) -> None:
        here, aside = self.problem.training, self.problem.validation
        self._data = [_numbers(part) for part in (here, aside) if part is not None]
        self._columns = self._step.columns(here.features, here.targets, self.problem.weights)
        self._aside = None if aside is None else self._step.columns(aside.features, aside.targets)

    def _prepare(self) -> None:
        """Compile now, so that what cannot be traced is known before anything is changed."""
        with evaluating(self.problem.model):  # which brings the modes back
            self._set_mode(True)
            together = min(self.problem.batch_size, len(self._columns))
            if together > _MOST_TOGETHER and any(module.couples_samples for module in self._modules):
                raise NotCompilable(f"one graph of {together} samples, which the model couples, takes long to compile")
            self._step.prepare(self._columns, range(together))
            self._set_mode(False)
            self._measure.prepare(self._columns, range(len(self._columns)))
        self._programs = self._step.backend
        self._tell()

    def _tell(self) -> None:
        self.reason = self._update.reason
        self.backend = self._programs + ("" if self.reason is None else f", but eager steps: {self.reason}")

    def _set_mode(self, training: bool) -> None:
        model = self.problem.model
        if type(model).train is Module.train and type(model).eval is Module.eval:  # it takes time to look for modules
            for module in self._modules:
                module.training = training
        elif training:
            model.train()
        else:
            model.eval()

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
        if self._update.reason is not self.reason:
            self._tell()

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
        return loss, self.problem.metric(self._measure.outputs(len(columns)), copy.copy(dataset.targets))

    def snapshot(self) -> Callable[[], dict[str, float]]:  # noqa: D102
        numbers = array("d", self._step.parameters)
        buffers = dict(self.problem.model.named_buffers()) if self._buffered else {}
        return lambda: {**dict(zip(dict(self.problem.model.named_parameters()), numbers)), **buffers}

    def show(self) -> None:  # noqa: D102
        self._step.push()
        if self._swept:
            for p, g in zip(self._step.values, self._step.gradient):
                p.grad = g
        state = self.problem.optimizer.state
        for name, column in state.items():
            state[name] = list(map(float, column))

    def read(self) -> None:
        """Take the numbers of the model's Values, and see what else a callback, or a checkpoint, has changed.

        What was compiled stays if only numbers were; `NotCompilable` if it cannot be made anew.
        """
        self._check_optimizer()
        parameters = self.problem.optimizer.parameters
        same = len(parameters) == len(self._parameters) and all(map(operator.is_, parameters, self._parameters))
        if not same or self._step.settings.changed():
            self._changes += 1
            if self._changes > _MOST_CHANGES:
                raise NotCompilable("what decides on its form is changed again and again")
            self._begin()
            return
        self._update.heed()
        self._tell()
        if self.problem.open:
            parts = [part for part in (self.problem.training, self.problem.validation) if part is not None]
            if self._data != list(map(_numbers, parts)):
                self._take_data()
        self._step.pull()


def _numbers(part: Dataset) -> list[Any]:
    return [*map(tuple, part.features), *part.targets]
