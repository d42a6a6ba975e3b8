"""CasADi: scalar expressions, written as C, compiled to a library, and called through its buffer interface."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import casadi
import numpy
from problems import POINT, Letters, Moons, Racer, blocks, library
from transformer import document_loss, matrices
from workloads import expression


def _relu(x: Any) -> Any:
    return casadi.fmax(x, 0.0)


def _compiled(function: casadi.Function, level: str = "-O3") -> casadi.Function:
    generator = casadi.CodeGenerator("generated.c")
    generator.add(function)
    return casadi.external(function.name(), str(library(generator.dump(), ".c", level)))


class _Buffered:
    """A function whose arguments and results stay in arrays."""

    def __init__(self, function: casadi.Function, arguments: Sequence[numpy.ndarray]) -> None:
        self._function, self._arguments = function, arguments
        self.results = [numpy.zeros(function.nnz_out(k)) for k in range(function.n_out())]
        self._buffer, self.run = function.buffer()
        for k, x in enumerate(arguments):
            self._buffer.set_arg(k, memoryview(x))
        for k, x in enumerate(self.results):
            self._buffer.set_res(k, memoryview(x))


def _of_expression() -> casadi.Function:
    a, b = casadi.SX.sym("a"), casadi.SX.sym("b")
    g = expression(a, b, _relu)
    return _compiled(casadi.Function("expression", [a, b], [g, casadi.gradient(g, a), casadi.gradient(g, b)]))


def _called() -> Racer:
    f = _of_expression()
    return Racer(lambda: f(*POINT), lambda y: [float(x) for x in y])


def _expression() -> Racer:
    buffered = _Buffered(_of_expression(), [numpy.array([x]) for x in POINT])
    run = buffered.run

    def numbers(_: Any) -> list[float]:
        return [float(x[0]) for x in buffered.results]

    return Racer(run, numbers)


def _moons(problem: Moons) -> Racer:
    p, point, side = casadi.SX.sym("p", len(problem.start)), casadi.SX.sym("x", 2), casadi.SX.sym("y")
    x = [point[0], point[1]]
    layers = blocks(casadi.vertsplit(p))
    for k, (weights, biases) in enumerate(layers):
        x = [sum((w * v for w, v in zip(row, x)), b) for row, b in zip(weights, biases)]
        x = [_relu(v) for v in x] if k < len(layers) - 1 else x
    loss = _relu(1.0 - side * x[0])
    one = casadi.Function("one", [p, point, side], [loss, casadi.gradient(loss, p)])
    # All samples: the parameters are shared, and what comes of them is added up.
    every = one.map("every", "serial", problem.n, [0], [0, 1])
    given = [casadi.MX.sym(name, *shape) for name, shape in (("p", p.shape), ("x", (2, problem.n)))]
    given.append(casadi.MX.sym("y", 1, problem.n))
    total, slope = every(*given)
    value = total / problem.n + problem.penalty * casadi.dot(given[0], given[0])
    moved = given[0] - problem.rate * (slope / problem.n + 2.0 * problem.penalty * given[0])
    start = numpy.array(problem.start)
    points = numpy.array(problem.points).ravel()
    step = _Buffered(
        _compiled(casadi.Function("moons", given, [value, moved])), [start, points, numpy.array(problem.sides)]
    )

    def descend() -> float:
        step.run()
        start[:] = step.results[1]
        return float(step.results[0][0])

    return Racer(descend, parameters=start.tolist)


_OPS = SimpleNamespace(
    dot=lambda xs, ys: sum(x * y for x, y in zip(xs, ys)),
    mean=lambda xs: sum(xs) / len(xs),
    relu=_relu,
)


def _shifted(xs: Sequence[Any]) -> tuple[Any, list[Any]]:
    most = xs[0]
    for x in xs[1:]:
        most = casadi.fmax(most, x)
    return most, [casadi.exp(x - most) for x in xs]


def _softmax(xs: Sequence[Any]) -> list[Any]:
    powers = _shifted(xs)[1]
    total = sum(powers)
    return [x / total for x in powers]


def _logsumexp(xs: Sequence[Any]) -> Any:
    most, powers = _shifted(xs)
    return casadi.log(sum(powers)) + most


_OPS.softmax, _OPS.logsumexp = _softmax, _logsumexp


def _letters(problem: Letters) -> Racer:
    sizes, n = problem.sizes, len(problem.all[0]) - 1
    symbols = [casadi.SX.sym(name) for name in map("p{}".format, range(len(problem.start)))]
    rows = [[casadi.SX.sym("r") for _ in range(sizes.width)] for _ in range(n)]
    wanted = [[casadi.SX.sym("w") for _ in range(sizes.letters)] for _ in range(n)]
    rest = symbols[sizes.embedding :]
    loss = document_loss(matrices(rest, sizes), rows, wanted, sizes.heads, _OPS)
    given = [casadi.vertcat(*xs) for xs in (rest, itertools.chain(*rows), itertools.chain(*wanted))]
    slopes = [casadi.gradient(loss, x) for x in given[:2]]
    x = numpy.array(problem.start)
    arguments = [x[sizes.embedding :], numpy.zeros(n * sizes.width), numpy.zeros(n * sizes.letters)]
    # At a higher level, gcc takes minutes for a function of so many lines.
    step = _Buffered(_compiled(casadi.Function("letters", given, [loss, *slopes]), "-O1"), arguments)
    return Racer(_adam(problem, x, arguments, step), parameters=x.tolist)


def _adam(
    problem: Letters, x: numpy.ndarray, arguments: Sequence[numpy.ndarray], run: _Buffered
) -> Callable[[], float]:
    sizes = problem.sizes
    one_hot, documents, steps = numpy.eye(sizes.letters), problem.documents(), 0
    letters = x[: sizes.embedding].reshape(sizes.letters, sizes.width)
    g, mean, square = (numpy.zeros_like(x) for _ in range(3))

    def step() -> float:
        nonlocal steps
        steps += 1
        document = next(documents)
        picked = one_hot[document[:-1]]
        arguments[1][:] = letters[document[:-1]].ravel()
        arguments[2][:] = one_hot[document[1:]].ravel()
        run.run()
        g[: sizes.embedding] = (picked.T @ run.results[2].reshape(-1, sizes.width)).ravel()
        g[sizes.embedding :] = run.results[1]
        mean[:] = problem.beta1 * mean + (1.0 - problem.beta1) * g
        square[:] = problem.beta2 * square + (1.0 - problem.beta2) * (g * g)
        root = numpy.sqrt(square / (1.0 - problem.beta2**steps))
        x[:] -= problem.rate / (1.0 - problem.beta1**steps) * mean / (root + problem.eps)
        return float(run.results[0][0])

    return step


EXPRESSION = {"CasADi C, called": _called, "CasADi C": _expression}
MOONS = {"CasADi C": _moons}
LETTERS = {"CasADi C": _letters}
