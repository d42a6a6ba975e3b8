"""`compile`: a model and its loss as one program that runs over a batch; see `autodiff.replay`."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.errors import TraceError
from autodiff.recording import no_grad
from autodiff.replay.program_report import Report
from autodiff.value import write
from nn.eager.step import Loss, evaluating
from nn.losses.functions import SAMPLE_LOSSES
from nn.losses.targets import as_row, is_row
from nn.model.mlp import MLP, Layer
from nn.model.module import Module, forward_batch
from nn.model.neuron import Neuron
from nn.replay.columns import Columns, numpy_or_none
from nn.replay.plan import Plan, forget_oldest, record

__all__ = ["CompiledStep", "NotCompilable", "compile"]


class NotCompilable(TypeError):
    """A model or a loss cannot be recorded; the message says why."""


def compile(model: Module, loss: Loss, *, reduction: str = "mean", backend: str = "auto") -> CompiledStep:
    """Compile a model and a loss to one step of training over a batch: the loss, and the gradient of every parameter.

    Parameters
    ----------
    model : Module
        Takes a row of features. It is recorded in the mode, training or evaluation, in which it is at the first call.
    loss : callable
        One of `nn.losses`; or a function of the outputs and targets of a batch that works on Values. The latter is
        recorded with the whole batch as one graph, and so is a model that couples the samples of a batch.
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
        At once or at the first call, if the model or the loss cannot be recorded. (It is a TypeError.)

    Notes
    -----
    Numbers that a model keeps outside of Values are recorded as constants, except those of `Dropout` and `BatchNorm`.

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
    ) -> None:
        if not isinstance(model, Module):
            raise NotCompilable(f"expected a Module, whose parameters are known, got {type(model).__name__}")
        self.model, self.loss, self.penalty = model, loss, penalty
        self.values = model.parameters()
        # Those whose mode may matter; a network has one for each neuron, and asking them all takes time.
        self._modules = [m for m in model.modules() if type(m) not in (Neuron, Layer, MLP)]
        self.parameters = array("d", bytes(8 * len(self.values)))
        self.gradient = array("d", bytes(8 * len(self.values)))
        self._mean = reduction == "mean"
        self._backend = backend
        self._sweep = sweep
        self._sample_loss = SAMPLE_LOSSES.get(loss)
        if self._sample_loss is None and not self._mean:
            raise ValueError("the reduction of a loss that is none of nn.losses is its own; leave it at 'mean'")
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
    def report(self) -> Report:
        """The report on the program that ran last; see `autodiff.replay`."""
        return self._last.kernel.report

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
            with no_grad(), evaluating(self.model):
                outputs = forward_batch(self.model, features[:1])[0]
            size = len(outputs) if is_row(outputs) else None
            told = [as_row(self._sample_loss.read(t, k, size)) for k, t in enumerate(targets)]
        return Columns(features, told, weights)

    def run(self, columns: Columns, chosen: Sequence[int]) -> float:
        """The loss of some samples, by the numbers in `parameters`; writes `gradient`.

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
            If the model or the loss cannot be recorded.
        """
        plan = self.prepare(columns, chosen)
        results = plan.run(self.parameters, columns, chosen, self._mean)
        if self.penalty is None:
            if self._sweep:
                self.gradient[:] = results[1 : 1 + len(self.values)]
            return results[0]
        parts = 1 + len(self.values) if self._sweep else 1
        if self._sweep:
            _add(results, parts, self.gradient)
        return results[0] + results[parts]

    def outputs(self, n: int) -> list[Any]:
        """What the model gave for each of the n samples of the last run, if no gradients are wanted."""
        rows = self._last.each(n)
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def prepare(self, columns: Columns, chosen: Sequence[int]) -> Plan:
        """Record and compile what `run` will need for the same arguments, if it is not there yet.

        Raises
        ------
        NotCompilable
            If the model or the loss cannot be recorded.
        """
        coupled = self._sample_loss is None or any(m.couples_samples for m in self._modules)
        together = len(chosen) if coupled else None
        key = together, columns.inputs, columns.told, *[m.training for m in self._modules]
        if key not in self._plans:
            self._plans[key] = self._recorded(columns, together)
            forget_oldest(self._plans)
        self._last = self._plans[key]
        return self._last

    def _recorded(self, columns: Columns, together: int | None) -> Plan:
        try:
            return record(
                self.model,
                self.values,
                self.loss,
                self._sample_loss,
                self.penalty,
                columns,
                together,
                sweep=self._sweep,
                backend=self._backend,
            )
        except (TraceError, TypeError) as problem:
            raise NotCompilable(f"the model or the loss cannot be recorded: {problem}") from problem


def _add(results: array[float], parts: int, to: array[float]) -> None:
    """The gradient of the loss plus that of the penalty; each stands behind its value."""
    numpy = numpy_or_none()
    if numpy is None or not to:
        to[:] = array("d", map(operator.add, results[1:parts], results[parts + 1 : 2 * parts]))
    else:
        table = numpy.frombuffer(results)
        numpy.add(table[1:parts], table[parts + 1 : 2 * parts], numpy.frombuffer(to))
