"""JAX with jit, in double precision, on one thread, and otherwise as it comes.

With ``jax.config.update("jax_cpu_enable_async_dispatch", False)`` it hands small steps over in about 15 us less.
"""

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
    # Nine matrices: of one flat array, cut in the function, the gradient takes 80 us longer to put together.
    sizes, of_each = problem.sizes, jax.tree.map

    def loss_of(p: Any, document: Any) -> Any:
        n = len(document) - 1
        one_hot = jnp.eye(sizes.letters)
        mask = jnp.triu(jnp.full((n, n), -jnp.inf), 1)
        return document_loss(p, one_hot[document[:-1]], one_hot[document[1:]], mask, sizes.heads, _OPS)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def adam(p: Any, mean: Any, square: Any, step: Any, document: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(p, document)
        mean = of_each(lambda m, g: problem.beta1 * m + (1.0 - problem.beta1) * g, mean, g)
        square = of_each(lambda s, g: problem.beta2 * s + (1.0 - problem.beta2) * g * g, square, g)
        c1, c2 = 1.0 - problem.beta1**step, 1.0 - problem.beta2**step

        def moved(x: Any, m: Any, s: Any) -> Any:
            return x - problem.rate * (m / c1) / (jnp.sqrt(s / c2) + problem.eps)

        return of_each(moved, p, mean, square), mean, square, loss

    p = split(jnp.array(problem.start), sizes)
    mean, square = (of_each(jnp.zeros_like, p) for _ in range(2))
    steps, documents = 0, problem.documents()

    def step() -> Any:
        nonlocal p, mean, square, steps
        steps += 1
        document = numpy.array(next(documents), dtype=numpy.int32)
        p, mean, square, loss = adam(p, mean, square, float(steps), document)
        return loss.block_until_ready()

    return Racer(step, parameters=lambda: [x for name in sizes.shapes for x in p[name].ravel().tolist()])


EXPRESSION = {"JAX jit": _expression}
MOONS = {"JAX jit": _moons}
LETTERS = {"JAX jit": _letters}
