"""The tape: a flat program, one instruction after the other, each on the results of earlier ones."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

INPUT = "input"
CONSTANT = "constant"
SUM_OF_PRODUCTS = "sum of products"
"""The instruction that adds up adjoints: operands a0, b0, a1, b1, ... give a0 * b0 + a1 * b1 + ..."""


class Instruction(NamedTuple):
    """What to do, an operation's or a primitive's name or one of the three above, and the slots to do it on."""

    name: str
    operands: tuple[int, ...]


_SYMMETRIC = {"add", "mul"}  # what shares a slot with the same operands in the other order


class Tape:
    """A program of one assignment a slot: the k-th instruction of `code` computes slot k.

    `constants` has the numbers of those that are constants, and `lane` says whether a slot has a number for each sample
    of a batch; if not, one serves them all. `counts` is for the report: how many instructions stood there already.
    """

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self.constants: dict[int, float] = {}
        self.lane: list[bool] = []
        self.counts = {"shared": 0}
        self._known: dict[Any, int] = {}

    def input(self, lane: bool = False) -> int:
        """A new slot for a number that is given at each call."""
        return self._append(Instruction(INPUT, ()), lane)

    def constant(self, x: float) -> int:
        """The slot of a constant; -0.0 and 0.0 are two."""
        key = struct.pack("<d", x)
        if key not in self._known:
            self._known[key] = self._append(Instruction(CONSTANT, ()), False)
            self.constants[self._known[key]] = x
        return self._known[key]

    def _append(self, instruction: Instruction, lane: bool) -> int:
        self.code.append(instruction)
        self.lane.append(lane)
        return len(self.code) - 1

    def write(self, name: str, operands: Sequence[int]) -> int:
        """The slot of an instruction as it stands: a new one, or an earlier one that computes the same."""
        instruction = Instruction(name, tuple(operands))
        key = (name, *sorted(operands)) if name in _SYMMETRIC else instruction
        if key in self._known:
            self.counts["shared"] += 1
        else:
            self._known[key] = self._append(instruction, any(map(self.lane.__getitem__, operands)))
        return self._known[key]

    def live(self, outputs: Iterable[int]) -> list[int]:
        """The slots that some outputs need, in order."""
        needed = set(outputs)
        for slot in range(len(self.code) - 1, -1, -1):
            if slot in needed:
                needed.update(self.code[slot].operands)
        return sorted(needed)
