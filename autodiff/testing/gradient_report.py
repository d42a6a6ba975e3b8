"""What `check_grads` and `check_op` report: derivatives, each next to what differences say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autodiff.show.tables import html, text


@dataclass(frozen=True)
class GradientRow:
    """One derivative: what it is of, the rules' number, that of differences, and how sure the latter is."""

    derivative: str
    point: str
    computed: float
    differences: float
    uncertainty: float
    skipped: str

    def agrees(self, rtol: float) -> bool:
        """Whether the two numbers are as near to each other as the differences allow to say."""
        if self.skipped:
            return True
        size = max(abs(self.computed), abs(self.differences))
        return abs(self.computed - self.differences) <= rtol * size + 10.0 * self.uncertainty

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        verdict = f"skipped: {self.skipped}" if self.skipped else "agrees"
        numbers = [f"{x:.10g}" for x in (self.computed, self.differences)]
        return self.derivative, self.point, *numbers, f"{self.uncertainty:.1g}", verdict


class GradientReport:
    """What `check_grads` and `check_op` looked at: prints as a table, and shows as one in Jupyter.

    Attributes
    ----------
    rows : tuple of GradientRow
        Every derivative that was looked at.
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
        return f"{self.title}: {len(self.rows) - skipped} derivatives agree, {skipped} skipped"

    def __repr__(self) -> str:
        return f"{self._summary()}\n{text(self._header, [row.cells() for row in self.rows])}"

    def _repr_html_(self) -> str:
        return html(self._summary(), self._header, [row.cells() for row in self.rows])
