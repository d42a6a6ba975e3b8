"""W3 and W4 with whole arrays, for libraries that differentiate these."""

from __future__ import annotations

from typing import Any

from problems import blocks
from transformer import Sizes


def moons_loss(layers: Any, points: Any, sides: Any, penalty: float, relu: Any) -> Any:
    """W3: hinge loss and L2; a layer is its weights, one row a neuron, and its biases."""
    x = points
    for k, (weights, biases) in enumerate(layers):
        x = x @ weights.T + biases
        x = relu(x) if k < len(layers) - 1 else x[:, 0]
    square = sum((weights**2).sum() + (biases**2).sum() for weights, biases in layers)
    return relu(1.0 - sides * x).mean() + penalty * square


def moons_layers(numbers: Any, array: Any) -> list[tuple[Any, Any]]:
    """The layers of W3 as arrays."""
    return [(array(weights), array(biases)) for weights, biases in blocks(numbers)]


def split(numbers: Any, sizes: Sizes) -> dict[str, Any]:
    """The matrices of W4, cut from a flat array."""
    result, start = {}, 0
    for name, (rows, columns) in sizes.shapes.items():
        result[name] = numbers[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    return result


def document_loss(p: dict[str, Any], picked: Any, wanted: Any, mask: Any, heads: int, ops: Any) -> Any:
    """W4: `picked` and `wanted` are letters as vectors, `mask` is 0 where a position may look and -inf elsewhere."""
    n = len(picked)

    def norm(x: Any) -> Any:
        return x * ((x * x).mean(-1)[:, None] + 1e-5) ** -0.5

    def parts(x: Any) -> Any:
        return x.reshape(n, heads, -1).swapaxes(0, 1)

    x = norm(picked @ p["letters"] + p["positions"][:n])
    y = norm(x)
    query, key, value = (parts(y @ p[name].T) for name in ("query", "key", "value"))
    shares = ops.softmax(query @ key.swapaxes(1, 2) / key.shape[-1] ** 0.5 + mask, -1)
    x = x + (shares @ value).swapaxes(0, 1).reshape(n, -1) @ p["output"].T
    x = x + ops.relu(norm(x) @ p["up"].T) @ p["down"].T
    logits = x @ p["head"].T
    return (ops.logsumexp(logits, -1) - (wanted * logits).sum(-1)).mean()
