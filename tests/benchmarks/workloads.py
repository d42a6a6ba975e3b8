"""The workloads that engines are compared on, each written for any engine with micrograd's interface."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOONS = json.loads((Path(__file__).parents[1] / "data" / "moons100.json").read_text(encoding="utf-8"))
POINTS: list[list[float]] = MOONS["X"]
SIDES: list[float] = [float(y) for y in MOONS["y"]]  # -1 or 1


def readme_expression(value: Callable[[float], Any]) -> Any:
    """W1: the expression of micrograd's README."""
    return expression(value(-4.0), value(2.0))


def expression(a: Any, b: Any, relu: Callable[[Any], Any] = lambda x: x.relu()) -> Any:
    """The same as a function of both variables."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + relu(b + a)
    d += 3 * d + relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def chain(value: Callable[[float], Any], nodes: int) -> Any:
    """W2: a chain of alternating multiplications and additions, `nodes` operations long."""
    x = value(1.0)
    for _ in range(nodes // 2):
        x = x * 1.0001 + 0.1
    return x


def moons_loss(model: Any, value: Callable[[float], Any], n: int = len(POINTS)) -> Any:
    """W3, forward, as micrograd's notebook writes it: hinge loss on 100 points, or the first of them, and 1e-4 L2."""
    scores = [model(list(map(value, point))) for point in POINTS[:n]]
    losses = [(1 + -side * score).relu() for side, score in zip(SIDES, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + 1e-4 * sum(p * p for p in model.parameters())


def moons_loss_with_sums(model: Any, n: int = len(POINTS)) -> Any:
    """W3, forward, as one writes it here: plain inputs, and sums that are one node each."""
    import autodiff

    losses = [(1 - side * model(point)).relu() for side, point in zip(SIDES, POINTS[:n])]
    parameters = model.parameters()
    return autodiff.mean(losses) + 1e-4 * autodiff.dot(parameters, parameters)


def descend(model: Any, loss: Callable[[], Any]) -> float:
    """One full-batch step of gradient descent; returns the loss."""
    output = loss()
    model.zero_grad()
    output.backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
    return float(output.data)
