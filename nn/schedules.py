"""Schedules: how the learning rate changes from step to step.

A schedule is any function from the number of the step (0, 1, 2, ... over the whole training, not from epoch to
epoch) to the learning rate of that step. With k the step:

=========== ===================================================================== ==================================
constant    lr
step        lr gamma^floor(k / size)                                              PyTorch's ``StepLR``
exponential lr gamma^k                                                            ``ExponentialLR``
cosine      lr_min + (lr - lr_min) (1 + cos(pi k / steps)) / 2                    ``CosineAnnealingLR``
inverse     lr / (1 + decay k)                                                    ``LambdaLR``
warmup      linear from start times its first rate up to it, then any of these    ``LinearLR``, ``SequentialLR``
=========== ===================================================================== ==================================

>>> rate = warmup(cosine(0.1, steps=100), steps=10, start=0.1)
>>> rate
warmup(schedule=cosine(lr=0.1, steps=100, lr_min=0.0), steps=10, start=0.1)
>>> [round(rate(k), 4) for k in (0, 5, 10, 60, 110)]
[0.01, 0.055, 0.1, 0.05, 0.0]

References
----------
H. Robbins and S. Monro, *A stochastic approximation method*, 1951 (rates like 1/k: their sum diverges, that of their
squares converges).
I. Loshchilov and F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, 2017, arXiv:1608.03983 (cosine).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autodiff.numerics import power
from nn.checks import expect, finite, known, whole

__all__ = ["SCHEDULES", "Schedule", "constant", "cosine", "exponential", "inverse", "named", "step", "warmup"]

Schedule = Callable[[int], float]
"""The learning rate of each step; steps count from 0."""


def _take(schedule: Any, name: str, check: Callable[..., float], *told: Any, **bounds: float) -> None:
    """Check a number of a schedule, and keep it as Python's own: NumPy's floats may be of single precision."""
    object.__setattr__(schedule, name, check(getattr(schedule, name), *told, **bounds))


@dataclass(frozen=True)
class _Rated:
    """A schedule with a rate to begin with."""

    lr: float

    def __post_init__(self) -> None:
        _take(self, "lr", finite, "a learning rate", least=0.0)


class constant(_Rated):
    """The same learning rate at every step.

    Parameters
    ----------
    lr : float
        The learning rate: at least 0.

    Raises
    ------
    TypeError, ValueError
        If it is no such number.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """

    def __call__(self, k: int) -> float:
        """The learning rate of step k."""
        return self.lr


@dataclass(frozen=True)
class step(_Rated):
    """The learning rate falls by a factor at every so many steps.

    Parameters
    ----------
    lr : float
        That of the first steps: at least 0.
    size : int
        After how many steps it falls: at least 1.
    gamma : float
        The factor: above 0.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Examples
    --------
    >>> rate = step(0.5, size=30, gamma=0.5)
    >>> rate(29), rate(30), rate(60)
    (0.5, 0.25, 0.125)
    """

    size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _take(self, "size", whole, "the size of a schedule's step", least=1)
        _take(self, "gamma", finite, "gamma", above=0.0)

    def __call__(self, k: int) -> float:
        """The learning rate of step k."""
        return self.lr * power(self.gamma, k // self.size)


@dataclass(frozen=True)
class exponential(_Rated):
    """The learning rate falls by a factor at every step.

    Parameters
    ----------
    lr : float
        That of the first step: at least 0.
    gamma : float
        The factor: above 0.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Examples
    --------
    >>> rate = exponential(0.5, gamma=0.5)
    >>> rate(0), rate(1), rate(2)
    (0.5, 0.25, 0.125)
    """

    gamma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _take(self, "gamma", finite, "gamma", above=0.0)

    def __call__(self, k: int) -> float:
        """The learning rate of step k."""
        return self.lr * power(self.gamma, k)


@dataclass(frozen=True)
class cosine(_Rated):
    """The learning rate falls along half a wave of the cosine: slowly, fast, slowly.

    Parameters
    ----------
    lr : float
        That of the first step: at least 0.
    steps : int
        At which step it arrives: at least 1.
    lr_min : float
        Where it arrives: at least 0.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Notes
    -----
    After `steps` steps the wave goes on, and the rate rises again, as PyTorch's does.

    Examples
    --------
    >>> rate = cosine(0.5, steps=10)
    >>> [round(rate(k), 4) for k in (0, 5, 10, 20)]
    [0.5, 0.25, 0.0, 0.5]
    """

    steps: int
    lr_min: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _take(self, "steps", whole, "the number of steps", least=1)
        _take(self, "lr_min", finite, "the smallest learning rate", least=0.0)

    def __call__(self, k: int) -> float:
        """The learning rate of step k."""
        # cos(x / 2)^2 in place of (1 + cos(x)) / 2, which loses all digits towards the end
        return self.lr_min + (self.lr - self.lr_min) * math.cos(math.pi * k / (2 * self.steps)) ** 2


@dataclass(frozen=True)
class inverse(_Rated):
    """The 1/t rule: the learning rate falls like one over the number of steps.

    Parameters
    ----------
    lr : float
        That of the first step: at least 0.
    decay : float
        How fast it falls: after ``1 / decay`` steps it is half as large. At least 0.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Examples
    --------
    >>> rate = inverse(0.5, decay=0.1)
    >>> rate(0), rate(10), rate(40)
    (0.5, 0.25, 0.1)
    """

    decay: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _take(self, "decay", finite, "the decay", least=0.0)

    def __call__(self, k: int) -> float:
        """The learning rate of step k."""
        return self.lr / (1.0 + self.decay * k)


@dataclass(frozen=True)
class warmup:
    """A schedule that begins with a linear rise.

    Parameters
    ----------
    schedule : callable
        What comes after the rise, from its own step 0 on.
    steps : int
        How long the rise is: at least 1.
    start : float
        With which part of the schedule's first rate the rise begins: from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If the schedule cannot be called, or a number is out of its range.

    Examples
    --------
    >>> rate = warmup(constant(0.5), steps=4, start=0.0)
    >>> [rate(k) for k in range(6)]
    [0.0, 0.125, 0.25, 0.375, 0.5, 0.5]
    """

    schedule: Schedule
    steps: int
    start: float = 1 / 3

    def __post_init__(self) -> None:
        expect(callable(self.schedule), "a schedule is a function from step to learning rate", self.schedule)
        _take(self, "steps", whole, "the number of steps", least=1)
        _take(self, "start", finite, "the start", least=0.0, most=1.0)

    def __call__(self, k: int) -> float:
        """The learning rate of step k."""
        if k >= self.steps:
            return self.schedule(k - self.steps)
        return self.schedule(0) * (self.start + (1.0 - self.start) * k / self.steps)


SCHEDULES: dict[str, Callable[[float, int], Schedule]] = {
    "constant": lambda lr, steps: constant(lr),
    "step": lambda lr, steps: step(lr, size=max(1, math.ceil(steps / 3))),
    "exponential": lambda lr, steps: exponential(lr, gamma=0.01 ** (1.0 / steps)),
    "cosine": cosine,
    "inverse": lambda lr, steps: inverse(lr, decay=9.0 / steps),
}
"""Schedules by name, made for a learning rate and a number of steps."""


def named(name: str, lr: float, steps: int) -> Schedule:
    """Make a schedule of a name, such as one on the command line, that fits the length of a training.

    Parameters
    ----------
    name : str
        One of `SCHEDULES`: "constant"; "step", tenfold down after each third; "exponential", down to a hundredth;
        "cosine", down to 0; "inverse", down to a tenth.
    lr : float
        The learning rate of the first step.
    steps : int
        The number of steps of the whole training: at least 1.

    Returns
    -------
    callable
        The schedule.

    Raises
    ------
    ValueError
        If the name is unknown (the message lists the known ones), or a number is out of its range.
    TypeError
        If a number is none.

    Examples
    --------
    >>> named("step", 0.1, 300)
    step(lr=0.1, size=100, gamma=0.1)
    """
    return known(name, SCHEDULES, "schedule")(lr, whole(steps, "the number of steps", least=1))
