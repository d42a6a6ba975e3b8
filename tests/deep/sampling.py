"""Where operations are measured: seeded random points over the whole of their domains.

Sizes are uniform in the binary exponent, of either sign, with subnormal and huge numbers; to them come numbers of the
sizes that people compute with, neighbours of the ends of a domain and of the points where a function vanishes or
cancels, and pairs that are equal, nearly so, or of like size.
"""

from __future__ import annotations

import math
import sys
from functools import cache
from random import Random
from typing import Any

import strategies
from reference import mp

from autodiff.operation import Nary, Op

_NEIGHBOURHOODS: list[tuple[str, list[float]]] = [
    ("sin cos tan", [0.5 * math.pi * k for k in range(1, 12)]),
    ("log log2 log10 acosh", [1.0]),
    ("exp expm1 sinh cosh", [709.78, -708.4, -745.1]),
    ("exp2", [1024.0, -1022.0, -1074.0]),
    ("sigmoid softplus log_sigmoid silu silu_slope", [-708.4, -745.1, 709.78]),
    ("silu silu_slope", [-1.2784645427610738, -2.399357280520468, 2.399357280520468]),
    ("gelu gelu_slope", [-0.7517915246935645, -math.sqrt(2.0), math.sqrt(2.0), -35.0]),
    ("gelu gelu_slope normal", [37.5, -37.5, 38.5, -38.5]),
    ("erf erf_slope", [26.5, 27.2]),
    ("tanh sech2", [354.2, 372.5]),
]
LANDMARKS = {
    name: [x for others, xs in _NEIGHBOURHOODS for x in xs if name in others.split()]
    for names, _ in _NEIGHBOURHOODS
    for name in names.split()
}
"""Points with interesting neighbours: zeros, extrema, and where a result begins to be subnormal or to overflow."""

ANGLES = ("sin", "cos", "tan")

POWERS = ("pow", "power_slope", "power_log")


def size(random: Random, low: int = -1074, high: int = 1023) -> float:
    """A number of either sign whose binary exponent is uniform."""
    return random.choice((1.0, -1.0)) * math.ldexp(random.uniform(1.0, 2.0), random.randint(low, high))


def near(random: Random, x: float) -> float:
    """A neighbour at any distance, from an ulp on."""
    return x + x * size(random, -53, -2)


@cache
def next_to_multiples(exponent: int) -> list[float]:
    """Floats m * 2**exponent that are all but multiples of pi/2, by convergents of the quotient (Kahan)."""
    with mp.workdps(400):
        left, before, q = mp.frac(mp.ldexp(2 / mp.pi, exponent)), 0, 1
        found = []
        while q < 1 << 53:
            found.append(math.ldexp(q * ((1 << 53) // q), exponent))
            left = 1 / left
            left, before, q = mp.frac(left), q, before + int(left) * q
    return found[-4:]  # the last ones are the nearest


def clamp(x: float) -> float:
    """A number, and the largest one in place of an infinity."""
    return max(-sys.float_info.max, min(x, sys.float_info.max))


def number(random: Random, low: float, high: float, landmarks: list[float]) -> float:
    """A number of a closed interval."""
    ends = [x for x in (low, high) if math.isfinite(x)]
    while True:
        kind = random.random()
        if kind < 0.4:
            x = size(random)
        elif kind < 0.5:
            x = size(random, -60, 11)
        elif kind < 0.7:
            x = random.uniform(max(low, -40.0), min(high, 40.0))
        elif kind < 0.8:
            x = random.uniform(max(low, -800.0), min(high, 800.0))
        elif landmarks or ends:
            x = near(random, random.choice([*landmarks, *ends]))
        else:
            x = random.uniform(-3.0, 3.0)
        if low >= 0.0:
            x = abs(x)
        if low <= x <= high and math.isfinite(x):
            return x


def pair(random: Random, op: Op) -> tuple[float, float]:
    """Two operands: independent, or equal up to sign, nearly so, or of like size."""
    if op.name in POWERS and random.random() < 0.75:
        return base_and_exponent(random, op.name)
    a, b = (number(random, *domain, LANDMARKS.get(op.name, [])) for domain in op.domain)
    kind = random.random()
    if kind < 0.5:
        return a, b
    if kind < 0.6:
        b = a
    elif kind < 0.8:
        b = near(random, a)
    else:
        b = random.uniform(0.5, 2.0) * a * 2.0 ** random.randint(-60, 60)
    b *= random.choice((1.0, -1.0))
    low, high = op.domain[1]
    b = b if low <= b <= high else abs(b)
    return a, b if math.isfinite(b) else a


def base_and_exponent(random: Random, name: str) -> tuple[float, float]:
    """A power that is a float: of a base of any size, or near 1; to an exponent that is a whole number, or is not."""
    kind = random.random()
    a = abs(size(random)) if kind < 0.4 else near(random, 1.0) if kind < 0.6 else random.uniform(0.0, 8.0)
    if a == 0.0 or a == 1.0:
        return 1.0, size(random)
    b = random.uniform(-1080.0, 1030.0) / math.log2(a)
    if random.random() < 0.4:
        b = float(round(b)) if random.random() < 0.5 else float(random.randint(-4, 8))
        if name == "pow" and random.random() < 0.5:
            a = -a  # a negative base has powers with whole exponents
    return a, b if math.isfinite(b) else 1.0


def sequence(random: Random, count: int) -> list[float]:
    """Operands of an operation on a sequence: moderate, of any size, of like size, or such that they cancel."""
    kind = random.random()
    if kind < 0.3:
        return [random.uniform(-8.0, 8.0) for _ in range(count)]
    if kind < 0.45:
        return [random.uniform(-800.0, 800.0) for _ in range(count)]
    if kind < 0.65:
        return [size(random) for _ in range(count)]
    exponent = random.randint(-1074, 1023) if kind < 0.95 else 1023
    xs = [size(random, max(exponent - 3, -1074), min(exponent + 3, 1023)) for _ in range(count)]
    if kind < 0.8:
        return xs
    if kind < 0.85:
        return [random.choice((x, 0.0, 1.0)) for x in xs]
    return [x if k % 2 == 0 else -clamp(near(random, xs[k - 1])) for k, x in enumerate(xs)]


def operands(op: Op, random: Random) -> tuple[Any, ...]:
    """A point of the domain: numbers, or lists of numbers. It may be a kink or a pole."""
    if isinstance(op, Nary):
        count = strategies.SIZES.get(op.name) or random.randint(1, 6)
        return tuple(sequence(random, count) for _ in range(op.groups))
    if op.arity == 2:
        return pair(random, op)
    if op.name in ANGLES and random.random() < 0.1:
        return (random.choice((1.0, -1.0)) * random.choice(next_to_multiples(random.randint(-30, 970))),)
    return (number(random, *op.domain[0], LANDMARKS.get(op.name, [])),)
