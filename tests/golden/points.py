"""The points at which operations are compared with JAX and PyTorch: 1000 each, the same on every run and machine.

Drawn from `random.Random` seeded with the name of the operation, by its `random` alone, whose numbers Python promises
to keep. The recording holds a checksum of them.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from itertools import product
from random import Random

COUNT = 1000
BINARY = ("add", "sub", "mul", "div", "pow", "minimum", "maximum", "atan2", "hypot", "logaddexp", "leaky_relu", "elu")
SEQUENCES = ("sum", "mean", "dot", "logsumexp", "prod", "softmax", "log_softmax")
TRIPLES = ("clip", "where")
DOMAINS = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt"), (0.0, math.inf)),
    **dict.fromkeys(("asin", "acos", "atanh"), (-1.0, 1.0)),
    "log1p": (-1.0, math.inf),
    "acosh": (1.0, math.inf),
}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0, math.inf, -math.inf, math.nan, 1e-300, -1e300]
FURTHER = [
    *(-3.0, 8.0, -8.0, 10.0, -40.0, 40.0, 1e-8, -1e-8, 1e8, 5e-324, -5e-324, 2.0**-1022, -(2.0**-1022)),
    *(1.7976931348623157e308, -1.7976931348623157e308, 709.0, 710.0, -709.0, -745.0, -746.0, 1023.0, 1024.0),
    *(0.9999999999999999, 1.0000000000000002, -0.9999999999999999, -1.0000000000000002, 20.0, 20.5, 1e17, 1e154, 1e160),
]
Point = tuple[float, ...]


def points(name: str) -> list[Point]:
    """All points of an operation, each flat: the operands of a sequence one after the other."""
    rng = Random(name)
    if name in SEQUENCES:
        draw = [_sequence(rng, name) for _ in range(COUNT)]
    elif name in TRIPLES:
        draw = [_triple(rng, name) for _ in range(COUNT)]
    elif name in BINARY:
        draw = [*product(SPECIAL, repeat=2)]
        draw += [_pair(rng, k) for k in range(COUNT - len(draw))]
    else:
        low, high = DOMAINS.get(name, (-math.inf, math.inf))
        draw = [(x,) for x in [*SPECIAL, *FURTHER]]
        draw += [(_within(rng, low, high),) for _ in range(COUNT - len(draw))]
    return draw


def checksum(name: str) -> int:
    """CRC-32 of the bytes of all points."""
    return zlib.crc32(b"".join(struct.pack(f"<{len(p)}d", *p) for p in points(name)))


def _uniform(rng: Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def _below(rng: Random, n: int) -> int:
    return int(n * rng.random())


def _scaled(rng: Random, low: int, high: int) -> float:
    """A float of either sign whose binary exponent is uniform between two integers."""
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return sign * math.ldexp(1.0 + rng.random(), low + _below(rng, high - low + 1))


def _number(rng: Random) -> float:
    """A float of ordinary size, or of any size from subnormal to huge."""
    kind = rng.random()
    if kind < 0.5:
        return _uniform(rng, -8.0, 8.0)
    return _scaled(rng, -20, 10) if kind < 0.75 else _scaled(rng, -1074, 1023)


def _within(rng: Random, low: float, high: float) -> float:
    """Numbers of a domain: of ordinary size, of any size, next to a finite bound; one in fifty off the domain."""
    if rng.random() < 0.02:
        return _number(rng)
    if math.isinf(low):
        return _number(rng)
    if rng.random() < 0.3:  # next to a bound
        bound = high if high < math.inf and rng.random() < 0.5 else low
        x = bound + math.copysign(abs(_scaled(rng, -53, -1)), 0.5 - (bound == high))
    elif high == math.inf:
        x = low + abs(_number(rng))
    else:
        x = _uniform(rng, low, high) if rng.random() < 0.5 else _scaled(rng, -1074, -1)
    return min(max(x, low), high)


def _pair(rng: Random, k: int) -> Point:
    """Two numbers; every tenth pair is a tie, every tenth a near one; in powers the base is seldom negative."""
    a = _number(rng)
    if k % 10 == 0:
        return a, a
    if k % 10 == 1:
        return a, a * (1.0 + _scaled(rng, -52, -10))
    if k % 10 < 6:
        return abs(a), _number(rng)
    return a, _number(rng)


def _sequence(rng: Random, name: str) -> Point:
    """One to five operands (twice as many for `dot`), a special one among them now and then, and ties."""
    size = (1 + _below(rng, 5)) * (2 if name == "dot" else 1)
    draw: Callable[[], float] = (lambda: _number(rng)) if rng.random() < 0.4 else (lambda: _uniform(rng, -8.0, 8.0))
    xs = [draw() for _ in range(size)]
    if rng.random() < 0.15:
        xs[_below(rng, size)] = SPECIAL[_below(rng, len(SPECIAL))]
    if rng.random() < 0.1:
        xs[_below(rng, size)] = xs[_below(rng, size)]
    return tuple(xs)


def _triple(rng: Random, name: str) -> Point:
    """A number and two bounds, mostly in order and at times met exactly; or a condition and two branches."""
    xs = [_number(rng) for _ in range(3)]
    if rng.random() < 0.2:
        xs[_below(rng, 3)] = SPECIAL[_below(rng, len(SPECIAL))]
    if name == "where":
        return ([0.0, -0.0, 1.0, xs[0]][_below(rng, 4)], *xs[1:])
    if rng.random() < 0.9:
        xs[1:] = sorted(xs[1:])
    if rng.random() < 0.1:
        xs[0] = xs[1 + _below(rng, 2)]
    return tuple(xs)
