"""A program as LLVM text: its functions, and the entry that runs them over the samples.

The text is straight-line code, in functions of a few hundred instructions, on one number for what all samples share
and on vectors of eight for the samples. There is no fast-math: products and sums may be fused (`contract`) in sums of
products and in sums over the samples alone, so nan, infinities and the order of operations elsewhere stay what they
are. Where the machine's vectors are shorter, LLVM splits them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autodiff.program import LANES, SUM_OF_PRODUCTS, TRUTHS, Program
from autodiff.replay.backends.llvm.vector_math import Lines, definitions, functions, is_function


class Body(Lines):
    """The lines of one function of a text; what they call is added to the functions of that."""

    def __init__(self, text: ProgramText, width: int) -> None:
        super().__init__(width)
        self.text = text
        self.tape = text.program.tape
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
        text = self.text
        if slot in self.tape.constants:
            return self.number(self.tape.constants[slot])
        if slot in text.samples:
            return self.line(f"load {self.kind}, ptr {self._sample('samples', text.samples[slot])}, align 8")
        if slot in text.lane_temps:
            at = self._address("lane_temps", LANES * text.lane_temps[slot])
            return self._truth_of(slot, self.line(f"load {self.kind}, ptr {at}, align 8"))
        given = slot in text.shared
        at = self._address(*("shared", text.shared[slot]) if given else ("temps", text.temps[slot]))
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
            at = self._address("sums", LANES * self.text.sums[place])
            old = self.line(f"load {self.kind}, ptr {at}, align 8")
            new = self.line(f"fadd contract {self.kind} {old}, {x}")
            self.lines.append(f"  store {self.kind} {new}, ptr {at}, align 8")

    def compute(self, slot: int) -> None:
        """Compute a slot, and store it if another function reads it."""
        name, operands = self.tape.code[slot]
        x = self.names[slot] = self._instruction(name, operands)
        lane = self.width > 1
        places = self.text.lane_temps if lane else self.text.temps
        if slot in places:
            if self._is_truth(slot):
                one = "1.0" if not lane else "splat (double 1.0)"
                x = self.line(f"select {self.truth} {x}, {self.kind} {one}, {self.kind} {self.zero}")
            at = self._address(*("lane_temps", LANES * places[slot]) if lane else ("temps", places[slot]))
            self.lines.append(f"  store {self.kind} {x}, ptr {at}, align 8")

    def _instruction(self, name: str, operands: Sequence[int]) -> str:
        if name == SUM_OF_PRODUCTS:
            return self._sum_of_products(operands)
        if is_function(name, self.width):
            self.text.functions |= functions(name, self.width)
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


_CHUNK = 150  # steps a function: the time of compiling grows faster than its length
_POINTERS = "ptr noalias %shared, ptr noalias %temps, ptr noalias %out"
_LANE_POINTERS = (
    "i64 %s, i64 %stride, ptr noalias %samples, ptr noalias %shared, ptr noalias %temps, "
    "ptr noalias %lane_temps, ptr noalias %samples_out, ptr noalias %sums"
)


class ProgramText:
    """The `text` of a program of primitives, with the entry ``run`` of a `NativeRun`.

    It computes so many primitives, the `steps`, and needs a `workspace` of so many floats. The other numbers say where
    in each buffer a slot belongs: `temps` and `lane_temps` are what one function computes and another reads; `sums`,
    those over the samples, are by the number of the shared output.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.functions: dict[str, str] = {}
        shared, lane = program.steps(lane=False), program.steps(lane=True)
        self.steps = len(shared) + len(lane)
        crossing = _crossing(program, shared, lane)
        self.shared = _numbered(program.shared_inputs)
        self.samples = _numbered(program.sample_inputs)
        self.temps = _numbered(s for s in shared if s in crossing)
        self.lane_temps = _numbered(s for s in lane if s in crossing)
        self.sums = _numbered(k for k, o in enumerate(program.shared_outputs) if o.kind == "sum")
        # Workspace: shared temporaries, vectors of the samples' temporaries, two vectors for each sum.
        self.lane_temps_from = -(-len(self.temps) // LANES) * LANES
        self.sums_from = self.lane_temps_from + LANES * len(self.lane_temps)
        self.workspace = self.sums_from + 2 * LANES * len(self.sums) + LANES
        parts = self._part("shared_", shared, 1), self._part("lane_", lane, LANES)
        entry = self._entry(*map(len, parts))
        self.text = "\n".join([*definitions(), *self.functions.values(), *parts[0], *parts[1], entry])

    def _part(self, name: str, steps: Sequence[int], width: int) -> list[str]:
        """Functions that compute some slots in order, and put the outputs that are among them where they belong."""
        program = self.program
        kinds = ("one",) if width == 1 else ("each", "sum")
        wanted: dict[int, list[tuple[str, int]]] = {}
        for k, o in (*enumerate(program.shared_outputs), *enumerate(program.sample_outputs)):
            if o.kind in kinds:
                wanted.setdefault(o.slot, []).append((o.kind, k))
        computed = set(steps)
        todo = [*steps, *(s for s in wanted if s not in computed)]  # the others: inputs, constants, shared slots
        texts = []
        for k in range(0, len(todo), _CHUNK):
            body = Body(self, width)
            for slot in todo[k : k + _CHUNK]:
                if slot in computed:
                    body.compute(slot)
                for kind, place in wanted.get(slot, ()):
                    body.put(slot, kind, place)
            head = f"define internal void @{name}{k // _CHUNK}({_POINTERS if width == 1 else _LANE_POINTERS}) {{"
            texts.append("\n".join([head, *body.lines, "  ret void", "}"]))
        return texts

    def _entry(self, shared: int, lane: int) -> str:
        sums = len(self.sums)
        vector = f"<{LANES} x double>"
        lines = [
            "define void @run(i64 %n, i64 %stride, ptr noalias %shared, ptr noalias %samples, ptr noalias %out, "
            "ptr noalias %samples_out, ptr noalias %temps) {",
            f"  %lane_temps = getelementptr double, ptr %temps, i64 {self.lane_temps_from}",
            f"  %full_sums = getelementptr double, ptr %temps, i64 {self.sums_from}",
            f"  %rest_sums = getelementptr double, ptr %temps, i64 {self.sums_from + LANES * sums}",
            *[f"  call void @shared_{k}(ptr %shared, ptr %temps, ptr %out)" for k in range(shared)],
        ]
        if not lane:
            return "\n".join([*lines, "  ret void", "}"])
        call = (
            "i64 %s, i64 %stride, ptr %samples, ptr %shared, ptr %temps, ptr %lane_temps, ptr %samples_out, ptr %sums"
        )
        lines += [
            f"  call void @llvm.memset.p0.i64(ptr %full_sums, i8 0, i64 {16 * LANES * sums}, i1 false)",
            f"  %rest = and i64 %n, {LANES - 1}",
            "  %full = sub i64 %n, %rest",
            "  br label %head",
            "head:",
            "  %s = phi i64 [0, %0], [%next, %body]",
            "  %more = icmp slt i64 %s, %n",
            "  br i1 %more, label %body, label %done",
            "body:",
            "  %whole = icmp slt i64 %s, %full",
            "  %sums = select i1 %whole, ptr %full_sums, ptr %rest_sums",
            *[f"  call void @lane_{k}({call})" for k in range(lane)],
            f"  %next = add i64 %s, {LANES}",
            "  br label %head",
            "done:",
        ]
        if sums:
            places = ", ".join(f"i64 {k}" for k in self.sums)
            index = ", ".join(f"i64 {k}" for k in range(LANES))
            lines += [
                f"  %rests = insertelement <{LANES} x i64> poison, i64 %rest, i32 0",
                f"  %rest_v = shufflevector <{LANES} x i64> %rests, <{LANES} x i64> poison, "
                f"<{LANES} x i32> zeroinitializer",
                f"  %valid = icmp slt <{LANES} x i64> <{index}>, %rest_v",
                "  br label %reduce",
                "reduce:",
                "  %k = phi i64 [0, %done], [%k1, %reduce]",
                f"  %at = mul i64 %k, {LANES}",
                "  %p = getelementptr double, ptr %full_sums, i64 %at",
                "  %q = getelementptr double, ptr %rest_sums, i64 %at",
                f"  %x = load {vector}, ptr %p, align 8",
                f"  %y = load {vector}, ptr %q, align 8",
                f"  %z = select <{LANES} x i1> %valid, {vector} %y, {vector} zeroinitializer",
                f"  %w = fadd {vector} %x, %z",
                f"  %total = call reassoc double @llvm.vector.reduce.fadd.v{LANES}f64(double 0.0, {vector} %w)",
                f"  %place = getelementptr [{sums} x i64], ptr @places, i64 0, i64 %k",
                "  %i = load i64, ptr %place",
                "  %to = getelementptr double, ptr %out, i64 %i",
                "  store double %total, ptr %to",
                "  %k1 = add i64 %k, 1",
                f"  %again = icmp slt i64 %k1, {sums}",
                "  br i1 %again, label %reduce, label %end",
                "end:",
            ]
            lines.insert(0, f"@places = internal constant [{sums} x i64] [{places}]")
        return "\n".join([*lines, "  ret void", "}"])


def _numbered(members: Iterable[int]) -> dict[int, int]:
    return {member: k for k, member in enumerate(members)}


def _crossing(program: Program, shared: Sequence[int], lane: Sequence[int]) -> set[int]:
    """The slots that are computed in one function and read in another, so they have to be stored."""
    where = {s: (0, k // _CHUNK) for k, s in enumerate(shared)} | {s: (1, k // _CHUNK) for k, s in enumerate(lane)}
    found = {o.slot for o in program.outputs if o.kind != "one" and where.get(o.slot, (1, 0))[0] == 0}
    for s, place in where.items():
        found.update(p for p in program.tape.code[s].operands if p in where and where[p] != place)
    return found
