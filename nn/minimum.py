"""`Minimum`: what a descent found, and the way it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from autodiff.show import html_table, text_table


class StoppingRule(Protocol):
    """What `Minimum` keeps of a rule without knowing `nn.stopping`, where rules look at a Minimum."""

    def met(self, run: Minimum) -> bool:
        """Whether it is time to stop."""


@dataclass(repr=False)
class Minimum:
    """What `nn.minimize` and `nn.random_search` return: the whole way, and where it ended.

    Parameters
    ----------
    method : str
        Which way was taken: the optimizer with its hyperparameters, or "random search".
    points : list of list of float
        Where it was: the start, then the point after each step.
    values : list of float
        The function there.
    gradient_norms : list of float
        The Euclidean norm of its gradient there; empty for a random search.
    rates : list of float
        The learning rate of each step; empty for a random search.
    stopped : str
        Why it ended, in words: the rule that fired, or what diverged.
    rule : Rule or None
        The rule of `nn.stopping` that fired; None if it diverged, or for a random search.
    diverged : bool
        Whether the function, its gradient or a coordinate became infinite or nan. The point where that happened is not
        kept: all numbers here are finite.
    evaluations : int
        How often the function was computed. For descent each comes with one backward sweep.
    number : bool
        Whether the function takes one number in place of a sequence.
    """

    method: str
    points: list[list[float]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    stopped: str = ""
    rule: StoppingRule | None = None
    diverged: bool = False
    evaluations: int = 0
    number: bool = False

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.points) - 1

    @property
    def x(self) -> float | list[float]:
        """The last point: one number if the function takes one, else a list."""
        return self.points[-1][0] if self.number else list(self.points[-1])

    @property
    def value(self) -> float:
        """The function at the last point."""
        return self.values[-1]

    def table(self, most: int = 10) -> tuple[list[str], list[list[str]]]:
        """The way as texts, for a table: the first steps and the last.

        Parameters
        ----------
        most : int
            How many rows there are at most; at least 2.

        Returns
        -------
        header : list of str
            The columns.
        rows : list of list of str
            One a step; a row of dots stands for those left out.
        """
        chosen = list(range(len(self.points)))
        if len(chosen) > most:
            chosen[most - 1 : -1] = [-1]
        header = ["step", "x", "f(x)"]
        if self.gradient_norms:
            header += ["gradient norm", "learning rate"]
        rows = [self._row(k) if k >= 0 else ["..."] * len(header) for k in chosen]
        return header, rows

    def _row(self, k: int) -> list[str]:
        row = [str(k), _told(self.points[k], self.number), f"{self.values[k]:.6g}"]
        if self.gradient_norms:
            row += [f"{self.gradient_norms[k]:.6g}", f"{self.rates[k]:.6g}" if k < self.steps else ""]
        return row

    def __repr__(self) -> str:
        return (
            f"Minimum(x = {_told(self.points[-1], self.number)}, f(x) = {self.value:.6g}, {self.method}, "
            f"{self.steps} steps; stopped: {self.stopped})"
        )

    def __str__(self) -> str:
        """The table of the way, under a line that says what was found."""
        return f"{self!r}\n{text_table(*self.table())}"

    def _repr_html_(self) -> str:
        return html_table(repr(self), *self.table())


def _told(point: Sequence[float], number: bool) -> str:
    shown = [f"{x:.6g}" for x in point[:4]] + ["..."] * (len(point) > 4)
    return shown[0] if number else f"[{', '.join(shown)}]"
