"""Checkpoints of a training: all of its state in one JSON file, from which it goes on with the same numbers.

::

    {"format": "autodiff.nn training", "version": 1,
     "plan": {"seed": 0, "batch size": 32, "samples": 105, ...},
     "step": 350, "model": {"layers.0.neurons.0.w.0": 0.137, ...}, "best": {...},
     "optimizer": {"name": "SGD", ...}, "order": [3, [...], null], "generators": [...],
     "history": {...}}

The file is there whole, as it was after some epoch: a training that is killed while it writes leaves the old one. From
whichever epoch it goes on, the numbers are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.files import write_atomically
from nn.history import History
from nn.model.saved import parsed
from nn.train.loop import Loop

FORMAT, VERSION = "autodiff.nn training", 1
REST = 9.0
"""How many times as long as writing took it is not done again: at most a tenth of the time is spent on it."""

_KEYS = ("plan", "step", "model", "best", "optimizer", "order", "generators", "history")


def save(loop: Loop, path: str | os.PathLike[str], seed: int) -> None:
    """Write the state of a training between two epochs."""
    at = loop.at
    document = {
        "format": FORMAT,
        "version": VERSION,
        "plan": _plan(loop, seed),
        "step": at.step,
        "model": at.model.state_dict(),
        "best": loop.best(),
        "optimizer": at.optimizer.state_dict(),
        "order": loop.order.getstate(),
        "generators": [generator.getstate() for generator in at.model.generators()],
        "history": at.history.to_dict(),
    }
    write_atomically(path, json.dumps(document, allow_nan=False) + "\n")


class Saving:
    """Saves a training after its epochs, but not all the time."""

    def __init__(self, loop: Loop, path: str | os.PathLike[str], seed: int) -> None:
        self.loop, self.path, self.seed = loop, path, seed
        self._due = 0.0

    def __call__(self, last: bool) -> None:
        """Save, if the last time is long enough ago, or it is the end."""
        begin = time.perf_counter()
        if last or begin >= self._due:
            save(self.loop, self.path, self.seed)
            end = time.perf_counter()
            self._due = end + REST * (end - begin)


def restore(loop: Loop, path: str | os.PathLike[str], seed: int) -> None:
    """Bring a training that is set up in the same way into the state that `save` wrote.

    If the file is damaged, or of another training, a ModelFileError says in what, and nothing is changed.
    """
    try:
        document = parsed(Path(path).read_bytes(), "a checkpoint of a training", FORMAT, VERSION, _KEYS)
        _restore(loop, document, seed)
    except (ModelFileError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None


def _plan(loop: Loop, seed: int) -> dict[str, Any]:
    """What has to be the same for the numbers to be the same, as far as a file can hold it."""
    problem = loop.worker.problem
    data = [(part.features, part.targets) for part in (problem.training, problem.validation) if part]
    return {
        "seed": seed,
        "batch size": problem.batch_size,
        "metric": loop.history.metric,
        "samples": len(problem.training),
        "validation samples": len(problem.validation) if problem.validation else 0,
        "data (SHA-256)": hashlib.sha256(repr((data, problem.weights)).encode()).hexdigest()[:16],
    }


def _restore(loop: Loop, document: Mapping[str, Any], seed: int) -> None:
    at, plan, saved = loop.at, _plan(loop, seed), document["plan"]
    if not isinstance(saved, Mapping):
        raise ModelFileError(f'"plan" is {saved!r:.40}, expected an object')
    for name, value in plan.items():
        if saved.get(name) != value:
            raise ModelFileError(
                f"the checkpoint is of a training with the {name} {saved.get(name)!r:.40}, this one has {value!r:.40}; "
                "go on with the same, or begin anew, without resuming"
            )
    if type(document["step"]) is not int or document["step"] < 0:
        raise ModelFileError(f'"step" is {document["step"]!r:.40}, expected a whole number')
    history = History.from_dict(document["history"])
    if (history.validated, bool(history.epochs)) != (at.history.validated, True):
        raise ModelFileError('"history" does not fit: it is empty, or of a training with other parts')
    before, generators = at.model.state_dict(), at.model.generators()
    try:
        at.model.load_state_dict(document["best"])  # to see whether it fits
        at.model.load_state_dict(document["model"])
        order, states = _state("order", document["order"]), document["generators"]
        if not isinstance(states, list) or len(states) != len(generators):
            raise ModelFileError(f'"generators" holds {states!r:.40}, expected {len(generators)} states')
        states = [_state("generators", state) for state in states]
        at.optimizer.load_state_dict(document["optimizer"])
    except ModelFileError:
        at.model.load_state_dict(before)
        raise
    history.backend = at.history.backend
    loop.best, at.history, at.step = document["best"].copy, history, document["step"]
    loop.order.setstate(order)
    for generator, state in zip(generators, states):
        generator.setstate(state)


def _state(key: str, saved: Any) -> tuple[Any, ...]:
    """The state of a generator of random numbers, as `random.Random.setstate` takes it."""
    try:
        version, numbers, gauss = saved
        state = version, tuple(numbers), gauss
        random.Random().setstate(state)
    except (TypeError, ValueError, OverflowError):
        raise ModelFileError(f'"{key}" holds {saved!r:.40}, expected the state of a random generator') from None
    return state
