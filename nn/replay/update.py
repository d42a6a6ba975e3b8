"""The rule of an optimizer on flat buffers: compiled, by NumPy on whole arrays, or one parameter after the other."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from autodiff.errors import TraceError
from autodiff.program.lowering import NotLowerable
from autodiff.program.program import Output, padded
from autodiff.replay.backends.llvm.native import NativeRun
from autodiff.replay.tracer import Recorder
from autodiff.value import Value
from nn.optim.optimizer import Optimizer
from nn.replay.columns import numpy_or_none

__all__ = ["FlatUpdate"]

if TYPE_CHECKING:
    Rule = Callable[[array[float], array[float], int], None]


class FlatUpdate:
    """Makes the steps of an optimizer on flat buffers.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rule to apply, and whose state and count of steps to move on.
    chosen : sequence of int or None
        Which of the numbers in the buffers are its parameters, in its order; None for all as they are.
    """

    def __init__(self, optimizer: Optimizer, chosen: Sequence[int] | None) -> None:
        self.optimizer = optimizer
        self._chosen = chosen
        self._rule: Rule | None = None
        if chosen is None:
            self._rule = _compiled(optimizer)
        self._plain = self._by_numpy if numpy_or_none() is not None else self._one_by_one

    def __call__(self, x: array[float], g: array[float]) -> None:
        """Make one step: parameters `x` with gradients `g` are changed in place."""
        step = self.optimizer.steps + 1
        (self._rule or self._plain)(x, g, step)
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


def _compiled(optimizer: Optimizer) -> Rule | None:
    """The rule as a program that runs over the parameters as a batch; None if it cannot be recorded, or not faster."""
    names = optimizer.state_names
    recorder = Recorder([])
    lr, step = Value(math.nan), Value(math.nan)
    recorder.adopt([lr, step])
    x, g, *state = given = [Value(math.nan) for _ in range(2 + len(names))]
    recorder.adopt(given, lane=True)
    before = optimizer._lr
    try:
        optimizer._lr = cast(float, lr)  # the rate of each step is an input
        moved, left = recorder.trace(optimizer.update, x, g, tuple(state), step)
        outputs = [Output(s, "each") for s in recorder.write([moved, *left])]
        kernel = recorder.kernel(outputs, "llvm")
    except (TraceError, TypeError, ImportError, NotLowerable):
        return None
    finally:
        optimizer._lr = before
    n = len(optimizer.parameters)
    stride = padded(n)
    samples, results = (array("d", bytes(8 * stride * k)) for k in (2 + len(names), 1 + len(names)))
    run = cast(NativeRun, kernel.run).bound(kernel.shared, samples, kernel.shared_out, results)

    def rule(x: array[float], g: array[float], step: int) -> None:
        kernel.shared[0], kernel.shared[1] = optimizer.lr, step
        samples[:n] = x
        samples[stride : stride + n] = g
        for k, name in enumerate(names, 2):
            column = optimizer.state[name]
            samples[k * stride : k * stride + n] = column if type(column) is array else array("d", column)
        run(n, stride)
        x[:] = results[:n]
        for k, name in enumerate(names, 1):
            optimizer.state[name] = results[k * stride : k * stride + n]

    return rule
