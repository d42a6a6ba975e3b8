"""What `record_training` records of losses: value and gradient of each batch, averaged in three ways."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Terms = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bce(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")


TERMS: dict[str, Terms] = {
    "mse": lambda p, t: functional.mse_loss(p, t, reduction="none"),
    "mae": lambda p, t: functional.l1_loss(p, t, reduction="none"),
    "mse_rows": lambda p, t: functional.mse_loss(p, t, reduction="none").mean(1),
    "mae_rows": lambda p, t: functional.l1_loss(p, t, reduction="none").mean(1),
    "cross_entropy": lambda z, c: functional.cross_entropy(z, c, reduction="none"),
    "binary_cross_entropy": bce,
    "binary_cross_entropy_soft": bce,
    "hinge": lambda s, y: torch.clamp(1.0 - y * s, min=0.0),
}
"""The loss of each sample."""

MEANS: dict[str, Callable[..., torch.Tensor]] = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "mse_rows": functional.mse_loss,
    "mae_rows": functional.l1_loss,
    "cross_entropy": functional.cross_entropy,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "binary_cross_entropy_soft": functional.binary_cross_entropy_with_logits,
}
"""PyTorch's own mean, which the terms must reproduce."""


def draw_batch(name: str, k: int, rng: random.Random) -> tuple[Any, Any]:
    """Outputs and targets of batch number k, as lists; logits of every tenth batch are large."""
    n = rng.choice([1, 2, 3, 4, 5, 7])
    scale = 30.0 if k % 10 == 9 else 2.0

    def number() -> float:
        return round(rng.gauss(0.0, scale), 4)

    if name.endswith("_rows"):
        width = rng.choice([1, 2, 3])
        return tuple([[number() for _ in range(width)] for _ in range(n)] for _ in range(2))  # type: ignore[return-value]
    if name == "cross_entropy":
        classes = rng.choice([2, 3, 4])
        return [[number() for _ in range(classes)] for _ in range(n)], [rng.randrange(classes) for _ in range(n)]
    targets: dict[str, Callable[[], float]] = {
        "binary_cross_entropy": lambda: rng.choice([0.0, 1.0]),
        "binary_cross_entropy_soft": lambda: round(rng.random(), 3),
        "hinge": lambda: rng.choice([-1.0, 1.0]),
    }
    return [number() for _ in range(n)], [targets.get(name, number)() for _ in range(n)]


def record_losses() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, terms in TERMS.items():
        rng = random.Random(name)
        found[name] = []
        for k in range(20 if name.endswith("_rows") else 50):
            outputs, targets = draw_batch(name, k, rng)
            weights = [round(rng.uniform(0.1, 3.0), 3) for _ in outputs]
            if len(weights) > 2:
                weights[rng.randrange(len(weights))] = 0.0
            case = {"outputs": outputs, "targets": targets, "weights": weights}
            w = torch.tensor(weights, dtype=torch.float64)
            t = torch.tensor(targets, dtype=torch.int64 if name == "cross_entropy" else torch.float64)
            averages: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
                "mean": lambda each: each.mean(),
                "weighted_mean": lambda each, w=w: (w * each).sum() / w.sum(),
                "weighted_over_n": lambda each, w=w: (w * each).mean(),
            }
            for way, average in averages.items():
                z = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
                loss = average(terms(z, t))
                loss.backward()
                case[way] = {"value": loss.item(), "gradient": z.grad.tolist()}
            check_against_own_means(name, case, w, t)
            found[name].append(case)
    return found


def check_against_own_means(name: str, case: dict[str, Any], w: torch.Tensor, t: torch.Tensor) -> None:
    """The averages are those that PyTorch's own arguments give."""
    z = torch.tensor(case["outputs"], dtype=torch.float64)
    if name in MEANS:
        assert math.isclose(MEANS[name](z, t).item(), case["mean"]["value"], rel_tol=1e-14)
    if name.startswith("binary"):
        own = functional.binary_cross_entropy_with_logits(z, t, weight=w)
        assert math.isclose(own.item(), case["weighted_over_n"]["value"], rel_tol=1e-14)
