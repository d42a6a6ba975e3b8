"""A program ready for a backend: a tape with its inputs and outputs, and what of it is done how often."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from typing import Literal, NamedTuple

from autodiff.program.lowering import lower
from autodiff.program.tape import CONSTANT, INPUT, Tape

LANES = 8
"""How many samples a vector holds, and what buffers of samples are padded to a multiple of."""

Run = Callable[[int, int, "array[float]", "array[float]", "array[float]", "array[float]"], None]
"""A compiled program: ``run(n, stride, shared, samples, shared_out, samples_out)``.

`shared` holds the inputs that all samples share; `samples` those of each, one input after the other, `stride` numbers
apart, of which the first n count. The two results are laid out alike.
"""


def padded(n: int) -> int:
    """The room that n samples take in a buffer."""
    return -(-n // LANES) * LANES


class Output(NamedTuple):
    """A slot that is wanted: as the one number that it is, as one for each sample, or summed over the samples."""

    slot: int
    kind: Literal["one", "each", "sum"]


class Program:
    """A tape with the slots of its inputs, what is wanted of it, and the `live` slots, which that needs, in order.

    Inputs that samples share, and those of each, are in the order of their buffers; and so are outputs that are one
    number a call, and those that are one a sample.
    """

    def __init__(self, tape: Tape, inputs: list[int], outputs: list[Output]) -> None:
        self.tape, self.inputs, self.outputs = tape, inputs, outputs
        self.live = tape.live(o.slot for o in outputs)
        self.shared_inputs = [s for s in inputs if not tape.lane[s]]
        self.sample_inputs = [s for s in inputs if tape.lane[s]]
        self.shared_outputs = [o for o in outputs if o.kind != "each"]
        self.sample_outputs = [o for o in outputs if o.kind == "each"]

    def steps(self, lane: bool) -> list[int]:
        """The live slots that are computed once a call, or once a sample; inputs and constants are not."""
        code, flags = self.tape.code, self.tape.lane
        return [s for s in self.live if flags[s] is lane and code[s].name not in (INPUT, CONSTANT)]

    def same(self, other: Program) -> bool:
        """Whether another computes the same: what is live in them is alike, and their numbers are, bit by bit."""
        return self._essence() == other._essence()

    def _essence(self) -> tuple[object, ...]:
        code, constants, lane = self.tape.code, self.tape.constants, self.tape.lane
        at = {slot: k for k, slot in enumerate(sorted({*self.live, *self.inputs}))}
        steps = [(code[s].name, [at[p] for p in code[s].operands], lane[s]) for s in at]
        numbers = [struct.pack("<d", constants[s]) for s in at if s in constants]
        return steps, numbers, [at[s] for s in self.inputs], [(at[o.slot], o.kind) for o in self.outputs]

    def lowered(self) -> Program:
        """The same program in primitives; see `lower`."""
        live = sorted({*self.live, *self.inputs})  # an input that nothing needs keeps its place in the buffer
        tape, slots = lower(self.tape, live)
        return Program(tape, [slots[s] for s in self.inputs], [Output(slots[o.slot], o.kind) for o in self.outputs])
