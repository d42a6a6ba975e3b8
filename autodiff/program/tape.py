"""The tape: a graph as a flat program, one instruction after the other, each on the results of earlier ones.

Instructions are appended by `Tape.apply`, which folds constants, uses the `identities`, and gives back an earlier slot
where the same instruction stands already. The backward program is appended by `reverse`: it runs the rules of the
operations on `Term` numbers, which write what they are asked to compute on the tape.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from autodiff import ops
from autodiff.operation import OPERATIONS, Binary, Nary, Op, attach, for_every_operation, real
from autodiff.program.simplify import IDENTITIES

__all__ = ["CONSTANT", "INPUT", "SUM_OF_PRODUCTS", "Instruction", "Tape", "Term", "reverse"]

INPUT = "input"
CONSTANT = "constant"
SUM_OF_PRODUCTS = "sum of products"
"""The instruction that adds up adjoints: operands a0, b0, a1, b1, ... give a0 * b0 + a1 * b1 + ..."""


class Instruction(NamedTuple):
    """What to do, an operation's name or one of the three kinds above, and the slots to do it on."""

    name: str
    operands: tuple[int, ...]


_SYMMETRIC = {"add", "mul"}  # operations that share a slot with the same operands in the other order


class Tape:
    """A program of one assignment a slot.

    Attributes
    ----------
    code : list of Instruction
        The k-th computes slot k.
    constants : dict of int to float
        The slots that are constants.
    lane : list of bool
        Whether the slot has a number for each sample of a batch; if not, one serves them all.
    counts : dict of str to int
        What came of the simplifications, for the report.
    """

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self.constants: dict[int, float] = {}
        self.lane: list[bool] = []
        self.counts = {"asked": 0, "folded": 0, "identities": 0, "shared": 0}
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
        key = instruction
        if name in _SYMMETRIC and operands[0] > operands[1]:
            key = Instruction(name, (operands[1], operands[0]))
        slot = self._known.get(key)
        if slot is None:
            lane = self.lane
            slot = self._known[key] = self._append(instruction, any(map(lane.__getitem__, operands)))
        else:
            self.counts["shared"] += 1
        return slot

    def apply(self, op: Op, operands: Sequence[int]) -> int:
        """The slot that has the result of an operation: folded, simplified, shared, or new."""
        self.counts["asked"] += 1
        constants = self.constants
        if operands and all(map(constants.__contains__, operands)):
            self.counts["folded"] += 1
            return self.constant(_value(op, [constants[p] for p in operands]))
        same = IDENTITIES[op.name](self, *operands) if op.name in IDENTITIES else None
        if same is not None:
            self.counts["identities"] += 1
            return same
        return self.write(op.name, operands)

    def sum_of_products(self, pairs: Sequence[tuple[int, int]]) -> int:
        """The slot of a sum of products, a single product, or a single number."""
        if len(pairs) == 1:
            return self.apply(ops.mul, pairs[0])
        return self.write(SUM_OF_PRODUCTS, [p for pair in pairs for p in pair])

    def live(self, outputs: Iterable[int]) -> list[int]:
        """The slots that some outputs need, in order."""
        needed = set(outputs)
        for slot in range(len(self.code) - 1, -1, -1):
            if slot in needed:
                needed.update(self.code[slot].operands)
        return sorted(needed)


def _value(op: Op, operands: Sequence[float]) -> float:
    if isinstance(op, Nary):
        size = len(operands) // op.groups
        return op.value(*([*operands[k * size : (k + 1) * size]] for k in range(op.groups)))
    return op.value(*operands)


# -- Terms: the numbers that the rules are run on --------------------------------------------------------------------


class Term:
    """A slot of a tape as a number: what is computed with it is written on the tape."""

    __slots__ = ("slot", "tape")

    def __init__(self, tape: Tape, slot: int) -> None:
        self.tape = tape
        self.slot = slot

    def __pos__(self) -> Term:
        return self


def _number(tape: Tape, slot: int) -> Any:
    """A slot as a rule wants to see it: constants are floats, as they are in a graph."""
    return tape.constants[slot] if slot in tape.constants else Term(tape, slot)


def _slot(tape: Tape, x: Any) -> int:
    return x.slot if type(x) is Term else tape.constant(real(x))


def _apply(op: Op, operands: Iterable[Any]) -> Any:
    operands = list(operands)
    tape = next(x.tape for x in operands if type(x) is Term)
    return _number(tape, tape.apply(op, [_slot(tape, x) for x in operands]))


def _bind(op: Op) -> None:
    if isinstance(op, Nary):
        op.on[Term] = lambda a, b=None: _apply(op, a if b is None else [*a, *b])
    else:
        op.on[Term] = lambda *operands: _apply(op, operands)
    reflected = (lambda self, other: _apply(op, (other, self))) if isinstance(op, Binary) else None
    attach(Term, op, lambda *operands: _apply(op, operands), reflected)


for_every_operation(_bind)


# -- From graphs to tapes, and from a program to its derivative ------------------------------------------------------


def reverse(tape: Tape, output: int, wrt: Sequence[int]) -> list[int | None]:
    """Write on a tape how an output's derivatives are computed, by the rules of the operations.

    Parameters
    ----------
    tape : Tape
        It holds the program of the output.
    output : int
        The slot to differentiate.
    wrt : sequence of int
        The slots to differentiate with respect to.

    Returns
    -------
    list of (int or None)
        For each of `wrt` the slot of d output / d slot; None where the output does not depend on it.
    """
    code = tape.code[: output + 1]
    useful = set(tape.live([output]))
    reached = [False] * (output + 1)
    for slot in wrt:
        if slot in useful:
            reached[slot] = True
    waiting = [0] * (output + 1)  # uses of a slot whose part of its adjoint has not been seen yet
    for slot, (_, operands) in enumerate(code):
        if slot in useful:
            if any(map(reached.__getitem__, operands)):
                reached[slot] = True
            for p in operands:
                waiting[p] += 1
    terms: dict[int, list[tuple[int, int]]] = {}
    sums: dict[int, int] = {output: tape.constant(1.0)} if reached[output] else {}
    for slot in range(output, -1, -1):
        if slot not in useful or not reached[slot]:
            continue
        found = _partials(tape, slot, reached) if slot in sums else ()
        for p, partial in found:
            terms.setdefault(p, []).append((_slot(tape, partial), sums[slot]))
        for p in code[slot].operands:
            waiting[p] -= 1
            if not waiting[p] and p in terms:  # at once: a parameter's share is best added up while it is at hand
                sums[p] = tape.sum_of_products(terms.pop(p))
    return [sums.get(slot) for slot in wrt]


def _partials(tape: Tape, slot: int, reached: Sequence[bool]) -> Iterable[tuple[int, Any]]:
    name, operands = tape.code[slot]
    if name in (INPUT, CONSTANT):
        return
    wanted = [reached[p] for p in operands]
    if name == SUM_OF_PRODUCTS:
        found: Sequence[Any] = [_number(tape, operands[k ^ 1]) for k in range(len(operands))]
    else:
        found = OPERATIONS[name].partials(_number(tape, slot), [_number(tape, p) for p in operands], wanted)
    for p, partial, w in zip(operands, found, wanted):
        if w and partial is not None:
            yield p, partial
