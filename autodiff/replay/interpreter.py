"""Large programs as data: one fixed piece of machine code that works through tables.

Straight-line code of a hundred thousand instructions takes seconds to compile. Here the instructions are sorted into
groups that do the same on different numbers, none of which waits for another of its group; for each group there is a
table of slots, and for each kind of instruction a loop over such a table. The loops are the same for every program,
so they are compiled once in a process. A sum of products is one instruction however long it is.

Eight instructions of a group are one on vectors where their operands are neighbours, or the same for all eight. In sums
of products it is enough, as in a matrix times a vector, that in each term one factor is the same for all eight: the
other factors are copied to be neighbours if they are not.

It is for what all samples share; a program with a part for each sample is straight-line code.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Sequence

from autodiff.replay.llvm_math import definitions, vector_function
from autodiff.replay.primitives import COMPARISONS, LIBRARY
from autodiff.replay.program import LANES, Program
from autodiff.replay.tape import SUM_OF_PRODUCTS

__all__ = ["TEXT", "workspace"]

_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_CONDITIONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_INTRINSICS = {"fabs": 1, "sqrt": 1, "floor": 1, "copysign": 2}
_HELPERS = {"mantissa": 1, "exponent": 1, "ldexp": 2}

_ARITY: dict[str, int] = {
    **dict.fromkeys(_ARITHMETIC, 2),
    "neg": 1,
    **dict.fromkeys(COMPARISONS, 2),
    "and": 2,
    "or": 2,
    "not": 1,
    "select": 3,
    **_INTRINSICS,
    **_HELPERS,
    **LIBRARY,
}
_EIGHT = {name: f"eight {name}" for name in (SUM_OF_PRODUCTS, *_ARITY) if name not in {*_HELPERS, *LIBRARY}}
_KINDS = [SUM_OF_PRODUCTS, *_ARITY, "copy", *_EIGHT.values()]  # the number of a kind is its place here
_HEADER = 5  # numbers at the head of the workspace: groups, inputs, outputs, and where the last two tables begin


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
    kind = {name: k for k, name in enumerate(_KINDS)}

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
        if name in _EIGHT:
            eights, rows = _in_eights(rows, _factors if name == SUM_OF_PRODUCTS else _neighbours, copies)
            write("copy", copies.taken())
            write(_EIGHT[name], eights)
        write(name, rows)
    outputs = [place[o.slot] for o in program.outputs]
    slots = array("d", bytes(8 * copies.end))
    for s in program.live:
        if s in constants:
            slots[place[s]] = constants[s]
    at_groups = _HEADER + len(slots)
    at_table = at_groups + len(groups)
    numbers = array("i", [*outputs, *table])
    if len(numbers) % 2:
        numbers.append(0)
    head = [len(groups) // 4, len(program.inputs), len(outputs), at_groups, at_table]
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


# -- The machine code ------------------------------------------------------------------------------------------------


def _loop(name: str, arity: int, lanes: int) -> str:
    """A function that applies one kind of instruction down a table of rows: result, operands."""
    kind, function = ("double", name) if lanes == 1 else (f"<{lanes} x double>", _EIGHT[name])
    operands = [
        f"""\
  %p{k} = getelementptr i32, ptr %row, i64 {k + 1}
  %i{k} = load i32, ptr %p{k}
  %j{k} = zext i32 %i{k} to i64
  %q{k} = getelementptr double, ptr %v, i64 %j{k}
  %x{k} = load {kind}, ptr %q{k}, align 8"""
        for k in range(arity)
    ]
    return f"""\
define internal void @"k.{function}"(ptr noalias %v, ptr noalias %table, i64 %count, i64 %pairs) {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %at = mul i64 %i, {arity + 1}
  %row = getelementptr i32, ptr %table, i64 %at
  %d = load i32, ptr %row
  %e = zext i32 %d to i64
  %to = getelementptr double, ptr %v, i64 %e
{chr(10).join(operands)}
{chr(10).join("  " + line for line in _computed(name, arity, lanes))}
  store {kind} %y, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""


def _computed(name: str, arity: int, lanes: int) -> list[str]:
    """The lines that compute %y of %x0, %x1, ...; truths are 1.0 and 0.0."""
    kind, truth, zero, true, suffix = "double", "i1", "0.0", "true", "f64"
    if lanes > 1:
        kind, truth, zero, true = f"<{lanes} x double>", f"<{lanes} x i1>", "zeroinitializer", "splat (i1 true)"
        suffix = f"v{lanes}f64"
    arguments = ", ".join(f"{kind} %x{k}" for k in range(arity))
    truths = [f"%t{k} = fcmp une {kind} %x{k}, {zero}" for k in range(arity)]
    as_number = f"%y = uitofp {truth} %c to {kind}"
    if name in _ARITHMETIC:
        return [f"%y = {_ARITHMETIC[name]} {kind} %x0, %x1"]
    if name == "copy":
        return [f"%y = bitcast {kind} %x0 to {kind}"]
    if name == "neg":
        return [f"%y = fneg {kind} %x0"]
    if name in COMPARISONS:
        return [f"%c = fcmp {_CONDITIONS[name]} {kind} %x0, %x1", as_number]
    if name in ("and", "or"):
        return [*truths, f"%c = {name} {truth} %t0, %t1", as_number]
    if name == "not":
        return [*truths, f"%c = xor {truth} %t0, {true}", as_number]
    if name == "select":
        return [truths[0], f"%y = select {truth} %t0, {kind} %x1, {kind} %x2"]
    if name in _INTRINSICS:
        return [f"%y = call {kind} @llvm.{name}.{suffix}({arguments})"]
    return [f"%y = call {kind} @{'s.' if name in _HELPERS else ''}{name}({arguments})"]


def _sums(lanes: int) -> str:
    """A function that computes sums of products down a table; or vectors of such, first factors side by side."""
    kind, function = "double", SUM_OF_PRODUCTS
    factor = "%x1 = load double, ptr %q1"
    zero = "-0.0"
    if lanes > 1:
        kind, function = f"<{lanes} x double>", _EIGHT[SUM_OF_PRODUCTS]
        zero = f"<{', '.join(['double -0.0'] * lanes)}>"
        factor = f"""\
%number = load double, ptr %q1
  %alone = insertelement {kind} undef, double %number, i32 0
  %x1 = shufflevector {kind} %alone, {kind} undef, <{lanes} x i32> zeroinitializer"""
    return f"""\
define internal void @"k.{function}"(ptr noalias %v, ptr noalias %table, i64 %count, i64 %pairs) {{
entry:
  %width0 = shl i64 %pairs, 1
  %width = add i64 %width0, 1
  br label %rows
rows:
  %i = phi i64 [0, %entry], [%next, %stored]
  %at = mul i64 %i, %width
  %row = getelementptr i32, ptr %table, i64 %at
  %d = load i32, ptr %row
  %e = zext i32 %d to i64
  %to = getelementptr double, ptr %v, i64 %e
  %first = getelementptr i32, ptr %row, i64 1
  br label %terms
terms:
  %k = phi i64 [0, %rows], [%k1, %terms]
  %sum = phi {kind} [{zero}, %rows], [%sum1, %terms]
  %two = shl i64 %k, 1
  %p0 = getelementptr i32, ptr %first, i64 %two
  %p1 = getelementptr i32, ptr %p0, i64 1
  %i0 = load i32, ptr %p0
  %i1 = load i32, ptr %p1
  %j0 = zext i32 %i0 to i64
  %j1 = zext i32 %i1 to i64
  %q0 = getelementptr double, ptr %v, i64 %j0
  %q1 = getelementptr double, ptr %v, i64 %j1
  %x0 = load {kind}, ptr %q0, align 8
  {factor}
  %product = fmul contract {kind} %x0, %x1
  %sum1 = fadd contract {kind} %sum, %product
  %k1 = add i64 %k, 1
  %again = icmp slt i64 %k1, %pairs
  br i1 %again, label %terms, label %stored
stored:
  store {kind} %sum1, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %rows, label %done
done:
  ret void
}}"""


def _run() -> str:
    cases = " ".join(f"i64 {k}, label %case{k}" for k in range(len(_KINDS)))
    calls = [
        f'case{k}:\n  call void @"k.{name}"(ptr %v, ptr %at, i64 %count, i64 %pairs)\n  br label %end'
        for k, name in enumerate(_KINDS)
    ]
    return f"""\
define void @run(i64 %n, i64 %stride, ptr noalias %shared, ptr noalias %samples, ptr noalias %out, \
ptr noalias %samples_out, ptr noalias %w) {{
entry:
  %groups = load i64, ptr %w
  %h1 = getelementptr i64, ptr %w, i64 1
  %inputs = load i64, ptr %h1
  %h2 = getelementptr i64, ptr %w, i64 2
  %outputs = load i64, ptr %h2
  %h3 = getelementptr i64, ptr %w, i64 3
  %at_groups = load i64, ptr %h3
  %h4 = getelementptr i64, ptr %w, i64 4
  %at_table = load i64, ptr %h4
  %v = getelementptr double, ptr %w, i64 {_HEADER}
  %group0 = getelementptr i64, ptr %w, i64 %at_groups
  %places = getelementptr i64, ptr %w, i64 %at_table
  %table = getelementptr i32, ptr %places, i64 %outputs
  %bytes = shl i64 %inputs, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %v, ptr %shared, i64 %bytes, i1 false)
  %some = icmp sgt i64 %groups, 0
  br i1 %some, label %work, label %results
work:
  %g = phi i64 [0, %entry], [%g1, %end]
  %four = shl i64 %g, 2
  %group = getelementptr i64, ptr %group0, i64 %four
  %kind = load i64, ptr %group
  %c1 = getelementptr i64, ptr %group, i64 1
  %count = load i64, ptr %c1
  %c2 = getelementptr i64, ptr %group, i64 2
  %pairs = load i64, ptr %c2
  %c3 = getelementptr i64, ptr %group, i64 3
  %offset = load i64, ptr %c3
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


def _text() -> str:
    helpers = [vector_function(name, f"s.{name}", 1) for name in _HELPERS]
    loops = [_sums(1), _sums(LANES), _loop("copy", 1, 1)]
    for name, arity in _ARITY.items():
        loops += [_loop(name, arity, lanes) for lanes in ((1, LANES) if name in _EIGHT else (1,))]
    return "\n".join(
        [*definitions(), "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)", *helpers, *loops, _run()]
    )


TEXT = _text()
"""The machine code as LLVM text, with the entry ``run`` of `autodiff.replay.llvm.NativeRun`."""
