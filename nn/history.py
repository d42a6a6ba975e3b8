"""What is remembered of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Epoch", "History"]


class Epoch(NamedTuple):
    """What was measured after one epoch, on each part as a whole; nan without a validation part."""

    training_loss: float
    training_score: float
    validation_loss: float
    validation_score: float
    seconds: float


@dataclass
class History:
    """The record of a training.

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
        Why training ended: "finished", "interrupted" (Ctrl-C) or "diverged".
    """

    metric: str
    validated: bool
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = "finished"

    @property
    def best(self) -> Epoch:
        """What was measured at the best epoch."""
        return self.epochs[self.best_epoch]

    @property
    def seconds(self) -> float:
        """The time of all epochs together."""
        return sum(self.column("seconds"))

    def column(self, name: str) -> list[float]:
        """One quantity over all epochs, by its name in `Epoch`; empty for validation where there was none."""
        if name.startswith("validation") and not self.validated:
            return []
        return [getattr(epoch, name) for epoch in self.epochs]
