"""The loop of `nn.fit`: epochs of steps, what is measured after each, the best weights, and the ways to end."""

from __future__ import annotations

import math
import random
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from statistics import fmean
from typing import TypeVar

from nn.callbacks import AnyCallback, Callback, Training
from nn.data import batches
from nn.eager.step import Worker
from nn.history import Epoch, History
from nn.replay import NotCompilable, Unrepeatable
from nn.schedules import Schedule

T = TypeVar("T")


@dataclass
class Loop:
    """A training, set up or under way.

    It is `watched` if somebody looks at the model after each epoch: callbacks, a checkpoint. Gradients are clipped by
    value first. Where `order` stands says in which order the samples come next. It is `meddled` if the schedule or the
    metric holds the model, say, and so looks at it or changes it at any step. `best` gives the state of the model at
    the best epoch so far; an empty one before there is any. What was `told` of the worker stands in the history.
    """

    at: Training
    worker: Worker
    schedule: Schedule | None
    clip_value: float | None
    clip_norm: float | None
    order: random.Random
    callbacks: Sequence[AnyCallback]
    watched: bool
    meddled: bool = False
    best: Callable[[], dict[str, float]] = dict
    told: str = ""

    @property
    def history(self) -> History:
        """The record."""
        return self.at.history

    def run(self, epochs: int, patience: int | None, after_epoch: Callable[[bool], None]) -> None:
        """Train until one of the ways to end, and leave the model with the best weights.

        `epochs` are those of the whole training, `patience` is how many in a row may be no better than the best, and
        `after_epoch` is called when everything about one is known, and told whether it is the last.
        """
        history = self.history
        self._read()
        try:
            while not self._over(epochs, patience):
                if not self._epoch():
                    history.stopped = "diverged"
                    break
                if self.watched:
                    self.worker.show()
                self.at.model.eval()
                for callback in self.callbacks:
                    (callback.on_epoch if isinstance(callback, Callback) else callback)(self.at)
                if self.callbacks:
                    self._read()  # one may have changed the weights
                after_epoch(self._over(epochs, patience))
        except KeyboardInterrupt:
            history.stopped = "interrupted"
        finally:
            self.worker.show()
            if best := self.best():
                self.at.model.load_state_dict(best)
            self.at.model.eval()
            self._tell()

    def _read(self) -> None:
        """Let the worker take what was changed; what it cannot replay any more is done eagerly from here on."""
        try:
            self.worker.read()
        except NotCompilable as reason:
            self.worker = Worker(self.worker.problem, reason)
        self._tell()

    def _by_worker(self, work: Callable[[Worker], T]) -> T:
        """Let the worker do something, or, if that cannot be replayed, one that does it eagerly."""
        try:
            return work(self.worker)
        except NotCompilable as reason:
            self.worker.show()
            self.worker = Worker(self.worker.problem, reason)
            return work(self.worker)

    def _tell(self) -> None:
        """Write down what does the work; and warn, once, of code that would not do the same if it were replayed."""
        worker, history = self.worker, self.history
        if worker.backend != self.told:
            history.backend = f"{history.backend}; later {worker.backend}" if self.told else worker.backend
            self.told = worker.backend
            if isinstance(worker.reason, Unrepeatable):
                warnings.warn(f"{worker.reason}; so it is called anew each time", RuntimeWarning, stacklevel=4)

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
        if self.meddled:
            self.worker.show()
        measured = self._by_worker(methodcaller("measure"))
        if self.meddled:
            self._read()
        if not all(hasattr(x, "__float__") for x in measured):
            raise TypeError(f"a metric gives a number for the whole of a data set, got {measured[1]!r:.60}")
        if not math.isfinite(measured[0]):
            return False
        loss, score, aside, aside_score = map(float, measured)
        seconds = time.perf_counter() - begin
        self.history.epochs.append(Epoch(loss, score, aside, aside_score, seconds, rate, norm))
        if k == 0 or self.history.judge(k) < self.history.judge(self.history.best_epoch):
            self.best, self.history.best_epoch = self.worker.snapshot(), k
        return True

    def _descend(self) -> list[float] | None:
        """Go through the training part once: the gradients' norms; None as soon as a loss, or at the end a number of
        the model or the optimizer, is not finite. No step is made from such a loss or gradient.
        """
        at, problem = self.at, self.worker.problem
        norms: list[float] = []
        callbacks = [callback for callback in self.callbacks if isinstance(callback, Callback)]
        watching = [callback for callback in callbacks if type(callback).on_step is not Callback.on_step]
        self.worker.begin()
        for chosen in batches(len(problem.training), problem.batch_size, self.order):
            if problem.weights is not None and not any(problem.weights[k] for k in chosen):
                continue  # nothing in it counts
            if self.schedule is not None:
                self._schedule(self.schedule)
            at.loss = self._by_worker(methodcaller("gradient", chosen))
            at.gradient_norm = self.worker.clipped(self.clip_value, self.clip_norm)
            if not (math.isfinite(at.loss) and math.isfinite(at.gradient_norm)):
                return None
            self.worker.update()
            at.step += 1
            norms.append(at.gradient_norm)
            if watching:
                self.worker.show()
                for callback in watching:
                    callback.on_step(at)
                self._read()
            if at.stopping:
                break
        # The parameters too: a relu may hide an infinite weight from the loss.
        return norms if self.worker.is_finite() else None

    def _schedule(self, schedule: Schedule) -> None:
        if self.meddled:
            self.worker.show()
        self.at.optimizer.lr = schedule(self.at.step)
        if self.meddled:
            self._read()
