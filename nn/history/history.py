"""What is remembered of a training: numbers by epoch, a summary of them, and files.

CSV is for spreadsheets, JSON for programs; both hold every number to the last bit.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from autodiff.errors import ModelFileError
from autodiff.files import write_atomically
from autodiff.show import html_table, text_table
from nn.checks import a_path, is_finite
from nn.history.diagnosis import Diagnosis, diagnose

FORMAT, VERSION = "autodiff.nn history", 1
KEYS = {"metric": str, "validated": bool, "best_epoch": int, "stopped": str, "epochs": list}

STOPPED = ("finished", "patience", "callback", "interrupted", "diverged")
"""How a training may end."""

_SHOWN = 8


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


@dataclass(repr=False)
class History:
    """The record of a training; printed, its `summary`.

    Parameters
    ----------
    metric : str
        What the scores are: "accuracy", "r2", or the name of another metric.
    validated : bool
        Whether there was a validation part.
    epochs : list of Epoch
        One an epoch; number 0 is the model before training.
    best_epoch : int
        The epoch whose weights the model was left with: the one with the lowest validation loss, the first of
        several; without a validation part that with the lowest training loss.
    stopped : str
        Why training ended: "finished", "patience" (no better epoch for long), "callback" (one asked for it),
        "interrupted" (Ctrl-C) or "diverged".
    backend : str
        What the steps ran on: "llvm", "numpy", "python", or "eager", with the reason: "eager: the loss ...". If only
        the optimizer's rule is not replayed, "llvm, but eager steps: ..."; if that changed in the middle,
        "llvm; later eager: ...". It is not saved.

    Examples
    --------
    >>> none = math.nan
    >>> history = History("accuracy", False, [Epoch(0.7, 0.5, none, none, 0.1), Epoch(0.2, 1.0, none, none, 0.1)], 1)
    >>> history.best.training_score, history.column("training_loss")
    (1.0, [0.7, 0.2])
    """

    metric: str
    validated: bool
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = "finished"
    backend: str = field(default="", compare=False)

    @property
    def best(self) -> Epoch:
        """What was measured at the best epoch."""
        return self.epochs[self.best_epoch]

    @property
    def seconds(self) -> float:
        """The time of all epochs together."""
        return sum(self.column("seconds"))

    @property
    def diagnosis(self) -> Diagnosis:
        """What the learning curve says, in words; see `nn.diagnose`."""
        return diagnose(self)

    def column(self, name: str) -> list[float]:
        """One quantity over all epochs, by its name in `Epoch`; empty for validation where there was none.

        Raises
        ------
        ValueError
            If there is no such quantity.
        """
        if name not in Epoch._fields:
            raise ValueError(f"unknown quantity {name!r:.60}; known are {', '.join(Epoch._fields)}")
        if name.startswith("validation") and not self.validated:
            return []
        return [getattr(epoch, name) for epoch in self.epochs]

    def judged(self) -> list[float]:
        """The losses by which the best epoch is chosen: validation, if there is such a part, else training.

        Returns
        -------
        list of float
            One an epoch; infinite in place of nan, so that nan is never the best.
        """
        return [self.judge(k) for k in range(len(self.epochs))]

    def judge(self, k: int) -> float:
        """The loss by which epoch k is judged; see `judged`."""
        loss = self.epochs[k].validation_loss if self.validated else self.epochs[k].training_loss
        return math.inf if math.isnan(loss) else loss

    def names(self) -> list[str]:
        """What was measured of each epoch, by the names in `Epoch`: without those of a part that there was not."""
        return [name for name in Epoch._fields if self.validated or not name.startswith("validation")]

    # -- For people --------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """A few lines of text: how long, how it ended, the numbers of the best epoch, and the diagnosis.

        Returns
        -------
        str
            Lines without a last newline.

        Examples
        --------
        >>> history = History("accuracy", False, [Epoch(0.7, 0.5, math.nan, math.nan, 0.25)], stopped="interrupted")
        >>> print(history.summary())
        0 epochs in 0.2 s, interrupted; best epoch: 0
        <BLANKLINE>
        part     | loss   | accuracy
        training | 0.7000 | 0.5000
        """
        if not self.epochs:
            return self._title()
        rows = [["training", f"{self.best.training_loss:.4f}", f"{self.best.training_score:.4f}"]]
        if self.validated:
            rows.append(["validation", f"{self.best.validation_loss:.4f}", f"{self.best.validation_score:.4f}"])
        lines = [self._title(), "", text_table(["part", "loss", self.metric], rows)]
        if len(self.epochs) > 1:
            lines += ["", str(self.diagnosis)]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"History({self._title()})"

    def _title(self) -> str:
        if not self.epochs:
            return f"no epoch was measured, {self.stopped}"
        count = len(self.epochs) - 1
        ending = {"patience": "stopped early", "callback": "stopped by a callback"}.get(self.stopped, self.stopped)
        return (
            f"{count} epoch{'' if count == 1 else 's'} in {self.seconds:.1f} s, {ending}; best epoch: {self.best_epoch}"
        )

    def _repr_html_(self) -> str:
        """A table for Jupyter: some epochs, the first, the best and the last among them."""
        if not self.epochs:
            return f"<p>{self.summary()}</p>"
        last = len(self.epochs) - 1
        chosen = {round(k * last / _SHOWN) for k in range(_SHOWN + 1)} | {self.best_epoch}
        names = [name for name in self.names() if name != "seconds"]
        header = ["epoch", *(name.replace("score", self.metric).replace("_", " ") for name in names)]
        rows = [
            [
                f"{k} (best)" if k == self.best_epoch else str(k),
                *(f"{getattr(self.epochs[k], name):.4g}" for name in names),
            ]
            for k in sorted(chosen)
        ]
        return html_table(self._title(), header, rows)

    # -- Files -------------------------------------------------------------------------------------------------------

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one row an epoch, for spreadsheets and pandas.

        Parameters
        ----------
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
        a_path(path)
        if not self.epochs:
            raise ValueError("the history is empty: there is no epoch to write")
        page = io.StringIO()
        writer = csv.writer(page, lineterminator="\n")
        writer.writerow(["epoch", *self.names(), "best", "metric", "stopped"])
        for k, epoch in enumerate(self.epochs):
            numbers = [repr(getattr(epoch, name)) for name in self.names()]
            writer.writerow([k, *numbers, int(k == self.best_epoch), self.metric, self.stopped])
        write_atomically(path, page.getvalue())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write it to a JSON file.

        Parameters
        ----------
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
        ...     history.to_json(f"{folder}/history.json")
        ...     History.from_json(f"{folder}/history.json").column("gradient_norm")
        [2.0]
        """
        a_path(path)
        document = {"format": FORMAT, "version": VERSION, **self.to_dict()}
        write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> History:
        """Read what `to_json` wrote, the same to the last bit.

        Parameters
        ----------
        path : path
            The file.

        Raises
        ------
        ModelFileError
            If it is not such a file, or is damaged; the message names the file.
        OSError
            If it cannot be read.
        """
        a_path(path)
        try:
            document = json.loads(Path(path).read_bytes().decode("utf-8"))
            kind = (document.get("format"), repr(document.get("version"))) if isinstance(document, dict) else None
            if kind != (FORMAT, repr(VERSION)):  # repr: 1.0 and true equal 1
                raise ModelFileError(f'not a saved history: expected "format": "{FORMAT}" and "version": {VERSION}')
            return cls.from_dict(document)
        except ModelFileError as error:
            raise ModelFileError(f"{os.fspath(path)}: {error}") from None
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"{os.fspath(path)}: not valid JSON, or cut off ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it, as part of a larger file; "nan", "inf" and "-inf" stand for what it cannot."""
        epochs = [
            {name: x if math.isfinite(x) else repr(x) for name, x in epoch._asdict().items()} for epoch in self.epochs
        ]
        return {key: getattr(self, key) for key in KEYS} | {"epochs": epochs}

    @classmethod
    def from_dict(cls, saved: object) -> History:
        """The history that `to_dict` gave; of anything else a ModelFileError names the entry."""
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
        return cls(**{key: saved[key] for key in KEYS} | {"epochs": epochs})


def _epoch(k: int, entry: object) -> Epoch:
    if not isinstance(entry, Mapping) or entry.keys() != set(Epoch._fields):
        raise ModelFileError(f"epoch {k} of a history is {entry!r:.60}, expected {', '.join(Epoch._fields)}")
    for name, x in entry.items():
        if not (type(x) is float or (type(x) is int and is_finite(x)) or x in ("nan", "inf", "-inf")):
            raise ModelFileError(f'"{name}" of epoch {k} is {x!r:.40}, expected a number')
    return Epoch(**{name: float(x) for name, x in entry.items()})
