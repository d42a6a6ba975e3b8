"""NumPy with derivatives by hand."""

from __future__ import annotations

import numpy
from problems import Letters, Moons, Racer, unblocked
from vectorised import moons_layers, split


def _moons(problem: Moons) -> Racer:
    points, sides = numpy.array(problem.points), numpy.array(problem.sides)
    layers = moons_layers(problem.start, numpy.array)
    (w1, b1), (w2, b2), (w3, b3) = layers
    parameters = [w1, b1, w2, b2, w3, b3]

    def step() -> float:
        h1 = numpy.maximum(points @ w1.T + b1, 0.0)
        h2 = numpy.maximum(h1 @ w2.T + b2, 0.0)
        lack = numpy.maximum(1.0 - sides * (h2 @ w3[0] + b3[0]), 0.0)
        loss = lack.mean() + problem.penalty * sum(float(p.ravel() @ p.ravel()) for p in parameters)
        d3 = (lack > 0.0) * sides / -problem.n
        d2 = numpy.outer(d3, w3[0]) * (h2 > 0.0)
        d1 = (d2 @ w2) * (h1 > 0.0)
        slopes = [d1.T @ points, d1.sum(0), d2.T @ h1, d2.sum(0), d3 @ h2, d3.sum()]
        for p, g in zip(parameters, slopes):
            p -= problem.rate * (g + 2.0 * problem.penalty * p)
        return float(loss)

    return Racer(step, parameters=lambda: unblocked(layers))


def _norm(x: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    scale = (numpy.einsum("ij,ij->i", x, x)[:, None] / x.shape[1] + 1e-5) ** -0.5
    return x * scale, scale


def _norm_back(x: numpy.ndarray, scale: numpy.ndarray, d: numpy.ndarray) -> numpy.ndarray:
    return scale * d - x * (scale**3 * (numpy.einsum("ij,ij->i", d, x)[:, None] / x.shape[1]))


def _letters(problem: Letters) -> Racer:
    sizes, heads = problem.sizes, problem.sizes.heads
    x = numpy.array(problem.start)
    g, mean, square = (numpy.zeros_like(x) for _ in range(3))
    p, dp = split(x, sizes), split(g, sizes)
    one_hot, documents, steps = numpy.eye(sizes.letters), problem.documents(), 0
    size = sizes.width // heads

    def parts(y: numpy.ndarray) -> numpy.ndarray:
        return y.reshape(len(y), heads, size).swapaxes(0, 1)

    def whole(y: numpy.ndarray) -> numpy.ndarray:
        return y.swapaxes(0, 1).reshape(y.shape[1], sizes.width)

    def gradient(document: list[int]) -> float:
        n = len(document) - 1
        picked, wanted = one_hot[document[:-1]], one_hot[document[1:]]
        x0 = picked @ p["letters"] + p["positions"][:n]
        x1, s0 = _norm(x0)
        y, s1 = _norm(x1)
        query, key, value = (parts(y @ p[name].T) for name in ("query", "key", "value"))
        match = query @ key.swapaxes(1, 2) / size**0.5 + numpy.triu(numpy.full((n, n), -numpy.inf), 1)
        shares = numpy.exp(match - match.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = whole(shares @ value)
        x2 = x1 + mixed @ p["output"].T
        z, s2 = _norm(x2)
        hidden = numpy.maximum(z @ p["up"].T, 0.0)
        x3 = x2 + hidden @ p["down"].T
        logits = x3 @ p["head"].T
        powers = numpy.exp(logits - logits.max(-1, keepdims=True))
        total = powers.sum(-1, keepdims=True)
        loss = (numpy.log(total) + logits.max(-1, keepdims=True)).sum() - (wanted * logits).sum()

        d = (powers / total - wanted) / n
        dp["head"][:] = d.T @ x3
        d3 = d @ p["head"]
        dp["down"][:] = d3.T @ hidden
        dh = (d3 @ p["down"]) * (hidden > 0.0)
        dp["up"][:] = dh.T @ z
        d2 = d3 + _norm_back(x2, s2, dh @ p["up"])
        dp["output"][:] = d2.T @ mixed
        dm = parts(d2 @ p["output"])
        ds = dm @ value.swapaxes(1, 2)
        ds = shares * (ds - (shares * ds).sum(-1, keepdims=True)) / size**0.5
        dy = numpy.zeros_like(y)
        slopes = {"query": ds @ key, "key": ds.swapaxes(1, 2) @ query, "value": shares.swapaxes(1, 2) @ dm}
        for name, slope in slopes.items():
            dp[name][:] = whole(slope).T @ y
            dy += whole(slope) @ p[name]
        d0 = _norm_back(x0, s0, d2 + _norm_back(x1, s1, dy))
        dp["letters"][:] = picked.T @ d0
        dp["positions"][:n] = d0
        dp["positions"][n:] = 0.0
        return float(loss) / n

    def step() -> float:
        nonlocal steps
        steps += 1
        loss = gradient(next(documents))
        mean.__imul__(problem.beta1).__iadd__((1.0 - problem.beta1) * g)
        square.__imul__(problem.beta2).__iadd__((1.0 - problem.beta2) * (g * g))
        root = numpy.sqrt(square / (1.0 - problem.beta2**steps))
        x.__isub__(problem.rate / (1.0 - problem.beta1**steps) * mean / (root + problem.eps))
        return loss

    return Racer(step, parameters=x.tolist)


MOONS = {"NumPy by hand": _moons}
LETTERS = {"NumPy by hand": _letters}
