"""From a function, or a graph, to a program: trace, write on a tape, differentiate, choose a backend, compile."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from autodiff import ops, recording
from autodiff.graph import topological
from autodiff.replay import arrays, llvm, python
from autodiff.replay.forms import Number
from autodiff.replay.lowering import NotLowerable
from autodiff.replay.program import Output, Program, Run
from autodiff.replay.report import Report
from autodiff.replay.tape import Tape, reverse, transcribe
from autodiff.tracing import tracing
from autodiff.value import Value

__all__ = ["BACKENDS", "Kernel", "Recorder"]

BACKENDS: dict[str, Callable[[Program], Run]] = {
    "llvm": llvm.compile_program,
    "numpy": arrays.compile_program,
    "python": python.compile_program,
}

_SMALL = 300  # steps; below, plain Python is ready sooner, and as fast, for what is no batch


class Recorder:
    """A tape with the leaves that stand for its inputs.

    Parameters
    ----------
    lanes : sequence of bool
        For each input whether there is one number for each sample.
    """

    def __init__(self, lanes: Sequence[bool]) -> None:
        self.tape = Tape()
        self.epoch = recording.begin_epoch()
        self.leaves = [Value(math.nan) for _ in lanes]
        self.slots: dict[Value, int] = {v: self.tape.input(lane) for v, lane in zip(self.leaves, lanes)}
        self.captured: list[Value] = []
        self.recorded = 0

    def trace(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on Values, refusing what would leave the graph."""
        with recording.resume(), tracing():
            return function(*arguments)

    def write(self, outputs: Iterable[Any]) -> list[int]:
        """The slots of numbers that were computed from the leaves."""
        outputs = list(outputs)
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

    def gradient(self, output: int, wrt: Sequence[int]) -> list[int]:
        """The slots of a gradient; 0.0 where the output does not depend on an input."""
        zero = self.tape.constant(0.0)
        found = reverse(self.tape, output, wrt)
        # As in `backward`, where a gradient starts at 0.0: it is never -0.0.
        return [zero if g is None else self.tape.apply(ops.add, (g, zero)) for g in found]

    def kernel(self, outputs: Sequence[Output], backend: str, form: Any = None) -> Kernel:
        """The compiled program; `form` is that of the results, see `python.compile_scalar`."""
        inputs = [self.slots[v] for v in (*self.leaves, *self.captured)]
        return Kernel(Program(self.tape, inputs, list(outputs)), self.captured, backend, self.recorded, form)


class Kernel:
    """A compiled program with its buffers of shared numbers.

    Parameters
    ----------
    program : Program
        What to compile.
    captured : sequence of Value
        Leaves whose numbers are read at each call; the last of the shared inputs.
    backend : str
        "llvm", "numpy", "python", or "auto".
    recorded : int
        Nodes of the graph, for the report.
    form : structure, optional
        That of the results.

    Attributes
    ----------
    shared, shared_out : array of float
        The inputs and outputs that all samples share.
    direct : callable or None
        A function of floats that returns the results in their form, and None if given anything but floats.
    report : Report
        What was made of the program.
    """

    def __init__(
        self, program: Program, captured: Sequence[Value], backend: str, recorded: int, form: Any = None
    ) -> None:
        start = time.perf_counter()
        self.program = program
        self.captured = list(captured)
        shared = program.shared_inputs
        self.given = len(shared) - len(self.captured)
        self.shared = array("d", bytes(8 * max(len(shared), 1)))
        self.shared_out = array("d", bytes(8 * max(len(program.shared_outputs), 1)))
        self.batched = bool(program.sample_inputs)
        self.scalar: Callable[..., tuple[float, ...]] | None = None
        self.direct: Callable[..., Any] | None = None
        self.backend, self.run, notes = _compile(program, backend)
        if self.backend == "python" and not self.batched:
            self.scalar = python.compile_scalar(program)
            if not captured and _is_plain(form):
                self.direct = python.compile_scalar(program, form)
        elif isinstance(self.run, llvm.NativeRun) and not self.batched and not captured and _is_plain(form):
            self.direct = self._direct_native(form)
        self.report = Report.of(program, recorded, self.backend, time.perf_counter() - start, notes, self.run)

    def _direct_native(self, form: Any) -> Callable[..., Any]:
        """`direct` for machine code: through the buffers, one caller at a time."""
        run = cast(llvm.NativeRun, self.run).bound(self.shared, _EMPTY, self.shared_out, _EMPTY)
        text = python.through_buffers(self.given, len(self.program.outputs), form)
        space = {"run": run, "shared": self.shared, "out": self.shared_out, "lock": threading.Lock()}
        exec(compile(text, "<replayed program>", "exec"), space)
        return cast("Callable[..., Any]", space["direct"])

    def call(self, numbers: Sequence[float]) -> Sequence[float]:
        """Run a program without samples on its inputs."""
        if self.scalar is not None:
            return self.scalar(*numbers, *[v._data for v in self.captured])
        self._fill(numbers)
        self.run(0, 0, self.shared, _EMPTY, self.shared_out, _EMPTY)
        return self.shared_out

    def batch(self, numbers: Sequence[float], samples: array[float], n: int, stride: int) -> array[float]:
        """Run it on samples; returns what there is for each of them."""
        self._fill(numbers)
        results = array("d", bytes(8 * max(stride * len(self.program.sample_outputs), 1)))
        self.run(n, stride, self.shared, samples, self.shared_out, results)
        return results

    def _fill(self, numbers: Sequence[float]) -> None:
        self.shared[: self.given] = array("d", numbers)
        for k, v in enumerate(self.captured, self.given):
            self.shared[k] = v._data


_EMPTY = array("d", [0.0])


def _compile(program: Program, backend: str) -> tuple[str, Run, list[str]]:
    """Compile by a backend, or by the best that there is; the name of it, and what is to be said of the choice."""
    if backend != "auto":
        return backend, BACKENDS[backend](program), []
    names = ["llvm", "numpy"] if program.sample_inputs else ["llvm"]
    if not program.sample_inputs and len(program.live) < _SMALL:
        names = []
    notes: list[str] = []
    for name in names:
        try:
            return name, BACKENDS[name](program), notes
        except ImportError:
            notes.append(f"no {name}: it is not installed")
        except NotLowerable as problem:
            notes.append(f"no {name}: {problem}")
    return "python", python.compile_program(program), notes


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
