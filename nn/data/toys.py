"""Data sets made on the spot: shapes in the plane to classify, and a noisy line. Each is the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from nn.checks import affordable, finite, listed, seed_of, whole
from nn.data.dataset import Dataset


def moons(n_samples: int = 100, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles that reach into each other: no straight line separates them.

    Parameters
    ----------
    n_samples : int
        How many points, at least 2; half of them (rounded up) in the lower moon.
    noise : float
        Standard deviation of the normal noise on each coordinate; at least 0.
    seed : int
        Seed of the noise.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are too few points, or the noise is negative or not finite.

    Notes
    -----
    With t in equal steps from 0 to pi the upper moon is (cos t, sin t), the lower (1 - cos t, 1/2 - sin t).

    Examples
    --------
    >>> moons(4, noise=0.0).features[2]
    [0.0, 0.5]
    """
    n_samples = _count(n_samples, 2, "points")

    def point(k: int) -> tuple[list[float], int]:
        lower, k, of = _half(k, n_samples)
        t = math.pi * k / max(of - 1, 1)
        return ([1.0 - math.cos(t), 0.5 - math.sin(t)] if lower else [math.cos(t), math.sin(t)]), lower

    return _cloud(point, n_samples, noise, random.Random(seed_of(seed)), ("upper", "lower"))


def circles(n_samples: int = 100, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Dataset:
    """A circle of radius 1 around a smaller one.

    Parameters
    ----------
    n_samples : int
        How many points, at least 2; half of them (rounded up) on the inner circle.
    noise : float
        Standard deviation of the normal noise on each coordinate; at least 0.
    factor : float
        Radius of the inner circle, above 0 and below 1.
    seed : int
        Seed of the noise.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are too few points, the noise is negative or not finite, or the factor out of range.

    Examples
    --------
    >>> circles(4, noise=0.0).features[2], circles(4).class_names
    ([0.5, 0.0], ('outer', 'inner'))
    """
    n_samples = _count(n_samples, 2, "points")
    factor = finite(factor, "factor")
    if not 0.0 < factor < 1.0:
        raise ValueError(f"expected a factor between 0 and 1, got {factor}")

    def point(k: int) -> tuple[list[float], int]:
        inner, k, of = _half(k, n_samples)
        return _polar(factor if inner else 1.0, 2.0 * math.pi * k / of), inner

    return _cloud(point, n_samples, noise, random.Random(seed_of(seed)), ("outer", "inner"))


def spirals(n_samples: int = 100, noise: float = 0.02, turns: float = 1.0, arms: int = 2, seed: int = 0) -> Dataset:
    """Spirals that wind around each other, one a class: a hard problem for a small network.

    Parameters
    ----------
    n_samples : int
        How many points, at least one an arm; the arms take them in turn.
    noise : float
        Standard deviation of the normal noise on each coordinate; at least 0.
    turns : float
        How often each arm goes around; at least 0.
    arms : int
        How many spirals, at least 2.
    seed : int
        Seed of the noise.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are too few points or arms, or the noise or the turns are negative or not finite.

    Notes
    -----
    With t in equal steps up to 1, point t of arm k has the radius t and the angle 2 pi (turns t + k / arms).

    Examples
    --------
    >>> [round(x, 12) for x in spirals(8, noise=0.0, turns=0.5).features[6]]
    [-1.0, 0.0]
    """
    arms = _count(arms, 2, "arms")
    n_samples = _count(n_samples, arms, "points")
    turns = finite(turns, "turns", least=0.0)

    def point(k: int) -> tuple[list[float], int]:
        t = (k // arms + 1) / -(-n_samples // arms)
        return _polar(t, 2.0 * math.pi * (turns * t + k % arms / arms)), k % arms

    return _cloud(point, n_samples, noise, random.Random(seed_of(seed)), tuple(f"arm {k + 1}" for k in range(arms)))


def blobs(
    n_samples: int = 100, centers: int | Sequence[Sequence[float]] = 3, cluster_std: float = 1.0, seed: int = 0
) -> Dataset:
    """Round clouds of points, one a class.

    Parameters
    ----------
    n_samples : int
        How many points, at least one a cloud; the clouds take them in turn.
    centers : int or sequence of points
        The middle of each cloud, in any number of dimensions; or how many clouds, at least 2, whose middles
        are then drawn from the square from -10 to 10.
    cluster_std : float
        Standard deviation of the clouds along each axis; at least 0.
    seed : int
        Seed of the middles and of the points.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are too few points or centers, centers of different dimensions, or the standard deviation is
        negative or not finite.

    Examples
    --------
    >>> blobs(3, centers=[[0, 0], [5, 5]], cluster_std=0.0).features
    [[0.0, 0.0], [5.0, 5.0], [0.0, 0.0]]
    """
    rng = random.Random(seed_of(seed))
    if hasattr(centers, "__len__"):
        told = "each of centers is a point"
        middles = [
            [finite(x, "a coordinate of centers") for x in listed(center, told)] for center in listed(centers, told)
        ]
    else:
        middles = [[rng.uniform(-10.0, 10.0) for _ in range(2)] for _ in range(_count(centers, 2, "centers"))]
    if len(middles) < 2 or len(set(map(len, middles))) > 1:
        raise ValueError(f"expected two centers or more of the same dimension, got {centers!r:.60}")

    n_samples = _count(n_samples, len(middles), "points")

    def point(k: int) -> tuple[list[float], int]:
        return middles[k % len(middles)], k % len(middles)

    names = tuple(f"blob {k + 1}" for k in range(len(middles)))
    return _cloud(point, n_samples, cluster_std, rng, names, "cluster_std")


def xor(n_samples: int = 4, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Exclusive or: points at the corners of the unit square; true where exactly one coordinate is 1.

    Parameters
    ----------
    n_samples : int
        How many points, at least 4; the corners are taken in turn.
    noise : float
        Standard deviation of the normal noise on each coordinate; at least 0.
    seed : int
        Seed of the noise.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are too few points, or the noise is negative or not finite.

    Examples
    --------
    >>> data = xor()
    >>> data.features, data.targets
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    n_samples = _count(n_samples, 4, "points")

    def point(k: int) -> tuple[list[float], int]:
        a, b = k // 2 % 2, k % 2
        return [float(a), float(b)], a ^ b

    return _cloud(point, n_samples, noise, random.Random(seed_of(seed)), ("false", "true"))


def line(
    n_samples: int = 100, noise: float = 0.3, slope: float = 2.0, intercept: float = 1.0, seed: int = 0
) -> Dataset:
    """A regression: y = slope x + intercept with noise, x in equal steps from -1 to 1.

    Parameters
    ----------
    n_samples : int
        How many points, at least 2.
    noise : float
        Standard deviation of the normal noise on y; at least 0.
    slope, intercept : float
        Of the line.
    seed : int
        Seed of the noise.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are too few points, or the noise is negative or not finite.

    Examples
    --------
    >>> data = line(3, noise=0.0)
    >>> data.features, data.targets
    ([[-1.0], [0.0], [1.0]], [-1.0, 1.0, 3.0])
    """
    steps = _count(n_samples, 2, "points") - 1
    slope, intercept = finite(slope, "slope"), finite(intercept, "intercept")
    xs = [(2 * k - steps) / steps for k in range(steps + 1)]
    noises = _noises(noise, random.Random(seed_of(seed)))
    return Dataset([[x] for x in xs], [slope * x + intercept + noises() for x in xs], ("x",), None, "y")


def _cloud(
    point: Callable[[int], tuple[list[float], int]],
    n_samples: int,
    noise: float,
    rng: random.Random,
    class_names: tuple[str, ...],
    what: str = "noise",
) -> Dataset:
    """The points number 0 to n_samples - 1, and noise on every coordinate."""
    points = [point(k) for k in range(n_samples)]
    noises = _noises(noise, rng, what)
    features = [[x + noises() for x in row] for row, _ in points]
    return Dataset(features, [kind for _, kind in points], class_names=class_names, target_name="class")


def _noises(given: float, rng: random.Random, what: str = "noise") -> Callable[[], float]:
    noise = finite(given, what, least=0.0)
    return lambda: rng.gauss(0.0, noise) if noise else 0.0


def _count(n: int, least: int, what: str) -> int:
    """The number itself, if it is a whole one and large enough."""
    count = whole(n, f"the number of {what}", least=-math.inf)
    if count < least:
        raise ValueError(f"expected at least {least} {what}, got {count}")
    affordable(count, 200.0, f"{count:,} {what}")
    return count


def _half(k: int, n: int) -> tuple[int, int, int]:
    """In which half point k of n is, its number there, and how many are there: the first half is rounded down."""
    return (0, k, n // 2) if k < n // 2 else (1, k - n // 2, n - n // 2)


def _polar(radius: float, angle: float) -> list[float]:
    return [radius * math.cos(angle), radius * math.sin(angle)]
