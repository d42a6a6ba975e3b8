"""Records how PyTorch trains: optimizers, schedules, losses, clipping and batch normalisation, into training.json.

Run it as ``python tests/golden/record_training.py`` where PyTorch is installed (``pip install torch==2.13.0``); the
tests read the file and need no PyTorch. All is float64; the recording is the same on every run.

The file is one JSON object. Numbers are written so that they read back to the same bits; infinite ones and nans
as Python's `json` writes them (``Infinity``, ``NaN``). Its keys:

``versions``
    Of PyTorch and Python, and the platform.
``function``
    What the optimizers minimise: ``formula`` in words, ``start`` (5 numbers), ``value`` and ``gradient`` there. The
    formula is that of `bowl` below; copy it into a test.
``optimizers``
    A list of cases: ``name`` (unique), ``class`` (in torch.optim), ``arguments`` (as its keywords), ``parameters``: 101
    rows, the start and the 5 parameters after each of 100 steps. In PyTorch's SGD the momentum buffer is the first
    gradient itself, undamped; where ``zero_buffer`` is true it was set to 0 before the first step instead, so that
    with ``dampening = momentum`` the textbook's average ``v <- m v + (1 - m) g`` from ``v = 0`` results.
    ``sensitivity``: the largest change of any parameter on the way, if the start is changed by 1e-15: how much of a
    difference is rounding.
``schedules``
    A list of cases: ``name``, ``class`` (in torch.optim.lr_scheduler), ``arguments``, ``lr`` (the base rate) and
    ``rates``: those of steps 0 to 99. For ``LambdaLR`` the only argument is ``k``, and the factor is ``1 / (1 + k t)``.
    Where ``warmup`` is not null it holds the arguments of a `LinearLR`, and the schedule follows it in a
    `SequentialLR`, starting from its own beginning at step ``total_iters``. A cosine rises again after ``T_max``.
``losses``
    By name, a list of batches: ``outputs``, ``targets``, ``weights`` (one a sample) and, for three ways to average,
    ``value`` and ``gradient`` with respect to the outputs (of their shape): ``mean``; ``weighted_mean``, the weighted
    terms summed and divided by the sum of weights (`CrossEntropyLoss`'s with class weights, scikit-learn's
    ``sample_weight``); ``weighted_over_n``, divided by the number of samples (`BCEWithLogitsLoss`'s with ``weight``).
    The names: ``mse``, ``mae`` (numbers), ``mse_rows``, ``mae_rows`` (a row of outputs a sample; the term of a sample
    is the mean over its row), ``cross_entropy`` (rows of logits, labels), ``binary_cross_entropy`` (logits; targets 0
    or 1), ``binary_cross_entropy_soft`` (targets between), ``hinge`` (targets -1 or 1; the mean of
    max(0, 1 - target * output): PyTorch has none of this form, so its autograd was given the formula).
``clip_grad_norm``, ``clip_grad_value``
    Lists of cases: ``gradients`` before and ``clipped`` after, with ``max_norm``, ``norm_type`` and the returned
    ``norm``, or ``clip_value``. PyTorch multiplies by ``min(1, max_norm / (norm + 1e-6))``, and its 2-norm is inf
    (and the clipped gradients 0) for gradients of 1e200, whose squares overflow, and 0 for gradients of 1e-200.
``batch_norm``
    A list of cases: ``eps``, ``momentum``, ``weight``, ``bias``; ``batches``, each with ``inputs`` (rows), ``outputs``,
    ``cotangents`` (the adjoints of the outputs), ``input_gradients``, ``weight_gradients``, ``bias_gradients``, and
    ``running_mean`` and ``running_var`` after it; ``evaluation``: one more batch in evaluation mode after these.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import torch
from record_layers import record_batch_norm, record_norm_clipping, record_value_clipping
from record_losses import record_losses

FILE = Path(__file__).with_name("training.json")
STEPS = 100
START = [-0.7, 0.4, 1.3, -0.2, 0.9]
FORMULA = (
    "sum over i = 0..3 of 2 (x[i+1] - x[i]**2)**2 + (1 - x[i])**2, plus sum over i = 0..4 of (i + 1) / 10 * x[i]**2"
)


def bowl(x: Any) -> Any:
    """A valley as Rosenbrock's, bent less, plus a quadratic: minimised at no round number, and not separable."""
    valley = sum(2.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2 for i in range(4))
    return valley + sum((i + 1) / 10 * x[i] ** 2 for i in range(5))


OPTIMIZERS: list[tuple[str, str, dict[str, Any]]] = [
    ("sgd", "SGD", {"lr": 0.02}),
    ("sgd_weight_decay", "SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("sgd_momentum", "SGD", {"lr": 0.005, "momentum": 0.9}),
    ("sgd_momentum_weight_decay", "SGD", {"lr": 0.005, "momentum": 0.9, "weight_decay": 0.1}),
    ("sgd_dampening", "SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.9}),
    ("sgd_averaged", "SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.9}),
    ("sgd_dampening_half", "SGD", {"lr": 0.01, "momentum": 0.8, "dampening": 0.5}),
    ("sgd_nesterov", "SGD", {"lr": 0.005, "momentum": 0.9, "nesterov": True}),
    ("sgd_nesterov_weight_decay", "SGD", {"lr": 0.005, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("rmsprop", "RMSprop", {"lr": 0.01}),
    ("rmsprop_alpha_eps", "RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-4}),
    ("rmsprop_momentum", "RMSprop", {"lr": 0.002, "momentum": 0.9}),
    ("rmsprop_centered", "RMSprop", {"lr": 0.005, "centered": True}),
    ("rmsprop_centered_momentum", "RMSprop", {"lr": 0.001, "centered": True, "momentum": 0.9}),
    ("rmsprop_weight_decay", "RMSprop", {"lr": 0.01, "weight_decay": 0.1}),
    ("adam", "Adam", {"lr": 0.05}),
    ("adam_default_rate", "Adam", {"lr": 0.001}),
    ("adam_betas_eps", "Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-3}),
    ("adam_weight_decay", "Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("adamw", "AdamW", {"lr": 0.05, "weight_decay": 0.01}),
    ("adamw_no_decay", "AdamW", {"lr": 0.05, "weight_decay": 0.0}),
    ("adamw_strong_decay", "AdamW", {"lr": 0.05, "weight_decay": 0.3}),
]
ZERO_BUFFER = {"sgd_averaged"}


def trajectory(start: list[float], kind: str, arguments: dict[str, Any], zero_buffer: bool) -> list[list[float]]:
    """The parameters before each of the steps and after the last."""
    x = [torch.tensor(s, dtype=torch.float64, requires_grad=True) for s in start]
    optimizer = getattr(torch.optim, kind)(x, **arguments)
    if zero_buffer:
        for p in x:
            optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    rows = [[p.item() for p in x]]
    for _ in range(STEPS):
        optimizer.zero_grad()
        bowl(x).backward()
        optimizer.step()
        rows.append([p.item() for p in x])
    return rows


def record_optimizers() -> list[dict[str, Any]]:
    cases = []
    for name, kind, arguments in OPTIMIZERS:
        zero = name in ZERO_BUFFER
        rows = trajectory(START, kind, arguments, zero)
        beside = trajectory([s + 1e-15 for s in START], kind, arguments, zero)
        sensitivity = max(abs(p - q) for row, other in zip(rows, beside) for p, q in zip(row, other))
        assert sensitivity < 1e-13, f"{name} is chaotic: {sensitivity}"
        cases.append(
            {"name": name, "class": kind, "arguments": arguments, "zero_buffer": zero, "sensitivity": sensitivity}
            | {"parameters": rows}
        )
    return cases


SCHEDULES: list[tuple[str, str, dict[str, Any]]] = [
    ("constant", "ConstantLR", {"factor": 1.0, "total_iters": 0}),
    ("step", "StepLR", {"step_size": 30, "gamma": 0.1}),
    ("step_short", "StepLR", {"step_size": 7, "gamma": 0.5}),
    ("exponential", "ExponentialLR", {"gamma": 0.95}),
    ("cosine", "CosineAnnealingLR", {"T_max": 100}),
    ("cosine_floor", "CosineAnnealingLR", {"T_max": 90, "eta_min": 0.001}),
    ("cosine_periodic", "CosineAnnealingLR", {"T_max": 30, "eta_min": 0.001}),
    ("inverse", "LambdaLR", {"k": 0.05}),
]
WARMUPS: list[dict[str, Any] | None] = [
    None,
    {"start_factor": 0.1, "end_factor": 1.0, "total_iters": 10},
    {"start_factor": 1 / 3, "end_factor": 1.0, "total_iters": 5},
]


def record_schedules() -> list[dict[str, Any]]:
    cases = []
    schedulers = torch.optim.lr_scheduler
    for name, kind, arguments in SCHEDULES:
        for warmup in WARMUPS:
            lr = 0.1
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
            given = {"lr_lambda": lambda t, k=arguments["k"]: 1.0 / (1.0 + k * t)} if kind == "LambdaLR" else arguments
            if warmup is None:
                schedule = getattr(schedulers, kind)(optimizer, **given)
            else:
                parts = [schedulers.LinearLR(optimizer, **warmup), getattr(schedulers, kind)(optimizer, **given)]
                schedule = schedulers.SequentialLR(optimizer, parts, milestones=[warmup["total_iters"]])
            rates = []
            for _ in range(STEPS):
                rates.append(float(optimizer.param_groups[0]["lr"]))
                optimizer.step()
                schedule.step()
            full = name if warmup is None else f"{name}_warmup_{warmup['total_iters']}"
            cases.append(
                {"name": full, "class": kind, "arguments": arguments, "lr": lr, "warmup": warmup, "rates": rates}
            )
    return cases


def main() -> None:
    torch.set_num_threads(1)
    x = [torch.tensor(s, dtype=torch.float64, requires_grad=True) for s in START]
    y = bowl(x)
    y.backward()
    found = {
        "versions": {
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
        },
        "function": {
            "formula": FORMULA,
            "start": START,
            "value": y.item(),
            "gradient": [p.grad.item() for p in x],
        },
        "optimizers": record_optimizers(),
        "schedules": record_schedules(),
        "losses": record_losses(),
        "clip_grad_norm": record_norm_clipping(),
        "clip_grad_value": record_value_clipping(),
        "batch_norm": record_batch_norm(),
    }
    sections = ",\n".join(f"{json.dumps(key)}: {compact(section)}" for key, section in found.items())
    FILE.write_text(f"{{\n{sections}\n}}\n", encoding="utf-8")
    print(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB")


def compact(section: Any) -> str:
    """JSON with a line for each case, so that a difference between two recordings can be read."""
    if isinstance(section, list):
        return "[\n" + ",\n".join(json.dumps(case) for case in section) + "\n]"
    if all(isinstance(part, list) and part and isinstance(part[0], dict) for part in section.values()):
        return "{\n" + ",\n".join(f"{json.dumps(key)}: {compact(part)}" for key, part in section.items()) + "\n}"
    return json.dumps(section)


if __name__ == "__main__":
    main()
