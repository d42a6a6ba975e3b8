"""W4 trained by this package, one document a step: eagerly, and by replay."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from transformer import Sizes, document_loss, initial, matrices

import autodiff
from nn.optim import Adam
from nn.replay.replay_worker import FlatUpdate

RATE, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8


class Eager:
    """Builds the graph of every document anew."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.values = [autodiff.Value(x) for x in initial(sizes)]
        self._matrices = matrices(self.values, sizes)
        self._optimizer = Adam(self.values, RATE, BETAS, EPS)

    def loss(self, document: Sequence[int]) -> autodiff.Value:
        """The loss of a document, as a graph."""
        rows = [self._matrices["letters"][k] for k in document[:-1]]
        loss: autodiff.Value = document_loss(self._matrices, rows, document[1:], self.sizes.heads)
        return loss

    def step(self, document: Sequence[int]) -> float:
        """One step of Adam; returns the loss before it."""
        loss = self.loss(document)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.data

    def parameters(self) -> list[float]:
        """Their numbers."""
        return [v.data for v in self.values]


class Replayed:
    """Records one program for each length of a document; which letters they are, the program is told.

    The rows of the embedding that the letters pick are an argument, as are the letters to predict, so the lookup is
    done before the call, and the gradients of the rows are added up after it.
    """

    def __init__(self, sizes: Sizes) -> None:
        import numpy

        self._array, self._product = numpy.array, numpy.matmul
        self._one_hot = numpy.eye(sizes.letters)
        self._x, self._g = (array("d", initial(sizes)) for _ in range(2))
        x, g = (numpy.frombuffer(buffer) for buffer in (self._x, self._g))
        end = sizes.embedding
        self._letters, self._rest = x[:end].reshape(sizes.letters, sizes.width), x[end:]
        self._letters_g, self._rest_g = g[:end].reshape(sizes.letters, sizes.width), g[end:]
        self._update = FlatUpdate(Adam([autodiff.Value(0.0) for _ in self._x], RATE, BETAS, EPS), None)

        @autodiff.compile(argnums=(0, 1))
        def loss(numbers: Any, rows: Any, targets: Any) -> Any:
            return document_loss(matrices(numbers, sizes), rows, targets, sizes.heads)

        self.program = loss

    def step(self, document: Sequence[int]) -> float:
        """One step of Adam; returns the loss before it."""
        letters = self._array(document)
        picked, targets = self._one_hot.take(letters[:-1], 0), self._one_hot.take(letters[1:], 0)
        rows = self._letters.take(letters[:-1], 0)
        loss, (self._rest_g[:], row_gradients) = self.program.value_and_grad(self._rest, rows, targets)
        self._product(picked.T, row_gradients, self._letters_g)
        self._update(self._x, self._g)
        return float(loss)

    def parameters(self) -> list[float]:
        """Their numbers."""
        return self._x.tolist()
