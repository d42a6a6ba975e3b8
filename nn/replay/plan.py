"""A compiled step's programs: how one is traced, and how it is run on the samples of a data set."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import ops
from autodiff.replay import Bound, Kernel, Rows, Tracer
from autodiff.value import Value
from nn.losses.targets import is_row
from nn.model.module import Module, forward_batch
from nn.replay.columns import Columns
from nn.replay.sample_losses import SampleLoss

_KEPT = 16


def forget_oldest(kept: dict[Any, Any]) -> None:
    """Drop what is too much of a cache."""
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]


def as_row(x: Any) -> list[Any]:
    """A row of numbers as a list; a lone number is a row of one."""
    return list(x) if is_row(x) else [x]


class Plan:
    """A compiled program of a batch, with room for batches of several sizes.

    Its first shared inputs are the parameters. Either each sample is one in the program, with its features, the numbers
    of its target, and its share in the loss; or these of all samples, as many as are `together` in one graph, are
    further shared inputs, and the outputs of the model, all in all `outputs` numbers, follow the loss.
    """

    def __init__(self, kernel: Kernel, together: int | None, outputs: int) -> None:
        self.kernel = kernel
        self._together = together
        self._outputs = outputs
        self._rooms: dict[int, Bound] = {}

    def run(self, parameters: array[float], columns: Columns, chosen: Sequence[int], mean: bool) -> array[float]:
        """The shared results for some samples; a buffer that the next run overwrites."""
        n = len(chosen)
        if self._together is not None:
            rows, shared = Rows(columns.width + 1, n), parameters[:]
            columns.gather(chosen, rows, mean)
            for row in rows:
                shared += row
            return self._room(0)(shared)
        room = self._room(n)
        whole = columns if type(chosen) is range and n == len(columns) else None
        if whole is None or room.holds is not whole:
            room.holds = whole  # a data set as a whole, run again and again, stays in its buffer
            columns.gather(chosen, room.inputs, mean)
        return room(parameters)

    def each(self, n: int) -> list[list[float]]:
        """The outputs of each of the n samples of the last run, one list a sample."""
        if self._together is None:
            return [list(row) for row in zip(*self._room(n).outputs)]
        found = self.kernel.shared_out[1 : 1 + self._outputs]  # behind the loss, sample after sample
        width = len(found) // n
        return [list(found[k * width : (k + 1) * width]) for k in range(n)]

    def _room(self, n: int) -> Bound:
        room = self._rooms.get(n)
        if room is None:
            room = self._rooms[n] = self.kernel.bound(n)
            forget_oldest(self._rooms)
        return room


def trace(
    model: Module,
    parameters: Sequence[Value],
    loss: Callable[..., Any],
    sample_loss: SampleLoss | None,
    penalty: Callable[[], Any] | None,
    columns: Columns,
    together: int | None,
    *,
    sweep: bool,
    backend: str,
) -> Plan:
    """Trace and compile the loss of a batch, by `sample_loss` if there is one, and with `sweep` its gradient.

    Of `columns`, a data set, only the widths count. The program's shared results: the loss; with `sweep` its gradient;
    with a penalty the same of that. Without `sweep` the outputs of each sample are results too.
    """
    tracer = Tracer()
    tracer.adopt(parameters)
    lane, count = together is None, together or 1
    # In the order of the buffers: column after column, and in each sample after sample.
    given = [[Value(0.5) for _ in range(count)] for _ in range(columns.width + 1)]
    for column in given:
        tracer.adopt(column, lane)
    rows = [tuple(row) for row in zip(*given[: columns.inputs])]
    told = list(zip(*given[columns.inputs : -1]))

    def batch_loss() -> tuple[Any, list[Any]]:
        outputs = forward_batch(model, rows)
        if sample_loss is None:
            return loss(outputs, [t[0] if len(t) == 1 else list(t) for t in told]), outputs
        terms = [sample_loss.of(y, t) for y, t in zip(outputs, told)]
        return ops.dot(terms, given[-1]) if together else terms[0] * given[-1][0], outputs

    total, outputs = tracer.trace(batch_loss)

    def want(y: Any, kind: Any) -> None:
        tracer.want([y], kind)
        if sweep:
            tracer.want_gradient(y, parameters, kind, summed=True)

    want(total, "sum" if lane else "one")
    if penalty is not None:
        want(tracer.trace(penalty), "one")
    if not sweep:
        tracer.want([x for y in outputs for x in as_row(y)], "each" if lane else "one")
    return Plan(Kernel(tracer, backend), together, sum(len(as_row(y)) for y in outputs))
