"""Where data comes from: Fisher's iris, CSV files, made-up shapes; and the tools that prepare them for training."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from autodiff.errors import DataError
from nn.data.csv_table import Table, number, read_table
from nn.data.dataset import Dataset, batches, one_hot, split
from nn.data.standardizer import Standardizer
from nn.data.toys import blobs, circles, line, moons, spirals, xor

__all__ = [
    "Dataset",
    "Standardizer",
    "batches",
    "blobs",
    "circles",
    "iris",
    "line",
    "moons",
    "one_hot",
    "read_csv",
    "spirals",
    "split",
    "xor",
]


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
