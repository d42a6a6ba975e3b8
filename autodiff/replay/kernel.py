"""A compiled program with its buffers: `Kernel`; for samples, room for them is asked for by `Kernel.bound`."""

from __future__ import annotations

import itertools
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

from autodiff.program import NotLowerable, Program, Run, padded
from autodiff.replay.backends import NativeRun, llvm, numpy_calls, python
from autodiff.replay.tracer import Tracer

BACKENDS: dict[str, Callable[[Program], Run]] = {
    "llvm": llvm.compile_program,
    "numpy": numpy_calls.compile_program,
    "python": python.compile_program,
}

_SMALL = 300  # steps; below, plain Python is ready sooner, and as fast, for what is no batch


def _compile(program: Program, backend: str) -> tuple[str, Run, list[str]]:
    """Compile by a backend, or by the best that there is; the name of it, and what is to be said of the choice."""
    if backend != "auto":
        try:
            return backend, BACKENDS[backend](program), []
        except NotLowerable as problem:
            raise NotLowerable(f"no {backend} for this program: {problem}; take backend='auto' or 'python'") from None
    names = ["llvm", "numpy"] if program.sample_inputs else ["llvm"] if len(program.live) >= _SMALL else []
    notes: list[str] = []
    for name in names:
        try:
            return name, BACKENDS[name](program), notes
        except ImportError:
            notes.append(f"no {name}: it is not installed")
        except NotLowerable as problem:
            notes.append(f"no {name}: {problem}")
    return "python", python.compile_program(program), notes


class Rows:
    """Numbers of n samples in one buffer: a row for each input, or output, of a program.

    They stand at `places` in it, as programs want them; or, if `packed`, one right behind the other.
    """

    def __init__(self, count: int, n: int, *, packed: bool = False) -> None:
        self.count, self.n, self.stride = count, n, n if packed else padded(n)
        self.buffer = array("d", bytes(8 * max(count * self.stride, 1)))
        self.places = [slice(k * self.stride, k * self.stride + n) for k in range(count)]

    def fill(self, rows: Iterable[array[float]], first: int = 0) -> None:
        """Copy some rows in, from the first-th on."""
        buffer = self.buffer
        for place, row in zip(self.places[first:], rows):
            buffer[place] = row

    def copies(self) -> list[array[float]]:
        """Copies of the rows."""
        return list(map(self.buffer.__getitem__, self.places))

    @cached_property
    def table(self) -> Any:
        """The rows themselves, as an array of NumPy."""
        import numpy

        found = numpy.frombuffer(self.buffer, count=self.count * self.stride)
        return found.reshape(self.count, self.stride)[:, : self.n]


_NO_ROWS = Rows(0, 0)


class Bound:
    """A program bound to room for n samples: fill `shared` and `inputs`, call it, read what it returns and `outputs`.

    `shared` begins with the inputs that are given and that all samples share. `holds` is for who fills the others, to
    know what is in them. No two of one kernel run at once.
    """

    def __init__(self, kernel: Kernel, n: int) -> None:
        self._kernel = kernel
        self.shared = kernel.shared
        self.inputs, self.outputs = Rows(kernel.each[0], n), Rows(kernel.each[1], n)
        self.holds: Any = None
        self._run = kernel.on(self.inputs, self.outputs)

    def __call__(self) -> array[float]:
        """Run it, and return what there is once, in a buffer that the next run overwrites."""
        kernel = self._kernel
        if not kernel.reads_outside:
            self._run()
            return kernel.shared_out
        kernel.read_outside(self.inputs)
        self._run()
        kernel.hand_on(kernel.shared_out)
        return kernel.shared_out


class Kernel:
    """A compiled program.

    Its buffers `shared` and `shared_out`, of the inputs and outputs that all samples share, stay where they are; `lock`
    is held while a program without samples uses them. `each` says how many inputs and outputs there are of each sample.
    It `reads_outside` if it reads Values that were not given as inputs, asks for numbers, or hands some on.
    """

    def __init__(self, tracer: Tracer, backend: str) -> None:
        self.program = tracer.program()
        self._stores = [store for _, store in tracer.observations]
        self._captured = tracer.captured
        lane = tracer.tape.lane
        self._supplies = [supply for v, supply in tracer.supplies if not lane[tracer.slots[id(v)]]]
        # Runs of one supply, with their lengths: a layer asks the same once for each of its inputs.
        draws = itertools.groupby(supply for v, supply in tracer.supplies if lane[tracer.slots[id(v)]])
        self._draws = [(supply, len(list(run))) for supply, run in draws]
        self.shared = array("d", bytes(8 * max(len(self.program.shared_inputs), 1)))
        self.shared_out = array("d", bytes(8 * max(len(self.program.shared_outputs), 1)))
        self._given = len(self.program.shared_inputs) - len(self._captured) - len(self._supplies)
        self.each = len(self.program.sample_inputs), len(self.program.sample_outputs)
        self.batched = self.each[0] > 0
        self.reads_outside = bool(tracer.captured or tracer.supplies or tracer.observations)
        self.lock = threading.Lock()
        self.backend, self.run, self.notes = _compile(self.program, backend)
        self.alone = self.on(_NO_ROWS, _NO_ROWS)
        scalar = self.backend == "python" and not self.batched
        self._scalar = python.compile_scalar(self.program) if scalar else None
        self.recorded, self.seconds = len(tracer.recorded), time.perf_counter() - tracer.began

    def bound(self, n: int) -> Bound:
        """The program with room for n samples."""
        return Bound(self, n)

    def on(self, inputs: Rows, outputs: Rows) -> Callable[[], None]:
        """The program on these samples."""
        given = inputs.n, inputs.stride, self.shared, inputs.buffer, self.shared_out, outputs.buffer
        return self.run.bound(*given) if isinstance(self.run, NativeRun) else partial(self.run, *given)

    def call(self, given: array[float]) -> Sequence[float]:
        """Run a program without samples on its inputs."""
        if self._scalar is not None:
            results: Sequence[float] = self._scalar(*given, *self._outside())
        else:
            with self.lock:
                if given:  # an array is not even to be changed by nothing while it is looked at
                    self.shared[: len(given)] = given
                if self.reads_outside:
                    self.read_outside(_NO_ROWS)
                self.alone()
                results = self.shared_out[:]
        self.hand_on(results)
        return results

    def _outside(self) -> list[float]:
        return [*(supply() for supply in self._supplies), *(v._data for v in self._captured)]

    def read_outside(self, inputs: Rows) -> None:
        """Fill in what is read outside; and draw the last inputs of each sample.

        They are drawn owner by owner, and of each sample after sample, as layers do.
        """
        for k, x in enumerate(self._outside(), self._given):
            self.shared[k] = x
        k = inputs.count - sum(count for _, count in self._draws)
        for supply, count in self._draws:
            drawn = array("d", [supply() for _ in range(inputs.n * count)])
            inputs.fill([drawn[j::count] for j in range(count)], k)
            k += count

    def hand_on(self, results: Sequence[float]) -> None:
        """Hand what is observed, the last of the results, to whom it concerns."""
        for store, x in zip(self._stores, results[-len(self._stores) :]):
            store(x)


class Entry(NamedTuple):
    """A program with the form of its results."""

    kernel: Kernel
    form: Any
