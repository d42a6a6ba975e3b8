"""Learning curves of which it is known what they show, because it is known how they were made.

Each kind has several families; a family draws the shape of a curve, of which the kind is certain, over a time from 0
to 1. `labelled` draws the length (5 to 1,000 epochs), the unit, the noise (0 to 0.3 of what the shape rises or falls,
or of the loss itself) and single bad epochs; of a noise in which nobody could see the shape it takes less: what there
is to be seen stands out by four standard errors of the difference of two means over a quarter of the epochs.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nn.history import Epoch, History

KINDS = ("diverging", "underfitting", "overfitting", "converged", "still improving")
NOISES = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3)
CERTAIN = 4.0

Curve = Callable[[float], float]


@dataclass
class Shape:
    """What a family draws: curves of the losses, clean, and what is known beside them.

    `effect` is the rise or fall by which the kind is seen; of a shape with `blips` single bad epochs are no news.
    """

    training: Curve
    validation: Curve | None = None
    effect: float = 1.0
    score: float = 0.95
    metric: str = "accuracy"
    stopped: str = "finished"
    blips: bool = True


def decay(rate: float, floor: float) -> Curve:
    return lambda t: floor + (1.0 - floor) * math.exp(-rate * t)


def settled(rng: random.Random, floor: float) -> Curve:
    """From 1 to a floor, long reached: exponentially, after a plateau, in steps, or with restarts."""
    way = rng.choice(["exponential", "plateau first", "steps", "restarts"])
    if way == "exponential":
        return decay(rng.uniform(9.0, 40.0), floor)
    if way == "plateau first":
        at, sharp = rng.uniform(0.15, 0.4), rng.uniform(25.0, 80.0)
        return lambda t: floor + (1.0 - floor) / (1.0 + math.exp(sharp * (t - at)))
    if way == "steps":  # a rate that was cut twice
        first, second, middle = (
            rng.uniform(0.15, 0.3),
            rng.uniform(0.35, 0.5),
            floor + rng.uniform(0.15, 0.4) * (1 - floor),
        )

        def stairs(t: float) -> float:
            if t < first:
                return middle + (1.0 - middle) * math.exp(-30.0 * t)
            return floor + (middle - floor) * math.exp(-60.0 * (t - second)) if t >= second else middle

        return stairs
    cycles = rng.randint(2, 4)  # warm restarts in the first half: up a little, and down again

    def saws(t: float) -> float:
        inside = min(2.0 * t, 1.0) * cycles
        cycle = min(int(inside), cycles)
        bump = 0.3 * 0.5**cycle * math.exp(-5.0 * (inside - cycle)) if 0 < cycle < cycles else 0.0
        return floor + (1.0 - floor) * (math.exp(-12.0 * t) + bump * (t < 0.5))

    return saws


def falling(rng: random.Random) -> tuple[Curve, float]:
    """A curve that falls to the end, and by how much in its last half."""
    way = rng.choice(["line", "exponential", "power", "late", "hardly"])
    if way == "line":
        slope = rng.uniform(0.3, 0.95)
        curve: Curve = lambda t: 1.0 - slope * t  # noqa: E731
    elif way == "exponential":
        curve = decay(rng.uniform(0.3, 2.0), rng.uniform(0.0, 0.3))
    elif way == "power":
        much = rng.uniform(1.0, 4.0)
        curve = lambda t: 1.0 / (1.0 + much * t)  # noqa: E731
    elif way == "late":
        at, sharp = rng.uniform(0.75, 0.95), rng.uniform(8.0, 15.0)
        curve = lambda t: 0.1 + 0.9 / (1.0 + math.exp(sharp * (t - at)))  # noqa: E731
    else:  # a learning rate that is much too small
        slope = rng.uniform(0.02, 0.2)
        curve = lambda t: 1.0 - slope * t  # noqa: E731
    return curve, curve(0.5) - curve(1.0)


def exploding(rng: random.Random) -> Shape:
    up = math.log(10.0 ** rng.uniform(0.3, 6.0))
    return Shape(lambda t: math.exp(up * t), rng.choice([None, lambda t: math.exp(up * t)]), 1.0, 0.5, blips=False)


def spoiled(rng: random.Random) -> Shape:
    """Good first, then the loss rises for good, at once or little by little."""
    floor, at, end = rng.uniform(0.05, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.75, 3.0)
    down, sudden = decay(12.0 / at, floor), rng.random() < 0.4

    def curve(t: float) -> float:
        return down(t) if t < at else end if sudden else floor + (end - floor) * (t - at) / (1.0 - at)

    return Shape(curve, rng.choice([None, lambda t: 1.1 * curve(t)]), 0.5 * (end - floor), 0.7, blips=False)


def swinging(rng: random.Random) -> Shape:
    """Too large a rate: ever wider swings about a rising line."""
    up, turns = rng.uniform(1.0, 5.0), rng.uniform(5.0, 40.0)
    curve: Curve = lambda t: 1.0 + up * t + 0.4 * up * t * math.sin(turns * t)  # noqa: E731
    return Shape(curve, rng.choice([None, curve]), 0.5 * up, 0.5, blips=False)


def not_finite(rng: random.Random) -> Shape:
    at = rng.uniform(0.3, 0.95)
    if rng.random() < 0.5:
        return Shape(decay(3.0, 0.2), rng.choice([None, decay(3.0, 0.3)]), stopped="diverged")
    return Shape(lambda t: math.inf if t > at else 1.0 - 0.5 * t, rng.choice([None, decay(3.0, 0.3)]))


def no_better(rng: random.Random) -> Shape:
    """Nothing is learned: random labels, or features that say nothing."""
    tiny, rate = rng.uniform(0.0, 0.02), rng.uniform(9.0, 40.0)
    curve: Curve = lambda t: 1.0 - tiny + tiny * math.exp(-rate * t)  # noqa: E731
    score, metric = rng.choice([(0.5, "accuracy"), (0.34, "accuracy"), (0.01, "r2"), (-0.05, "r2"), (0.9, "f1")])
    return Shape(curve, rng.choice([None, lambda t: 1.02 * curve(t)]), 1.0, score, metric)


def too_small(rng: random.Random) -> Shape:
    """Learning comes to a halt early, far from good."""
    curve = settled(rng, rng.uniform(0.6, 0.85))
    score, metric = rng.choice([(0.65, "accuracy"), (0.3, "r2"), (0.7, "f1")])
    return Shape(curve, rng.choice([None, lambda t: 1.05 * curve(t)]), 0.5, score, metric)


def valley(rng: random.Random) -> Shape:
    """The validation loss falls, and rises after its lowest point: straight on, ever slower, or at once."""
    low, at, rise = rng.uniform(0.2, 0.6), rng.uniform(0.08, 0.6), rng.uniform(0.25, 1.5)
    down, way = decay(5.0 / at, low), rng.choice([1.0, 0.5, 1.5, 0.0])

    def curve(t: float) -> float:
        return down(t) if t < at else low + rise * ((t - at) / (1.0 - at)) ** way + (down(at) - low)

    return Shape(decay(rng.uniform(2.0, 12.0), 0.02), curve, rise, 0.99)


def worse_from_the_start(rng: random.Random) -> Shape:
    rise = rng.uniform(0.2, 2.0)
    return Shape(decay(rng.uniform(2.0, 12.0), 0.02), lambda t: 1.0 + rise * t, rise, 0.99)


def ended_by_patience(rng: random.Random) -> Shape:
    """The validation loss has risen for a fourth to a half of the time when patience is at an end."""
    low, at, rise = rng.uniform(0.2, 0.6), rng.uniform(0.5, 0.75), rng.uniform(0.2, 0.6)
    down = decay(5.0 / at, low)
    curve: Curve = lambda t: down(min(t, at)) + max(t - at, 0.0) / (1.0 - at) * rise  # noqa: E731
    return Shape(decay(rng.uniform(2.0, 8.0), 0.02), curve, 0.6 * rise, 0.97, stopped="patience")


def well_settled(rng: random.Random) -> Shape:
    floor = rng.uniform(0.02, 0.4)
    curve, gap = settled(rng, floor), rng.choice([1.0, 1.1, 1.5])
    score, metric = rng.choice([(0.95, "accuracy"), (0.9, "r2"), (0.9, "f1")])
    stopped = rng.choice(["finished", "finished", "patience"])
    return Shape(curve, rng.choice([None, lambda t: gap * curve(t)]), 1.0 - floor, score, metric, stopped)


def with_a_gap(rng: random.Random) -> Shape:
    """The validation loss settles far above the training loss."""
    above = rng.uniform(0.1, 0.4)
    curve, aside = settled(rng, 0.05), settled(rng, 0.05 + above)
    return Shape(curve, aside, 0.95 - above, 0.98)


def restarted(rng: random.Random) -> Shape:
    """Warm restarts to the end: the loss jumps up at each, and comes down to where it was before."""
    floor, cycles, jump = rng.uniform(0.1, 0.4), rng.randint(3, 5), rng.uniform(0.1, 0.4)

    def curve(t: float) -> float:
        cycle = min(int(t * cycles), cycles - 1)
        height = 1.0 if cycle == 0 else jump * 0.6**cycle
        return floor + height * (1.0 - floor) * math.exp(-12.0 * (t * cycles - cycle))

    return Shape(curve, rng.choice([None, lambda t: 1.2 * curve(t)]), 1.0 - floor, 0.95)


def level_and_good(rng: random.Random) -> Shape:
    """A network that was trained before: it is good, and stays as it is."""
    return Shape(lambda t: 0.2, rng.choice([None, lambda t: 0.25]), 1.0, 0.97)


def on_its_way(rng: random.Random) -> Shape:
    curve, fall = falling(rng)
    score = rng.choice([0.6, 0.85, 0.95])
    return Shape(curve, rng.choice([None, lambda t: 1.1 * curve(t)]), fall, score)


FAMILIES: dict[str, tuple[Callable[[random.Random], Shape], ...]] = {
    "diverging": (exploding, spoiled, swinging, not_finite),
    "underfitting": (no_better, too_small),
    "overfitting": (valley, worse_from_the_start, ended_by_patience),
    "converged": (well_settled, with_a_gap, restarted, level_and_good),
    "still improving": (on_its_way,),
}

Noise = Callable[[random.Random], float]


def gaussian(rng: random.Random) -> float:
    return rng.gauss(0.0, 1.0)


def labelled(kind: str, seed: int, noise_of: Noise = gaussian) -> tuple[str, History]:
    """A history of one kind, and how it was made in a few words; the same for the same seed."""
    rng = random.Random(f"{kind} {seed}")
    family = rng.choice(FAMILIES[kind])
    shape = family(rng)
    epochs = round(math.exp(rng.uniform(math.log(5.0), math.log(1000.0))))
    clear = shape.effect / CERTAIN / math.sqrt(8.0 / epochs)
    size = rng.choice([s for s in NOISES if s <= clear])
    unit, relative = 10.0 ** rng.uniform(-3.0, 3.0), rng.random() < 0.5
    quiet = rng.choice([0.3, 1.0])  # the training loss is often the smoother one

    def losses(curve: Curve, noise: float) -> list[float]:
        """With noise, which is of the size of the loss, or the same all the way; a loss is above 0."""
        clean = [curve(k / epochs) for k in range(epochs + 1)]
        if relative:
            return [unit * x * math.exp(noise * noise_of(rng)) for x in clean]
        return [unit * max(abs(x + noise * noise_of(rng)), 1e-6) for x in clean]

    training = losses(shape.training, size if shape.validation is None else size * quiet)
    validation = [math.nan] * (epochs + 1) if shape.validation is None else losses(shape.validation, size)
    bad = []
    if shape.blips and epochs >= 20 and rng.random() < 0.2:
        bad = rng.sample(range(1, epochs), 1 if epochs < 60 else 3)
        for k in bad:
            training[k] *= (factor := rng.uniform(2.0, 8.0))
            validation[k] *= factor
    record = [Epoch(a, shape.score, b, shape.score, 0.1) for a, b in zip(training, validation)]
    history = with_best(History(shape.metric, shape.validation is not None, record, stopped=shape.stopped))
    told = f"{family.__name__}, {epochs} epochs, noise {size}{' of the loss' if relative else ''}, bad epochs {bad}"
    return f"{kind} {seed}: {told}", history


def recorded() -> Iterator[tuple[str, str, History]]:
    """Kind, name and history of the trainings that tests/golden/record_curves.py recorded."""
    document: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "curves.json").read_text())
    for name, run in document["runs"].items():
        aside = run["validation_loss"] or [math.nan] * len(run["training_loss"])
        record = [Epoch(a, s, b, s, 0.0) for a, s, b in zip(run["training_loss"], run["training_score"], aside)]
        yield (
            run["kind"],
            name,
            with_best(History(run["metric"], bool(run["validation_loss"]), record, stopped=run["stopped"])),
        )


def with_best(history: History) -> History:
    """The history, and its best epoch as `nn.fit` sets it."""
    judged = history.judged()
    history.best_epoch = min(range(len(judged)), key=judged.__getitem__)
    return history
