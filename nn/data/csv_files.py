"""Data sets from CSV files, read with care: every complaint names the file, the line, the column and what came."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autodiff.errors import DataError
from nn.checks import a_path, flag
from nn.data.csv_text import GAPS, cure, number, read_sheet
from nn.data.dataset import Dataset, are_codes


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


def read_csv(
    path: str | os.PathLike[str],
    target: Literal["classes", "numbers"] | None = None,
    header: bool | None = None,
) -> Dataset:
    """Read a data set from a CSV file; its last column is the target.

    Parameters
    ----------
    path : path
        A text file in UTF-8, or in UTF-16 with its mark in front. Columns are separated by commas, semicolons, tabs or
        ``|``, which is found out or said by a first line such as ``sep=;``. All columns but the last hold finite
        numbers, which may have decimal commas where columns are not separated by these.
    target : {"classes", "numbers"}, optional
        How to read the last column. By default text makes classes and numbers make a regression; where these may be
        codes of classes, as 0, 1 and 2 are, there is a warning.
    header : bool, optional
        Whether the first row holds the names of the columns. By default it does, unless it could be one of the data:
        then columns are called x1, x2 and so on, the last one "target", and there is a warning.

    Returns
    -------
    Dataset
        Classes are numbered in the order of their sorted names; none may be one number written in two ways.

    Raises
    ------
    DataError
        If the file cannot be used; the message names the file, the line, the column, and what came.
    ValueError
        If `target` is none of these.
    TypeError
        If `path` is no path, or `header` no bool.

    Warns
    -----
    UserWarning
        If something was decided that may be meant otherwise; the message says how to force it either way.
    """
    if target not in (None, "classes", "numbers"):
        raise ValueError(f'expected target "classes", "numbers" or None, got {target!r:.60}')
    table = read_table(path, header)
    if len(table.names) < 2:
        raise DataError(
            f"{table.path}: expected two columns or more, separated by commas, semicolons or tabs, the last being the "
            f"target; got the column {table.names[0]!r:.40} alone"
        )
    if not table.named:
        table = replace(table, names=(*table.names[:-1], "target"))
    *feature_names, name = table.names
    columns = [table.numbers(feature, "; only the last column may be text") for feature in feature_names]
    features = [list(row) for row in zip(*columns)]
    if target == "numbers" or (target is None and _is_numeric(table, name)):
        targets = table.numbers(name)
        if target is None and are_codes(targets):
            warnings.warn(
                f"{table.path}, column {name!r}: the whole numbers from {min(targets):g} to {max(targets):g} are taken "
                'for numbers, which makes a regression; for classes say target="classes" (--target classes)',
                stacklevel=2,
            )
        return Dataset(features, targets, tuple(feature_names), None, name, table.path)
    labels = table.cells(name)
    _check_labels(table, name, labels)
    class_names = tuple(sorted(set(labels)))
    if len(class_names) == 1:
        raise DataError(
            f"{table.path}, column {name!r}: expected two classes or more to tell apart, "
            f"got {labels[0]!r:.40} in every row"
        )
    index = {label: k for k, label in enumerate(class_names)}
    return Dataset(features, [index[label] for label in labels], tuple(feature_names), class_names, name, table.path)


def _check_labels(table: Table, name: str, labels: list[str]) -> None:
    """Refuse names of classes that are one number, written in two ways."""
    spelt: dict[float, str] = {}
    for k, label in enumerate(labels):
        x = number(label, table.decimal)
        if x is not None and (other := spelt.setdefault(x, label)) != label:
            told = f"the class {label!r:.40} is the number that is written {other!r:.40} before"
            raise table.error(k, name, f"{told}; write it in one way, or, if these are two classes, with letters")


def _is_numeric(table: Table, name: str) -> bool:
    """Whether a column holds numbers, not text. A mixture is a mistake: a gap written as "n/a", a shifted row."""
    cells = table.cells(name)
    numeric = [number(text, table.decimal) is not None for text in cells]
    if len(set(numeric)) == 2:
        odd = numeric.index(not numeric[0])
        expected, came = ("a number", "text") if numeric[0] else ("text", "a number")
        raise table.error(
            odd,
            name,
            f"expected {expected}, as in the rows before, got {came}, {cells[odd]!r:.40}; "
            "text makes classes, numbers a regression",
        )
    gap = next((k for k, text in enumerate(cells) if text.lower() in GAPS), None)
    if gap is not None and not numeric[0]:
        raise table.error(
            gap,
            name,
            f"{cells[gap]!r} seems to be a gap; fill it in or remove the row, or, if it is the name of a class, say "
            'target="classes" (--target classes)',
        )
    return numeric[0]


# -- Tables of text -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A CSV file: different names of columns, rows of as many stripped cells, and the number of each row's line.

    Where the file itself has the names it is `named`, and `decimal` is how numbers are written in it, with "." or ",".
    """

    path: str
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    named: bool = True
    decimal: str = "."

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
            x = number(text, self.decimal)
            if x is None:
                told = cure(text, self.decimal) or why
                raise self.error(k, name, f"expected a number, got {text!r:.40}{told}")
            if not math.isfinite(x):
                raise self.error(k, name, f"expected a finite number, got {text!r:.40}{cure(text, self.decimal)}")
            column.append(x)
        return column

    def error(self, row: int, name: str, message: str) -> DataError:
        """Make an error that names the place of a cell."""
        return DataError(f"{self.path}, line {self.lines[row]}, column {name!r}: {message}")


def read_table(path: str | os.PathLike[str], header: bool | None = None) -> Table:
    """Read a CSV file; see `read_csv`. What is wrong is a DataError, what was decided a warning to its caller's."""
    a_path(path, "the path of a CSV file")
    named = None if header is None else flag(header, "header")
    name = os.fspath(path)
    rows, lines, decimal = read_sheet(name)
    if not rows:
        raise DataError(f"{name}: the file is empty; expected a header row, then a row for each sample")
    for cells, line in zip(rows, lines):
        if len(cells) != len(rows[0]):
            raise DataError(
                f"{name}, line {line}: expected {len(rows[0])} cells, as in the header, got {len(cells)}"
                f"{_why_ragged(rows[0], cells)}"
            )
    if named is None:
        named = not _is_data(rows, decimal)
        if not named:
            told = (
                f"{name}, line {lines[0]}: the first row is taken for data, so that columns are called x1, x2 and so on"
            )
            warnings.warn(f"{told}; if it holds names, say header=True (--header yes)", stacklevel=3)
    if decimal == ",":
        example = next(cell for row in rows for cell in row if "," in cell and number(cell, ",") is not None)
        read = f"{number(example, ',')!r}"
        warnings.warn(f"{name}: decimals are written with commas, so that {example!r} is {read}", stacklevel=3)
    if not named:
        return Table(name, tuple(f"x{k + 1}" for k in range(len(rows[0]))), rows, lines, False, decimal)
    _check_header(rows[0], f"{name}, line {lines[0]}")
    if len(rows) == 1:
        raise DataError(f"{name}: there is a header but no rows; expected a row for each sample")
    return Table(name, tuple(rows[0]), rows[1:], lines[1:], True, decimal)


def _is_data(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first row could be one of the data: it has a number, or a gap, and no text above a number."""
    for k, cell in enumerate(rows[0]):
        if number(cell, decimal) is None and cell.lower() not in GAPS:
            below = [row[k] for row in rows[1:]]
            if any(number(text, decimal) is not None for text in below):
                return False
    return any(number(cell, decimal) is not None or cell.lower() in GAPS - {""} for cell in rows[0])


def _why_ragged(first: list[str], cells: list[str]) -> str:
    if first[0].startswith("#") or cells[0].startswith("#"):
        return "; remove comments"
    if not cells[-1] and len(cells) == len(first) + 1:
        return "; remove what separates columns from the ends of lines"
    return ""


def _check_header(names: list[str], place: str) -> None:
    for k, name in enumerate(names):
        if not name:
            raise DataError(f"{place}: column {k + 1} has no name in the header")
        if name in names[:k]:
            raise DataError(
                f"{place}: the header has the name {name!r:.40} twice; give each column its own, or, if this is a row "
                "of data, say header=False (--header no)"
            )
