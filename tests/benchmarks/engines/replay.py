"""This package: graphs that are recorded once and replayed."""

from __future__ import annotations

import numpy
from letters import Replayed
from problems import Letters, Moons, Racer
from workloads import expression

import autodiff
from nn import losses
from nn.replay.compiled_step import CompiledStep


def _expression() -> Racer:
    f = autodiff.compile(expression, argnums=(0, 1))
    return Racer(lambda: f.value_and_grad(-4.0, 2.0), lambda y: [y[0], *y[1]])


def _moons(problem: Moons) -> Racer:
    model = problem.model()
    step = CompiledStep(model, losses.hinge, lambda: losses.l2(model.parameters(), problem.penalty))
    columns, everything = step.columns(problem.points, problem.sides), range(problem.n)
    step.pull()
    x, g = numpy.frombuffer(step.parameters), numpy.frombuffer(step.gradient)

    def descend() -> float:
        loss = step.run(columns, everything)
        numpy.subtract(x, problem.rate * g, x)
        return loss

    return Racer(descend, parameters=x.tolist)


def _letters(problem: Letters) -> Racer:
    replayed, documents = Replayed(problem.sizes), problem.documents()
    return Racer(lambda: replayed.step(next(documents)), parameters=replayed.parameters)


EXPRESSION = {"replay": _expression}
MOONS = {"replay": _moons}
LETTERS = {"replay": _letters}
