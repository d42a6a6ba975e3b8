"""The learning-rate finder: a short training with a rising learning rate, and where it goes down best."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nn.checks import finite, whole
from nn.data import batches
from nn.eager.step import Loss, Problem, Worker
from nn.model import Module
from nn.optim import SGD, Optimizer
from nn.train.fit import as_dataset, check_batches, check_functions, check_numbers, check_trained, measures

EXPLODED = 4.0
"""The sweep ends when the loss is so many times that at its start."""

WIDTH = 0.25
"""Standard deviation of the smoothing, in powers of ten of the rate."""


@dataclass(frozen=True)
class LearningRates:
    """What a sweep over learning rates gave.

    Parameters
    ----------
    rates : tuple of float
        The rates, each by the same factor larger than the one before.
    losses : tuple of float
        The loss after the step with that rate, on the mini-batch that follows.
    smoothed : tuple of float
        The losses without their noise.
    suggestion : float or None
        Where the smoothed loss falls most steeply; None if it falls nowhere.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None


def find_lr(
    model: Module,
    data: Any,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRates:
    """Suggest a learning rate: train with one that rises exponentially, and see where the loss falls most steeply.

    Parameters
    ----------
    model : Module
        What is to be trained; it is left as it is.
    data : Dataset, or what `nn.fit` takes
        What is to be learned from.
    loss : callable, optional
        As for `nn.fit`.
    optimizer : Optimizer, optional
        The rule that the rate is for, with the model's parameters; it is left as it is. By default `SGD`.
    start, end : float
        The first and the last rate, above 0.
    steps : int
        How many, at least 4.
    batch_size : int
        How many samples a step.
    seed : int
        Seed of their order.

    Returns
    -------
    LearningRates
        Rates, losses and a suggestion; `nn.plots.plot_lr_finder` draws it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, data cannot be used, or the first loss is not finite.

    Notes
    -----
    The sweep is made on a copy. It ends early when the loss is not finite or four times as large as at the start.
    Losses are averaged over neighbouring rates with Gaussian weights (standard deviation a quarter of a power of
    ten); the suggestion is the rate, below that of the lowest mean, at which the slope over the logarithm of the rate
    is most negative. At the lowest mean itself, the rate is already too large to go on with.

    References
    ----------
    L. N. Smith, *Cyclical learning rates for training neural networks*, WACV 2017, arXiv:1506.01186.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.data import moons
    >>> model = MLP(2, [8, 2], activation="tanh", init="xavier", seed=0)
    >>> found = find_lr(model, moons(100))
    >>> 0.01 < found.suggestion < 5.0
    True
    """
    check_trained(model, optimizer)
    check_functions(loss=loss)
    batch_size, seed = check_numbers(batch_size, seed)
    dataset = as_dataset(data)
    check_batches(model, len(dataset), batch_size)
    start, end = finite(start, "the first rate", above=0.0), finite(end, "the last rate", above=start)
    steps = whole(steps, "the number of steps", least=4)
    model, optimizer = copy.deepcopy((model, optimizer or SGD(model.parameters(), lr=start)))
    model.train()
    loss, metric = measures(model, dataset, loss, None)
    worker = Worker(Problem(model, optimizer, dataset, None, None, loss, metric, None, batch_size))
    factor = (end / start) ** (1.0 / (steps - 1))
    rates: list[float] = []
    losses: list[float] = []
    for k, chosen in zip(range(steps + 1), _endless(len(dataset), batch_size, random.Random(seed))):
        losses.append(worker.gradient(chosen))
        if not math.isfinite(losses[0]):
            raise ValueError("the loss of the model is not finite; standardise the features, or use smaller weights")
        if k > 0:
            rates.append(optimizer.lr)
        gradients = [p.grad or 0.0 for p in optimizer.parameters]
        if not (losses[-1] <= EXPLODED * abs(losses[0])) or not all(map(math.isfinite, gradients)):
            break
        optimizer.lr = start * factor**k
        optimizer.step()
    return _judged(rates, losses[1:])  # of each rate the loss that followed


def _endless(n: int, batch_size: int, rng: random.Random) -> Iterator[list[int]]:
    while True:
        yield from batches(n, batch_size, rng)


def _judged(rates: Sequence[float], losses: Sequence[float]) -> LearningRates:
    """Smooth the losses and find the steepest descent."""
    known = [(math.log10(rate), loss) for rate, loss in zip(rates, losses) if math.isfinite(loss)]
    smoothed = [_mean_around(x, known) for x, _ in known]
    slopes = [
        ((smoothed[k + 1] - smoothed[k - 1]) / (known[k + 1][0] - known[k - 1][0]), rates[k])
        for k in range(1, min(range(len(smoothed)), key=smoothed.__getitem__, default=0))
    ]
    steepest, rate = min(slopes, default=(0.0, None))
    smoothed += [math.nan] * (len(losses) - len(known))
    return LearningRates(tuple(rates), tuple(losses), tuple(smoothed), rate if steepest < 0.0 else None)


def _mean_around(x: float, known: Sequence[tuple[float, float]]) -> float:
    weights = [math.exp(-0.5 * ((x - other) / WIDTH) ** 2) for other, _ in known]
    return sum(w * loss for w, (_, loss) in zip(weights, known)) / sum(weights)
