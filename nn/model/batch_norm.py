"""Batch normalisation: every feature with mean 0 and variance 1 over the samples of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from autodiff import ops, recording
from autodiff.value import parameter
from nn.checks import affordable, finite, flag
from nn.model.module import Module, as_tuple, positive, unwrapped


class BatchNorm(Module):
    """Normalise each of n features over the batch, then scale and shift it: PyTorch's ``BatchNorm1d``.

    Parameters
    ----------
    n : int
        The number of features, at least 1.
    eps : float
        Is added to the variance, so that a feature that is constant does no harm; at least 0.
    momentum : float or None
        The share of the newest batch in the running statistics, from 0 to 1. None makes them the plain average over
        all batches.
    affine : bool
        Whether to scale and shift by parameters, which begin at 1 and 0.

    Attributes
    ----------
    weight, bias : list of Value, of length n
        Scales and shifts; empty lists if not affine.
    running_mean, running_var : list of float, of length n
        Mean and variance of each feature over the past batches, from 0 and 1; they belong to `state_dict`.
    num_batches_tracked : float
        How many batches these come from.
    name : str
        The name of the box that drawings put it in.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    In training mode, over the m samples of a batch, each feature x becomes
    ``weight (x - mean) / sqrt(var + eps) + bias`` with ``mean = sum(x) / m`` and ``var = sum((x - mean)**2) / m``;
    gradients flow through both. Samples are coupled by it, so it takes a batch, by `forward_batch`, of two samples at
    least. Each such call, also inside `no_grad`, moves the running statistics:
    ``running = (1 - momentum) running + momentum new``, where the new variance is the unbiased one, ``m / (m - 1)``
    times as large.

    In evaluation mode (``model.eval()``) it is the running statistics that are used, sample by sample.

    References
    ----------
    S. Ioffe and C. Szegedy, *Batch normalization*, ICML 2015, arXiv:1502.03167.

    Examples
    --------
    >>> norm = BatchNorm(1, eps=0.0)
    >>> [y.data for y in norm.forward_batch([[1.0], [3.0]])]
    [-1.0, 1.0]
    >>> norm.running_mean, norm.running_var
    ([0.2], [1.1])
    """

    _anew = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(self, n: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        n = positive(n, "n")
        self.eps = finite(eps, "eps", least=0.0)
        self.momentum = None if momentum is None else finite(momentum, "the momentum", least=0.0, most=1.0)
        affine = flag(affine, "affine")
        affordable(n, 600.0 if affine else 50.0, f"the parameters and statistics of {n:,} features")
        self.weight = [parameter(1.0, f"weight{k}") for k in range(n if affine else 0)]
        self.bias = [parameter(0.0, f"bias{k}") for k in range(n if affine else 0)]
        self.running_mean: list[float]
        self.running_var: list[float]
        self.num_batches_tracked: float
        self.register_buffer("running_mean", [0.0] * n)
        self.register_buffer("running_var", [1.0] * n, least=0.0)
        self.register_buffer("num_batches_tracked", 0.0, least=0.0)
        self.name = "batch norm"

    def __call__(self, x: Any) -> Any:
        """One sample, normalised by the running statistics.

        Parameters
        ----------
        x : sequence of Value or float, of length n
            The features.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.

        Raises
        ------
        ValueError
            If it is in training mode, or the number of features is wrong.
        """
        if self.training:
            raise ValueError(
                f"{self!r} in training mode normalises over a batch: call forward_batch(rows) on the whole model, or "
                "eval() before you use it on a single sample"
            )
        return self.forward_batch([x])[0]

    @property
    def couples_samples(self) -> bool:
        """True in training mode."""
        return self.training

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """A batch of samples, normalised by its own statistics, or in evaluation mode by the running ones.

        Parameters
        ----------
        rows : sequence of sequences of Value or float, of length n each
            The samples; in training mode two at least.

        Returns
        -------
        list of (Value or list of Value)
            One row a sample; of a row of one feature, that one.

        Raises
        ------
        ValueError
            If a sample has a wrong number of features, or there are too few samples.
        """
        n = len(self.running_mean)
        inputs = [as_tuple(x, n) for x in rows]
        for k, row in enumerate(inputs):
            if len(row) != n:
                raise ValueError(f"{self!r} takes {n} features, sample {k} has {len(row)}")
        if self.training and len(inputs) < 2:
            raise ValueError(
                f"{self!r} in training mode needs two samples at least, to have a variance, got {len(inputs)}; choose "
                "a batch size that leaves no single sample over, or call eval()"
            )
        with recording.scope(self.name):
            columns = self._normalised(inputs)
            if self.weight:
                columns = [
                    [ops.add(ops.mul(z, w), b) for z in column] for column, w, b in zip(columns, self.weight, self.bias)
                ]
        return [unwrapped(list(row)) for row in zip(*columns)]

    def _normalised(self, inputs: list[tuple[Any, ...]]) -> list[list[Any]]:
        """The columns, normalised by their own statistics, which move the running ones; or else by those."""
        m = len(inputs)
        columns: list[list[Any]] = []
        news: list[tuple[Any, Any]] = []
        for k, column in enumerate(zip(*inputs)):
            mean: Any = ops.mean(column) if self.training else self._past("running_mean", k)
            centred = [ops.sub(x, mean) for x in column]  # not E[x^2] - mean^2, which cancels
            if self.training:
                variance: Any = ops.div(ops.dot(centred, centred), float(m))
                news.append((mean, variance))
            else:
                variance = self._past("running_var", k)
            scale = ops.div(1.0, ops.sqrt(ops.add(variance, self.eps)))
            columns.append([ops.mul(c, scale) for c in centred])
        for k, (mean, variance) in enumerate(news):
            recording.observed(mean, partial(self._follow, "running_mean", k, 1.0))
            recording.observed(variance, partial(self._follow, "running_var", k, m / (m - 1)))  # unbiased
        return columns

    def _past(self, statistic: str, k: int) -> Any:
        return recording.drawn(lambda: getattr(self, statistic)[k], each=False)

    def _follow(self, statistic: str, k: int, factor: float, new: float) -> None:
        if statistic == "running_mean" and k == 0:  # a batch begins
            self.num_batches_tracked += 1.0
        share = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        running = getattr(self, statistic)
        running[k] = (1.0 - share) * running[k] + share * (new * factor)

    def config(self) -> dict[str, Any]:
        """The arguments that make one like this; see `Neuron.config`."""
        return {"n": len(self.running_mean), "eps": self.eps, "momentum": self.momentum, "affine": bool(self.weight)}

    @staticmethod
    def _state_size(config: Mapping[str, Any]) -> Any:
        return (4 if config["affine"] else 2) * config["n"] + 1

    def __repr__(self) -> str:
        return f"BatchNorm({len(self.running_mean)})"
