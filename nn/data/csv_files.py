"""Data sets from CSV files, read with care: every complaint names the file, the line, the column and what came."""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autodiff.errors import DataError
from nn.data.dataset import Dataset


def iris() -> Dataset:
    """Fisher's iris: 150 flowers of three species with the length and width of sepals and petals in cm.

    References
    ----------
    R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936), 179-188.

    Examples
    --------
    >>> data = iris()
    >>> len(data), data.class_names, data.features[0]
    (150, ('setosa', 'versicolor', 'virginica'), [5.1, 3.5, 1.4, 0.2])
    """
    return replace(read_csv(Path(__file__).with_name("iris.csv")), source="")


def read_csv(path: str | os.PathLike[str], target: Literal["classes", "numbers"] | None = None) -> Dataset:
    """Read a data set from a CSV file with a header row; its last column is the target.

    Parameters
    ----------
    path : path
        A text file in UTF-8. All columns but the last hold finite numbers.
    target : {"classes", "numbers"}, optional
        How to read the last column. By default text makes classes and numbers make a regression.

    Returns
    -------
    Dataset
        Classes are numbered in the order of their sorted names.

    Raises
    ------
    DataError
        If the file cannot be used; the message names the file, the line, the column, and what came.
    ValueError
        If `target` is none of these.
    """
    if target not in (None, "classes", "numbers"):
        raise ValueError(f'expected target "classes", "numbers" or None, got {target!r}')
    table = read_table(path)
    if len(table.names) < 2:
        raise DataError(
            f"{table.path}: expected two columns or more, separated by commas, the last being the target; "
            f"got the column {table.names[0]!r:.40} alone"
        )
    *feature_names, name = table.names
    columns = [table.numbers(feature, "; only the last column may be text") for feature in feature_names]
    features = [list(row) for row in zip(*columns)]
    if target == "numbers" or (target is None and _is_numeric(table, name)):
        return Dataset(features, table.numbers(name), tuple(feature_names), None, name, table.path)
    labels = table.cells(name)
    class_names = tuple(sorted(set(labels)))
    if len(class_names) == 1:
        raise DataError(
            f"{table.path}, column {name!r}: expected two classes or more to tell apart, "
            f"got {labels[0]!r:.40} in every row"
        )
    index = {label: k for k, label in enumerate(class_names)}
    return Dataset(features, [index[label] for label in labels], tuple(feature_names), class_names, name, table.path)


def _is_numeric(table: Table, name: str) -> bool:
    """Whether a column holds numbers, not text. A mixture is a mistake: a gap written as "n/a", a shifted row."""
    numeric = [number(text) is not None for text in table.cells(name)]
    if len(set(numeric)) == 2:
        odd = numeric.index(not numeric[0])
        expected, came = ("a number", "text") if numeric[0] else ("text", "a number")
        raise table.error(
            odd,
            name,
            f"expected {expected}, as in the rows before, got {came}; text makes classes, numbers a regression",
        )
    return numeric[0]


# -- Tables of text -------------------------------------------------------------------------------------------------


def number(text: str) -> float | None:
    """Read a number as people write it; None if the text is none. (Python alone would take ``1_000`` for 1000.)"""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Table:
    """A CSV file: a header of different names, rows of as many stripped cells, and the number of each row's line."""

    path: str
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def cells(self, name: str) -> list[str]:
        """The text of one column; an empty cell is a DataError."""
        position = self.names.index(name)
        column = [row[position] for row in self.rows]
        if not any(column):
            raise DataError(f"{self.path}, column {name!r}: every cell is empty; fill the column or remove it")
        if "" in column:
            raise self.error(column.index(""), name, "the cell is empty; fill it or remove the row")
        return column

    def numbers(self, name: str, why: str = "") -> list[float]:
        """One column as finite numbers; anything else is a DataError, to which `why` adds a word where it is text."""
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
    """Read a CSV file in UTF-8 with a header row; empty lines are skipped, and what is wrong is a DataError."""
    name = os.fspath(path)
    reader = csv.reader(io.StringIO(_text(name), newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if cells in ([], [""]):
                continue
            place = f"{name}, line {reader.line_num}"
            if not rows:
                _check_header(cells, place)
            elif len(cells) != len(rows[0]):
                raise DataError(f"{place}: expected {len(rows[0])} cells, as in the header, got {len(cells)}")
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: not a CSV file: {error}") from error
    if not rows:
        raise DataError(f"{name}: the file is empty; expected a header row, then a row for each sample")
    if len(rows) == 1:
        raise DataError(f"{name}: there is a header but no rows; expected a row for each sample")
    return Table(name, tuple(rows[0]), rows[1:], lines[1:])


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


def _check_header(names: list[str], place: str) -> None:
    if all(number(name) is not None for name in names):
        raise DataError(f"{place}: expected a header row with names, got the number {names[0]!r:.40} and no name")
    for k, name in enumerate(names):
        if not name:
            raise DataError(f"{place}: column {k + 1} has no name in the header")
        if name in names[:k]:
            raise DataError(f"{place}: the header has the name {name!r:.40} twice; give each column its own")
