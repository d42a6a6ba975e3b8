"""The rule of an optimizer on flat buffers: compiled, by NumPy on whole arrays, or one parameter after the other."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import cast

from autodiff.errors import GraphError
from autodiff.replay import Kernel, Tracer
from nn.optim.optimizer import Optimizer
from nn.replay.columns import numpy_or_none


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
    before = optimizer._lr
    try:
        optimizer._lr = cast(float, lr)  # the rate of each step is an input
        moved, left = tracer.trace(optimizer.update, x, g, tuple(state), step)
        tracer.want([moved, *left], "each")
        room = Kernel(tracer, "llvm").bound(len(optimizer.parameters))
    except (GraphError, TypeError, ImportError):
        return None
    finally:
        optimizer._lr = before

    def rule(x: array[float], g: array[float], step: int) -> None:
        state, columns = optimizer.state, [x, g]
        for name in names:
            column = state[name]
            columns.append(column if type(column) is array else array("d", column))
        room.inputs.fill(columns)
        room.shared[0], room.shared[1] = optimizer.lr, step
        room()
        x[:], *columns = room.outputs.copies()
        state.update(zip(names, columns))

    return rule
