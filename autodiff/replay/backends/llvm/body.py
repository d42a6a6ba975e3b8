"""The lines of one function in LLVM text: how each primitive is computed, and where its operands come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.program import LANES, SUM_OF_PRODUCTS, TRUTHS, Tape
from autodiff.replay.backends.llvm.lines import Lines
from autodiff.replay.backends.llvm.vector_math import function_text, is_function


@dataclass(frozen=True)
class Places:
    """Which number of each buffer belongs to which slot.

    Attributes
    ----------
    shared, samples : dict of int to int
        By slot, the inputs that samples share, and those of each.
    temps, lane_temps : dict of int to int
        By slot, what one function computes and another reads: for all samples, for each.
    sums : dict of int to int
        By the number of a shared output, the sums over the samples.
    """

    shared: dict[int, int]
    samples: dict[int, int]
    temps: dict[int, int]
    lane_temps: dict[int, int]
    sums: dict[int, int]


class Body(Lines):
    """The lines of one function on a tape of primitives; the `functions` that they call are added to those by name."""

    def __init__(self, tape: Tape, places: Places, functions: dict[str, str], width: int) -> None:
        super().__init__(width)
        self.tape = tape
        self.places = places
        self.functions = functions
        self.names: dict[int, str] = {}

    def read(self, slot: int) -> str:
        """The name of a slot, which is loaded if it is not there yet."""
        if slot in self.names:
            return self.names[slot]
        x = self._load(slot)
        if self.width == 1 or self.tape.lane[slot]:
            self.names[slot] = x  # what is shared is broadcast from memory at each use: it would only fill registers
        return x

    def _load(self, slot: int) -> str:
        places = self.places
        if slot in self.tape.constants:
            return self.number(self.tape.constants[slot])
        if slot in places.samples:
            return self.line(f"load {self.kind}, ptr {self._sample('samples', places.samples[slot])}, align 8")
        if slot in places.lane_temps:
            at = self._address("lane_temps", LANES * places.lane_temps[slot])
            return self._truth_of(slot, self.line(f"load {self.kind}, ptr {at}, align 8"))
        given = slot in places.shared
        at = self._address(*("shared", places.shared[slot]) if given else ("temps", places.temps[slot]))
        x = self.line(f"load double, ptr {at}")
        if self.width > 1:
            v = self.line(f"insertelement {self.kind} poison, double {x}, i32 0")
            x = self.line(f"shufflevector {self.kind} {v}, {self.kind} poison, <{self.width} x i32> zeroinitializer")
        return self._truth_of(slot, x)

    def _is_truth(self, slot: int) -> bool:
        return self.tape.code[slot].name in TRUTHS

    def _truth_of(self, slot: int, x: str) -> str:
        if not self._is_truth(slot):
            return x
        return self.line(f"fcmp une {self.kind} {x}, {self.zero}")

    def _address(self, buffer: str, k: int) -> str:
        return self.line(f"getelementptr double, ptr %{buffer}, i64 {k}")

    def _sample(self, buffer: str, k: int) -> str:
        at = self.line(f"mul i64 %stride, {k}")
        at = self.line(f"add i64 {at}, %s")
        return self.line(f"getelementptr double, ptr %{buffer}, i64 {at}")

    def put(self, slot: int, kind: str, place: int) -> None:
        """Put an output where it belongs."""
        x = self.read(slot)
        if kind == "one":
            self.lines.append(f"  store double {x}, ptr {self._address('out', place)}")
        elif kind == "each":
            self.lines.append(f"  store {self.kind} {x}, ptr {self._sample('samples_out', place)}, align 8")
        else:
            at = self._address("sums", LANES * self.places.sums[place])
            old = self.line(f"load {self.kind}, ptr {at}, align 8")
            new = self.line(f"fadd contract {self.kind} {old}, {x}")
            self.lines.append(f"  store {self.kind} {new}, ptr {at}, align 8")

    def compute(self, slot: int) -> None:
        """Compute a slot, and store it if another function reads it."""
        name, operands = self.tape.code[slot]
        x = self.names[slot] = self._instruction(name, operands)
        lane = self.width > 1
        places = self.places.lane_temps if lane else self.places.temps
        if slot in places:
            if self._is_truth(slot):
                one = "1.0" if not lane else "splat (double 1.0)"
                x = self.line(f"select {self.truth} {x}, {self.kind} {one}, {self.kind} {self.zero}")
            at = self._address(*("lane_temps", LANES * places[slot]) if lane else ("temps", places[slot]))
            self.lines.append(f"  store {self.kind} {x}, ptr {at}, align 8")

    def _instruction(self, name: str, operands: Sequence[int]) -> str:
        if name == SUM_OF_PRODUCTS:
            return self._sum_of_products(operands)
        if is_function(name, self.width) and f"{self.prefix(name)}{name}" not in self.functions:
            self.functions[f"{self.prefix(name)}{name}"] = function_text(name, self.width)
        return self.line(self.primitive(name, [self.read(p) for p in operands]))

    def _sum_of_products(self, operands: Sequence[int]) -> str:
        whole, constants = None, self.tape.constants
        for a, b in zip(operands[::2], operands[1::2]):
            if constants.get(a) in (1.0, -1.0):
                a, b = b, a
            c = constants.get(b)
            if c in (1.0, -1.0):
                x = self.read(a)
                if whole is None:
                    whole = x if c == 1.0 else self.line(f"fneg {self.kind} {x}")
                else:
                    whole = self.line(f"{'fadd' if c == 1.0 else 'fsub'} {self.kind} {whole}, {x}")
                continue
            product = self.line(self.primitive(SUM_OF_PRODUCTS, [self.read(a), self.read(b)]))
            whole = product if whole is None else self.line(f"fadd contract {self.kind} {whole}, {product}")
        assert whole is not None, "a sum of products has a product"
        return whole
