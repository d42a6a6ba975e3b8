"""Records learning curves of small real trainings into curves.json, with the kind that each was made to be.

Run it as ``python tests/golden/record_curves.py`` from the repository; it takes some minutes. What a training shows is
settled by how it is set up, before anybody looks at the curve:

* overfitting: few samples, of which a quarter to a third have a wrong label, and a large network, trained for long;
* converged: a problem that the model can solve, a penalty or noise that gives the loss a floor, a rate that falls to 0;
* still improving: a learning rate that is much too small for the number of epochs;
* underfitting: labels that have nothing to do with the features, or a model that is too small for them;
* diverging: a learning rate beyond what gradient descent can bear.

The file is one JSON object; ``runs`` has by name the ``kind``, the ``metric``, how it ``stopped``, and by epoch the
``training_loss``, ``training_score`` and ``validation_loss`` (empty where there was no such part), to 6 digits.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nn import MLP, Neuron, fit, optim, schedules
from nn.data import Dataset, blobs, circles, line, moons, spirals, xor
from nn.history import History

FILE = Path(__file__).with_name("curves.json")


def mislabelled(data: Dataset, share: float, seed: int) -> Dataset:
    """Another class for a share of the samples."""
    rng = random.Random(seed)
    wrong = set(rng.sample(range(len(data)), round(share * len(data))))
    count = len(data.class_names or ())
    return replace(data, targets=[(t + 1) % count if k in wrong else t for k, t in enumerate(data.targets)])


def at_random(samples: int, features: int, classes: int, seed: int) -> Dataset:
    """Labels by lot."""
    rng = random.Random(seed)
    rows = [[rng.gauss(0.0, 1.0) for _ in range(features)] for _ in range(samples)]
    return Dataset(rows, [k % classes for k in range(samples)], class_names=tuple("abcd"[:classes]))


def maker(toy: Callable[..., Dataset], noise: float) -> Callable[[int, int], Dataset]:
    """A toy of so many samples, for a seed."""
    return lambda samples, seed: blobs(samples, 3, noise, seed) if toy is blobs else toy(samples, noise, seed=seed)


def adam(model: Any, rate: float) -> dict[str, Any]:
    return {"optimizer": optim.Adam(model.parameters(), rate)}


def sgd(model: Any, rate: float) -> dict[str, Any]:
    return {"optimizer": optim.SGD(model.parameters(), rate)}


def overfitting() -> Iterator[tuple[str, History]]:
    settings = [
        (moons, 0.2, 0.33, 40, 8, 0.03, 80),
        (moons, 0.3, 0.25, 30, 4, 0.02, 60),
        (circles, 0.1, 0.25, 40, 8, 0.03, 150),
        (circles, 0.2, 0.33, 30, 16, 0.05, 100),
        (xor, 0.3, 0.25, 40, 8, 0.03, 60),
        (xor, 0.4, 0.33, 32, 32, 0.05, 200),
        (spirals, 0.05, 0.33, 40, 10, 0.03, 150),
        (moons, 0.2, 0.3, 24, 24, 0.05, 300),
        (moons, 0.4, 0.25, 40, 2, 0.02, 80),
        (xor, 0.2, 0.3, 48, 4, 0.03, 150),
    ]
    for k, (toy, noise, wrong, count, batch, rate, epochs) in enumerate(3 * settings):
        training = mislabelled(toy(count, noise, seed=k), wrong, k)
        validation = mislabelled(toy(60, noise, seed=100 + k), wrong, 100 + k)
        model = MLP(2, [24, 12, 2], activation="tanh", init="xavier", seed=k)
        options = adam(model, rate)
        yield (
            toy.__name__,
            fit(model, training, validation, epochs=epochs, batch_size=batch, seed=k, progress=False, **options),
        )
    noisy = [  # small batches and a bold rate: the curves jump
        (moons, 0.2, 0.2, 60, 1, 0.02, 40, None),
        (circles, 0.1, 0.25, 40, 2, 0.05, 60, None),
        (xor, 0.3, 0.25, 40, 4, 0.1, 80, None),
        (spirals, 0.05, 0.3, 50, 4, 0.05, 100, None),
        (moons, 0.3, 0.3, 40, 4, 0.1, 50, None),
        (moons, 0.2, 0.3, 40, 4, 0.03, 200, 25),
        (circles, 0.1, 0.3, 40, 8, 0.02, 200, 40),
        (xor, 0.2, 0.3, 40, 8, 0.02, 200, 30),
    ]
    for k, (toy, noise, wrong, count, batch, rate, epochs, patience) in enumerate(2 * noisy):
        data = mislabelled(toy(2 * count, noise, seed=200 + k), wrong, k)
        model = MLP(2, [24, 24, 2], activation="relu", init="he", seed=k)
        options = {"patience": patience, **adam(model, rate)}
        yield (
            f"{toy.__name__}, noisily",
            fit(model, data, 0.5, epochs=epochs, batch_size=batch, seed=k, progress=False, **options),
        )


def converged() -> Iterator[tuple[str, History]]:
    for k, (noise, batch, epochs) in enumerate([(0.3, 32, 60), (0.5, 8, 40), (0.1, 16, 120), (0.3, 64, 20)] * 2):
        model = Neuron(1, activation="linear")
        training, validation = line(96, noise, seed=k), line(60, noise, seed=50 + k)
        decaying = schedules.cosine(0.2, steps=epochs * 96 // batch)
        yield (
            "line",
            fit(
                model, training, validation, epochs=epochs, batch_size=batch, schedule=decaying, progress=False, seed=k
            ),
        )
    settings = [
        (blobs, 0.4, 16, 60, 0.01),
        (moons, 0.1, 16, 100, 0.02),
        (blobs, 0.6, 8, 40, 0.02),
        (circles, 0.05, 32, 300, 0.005),
    ]
    for k, (toy, noise, batch, epochs, l2) in enumerate(2 * settings):
        make = maker(toy, noise)
        model = MLP(2, [8, 3 if toy is blobs else 2], activation="tanh", init="xavier", seed=k)
        decaying = schedules.cosine(0.05, steps=epochs * 96 // batch)
        yield (
            toy.__name__,
            fit(
                model,
                make(96, k),
                make(60, 50 + k) if k % 2 else None,
                epochs=epochs,
                batch_size=batch,
                schedule=decaying,
                l2=l2,
                progress=False,
                seed=k,
                **adam(model, 0.05),
            ),
        )


def still_improving() -> Iterator[tuple[str, History]]:
    settings = [
        (moons, 0.1, 0.002, 16, 60, True),
        (moons, 0.2, 0.001, 8, 30, True),
        (circles, 0.05, 0.002, 4, 20, False),
        (xor, 0.1, 0.003, 8, 50, True),
        (line, 0.3, 0.002, 16, 40, True),
        (line, 0.5, 0.0005, 4, 25, False),
        (blobs, 0.5, 0.0005, 8, 12, True),
        (blobs, 0.8, 0.001, 96, 150, False),
    ]
    for k, (toy, noise, rate, batch, epochs, validated) in enumerate(2 * settings):
        make = maker(toy, noise)
        features = 1 if toy is line else 2
        outputs = {line: 1, blobs: 3}.get(toy, 2)
        model = MLP(features, [8, outputs], activation="tanh", init="xavier", seed=k)
        yield (
            toy.__name__,
            fit(
                model,
                make(96, k),
                make(60, 50 + k) if validated else None,
                epochs=epochs,
                batch_size=batch,
                seed=k,
                progress=False,
                **sgd(model, rate),
            ),
        )


def underfitting() -> Iterator[tuple[str, History]]:
    for k, (samples, classes, batch, epochs, rate) in enumerate(
        [(400, 2, 16, 40, 0.02), (300, 3, 8, 30, 0.01), (400, 4, 32, 80, 0.02), (300, 2, 4, 20, 0.005)] * 2
    ):
        model = MLP(2, [classes], seed=k)
        training, validation = at_random(samples, 2, classes, k), at_random(100, 2, classes, 50 + k)
        yield (
            "labels by lot",
            fit(
                model,
                training,
                validation if k % 2 else None,
                epochs=epochs,
                batch_size=batch,
                seed=k,
                progress=False,
                **adam(model, rate),
            ),
        )
    for k, (toy, noise, batch, epochs) in enumerate(
        [(xor, 0.2, 16, 60), (circles, 0.1, 16, 50), (circles, 0.1, 8, 30), (xor, 0.1, 50, 120)] * 2
    ):
        model = MLP(2, [2], seed=k)
        yield (
            f"{toy.__name__}, by a line",
            fit(
                model,
                toy(100, noise, seed=k),
                toy(100, noise, seed=50 + k) if k % 2 else None,
                epochs=epochs,
                batch_size=batch,
                seed=k,
                progress=False,
                **adam(model, 0.02),
            ),
        )


def diverging() -> Iterator[tuple[str, History]]:
    for k, (rate, batch, epochs) in enumerate([(1.15, 64, 30), (1.5, 64, 60), (1.4, 16, 20), (3.0, 8, 400)] * 2):
        rows = [[2.0 * random.Random(7 * k + j).random() - 1.0, 1.0] for j in range(64)]
        data = Dataset(rows, [2.0 * a + 1.0 for a, _ in rows])
        model = Neuron(2, activation="linear", bias=False)
        yield "a line", fit(model, data, epochs=epochs, batch_size=batch, seed=k, progress=False, **sgd(model, rate))
    for k, (rate, batch, epochs) in enumerate([(30.0, 16, 40), (100.0, 8, 25), (60.0, 32, 60), (20.0, 4, 30)] * 2):
        model = MLP(2, [8, 2], activation="relu", init="he", seed=k)
        yield (
            "moons",
            fit(
                model,
                moons(96, 0.2, seed=k),
                moons(60, 0.2, seed=50 + k),
                epochs=epochs,
                batch_size=batch,
                seed=k,
                progress=False,
                **sgd(model, rate),
            ),
        )


def digits(numbers: list[float]) -> list[float]:
    return [float(f"{x:.6g}") for x in numbers]


def main() -> None:
    warnings.simplefilter("ignore", RuntimeWarning)  # of divergence, which is wanted
    runs = {}
    for family in (diverging, underfitting, overfitting, converged, still_improving):
        kind = family.__name__.replace("_", " ")
        for k, (name, history) in enumerate(family()):
            runs[f"{kind} {k}: {name}"] = {
                "kind": kind,
                "metric": history.metric,
                "stopped": history.stopped,
                **{
                    name: digits(history.column(name))
                    for name in ("training_loss", "training_score", "validation_loss")
                },
            }
    FILE.write_text(json.dumps({"runs": runs}, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
