"""Records what JAX and PyTorch give for every public operation, value and partials, into operations.json.gz.

Run it as ``python tests/golden/record_operations.py`` where both are installed (``pip install jax==0.10.2
torch==2.13.0``); the tests read the file and need neither. All is float64, over arrays of points at once.

The file is gzipped JSON: ``versions``; and ``operations``, for each name ``points`` (the checksum of `points.points`),
``jax`` and ``torch``. Each of these holds ``code``, what was run, and ``columns``: first the value, then the partial
with respect to each operand, nan-padded to the longest point; null where the framework gives no such partial. A column
is the base64 of 1000 little-endian doubles; those of ``torch`` are XORed with those of ``jax``, because
numbers that agree then become zeros, which compress. For `softmax` and `log_softmax`, the value is the output number
``i % n`` of point number i with n operands.
"""

from __future__ import annotations

import base64
import gzip
import inspect
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from points import BINARY, SEQUENCES, TRIPLES, checksum, points
from torch.nn import functional

FILE = Path(__file__).with_name("operations.json.gz")

# What a user of each framework would write. Sequences come as one array (of the operands along the last axis).
JAX: dict[str, Callable[..., Any]] = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "div": jnp.divide,
    "pow": jnp.power,
    "neg": jnp.negative,
    "abs": jnp.abs,
    "minimum": jnp.minimum,
    "maximum": jnp.maximum,
    "exp": jnp.exp,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "exp2": jnp.exp2,
    "cbrt": jnp.cbrt,
    "sqrt": jnp.sqrt,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan": jnp.arctan,
    "atan2": jnp.arctan2,
    "hypot": jnp.hypot,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "asinh": jnp.arcsinh,
    "acosh": jnp.arccosh,
    "atanh": jnp.arctanh,
    "erf": jax.scipy.special.erf,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "log_sigmoid": jax.nn.log_sigmoid,
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "logaddexp": jnp.logaddexp,
    "sum": jnp.sum,
    "mean": jnp.mean,
    "dot": lambda xs: jnp.dot(xs[: xs.shape[0] // 2], xs[xs.shape[0] // 2 :]),
    "logsumexp": jax.nn.logsumexp,
    "prod": jnp.prod,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "clip": lambda xs: jnp.clip(xs[0], xs[1], xs[2]),
    "where": lambda xs: jnp.where(xs[0] != 0, xs[1], xs[2]),
}
TORCH: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": torch.pow,
    "neg": torch.neg,
    "abs": torch.abs,
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "exp2": torch.exp2,
    "cbrt": lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),  # it has no cube root
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "atan2": torch.atan2,
    "hypot": torch.hypot,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "erf": torch.erf,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "softplus": functional.softplus,
    "log_sigmoid": functional.logsigmoid,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "logaddexp": torch.logaddexp,
    "sum": lambda xs: torch.sum(xs, -1),
    "mean": lambda xs: torch.mean(xs, -1),
    "dot": lambda xs: (xs[:, : xs.shape[1] // 2] * xs[:, xs.shape[1] // 2 :]).sum(-1),
    "logsumexp": lambda xs: torch.logsumexp(xs, -1),
    "prod": lambda xs: torch.prod(xs, -1),
    "softmax": lambda xs: torch.softmax(xs, -1),
    "log_softmax": lambda xs: torch.log_softmax(xs, -1),
    "clip": lambda xs: torch.clamp(xs[:, 0], xs[:, 1], xs[:, 2]),
    "where": lambda xs: torch.where(xs[:, 0] != 0, xs[:, 1], xs[:, 2]),
}
CONSTANT_PARAMETER = ("leaky_relu", "elu")
"""In PyTorch their slope or alpha is a plain number, with no derivative."""


def ask_jax(name: str, xs: np.ndarray, picks: np.ndarray) -> list[np.ndarray]:
    """Value and partials at points of one size (rows), as columns."""
    function = JAX[name]
    if name in BINARY:
        both = jax.vmap(jax.value_and_grad(function, argnums=(0, 1)))
        value, partials = both(jnp.asarray(xs[:, 0]), jnp.asarray(xs[:, 1]))
        return [np.asarray(value), *map(np.asarray, partials)]
    if name in ("softmax", "log_softmax"):
        value, partials = jax.vmap(jax.value_and_grad(lambda x, k: function(x)[k]))(jnp.asarray(xs), jnp.asarray(picks))
    elif name in SEQUENCES or name in TRIPLES:
        value, partials = jax.vmap(jax.value_and_grad(function))(jnp.asarray(xs))
    else:
        value, partials = jax.vmap(jax.value_and_grad(lambda x: function(x[0])))(jnp.asarray(xs))
    return [np.asarray(value), *np.asarray(partials).T]


def ask_torch(name: str, xs: np.ndarray, picks: np.ndarray) -> list[np.ndarray | None]:
    """The same of PyTorch."""
    function = TORCH[name]
    if name in CONSTANT_PARAMETER:
        rows = []
        for x, parameter in xs.tolist():
            a = torch.tensor([x], dtype=torch.float64, requires_grad=True)
            y = function(a, parameter)
            rows.append((y.item(), torch.autograd.grad(y, a)[0].item()))
        return [*np.array(rows).T, None]
    if name in SEQUENCES or name in TRIPLES:
        a = torch.tensor(xs, requires_grad=True)
        y = function(a)
        if name in ("softmax", "log_softmax"):
            y = y.gather(1, torch.tensor(picks)[:, None])[:, 0]
        return [y.detach().numpy(), *torch.autograd.grad(y, a, torch.ones_like(y))[0].numpy().T]
    columns = [torch.tensor(xs[:, k].copy(), requires_grad=True) for k in range(xs.shape[1])]
    y = function(*columns)
    return [y.detach().numpy(), *(g.numpy() for g in torch.autograd.grad(y, columns, torch.ones_like(y)))]


def ask(name: str, framework: Callable[..., Any]) -> list[np.ndarray | None]:
    """Value and partials at all points of an operation."""
    drawn = points(name)
    longest = max(map(len, drawn))
    columns: list[Any] = [np.full(len(drawn), np.nan) for _ in range(1 + longest)]
    for size in sorted({len(p) for p in drawn}):
        rows = np.array([i for i, p in enumerate(drawn) if len(p) == size])
        found = framework(name, np.array([drawn[i] for i in rows]), rows % size)
        for k, column in enumerate(found):
            if column is None:
                columns[k] = None
            else:
                columns[k][rows] = column
    return columns


def packed(column: np.ndarray | None, against: np.ndarray | None = None) -> str | None:
    """A column as text, its bits XORed with those of another."""
    if column is None:
        return None
    bits = np.ascontiguousarray(column, dtype="<f8").view("<u8")
    bits = np.where(np.isnan(column), np.array([np.nan]).view("<u8"), bits)  # nans have signs and payloads
    if against is not None:
        bits = bits ^ np.frombuffer(base64.b64decode(packed(against) or ""), dtype="<u8")
    return base64.b64encode(bits.astype("<u8").tobytes()).decode()


def code(functions: dict[str, Callable[..., Any]], name: str) -> str:
    """What was run: the name of a function, or the expression."""
    function = functions[name]
    if getattr(function, "__name__", "") != "<lambda>":
        return str(getattr(function, "__name__", function))
    return inspect.getsource(function).split("#")[0].split(":", 1)[1].strip().rstrip(",")


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    assert JAX.keys() == TORCH.keys()
    operations = {}
    for name in JAX:
        by_jax, by_torch = ask(name, ask_jax), ask(name, ask_torch)
        operations[name] = {
            "points": checksum(name),
            "jax": {"code": code(JAX, name), "columns": [packed(c) for c in by_jax]},
            "torch": {"code": code(TORCH, name), "columns": [packed(c, d) for c, d in zip(by_torch, by_jax)]},
        }
    found = {
        "versions": {
            "jax": jax.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "instructions": torch.backends.cpu.get_cpu_capability(),
        },
        "operations": operations,
    }
    FILE.write_bytes(gzip.compress(json.dumps(found).encode(), 9, mtime=0))
    print(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB, {len(operations)} operations")


if __name__ == "__main__":
    main()
