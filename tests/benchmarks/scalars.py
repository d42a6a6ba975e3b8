"""W4 in engines of one Python object a number, with micrograd's interface: ``data``, ``grad``, ``backward``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from problems import Letters, Racer
from transformer import document_loss, matrices


class Operations:
    """What the transformer computes with, made of additions and products as one does there.

    Parameters
    ----------
    exp, log : callable
        Those of the engine.
    """

    def __init__(self, exp: Callable[[Any], Any], log: Callable[[Any], Any]) -> None:
        self.exp, self.log = exp, log

    def dot(self, xs: Sequence[Any], ys: Sequence[Any]) -> Any:
        return sum(x * y for x, y in zip(xs, ys))

    def mean(self, xs: Sequence[Any]) -> Any:
        return sum(xs) * (1.0 / len(xs))

    def relu(self, x: Any) -> Any:
        return x.relu()

    def softmax(self, xs: Sequence[Any]) -> list[Any]:
        most = max(x.data for x in xs)
        powers = [self.exp(x - most) for x in xs]
        total = sum(powers)
        return [power / total for power in powers]

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        most = max(x.data for x in xs)
        return self.log(sum(self.exp(x - most) for x in xs)) + most


def trained(problem: Letters, value: Callable[[float], Any], operations: Operations) -> Racer:
    """W4 with such an engine, Adam written out."""
    values = [value(x) for x in problem.start]
    p, documents = matrices(values, problem.sizes), problem.documents()
    means, squares = [0.0] * len(values), [0.0] * len(values)
    steps = 0

    def step() -> float:
        nonlocal steps
        steps += 1
        document = next(documents)
        rows = [p["letters"][k] for k in document[:-1]]
        loss = document_loss(p, rows, document[1:], problem.sizes.heads, operations)
        for v in values:
            v.grad = 0.0
        loss.backward()
        c1, c2 = 1.0 - problem.beta1**steps, 1.0 - problem.beta2**steps
        for k, v in enumerate(values):
            means[k] = problem.beta1 * means[k] + (1.0 - problem.beta1) * v.grad
            squares[k] = problem.beta2 * squares[k] + (1.0 - problem.beta2) * v.grad**2
            v.data -= problem.rate * (means[k] / c1) / ((squares[k] / c2) ** 0.5 + problem.eps)
        return float(loss.data)

    return Racer(step, parameters=lambda: [v.data for v in values])
