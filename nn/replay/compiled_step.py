"""`compile`: a model and its loss as one program that runs over a batch; see `autodiff.replay`.

A data set is held as columns of numbers (`Columns`), from which the samples of a batch are gathered into the inputs of
a program (`Plan`).
"""

from __future__ import annotations

import math
import operator
from array import array
from collections.abc import Callable, Hashable, Sequence
from functools import cache, cached_property
from typing import Any, Literal

from autodiff import ops, recording
from autodiff.errors import TraceError
from autodiff.operation import real
from autodiff.recording import no_grad
from autodiff.replay import Bound, Kernel, Report, Rows, Tracer
from autodiff.value import Value, write
from nn.eager.step import Loss
from nn.losses.functions import SAMPLE_LOSSES, as_row, check_weights, is_row, shares_of
from nn.model.mlp import MLP, Layer, Neuron
from nn.model.module import Module, evaluating, forward_batch, unwrapped
from nn.replay.settings import NotCompilable, Settings, Unrepeatable

_TRIED = 8
"""Samples that a program is tried with."""


@cache
def numpy_or_none() -> Any:
    """The module NumPy, or None if it is not installed."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


class Columns:
    """Numbers of samples, column by column: features, numbers that stand for the targets, and weights of the samples.

    `inputs`, `told` and `width` are the numbers of columns: features, numbers for a target, and both together.
    """

    def __init__(
        self,
        features: Sequence[Sequence[float]],
        told: Sequence[Sequence[float]],
        weights: Sequence[float] | None = None,
    ) -> None:
        for k, row in enumerate(features):
            if len(row) != len(features[0]):
                raise ValueError(f"row {k} has {len(row)} features, row 0 has {len(features[0])}")
        if weights is not None and len(weights) != len(features):
            raise ValueError(f"{len(features)} samples but {len(weights)} weights; give one weight for each")
        self._count = len(features)
        self.inputs, self.told = len(features[0]), len(told[0])
        self.width = self.inputs + self.told
        self._columns = [array("d", column) for rows in (features, told) for column in zip(*rows)]
        self._weights = None if weights is None else array("d", map(real, weights))
        check_weights(self._weights or ())
        numpy = numpy_or_none()
        self._table = None if numpy is None else numpy.array(self._columns).reshape(self.width, self._count)

    def __len__(self) -> int:
        return self._count

    def sample(self, k: int) -> tuple[list[float], list[float]]:
        """The features of one, and its numbers for the target."""
        numbers = [column[k] for column in self._columns]
        return numbers[: self.inputs], numbers[self.inputs :]

    @cached_property
    def telling(self) -> list[int]:
        """Some samples, the first two among them, that show what kinds of numbers there are, column after column.

        A zero, the least number and the largest are where code of the user's is likely to do something else.
        """
        chosen = list(range(min(2, self._count)))
        for kind in (lambda _: 0.0, min, max):
            for column in self._columns:
                if len(chosen) == _TRIED:
                    return chosen
                x = kind(column)
                if all(column[k] != x for k in chosen) and x in column:
                    chosen.append(column.index(x))
        return chosen

    def shares(self, chosen: Sequence[int], mean: bool) -> array[float]:
        """What the losses of some count in the whole: their weights, in a mean over the sum of the weights."""
        n = len(chosen)
        if self._weights is None:
            return array("d", [1.0 / n if mean else 1.0]) * n
        weights = [self._weights[s] for s in chosen]
        return array("d", shares_of(weights) if mean else weights)

    def gather(self, chosen: Sequence[int], rows: Rows, mean: bool) -> None:
        """Copy some samples into the rows of a buffer, and behind these the shares of their losses."""
        rows.fill([self.shares(chosen, mean)], self.width)
        if self._table is not None:
            rows.table[: self.width] = self._table[:, chosen]
        else:
            rows.fill(array("d", [column[s] for s in chosen]) for column in self._columns)


def is_finite(numbers: Any) -> bool:
    """Whether all numbers of a flat buffer are finite."""
    numpy = numpy_or_none()
    return all(map(math.isfinite, numbers)) if numpy is None else bool(numpy.isfinite(numbers).all())


_KEPT = 16


def forget_oldest(kept: dict[Any, Any]) -> None:
    """Drop what is too much of a cache."""
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]


class Plan:
    """A compiled program of a batch, with room for batches of several sizes.

    Its first shared inputs are the parameters, its last the `numbers` that the model keeps, by their places, read anew
    at each run. Either each sample is one in the program, with its features, the numbers of its target, and its share
    in the loss; or these of all samples in one graph, in the rows `together`, are further shared inputs. Its shared
    results: the loss, and its gradient; with a penalty, the same of that. If no gradients are wanted, outputs of the
    model are: of each sample, or all in all `outputs` numbers behind the loss.
    """

    def __init__(
        self, kernel: Kernel, numbers: Sequence[tuple[int, Callable[[], float]]], together: Rows | None, outputs: int
    ) -> None:
        self.kernel = kernel
        self._numbers = numbers
        self._together = together
        self._outputs = outputs
        self._rooms: dict[int, Bound] = {}
        self.runs = 0

    @property
    def by_samples(self) -> bool:
        """Whether each sample is one in the program."""
        return self._together is None

    def run(self, parameters: array[float], columns: Columns, chosen: Sequence[int], mean: bool) -> array[float]:
        """The shared results for some samples; a buffer that the next run overwrites."""
        n = len(chosen)
        room = self._room(n)
        room.shared[: len(parameters)] = parameters
        for k, read in self._numbers:
            room.shared[k] = read()
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


def compile(model: Module, loss: Loss, *, reduction: str = "mean", backend: str = "auto") -> CompiledStep:
    """Compile a model and a loss to one step of training over a batch: the loss, and the gradient of every parameter.

    Parameters
    ----------
    model : Module
        Takes a row of features. It is traced in the mode, training or evaluation, in which it is at the first call.
    loss : callable
        One of `nn.losses`; or a function of the outputs and targets of a batch that works on Values. The latter is
        traced with the whole batch as one graph, and so is a model that couples the samples of a batch.
    reduction : {"mean", "sum"}
        Whether the losses of the samples are averaged (by their weights, if there are any) or summed.
    backend : {"auto", "llvm", "numpy", "python"}
        As in `autodiff.compile`.

    Returns
    -------
    CompiledStep
        To be called with the rows and targets of a batch, of any size.

    Raises
    ------
    ValueError
        If the reduction is unknown, or is "sum" for a loss that is none of `nn.losses`.
    NotCompilable
        At once or at the first call, if the model or the loss cannot be traced, or does more than to compute: draws
        random numbers, counts its calls, prints. (It is a TypeError.)

    Notes
    -----
    What a model or a loss keeps besides its parameters may be changed at any time. Floats that are attributes, or in
    lists, tuples and dicts that are, are read anew at each call. All else (a flag, an int, an activation, a layer; a
    number that it branches on; what functions find in closures, defaults, global names and classes) is looked at
    before each call, and if it is no longer the same, the program is recorded anew.

    Examples
    --------
    >>> from nn import MLP, losses
    >>> model = MLP(2, [3, 1], seed=0)
    >>> step = compile(model, losses.mse)
    >>> value = step([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0])  # adds to .grad, as backward() does
    >>> eager = losses.mse([model([0.0, 1.0]), model([1.0, 0.0])], [1.0, 2.0])
    >>> abs(value - eager.data) < 1e-12
    True
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f"the reduction is 'mean' or 'sum', got {reduction!r:.40}")
    return CompiledStep(model, loss, reduction=reduction, backend=backend)


class CompiledStep:
    """What `compile` returns.

    Parameters
    ----------
    model, loss, reduction, backend
        As for `compile`.
    penalty : callable, optional
        Takes nothing and gives a function of the parameters that is added to the loss.
    sweep : bool
        Whether gradients are wanted.
    settings : Settings, optional
        Those of the same model, where it is looked at already.

    Attributes
    ----------
    values : list of Value
        The model's parameters.
    parameters, gradient : array of float
        Flat buffers of their numbers and gradients, which `run` reads and writes; they stay where they are.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        penalty: Callable[[], Any] | None = None,
        *,
        reduction: str = "mean",
        backend: str = "auto",
        sweep: bool = True,
        settings: Settings | None = None,
    ) -> None:
        if not isinstance(model, Module):
            raise NotCompilable(f"expected a Module, whose parameters are known, got {type(model).__name__}")
        self.model, self.loss, self.penalty = model, loss, penalty
        self._mean = reduction == "mean"
        self._backend = backend
        self._sweep = sweep
        self._sample_loss = SAMPLE_LOSSES.get(loss) if isinstance(loss, Hashable) else None
        if self._sample_loss is None and not self._mean:
            raise ValueError("the reduction of a loss that is none of nn.losses is its own; leave it at 'mean'")
        self._begin(settings)

    def _begin(self, settings: Settings | None = None) -> None:
        """Look at the model as it is now; whatever was recorded before is forgotten."""
        self.values = self.model.parameters()
        # Those whose mode may matter; a network has one for each neuron, and asking them all takes time.
        self._modules = [m for m in self.model.modules() if type(m) not in (Neuron, Layer, MLP)]
        self.parameters = array("d", bytes(8 * len(self.values)))
        self.gradient = array("d", bytes(8 * len(self.values) * self._sweep))
        self.settings = settings or Settings("the model or the loss", self.model, self.loss, self.penalty)
        self._sizes: dict[int, int | None] = {}
        self._plans: dict[Any, Plan] = {}

    def __call__(self, rows: Sequence[Any], targets: Sequence[Any], weights: Sequence[float] | None = None) -> float:
        """Add the gradients of the batch's loss to ``.grad`` of the parameters; return the loss.

        Parameters
        ----------
        rows : sequence of rows of float
            The samples.
        targets : sequence
            One a sample, as the loss takes them.
        weights : sequence of float, optional
            One a sample.

        Returns
        -------
        float
            The loss.
        """
        if self.settings.changed():
            self._begin()
        columns = self.columns(rows, targets, weights)
        self.pull()
        value = self.run(columns, range(len(columns)))
        for p, g in zip(self.values, self.gradient):
            p.grad += g
        return value

    def pull(self) -> None:
        """Copy the numbers of the parameters into the buffer."""
        self.parameters[:] = array("d", [p._data for p in self.values])

    def push(self) -> None:
        """Copy the buffer's numbers into the parameters."""
        write(self.values, self.parameters)

    @property
    def backend(self) -> str:
        """What runs the program that ran last."""
        return self._last.kernel.backend

    @property
    def report(self) -> Report:
        """The report on the program that ran last; see `autodiff.replay`."""
        return Report.of(self._last.kernel)

    def columns(self, rows: Sequence[Any], targets: Sequence[Any], weights: Sequence[float] | None = None) -> Columns:
        """A data set as `run` takes it; targets are checked here, as the loss does.

        Raises
        ------
        ValueError, TypeError
            If lengths differ, or a target is none that the loss takes.
        """
        if len(rows) != len(targets):
            raise ValueError(f"{len(rows)} rows but {len(targets)} targets; give one target for each")
        if len(rows) == 0:
            raise ValueError("there are no rows; the mean over no sample has no meaning")
        features = [[float(x) for x in as_row(row)] for row in rows]
        if self._sample_loss is None:
            told = [[float(x) for x in as_row(t)] for t in targets]
        else:
            size = self._size(features[0])
            told = [as_row(self._sample_loss.read(t, k, size)) for k, t in enumerate(targets)]
        return Columns(features, told, weights)

    def _size(self, row: list[float]) -> int | None:
        """How many outputs a sample has; None for one that is no row."""
        if len(row) not in self._sizes:
            with self.settings.kept(), no_grad(), evaluating(self.model):
                outputs = forward_batch(self.model, [row])[0]
            self._sizes[len(row)] = len(outputs) if is_row(outputs) else None
        return self._sizes[len(row)]

    def run(self, columns: Columns, chosen: Sequence[int]) -> float:
        """The loss of some samples, by the numbers in `parameters`; writes `gradient`.

        The model is as it was when it was made, or last called; but for floats, which are read anew.

        Parameters
        ----------
        columns : Columns
            What `columns` made of a data set.
        chosen : sequence of int
            Which samples, one at least.

        Returns
        -------
        float
            The loss.

        Raises
        ------
        NotCompilable
            If the model or the loss cannot be traced.
        """
        plan = self.prepare(columns, chosen)
        if self.settings.foreign:
            self._try_again(plan, columns, chosen)
        results = plan.run(self.parameters, columns, chosen, self._mean)
        if self.settings.foreign and not is_finite(results):
            step = _TRIED if plan.by_samples else len(chosen)
            for k in range(0, len(chosen), step):
                self._see_if_same(plan, columns, chosen[k : k + step])
            results = plan.run(self.parameters, columns, chosen, self._mean)
        end = 1 + len(self.gradient)
        if self.penalty is None:
            self.gradient[:] = results[1:end]
            return results[0]
        _add(results, end, self.gradient)
        return results[0] + results[end]

    def outputs(self, n: int) -> list[Any]:
        """What the model gave for each of the n samples of the last run, if no gradients are wanted."""
        rows = self._last.each(n)
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def prepare(self, columns: Columns, chosen: Sequence[int]) -> Plan:
        """Trace and compile what `run` will need for the same arguments, if it is not there yet.

        Raises
        ------
        NotCompilable
            If the model or the loss cannot be traced.
        """
        coupled = self._sample_loss is None or any(m.couples_samples for m in self._modules)
        together = len(chosen) if coupled else None
        key = together, columns.inputs, columns.told, *[m.training for m in self._modules]
        if key not in self._plans:
            try:
                self._plans[key] = self._recorded(columns, chosen, together)
            except (TraceError, TypeError) as problem:
                if isinstance(problem, NotCompilable):
                    raise
                raise NotCompilable(f"the model or the loss cannot be recorded: {problem}") from problem
            forget_oldest(self._plans)
        self._last = self._plans[key]
        return self._last

    def _recorded(self, columns: Columns, chosen: Sequence[int], together: int | None) -> Plan:
        """A program that gives what the model does: where there is code of the user's in it, that is tried."""
        while True:
            plan = self._traced(columns, together)
            if not self.settings.foreign or self._gives_the_same(plan, columns, self._tried(plan, columns, chosen)):
                return plan
            if not self.settings.hold():
                raise NotCompilable("the model or the loss computes something else when it is recorded")

    def _try_again(self, plan: Plan, columns: Columns, chosen: Sequence[int]) -> None:
        """See after 1, 2, 4, 8 ... runs whether it still does: not all that code may depend on is to be seen."""
        if plan.runs & (plan.runs - 1) == 0 and plan.runs:
            self._see_if_same(plan, columns, self._tried(plan, columns, chosen))
        plan.runs += 1

    def _see_if_same(self, plan: Plan, columns: Columns, chosen: Sequence[int]) -> None:
        if not self._gives_the_same(plan, columns, chosen):
            raise Unrepeatable("the model or the loss computes something else than when it was recorded")

    def _tried(self, plan: Plan, columns: Columns, chosen: Sequence[int]) -> Sequence[int]:
        """Samples to try a program with that was made for some: others, too, if it takes them one by one."""
        return columns.telling if plan.by_samples else chosen

    def _traced(self, columns: Columns, together: int | None) -> Plan:
        """The program for samples with such columns: `together` in one graph, or any number, one after the other."""
        lane, count = together is None, together or 1

        def trace() -> tuple[Tracer, tuple[Any, ...]]:
            tracer = Tracer()
            tracer.adopt(self.values)
            # In the order of the buffers: column after column, and in each sample after sample.
            given = [[tracer.stand_in(lane) for _ in range(count)] for _ in range(columns.width + 1)]
            self.settings.enter(tracer)
            rows = [tuple(row) for row in zip(*given[: columns.inputs])]
            told = list(zip(*given[columns.inputs : -1]))
            found = tracer.trace(self._computed, rows, told, given[-1], lane)
            total, outputs, penalty = found
            numbers = [] if self._sweep else [x for y in outputs for x in as_row(y)]
            tracer.want([total, *numbers, *([] if penalty is None else [penalty])], "one")
            return tracer, found

        tracer, (total, outputs, penalty) = self.settings.record(trace)
        tracer.wanted.clear()  # that was to compare it

        def want(y: Any, kind: Literal["one", "sum"]) -> None:
            tracer.want([y], kind)
            if self._sweep:
                tracer.want_gradient(y, self.values, kind, summed=True)

        want(total, "sum" if lane else "one")
        if self.penalty is not None:
            want(penalty, "one")
        numbers = [x for y in outputs for x in as_row(y)]
        if not self._sweep:
            tracer.want(numbers, "each" if lane else "one")
        kernel = Kernel(tracer, self._backend)
        rows_together = None if lane else Rows(columns.width + 1, count, packed=True)
        first = len(self.values) + (0 if lane else (columns.width + 1) * count)
        reads = self.settings.reads(kernel.program, first)
        return Plan(kernel, reads, rows_together, len(numbers))

    def _computed(self, rows: Sequence[Any], told: Sequence[Any], shares: Sequence[Any], lane: bool) -> tuple[Any, ...]:
        """The loss, as a sum that shares say or by the user's own function; the outputs; the penalty."""
        outputs = forward_batch(self.model, rows)
        told = [unwrapped(list(t)) for t in told]
        penalty = None if self.penalty is None else self.penalty()
        if self._sample_loss is None:
            return self.loss(outputs, told), outputs, penalty
        terms = [self._sample_loss.of(y, t) for y, t in zip(outputs, told)]
        return terms[0] * shares[0] if lane else ops.dot(terms, shares), outputs, penalty

    def _gives_the_same(self, plan: Plan, columns: Columns, chosen: Sequence[int]) -> bool:
        """Whether a program computes what a graph of the same samples does."""
        with self.settings.kept():
            found = list(plan.run(array("d", [p._data for p in self.values]), columns, chosen, self._mean))
            outputs = [] if self._sweep else [x for row in plan.each(len(chosen)) for x in row]
        samples = [columns.sample(k) for k in chosen]
        rows, told = [x for x, _ in samples], [list(map(Value, t)) for _, t in samples]
        before = [p.grad for p in self.values]
        expected: list[Any] = []
        with self.settings.kept(), recording.resume():
            total, outputs_, penalty = self._computed(rows, told, columns.shares(chosen, self._mean), False)
        for y in (total, penalty):
            for p in self.values:
                p.grad = 0.0
            if y is not None:
                expected.append(float(y))
                if self._sweep:
                    if isinstance(y, Value):
                        y.backward()
                    expected += [p.grad for p in self.values]
        for p, g in zip(self.values, before):
            p.grad = g
        if not self._sweep:
            found = [*found[: len(expected)], *outputs]
            expected += [float(x) for y in outputs_ for x in as_row(y)]
        return agree(found[: len(expected)], expected)


def agree(found: Sequence[float], expected: Sequence[float], slack: float = 0.0) -> bool:
    """Whether numbers are the same but for rounding; one that is not finite is the same infinity, or both are nan."""
    slack += 1e-6 * max((abs(x) for x in expected if math.isfinite(x)), default=0.0)
    return len(found) == len(expected) and all(
        abs(x - y) <= slack if math.isfinite(x) and math.isfinite(y) else x == y or (x != x and y != y)
        for x, y in zip(found, expected)
    )


def _add(results: array[float], end: int, to: array[float]) -> None:
    """The gradient of the loss plus that of the penalty; each stands behind its value."""
    numpy = numpy_or_none()
    if numpy is None or not to:
        to[:] = array("d", map(operator.add, results[1:end], results[end + 1 : 2 * end]))
    else:
        table = numpy.frombuffer(results)
        numpy.add(table[1:end], table[end + 1 : 2 * end], numpy.frombuffer(to))
