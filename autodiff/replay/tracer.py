"""From a function, or a graph, to a program: trace, write on a tape, differentiate, choose a backend, compile."""

from __future__ import annotations

import itertools
import math
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from autodiff import ops, recording
from autodiff.derivatives.forward import Dual
from autodiff.errors import TraceError
from autodiff.graph import topological
from autodiff.program import Output, Program, SimplifyingTape, reverse
from autodiff.recording import tracing
from autodiff.replay.backends import NativeRun, compile_program, compile_scalar, through_buffers
from autodiff.replay.forms import Differentiated, Number
from autodiff.replay.program_report import Report
from autodiff.replay.transcription import transcribe
from autodiff.strict import lenient
from autodiff.value import Value

__all__ = ["Entry", "Kernel", "Recorder"]

_FEW = 64  # arguments of a function that takes them one by one


class Recorder:
    """A tape with the leaves that stand for its inputs.

    Parameters
    ----------
    lanes : sequence of bool
        For each input whether there is one number for each sample.
    """

    def __init__(self, lanes: Sequence[bool]) -> None:
        self.began = time.perf_counter()
        self.tape = SimplifyingTape()
        self.epoch = recording.begin_epoch()
        self.leaves = [Value(math.nan) for _ in lanes]
        self.slots: dict[Value, int] = {v: self.tape.input(lane) for v, lane in zip(self.leaves, lanes)}
        self.captured: list[Value] = []
        self.supplies: list[tuple[Value, Callable[[], float], bool]] = []
        self.observations: list[tuple[Any, Callable[[float], None]]] = []
        self.recorded = 0

    def adopt(self, leaves: Iterable[Value], lane: bool = False) -> None:
        """Make leaves that are there already, such as a model's parameters, inputs of the program."""
        for v in leaves:
            self.leaves.append(v)
            self.slots[v] = self.tape.input(lane)

    def drawn(self, supply: Callable[[], float], each: bool) -> Value:
        """See `autodiff.recording.drawn`; the inputs come behind those that are there."""
        v = Value(math.nan)
        self.adopt([v], lane=each and True in self.tape.lane)
        self.supplies.append((v, supply, each))
        return v

    def observed(self, x: Any, store: Callable[[float], None]) -> None:
        """See `autodiff.recording.observed`."""
        if True in self.tape.lane:
            raise TraceError(
                "a number of the whole batch is kept, such as the mean of batch normalisation: record the batch as one "
                "graph, or call eval()"
            )
        self.observations.append((x, store))

    def trace(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on Values, refusing what would leave the graph."""
        with recording.resume(), lenient(), tracing(self):
            return function(*arguments)

    def write(self, outputs: Iterable[Any]) -> list[int]:
        """The slots of numbers that were computed from the leaves."""
        outputs = list(outputs)
        if any(type(y) is Dual for y in outputs):
            raise Differentiated  # by a number from around the function
        nodes = [y for y in outputs if type(y) is Value]
        order = topological(nodes)
        self.recorded += len(order)
        for v in order:
            if v.op is None and v not in self.slots:
                if v._stamp.epoch >= self.epoch:  # made in the function: a constant
                    self.slots[v] = self.tape.constant(v._data)
                else:  # a parameter of a model, say: its number is read anew at each call
                    self.slots[v] = self.tape.input()
                    self.captured.append(v)
        transcribe(self.tape, nodes, self.slots)
        return [self.slots[y] if type(y) is Value else self.tape.constant(float(y)) for y in outputs]

    def gradient(self, output: int, wrt: Sequence[int], *, summed: bool = False) -> list[int]:
        """The slots of a gradient; 0.0 where the output does not depend on an input.

        If it is to be `summed`, -0.0 may stand in it.
        """
        zero = self.tape.constant(0.0)
        found = reverse(self.tape, output, wrt)
        if summed:
            return [zero if g is None else g for g in found]
        # As in `backward`, where a gradient starts at 0.0: it is never -0.0.
        return [zero if g is None else self.tape.apply(ops.add, (g, zero)) for g in found]

    def kernel(self, outputs: Sequence[Output], backend: str, form: Any = None) -> Kernel:
        """The compiled program; `form` is that of the results, see `python.compile_scalar`."""
        return Kernel(self, outputs, backend, form)


class Kernel:
    """A compiled program with its buffers of shared numbers.

    Parameters
    ----------
    recorder : Recorder
        What to compile.
    outputs : sequence of Output
        The slots that are wanted.
    backend : str
        "llvm", "numpy", "python", or "auto".
    form : structure, optional
        That of the results.

    Attributes
    ----------
    shared, shared_out : array of float
        The inputs and outputs that all samples share. They stay where they are.
    reads_outside : bool
        Whether it reads Values that were not given as inputs, asks for numbers, or hands some on.
    direct : callable or None
        A function of floats that returns the results in their form, and None if given anything but floats.
    lock : Lock
        Is held while these buffers are used.
    report : Report
        What was made of the program.
    """

    def __init__(self, recorder: Recorder, outputs: Sequence[Output], backend: str, form: Any = None) -> None:
        watched = recorder.write(x for x, _ in recorder.observations)
        self._stores = [store for _, store in recorder.observations]
        inputs = [recorder.slots[v] for v in (*recorder.leaves, *recorder.captured)]
        self.program = Program(recorder.tape, inputs, [*outputs, *(Output(s, "one") for s in watched)])
        self._captured = recorder.captured
        lane = recorder.tape.lane
        self._supplies = [supply for v, supply, _ in recorder.supplies if not lane[recorder.slots[v]]]
        self._draws = _by_owner([supply for v, supply, _ in recorder.supplies if lane[recorder.slots[v]]])
        self._wanted = len([o for o in outputs if o.kind != "each"])
        self.shared = array("d", bytes(8 * max(len(self.program.shared_inputs), 1)))
        self.shared_out = array("d", bytes(8 * max(len(self.program.shared_outputs), 1)))
        self.given = len(self.program.shared_inputs) - len(self._captured) - len(self._supplies)
        self.batched = bool(self.program.sample_inputs)
        self.scalar: Callable[..., tuple[float, ...]] | None = None
        self.direct: Callable[..., Any] | None = None
        self.reads_outside = bool(recorder.captured or recorder.supplies or recorder.observations)
        self.lock = threading.Lock()
        self.backend, self.run, notes = compile_program(self.program, backend)
        if not self.batched:
            self._without_samples(form)
        self.report = Report.of(
            self.program, recorder.recorded, self.backend, time.perf_counter() - recorder.began, notes, self.run
        )

    def _without_samples(self, form: Any) -> None:
        few = self.given <= _FEW and not self.reads_outside
        alone = few and _is_plain(form)
        if self.backend == "python":
            self.scalar = compile_scalar(self.program)
            if alone:
                self.direct = compile_scalar(self.program, form)
        elif isinstance(self.run, NativeRun) and alone:
            text = through_buffers(self.given, len(self.program.outputs), form)
            run = self.run.bound(self.shared, _EMPTY, self.shared_out, _EMPTY)
            space = {"run": run, "shared": self.shared, "out": self.shared_out, "lock": self.lock}
            exec(compile(text, "<replayed program>", "exec"), space)
            self.direct = cast("Callable[..., Any]", space["direct"])

    def call(self, numbers: Sequence[float]) -> Sequence[float]:
        """Run a program without samples on its inputs."""
        if self.scalar is not None:
            results: Sequence[float] = self.scalar(*numbers, *self._outside())
        else:
            with self.lock:  # `direct` uses the same buffers
                self.shared[: self.given] = array("d", numbers)
                self.refill()
                self.run(0, 0, self.shared, _EMPTY, self.shared_out, _EMPTY)
                results = self.shared_out[:]
        self.hand_on(results)
        return results

    def batch(self, numbers: Sequence[float], samples: array[float], n: int, stride: int) -> array[float]:
        """Run it on samples; returns what there is for each of them."""
        self.shared[: self.given] = array("d", numbers)
        self.refill()
        if self._draws:
            samples = array("d", samples)
            samples.frombytes(bytes(8 * stride * sum(count for _, count in self._draws)))
            self.draw(samples, n, stride)
        results = array("d", bytes(8 * max(stride * len(self.program.sample_outputs), 1)))
        self.run(n, stride, self.shared, samples, self.shared_out, results)
        self.hand_on(self.shared_out)
        return results

    def _outside(self) -> list[float]:
        return [*(supply() for supply in self._supplies), *(v._data for v in self._captured)]

    def refill(self) -> None:
        """Read what comes from outside into the buffer of shared inputs."""
        if not self.reads_outside:
            return
        for k, x in enumerate(self._outside(), self.given):
            self.shared[k] = x

    def draw(self, samples: array[float], n: int, stride: int) -> None:
        """Draw the last inputs of every sample: owner by owner, and of each sample after sample, as layers do."""
        if not self._draws:
            return
        k = len(self.program.sample_inputs) - sum(count for _, count in self._draws)
        for supply, count in self._draws:
            for s in range(n):
                for j in range(k, k + count):
                    samples[j * stride + s] = supply()
            k += count

    def hand_on(self, results: Sequence[float]) -> None:
        """Hand what is observed to whom it concerns."""
        if not self._stores:
            return
        for store, x in zip(self._stores, results[self._wanted :]):
            store(x)


def _by_owner(supplies: Sequence[Callable[[], float]]) -> list[tuple[Callable[[], float], int]]:
    """Runs of one supply, with their lengths: a layer asks the same once for each of its inputs."""
    return [(supply, len(list(run))) for supply, run in itertools.groupby(supplies)]


_EMPTY = array("d", [0.0])


@dataclass(frozen=True)
class Entry:
    """A program with the form of its results."""

    kernel: Kernel
    form: Any


def _is_plain(form: Any) -> bool:
    """Whether a form is of numbers, and of lists, tuples and dicts that a text of Python can write."""
    if isinstance(form, Number):
        return True
    if type(form) is dict:
        return all(isinstance(k, str) for k in form) and all(map(_is_plain, form.values()))
    return type(form) in (list, tuple) and all(map(_is_plain, form))
