"""From a function to a tape: `Tracer` calls it on Values, writes their graph down, and differentiates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from autodiff import ops, recording
from autodiff.derivatives.forward import Dual
from autodiff.errors import TraceError
from autodiff.graph import topological
from autodiff.program.lowering import NotLowerable
from autodiff.program.program import Output, Program, Run
from autodiff.program.tape import Tape, reverse, transcribe
from autodiff.replay.backends import numpy_calls, python
from autodiff.replay.backends.llvm import native
from autodiff.replay.forms import Differentiated
from autodiff.tracing import tracing
from autodiff.value import Value

BACKENDS: dict[str, Callable[[Program], Run]] = {
    "llvm": native.compile_program,
    "numpy": numpy_calls.compile_program,
    "python": python.compile_program,
}

_SMALL = 300  # steps; below, plain Python is ready sooner, and as fast, for what is no batch

Kind = Literal["one", "each", "sum"]


class Tracer:
    """A tape with the leaves that stand for its inputs; `lanes` says of each whether there is one number a sample.

    `wanted` are the outputs of the program to be, `recorded` the number of nodes that were written on the tape.
    """

    def __init__(self, lanes: Sequence[bool] = ()) -> None:
        self.began = time.perf_counter()
        self.tape = Tape()
        self.epoch = recording.begin_epoch()
        self.leaves = [Value(math.nan) for _ in lanes]
        self.slots: dict[Value, int] = {v: self.tape.input(lane) for v, lane in zip(self.leaves, lanes)}
        self.captured: list[Value] = []
        self.supplies: list[tuple[Value, Callable[[], float]]] = []
        self.observations: list[tuple[Any, Callable[[float], None]]] = []
        self.wanted: list[Output] = []
        self.recorded = 0

    def adopt(self, leaves: Iterable[Value], lane: bool = False) -> None:
        """Make leaves that are there already, such as a model's parameters, inputs of the program."""
        for v in leaves:
            self.leaves.append(v)
            self.slots[v] = self.tape.input(lane)

    def drawn(self, supply: Callable[[], float], each: bool) -> Value:
        """See `autodiff.tracing.drawn`; the inputs come behind those that are there."""
        v = Value(math.nan)
        self.adopt([v], lane=each and True in self.tape.lane)
        self.supplies.append((v, supply))
        return v

    def observed(self, x: Any, store: Callable[[float], None]) -> None:
        """See `autodiff.tracing.observed`."""
        if True in self.tape.lane:
            raise TraceError(
                "a number of the whole batch is kept, such as the mean of batch normalisation: record the batch as one "
                "graph, or call eval()"
            )
        self.observations.append((x, store))

    def trace(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on Values, refusing what would leave the graph."""
        with recording.resume(), recording.lenient(), tracing(self):
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

    def want(self, outputs: Iterable[Any], kind: Kind) -> None:
        """Make numbers outputs of the program: as they are, of each sample, or summed over the samples."""
        self.wanted += [Output(slot, kind) for slot in self.write(outputs)]

    def want_gradient(self, output: Any, wrt: Iterable[Value], kind: Kind, *, summed: bool = False) -> None:
        """The same of the derivative of a number; if it is to be `summed`, -0.0 may stand in it."""
        (slot,) = self.write([output])
        zero = self.tape.constant(0.0)
        for g in reverse(self.tape, slot, [self.slots[v] for v in wrt]):
            if g is not None and not summed:  # as in `backward`, where a gradient starts at 0.0: it is never -0.0
                g = self.tape.apply(ops.add, (g, zero))
            self.wanted.append(Output(zero if g is None else g, kind))


def _compile(program: Program, backend: str) -> tuple[str, Run, list[str]]:
    """Compile by a backend, or by the best that there is; the name of it, and what is to be said of the choice."""
    if backend != "auto":
        try:
            return backend, BACKENDS[backend](program), []
        except NotLowerable as problem:
            raise NotLowerable(f"no {backend} for this program: {problem}; take backend='auto' or 'python'") from None
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
