"""What the engines are given, and the form in which they hand back what they do with it."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from transformer import NAMES, Sizes, initial, tokens

import nn

POINT = (-4.0, 2.0)
"""Where W1 is differentiated."""

LAYERS = (2, 16, 16, 1)
"""The network of W3."""


class Missing(Exception):
    """An engine lacks something; the message says what."""


@dataclass(frozen=True)
class Racer:
    """A workload in an engine, at the start.

    Attributes
    ----------
    step : callable
        What is timed: one step with its update.
    numbers : callable
        Of what a step returned: the numbers to compare, such as the loss.
    parameters : callable
        The parameters that the steps have led to, in the order of the problem.
    """

    step: Callable[[], Any]
    numbers: Callable[[Any], Sequence[float]] = field(default=lambda y: [float(y)])
    parameters: Callable[[], Sequence[float]] = field(default=lambda: [])


class Moons:
    """W3: MLP(2, [16, 16, 1]) on two moons, hinge loss and L2, gradient descent on all samples at once."""

    rate = 0.1
    penalty = 1e-4

    def __init__(self, n: int) -> None:
        data = nn.data.moons(n, seed=1)
        self.n = n
        self.points = [[float(x) for x in row] for row in data.features]
        self.sides = [2.0 * y - 1.0 for y in data.targets]

    def model(self) -> nn.MLP:
        """The network at the start."""
        return nn.MLP(2, [16, 16, 1], seed=1337)

    @cached_property
    def start(self) -> list[float]:
        """Its parameters: for each neuron the weights, then the bias."""
        return [p.data for p in self.model().parameters()]


class Letters:
    """W4: a character transformer, one document a step, Adam. All documents have eight letters to predict."""

    rate, beta1, beta2, eps = 0.01, 0.85, 0.99, 1e-8

    def __init__(self) -> None:
        self.sizes = Sizes()
        self.start = initial(self.sizes)
        self.all = [tokens(name, self.sizes) for name in NAMES if len(name) == 7]

    def documents(self) -> Iterator[list[int]]:
        """The documents, again and again."""
        return itertools.cycle(self.all)


def blocks(numbers: Sequence[float]) -> list[tuple[list[list[float]], list[float]]]:
    """The parameters of W3 as weights and biases of each layer."""
    result, start = [], 0
    for width, outputs in itertools.pairwise(LAYERS):
        rows = [list(numbers[start + k * (width + 1) : start + (k + 1) * (width + 1)]) for k in range(outputs)]
        result.append(([row[:-1] for row in rows], [row[-1] for row in rows]))
        start += outputs * (width + 1)
    return result


def unblocked(layers: Sequence[tuple[Any, Any]]) -> list[float]:
    """The way back, from arrays."""
    layers = [(weights.tolist(), biases.tolist()) for weights, biases in layers]
    return [x for weights, biases in layers for row, b in zip(weights, biases) for x in [*row, b]]


_ROOM = tempfile.TemporaryDirectory()


def library(text: str, suffix: str, *flags: str) -> Path:
    """A shared library compiled from C or C++."""
    compiler = shutil.which({".c": "gcc", ".cpp": "g++"}[suffix])
    if compiler is None:
        raise Missing("there is no gcc to compile with")
    source = Path(_ROOM.name) / f"l{random.getrandbits(64):x}{suffix}"
    source.write_text(text, encoding="utf-8")
    target = source.with_suffix(".so")
    subprocess.run([compiler, *flags, "-march=native", "-shared", "-fPIC", source, "-o", target], check=True)
    return target
