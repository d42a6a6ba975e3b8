"""Large programs as data: one fixed piece of machine code that works through tables.

Straight-line code of a hundred thousand instructions takes seconds to compile. Here the instructions are sorted into
groups that do the same on different numbers, none of which waits for another of its group; for each group there is a
table of slots, and for each kind of instruction a loop over such a table. The loops are the same for every program,
so they are compiled once in a process. A sum of products is one instruction however long it is.

Eight instructions of a group are one on vectors where their operands are neighbours, or the same for all eight. In sums
of products it is enough, as in a matrix times a vector, that in each term one factor is the same for all eight: the
other factors are copied to be neighbours if they are not.

It is for what all samples share; a program with a part for each sample is straight-line code. `workspace` makes the
tables; the machine code is in `interpreter_text`.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Sequence

from autodiff.program import LANES, SUM_OF_PRODUCTS, Program
from autodiff.replay.backends.llvm.table_loops import EIGHT, GROUP, HEADER, KINDS


def workspace(program: Program) -> array[float]:
    """The memory that the machine code works in: a header, the slots, the groups, and the tables.

    Parameters
    ----------
    program : Program
        Of primitives, without samples.

    Returns
    -------
    array of float
        Its words are floats (the slots; constants are there already) or 64-bit integers.
    """
    code, constants = program.tape.code, program.tape.constants
    steps = program.steps(lane=False)
    level: dict[int, int] = {}
    for s in steps:
        level[s] = 1 + max([level.get(p, 0) for p in code[s].operands])
    kind = {name: k for k, name in enumerate(KINDS)}

    def group(s: int) -> tuple[int, int, int]:
        return level[s], kind[code[s].name], len(code[s].operands)

    steps.sort(key=group)
    # Slots are numbered anew: inputs first, then in the order of computing, so that neighbours are used together.
    order = [*program.inputs, *(s for s in program.live if s in constants), *steps]
    place = {s: k for k, s in enumerate(order)}
    groups: list[int] = []
    table: list[int] = []
    copies = _Copies(len(order))

    def write(name: str, rows: Sequence[Sequence[int]]) -> None:
        if rows:
            groups.extend((kind[name], len(rows), len(rows[0]) // 2, len(table)))
            table.extend(itertools.chain.from_iterable(rows))

    for _, members in itertools.groupby(steps, group):
        chosen = list(members)
        rows = [[place[s], *(place[p] for p in code[s].operands)] for s in chosen]
        name = code[chosen[0]].name
        if name in EIGHT:
            eights, rows = _in_eights(rows, _factors if name == SUM_OF_PRODUCTS else _neighbours, copies)
            write("copy", copies.taken())
            write(EIGHT[name], eights)
        write(name, rows)
    outputs = [place[o.slot] for o in program.outputs]
    slots = array("d", bytes(8 * copies.end))
    for s in program.live:
        if s in constants:
            slots[place[s]] = constants[s]
    at_groups = len(HEADER) + len(slots)
    at_table = at_groups + len(groups)
    numbers = array("i", [*outputs, *table])
    if len(numbers) % 2:
        numbers.append(0)
    head = [len(groups) // len(GROUP), len(program.inputs), len(outputs), at_groups, at_table]
    return _words(array("q", head)) + slots + _words(array("q", groups)) + _words(numbers)


def _words(numbers: array[int]) -> array[float]:
    """The same memory as an array of floats."""
    words = array("d")
    words.frombytes(numbers.tobytes())
    return words


class _Copies:
    """Slots behind the others, for copies of numbers that are to be neighbours; each eight of them are copied once."""

    def __init__(self, end: int) -> None:
        self.end = end
        self._made: dict[tuple[int, ...], int] = {}
        self._rows: list[tuple[int, int]] = []

    def vector(self, slots: tuple[int, ...]) -> int:
        """Where some slots stand side by side: where they are, or copies."""
        if _side_by_side(slots):
            return slots[0]
        if slots not in self._made:
            self._made[slots] = self.end
            self._rows += zip(itertools.count(self.end), slots)
            self.end += LANES
        return self._made[slots]

    def has(self, slots: tuple[int, ...]) -> bool:
        """Whether some slots stand side by side somewhere, or are one that had better be copied."""
        return slots.count(slots[0]) == LANES or _side_by_side(slots) or slots in self._made

    def taken(self) -> list[tuple[int, int]]:
        """The copies that were asked for since the last call: to where, from where."""
        rows, self._rows = self._rows, []
        return rows


def _side_by_side(slots: tuple[int, ...]) -> bool:
    return slots == tuple(range(slots[0], slots[0] + LANES))


Rows = list[list[int]]


def _in_eights(rows: Rows, fit: Callable[[Rows, _Copies], list[int] | None], copies: _Copies) -> tuple[Rows, Rows]:
    """The rows of a group that go together in eights, as one row each, and those that are left over."""
    eights, left = [], []
    k = 0
    while k < len(rows):
        eight = fit(rows[k : k + LANES], copies) if k + LANES <= len(rows) else None
        if eight is None:
            left.append(rows[k])
            k += 1
        else:
            eights.append([rows[k][0], *eight])
            k += LANES
    return eights, left


def _neighbours(rows: Rows, copies: _Copies) -> list[int] | None:
    """Where the operands of eight instructions begin; None if some are no neighbours."""
    columns = list(zip(*rows))[1:]
    return [copies.vector(column) for column in columns] if all(map(copies.has, columns)) else None


def _factors(rows: Rows, copies: _Copies) -> list[int] | None:
    """The terms of eight sums: eight factors, and one that is the same in all; None if some term has none."""
    columns = list(zip(*rows))
    terms = []
    for xs, ys in zip(columns[1::2], columns[2::2]):
        if ys.count(ys[0]) == LANES:
            terms.append((xs, ys[0]))
        elif xs.count(xs[0]) == LANES:
            terms.append((ys, xs[0]))
        else:
            return None
    return [y for xs, x in terms for y in (copies.vector(xs), x)]
