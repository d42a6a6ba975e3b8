"""The program of a compiled step, run on the samples of a data set."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from autodiff.replay import Bound, Kernel, Rows
from nn.replay.columns import Columns

_KEPT = 16


def forget_oldest(kept: dict[Any, Any]) -> None:
    """Drop what is too much of a cache."""
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]


class Plan:
    """A compiled program of a batch, with room for batches of several sizes.

    Its first shared inputs are the parameters. Either each sample is one in the program, with its features, the numbers
    of its target, and its share in the loss; or these of all samples in one graph, in the rows `together`, are further
    shared inputs. Its shared results: the loss, and its gradient; with a penalty, the same of that. If no
    gradients are wanted, outputs of the model are: of each sample, or all in all `outputs` numbers behind the loss.
    """

    def __init__(self, kernel: Kernel, together: Rows | None, outputs: int) -> None:
        self.kernel = kernel
        self._together = together
        self._outputs = outputs
        self._rooms: dict[int, Bound] = {}

    def run(self, parameters: array[float], columns: Columns, chosen: Sequence[int], mean: bool) -> array[float]:
        """The shared results for some samples; a buffer that the next run overwrites."""
        n = len(chosen)
        room = self._room(n)
        room.shared[: len(parameters)] = parameters
        if self._together is not None:
            columns.gather(chosen, self._together, mean)
            given = self._together.buffer
            room.shared[len(parameters) : len(parameters) + len(given)] = given
            return room()
        whole = columns if type(chosen) is range and n == len(columns) else None
        if whole is None or room.holds is not whole:
            room.holds = whole  # a data set as a whole, run again and again, stays in its buffer
            columns.gather(chosen, room.inputs, mean)
        return room()

    def each(self, n: int) -> list[list[float]]:
        """The outputs of each of the n samples of the last run, one list a sample."""
        if self._together is None:
            return [list(row) for row in zip(*self._room(n).outputs.copies())]
        found = self.kernel.shared_out[1 : 1 + self._outputs]  # behind the loss, sample after sample
        width = len(found) // n
        return [list(found[k * width : (k + 1) * width]) for k in range(n)]

    def _room(self, n: int) -> Bound:
        room = self._rooms.get(n)
        if room is None:
            room = self._rooms[n] = self.kernel.bound(n)
            forget_oldest(self._rooms)
        return room
