"""W4: a character transformer of microgpt's size, written with scalars as one writes it by hand.

One layer, four heads, RMS norm, ReLU, no biases: 4192 parameters at the usual sizes. A document is predicted letter by
letter. Its letters only pick rows of the embedding, which are arguments, so that documents of one length run the same
program; its length changes the structure.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import autodiff

NAMES = (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").split()
LETTERS = ".abcdefghijklmnopqrstuvwxyz"  # the dot begins and ends a name

Row = list[Any]
Matrix = list[Row]


@dataclass(frozen=True)
class Sizes:
    """How large the network is."""

    letters: int = len(LETTERS)
    positions: int = 16
    width: int = 16
    heads: int = 4
    hidden: int = 64

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of the matrices, in the order in which their numbers stand."""
        square = self.width, self.width
        return {
            "letters": (self.letters, self.width),
            "positions": (self.positions, self.width),
            **dict.fromkeys(("query", "key", "value", "output"), square),
            "up": (self.hidden, self.width),
            "down": (self.width, self.hidden),
            "head": (self.letters, self.width),
        }

    @property
    def embedding(self) -> int:
        """How many parameters are embeddings of letters; they come first."""
        return self.letters * self.width

    @property
    def parameters(self) -> int:
        """How many there are."""
        return sum(rows * columns for rows, columns in self.shapes.values())


def initial(sizes: Sizes, seed: int = 42) -> list[float]:
    """Parameters drawn from a normal distribution."""
    rng = random.Random(seed)
    return [rng.gauss(0.0, 0.08) for _ in range(sizes.parameters)]


def matrices(numbers: Sequence[Any], sizes: Sizes) -> dict[str, Matrix]:
    """The parameters as matrices; those without the embeddings of letters, if only these are given."""
    shapes = sizes.shapes
    if len(numbers) < sizes.parameters:
        del shapes["letters"]
    result, start = {}, 0
    for name, (rows, columns) in shapes.items():
        result[name] = [list(numbers[start + k * columns : start + (k + 1) * columns]) for k in range(rows)]
        start += rows * columns
    return result


def tokens(name: str, sizes: Sizes) -> list[int]:
    """The letters of a name as numbers, with a dot on either side, no more than there are positions."""
    return [LETTERS.index(c) for c in f".{name}."][: sizes.positions + 1]


def linear(matrix: Matrix, x: Row, ops: Any) -> Row:
    """A matrix times a vector."""
    return [ops.dot(row, x) for row in matrix]


def norm(x: Row, ops: Any) -> Row:
    """RMS normalisation."""
    scale = (ops.dot(x, x) / len(x) + 1e-5) ** -0.5
    return [a * scale for a in x]


def added(x: Row, y: Row) -> Row:
    """The sum of two vectors."""
    return [a + b for a, b in zip(x, y)]


def attention(query: Row, keys: Sequence[Row], values: Sequence[Row], heads: int, ops: Any) -> Row:
    """What a position takes from those before it, and from itself."""
    result: Row = []
    size = len(query) // heads
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        shares = ops.softmax([ops.dot(query[part], k[part]) / size**0.5 for k in keys])
        result += [ops.dot(shares, [v[j] for v in values]) for j in range(part.start, part.stop)]
    return result


def document_loss(
    p: dict[str, Matrix], rows: Sequence[Row], targets: Sequence[Any], heads: int, ops: Any = autodiff
) -> Any:
    """The mean cross-entropy of the letters of a document.

    `rows` are the embeddings of its letters but the last, `targets` its letters but the first: each a number, or a
    vector that is 1 at the letter and 0 elsewhere. `ops` has the operations on sequences of whatever numbers these are.
    """
    keys: list[Row] = []
    values: list[Row] = []
    losses = []
    for row, place, target in zip(rows, p["positions"], targets):
        x = norm(added(row, place), ops)
        y = norm(x, ops)
        keys.append(linear(p["key"], y, ops))
        values.append(linear(p["value"], y, ops))
        mixed = attention(linear(p["query"], y, ops), keys, values, heads, ops)
        x = added(x, linear(p["output"], mixed, ops))
        hidden = [ops.relu(a) for a in linear(p["up"], norm(x, ops), ops)]
        logits = linear(p["head"], added(x, linear(p["down"], hidden, ops)), ops)
        chosen = logits[target] if isinstance(target, int) else ops.dot(target, logits)
        losses.append(ops.logsumexp(logits) - chosen)
    return ops.mean(losses)
