"""From a function to a tape: `Tracer` calls it on Values, writes their graph down, and differentiates."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Iterable, Sequence
from numbers import Number, Real
from typing import Any, Literal

from autodiff import ops, recording
from autodiff.derivatives.forward import Dual
from autodiff.derivatives.standins import StandIns
from autodiff.errors import TraceError
from autodiff.graph import check_fresh, topological
from autodiff.ops import choices
from autodiff.program import Output, Program, SimplifyingTape, reverse
from autodiff.recording import tracing
from autodiff.replay.forms import Differentiated
from autodiff.replay.leaks import LEAKED
from autodiff.value import Value


def transcribe(tape: SimplifyingTape, outputs: Iterable[Value], slots: dict[int, int]) -> None:
    """Write the graphs of some outputs on a tape; `slots`, by id, has all leaves, and is given the other nodes."""
    for v in topological(outputs):
        if v.op is not None and id(v) not in slots:
            operands = [tape.constant(p) if type(p) is float else slots[id(p)] for p in v.operands]
            slots[id(v)] = tape.apply(v.op, operands)


Kind = Literal["one", "each", "sum"]

COMPARED: dict[Callable[[Any, Any], Any], Callable[[Any, Any], Any]] = {
    operator.gt: choices._exceeds,
    operator.ge: choices._reaches,
    operator.lt: lambda a, b: choices._exceeds(b, a),
    operator.le: lambda a, b: choices._reaches(b, a),
    operator.eq: lambda a, b: choices._reaches(a, b) * choices._reaches(b, a),
    operator.ne: lambda a, b: 1.0 - choices._reaches(a, b) * choices._reaches(b, a),
}
"""Comparisons as operations: they give 1.0 or 0.0, for nan as Python has it."""


class Tracer(StandIns):
    """A tape with the leaves that stand for its inputs; `lanes` says of each whether there is one number a sample.

    `given` are the leaves that were made for it, and `made` is what the function that is being traced has made.
    `wanted` are the outputs of the program to be, `recorded` the nodes that were written on the tape, `slots` where;
    both go by id.
    """

    def __init__(self, lanes: Sequence[bool] = ()) -> None:
        super().__init__([])
        self.began = time.perf_counter()
        self.tape = SimplifyingTape()
        self.epoch = recording.begin_epoch()
        self.leaves: list[Value] = []
        self.slots: dict[int, int] = {}
        self.captured: list[Value] = []
        self.supplies: list[tuple[Value, Callable[[], float]]] = []
        self.observations: list[tuple[Any, Callable[[float], None]]] = []
        self.around: dict[int, Value] = {}  # by id: a node may be met twice
        self.wanted: list[Output] = []
        self.recorded: dict[int, Value] = {}
        self.made: list[Value] = []
        for lane in lanes:
            self.stand_in(lane)

    @property
    def tracer(self) -> Tracer:
        """Itself."""
        return self

    def adopt(self, leaves: Iterable[Value], lane: bool = False) -> None:
        """Make leaves that are there already, such as a model's parameters, inputs of the program."""
        for v in leaves:
            self.leaves.append(v)
            self.slots[id(v)] = self.tape.input(lane)

    def stand_in(self, lane: bool) -> Value:
        """Make a leaf for one more input; while a function is traced its number is nan."""
        v = Value(math.nan)
        self.given.append(v)
        self.adopt([v], lane)
        return v

    def drawn(self, supply: Callable[[], float], each: bool) -> Value:
        """See `autodiff.recording.drawn`; the inputs come behind those that are there."""
        v = self.stand_in(each and True in self.tape.lane)
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

    def compared(self, compare: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """See `autodiff.recording.Trace`; numbers that a float cannot hold are refused."""
        if type(b) not in (float, Value, Dual):
            if not isinstance(b, Number):
                return NotImplemented
            if not _is_float(b):
                self.refuse(a, f"a comparison with the {type(b).__name__} {b!r:.60}", _NO_FLOAT)
        return COMPARED[compare](a, b)

    def trace(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on Values, refusing what would leave the graph."""
        for v in self.given:
            v._data = math.nan
        try:
            with self, tracing(self):
                return function(*arguments)
        finally:
            self._spoil()

    def _spoil(self) -> None:
        """Take the numbers from the stand-ins and what was made of them: it may live on in an attribute, say."""
        mine = set(map(id, self.given))
        for v in [*self.given, *self.made]:
            if id(v) in mine or not mine.isdisjoint(map(id, v.operands)):
                mine.add(id(v))
                v._data = LEAKED
        self.made.clear()

    def write(self, outputs: Iterable[Any]) -> list[int]:
        """The slots of numbers that were computed from the leaves."""
        outputs = list(outputs)
        if any(type(y) is Dual for y in outputs):
            raise Differentiated  # by a number from around the function
        nodes = [y for y in outputs if type(y) is Value]
        self.recorded.update((id(y), y) for y in nodes)
        nodes = [y for y in nodes if id(y) not in self.slots]  # a gradient is asked for after its value
        order = topological(nodes)
        self._look_around([v for v in order if v.op is not None and v._stamp.epoch < self.epoch])
        self.recorded.update((id(v), v) for v in order)
        for v in order:
            if v.op is None and id(v) not in self.slots:
                if v._stamp.born >= self.epoch:  # made in the function: a constant
                    self.slots[id(v)] = self.tape.constant(v._data)
                else:  # a parameter of a model, say: its number is read anew at each call
                    float(v._data)  # unless it is left of another function
                    self.slots[id(v)] = self.tape.input()
                    self.captured.append(v)
        transcribe(self.tape, nodes, self.slots)
        return [self.slots[id(y)] if type(y) is Value else self.tape.constant(float(y)) for y in outputs]

    def _look_around(self, computed: list[Value]) -> None:
        """Keep nodes that were there before the function was called: they have to be fresh, now and at each run.

        A TraceError if one was computed from an input, whose number is another one at each run.
        """
        check_fresh(computed)
        inputs = set(map(id, self.leaves))
        for v in computed:
            if any(id(p) in inputs for p in v.operands):
                raise TraceError(
                    f"{v!r} was computed from an input of the program before the function was called, so it would stay "
                    "as it is when the input changes; compute it inside the function"
                )
            self.around[id(v)] = v

    def want(self, outputs: Iterable[Any], kind: Kind) -> None:
        """Make numbers outputs of the program: as they are, of each sample, or summed over the samples."""
        self.wanted += [Output(slot, kind) for slot in self.write(outputs)]

    def want_gradient(self, output: Any, wrt: Iterable[Value], kind: Kind, *, summed: bool = False) -> None:
        """The same of the derivative of a number; if it is to be `summed`, -0.0 may stand in it."""
        (slot,) = self.write([output])
        zero = self.tape.constant(0.0)
        for g in reverse(self.tape, slot, [self.slots[id(v)] for v in wrt]):
            if g is not None and not summed:  # as in `backward`, where a gradient starts at 0.0: it is never -0.0
                g = self.tape.apply(ops.add, (g, zero))
            self.wanted.append(Output(zero if g is None else g, kind))

    def program(self) -> Program:
        """All that was written, as a program; what is observed is what it returns last."""
        watched = self.write(x for x, _ in self.observations)
        inputs = [self.slots[id(v)] for v in (*self.leaves, *self.captured)]
        return Program(self.tape, inputs, [*self.wanted, *(Output(s, "one") for s in watched)])

    def same(self, other: Tracer) -> bool:
        """Whether another tracing found the same: an equal program, that reads the same Values from outside.

        If two tracings of one function differ, it does not compute the same at each call: it draws a number, say.
        """
        mine, yours = self.program(), other.program()
        return mine.same(yours) and list(map(id, self.captured)) == list(map(id, other.captured))


_NO_FLOAT = "A program compares floats, and this would be rounded to one: give it as a float"


def _is_float(x: Any) -> bool:
    """Whether a number compares as the float does that it is converted to."""
    try:
        y = float(x) if isinstance(x, Real) else math.nan
    except OverflowError:
        return False
    if not math.isfinite(y):
        return isinstance(x, Real)
    near = math.nextafter(y, -math.inf), math.nextafter(y, math.inf)
    return bool(x == y) and not any(x == z for z in near)  # a float32 equals all that are rounded to it
