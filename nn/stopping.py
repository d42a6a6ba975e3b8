"""Stopping rules for `nn.minimize`: small objects that say when a descent is done, alone or joined by ``|``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nn.checks import finite, whole
from nn.minimum import Minimum

__all__ = ["AnyOf", "GradientNorm", "Rule", "StepSize", "Steps", "ValueChange", "rules"]


class Rule:
    """Base class of the rules: `met` says whether it is time to stop, ``str(rule)`` why."""

    def met(self, run: Minimum) -> bool:
        """Whether it is time to stop.

        Parameters
        ----------
        run : Minimum
            All that has happened so far; asked before the first step and after each.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method met(self, run)")

    def __or__(self, other: Any) -> AnyOf:
        return AnyOf((*rules(self), *rules(other)))


@dataclass(frozen=True)
class _Tolerance(Rule):
    """A rule with a tolerance.

    Parameters
    ----------
    tolerance : float
        Stop at this or less: at least 0.

    Raises
    ------
    TypeError, ValueError
        If it is no such number.
    """

    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", finite(self.tolerance, "a tolerance", least=0.0))


class GradientNorm(_Tolerance):
    """Stop where the gradient is short: ``||grad f(x)|| <= tolerance``, in the Euclidean norm.

    The one rule that is about the place and not about the way: a small rate cannot deceive it.

    Examples
    --------
    >>> from nn import minimize
    >>> minimize(lambda w: (w - 6) ** 2, 23.0, lr=0.1, stop=GradientNorm(1e-6)).steps
    78
    """

    def met(self, run: Minimum) -> bool:
        """See `Rule.met`."""
        return run.gradient_norms[-1] <= self.tolerance

    def __str__(self) -> str:
        return f"gradient norm at most {self.tolerance:g}"


class StepSize(_Tolerance):
    """Stop after a short step: ``||x_new - x_old|| <= tolerance``.

    A step is short where the gradient is, but also where the learning rate is small.

    Examples
    --------
    >>> from nn import minimize
    >>> minimize(lambda w: (w - 6) ** 2, 23.0, lr=0.1, stop=StepSize(1e-6)).steps
    69
    """

    def met(self, run: Minimum) -> bool:
        """See `Rule.met`."""
        return run.steps > 0 and math.dist(run.points[-1], run.points[-2]) <= self.tolerance

    def __str__(self) -> str:
        return f"step size at most {self.tolerance:g}"


class ValueChange(_Tolerance):
    """Stop after a step that changed the function little: ``|f(x_new) - f(x_old)| <= tolerance``.

    Near a minimum the function is flat, so this rule stops first, and farthest away.

    Examples
    --------
    >>> from nn import minimize
    >>> minimize(lambda w: (w - 6) ** 2, 23.0, lr=0.1, stop=ValueChange(1e-6)).steps
    43
    """

    def met(self, run: Minimum) -> bool:
        """See `Rule.met`."""
        return run.steps > 0 and abs(run.values[-1] - run.values[-2]) <= self.tolerance

    def __str__(self) -> str:
        return f"change of the function at most {self.tolerance:g}"


@dataclass(frozen=True)
class Steps(Rule):
    """Stop after so many steps.

    Parameters
    ----------
    steps : int
        At least 0.

    Raises
    ------
    TypeError, ValueError
        If it is no such number.
    """

    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", whole(self.steps, "the number of steps"))

    def met(self, run: Minimum) -> bool:
        """See `Rule.met`."""
        return run.steps >= self.steps

    def __str__(self) -> str:
        return f"{self.steps} steps"


@dataclass(frozen=True)
class Custom(Rule):
    """A function of the run as a rule.

    Parameters
    ----------
    function : callable
        Takes the `Minimum` so far, returns whether it is time to stop.
    """

    function: Callable[[Minimum], bool]

    def met(self, run: Minimum) -> bool:
        """See `Rule.met`."""
        return bool(self.function(run))

    def __str__(self) -> str:
        return f"rule {getattr(self.function, '__name__', self.function)!s:.60}"


@dataclass(frozen=True)
class AnyOf(Rule):
    """Stop as soon as one of several rules says so; what ``|`` makes.

    Parameters
    ----------
    rules : tuple of Rule
        The first that is met is the one that is told.
    """

    rules: tuple[Rule, ...]

    def met(self, run: Minimum) -> bool:
        """See `Rule.met`."""
        return any(rule.met(run) for rule in self.rules)

    def __str__(self) -> str:
        return " or ".join(map(str, self.rules))


def rules(stop: Any) -> tuple[Rule, ...]:
    """The single rules that `nn.minimize` is given as ``stop``.

    Parameters
    ----------
    stop : Rule, callable, iterable of these, or None
        A function of the `Minimum` so far is a rule, too; None is no rule.

    Returns
    -------
    tuple of Rule
        In order.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> rules(GradientNorm(1e-3) | Steps(5))
    (GradientNorm(tolerance=0.001), Steps(steps=5))
    """
    if stop is None:
        return ()
    if isinstance(stop, AnyOf):
        return stop.rules
    if isinstance(stop, Rule):
        return (stop,)
    if isinstance(stop, Iterable) and not isinstance(stop, (str, bytes)) and not hasattr(stop, "shape"):
        return tuple(rule for one in stop for rule in rules(one))
    if callable(stop) and not isinstance(stop, type):
        return (Custom(stop),)
    raise TypeError(
        f"stop is a rule such as GradientNorm(1e-6), several joined by |, a list of them, or None, got {stop!r:.60}"
    )
