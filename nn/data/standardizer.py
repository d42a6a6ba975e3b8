"""Columns brought to mean 0 and standard deviation 1, and back."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autodiff import numerics
from autodiff.errors import DataError, ModelFileError


@dataclass(frozen=True)
class Standardizer:
    """Shifts and scales each column to mean 0 and standard deviation 1 over the rows that it was fitted to.

    Parameters
    ----------
    means : tuple of float
        One a column.
    scales : tuple of float
        The (population) standard deviations, above 0; 1 for a constant column.

    Examples
    --------
    >>> standardizer = Standardizer.fit([[1.0, 7.0], [3.0, 7.0]])
    >>> standardizer.transform([[2.0, 7.0], [5.0, 8.0]])
    [[0.0, 0.0], [3.0, 1.0]]
    >>> standardizer.inverse([[3.0, 1.0]])
    [[5.0, 8.0]]
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]

    @classmethod
    def fit(cls, rows: Sequence[Sequence[float]], places: Sequence[str] = ()) -> Standardizer:
        """Measure the columns of some rows, which are to be those of the training part alone.

        Parameters
        ----------
        rows : sequence of rows of float
            All of one length, finite.
        places : sequence of str, optional
            What messages call each column, such as `nn.data.Dataset.place` gives; by default its number.

        Raises
        ------
        DataError
            If a column holds nan or infinity, or numbers so large that its mean or deviation overflows; if rows
            differ in length, or there is none. The message names the column.
        """
        if not len(rows):
            raise DataError("expected at least one row to measure, got none")
        measured = [_measure(column) for column in zip(*_checked(rows, len(rows[0])))]
        for k, pair in enumerate(measured):
            if not all(map(math.isfinite, pair)):
                place = places[k] if places else f"column {k + 1}"
                if not all(math.isfinite(row[k]) for row in rows):
                    raise DataError(f"{place}: expected finite numbers to measure, got nan or infinity")
                raise DataError(f"{place}: the numbers are too large; express them in a larger unit")
        return cls(tuple(mean for mean, _ in measured), tuple(scale for _, scale in measured))

    def transform(self, rows: Iterable[Sequence[float]]) -> list[list[float]]:
        """Return the rows with (x - mean) / scale in place of x.

        Raises
        ------
        DataError
            If a row has not as many numbers as were measured.
        """
        rows = _checked(rows, len(self.means))
        return [[(x - m) / s for x, m, s in zip(row, self.means, self.scales)] for row in rows]

    def inverse(self, rows: Iterable[Sequence[float]]) -> list[list[float]]:
        """Return the rows with x * scale + mean in place of x: undo `transform`.

        Raises
        ------
        DataError
            If a row has not as many numbers as were measured.
        """
        rows = _checked(rows, len(self.means))
        return [[x * s + m for x, m, s in zip(row, self.means, self.scales)] for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as a dict that can be written as JSON."""
        return {"means": list(self.means), "scales": list(self.scales)}

    @classmethod
    def from_dict(cls, saved: object, columns: int) -> Standardizer:
        """Make it from what `to_dict` gave.

        Parameters
        ----------
        saved : dict
            With the keys "means" and "scales".
        columns : int
            How many columns it has to be for.

        Raises
        ------
        ModelFileError
            If it is something else.
        """
        parts = (saved.get("means"), saved.get("scales")) if isinstance(saved, Mapping) else (None, None)
        for part in parts:
            if not isinstance(part, list) or len(part) != columns or not all(map(_is_finite_number, part)):
                raise ModelFileError(f"expected means and scales of {columns} column(s) as finite numbers")
        means, scales = (tuple(map(float, part)) for part in parts if part is not None)
        if not all(scale > 0.0 for scale in scales):
            raise ModelFileError(f"expected scales above 0, got {min(scales)}")
        return cls(means, scales)


def _checked(rows: Iterable[Sequence[float]], width: int) -> list[Sequence[float]]:
    rows = list(rows)
    for k, row in enumerate(rows):
        if len(row) != width:
            raise DataError(f"expected {width} number(s) in row {k}, got {len(row)}")
    return rows


def _measure(column: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation; 1 for the deviation of a constant, which rounding could make 1e-17."""
    if min(column) == max(column):
        return column[0], 1.0
    mean = numerics.mean(column)
    # hypot in place of the root of a sum of squares: no square overflows or underflows.
    return mean, math.hypot(*(x - mean for x in column)) / math.sqrt(len(column)) or 1.0


def _is_finite_number(x: object) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= sys.float_info.max
