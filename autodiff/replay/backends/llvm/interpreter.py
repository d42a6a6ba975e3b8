"""Large programs as data: one fixed piece of machine code that works through tables.

Straight-line code of a hundred thousand instructions takes seconds to compile. Here the instructions are sorted into
groups that do the same on different numbers, none of which waits for another of its group; for each group there is a
table of slots, and for each kind of instruction a loop over such a table. The loops are the same for every program,
so they are compiled once in a process. A sum of products is one instruction however long it is.

Eight instructions of a group are one on vectors where their operands are neighbours, or the same for all eight. In sums
of products it is enough, as in a matrix times a vector, that in each term one factor is the same for all eight: the
other factors are copied to be neighbours if they are not.

It is for what all samples share; a program with a part for each sample is straight-line code. `workspace` makes the
tables, `machine_code` is the same for all: a loop for each kind of instruction, one over the groups.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Sequence
from functools import cache

from autodiff.program import LANES, PRIMITIVES, SUM_OF_PRODUCTS, Program
from autodiff.replay.backends.llvm.vector_math import Lines, definitions, functions, is_function

ARITY = {row.name: row.arity for row in PRIMITIVES.values() if row.name != SUM_OF_PRODUCTS}
"""How many operands each kind of instruction has, but for sums of products."""

EIGHT = {name: f"eight {name}" for name in (SUM_OF_PRODUCTS, *ARITY) if not is_function(name, LANES)}
"""The kinds of instructions on vectors, by what they do to each number."""

KINDS = [SUM_OF_PRODUCTS, *ARITY, "copy", *EIGHT.values()]  # the number of a kind is its place here
HEADER = ("groups", "inputs", "outputs", "at_groups", "at_table")  # what stands at the head of the workspace
GROUP = ("kind", "count", "pairs", "offset")  # what is said of each group: its rows begin at the offset in the table


def _function(name: str, lanes: int, width: str, computed: Sequence[str], before: str = "", last: str = "rows") -> str:
    """A function that computes %y for each row of a table (result, operands) of that width, up to the block `last`."""
    kind, function = Lines(lanes).kind, name if lanes == 1 else EIGHT[name]
    return f"""\
define internal void @"k.{function}"(ptr noalias %v, ptr noalias %table, i64 %count, i64 %pairs) {{
entry:{before}
  br label %rows
rows:
  %i = phi i64 [0, %entry], [%next, %{last}]
  %at = mul i64 %i, {width}
  %row = getelementptr i32, ptr %table, i64 %at
  %d = load i32, ptr %row
  %e = zext i32 %d to i64
  %to = getelementptr double, ptr %v, i64 %e
  {f"{chr(10)}  ".join(computed)}
  store {kind} %y, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %rows, label %done
done:
  ret void
}}"""


def _operand(k: int, kind: str, place: str) -> list[str]:
    """The lines that load %xk from the slot that stands at a place of the row."""
    return [
        f"%p{k} = getelementptr i32, ptr %row, i64 {place}",
        f"%i{k} = load i32, ptr %p{k}",
        f"%j{k} = zext i32 %i{k} to i64",
        f"%q{k} = getelementptr double, ptr %v, i64 %j{k}",
        f"%x{k} = load {kind}, ptr %q{k}, align 8",
    ]


def _loop(name: str, arity: int, lanes: int) -> str:
    """A function that applies one kind of instruction down a table; truths are 1.0 and 0.0."""
    text = Lines(lanes)
    lines = [line for k in range(arity) for line in _operand(k, text.kind, str(k + 1))]
    if name == "copy":
        lines.append(f"%y = bitcast {text.kind} %x0 to {text.kind}")
    else:
        row = PRIMITIVES[name]
        lines += [f"%t{k} = fcmp une {text.kind} %x{k}, {text.zero}" for k in range(row.takes)]
        y = text.primitive(name, [f"%{'t' if k < row.takes else 'x'}{k}" for k in range(arity)])
        lines += [f"%c = {y}", f"%y = uitofp {text.truth} %c to {text.kind}"] if row.gives else [f"%y = {y}"]
    return _function(name, lanes, str(arity + 1), lines)


def _sums(lanes: int) -> str:
    """A function that computes sums of products down a table; or vectors of such, first factors side by side."""
    text = Lines(lanes)
    alike, factor = [], "%x1"
    if lanes > 1:
        alike = [
            f"%alone = insertelement {text.kind} undef, double %x1, i32 0",
            f"%all = shufflevector {text.kind} %alone, {text.kind} undef, <{lanes} x i32> zeroinitializer",
        ]
        factor = "%all"
    terms = [
        "br label %terms",
        "terms:",
        "%k = phi i64 [0, %rows], [%k1, %terms]",
        f"%sum = phi {text.kind} [{text.number(-0.0)}, %rows], [%y, %terms]",
        "%two = shl i64 %k, 1",
        "%place0 = add i64 %two, 1",
        "%place1 = add i64 %two, 2",
        *_operand(0, text.kind, "%place0"),
        *_operand(1, "double", "%place1"),
        *alike,
        f"%product = {text.primitive(SUM_OF_PRODUCTS, ('%x0', factor))}",
        f"%y = fadd contract {text.kind} %sum, %product",
        "%k1 = add i64 %k, 1",
        "%again = icmp slt i64 %k1, %pairs",
        "br i1 %again, label %terms, label %stored",
        "stored:",
    ]
    width = "\n  %double = shl i64 %pairs, 1\n  %width = add i64 %double, 1"
    return _function(SUM_OF_PRODUCTS, lanes, "%width", terms, width, "stored")


def _loaded(of: str, names: Sequence[str]) -> str:
    """Lines that load whole numbers that stand side by side."""
    return "\n".join(
        f"  %{of}{k} = getelementptr i64, ptr %{of}, i64 {k}\n  %{name} = load i64, ptr %{of}{k}"
        for k, name in enumerate(names)
    )


def _run() -> str:
    cases = " ".join(f"i64 {k}, label %case{k}" for k in range(len(KINDS)))
    calls = [
        f'case{k}:\n  call void @"k.{name}"(ptr %v, ptr %at, i64 %count, i64 %pairs)\n  br label %end'
        for k, name in enumerate(KINDS)
    ]
    return f"""\
define void @run(i64 %n, i64 %stride, ptr noalias %shared, ptr noalias %samples, ptr noalias %out, \
ptr noalias %samples_out, ptr noalias %w) {{
entry:
{_loaded("w", HEADER)}
  %v = getelementptr double, ptr %w, i64 {len(HEADER)}
  %first_group = getelementptr i64, ptr %w, i64 %at_groups
  %places = getelementptr i64, ptr %w, i64 %at_table
  %table = getelementptr i32, ptr %places, i64 %outputs
  %bytes = shl i64 %inputs, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %v, ptr %shared, i64 %bytes, i1 false)
  %some = icmp sgt i64 %groups, 0
  br i1 %some, label %work, label %results
work:
  %g = phi i64 [0, %entry], [%g1, %end]
  %four = shl i64 %g, 2
  %group = getelementptr i64, ptr %first_group, i64 %four
{_loaded("group", GROUP)}
  %at = getelementptr i32, ptr %table, i64 %offset
  switch i64 %kind, label %end [{cases}]
{chr(10).join(calls)}
end:
  %g1 = add i64 %g, 1
  %more = icmp slt i64 %g1, %groups
  br i1 %more, label %work, label %results
results:
  %any = icmp sgt i64 %outputs, 0
  br i1 %any, label %copy, label %done
copy:
  %o = phi i64 [0, %results], [%o1, %copy]
  %p = getelementptr i32, ptr %places, i64 %o
  %i = load i32, ptr %p
  %j = zext i32 %i to i64
  %q = getelementptr double, ptr %v, i64 %j
  %x = load double, ptr %q
  %to = getelementptr double, ptr %out, i64 %o
  store double %x, ptr %to
  %o1 = add i64 %o, 1
  %again = icmp slt i64 %o1, %outputs
  br i1 %again, label %copy, label %done
done:
  ret void
}}"""


@cache
def machine_code() -> str:
    """The machine code as LLVM text, with the entry ``run`` of `autodiff.replay.backends.llvm.native.NativeRun`."""
    helpers = {own: text for name in ARITY if is_function(name, 1) for own, text in functions(name, 1).items()}
    loops = [_sums(1), _sums(LANES), _loop("copy", 1, 1)]
    for name, arity in ARITY.items():
        loops += [_loop(name, arity, lanes) for lanes in ((1, LANES) if name in EIGHT else (1,))]
    return "\n".join(
        [*definitions(), "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)", *helpers.values(), *loops, _run()]
    )


def workspace(program: Program) -> array[float]:
    """The memory that the machine code works in: a header, the slots, the groups, and the tables.

    Its words are floats (the slots; constants are there already) or whole numbers of 64 or 32 bits.
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
    parts = (array("q", head), slots, array("q", groups), numbers)
    return array("d", b"".join(part.tobytes() for part in parts))


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
