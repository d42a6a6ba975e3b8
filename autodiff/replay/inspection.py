"""A look inside a compiled function: its program in figures, as text, as a drawing, as source in two languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff.errors import GraphError
from autodiff.operation import OPERATIONS
from autodiff.ops import dot
from autodiff.program import CONSTANT, INPUT, SUM_OF_PRODUCTS, Program
from autodiff.replay.backends import ProgramLines, Text, c, llvm
from autodiff.replay.kernel import Entry, Kernel
from autodiff.replay.programs import Programs
from autodiff.show import draw_forward, html_table, text_table
from autodiff.value import Value

if TYPE_CHECKING:
    from autodiff.show.render import Drawing


SOURCES: dict[str, Callable[[Program], str]] = {"llvm": llvm.source, "c": c.source}
"""A program as source that stands by itself, by the language."""


@dataclass(frozen=True)
class Report:
    """Figures of one compiled program; prints as a table, and shows as one in Jupyter.

    Attributes
    ----------
    recorded : int
        Nodes of the graph that was traced.
    asked : int
        Operations that were to be written on the tape, those of the derivative included.
    folded, identities, shared : int
        How many of these were constants, changed nothing, or stood there already.
    instructions : int
        What is left of them once unused ones are dropped.
    once, each : int
        How many of these run once a call, and once for each sample.
    backend : str
        Which backend compiled it.
    seconds : float
        How long tracing, differentiating and compiling took.
    buffer_bytes : int
        Memory for temporaries, of the llvm backend.
    notes : tuple of str
        Why a better backend was not taken.
    """

    recorded: int
    asked: int
    folded: int
    identities: int
    shared: int
    instructions: int
    once: int
    each: int
    backend: str
    seconds: float
    buffer_bytes: int
    notes: tuple[str, ...]

    @staticmethod
    def of(kernel: Kernel) -> Report:
        """The report on the program of a kernel."""
        once, each = (len(kernel.program.steps(lane)) for lane in (False, True))
        return Report(
            recorded=kernel.recorded,
            **kernel.program.tape.counts,
            instructions=once + each,
            once=once,
            each=each,
            backend=kernel.backend,
            seconds=kernel.seconds,
            buffer_bytes=8 * len(getattr(kernel.run, "workspace", ())),
            notes=tuple(kernel.notes),
        )

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("nodes recorded", str(self.recorded)),
            ("operations with the derivative", str(self.asked)),
            ("constants folded", str(self.folded)),
            ("identities", str(self.identities)),
            ("common subexpressions", str(self.shared)),
            ("instructions left", str(self.instructions)),
            ("once a call", str(self.once)),
            ("once a sample", str(self.each)),
            ("backend", self.backend),
            ("seconds to record and compile", f"{self.seconds:.3f}"),
            ("bytes of buffer", str(self.buffer_bytes)),
            *(("note", note) for note in self.notes),
        ]

    def __str__(self) -> str:
        return text_table(("what", "figure"), self._rows())

    def _repr_html_(self) -> str:
        return html_table("compiled program", ("what", "figure"), self._rows())


class Inspection:
    """What a compiled function says of its programs; `mode` picks the latest one of a kind, such as "grad"."""

    __slots__ = ()

    _programs: Programs

    def _latest(self, mode: str | None) -> Entry:
        for key, entry in reversed(self._programs.entries.items()):
            if mode is None or key[0] == mode:
                return entry
        what = "anything" if mode is None else repr(mode)
        raise GraphError(f"nothing is recorded yet for {what}: call the compiled function first")

    def report(self, mode: str | None = None) -> Report:
        """How many nodes and instructions there are after each pass, the backend, and the time to compile."""
        return Report.of(self._latest(mode).kernel)

    def tape(self, mode: str | None = None) -> Text:
        """The program: one line an instruction, with what is shared by the samples and what is done for each."""
        return Text("\n".join(_listing(self._latest(mode).kernel.program)))

    def draw(self, mode: str | None = None, *, rankdir: str = "LR") -> Drawing:
        """Draw the optimised graph, its inputs being 1; see `autodiff.draw_forward`."""
        return draw_forward(_as_graph(self._latest(mode).kernel.program), rankdir=rankdir)

    def source(self, language: str, mode: str | None = None) -> Text:
        """The program as standalone source.

        Parameters
        ----------
        language : {"llvm", "c"}
            In which language.
        mode : str, optional
            Which program: "value", "grad", "value_and_grad", "jvp" or "hessian"; the latest by default.

        Raises
        ------
        ValueError
            If the language is unknown.
        GraphError
            If nothing is traced yet.
        """
        if language not in SOURCES:
            raise ValueError(f"source in {', '.join(SOURCES)}, not in {language!r}")
        return Text(SOURCES[language](self._latest(mode).kernel.program))


def _listing(program: Program) -> list[str]:
    lane = program.tape.lane
    names = {s: f"x{k}" for k, s in enumerate(program.inputs)}
    lines = ProgramLines(program, repr, _labelled, names)
    steps = sorted([*program.steps(lane=False), *program.steps(lane=True)])
    how = {"one": "", "each": ", one a sample", "sum": ", summed over the samples"}
    return [
        *(f"{names[s]} = input{', one a sample' * lane[s]}" for s in program.inputs),
        *(f"{line}{'  (for each sample)' * lane[s]}" for s in steps for line in lines.step(s)),
        *(f"return {lines.read(o.slot)}{how[o.kind]}" for o in program.outputs),
    ]


def _labelled(name: str, operands: Sequence[str]) -> str:
    op = OPERATIONS[name]
    return op.label.format(*operands) if op.arity else op.label.format(", ".join(operands))


def _as_graph(program: Program) -> list[Value]:
    """The program as nodes, outputs first to last."""
    tape = program.tape
    nodes: dict[int, Any] = {s: Value(1.0, f"x{k}") for k, s in enumerate(program.inputs)}
    for slot in program.live:
        name, operands = tape.code[slot]
        given = [nodes[p] for p in operands]
        if name == CONSTANT:
            nodes[slot] = tape.constants[slot]
        elif name == SUM_OF_PRODUCTS:
            nodes[slot] = dot(given[::2], given[1::2])
        elif name != INPUT:
            op: Any = OPERATIONS[name]
            nodes[slot] = op(*op.grouped(given))
    found = [nodes[o.slot] for o in program.outputs]
    return list(dict.fromkeys(y if isinstance(y, Value) else Value(y) for y in found))
