"""What a learning curve says about a training, in words, and what to do about it.

A curve is a trend and noise on it, so that a single epoch says little. A *level* is the median over some epochs, which
a bad one does not move; two levels differ if they are several standard errors apart. A *trend* is what the Mann-Kendall
test finds: it counts the pairs of epochs of which the later has the greater loss, and those of which the earlier.
Noise may last from epoch to epoch; a level is then less certain than its epochs look, and pairs of epochs say less.

References
----------
H. B. Mann, *Nonparametric tests against trend*, 1945; M. G. Kendall, *Rank correlation methods*, 1948.
T. Gasser, L. Sroka, C. Jennen-Steinmetz, *Residual variance and residual pattern in nonlinear regression*, 1986: noise,
by how far each value is from the mean of its neighbours.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Literal, Protocol, runtime_checkable

from nn.checks import expect

Kind = Literal["diverging", "underfitting", "overfitting", "converged", "still improving", "cannot tell"]
Finding = tuple[Kind, str, str]
"""What was found: in a word, as text, and what to do about it."""

FEW = 5
"""How many losses it takes to tell a trend from noise: so many fall all the time by chance once in 120."""

LIKELY, LIKELIER, SURE = 1.65, 2.0, 3.3
"""What a trend exceeds by chance once in 20, in 44 and in 2,000."""

LONG = 16
"""How many losses it takes to tell whether noise lasts from epoch to epoch."""

CLEAR = 3.0
"""How many standard errors the end of a curve has to be above its lowest level, which is chosen as the lowest."""

WORSE = 0.05
"""How far above its lowest level, as a share of it, a validation loss has to end to be called worse."""

MOVING = 0.01
"""The share of its whole fall that a loss has to rise by, at the least; to be called falling it is twice that."""

LARGE = 0.2
"""The share of the height of a curve from which on a rise is large."""

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
    kind : {"diverging", "underfitting", "overfitting", "converged", "still improving", "cannot tell"}
        In a word; the last if there are too few epochs.
    best_epoch : int
        The epoch with the lowest loss (of the validation part if there is one).
    text : str
        What was seen, and in which epochs.
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

    * diverging: a loss was not finite; or the training loss ends above its start, by more than three standard errors of
      a loss or at more than twice as much; or it has lost more than half of what it had fallen; or it rises to the end,
      by more than 1 % of that;
    * cannot tell: there are fewer than four epochs of training, in which the loss has not just fallen;
    * overfitting: the validation loss rises to the end, by however little, or it ends above its lowest level, by more
      than 5 % of that and 1 % of its whole fall;
    * still improving: the loss (validation, if there is one) falls all through the last half of the epochs, in the last
      quarter by more than 2 % of its whole fall;
    * underfitting: it does not, and the training score is poor at the best epoch and at the last (accuracy under 0.8,
      R^2 under 0.5; for another metric: the training loss has fallen by less than half);
    * converged.

    The end of a curve is the median of its last quarter, or of its last three losses; its lowest level is the lowest
    median over an eighth of the epochs before that. The end counts as above it if that is by 3 standard errors, or if
    there is a trend upwards after the best epoch. Trends are those of the Mann-Kendall test: in the last half at 5 %,
    where the loss has to end below its lowest level as well; after the best epoch at 5 % if the rise is a fifth of the
    height of the curve, else at 0.05 %; for "rises to the end", in the last quarter or the last 9 losses, at 0.05 %.
    Where the noise lasts from epoch to epoch, standard errors are the greater for it, and a trend counts less, unless
    the levels of its halves differ as clearly, or nearly all pairs of epochs agree.

    In the text "about" tells a median over the epochs that are named; a loss "at epoch k" is that of the history.

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
    training, judged = Curve(history.column("training_loss")), Curve(history.judged())
    if training.last < 1 and history.stopped != "diverged":
        raise ValueError("there is nothing to judge: the history has no epoch of training")
    part = "validation" if history.validated else "training"
    kind, text, remedy = (
        _diverging(history, training, judged)
        or _too_few(judged)
        or (_overfitting(judged) if history.validated else None)
        or _still_improving(judged, part)
        or _underfitting(history, training, judged, part)
        or _converged(training, judged, part)
    )
    return Diagnosis(kind, judged.best, text, remedy)


def _diverging(history: Judged, training: Curve, judged: Curve) -> Finding | None:
    remedy = "use a smaller learning rate, clip the gradients, or standardise the features"
    if history.stopped == "diverged" or not all(map(math.isfinite, (*training.losses, *judged.losses))):
        both = zip(training.losses, judged.losses)
        first = next((k for k, losses in enumerate(both) if not all(map(math.isfinite, losses))), len(training.losses))
        text = f"a loss, a gradient or a weight was no longer finite after epoch {max(first - 1, 0)}"
        return "diverging", text, remedy
    start, end, fall = training.losses[0], training.end, training.fall
    slack = 1e-9 * abs(start)  # rounding is no divergence
    if end > start + CLEAR * training.error(1) + slack or end > 2.0 * start > 0.0:
        text = f"the training loss was {training.at(0)}, and is {training.about(training.quarter)}"
    elif (high := training.risen(0.5 * fall + slack)) is not None:
        text = f"the training loss was {training.about(*training.lowest)}, and is {training.about(high)}"
    elif training.trend(training.tail) > SURE and training.change(training.tail) > MOVING * fall + slack:
        text = f"the training loss {training.rising()}"
    else:
        return None
    return "diverging", text, remedy


def _too_few(judged: Curve) -> Finding | None:
    if len(judged.losses) >= FEW or judged.falls:
        return None
    epochs = "1 epoch" if judged.last == 1 else f"{judged.last} epochs"
    text = f"in {epochs}, too few to tell a trend from noise, the loss was lowest, {judged.at(judged.best)}"
    return "cannot tell", text, "train for more epochs"


def _overfitting(judged: Curve) -> Finding | None:
    if judged.best == judged.last:
        return None
    high = judged.risen(max(WORSE * abs(judged.level(*judged.lowest)), MOVING * judged.fall))
    if high is not None:
        text = f"was {judged.about(*judged.lowest)}, and is {judged.about(high)}"
    elif judged.trend(judged.tail) > SURE:
        text = judged.rising()
    else:
        return None
    remedy = "stop there (patience), use more data, a smaller network, or regularisation (l1, l2, dropout)"
    return "overfitting", f"the validation loss {text}; it was lowest, {judged.at(judged.best)}", remedy


def _still_improving(judged: Curve, part: str) -> Finding | None:
    if len(judged.losses) < FEW:
        text = f"{judged.at(0)}, {judged.at(judged.last)}"
    else:
        before = max(2 * judged.quarter - len(judged.losses), 0), judged.quarter
        falling = judged.level(*before) - judged.end > 2.0 * MOVING * judged.fall > 0.0
        if not (falling and judged.trend(judged.half) < -LIKELIER and judged.end < judged.level(*judged.lowest)):
            return None
        text = f"{judged.about(*before)}, {judged.about(judged.quarter)}"
    remedy = "train for more epochs, or with a larger learning rate"
    return "still improving", f"the {part} loss was falling to the end: {text}", remedy


def _underfitting(history: Judged, training: Curve, judged: Curve, part: str) -> Finding | None:
    scores = history.column("training_score")
    best, last = scores[judged.best], scores[judged.last]
    if history.metric in POOR and not math.isnan(best + last):
        poor = not max(best, last) >= POOR[history.metric]
        seen = (
            f"the training {history.metric} is {best:.4g} at the best epoch, {judged.best}, and {last:.4g} at the last"
        )
    else:
        poor = not training.end <= 0.5 * training.losses[0]
        seen = f"the training loss is {training.about(training.quarter)}, and was {training.at(0)}"
    text = f"learning has come to a halt, the {part} loss being {judged.about(judged.quarter)}, and {seen}"
    remedy = "use a larger network, another learning rate or initialisation, or less regularisation"
    return ("underfitting", text, remedy) if poor else None


def _converged(training: Curve, judged: Curve, part: str) -> Finding:
    text = f"the {part} loss has settled: it is {judged.about(judged.quarter)}"
    remedy = "nothing is needed"
    if judged.end > 2.0 * training.end > 0.0:
        text += f", {judged.end / training.end:.2g} times the training loss"
        remedy = "more data or regularisation might close the gap"
    text += f"; it was lowest, {judged.at(judged.best)}"
    least = max(WORSE * abs(judged.end), LARGE * judged.fall, CLEAR * judged.error(1))
    if judged.losses[-1] - judged.end > least:
        text += f", and far above that level at the end: {judged.at(judged.last)}"
        remedy = "keep the weights of the best epoch, or train on, to see whether the loss stays up"
    return "converged", text, remedy


def scatter(numbers: Sequence[float], apart: int = 1) -> float:
    """The standard deviation of numbers about their trend, by how far each is from the mean of its neighbours.

    Of normal noise that distance has the deviation sqrt(1.5), and the median of its size is 0.6745 times that.
    """
    distances = [abs(b - 0.5 * (a + c)) for a, b, c in zip(numbers, numbers[apart:], numbers[2 * apart :])]
    return median(distances) / (0.6745 * math.sqrt(1.5))


class Curve:
    """The losses of all epochs, and what is asked of them; stretches of epochs are told by their first and their end.

    Parameters
    ----------
    losses : sequence of float
        One an epoch; finite, but for what is asked of `best` and `last`.
    """

    def __init__(self, losses: Sequence[float]) -> None:
        count = len(losses)
        self.losses, self.last = losses, count - 1
        self.best = min(range(count), key=losses.__getitem__, default=0)
        self.steep = max(min(count // 4, count - FEW), 0)  # so many fall by more than they scatter
        self.half = max(count - max(FEW, math.ceil(count / 2)), 0)
        self.quarter = max(count - max(3, math.ceil(count / 4)), 0)
        self.tail = max(count - max(9, math.ceil(count / 4)), 0)  # 9: fewer cannot rise beyond doubt

    # -- Levels

    def level(self, first: int, end: int | None = None) -> float:
        """The median of some epochs."""
        return median(self.losses[first:end])

    @cached_property
    def end(self) -> float:
        """The level of the last quarter."""
        return self.level(self.quarter)

    @cached_property
    def lowest(self) -> tuple[int, int]:
        """Where the level was lowest before the last quarter: over an eighth of the epochs."""
        width = max(len(self.losses) // 8, 3 if len(self.losses) >= 12 else 1)
        starts = range(0, max(self.quarter - width, 0) + 1, max(width // 4, 1))
        first = min(starts, key=lambda k: self.level(k, k + width))
        return first, first + width

    @cached_property
    def fall(self) -> float:
        """From the first loss to the lowest level, that at the end included."""
        return self.losses[0] - min(self.level(*self.lowest), self.end)

    @cached_property
    def height(self) -> float:
        """From the lowest to the highest loss."""
        return max(self.losses) - min(self.losses)

    def change(self, first: int) -> float:
        """By how much the level rises from the first to the second half of the epochs from one on."""
        middle = (first + len(self.losses)) // 2
        return self.level(middle) - self.level(first, middle)

    # -- Noise and trends

    @cached_property
    def noise(self) -> float:
        """The standard deviation of a loss, by its neighbours; infinite if there are too few to know it."""
        return scatter(self.losses[self.steep :]) if len(self.losses) >= FEW else math.inf

    @cached_property
    def lasting(self) -> float:
        """How many times as far levels scatter as they would if the noise of each epoch were new; 1 at the least."""
        count = len(self.losses) - self.steep
        if count < LONG or not self.noise:
            return 1.0
        width = count // 8
        levels = [self.level(k, k + width) for k in range(self.steep, len(self.losses) - width + 1)]
        return max(scatter(levels, apart=width) * math.sqrt(width) / (1.25 * self.noise), 1.0)

    def error(self, width: int) -> float:
        """The standard error of a level over so many epochs; a median has 1.25 times that of a mean."""
        return 1.25 * self.noise * self.lasting / math.sqrt(width)

    def risen(self, least: float) -> int | None:
        """Since when the losses are above their lowest level by more than `least`, and more than noise can do it."""
        first, end = self.lowest
        for high in (self.quarter, max(self.last - 2, 0)):
            rise = self.level(high) - self.level(first, end)
            error = self.error(end - first) * math.sqrt(1.0 + (end - first) / (len(self.losses) - high))
            if rise > max(least, CLEAR * error):
                return high
        rise = self.end - self.level(first, end)
        beyond = LIKELY if rise > LARGE * self.height else SURE
        return self.quarter if rise > least and self.trend(self.best + 1) > beyond else None

    def trend(self, first: int) -> float:
        """The Mann-Kendall test of the epochs from one on: above 0 if the losses rise, in standard deviations.

        Where noise lasts these are the greater, by about the root of `lasting` (which a bend of the curve raises too);
        they are not where the levels of the two halves differ as clearly, or where nearly all pairs agree.
        """
        losses = self.losses[first:]
        count, pairs = len(losses), 0
        seen: list[float] = []
        for x in losses:
            above = bisect_right(seen, x)
            pairs += bisect_left(seen, x) - (len(seen) - above)
            seen.insert(above, x)
        ties = sum(n * (n - 1) * (2 * n + 5) for n in Counter(losses).values())
        variance = (count * (count - 1) * (2 * count + 5) - ties) / 18.0
        if not pairs:
            return 0.0
        trend = (pairs - math.copysign(1.0, pairs)) / math.sqrt(variance)
        if abs(pairs) > 0.9 * count * (count - 1) / 2:
            return trend
        error = self.error(count // 2) * math.sqrt(2.0)
        clear = abs(self.change(first)) / error if error else math.inf
        return math.copysign(min(abs(trend), max(abs(trend) / math.sqrt(self.lasting), clear)), trend)

    @property
    def falls(self) -> bool:
        """Whether every loss is below the one before."""
        return all(b < a for a, b in pairwise(self.losses))

    # -- Words

    @cached_property
    def digits(self) -> int:
        """How many digits of a loss show the height of the curve in four."""
        size = max(map(abs, self.losses))
        return 4 + math.floor(math.log10(size / self.height)) if size > self.height > 0.0 else 4

    def at(self, k: int) -> str:
        """The loss of one epoch."""
        return f"{self.losses[k]:.{self.digits}g}, at epoch {k}"

    def rising(self) -> str:
        """How much the losses have risen of late."""
        return f"rises to the end, lately by about {self.change(self.tail):.2g} (epochs {self.tail} to {self.last})"

    def about(self, first: int, end: int | None = None) -> str:
        """The level of some epochs."""
        last = self.last if end is None else end - 1
        if first == last:
            return self.at(first)
        return f"about {self.level(first, end):.{self.digits}g} in epochs {first} to {last}"
