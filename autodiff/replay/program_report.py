"""What was made of a recorded function: how many instructions after each pass, by which backend, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autodiff.program import Program
from autodiff.show.tables import html, text


@dataclass(frozen=True)
class Report:
    """Figures of one compiled program; prints as a table, and shows as one in Jupyter.

    Attributes
    ----------
    recorded : int
        Nodes of the recorded graph.
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
        How long recording, differentiating and compiling took.
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
    def of(program: Program, recorded: int, backend: str, seconds: float, notes: Sequence[str], run: Any) -> Report:
        """The report on a program."""
        once, each = (len(program.steps(lane)) for lane in (False, True))
        return Report(
            recorded=recorded,
            **program.tape.counts,
            instructions=once + each,
            once=once,
            each=each,
            backend=backend,
            seconds=seconds,
            buffer_bytes=8 * len(getattr(run, "workspace", ())),
            notes=tuple(notes),
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
        return text(("what", "figure"), self._rows())

    def _repr_html_(self) -> str:
        return html("compiled program", ("what", "figure"), self._rows())
