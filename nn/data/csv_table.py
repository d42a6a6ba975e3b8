"""CSV files as tables of text, read with care: every complaint names the file, the line, the column and what came."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autodiff.errors import DataError

__all__ = ["Table", "number", "read_table"]


def number(text: str) -> float | None:
    """Read a number as people write it; None if the text is none. (Python alone would take ``1_000`` for 1000.)"""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Table:
    """A CSV file: a header and rows of text, all of one length.

    Parameters
    ----------
    path : str
        Where it came from.
    names : tuple of str
        The header: at least one name, none empty, none twice.
    rows : list of list of str
        The cells, stripped of surrounding blanks.
    lines : list of int
        The number in the file of each row's line, for messages.
    """

    path: str
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def cells(self, name: str) -> list[str]:
        """The text of one column.

        Raises
        ------
        DataError
            If there is no such column, or a cell is empty.
        """
        if name not in self.names:
            raise DataError(f"{self.path}: there is no column {name!r}; the columns are {', '.join(self.names)}")
        position = self.names.index(name)
        column = [row[position] for row in self.rows]
        if not any(column):
            raise DataError(f"{self.path}, column {name!r}: every cell is empty; fill the column or remove it")
        if "" in column:
            raise self.error(column.index(""), name, "the cell is empty; fill it or remove the row")
        return column

    def numbers(self, name: str, why: str = "") -> list[float]:
        """One column as finite numbers.

        Parameters
        ----------
        name : str
            Which column.
        why : str
            What to add to the message if a cell is text.

        Raises
        ------
        DataError
            If there is no such column, or a cell is empty, text, nan or infinite.
        """
        column = []
        for k, text in enumerate(self.cells(name)):
            x = number(text)
            if x is None:
                raise self.error(k, name, f"expected a number, got {text!r:.40}{why}")
            if not math.isfinite(x):
                raise self.error(k, name, f"expected a finite number, got {text!r:.40}")
            column.append(x)
        return column

    def error(self, row: int, name: str, message: str) -> DataError:
        """Make an error that names the place of a cell."""
        return DataError(f"{self.path}, line {self.lines[row]}, column {name!r}: {message}")


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file with a header row.

    Parameters
    ----------
    path : path
        A text file in UTF-8 with commas between the cells. Empty lines are skipped.

    Returns
    -------
    Table
        Its header and rows.

    Raises
    ------
    DataError
        If the file is missing, cannot be read, is not UTF-8 text, has no header with a name for each column, has
        no rows, or has a row of another length than the header.
    """
    name = os.fspath(path)
    reader = csv.reader(io.StringIO(_text(name), newline=""), strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if cells in ([], [""]):
                continue
            if not header:
                header = _checked_header(cells, lambda message: f"{name}, line {reader.line_num}: {message}")
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{name}, line {reader.line_num}: expected {len(header)} cells, as in the header, got {len(cells)}"
                )
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: not a CSV file: {error}") from error
    if not header:
        raise DataError(f"{name}: the file is empty; expected a header row, then a row for each sample")
    if not rows:
        raise DataError(f"{name}: there is a header but no rows; expected a row for each sample")
    return Table(name, tuple(header), rows, lines)


def _text(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: expected a CSV file, got a folder") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{path}: cannot read the file: {reason}") from error
    try:
        return content.decode("utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: expected text in UTF-8, got the byte 0x{content[error.start]:02x}; "
            "save the file as UTF-8"
        ) from error


def _checked_header(names: list[str], message: Callable[[str], str]) -> list[str]:
    if all(number(name) is not None for name in names):
        raise DataError(message(f"expected a header row with names, got the number {names[0]!r:.40} and no name"))
    for k, name in enumerate(names):
        if not name:
            raise DataError(message(f"column {k + 1} has no name in the header"))
        if name in names[:k]:
            raise DataError(message(f"the header has the name {name!r:.40} twice; give each column its own"))
    return names
