"""What `record_training` records of gradient clipping and batch normalisation."""

from __future__ import annotations

import math
import random
from typing import Any

import torch


def record_norm_clipping() -> list[dict[str, Any]]:
    rng = random.Random("clip_grad_norm")
    gradients = [[round(rng.gauss(0.0, s), 6) for _ in range(n)] for n, s in [(1, 1.0), (3, 0.1), (5, 2.0), (8, 50.0)]]
    gradients += [[0.0, 0.0, 0.0], [3.0, 4.0], [1e200, 1.0], [1e-200, -1e-200], [math.inf, 1.0], [math.nan, 1.0]]
    cases = []
    for before in gradients:
        for max_norm in [0.0, 0.5, 1.0, 5.0, 1000.0]:
            for norm_type in [2.0, 1.0, math.inf]:
                ps = holders(before)
                norm = torch.nn.utils.clip_grad_norm_(ps, max_norm, norm_type=norm_type)
                cases.append(
                    {"gradients": before, "max_norm": max_norm, "norm_type": norm_type, "norm": norm.item()}
                    | {"clipped": [p.grad.item() for p in ps]}
                )
    return cases


def record_value_clipping() -> list[dict[str, Any]]:
    rng = random.Random("clip_grad_value")
    gradients = [[round(rng.gauss(0.0, 2.0), 6) for _ in range(n)] for n in (1, 3, 8)]
    gradients += [[0.0, -0.0, 1.0, -1.0], [math.inf, -math.inf, math.nan]]
    cases = []
    for before in gradients:
        for limit in [0.0, 0.5, 1.0, 100.0]:
            ps = holders(before)
            torch.nn.utils.clip_grad_value_(ps, limit)
            cases.append({"gradients": before, "clip_value": limit, "clipped": [p.grad.item() for p in ps]})
    return cases


def holders(gradients: list[float]) -> list[torch.Tensor]:
    """A scalar parameter for each gradient, as in a scalar engine."""
    ps = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in gradients]
    for p, g in zip(ps, gradients):
        p.grad = torch.tensor(g, dtype=torch.float64)
    return ps


def record_batch_norm() -> list[dict[str, Any]]:
    cases = []
    for features, momentum in [(1, 0.1), (3, 0.1), (2, 0.4)]:
        rng = random.Random(f"batch_norm {features}")

        def rows(n: int, scale: float = 2.0, features: int = features, rng: random.Random = rng) -> list[list[float]]:
            return [[round(rng.gauss(0.5 * j, scale), 4) for j in range(features)] for _ in range(n)]

        layer = torch.nn.BatchNorm1d(features, eps=1e-5, momentum=momentum, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(rows(1)[0]))
            layer.bias.copy_(torch.tensor(rows(1)[0]))
        case = {"eps": 1e-5, "momentum": momentum, "weight": layer.weight.tolist(), "bias": layer.bias.tolist()}
        batches = [batch_norm_pass(layer, rows(n), rows(n, 1.0)) for n in (2, 4, 3, 8, 5)]
        layer.eval()
        cases.append(case | {"batches": batches, "evaluation": batch_norm_pass(layer, rows(4), rows(4, 1.0))})
    return cases


def batch_norm_pass(layer: torch.nn.BatchNorm1d, inputs: list[list[float]], seeds: list[list[float]]) -> dict[str, Any]:
    """One batch forward and backward, with the statistics after it."""
    layer.zero_grad()
    x = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    y.backward(torch.tensor(seeds, dtype=torch.float64))
    return {
        "inputs": inputs,
        "outputs": y.tolist(),
        "cotangents": seeds,
        "input_gradients": x.grad.tolist(),
        "weight_gradients": layer.weight.grad.tolist(),
        "bias_gradients": layer.bias.grad.tolist(),
        "running_mean": layer.running_mean.tolist(),
        "running_var": layer.running_var.tolist(),
    }
