"""Checkpoints of a training: all of its state in one JSON file, from which it goes on with the same numbers.

::

    {"format": "autodiff.nn training", "version": 1, "checksum": "3f786850e387550f",
     "plan": {"seed": 0, "batch size": 32, "samples": 105, "loss": "cross_entropy", "model": {...}, ...},
     "step": 350, "model": {"layers.0.neurons.0.w.0": 0.137, ...}, "best": {...},
     "optimizer": {"name": "SGD", ...}, "order": [3, [...], null], "generators": [...],
     "history": {...}}

The file is there whole, as it was after some epoch: a training that is killed while it writes leaves the old one. From
whichever epoch it goes on, the numbers are the same: the plan says what has to be the same for that, and a training
with another plan is refused, as is one whose loss or learning rate is not what it was. What is not in the plan may
change: how many epochs, the patience, callbacks, whether steps are made eagerly (which changes numbers by rounding).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.files import remove_unfinished, write_atomically
from nn.history import Epoch, History
from nn.model import MLP, Layer
from nn.model.saved import parsed, verify, written
from nn.train.loop import Loop

FORMAT, VERSION = "autodiff.nn training", 1
REST = 9.0
"""How many times as long as writing took it is not done again: at most a tenth of the time is spent on it."""

_KEYS = ("plan", "step", "model", "best", "optimizer", "order", "generators", "history")


_FIRST = ("seed", "batch size", "metric", "samples", "validation samples", "data (SHA-256)")
"""What the plans of all files say; of the rest older ones are not asked."""

_NAMED = 200
"""Of so many parameters of an optimizer the names are written down; of more a digest of them."""


def save(loop: Loop, path: str | os.PathLike[str], told: Mapping[str, Any]) -> None:
    """Write the state of a training between two epochs; `told` is what `nn.fit` was told besides, for the plan."""
    at = loop.at
    document = {
        "plan": _plan(loop, told),
        "step": at.step,
        "model": at.model.state_dict(),
        "best": loop.best(),
        "optimizer": at.optimizer.state_dict(),
        "order": loop.order.getstate(),
        "generators": [generator.getstate() for generator in at.model.generators()],
        "history": at.history.to_dict(),
    }
    write_atomically(path, written(FORMAT, VERSION, document))


class Saving:
    """Saves a training after its epochs, but not all the time."""

    def __init__(self, loop: Loop, path: str | os.PathLike[str], told: dict[str, Any]) -> None:
        self.loop, self.path, self.told = loop, path, told
        self._due = 0.0
        remove_unfinished(path)

    def __call__(self, last: bool) -> None:
        """Save, if the last time is long enough ago, or it is the end."""
        begin = time.perf_counter()
        if last or begin >= self._due:
            save(self.loop, self.path, self.told)
            end = time.perf_counter()
            self._due = end + REST * (end - begin)


def restore(loop: Loop, path: str | os.PathLike[str], told: dict[str, Any]) -> None:
    """Bring a training that is set up in the same way into the state that `save` wrote.

    If the file is damaged, or of another training, a ModelFileError says in what, and nothing is changed. What was told
    of the optimizer is afterwards what was told when the training began.
    """
    try:
        document = parsed(Path(path).read_bytes(), "a checkpoint of a training", FORMAT, VERSION, _KEYS)
        _restore(loop, document, told)
    except (ModelFileError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None


# -- The plan ------------------------------------------------------------------------------------------------------


def _plan(loop: Loop, told: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be the same for the numbers to be the same, as far as a file can hold it."""
    problem = loop.worker.problem
    data = [(part.features, part.targets) for part in (problem.training, problem.validation) if part]
    return {
        "seed": told["seed"],
        "batch size": problem.batch_size,
        "metric": loop.history.metric,
        "samples": len(problem.training),
        "validation samples": len(problem.validation) if problem.validation else 0,
        "data (SHA-256)": hashlib.sha256(repr((data, problem.weights)).encode()).hexdigest()[:16],
        "loss": name_of(problem.loss),
        "l1": told["l1"],
        "l2": told["l2"],
        "clip_value": loop.clip_value,
        "clip_norm": loop.clip_norm,
        "schedule": name_of(loop.schedule),
        "optimizer": {"kind": type(loop.at.optimizer).__name__, **told["optimizer"]},
        "model": _outline(loop.at.model),
        "optimizer's parameters": _order(loop),
    }


def _order(loop: Loop) -> list[str] | str:
    """Which parameters of the model the optimizer changes, in its order: in that of what it remembers of them."""
    names = {p: name for name, p in loop.at.model.named_parameters()}
    order = [names.get(p, "none of the model") for p in loop.at.optimizer.parameters]
    if len(order) <= _NAMED:
        return order
    return f"{len(order)} in an order (SHA-256) {hashlib.sha256(repr(order).encode()).hexdigest()[:16]}"


def name_of(function: Any) -> str:
    """What a file can hold of a function, or of a schedule with its numbers: two of one name are not told apart.

    >>> name_of(math.exp), name_of(partial(round, ndigits=2)), name_of(None)
    ('exp', 'round(ndigits=2)', 'none')
    """
    if function is None:
        return "none"
    if isinstance(function, partial):
        given = [*map(repr, function.args), *(f"{name}={x!r}" for name, x in function.keywords.items())]
        told = f"{name_of(function.func)}({', '.join(given)})"
    else:
        told = getattr(function, "__name__", None) or repr(function)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", told)  # where it lies in memory is another thing each time


def _outline(model: Any) -> dict[str, Any]:
    """What a model is made of, weights apart: of each module its kind and what a file can hold of its `config`.

    Modules inside an `nn.MLP` or `nn.Layer` are left out where that says it all.
    """
    outline: dict[str, Any] = {}
    told: list[str] = []
    for path, module in model.named_modules():
        if path and path.startswith(tuple(told)):
            continue
        entries = {"kind": type(module).__qualname__}
        try:
            entries |= {name: x for name, x in module.config().items() if _is_plain(x)}
            told += [f"{path}." if path else ""] * (type(module) in (MLP, Layer))
        except (TypeError, AttributeError):  # it has none, or an activation of the user's own
            if callable(activation := vars(module).get("activation")):
                entries["activation"] = name_of(activation)
        outline |= {path: entries} if path else entries
    return outline


def _is_plain(x: Any) -> bool:
    return all(map(_is_plain, x)) if isinstance(x, (list, tuple)) else x is None or isinstance(x, (str, int, float))


def _check_plan(saved: Any, plan: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Refuse another plan, naming the first difference; the optimizer may also be as it was when this was saved."""
    if not isinstance(saved, Mapping):
        raise ModelFileError(f'"plan" is {saved!r:.40}, expected an object')
    plan = json.loads(json.dumps(plan))
    asked = {key: value for key, value in plan.items() if key in _FIRST or key in saved}
    here, there = dict(_entries(asked)), dict(_entries({key: saved.get(key) for key in asked}))
    now = dict(_entries({"optimizer": current}))
    for name in [*here, *there]:
        value, before = here.get(name), there.get(name)
        if (type(value), value) in ((type(x), x) for x in (before, now.get(name, before))):
            continue
        hint = "go on with the same, or begin anew, without resuming"
        if name == "schedule":
            hint += "; a schedule made for another number of epochs gives other rates from the first step on"
        raise ModelFileError(
            f"the checkpoint is of a training with the {name} {_told(before)}, this one has {_told(value)}; {hint}"
        )


def _entries(part: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All that is said in some JSON, by the way that leads to it."""
    if not isinstance(part, (dict, list)) or not part:
        yield name, part
        return
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        yield from _entries(value, f"{name}.{key}" if name else f"{key}")


def _told(value: Any) -> str:
    return f"{value!r:.80}"


# -- Restoring -----------------------------------------------------------------------------------------------------


def _restore(loop: Loop, document: Mapping[str, Any], told: dict[str, Any]) -> None:
    at, problem, saved = loop.at, loop.worker.problem, document["optimizer"]
    current = saved.get("hyperparameters") if isinstance(saved, dict) else None
    _check_plan(document["plan"], _plan(loop, told), current or {})
    history = History.from_dict(document["history"])
    if (history.validated, bool(history.epochs)) != (at.history.validated, True):
        raise ModelFileError('"history" does not fit: it is empty, or of a training with other parts')
    most = (len(history.epochs) - 1) * math.ceil(len(problem.training) / problem.batch_size)
    if type(document["step"]) is not int or not 0 <= document["step"] <= most:
        raise ModelFileError(
            f'"step" is {document["step"]!r:.40}, expected a whole number, at most {most} after '
            f"{len(history.epochs) - 1} epochs"
        )
    before, generators = at.model.state_dict(), at.model.generators()
    try:
        at.model.load_state_dict(document["best"])  # to see whether it fits
        at.model.load_state_dict(document["model"])
        order, states = _state("order", document["order"]), document["generators"]
        if not isinstance(states, list) or len(states) != len(generators):
            raise ModelFileError(f'"generators" holds {states!r:.40}, expected {len(generators)} states')
        states = [_state("generators", state) for state in states]
        verify(document)
        if not loop.callbacks:  # who may change what is measured, after it was
            _check_numbers(loop, history.epochs[-1], document["step"])
        at.optimizer.load_state_dict(saved)
    except ModelFileError:
        at.model.load_state_dict(before)
        raise
    history.backend = at.history.backend
    loop.best, at.history, at.step = document["best"].copy, history, document["step"]
    loop.order.setstate(order)
    for generator, state in zip(generators, states):
        generator.setstate(state)
    begun = document["plan"].get("optimizer", {})
    told["optimizer"] = {name: x for name, x in begun.items() if name != "kind"} or told["optimizer"]


def _check_numbers(loop: Loop, last: Epoch, step: int) -> None:
    """Refuse functions that are others by the same names: what they give now is not what they gave after the epoch.

    Numbers may differ by rounding, where steps are made in another way; what is another each time says nothing.
    """
    loop.worker.read()
    first, again = loop.worker.measure(), loop.worker.measure()
    told = {"training loss": (last.training_loss, first[0], again[0])}
    if loop.history.validated:
        told["validation loss"] = last.validation_loss, first[2], again[2]
    if loop.schedule is not None and step > 0:
        rate = loop.schedule(step - 1)
        told[f"learning rate of step {step - 1}"] = last.learning_rate, rate, rate
    for name, (before, now, then) in told.items():
        if now == then and not math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-9):
            raise ModelFileError(
                f"the {name} was {before:g} and would now be {now:g}: the loss, the schedule or something in the model "
                "is another, though of the same name; go on with the same, or begin anew, without resuming"
            )


def _state(key: str, saved: Any) -> tuple[Any, ...]:
    """The state of a generator of random numbers, as `random.Random.setstate` takes it."""
    try:
        version, numbers, gauss = saved
        state = version, tuple(numbers), gauss
        if any(type(x) is not int for x in (version, *state[1])) or type(gauss) not in (float, type(None)):
            raise TypeError
        random.Random().setstate(state)
    except (TypeError, ValueError, OverflowError):
        raise ModelFileError(f'"{key}" holds {saved!r:.40}, expected the state of a random generator') from None
    return state
