"""What a check found: a table of derivatives, each with its verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from autodiff.show.tables import html, text
from autodiff.testing.differences import Verdict

_SHOWN = 60  # rows of a table


@dataclass(frozen=True)
class GradientRow:
    """One derivative: what it is of, the rules' number, that of differences, the doubt of the latter, the verdict.

    The verdict is "agrees", "differs" or "cannot tell"; the reason says why it cannot, or how else it was found.
    """

    derivative: str
    point: str
    computed: float
    differences: float
    uncertainty: float
    verdict: Verdict
    reason: str = ""
    negligible: bool = False

    def settled(self) -> GradientRow:
        """The last word: a derivative that rounding hides, but that is nothing next to the function, agrees."""
        if self.verdict == "cannot tell" and self.negligible:
            return replace(self, verdict="agrees", reason="nothing next to the function")
        return self

    @property
    def skipped(self) -> str:
        """Why this row says nothing; "" if it does."""
        return self.reason if self.verdict == "cannot tell" else ""

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        numbers = [f"{x:.10g}" for x in (self.computed, self.differences)]
        verdict = f"{self.verdict}: {self.reason}" if self.reason else self.verdict
        return self.derivative, self.point, *numbers, f"{self.uncertainty:.1g}", verdict


class GradientReport:
    """What `check_grads` and `check_op` looked at: prints as a table, and shows as one in Jupyter.

    Attributes
    ----------
    rows : tuple of GradientRow
        Every derivative that was looked at. A long table shows the first of them, first those without a verdict.
    """

    _header = ("derivative", "at", "computed", "differences", "+-", "verdict")

    def __init__(self, title: str, rows: Iterable[GradientRow]) -> None:
        self.title = title
        self.rows = tuple(rows)

    @property
    def skipped(self) -> tuple[GradientRow, ...]:
        """The rows that say nothing, each with its reason."""
        return tuple(row for row in self.rows if row.skipped)

    def _summary(self) -> str:
        skipped = len(self.skipped)
        return f"{self.title}: {len(self.rows) - skipped} derivatives agree, {skipped} cannot be judged"

    def _cells(self) -> list[tuple[str, ...]]:
        if len(self.rows) <= _SHOWN:
            return [row.cells() for row in self.rows]
        first = sorted(self.rows, key=lambda row: not row.skipped)[:_SHOWN]
        return [*(row.cells() for row in first), (f"... {len(self.rows) - _SHOWN} more in rows", *[""] * 5)]

    def __repr__(self) -> str:
        return f"{self._summary()}\n{text(self._header, self._cells())}"

    def _repr_html_(self) -> str:
        return html(self._summary(), self._header, self._cells())
