"""Where data comes from: Fisher's iris, two toys, CSV files. The tools of `nn.dataset` are here as well."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from autodiff.errors import DataError
from nn.dataset import Dataset, Standardizer, batches, split
from nn.tables import Table, number, read_table

__all__ = ["Dataset", "Standardizer", "batches", "iris", "moons", "read_csv", "split", "xor"]


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
    return read_csv(Path(__file__).with_name("iris.csv"))


def moons(n: int = 100, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles that reach into each other: no straight line separates them.

    Parameters
    ----------
    n : int
        How many points, at least 2; half of them (rounded up) in the lower moon.
    noise : float
        Standard deviation of the normal noise on each coordinate; at least 0.
    seed : int
        Seed of the noise.

    Raises
    ------
    ValueError
        If n or the noise is too small.

    Notes
    -----
    With t in equal steps from 0 to pi the upper moon is (cos t, sin t), the lower (1 - cos t, 1/2 - sin t).

    Examples
    --------
    >>> moons(4, noise=0.0).features[2]
    [0.0, 0.5]
    """

    def point(k: int) -> tuple[list[float], int]:
        upper = n // 2
        k, of, lower = (k, upper, 0) if k < upper else (k - upper, n - upper, 1)
        t = math.pi * k / max(of - 1, 1)
        return ([1.0 - math.cos(t), 0.5 - math.sin(t)] if lower else [math.cos(t), math.sin(t)]), lower

    return _cloud(point, n, 2, noise, seed, ("upper", "lower"))


def xor(n: int = 4, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Exclusive or: points at the corners of the unit square; true where exactly one coordinate is 1.

    Parameters
    ----------
    n : int
        How many points, at least 4; the corners are taken in turn.
    noise : float
        Standard deviation of the normal noise on each coordinate; at least 0.
    seed : int
        Seed of the noise.

    Raises
    ------
    ValueError
        If n or the noise is too small.

    Examples
    --------
    >>> data = xor()
    >>> data.features, data.targets
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """

    def point(k: int) -> tuple[list[float], int]:
        a, b = k // 2 % 2, k % 2
        return [float(a), float(b)], a ^ b

    return _cloud(point, n, 4, noise, seed, ("false", "true"))


def _cloud(
    point: Callable[[int], tuple[list[float], int]],
    n: int,
    least: int,
    noise: float,
    seed: int,
    class_names: tuple[str, ...],
) -> Dataset:
    if n < least:
        raise ValueError(f"expected at least {least} points, got n = {n}")
    if not 0.0 <= noise < math.inf:
        raise ValueError(f"expected a noise of at least 0, got {noise}")
    rng = random.Random(seed)
    points = [point(k) for k in range(n)]
    features = [[x + rng.gauss(0.0, noise) if noise else x for x in row] for row, _ in points]
    return Dataset(features, [kind for _, kind in points], ("x1", "x2"), class_names, "class")


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
        return Dataset(features, table.numbers(name), tuple(feature_names), None, name)
    labels = table.cells(name)
    class_names = tuple(sorted(set(labels)))
    if len(class_names) == 1:
        raise DataError(
            f"{table.path}, column {name!r}: expected two classes or more to tell apart, "
            f"got {labels[0]!r:.40} in every row"
        )
    index = {label: k for k, label in enumerate(class_names)}
    return Dataset(features, [index[label] for label in labels], tuple(feature_names), class_names, name)


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
