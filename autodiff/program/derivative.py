"""From a program to its derivative, on the same tape: the rules of the operations are run on slots.

A rule is written with ordinary operators and operations; here its numbers are `Term`s, which write what they are asked
to compute on the tape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from autodiff.errors import TraceError
from autodiff.operation import OPERATIONS, Binary, Nary, Op, attach, for_every_operation, real
from autodiff.ops.choices import _exceeds, _reaches
from autodiff.program.simplify import SimplifyingTape
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS


class Term:
    """A slot of a tape as a number: what is computed with it is written on the tape."""

    __slots__ = ("slot", "tape")

    def __init__(self, tape: SimplifyingTape, slot: int) -> None:
        self.tape = tape
        self.slot = slot

    def __pos__(self) -> Term:
        return self

    def __gt__(self, other: Any) -> Any:
        return _exceeds(self, other)

    def __ge__(self, other: Any) -> Any:
        return _reaches(self, other)

    def __lt__(self, other: Any) -> Any:
        return _exceeds(other, self)

    def __le__(self, other: Any) -> Any:
        return _reaches(other, self)

    def __eq__(self, other: Any) -> Any:
        return _reaches(self, other) * _reaches(other, self)

    def __ne__(self, other: Any) -> Any:
        return 1.0 - (self == other)

    def __bool__(self) -> bool:
        raise TypeError("it branches on a number")

    def __float__(self) -> float:
        raise TypeError("it takes a number out of the graph, as `math` does")


def _number(tape: SimplifyingTape, slot: int) -> Any:
    """A slot as a rule wants to see it: constants are floats, as they are in a graph."""
    return tape.constants[slot] if slot in tape.constants else Term(tape, slot)


def _slot(tape: SimplifyingTape, x: Any) -> int:
    return x.slot if type(x) is Term else tape.constant(real(x))


def _apply(op: Op, operands: Iterable[Any]) -> Any:
    operands = list(operands)
    tape = next(x.tape for x in operands if type(x) is Term)
    return _number(tape, tape.apply(op, [_slot(tape, x) for x in operands]))


def _bind(op: Op) -> None:
    def applied(*operands: Any) -> Any:
        return _apply(op, operands)

    op.on[Term] = (lambda a, b=(): _apply(op, [*a, *(b or ())])) if isinstance(op, Nary) else applied
    attach(Term, op, applied, (lambda self, other: applied(other, self)) if isinstance(op, Binary) else None)


for_every_operation(_bind)


def reverse(tape: SimplifyingTape, output: int, wrt: Sequence[int]) -> list[int | None]:
    """Write d output / d slot for each of some slots; None where the output does not depend on it."""
    useful = tape.live([output])
    reached = set(wrt).intersection(useful)
    waiting = dict.fromkeys(useful, 0)  # uses of a slot whose part of its adjoint has not been seen yet
    for slot in useful:
        operands = tape.code[slot].operands
        if not reached.isdisjoint(operands):
            reached.add(slot)
        for p in operands:
            waiting[p] += 1
    terms: dict[int, list[tuple[int, int]]] = {}
    sums = {output: tape.constant(1.0)} if output in reached else {}
    for slot in sorted(reached, reverse=True):
        found = _partials(tape, slot, reached) if slot in sums else ()
        for p, partial in found:
            terms.setdefault(p, []).append((_slot(tape, partial), sums[slot]))
        for p in tape.code[slot].operands:
            waiting[p] -= 1
            if not waiting[p] and p in terms:  # at once: a parameter's share is best added up while it is at hand
                sums[p] = tape.sum_of_products(terms.pop(p))
    return [sums.get(slot) for slot in wrt]


def _partials(tape: SimplifyingTape, slot: int, reached: Set[int]) -> Iterable[tuple[int, Any]]:
    name, operands = tape.code[slot]
    if name in (INPUT, CONSTANT):
        return
    wanted = [p in reached for p in operands]
    if name == SUM_OF_PRODUCTS:
        found: Sequence[Any] = [_number(tape, operands[k ^ 1]) for k in range(len(operands))]
    else:
        try:
            found = OPERATIONS[name].partials(_number(tape, slot), [_number(tape, p) for p in operands], wanted)
        except TypeError as problem:
            raise TraceError(
                f"the rule for a derivative of {name} cannot be recorded: {problem}. A program runs the same rule for "
                "every number: write it with operators and operations of autodiff, with where(a > 0, ...) for an if"
            ) from problem
    for p, partial, w in zip(operands, found, wanted):
        if w and partial is not None:
            yield p, partial
