"""Histories as files: CSV for spreadsheets, JSON for programs; both hold every number to the last bit.

The functions take and give the fields of a history, by name; what a history is besides, they need not know.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from autodiff.errors import ModelFileError
from autodiff.files import write_atomically

FORMAT, VERSION = "autodiff.nn history", 1
KEYS = {"metric": str, "validated": bool, "best_epoch": int, "stopped": str, "epochs": list}

STOPPED = ("finished", "patience", "callback", "interrupted", "diverged")
"""How a training may end."""


class Epoch(NamedTuple):
    """What was measured after one epoch, on each part as a whole; nan for what there was not.

    Losses are those of the data alone, without L1 and L2. The learning rate is that of the epoch's last step, the
    gradient norm the mean over its steps of the Euclidean norm before clipping; both are nan for epoch 0, before
    training.
    """

    training_loss: float
    training_score: float
    validation_loss: float
    validation_score: float
    seconds: float
    learning_rate: float = math.nan
    gradient_norm: float = math.nan


def measured(validated: bool) -> list[str]:
    """What is measured of each epoch; see `History.names`."""
    return [name for name in Epoch._fields if validated or not name.startswith("validation")]


def write_csv(fields: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a history as CSV, one row an epoch; without an epoch it is a ValueError."""
    if not fields["epochs"]:
        raise ValueError("the history is empty: there is no epoch to write")
    names = measured(fields["validated"])
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(["epoch", *names, "best", "metric", "stopped"])
    for k, epoch in enumerate(fields["epochs"]):
        numbers = [repr(getattr(epoch, name)) for name in names]
        writer.writerow([k, *numbers, int(k == fields["best_epoch"]), fields["metric"], fields["stopped"]])
    write_atomically(path, page.getvalue())


def write_json(fields: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a history as JSON."""
    document = {"format": FORMAT, "version": VERSION, **to_dict(fields)}
    write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the fields that `write_json` wrote; of any other file a ModelFileError names it and what is wrong."""
    try:
        document = json.loads(Path(path).read_bytes().decode("utf-8"))
        if not isinstance(document, dict) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
            raise ModelFileError(f'not a saved history: expected "format": "{FORMAT}" and "version": {VERSION}')
        return from_dict(document)
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: not valid JSON, or cut off ({error})") from None


def to_dict(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the fields into what JSON has; "nan", "inf" and "-inf" stand for the numbers that it does not have."""
    epochs = [
        {name: x if math.isfinite(x) else repr(x) for name, x in epoch._asdict().items()} for epoch in fields["epochs"]
    ]
    return {**{key: fields[key] for key in KEYS}, "epochs": epochs}


def from_dict(saved: object) -> dict[str, Any]:
    """Take the fields from what `to_dict` gave; of anything else a ModelFileError names the entry."""
    if not isinstance(saved, Mapping):
        raise ModelFileError(f"a history is an object, got {saved!r:.40}")
    for key, kind in KEYS.items():
        if type(saved.get(key)) is not kind:
            raise ModelFileError(f'"{key}" of a history is {saved.get(key)!r:.40}, expected {kind.__name__}')
    if saved["stopped"] not in STOPPED:
        raise ModelFileError(f'"stopped" is {saved["stopped"]!r:.40}, expected one of {", ".join(STOPPED)}')
    epochs = [_epoch(k, entry) for k, entry in enumerate(saved["epochs"])]
    if not 0 <= saved["best_epoch"] < max(len(epochs), 1):
        raise ModelFileError(f'"best_epoch" is {saved["best_epoch"]}, of {len(epochs)} epochs')
    return {**{key: saved[key] for key in KEYS}, "epochs": epochs}


def _epoch(k: int, entry: object) -> Epoch:
    if not isinstance(entry, Mapping) or entry.keys() != set(Epoch._fields):
        raise ModelFileError(f"epoch {k} of a history is {entry!r:.60}, expected {', '.join(Epoch._fields)}")
    for name, x in entry.items():
        if type(x) not in (float, int) and x not in ("nan", "inf", "-inf"):
            raise ModelFileError(f'"{name}" of epoch {k} is {x!r:.40}, expected a number')
    return Epoch(**{name: float(x) for name, x in entry.items()})
