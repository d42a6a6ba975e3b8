"""Two hundred and ten correct functions, each with a point that is hard to judge by differences: by what makes it hard.

Written down before the estimator was made; nothing is taken out of it. What `check_grads` may say of them is "agrees",
and of few "cannot tell"; never "differs".
"""

from __future__ import annotations

import math
from typing import Any

import autodiff as ad
from autodiff import Value, derivative, grad, grad_graph, jvp

TABLE = [0.0, 0.31, 0.58, 0.81, 0.95, 1.0, 0.95, 0.81, 0.58, 0.31]


def horner(coefficients: list[float], x: Any) -> Any:
    y: Any = 0.0
    for c in coefficients:
        y = y * x + c
    return y


def repeated(f: Any, x: Any, times: int) -> Any:
    for _ in range(times):
        x = f(x)
    return x


def hat_table(x: Any) -> Any:
    """Gaussian weights around the entries of a table."""
    return ad.sum([t * ad.exp(-((x - k) ** 2)) for k, t in enumerate(TABLE)])


def newton_root(x: Any) -> Any:
    y: Any = 1.0
    for _ in range(8):
        y = 0.5 * (y + x / y)
    return y


def midpoint(f: Any, low: Any, high: Any, n: int = 20) -> Any:
    h = (high - low) / n
    return ad.sum([f(low + (k + 0.5) * h) for k in range(n)]) * h


def pendulum(angle: Any, speed: Any, steps: int = 60) -> Any:
    for _ in range(steps):
        speed = speed - 0.05 * ad.sin(angle)
        angle = angle + 0.05 * speed
    return angle


def determinant(m: list[list[Any]]) -> Any:
    """Of a 3 by 3 matrix."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def network(x: Any, *w: Any) -> Any:
    hidden = [ad.tanh(w[2 * k] * x + w[2 * k + 1]) for k in range(3)]
    return ad.sigmoid(ad.dot(hidden, list(w[6:9])))


def by_branch(x: Any) -> Any:
    if x < 1.0:
        return x * x
    return 2.0 * x - 1.0 + (x - 1.0) ** 2


def softmax_entropy(xs: Any) -> Any:
    ps = ad.softmax(xs)
    return -ad.sum([p * ad.log(p) for p in ps])


CORRECT: dict[str, list[tuple[Any, ...]]] = {
    "cancellation": [
        (lambda x: ad.log(1 + ad.exp(x)), -15.0),
        (lambda x: ad.log(1 + ad.exp(x)), -25.0),
        (lambda x: ad.log(1 + ad.exp(x)), -33.0),
        (lambda x: ad.log(1 + ad.exp(x)), -8.0),
        (lambda x: (1 - ad.cos(x)) / (x * x), 1e-3),
        (lambda x: ad.exp(x) - 1.0, 1e-7),
        (lambda x: ad.exp(x) - 1.0, 1e-13),
        (lambda x: ad.sqrt(x * x + 1.0) - x, 1e5),
        (lambda x: ad.sqrt(x + 1.0) - ad.sqrt(x), 1e8),
        (lambda x: (x + 1e8) - 1e8, 0.5),
        (lambda x: (x + 1e12) - 1e12, 3.0),
        (lambda x: ((x + 1e6) - 1e6) ** 2, 0.7),
        (lambda x: ad.log(x + 1.0) / x, 1e-4),
        (lambda x: (x - 1.0) ** 7, 1.2),
        (lambda x: horner([1, -7, 21, -35, 35, -21, 7, -1], x), 1.3),
        (lambda x: 1.0 / (1.0 - x) - 1.0 / (1.0 + x), 1e-6),
        (lambda x: x - ad.sin(x), 1e-2),
        (lambda x: ad.cosh(x) ** 2 - ad.sinh(x) ** 2 + x, 4.0),
        (lambda x, y: x * x - y * y, 1e4, 1e4 - 1e-3),
        (lambda x, y: (x + y) ** 2 - x * x - 2 * x * y, 1e5, 1.0),
    ],
    "large arguments": [
        (ad.sin, 1e9),
        (ad.cos, 1e7),
        (ad.sin, 1e5 + 0.25),
        (lambda x: ad.sin(x) * ad.cos(2 * x), 3e6),
        (lambda x: ad.tan(x), 1e6),
        (lambda x: ad.exp(ad.sin(x)), 1e8),
        (lambda x: ad.log(x), 1e200),
        (lambda x: ad.sqrt(x), 1e-200),
        (lambda x: x**1.5, 1e100),
        (lambda x: ad.hypot(x, 1.0), 1e150),
        (lambda x: ad.atan(x), 1e12),
        (lambda x: ad.asinh(x), 1e30),
        (lambda x, y: ad.atan2(x, y), 1e100, 2e100),
        (lambda x: ad.cbrt(x), -1e250),
        (lambda x: ad.sin(1e6 * x), 1.0),
        (lambda x: x * ad.sin(1.0 / x), 1e-5),
    ],
    "tiny arguments": [
        (lambda x: ad.exp(x), 1e-12),
        (lambda x: ad.exp(x), 1e-300),
        (lambda x: ad.sin(x), 1e-20),
        (lambda x: ad.cos(x) + x, 1e-15),
        (lambda x: ad.log(x), 1e-9),
        (lambda x: ad.log(x), 1e-305),
        (lambda x: 1.0 / x, 1e-150),
        (lambda x: x * ad.log(x), 1e-30),
        (lambda x, y: ad.atan2(x, y), 1e-9, 3e-9),
        (lambda x, y: ad.atan2(x, y), -1e-300, 1e-300),
        (lambda x, y: ad.atan2(x, y), 2e-9, -1e-9),
        (lambda x, y: ad.hypot(x, y), 3e-200, 4e-200),
        (lambda x: x / (1e-9 + x), 1e-9),
        (lambda x: ad.expm1(x) / x, 1e-5),
        (lambda x: ad.tanh(x), 0.0),
    ],
    "steep": [
        (lambda x: ad.exp(-1e4 * x * x), 0.01),
        (lambda x: ad.exp(-1e8 * x * x), 1e-4),
        (lambda x: ad.atan(1e6 * x), 0.3),
        (lambda x: ad.atan(1e6 * x), 1e-6),
        (lambda x: ad.atan(1e6 * x), 0.0),
        (lambda x: ad.tanh(1e8 * (x - 1.0)), 1.0 + 5e-9),
        (lambda x: ad.sigmoid(1e5 * (x - 0.5)), 0.5),
        (lambda x: ad.exp(100 * x), 1.0),
        (lambda x: x**50, 1.5),
        (lambda x: ad.erf(1e4 * x), 3e-5),
        (lambda x: 1.0 / (1.0 + 1e10 * x * x), 1e-5),
        (lambda x: ad.exp(-1e4 * (x - 1.0) ** 2), 1.01),
        (lambda x: ad.softplus(1e6 * x) / 1e6, 1e-7),
        (lambda x, y: 1.0 / (1.0 + 100 * (y - x * x) ** 2), 1.0, 1.1),
        (lambda x: ad.exp(ad.exp(x)), 3.0),
    ],
    "flat": [
        (lambda x: ad.cos(x), 0.0),
        (lambda x: 1.0 + x * x, 1e-4),
        (lambda x: ad.exp(-x), 40.0),
        (lambda x: 1.0 - ad.exp(-x * x), 1e-5),
        (lambda x: ad.tanh(x), 12.0),
        (lambda x: ad.sigmoid(x), 30.0),
        (lambda x: ad.erf(x), 4.0),
        (lambda x: x**9, 0.01),
        (lambda x: x**4, 0.0),
        (lambda x: (x * x - 2.0) ** 2, math.sqrt(2.0)),
        (lambda x: ad.sin(x), math.pi / 2),
        (lambda x: 3.0 + 0.0 * x, 2.0),
        (lambda x: ad.silu(x), -1.278),
        (lambda x: ad.gelu(x), -0.7518),
        (lambda x: ad.exp(-x * x), 30.0),
        (lambda x: ad.exp(-x * x), 6.0),
    ],
    "near kinks and poles": [
        (lambda x: abs(x), 1e-9),
        (lambda x: ad.exp(x) + ad.relu(x - 1.0), 1.0 + 1e-9),
        (lambda x: ad.exp(x) + ad.relu(x - 1.0), 1.0 - 1e-12),
        (lambda x: ad.maximum(x, 1.0) * ad.sin(x), 1.0 + 1e-7),
        (lambda x: ad.minimum(x * x, 4.0) + x, 2.0 - 1e-8),
        (lambda x: ad.clip(x, -1.0, 1.0) * x, 1.0 - 1e-6),
        (lambda x: ad.leaky_relu(x) + ad.cos(x), -1e-10),
        (lambda x: ad.elu(x, 0.5) + x, 1e-8),
        (lambda x: 1.0 / (x - 1.0), 1.0 + 1e-6),
        (lambda x: ad.log(x - 1.0), 1.0 + 1e-4),
        (lambda x: ad.sqrt(x - 2.0), 2.0 + 1e-5),
        (lambda x: ad.asin(x), 1.0 - 1e-6),
        (lambda x: ad.acosh(x), 1.0 + 1e-6),
        (lambda x: ad.atanh(x), -1.0 + 1e-5),
        (lambda x: ad.tan(x), math.pi / 2 - 1e-5),
        (lambda x: ad.where(x > 0.5, x * x, x - 0.25), 0.5 + 1e-9),
        (by_branch, 1.0 + 1e-8),
        (by_branch, 1.0 - 1e-4),
        (lambda x: abs(x) ** 1.5, 1e-6),
        (lambda x, y: ad.maximum(x, y) + x * y, 1.0, 1.0 + 1e-9),
    ],
    "ill-conditioned": [
        (lambda x: horner([1, -55, 1320, -18150, 157773, -902055, 3416930], x), 5.5),
        (lambda x: ad.sin(1e3 * x) / 1e3 + x, 0.7),
        (lambda a, b: determinant([[1.0, 1.0, 1.0], [1.0, 1.0 + a, 1.0], [1.0, 1.0, 1.0 + b]]), 1e-3, 1e-4),
        (lambda x: newton_root(x), 2.0),
        (lambda x, y: x / (x - y), 1.0, 1.0 - 1e-5),
        (lambda x: ad.acos(ad.cos(x)), 1e-2),
        (lambda x: ad.log(ad.cosh(x)), 0.01),
        (lambda x: (ad.exp(x) - ad.exp(-x)) / (2 * x), 0.05),
        (lambda x: ad.sqrt(ad.sqrt(x + 1e4) - 100.0), 1.0),
        (lambda x, y: ad.log(ad.exp(x) + ad.exp(y)), 20.0, -10.0),
        (lambda xs: ad.logsumexp(xs), [0.0, -30.0, 5.0]),
        (lambda xs: ad.prod(xs), [1e-100, 1e100, 3.0, 1e-5]),
    ],
    "piecewise": [
        (lambda x: ad.relu(x) * x + ad.relu(-x), 0.3),
        (lambda x: abs(ad.sin(5 * x)) + x, 0.2),
        (lambda x: ad.sum([ad.relu(x - k / 10) for k in range(10)]), 0.4501),
        (lambda x: ad.where(x > 0, ad.log(ad.where(x > 0, x, 1.0)), 0.0), 0.1),
        (lambda x: ad.minimum(ad.maximum(x, x * x), 3.0), 1.5),
        (lambda x, y: ad.where(x > y, x * y, x + y), 0.5, 0.49),
        (lambda x: ad.clip(3 * x, 0.0, 1.0) ** 2, 0.25),
        (lambda x: ad.maximum(ad.sin(x), ad.cos(x)), 0.78),
        (lambda x: ad.relu(ad.relu(x - 1) - 1) + x, 2.001),
        (lambda x: x * (1.0 if float(x) > 0 else -1.0), 1e-3),
    ],
    "deep": [
        (lambda x: repeated(ad.sin, x, 50), 1.0),
        (lambda x: repeated(lambda y: 3.7 * y * (1 - y), x, 12), 0.3),
        (lambda x: repeated(lambda y: 3.9 * y * (1 - y), x, 25), 0.37),
        (lambda x: repeated(lambda y: ad.tanh(1.5 * y), x, 30), 0.2),
        (lambda x: repeated(lambda y: ad.sqrt(1.0 + y), x, 40), 3.0),
        (lambda x: repeated(lambda y: ad.exp(-y), x, 20), 0.5),
        (lambda x: repeated(lambda y: y * 1.01, x, 500), 1.0),
        (lambda x: repeated(lambda y: y + 1e-3 * ad.cos(y), x, 300), 0.0),
        (pendulum, 1.0, 0.5),
        (lambda x: repeated(ad.log1p, x, 30), 5.0),
        (network, 0.3, 0.5, -0.2, 0.7, 0.1, -0.4, 0.3, 0.2, -1.0, 0.8),
        (lambda x: repeated(lambda y: y / (1.0 + y * y), x, 40), 0.9),
    ],
    "sums of large terms": [
        (lambda x: 1e6 + ad.sin(x), 0.7),
        (lambda x: 1e9 + ad.exp(x), 0.7),
        (lambda x: 1e12 + ad.exp(x), 1.0),
        (lambda x: 1e16 + x * x, 3.0),
        (lambda x: ad.sum([1e8, x * x, -1e8]), 0.3),
        (lambda x: (1e8 + x * x) - 1e8, 0.3),
        (lambda x: ad.mean([1e7 * ad.cos(x), -1e7 * ad.cos(x), x**3]), 0.4),
        (lambda xs: ad.sum([x * 10.0**k for k, x in enumerate(xs)]), [1.0, -1.0, 1.0, -1.0, 1.0, 2.0]),
        (lambda xs: ad.dot(xs, [1e8, 1.0, -1e8]), [1.0, 0.3, 1.0]),
        (lambda x: ad.sum([ad.sin(k * x) for k in range(200)]), 0.1),
        (lambda x: ad.sum([(-1.0) ** k * x**k / math.factorial(k) for k in range(40)]), 10.0),
        (lambda x, y: 1e10 * x - 1e10 * x + y * x, 0.3, 0.7),
    ],
    "tables and loops": [
        (hat_table, 4.3),
        (hat_table, 40.0),
        (lambda x: midpoint(ad.sin, 0.0, x), 2.0),
        (lambda x: midpoint(lambda t: ad.exp(-t * t), -x, x), 3.0),
        (lambda x: horner(TABLE, x), 0.99),
        (lambda x: ad.sum([t * x**k for k, t in enumerate(TABLE)]), -1.7),
        (lambda x: TABLE[3] * x + TABLE[4] * (1.0 - x), 0.2),
        (lambda x: ad.dot(TABLE, [ad.cos(k * x) for k in range(10)]), 1.0),
        (lambda x, n: ad.sum([x / (k + n) for k in range(1, 50)]), 2.0, 0.5),
        (lambda x: ad.sum([1.0 / (k * k + x) for k in range(1000)]), 1e-3),
    ],
    "oscillating": [
        (lambda x: ad.sin(1e3 * x), 1.0),
        (lambda x: x + 1e-6 * ad.sin(1e6 * x), 0.3),
        (lambda x: ad.sin(1.0 / x), 0.01),
        (lambda x: ad.cos(x * x), 100.0),
        (lambda x: ad.sin(ad.exp(x)), 7.0),
        (lambda x: ad.exp(-x) * ad.cos(50 * x), 2.0),
        (lambda x: ad.sin(x) / x, 1e4),
        (lambda x: ad.prod([ad.cos(x / k) for k in range(1, 20)]), 0.5),
        (lambda x: ad.sin(1e4 * x) * ad.exp(-x * x), 0.5),
        (lambda x: ad.cos(1e5 * x) + x * x, 2.0),
    ],
    "near overflow and underflow": [
        (lambda x: ad.exp(x), 709.0),
        (lambda x: ad.exp(x), -700.0),
        (lambda x: ad.cosh(x), -709.5),
        (lambda x: ad.log(ad.exp(x)), 700.0),
        (lambda x: x * x, 1e153),
        (lambda x: 1e300 * x, 1e7),
        (lambda x: x * 1e-300, 1e-5),
        (lambda x: 1.0 / (x * x), 1e100),
        (lambda x: x**3, 1e-100),
        (lambda x: ad.exp2(x), 1023.5),
        (lambda x: ad.sqrt(x), 1e308),
        (lambda x: ad.prod([x, 1e-200, 1e200, x]), 1e50),
        (lambda x, y: ad.hypot(x, y), 1e300, 1e300),
        (lambda x: x + 1.0, 1.7e308),
    ],
    "several arguments and nested structures": [
        (lambda x, y, z: x * ad.exp(y) / z, 1e-8, 20.0, 1e8),
        (lambda x, y: x**y, 2.5, -30.0),
        (lambda x, y: x**y, 1e-4, 0.3),
        (lambda x, y: ad.logaddexp(x, y), 1e3, 1e3 - 5.0),
        (lambda p: p[0][0] * ad.sin(p[1][1]) + p[1][0] ** 2, [(1.0, 2.0), [3.0, 1e6]]),
        (lambda xs: ad.sum([x * x for x in xs]), [1e-8, 1.0, 1e8]),
        (lambda xs, b: ad.dot(xs, xs) * b, [1e-3, 1e3], 1e-6),
        (lambda xs: softmax_entropy(xs), [0.1, 3.0, -2.0]),
        (lambda xs: ad.log_softmax(xs)[1], [0.5, -20.0, 1.0]),
        (lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, 1.0 + 1e-3, 1.0),
        (lambda x, y: ad.atan2(ad.sin(x), ad.cos(y)), 1e4, 2.0),
        (lambda a, b, c: (-b + ad.sqrt(b * b - 4 * a * c)) / (2 * a), 1.0, -100.0, 1.0),
        (lambda x, y: x / y, 1e-200, 1e100),
    ],
    "transforms inside": [
        (lambda x: ad.sum([grad(lambda t: t**3)(x), x]), 2.0),
        (lambda x: grad_graph((x * x).exp(), x) if isinstance(x, Value) else 0.0, 0.3),
        (lambda x: jvp(ad.sin, (x,), (1.0,))[1], 1e3),
        (lambda x: derivative(lambda t: t**5, 2)(x), 0.1),
        (lambda x: grad(lambda t: ad.log(1 + ad.exp(t)))(x), -12.0),
    ],
}  # fmt: skip


def _operations() -> list[tuple[Any, ...]]:
    """Operations of the table that are not met above, at points that are awkward for each."""
    return [
        (ad.exp2, -20.0), (ad.log2, 1.0 + 1e-8), (ad.log10, 1e-40), (ad.log1p, -1.0 + 1e-9), (ad.expm1, -30.0),
        (ad.sinh, 1e-9), (ad.asinh, 1e-8), (ad.acos, -1e-12), (ad.log_sigmoid, -50.0), (ad.logaddexp, -40.0, 0.0),
    ]  # fmt: skip


CORRECT["operations by themselves"] = _operations()

LATER: dict[str, list[tuple[Any, ...]]] = {
    "cancellation, later": [
        (lambda x: ad.log(ad.exp(x) + 1e-9), -10.0),
        (lambda x: ad.sqrt(1.0 + x) - 1.0, 1e-9),
        (lambda x: ad.sqrt(1e10 + x * x) - 1e5, 2.0),
        (lambda x: 1.0 - ad.tanh(x), 9.0),
        (lambda x: ad.log(1.0 - ad.exp(-x)), 20.0),
        (lambda x, y: (x - y) / (x + y), 1.0, 1.0 - 1e-9),
        (lambda x: x * 1e15 - (x * 1e15 - x), 0.37),
        (lambda x: ad.atan(x + 1e4) - ad.atan(1e4), 0.5),
    ],
    "size, later": [
        (lambda x: ad.cos(x) / x, 2e8),
        (lambda x: ad.sin(x * x), 3e3),
        (lambda x: ad.sin(ad.exp(x)), 15.0),
        (lambda x: x / (1.0 + abs(x)), 1e9),
        (lambda x: ad.log(ad.log(x)), 1e300),
        (lambda x: ad.exp(-1.0 / x), 1e-2),
        (lambda x: x**x, 1e-6),
        (lambda x: 1e-150 * ad.exp(x), -100.0),
        (lambda x, y: ad.exp(x) * ad.exp(y), 600.0, -600.0),
        (lambda x: (1e200 * x) * 1e-200, 3.0),
    ],
    "shape, later": [
        (lambda x: ad.exp(-0.5 * ((x - 3.0) / 1e-3) ** 2), 3.0005),
        (lambda x: ad.tanh(50 * ad.sin(x)), 3.1),
        (lambda x: 1.0 / (1e-6 + x * x), 2e-4),
        (lambda x: ad.sqrt(x * x + 1e-12), 1e-7),
        (lambda x: ad.sqrt(x * x + 1e-12), 0.0),
        (lambda x: ad.log(1e-8 + abs(x)), -1e-8),
        (lambda x: abs(x) * x, 1e-4),
        (lambda x: ad.relu(x - 1e3) + ad.cos(x), 1e3 + 1e-5),
        (lambda x: ad.maximum(ad.exp(x), 1.0 + x), 1e-3),
        (lambda x: ad.clip(ad.exp(x), 0.0, 1.0 + 1e-9) + x, 0.5),
        (lambda x: ad.minimum(abs(x - 0.5), 0.25) ** 2, 0.2501),
        (lambda x: ad.where(x > 1e-3, ad.sqrt(abs(x)), x), 2e-3),
        (lambda x: ad.sigmoid(20 * x) * ad.sigmoid(-20 * x), 1.0),
        (lambda x: (x - 1.0) ** 3 * (x + 2.0), 1.0 + 1e-6),
        (lambda x: ad.sin(x) ** 2 + ad.cos(x) ** 2, 1.0),
    ],
    "structure, later": [
        (lambda x: repeated(lambda y: ad.cos(y), x, 100), 0.3),
        (lambda x: repeated(lambda y: y + 0.1 * (1.0 - y * y), x, 80), -0.5),
        (lambda x: repeated(lambda y: ad.sqrt(2.0 + y), x, 25), 0.1),
        (lambda x: repeated(lambda y: 2.0 * y - y * y, x, 6), 0.05),
        (lambda x: repeated(ad.tanh, x, 200), 2.0),
        (lambda x, v: pendulum(x, v, 200), 0.4, 0.0),
        (lambda x: midpoint(lambda t: ad.cos(x * t), 0.0, 3.0, 40), 2.0),
        (lambda x: ad.sum([1e9, ad.exp(x), -1e9, x]), 0.1),
        (lambda x: 1e14 + ad.sin(x) * 1e3, 2.0),
        (lambda x: ad.prod([1.0 + x / k for k in range(1, 30)]), 0.3),
        (lambda d: d["w"] * ad.exp(-d["rate"][0] * d["rate"][1]), {"w": 1e3, "rate": (2.0, 10.0)}),
        (lambda xs: ad.logsumexp([100 * x for x in xs]) / 100, [0.3, 0.31, 0.29]),
        (lambda xs: ad.sum([(x - ad.mean(xs)) ** 2 for x in xs]) / len(xs), [1e4 + 1, 1e4 + 2, 1e4 + 4]),
        (lambda xs, ys: ad.dot(xs, ys) / ad.sqrt(ad.dot(xs, xs) * ad.dot(ys, ys)), [1.0, 2.0, 3.0], [1.1, 2.0, 2.9]),
        (lambda x: derivative(lambda t: ad.exp(2 * t), 3)(x), 0.4),
        (lambda x: grad(lambda t: ad.sin(t) ** 2)(x) + ad.cos(x), 100.0),
        (lambda x: jvp(lambda t: t * ad.log(t), (x,), (2.0,))[1], 1e-8),
        (lambda x: 3.0 * x + ad.asinh(x) * ad.acosh(x), 1.0 + 1e-3),
    ],
    "operations, later": [
        (ad.erf, -2.5),
        (ad.cbrt, 1e-30),
        (ad.hypot, 1e-8, 1.0),
        (ad.atan2, 1e-3, -1.0),
        (ad.elu, -30.0),
        (ad.gelu, -6.0),
        (ad.silu, -40.0),
        (ad.softplus, -100.0),
        (ad.log1p, 1e-15),
    ],
}  # fmt: skip
"""Sixty more, written when the estimator was ready, to see whether it was fitted to those above."""

if __name__ == "__main__":
    for table in (CORRECT, LATER):
        print({kind: len(cases) for kind, cases in table.items()}, sum(map(len, table.values())))
