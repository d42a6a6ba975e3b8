"""The worker that replays: traced programs over flat buffers, and so the optimizer's rule (`FlatUpdate`).

The rule is compiled, or run by NumPy on whole arrays, or on one parameter after the other.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any, cast

from autodiff.errors import GraphError
from autodiff.replay import Kernel, Tracer
from nn.data.dataset import Dataset
from nn.eager.step import Problem, Worker
from nn.losses.functions import SAMPLE_LOSSES
from nn.model.module import evaluating
from nn.optim.clip import clip_factor
from nn.optim.rules import Optimizer
from nn.replay.compiled_step import Columns, CompiledStep, NotCompilable, is_finite, numpy_or_none


class FlatUpdate:
    """Makes the steps of an optimizer on flat buffers, and moves its state and count of steps on.

    `chosen` are those of the numbers in the buffers that are its parameters, in its order; None for all as they are.
    """

    def __init__(self, optimizer: Optimizer, chosen: Sequence[int] | None) -> None:
        self.optimizer = optimizer
        self._chosen = chosen
        plain = self._by_numpy if numpy_or_none() is not None else self._one_by_one
        self._rule = (_compiled(optimizer) if chosen is None else None) or plain

    def __call__(self, x: array[float], g: array[float]) -> None:
        """Make one step: parameters `x` with gradients `g` are changed in place."""
        step = self.optimizer.steps + 1
        self._rule(x, g, step)
        self.optimizer.steps = step

    def _by_numpy(self, x: array[float], g: array[float], step: int) -> None:
        numpy, optimizer = numpy_or_none(), self.optimizer
        numbers, slopes = numpy.frombuffer(x), numpy.frombuffer(g)
        everything = slice(None) if self._chosen is None else list(self._chosen)
        state = tuple(numpy.asarray(optimizer.state[name], dtype=float) for name in optimizer.state_names)
        with numpy.errstate(all="ignore"):
            moved, state = optimizer.update(numbers[everything], slopes[everything], state, step)
        numbers[everything] = moved
        optimizer.state.update(zip(optimizer.state_names, state))

    def _one_by_one(self, x: array[float], g: array[float], step: int) -> None:
        optimizer, names = self.optimizer, self.optimizer.state_names
        columns = [optimizer.state[name] for name in names]
        places = range(len(x)) if self._chosen is None else self._chosen
        rows = [tuple(column[k] for column in columns) for k in range(len(places))]
        moved = [optimizer.update(x[p], g[p], row, step) for p, row in zip(places, rows)]
        for p, (y, _) in zip(places, moved):
            x[p] = y
        optimizer.state.update(zip(names, map(list, zip(*[row for _, row in moved]))))


def _compiled(optimizer: Optimizer) -> Callable[[array[float], array[float], int], None] | None:
    """The rule as a program that runs over the parameters as a batch; None if it cannot be traced, or not faster."""
    names = optimizer.state_names
    tracer = Tracer([False, False, *[True] * (2 + len(names))])
    lr, step, x, g, *state = tracer.leaves
    rate = optimizer._lr
    try:
        optimizer._lr = cast(float, lr)  # the rate of each step is an input
        moved, left = tracer.trace(optimizer.update, x, g, tuple(state), step)
        tracer.want([moved, *left], "each")
        room = Kernel(tracer, "llvm").bound(len(optimizer.parameters))
    except (GraphError, TypeError, ImportError):
        return None
    finally:
        optimizer._lr = rate

    given, found = room.inputs.buffer, room.outputs.buffer
    at_x, at_g, *before = room.inputs.places
    at_moved, *after = room.outputs.places
    places = list(zip(names, before, after))

    def rule(x: array[float], g: array[float], step: int) -> None:
        state = optimizer.state
        room.shared[0], room.shared[1] = optimizer.lr, step
        given[at_x], given[at_g] = x, g
        for name, place, _ in places:
            column = state[name]
            given[place] = column if type(column) is array else array("d", column)
        room()
        x[:] = found[at_moved]
        for name, _, place in places:
            state[name] = found[place]

    return rule


_MOST_TOGETHER = 128  # samples; compiling takes some 10 ms for each


class ReplayWorker(Worker):
    """Does what `nn.eager.step.Worker` does, by programs that are compiled when it is made.

    That raises NotCompilable if the model or the loss cannot be traced, or the optimizer has a ``step`` of its own or
    changes what is no parameter of the model.
    """

    def __init__(self, problem: Problem) -> None:
        if problem.loss not in SAMPLE_LOSSES:
            raise NotCompilable("the loss is a function of your own")
        optimizer = problem.optimizer
        if type(optimizer).step is not Optimizer.step:
            raise NotCompilable(f"{type(optimizer).__name__} has a step of its own")
        self.problem = problem
        self._step = CompiledStep(problem.model, problem.loss, problem.penalty)
        self._measure = CompiledStep(problem.model, problem.loss, sweep=False)
        place = {p: k for k, p in enumerate(self._step.values)}
        if not place.keys() >= set(optimizer.parameters):
            raise NotCompilable("the optimizer changes what is no parameter of the model")
        chosen = [place[p] for p in optimizer.parameters]
        self._chosen = None if chosen == list(range(len(place))) else chosen
        self._update = FlatUpdate(optimizer, self._chosen)
        self._modules = problem.model.modules()
        self._buffered = bool(problem.model.named_buffers())
        here, aside = problem.training, problem.validation
        self._columns = self._step.columns(here.features, here.targets, problem.weights)
        self._aside = None if aside is None else self._step.columns(aside.features, aside.targets)
        numpy = self._numpy = numpy_or_none()
        self._x: Any = self._step.parameters if numpy is None else numpy.frombuffer(self._step.parameters)
        self._g: Any = self._step.gradient if numpy is None else numpy.frombuffer(self._step.gradient)
        self._swept = False
        self._prepare()
        self._step.pull()

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
        self.backend = self._step.backend

    def _set_mode(self, training: bool) -> None:
        for module in self._modules:
            module.training = training

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
        """Take the numbers of the model's Values: they were restored from a checkpoint, perhaps."""
        self._step.pull()
