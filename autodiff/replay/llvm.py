"""The backend for speed: a program as LLVM text, compiled in the process by llvmlite.

The text is straight-line code, in functions of a few hundred instructions, on one number for what all samples share
and on vectors of eight for the samples. There are no optimisation passes and no fast-math: products and sums may
be fused (`contract`) in sums of products and in sums over the samples alone, so nan, infinities and the order of
operations elsewhere stay what they are. Where the machine's vectors are shorter, LLVM splits them.
"""

from __future__ import annotations

import ctypes
import struct
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from autodiff.replay import interpreter
from autodiff.replay.llvm_math import definitions, vector_function
from autodiff.replay.primitives import COMPARISONS, LIBRARY
from autodiff.replay.program import LANES, Program
from autodiff.replay.tape import SUM_OF_PRODUCTS, Tape

__all__ = ["NativeRun", "compile_program", "source"]

_CHUNK = 150  # steps a function: the time of compiling grows faster than its length
_LARGE = 8000  # primitives; above, a program without samples is data for the interpreter
_SWIFT = 20_000  # from that many steps on, compile at the lowest level
_POINTERS = "ptr noalias %shared, ptr noalias %temps, ptr noalias %out"
_LANE_POINTERS = (
    "i64 %s, i64 %stride, ptr noalias %samples, ptr noalias %shared, ptr noalias %temps, "
    "ptr noalias %lane_temps, ptr noalias %samples_out, ptr noalias %sums"
)


def source(program: Program) -> str:
    """The program as LLVM text, with an entry ``run``; see `NativeRun`."""
    return _Module(program.lowered()).text


def compile_program(program: Program) -> NativeRun:
    """Compile a program to machine code.

    Raises
    ------
    ImportError
        If llvmlite is missing.
    NotLowerable
        If an operation has no counterpart in machine arithmetic.
    """
    lowered = program.lowered()
    if not lowered.sample_inputs and len(lowered.live) > _LARGE:
        return NativeRun(interpreter.TEXT, interpreter.workspace(lowered))
    module = _Module(lowered)
    return NativeRun(module.text, array("d", bytes(8 * module.workspace)), swift=module.steps >= _SWIFT)


def literal(x: float) -> str:
    """A float as LLVM writes it: its bits, so that every one survives."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


class NativeRun:
    """A compiled program; called as `autodiff.replay.program.Run` says.

    Parameters
    ----------
    text : str
        LLVM text with an entry ``run`` of the same arguments, and the workspace as the last one.
    workspace : array of float
        The workspace as it is at first.
    swift : bool
        Whether to compile in less time, to slower code.
    """

    def __init__(self, text: str, workspace: array[float], *, swift: bool = False) -> None:
        self.workspace = array("d", bytes(8 * (len(workspace) + LANES)))
        self._engine, address = _machine_code(text, swift)
        self.native: Callable[[int], None] = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        start = self.workspace.buffer_info()[0]
        shift = -start % 64 // 8  # a vector across two cache lines takes twice the time
        self._at = start + 8 * shift
        self.workspace[shift : shift + len(workspace)] = workspace

    def __call__(
        self,
        n: int,
        stride: int,
        shared: array[float],
        samples: array[float],
        shared_out: array[float],
        samples_out: array[float],
    ) -> None:
        """Run it."""
        self.bound(shared, samples, shared_out, samples_out)(n, stride)

    def bound(self, *buffers: array[float]) -> Callable[[int, int], None]:
        """The same with its four buffers given once and for all; they must stay where they are.

        What is returned cannot be run in two threads at once.
        """
        fields = array("q", [0, 0, *(b.buffer_info()[0] for b in buffers), self._at])
        at = fields.buffer_info()[0]

        def run(n: int, stride: int) -> None:
            fields[0], fields[1] = n, stride
            self.native(at)

        return run


_FIELDS = ("i64 %n", "i64 %stride", "ptr %shared", "ptr %samples", "ptr %out", "ptr %samples_out", "ptr %w")
_ENTRY = "\n".join(
    [
        "define void @from_fields(ptr %fields) {",
        *(
            f"  %at{k} = getelementptr i64, ptr %fields, i64 {k}\n  {name} = load {kind}, ptr %at{k}"
            for k, (kind, name) in enumerate(map(str.split, _FIELDS))
        ),
        f"  call void @run({', '.join(_FIELDS)})",
        "  ret void",
        "}",
    ]
)
"""Calls ``run`` with arguments that stand in memory: handing over one pointer is a microsecond faster than seven."""


@lru_cache(maxsize=64)
def _machine_code(text: str, swift: bool) -> tuple[Any, int]:
    """Compile LLVM text and the entry to it; the engine has to be kept as long as the address of that is used.

    The same text is compiled once: two models of one architecture have one.
    """
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise ImportError("the llvm backend needs llvmlite: pip install llvmlite; or take backend='python'") from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(f"{text}\n{_ENTRY}")
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=int(not swift)
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine, engine.get_function_address("from_fields")


class _Module:
    """The text of a program of primitives, and how much workspace it needs."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tape = program.tape
        self.functions: dict[str, str] = {}
        shared, lane = program.steps(lane=False), program.steps(lane=True)
        self.steps = len(shared) + len(lane)
        self.shared_at = {s: k for k, s in enumerate(program.shared_inputs)}
        self.sample_at = {s: k for k, s in enumerate(program.sample_inputs)}
        crossing = _crossing(self.tape, shared, lane, program)
        self.temp_at = {s: k for k, s in enumerate(s for s in shared if s in crossing)}
        self.lane_temp_at = {s: k for k, s in enumerate(s for s in lane if s in crossing)}
        self.sums = [(k, o.slot) for k, o in enumerate(program.shared_outputs) if o.kind == "sum"]
        self.sum_at = {place: k for k, (place, _) in enumerate(self.sums)}
        # Workspace: shared temporaries, vectors of the samples' temporaries, two vectors for each sum.
        self.lane_temps_from = -(-len(self.temp_at) // LANES) * LANES
        self.sums_from = self.lane_temps_from + LANES * len(self.lane_temp_at)
        self.workspace = self.sums_from + 2 * LANES * len(self.sums) + LANES
        parts = [*self._part("shared_", shared, 1), *self._part("lane_", lane, LANES)]
        body = self._entry(sum(p.startswith("define internal void @shared_") for p in parts), len(parts))
        self.text = "\n".join([*definitions(), *self.functions.values(), *parts, body])

    def _part(self, name: str, steps: Sequence[int], width: int) -> list[str]:
        """Functions that compute some slots in order, and put the outputs that are among them where they belong."""
        outputs: dict[int, list[tuple[str, int]]] = {}
        for k, o in enumerate(self.program.shared_outputs):
            outputs.setdefault(o.slot, []).append((o.kind, k))
        for k, o in enumerate(self.program.sample_outputs):
            outputs.setdefault(o.slot, []).append((o.kind, k))
        mine = ("one",) if width == 1 else ("each", "sum")
        wanted = {s: [w for w in found if w[0] in mine] for s, found in outputs.items()}
        computed = set(steps)
        given = [s for s, found in wanted.items() if found and s not in computed]  # inputs, constants, shared slots
        texts = []
        chunks = [steps[k : k + _CHUNK] for k in range(0, len(steps), _CHUNK)] or [[]]
        for k, chunk in enumerate(chunks):
            if not chunk and not given:
                continue
            body = _Body(self, width)
            for slot in chunk:
                body.compute(slot)
                for kind, place in wanted.get(slot, ()):
                    body.put(slot, kind, place)
            for slot in given if k == len(chunks) - 1 else []:
                for kind, place in wanted[slot]:
                    body.put(slot, kind, place)
            arguments = _POINTERS if width == 1 else _LANE_POINTERS
            texts.append(
                f"define internal void @{name}{k}({arguments}) {{\n" + "\n".join(body.lines) + "\n  ret void\n}"
            )
        return texts

    def _entry(self, shared: int, parts: int) -> str:
        sums = len(self.sums)
        vector = f"<{LANES} x double>"
        first = [f"  call void @shared_{k}(ptr %shared, ptr %temps, ptr %out)" for k in range(shared)]
        lines = [
            "define void @run(i64 %n, i64 %stride, ptr noalias %shared, ptr noalias %samples, ptr noalias %out, "
            "ptr noalias %samples_out, ptr noalias %temps) {",
            f"  %lane_temps = getelementptr double, ptr %temps, i64 {self.lane_temps_from}",
            f"  %full_sums = getelementptr double, ptr %temps, i64 {self.sums_from}",
            f"  %rest_sums = getelementptr double, ptr %temps, i64 {self.sums_from + LANES * sums}",
            *first,
        ]
        if parts == shared:
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
            *[f"  call void @lane_{k}({call})" for k in range(parts - shared)],
            f"  %next = add i64 %s, {LANES}",
            "  br label %head",
            "done:",
        ]
        if sums:
            places = ", ".join(f"i64 {k}" for k, _ in self.sums)
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


def _crossing(tape: Tape, shared: Sequence[int], lane: Sequence[int], program: Program) -> set[int]:
    """The slots that are computed in one function and read in another, so they have to be stored."""
    where = {s: (0, k // _CHUNK) for k, s in enumerate(shared)} | {s: (1, k // _CHUNK) for k, s in enumerate(lane)}
    found = {o.slot for o in program.outputs if o.kind != "one" and where.get(o.slot, (1, 0))[0] == 0}
    for s, place in where.items():
        found.update(p for p in tape.code[s].operands if p in where and where[p] != place)
    return found


class _Body:
    """The lines of one function: on single numbers (width 1) or on vectors."""

    def __init__(self, module: _Module, width: int) -> None:
        self.module = module
        self.tape = module.tape
        self.width = width
        self.kind = "double" if width == 1 else f"<{width} x double>"
        self.truth = "i1" if width == 1 else f"<{width} x i1>"
        self.lines: list[str] = []
        self.names: dict[int, str] = {}

    def line(self, text: str) -> str:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def read(self, slot: int) -> str:
        """The name of a slot, which is loaded if it is not there yet."""
        if slot in self.names:
            return self.names[slot]
        x = self._load(slot)
        if self.width == 1 or self.tape.lane[slot]:
            self.names[slot] = x  # what is shared is broadcast from memory at each use: it would only fill registers
        return x

    def _load(self, slot: int) -> str:
        module = self.module
        if slot in self.tape.constants:
            x = literal(self.tape.constants[slot])
            return x if self.width == 1 else f"splat (double {x})"
        if slot in module.sample_at:
            return self.line(f"load {self.kind}, ptr {self._sample('samples', module.sample_at[slot])}, align 8")
        if slot in module.lane_temp_at:
            at = self._address("lane_temps", LANES * module.lane_temp_at[slot])
            return self._truth_of(slot, self.line(f"load {self.kind}, ptr {at}, align 8"))
        given = slot in module.shared_at
        at = self._address(*("shared", module.shared_at[slot]) if given else ("temps", module.temp_at[slot]))
        x = self.line(f"load double, ptr {at}")
        if self.width > 1:
            v = self.line(f"insertelement {self.kind} poison, double {x}, i32 0")
            x = self.line(f"shufflevector {self.kind} {v}, {self.kind} poison, <{self.width} x i32> zeroinitializer")
        return self._truth_of(slot, x)

    def _is_truth(self, slot: int) -> bool:
        return self.tape.code[slot].name in _TRUTHS

    def _truth_of(self, slot: int, x: str) -> str:
        if not self._is_truth(slot):
            return x
        zero = "0.0" if self.width == 1 else "zeroinitializer"
        return self.line(f"fcmp une {self.kind} {x}, {zero}")

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
            at = self._address("sums", LANES * self.module.sum_at[place])
            old = self.line(f"load {self.kind}, ptr {at}, align 8")
            new = self.line(f"fadd contract {self.kind} {old}, {x}")
            self.lines.append(f"  store {self.kind} {new}, ptr {at}, align 8")

    def compute(self, slot: int) -> None:
        """Compute a slot, and store it if another function reads it."""
        name, operands = self.tape.code[slot]
        x = self.names[slot] = self._instruction(name, operands)
        module, lane = self.module, self.width > 1
        places = module.lane_temp_at if lane else module.temp_at
        if slot in places:
            if self._is_truth(slot):
                one, zero = ("1.0", "0.0") if not lane else ("splat (double 1.0)", "zeroinitializer")
                x = self.line(f"select {self.truth} {x}, {self.kind} {one}, {self.kind} {zero}")
            at = self._address(*("lane_temps", LANES * places[slot]) if lane else ("temps", places[slot]))
            self.lines.append(f"  store {self.kind} {x}, ptr {at}, align 8")

    def _instruction(self, name: str, operands: Sequence[int]) -> str:
        kind, truth = self.kind, self.truth
        if name == SUM_OF_PRODUCTS:
            return self._sum_of_products(operands)
        read = [self.read(p) for p in operands]
        if name in _ARITHMETIC:
            return self.line(f"{_ARITHMETIC[name]} {kind} {', '.join(read)}")
        if name in COMPARISONS:
            return self.line(f"fcmp {_CONDITIONS[name]} {kind} {read[0]}, {read[1]}")
        if name in ("and", "or"):
            return self.line(f"{name} {truth} {read[0]}, {read[1]}")
        if name == "not":
            return self.line(f"xor {truth} {read[0]}, {'true' if self.width == 1 else 'splat (i1 true)'}")
        if name == "select":
            return self.line(f"select {truth} {read[0]}, {kind} {read[1]}, {kind} {read[2]}")
        arguments = ", ".join(f"{kind} {x}" for x in read)
        if name in _INTRINSICS:
            suffix = "f64" if self.width == 1 else f"v{self.width}f64"
            return self.line(f"call {kind} @llvm.{name}.{suffix}({arguments})")
        if self.width == 1 and name in LIBRARY:
            return self.line(f"call double @{name}({arguments})")
        function = f"{'s' if self.width == 1 else 'v'}.{name}"
        if function not in self.module.functions:
            self.module.functions[function] = vector_function(name, function, self.width)
        return self.line(f"call {kind} @{function}({arguments})")

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
            product = self.line(f"fmul contract {self.kind} {self.read(a)}, {self.read(b)}")
            whole = product if whole is None else self.line(f"fadd contract {self.kind} {whole}, {product}")
        assert whole is not None, "a sum of products has a product"
        return whole


_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul contract", "div": "fdiv", "neg": "fneg"}
_CONDITIONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_INTRINSICS = ("fabs", "sqrt", "floor", "copysign")
_TRUTHS = {*COMPARISONS, "and", "or", "not"}
