"""A program as LLVM text: its functions, and the entry that runs them over the samples.

The text is straight-line code, in functions of a few hundred instructions, on one number for what all samples share
and on vectors of eight for the samples. There is no fast-math: products and sums may be fused (`contract`) in sums of
products and in sums over the samples alone, so nan, infinities and the order of operations elsewhere stay what they
are. Where the machine's vectors are shorter, LLVM splits them.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.program import LANES, Program
from autodiff.replay.backends.llvm.body import Body, Places
from autodiff.replay.backends.llvm.vector_math import definitions

_CHUNK = 150  # steps a function: the time of compiling grows faster than its length
_POINTERS = "ptr noalias %shared, ptr noalias %temps, ptr noalias %out"
_LANE_POINTERS = (
    "i64 %s, i64 %stride, ptr noalias %samples, ptr noalias %shared, ptr noalias %temps, "
    "ptr noalias %lane_temps, ptr noalias %samples_out, ptr noalias %sums"
)


class ProgramText:
    """A program of primitives as LLVM text.

    Parameters
    ----------
    program : Program
        Of primitives.

    Attributes
    ----------
    text : str
        It has the entry ``run`` of `autodiff.replay.backends.llvm.native.NativeRun`.
    steps : int
        How many primitives it computes.
    workspace : int
        How many floats of workspace it needs.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.functions: dict[str, str] = {}
        shared, lane = program.steps(lane=False), program.steps(lane=True)
        self.steps = len(shared) + len(lane)
        crossing = _crossing(program, shared, lane)
        self.sums = [k for k, o in enumerate(program.shared_outputs) if o.kind == "sum"]
        self.places = Places(
            shared={s: k for k, s in enumerate(program.shared_inputs)},
            samples={s: k for k, s in enumerate(program.sample_inputs)},
            temps={s: k for k, s in enumerate(s for s in shared if s in crossing)},
            lane_temps={s: k for k, s in enumerate(s for s in lane if s in crossing)},
            sums={output: k for k, output in enumerate(self.sums)},
        )
        # Workspace: shared temporaries, vectors of the samples' temporaries, two vectors for each sum.
        self.lane_temps_from = -(-len(self.places.temps) // LANES) * LANES
        self.sums_from = self.lane_temps_from + LANES * len(self.places.lane_temps)
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
            body = Body(program.tape, self.places, self.functions, width)
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


def _crossing(program: Program, shared: Sequence[int], lane: Sequence[int]) -> set[int]:
    """The slots that are computed in one function and read in another, so they have to be stored."""
    where = {s: (0, k // _CHUNK) for k, s in enumerate(shared)} | {s: (1, k // _CHUNK) for k, s in enumerate(lane)}
    found = {o.slot for o in program.outputs if o.kind != "one" and where.get(o.slot, (1, 0))[0] == 0}
    for s, place in where.items():
        found.update(p for p in program.tape.code[s].operands if p in where and where[p] != place)
    return found
