"""How a compiled step is recorded, and the buffers that it runs on."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import ops
from autodiff.program.program import Output, Run, padded
from autodiff.replay.backends.llvm.native import NativeRun
from autodiff.replay.tracer import Kernel, Recorder
from autodiff.value import Value
from nn.losses.functions import SampleLoss
from nn.losses.targets import as_row
from nn.model.module import Module, forward_batch, unwrapped
from nn.replay.columns import Columns

__all__ = ["Plan", "forget_oldest", "record"]

_KEPT = 16


def forget_oldest(kept: dict[Any, Any]) -> list[Any]:
    """Drop what is too much of a cache: the oldest, whose keys are returned."""
    gone = list(kept)[: max(len(kept) - _KEPT, 0)]
    for key in gone:
        del kept[key]
    return gone


class Plan:
    """A compiled program of a batch with its buffers.

    Parameters
    ----------
    kernel : Kernel
        Its first shared inputs are the parameters. Either each sample is one in the program, with its features, the
        numbers of its target, and its share in the loss; or these of all samples are further shared inputs.
    together : int or None
        How many samples the program holds as one graph; None if it has one and runs over any number.
    outputs : int
        How many outputs of samples are among the results, all samples together.
    """

    def __init__(self, kernel: Kernel, together: int | None, outputs: int = 0) -> None:
        self.kernel = kernel
        self._together = together
        self._outputs = outputs
        self._whole: dict[int, Columns | None] = {}
        self._rooms: dict[int, tuple[array[float], array[float], Callable[[int, int], None]]] = {}

    def run(self, parameters: array[float], columns: Columns, chosen: Sequence[int], mean: bool) -> array[float]:
        """The shared results for some samples; a buffer that the next run overwrites."""
        kernel, n = self.kernel, len(chosen)
        kernel.shared[: len(parameters)] = parameters
        kernel.refill()
        if self._together is not None:
            stride = n
            given = array("d", bytes(8 * n * (columns.width + 1)))
            columns.gather(chosen, given, n)
            given[n * columns.width :] = columns.shares(chosen, mean)
            kernel.shared[len(parameters) : len(parameters) + len(given)] = given
            self._room(0)[2](0, 0)
        else:
            stride = padded(n)
            samples, _, run = self._room(stride)
            whole = columns if type(chosen) is range and n == len(columns) else None
            if whole is None or self._whole.get(stride) is not whole:
                self._whole[stride] = whole  # a data set as a whole, run again and again, stays in its buffer
                columns.gather(chosen, samples, stride)
                samples[stride * columns.width : stride * columns.width + n] = columns.shares(chosen, mean)
            kernel.draw(samples, n, stride)
            run(n, stride)
        kernel.hand_on(kernel.shared_out)
        return kernel.shared_out

    def each(self, n: int) -> list[list[float]]:
        """The outputs of each of the n samples of the last run, one list a sample."""
        if self._together is not None:  # behind the loss, sample after sample
            found = self.kernel.shared_out[1 : 1 + self._outputs]
            width = len(found) // n
            return [list(found[k * width : (k + 1) * width]) for k in range(n)]
        stride = padded(n)
        samples_out = self._room(stride)[1]
        rows = [samples_out[k * stride : k * stride + n] for k in range(len(self.kernel.program.sample_outputs))]
        return [list(row) for row in zip(*rows)]

    def _room(self, stride: int) -> tuple[array[float], array[float], Callable[[int, int], None]]:
        """Buffers for so many samples, and the program bound to them."""
        room = self._rooms.get(stride)
        if room is None:
            kernel = self.kernel
            program = kernel.program
            samples = array("d", bytes(8 * max(stride * len(program.sample_inputs), 1)))
            each = array("d", bytes(8 * max(stride * len(program.sample_outputs), 1)))
            buffers = kernel.shared, samples, kernel.shared_out, each
            room = self._rooms[stride] = samples, each, _bound(kernel.run, buffers)
            for gone in forget_oldest(self._rooms):
                self._whole.pop(gone, None)
        return room


def _bound(run: Run, buffers: tuple[array[float], ...]) -> Callable[[int, int], None]:
    """A program with its buffers given once and for all."""
    return run.bound(*buffers) if isinstance(run, NativeRun) else lambda n, stride: run(n, stride, *buffers)


def record(
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
    """Record and compile the loss of a batch, and with `sweep` its gradient.

    Parameters
    ----------
    model : Module
        The model, in the mode in which it is to run.
    parameters : sequence of Value
        What to differentiate by.
    loss : callable
        Of all outputs and targets; is used only where there is no `sample_loss`.
    sample_loss : SampleLoss or None
        Of one sample.
    penalty : callable or None
        What is added to the loss.
    columns : Columns
        A data set, of which only the widths count.
    together : int or None
        How many samples to record as one graph; None for one sample, and a program that runs over any number.
    sweep : bool
        Whether gradients are wanted; if not, the outputs of each sample are.
    backend : str
        As in `autodiff.compile`.

    Returns
    -------
    Plan
        Its shared results: the loss; with `sweep` its gradient; with a penalty the same of that.
    """
    recorder = Recorder([])
    recorder.adopt(parameters)
    lane, count = together is None, together or 1
    # In the order of the buffers: column after column, and in each sample after sample.
    given = [[Value(0.5) for _ in range(count)] for _ in range(columns.width + 1)]
    for column in given:
        recorder.adopt(column, lane)
    rows = [tuple(row) for row in zip(*given[: columns.inputs])]
    told = [unwrapped(list(t)) for t in zip(*given[columns.inputs : -1])]

    def batch_loss() -> tuple[Any, list[Any]]:
        outputs = forward_batch(model, rows)
        if sample_loss is None:
            return loss(outputs, told), outputs
        terms = [sample_loss.of(y, t) for y, t in zip(outputs, told)]
        return ops.dot(terms, given[-1]) if together else terms[0] * given[-1][0], outputs

    total, outputs = recorder.trace(batch_loss)
    parts: list[tuple[Any, Any]] = [(total, "sum" if lane else "one")]
    if penalty is not None:
        parts.append((recorder.trace(penalty), "one"))
    wanted: list[Output] = []
    for y, kind in parts:
        (slot,) = recorder.write([y])
        slots = recorder.gradient(slot, [recorder.slots[p] for p in parameters], summed=True) if sweep else []
        wanted += [Output(s, kind) for s in (slot, *slots)]
    if not sweep:
        each: Any = "each" if lane else "one"
        wanted += [Output(s, each) for y in outputs for s in recorder.write(as_row(y))]
    return Plan(recorder.kernel(wanted, backend), together, sum(len(as_row(y)) for y in outputs))
