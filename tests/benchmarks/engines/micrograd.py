"""micrograd: one Python object a number; exp and log, which it lacks, are added in its own way."""

from __future__ import annotations

import math

from micrograd.engine import Value
from micrograd.nn import MLP
from problems import POINT, Letters, Moons, Racer
from scalars import Operations, trained
from workloads import expression


def _expression() -> Racer:
    def step() -> tuple[Value, Value, Value]:
        a, b = map(Value, POINT)
        g = expression(a, b)
        g.backward()
        return g, a, b

    return Racer(step, lambda y: [y[0].data, y[1].grad, y[2].grad])


def _moons(problem: Moons) -> Racer:
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()
    for p, x in zip(parameters, problem.start):
        p.data = x

    def step() -> float:
        scores = [model(list(map(Value, point))) for point in problem.points]
        losses = [(1 + -side * score).relu() for side, score in zip(problem.sides, scores)]
        loss = sum(losses) * (1.0 / problem.n) + problem.penalty * sum(p * p for p in parameters)
        model.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= problem.rate * p.grad
        return float(loss.data)

    return Racer(step, parameters=lambda: [p.data for p in parameters])


def _exp(x: Value) -> Value:
    y = math.exp(x.data)
    return _node(x, y, y, "exp")


def _log(x: Value) -> Value:
    return _node(x, math.log(x.data), 1.0 / x.data, "log")


def _node(x: Value, y: float, slope: float, name: str) -> Value:
    out = Value(y, (x,), name)

    def backward() -> None:
        x.grad += slope * out.grad

    out._backward = backward
    return out


def _letters(problem: Letters) -> Racer:
    return trained(problem, Value, Operations(_exp, _log))


EXPRESSION = {"micrograd": _expression}
MOONS = {"micrograd": _moons}
LETTERS = {"micrograd": _letters}
