"""What a learning curve says about a training, in words, and what to do about it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, Protocol, runtime_checkable

from nn.checks import expect

Kind = Literal["diverging", "underfitting", "overfitting", "converged", "still improving"]
Finding = tuple[Kind, str, str]
"""What was found: in a word, as text, and what to do about it."""

STEADY = 0.5
"""Kendall's tau of losses and epochs from which on the losses are said to rise, or, negative, to fall."""

TAIL = 0.25
"""The share of the epochs, the last ones, that is looked at for that; 3 steps at least, 50 at most."""

WORSE = 0.05
"""How far above its lowest a validation loss has to end, at the least, to be called worse if it rises not steadily."""

MOVING = 0.01
"""The share of its whole fall that a loss has to fall in the tail to be called improving."""

POOR = {"accuracy": 0.8, "r2": 0.5}
"""The training score under which a model that learns no more is said to underfit."""


@runtime_checkable
class Judged(Protocol):
    """What is looked at of an `nn.history.History`."""

    metric: str
    validated: bool
    stopped: str

    def column(self, name: str) -> list[float]:
        """One quantity over all epochs."""

    def judged(self) -> list[float]:
        """The losses by which the best epoch is chosen."""


@dataclass(frozen=True)
class Diagnosis:
    """What a learning curve says.

    Parameters
    ----------
    kind : {"diverging", "underfitting", "overfitting", "converged", "still improving"}
        In a word.
    best_epoch : int
        The epoch with the lowest loss (of the validation part if there is one).
    text : str
        What was seen.
    remedy : str
        What to do.
    """

    kind: Kind
    best_epoch: int
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}; {self.remedy}"


def diagnose(history: Judged) -> Diagnosis:
    """Judge a training by its losses.

    Parameters
    ----------
    history : History
        What `nn.fit` returned, with one epoch of training at least.

    Returns
    -------
    Diagnosis
        Kind, best epoch, and a sentence each on what was seen and what to do.

    Raises
    ------
    ValueError
        If nothing was trained.
    TypeError
        If it is no History.

    Notes
    -----
    The first of these that holds:

    * diverging: a loss was not finite, or the training loss ends above its start or has lost more than half of what it
      had fallen, or it rises steadily by more than 1 % of that;
    * overfitting: the validation loss rises steadily, or ends above its lowest value by more than 5 % of that, 1 % of
      its whole fall, and twice its mean change from epoch to epoch;
    * still improving: the loss (validation, if there is one) falls steadily, by more than 1 % of its whole fall;
    * underfitting: it does not, and the training score is poor (accuracy under 0.8, R^2 under 0.5; for another metric:
      the training loss has fallen by less than half);
    * converged.

    "Steadily" is said of the last quarter of the epochs, when Kendall's rank correlation of loss and epoch there
    exceeds 0.5 in size: it is 1 for anything monotone, however slow. So a validation loss that rises is never called
    converged. The end of a curve is the lowest of its last three values, so that a single bad epoch does not count.

    Examples
    --------
    >>> from nn.history import Epoch, History
    >>> falls = [1.0, 0.5, 0.3, 0.2, 0.15, 0.12, 0.1, 0.09]
    >>> valley = [1.1, 0.7, 0.5, 0.45, 0.5, 0.55, 0.6, 0.65]
    >>> diagnosis = diagnose(History("accuracy", True, [Epoch(a, 0.9, b, 0.8, 0.1) for a, b in zip(falls, valley)]))
    >>> diagnosis.kind, diagnosis.best_epoch
    ('overfitting', 3)
    """
    expect(isinstance(history, Judged), "expected the History that nn.fit returns", history)
    training, judged = history.column("training_loss"), history.judged()
    if len(training) < 2 and history.stopped != "diverged":
        raise ValueError("there is nothing to judge: the history has no epoch of training")
    best = min(range(len(judged)), key=judged.__getitem__, default=0)
    kind, text, remedy = (
        _diverging(history, training, judged)
        or (_overfitting(judged, best) if history.validated else None)
        or _still_improving(history, judged, best)
        or _underfitting(history, training, best)
        or _converged(history, training, judged)
    )
    return Diagnosis(kind, best, text, remedy)


def _diverging(history: Judged, training: Sequence[float], judged: Sequence[float]) -> Finding | None:
    remedy = "use a smaller learning rate, clip the gradients, or standardise the features"
    if history.stopped == "diverged" or not all(map(math.isfinite, (*training, *judged))):
        text = f"a loss, a gradient or a weight was no longer finite after epoch {max(len(training) - 1, 0)}"
        return "diverging", text, remedy
    lowest = min(training)
    fall, end = training[0] - lowest, _end(training)
    slack = 1e-9 * abs(training[0])  # rounding is no divergence
    if end > training[0] + slack:
        text = f"the training loss ends at {end:.4g}, above its start, {training[0]:.4g}"
    elif end - lowest > 0.5 * fall + slack:
        text = f"the training loss is back at {end:.4g}, having been at {lowest:.4g}"
    elif _trend(training) > STEADY and _change(training) > MOVING * fall + slack:
        text = f"the training loss rises again, to {end:.4g} from {lowest:.4g}"
    else:
        return None
    return "diverging", text, remedy


def _overfitting(validation: Sequence[float], best: int) -> Finding | None:
    lowest, end, tail = validation[best], _end(validation), _tail(validation)
    noise = fmean([abs(b - a) for a, b in itertools.pairwise(tail)])
    slack = max(WORSE * abs(lowest), MOVING * (validation[0] - lowest), 2.0 * noise)
    rising = _trend(validation) > STEADY and _change(validation) > 1e-9 * abs(lowest)
    if not rising and not end > lowest + slack:
        return None
    text = f"the validation loss was lowest, {lowest:.4g}, at epoch {best} and has risen to {validation[-1]:.4g}"
    remedy = "stop there (patience), use more data, a smaller network, or regularisation (l1, l2, dropout)"
    return "overfitting", text, remedy


def _still_improving(history: Judged, judged: Sequence[float], best: int) -> Finding | None:
    fall, change = judged[0] - judged[best], _change(judged)
    if not (fall > 0.0 and _trend(judged) < -STEADY and change < -MOVING * fall):
        return None
    part = "validation" if history.validated else "training"
    text = f"the {part} loss was falling to the end, lately by {-change / fall:.0%} of its whole fall"
    return "still improving", text, "train for more epochs, or with a larger learning rate"


def _underfitting(history: Judged, training: Sequence[float], best: int) -> Finding | None:
    score = history.column("training_score")[-1]
    if history.metric in POOR:
        poor = not score >= POOR[history.metric]
        seen = f"the training {history.metric} is {score:.4g}"
    else:
        poor = not training[best] <= 0.5 * training[0]
        seen = f"the training loss is {training[best]:.4g}, from {training[0]:.4g}"
    remedy = "use a larger network, another learning rate or initialisation, or less regularisation"
    return ("underfitting", f"learning has come to a halt, and {seen}", remedy) if poor else None


def _converged(history: Judged, training: Sequence[float], judged: Sequence[float]) -> Finding:
    part = "validation" if history.validated else "training"
    end, here = _end(judged), _end(training)  # the same where nothing was set aside
    text, remedy = f"the {part} loss has settled at {end:.4g}", "nothing is needed"
    if end > 2.0 * here > 0.0:
        text += f", {end / here:.2g} times the training loss"
        remedy = "more data or regularisation might close the gap"
    return "converged", text, remedy


# -- Curves --------------------------------------------------------------------------------------------------------


def _end(losses: Sequence[float]) -> float:
    return min(losses[-min(3, len(losses) - 1) :])


def _tail(losses: Sequence[float]) -> Sequence[float]:
    steps = min(max(math.ceil(TAIL * (len(losses) - 1)), 3), 50)
    return losses[-steps - 1 :]


def _trend(losses: Sequence[float]) -> float:
    """Kendall's tau of the tail: 1 if it rises all the time, -1 if it falls all the time."""
    tail = _tail(losses)
    pairs = [(a, b) for k, a in enumerate(tail) for b in tail[k + 1 :]]
    return fmean([(b > a) - (b < a) for a, b in pairs])


def _change(losses: Sequence[float]) -> float:
    """By how much the tail rises, from its first to its last value."""
    tail = _tail(losses)
    return tail[-1] - tail[0]
