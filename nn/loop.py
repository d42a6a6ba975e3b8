"""The loop of `nn.fit`: epochs of steps, what is measured after each, the best weights, and the ways to end."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from nn.callbacks import Callback, Training
from nn.clip import clip_grad_norm_, clip_grad_value_, grad_norm
from nn.dataset import Dataset, batches
from nn.history import Epoch, History
from nn.schedules import Schedule
from nn.step import Loss, Metric, Step, evaluate

__all__ = ["Loop"]


@dataclass
class Loop:
    """A training, set up or under way.

    Parameters
    ----------
    at : Training
        The model, the optimizer, the history, and how far it is.
    step : Step
        What computes the loss of a mini-batch and its gradients.
    training, validation : Dataset
        The parts; the second may be None.
    weights : sequence of float or None
        One a sample of the training part.
    loss, metric : callable
        What is measured after each epoch.
    schedule : callable or None
        The learning rate of each step.
    clip_value, clip_norm : float or None
        Bounds of the gradients, taken in this order.
    batch_size : int
        Samples a step.
    order : random.Random
        Where the order of the samples comes from.
    callbacks : sequence of Callback
        What is called after steps and epochs.
    best : dict of str to float
        The state of the model at the best epoch so far; empty before there is one.
    """

    at: Training
    step: Step
    training: Dataset
    validation: Dataset | None
    weights: Sequence[float] | None
    loss: Loss
    metric: Metric
    schedule: Schedule | None
    clip_value: float | None
    clip_norm: float | None
    batch_size: int
    order: random.Random
    callbacks: Sequence[Callback] = ()
    best: dict[str, float] = field(default_factory=dict)

    @property
    def history(self) -> History:
        """The record."""
        return self.at.history

    def run(self, epochs: int, patience: int | None, after_epoch: Callable[[], None]) -> None:
        """Train until one of the ways to end, and leave the model with the best weights.

        Parameters
        ----------
        epochs : int
            Of the whole training, those before it was resumed included.
        patience : int or None
            How many epochs in a row may be no better than the best.
        after_epoch : callable
            Called after each epoch, when everything about it is known: to save and to report.
        """
        history = self.history
        try:
            while not self._over(epochs, patience):
                if not self._epoch():
                    history.stopped = "diverged"
                    break
                for callback in self.callbacks:
                    callback.on_epoch(self.at)
                after_epoch()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
        finally:
            if self.best:
                self.at.model.load_state_dict(self.best)
            self.at.model.eval()

    def _over(self, epochs: int, patience: int | None) -> bool:
        """Whether training has come to an end; the history then says which."""
        history, done = self.history, len(self.history.epochs) - 1
        if done < 0:  # the untrained model comes first, and is measured in any case
            return False
        if self.at.stopping:
            history.stopped = "callback"
        elif done >= epochs:
            history.stopped = "finished"
        elif patience is not None and done - history.best_epoch >= patience:
            history.stopped = "patience"
        else:
            return False
        return True

    def _epoch(self) -> bool:
        """One epoch of training (none for the first, number 0) and its record; False if a number is not finite."""
        begin = time.perf_counter()
        rate = norm = math.nan
        self.at.epoch = k = len(self.history.epochs)
        if k > 0:
            norms = self._descend()
            if norms is None:
                return False
            rate, norm = self.at.optimizer.lr, fmean(norms)
        here = evaluate(self.at.model, self.training, self.loss, self.metric, self.weights)
        if not math.isfinite(here[0]):
            return False
        there = evaluate(self.at.model, self.validation, self.loss, self.metric) if self.validation else (math.nan,) * 2
        self.history.epochs.append(Epoch(*here, *there, time.perf_counter() - begin, rate, norm))
        judged = self.history.judged()
        if k == 0 or judged[k] < judged[self.history.best_epoch]:
            self.best, self.history.best_epoch = self.at.model.state_dict(), k
        return True

    def _descend(self) -> list[float] | None:
        """Go through the training part once: the gradients' norms; None as soon as a loss, or at the end a number of
        the model or the optimizer, is not finite. No step is made from such a loss or gradient.
        """
        at, norms = self.at, []
        at.model.train()
        for chosen in batches(len(self.training), self.batch_size, self.order):
            if self.schedule is not None:
                at.optimizer.lr = self.schedule(at.step)
            at.optimizer.zero_grad()
            at.loss = self.step(
                [self.training.features[k] for k in chosen],
                [self.training.targets[k] for k in chosen],
                None if self.weights is None else [self.weights[k] for k in chosen],
            )
            at.gradient_norm = self._clipped()
            if not (math.isfinite(at.loss) and math.isfinite(at.gradient_norm)):
                return None
            at.optimizer.step()
            at.step += 1
            norms.append(at.gradient_norm)
            for callback in self.callbacks:
                callback.on_step(at)
            if at.stopping:
                break
        # The parameters too: a relu may hide an infinite weight from the loss.
        numbers = [*at.model.state_dict().values(), *(x for column in at.optimizer.state.values() for x in column)]
        return norms if all(map(math.isfinite, numbers)) else None

    def _clipped(self) -> float:
        """Clip the gradients; the norm before."""
        parameters = self.at.optimizer.parameters
        norm = grad_norm(parameters)
        if self.clip_value is not None:
            clip_grad_value_(parameters, self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm_(parameters, self.clip_norm)
        return norm
