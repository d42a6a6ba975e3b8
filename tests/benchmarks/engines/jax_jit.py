"""JAX with jit, in double precision, on one thread."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy
from problems import POINT, Letters, Moons, Racer, unblocked
from vectorised import document_loss, moons_layers, moons_loss, split
from workloads import expression

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_cpu_enable_async_dispatch", False)  # one core: a second thread only costs time

_OPS = SimpleNamespace(relu=jax.nn.relu, softmax=jax.nn.softmax, logsumexp=jax.nn.logsumexp)


def _expression() -> Racer:
    f = jax.jit(jax.value_and_grad(functools.partial(expression, relu=jax.nn.relu), argnums=(0, 1)))

    def step() -> Any:
        return jax.block_until_ready(f(*POINT))

    return Racer(step, lambda y: [float(y[0]), *map(float, y[1])])


def _moons(problem: Moons) -> Racer:
    points, sides = jnp.array(problem.points), jnp.array(problem.sides)
    layers = moons_layers(problem.start, jnp.array)

    @functools.partial(jax.jit, donate_argnums=0)
    def descend(layers: Any, points: Any, sides: Any) -> Any:
        loss, gradients = jax.value_and_grad(moons_loss)(layers, points, sides, problem.penalty, jax.nn.relu)
        return jax.tree.map(lambda x, g: x - problem.rate * g, layers, gradients), loss

    def step() -> Any:
        nonlocal layers
        layers, loss = descend(layers, points, sides)
        return loss.block_until_ready()

    return Racer(step, parameters=lambda: unblocked(layers))


def _letters(problem: Letters) -> Racer:
    # One flat array of parameters: handing over nine of them, and of both means, takes longer.
    sizes = problem.sizes

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def adam(x: Any, mean: Any, square: Any, step: Any, document: Any) -> Any:
        n = len(document) - 1
        one_hot = jnp.eye(sizes.letters)
        picked, wanted = one_hot[document[:-1]], one_hot[document[1:]]
        mask = jnp.triu(jnp.full((n, n), -jnp.inf), 1)

        def of(x: Any) -> Any:
            return document_loss(split(x, sizes), picked, wanted, mask, sizes.heads, _OPS)

        loss, g = jax.value_and_grad(of)(x)
        mean = problem.beta1 * mean + (1.0 - problem.beta1) * g
        square = problem.beta2 * square + (1.0 - problem.beta2) * g * g
        c1, c2 = 1.0 - problem.beta1**step, 1.0 - problem.beta2**step
        return x - problem.rate * (mean / c1) / (jnp.sqrt(square / c2) + problem.eps), mean, square, loss

    x = jnp.array(problem.start)
    mean, square, steps, documents = jnp.zeros_like(x), jnp.zeros_like(x), 0, problem.documents()

    def step() -> Any:
        nonlocal x, mean, square, steps
        steps += 1
        document = numpy.array(next(documents), dtype=numpy.int32)
        x, mean, square, loss = adam(x, mean, square, float(steps), document)
        return loss.block_until_ready()

    return Racer(step, parameters=lambda: x.tolist())


EXPRESSION = {"JAX jit": _expression}
MOONS = {"JAX jit": _moons}
LETTERS = {"JAX jit": _letters}
