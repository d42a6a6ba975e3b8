"""Optimisers: what turns gradients into steps."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autodiff.operation import real
from autodiff.value import Value

__all__ = ["SGD"]


class SGD:
    """Gradient descent; with gradients of mini-batches, stochastic gradient descent.

    Parameters
    ----------
    parameters : iterable of Value
        The leaves to change, such as ``model.parameters()``; each once, one at least.
    lr : float
        The learning rate: finite, at least 0 (which changes nothing).

    Attributes
    ----------
    parameters : list of Value
        What is changed.

    Raises
    ------
    TypeError
        If a parameter is not a Value, or the learning rate not a number.
    ValueError
        If there are no parameters, one is given twice or is not a leaf, or the learning rate is negative or not
        finite.

    Notes
    -----
    A step is ``p <- p - lr * dL/dp``.

    Examples
    --------
    >>> w = Value(5.0)
    >>> descent = SGD([w], lr=0.1)
    >>> for _ in range(3):
    ...     descent.zero_grad()
    ...     (w**2).backward()
    ...     descent.step()
    >>> round(w.data, 9)
    2.56
    """

    def __init__(self, parameters: Iterable[Value], lr: float) -> None:
        if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
            raise TypeError(
                "parameters is a list of Values, such as model.parameters(), "
                f"got {type(parameters).__name__}: {parameters!r:.60}"
            )
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("there are no parameters to change; give model.parameters()")
        for p in self.parameters:
            if not isinstance(p, Value):
                raise TypeError(f"each parameter is a Value, got {type(p).__name__}: {p!r:.60}")
            if p.op is not None:
                raise ValueError(f"each parameter is a leaf, got {p!r}, which is computed by {p.op.name!r}")
        if len(set(self.parameters)) != len(self.parameters):
            raise ValueError("a parameter is given twice; each step would change it twice")
        self.lr = lr

    @property
    def lr(self) -> float:
        """The learning rate; may be written at any time."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        rate = real(lr)
        if not (math.isfinite(rate) and rate >= 0.0):
            raise ValueError(f"a learning rate is finite and at least 0, got {lr!r}")
        self._lr = rate

    def step(self) -> None:
        """Move every parameter against its gradient."""
        lr = self._lr
        for p in self.parameters:
            p.data -= lr * (p.grad or 0.0)  # None, as PyTorch has it, counts as 0

    def zero_grad(self) -> None:
        """Set ``.grad`` of every parameter to 0: `Value.backward` adds to it."""
        for p in self.parameters:
            p.grad = 0.0
