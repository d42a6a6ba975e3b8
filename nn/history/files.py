"""Histories as files: CSV for spreadsheets, JSON for programs; both hold every number to the last bit."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.files import write_atomically
from nn.data.csv_table import Table, number, read_table
from nn.history import STOPPED, Epoch, History

__all__ = ["from_dict", "read_csv", "read_json", "to_dict", "write_csv", "write_json"]

FORMAT, VERSION = "autodiff.nn history", 1


def write_csv(history: History, path: str | os.PathLike[str]) -> None:
    """Write a history as CSV, one row an epoch.

    Parameters
    ----------
    history : History
        With one epoch at least.
    path : path
        The file; it appears whole. ``best`` is 1 for the best epoch; ``metric`` says in every row what the scores
        are, ``stopped`` how the training ended.

    Raises
    ------
    ValueError
        If there is no epoch.
    OSError
        If the file cannot be written.
    """
    if not history.epochs:
        raise ValueError("the history is empty: there is no epoch to write")
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(_header(history))
    for k, epoch in enumerate(history.epochs):
        numbers = [repr(getattr(epoch, name)) for name in history.names()]
        writer.writerow([k, *numbers, int(k == history.best_epoch), history.metric, history.stopped])
    write_atomically(path, page.getvalue())


def read_csv(path: str | os.PathLike[str]) -> History:
    """Read a history that `write_csv` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    History
        With the same numbers to the last bit.

    Raises
    ------
    DataError
        If it is not such a file; the message names the file and the place.
    """
    table = read_table(path)
    history = History("".join(table.rows[0][-2:-1]), validated="validation_loss" in table.names)
    if table.names != _header(history):
        raise table.error(0, table.names[0], f"expected the columns of a history: {', '.join(_header(history))}")
    for k in range(len(table.rows)):
        history.epochs.append(_row(table, k, history))
    best = [k for k, row in enumerate(table.rows) if row[-3] == "1"]
    if len(best) != 1:
        raise table.error(0, "best", f"expected a 1 in one row, got it in {len(best)}")
    history.best_epoch, history.stopped = best[0], table.rows[-1][-1]
    return history


def _header(history: History) -> tuple[str, ...]:
    return ("epoch", *history.names(), "best", "metric", "stopped")


def _row(table: Table, k: int, history: History) -> Epoch:
    _, *cells, _, _, stopped = table.rows[k]
    if stopped not in STOPPED:
        raise table.error(k, "stopped", f"expected one of {', '.join(STOPPED)}, got {stopped!r:.40}")
    read = dict.fromkeys(Epoch._fields, math.nan)
    for name, text in zip(history.names(), cells):
        x = number(text)
        if x is None:
            raise table.error(k, name, f"expected a number, got {text!r:.40}")
        read[name] = x
    return Epoch(**read)


def write_json(history: History, path: str | os.PathLike[str]) -> None:
    """Write a history as JSON.

    Parameters
    ----------
    history : History
        Any.
    path : path
        The file; it appears whole. Numbers that JSON does not have stand as "nan", "inf" and "-inf".

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> history = History("r2", False, [Epoch(0.1, 0.9, math.nan, math.nan, 0.5, 0.1, 2.0)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(history, f"{folder}/history.json")
    ...     read_json(f"{folder}/history.json").column("gradient_norm")
    [2.0]
    """
    document = {"format": FORMAT, "version": VERSION, **to_dict(history)}
    write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> History:
    """Read a history that `write_json` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    History
        With the same numbers to the last bit.

    Raises
    ------
    ModelFileError
        If it is not such a file, or is damaged; the message names the file.
    OSError
        If it cannot be read.
    """
    try:
        document = json.loads(Path(path).read_bytes().decode("utf-8"))
        if not isinstance(document, dict) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
            raise ModelFileError(f'not a saved history: expected "format": "{FORMAT}" and "version": {VERSION}')
        return from_dict(document)
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: not valid JSON, or cut off ({error})") from None


def to_dict(history: History) -> dict[str, Any]:
    """Turn a history into what JSON has: dicts, lists, strings, finite numbers and bools."""
    return {
        "metric": history.metric,
        "validated": history.validated,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "epochs": [
            {name: x if math.isfinite(x) else repr(x) for name, x in epoch._asdict().items()}
            for epoch in history.epochs
        ],
    }


def from_dict(saved: object) -> History:
    """Make a history from what `to_dict` gave.

    Raises
    ------
    ModelFileError
        If it is something else; the message names the entry.
    """
    if not isinstance(saved, Mapping):
        raise ModelFileError(f"a history is an object, got {saved!r:.40}")
    for key, kind in {"metric": str, "validated": bool, "best_epoch": int, "stopped": str, "epochs": list}.items():
        if type(saved.get(key)) is not kind:
            raise ModelFileError(f'"{key}" of a history is {saved.get(key)!r:.40}, expected {kind.__name__}')
    if saved["stopped"] not in STOPPED:
        raise ModelFileError(f'"stopped" is {saved["stopped"]!r:.40}, expected one of {", ".join(STOPPED)}')
    epochs = [_epoch(k, entry) for k, entry in enumerate(saved["epochs"])]
    if not 0 <= saved["best_epoch"] < max(len(epochs), 1):
        raise ModelFileError(f'"best_epoch" is {saved["best_epoch"]}, of {len(epochs)} epochs')
    return History(saved["metric"], saved["validated"], epochs, saved["best_epoch"], saved["stopped"])


def _epoch(k: int, entry: object) -> Epoch:
    if not isinstance(entry, Mapping) or entry.keys() != set(Epoch._fields):
        raise ModelFileError(f"epoch {k} of a history is {entry!r:.60}, expected {', '.join(Epoch._fields)}")
    for name, x in entry.items():
        if type(x) not in (float, int) and x not in ("nan", "inf", "-inf"):
            raise ModelFileError(f'"{name}" of epoch {k} is {x!r:.40}, expected a number')
    return Epoch(**{name: float(x) for name, x in entry.items()})
