"""From a function to a tape: `Tracer` calls it on Values, writes their graph down, and differentiates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, cast

from autodiff import ops, recording
from autodiff.derivatives.forward import Dual
from autodiff.errors import TraceError
from autodiff.graph import topological
from autodiff.program import Output, Program, SimplifyingTape, reverse
from autodiff.recording import tracing
from autodiff.replay.forms import Differentiated
from autodiff.strict import lenient
from autodiff.value import Value


def transcribe(tape: SimplifyingTape, outputs: Iterable[Value], slots: dict[Value, int]) -> None:
    """Write the graphs of some outputs on a tape; `slots` has those of all leaves, and gets those of other nodes."""
    for v in topological(outputs):
        if v.op is not None and v not in slots:
            operands = [tape.constant(p) if type(p) is float else slots[cast(Value, p)] for p in v.operands]
            slots[v] = tape.apply(v.op, operands)


Kind = Literal["one", "each", "sum"]


class Tracer:
    """A tape with the leaves that stand for its inputs; `lanes` says of each whether there is one number a sample.

    `wanted` are the outputs of the program to be, `recorded` the nodes that were written on the tape.
    """

    def __init__(self, lanes: Sequence[bool] = ()) -> None:
        self.began = time.perf_counter()
        self.tape = SimplifyingTape()
        self.epoch = recording.begin_epoch()
        self.leaves = [Value(math.nan) for _ in lanes]
        self.slots: dict[Value, int] = {v: self.tape.input(lane) for v, lane in zip(self.leaves, lanes)}
        self.captured: list[Value] = []
        self.supplies: list[tuple[Value, Callable[[], float]]] = []
        self.observations: list[tuple[Any, Callable[[float], None]]] = []
        self.wanted: list[Output] = []
        self.recorded: set[Value] = set()

    def adopt(self, leaves: Iterable[Value], lane: bool = False) -> None:
        """Make leaves that are there already, such as a model's parameters, inputs of the program."""
        for v in leaves:
            self.leaves.append(v)
            self.slots[v] = self.tape.input(lane)

    def drawn(self, supply: Callable[[], float], each: bool) -> Value:
        """See `autodiff.recording.drawn`; the inputs come behind those that are there."""
        v = Value(math.nan)
        self.adopt([v], lane=each and True in self.tape.lane)
        self.supplies.append((v, supply))
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
        self.recorded.update(nodes)
        nodes = [y for y in nodes if y not in self.slots]  # a gradient is asked for after its value
        order = topological(nodes)
        self.recorded.update(order)
        for v in order:
            if v.op is None and v not in self.slots:
                # Made in the function it is a constant; but what is newer may have been written by another thread.
                if v._stamp.epoch >= self.epoch and not v._stamp.written:
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

    def program(self) -> Program:
        """All that was written, as a program; what is observed is what it returns last."""
        watched = self.write(x for x, _ in self.observations)
        inputs = [self.slots[v] for v in (*self.leaves, *self.captured)]
        return Program(self.tape, inputs, [*self.wanted, *(Output(s, "one") for s in watched)])

    def same(self, other: Tracer) -> bool:
        """Whether another tracing found the same: an equal program, that reads the same Values from outside.

        If two tracings of one function differ, it does not compute the same at each call: it draws a number, say.
        """
        mine, yours = self.program(), other.program()
        return mine.same(yours) and list(map(id, self.captured)) == list(map(id, other.captured))
