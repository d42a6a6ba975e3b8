"""A look inside a compiled function: its program, as text, as a drawing, as source in three languages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autodiff.errors import GraphError
from autodiff.operation import OPERATIONS, Nary
from autodiff.ops import dot
from autodiff.program.program import Program
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS
from autodiff.replay.backends import c, python
from autodiff.replay.backends.llvm import native
from autodiff.replay.kernel import Entry
from autodiff.replay.program_report import Report
from autodiff.show.draw import draw_forward
from autodiff.value import Value

if TYPE_CHECKING:
    from autodiff.show.render import Drawing

__all__ = ["Inspection", "Text"]

_SOURCES: dict[str, Callable[[Program], str]] = {"python": python.source, "llvm": native.source, "c": c.source}


class Text(str):
    """A text that shows itself as it is, also in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Inspection:
    """What a compiled function says of its programs; `mode` picks the latest one of a kind, such as "grad"."""

    _entries: OrderedDict[Any, Entry]

    def _latest(self, mode: str | None) -> Entry:
        for key, entry in reversed(self._entries.items()):
            if mode is None or key[0] == mode:
                return entry
        what = "anything" if mode is None else f"{mode!r}"
        raise GraphError(f"nothing is recorded yet for {what}: call the compiled function first")

    def report(self, mode: str | None = None) -> Report:
        """How many nodes and instructions there are after each pass, the backend, and the time to compile."""
        return self._latest(mode).kernel.report

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
        language : {"python", "llvm", "c"}
            In which language.
        mode : str, optional
            Which program: "value", "grad", "value_and_grad", "jvp" or "hessian"; the latest by default.

        Raises
        ------
        ValueError
            If the language is unknown.
        GraphError
            If nothing is recorded yet.
        """
        if language not in _SOURCES:
            raise ValueError(f"source in {', '.join(_SOURCES)}, not in {language!r}")
        return Text(_SOURCES[language](self._latest(mode).kernel.program))


def _listing(program: Program) -> list[str]:
    tape = program.tape
    names = {s: f"x{k}" for k, s in enumerate(program.inputs)}

    def name(slot: int) -> str:
        return repr(tape.constants[slot]) if slot in tape.constants else names.get(slot, f"v{slot}")

    lines = [f"{names[s]} = input{', one a sample' * tape.lane[s]}" for s in program.inputs]
    for slot in program.live:
        kind, operands = tape.code[slot]
        if kind in (INPUT, CONSTANT):
            continue
        if kind == SUM_OF_PRODUCTS:
            known, read = [tape.constants.get(p) for p in operands], list(map(name, operands))
            text = " + ".join(map(python.term, known[::2], known[1::2], read[::2], read[1::2]))
        else:
            op = OPERATIONS[kind]
            read = list(map(name, operands))
            text = op.label.format(*read) if op.arity else op.label.format(", ".join(read))
        lines.append(f"v{slot} = {text}{'  (for each sample)' * tape.lane[slot]}")
    how = {"one": "", "each": ", one a sample", "sum": ", summed over the samples"}
    return [*lines, *(f"return {name(o.slot)}{how[o.kind]}" for o in program.outputs)]


def _as_graph(program: Program) -> list[Value]:
    """The program as nodes, outputs first to last."""
    tape = program.tape
    nodes: dict[int, Any] = {s: Value(1.0, f"x{k}") for k, s in enumerate(program.inputs)}
    for slot in program.live:
        kind, operands = tape.code[slot]
        if slot in tape.constants:
            nodes[slot] = tape.constants[slot]
        elif kind == SUM_OF_PRODUCTS:
            read = [nodes[p] for p in operands]
            nodes[slot] = dot(read[::2], read[1::2])
        elif kind != INPUT:
            op: Any = OPERATIONS[kind]
            read = [nodes[p] for p in operands]
            width = len(read) // op.groups if isinstance(op, Nary) else 0
            nodes[slot] = op(*(read[k : k + width] for k in range(0, len(read), width))) if width else op(*read)
    found = [nodes[o.slot] for o in program.outputs]
    return list(dict.fromkeys(y if isinstance(y, Value) else Value(y) for y in found))
