"""Adam and AdamW; `nn.optim` has the formulas and the references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autodiff.value import Value
from nn.checks import finite
from nn.optim.optimizer import Optimizer

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: a running mean of the gradients, divided by the root of the running mean of their squares.

    Parameters
    ----------
    parameters : iterable of Value
        The leaves to change.
    lr : float
        The learning rate, which is about the size of a step.
    betas : pair of float
        How much of the mean and of the mean square is kept at a step: each from 0 to below 1.
    eps : float
        Is added to the root: above 0.
    weight_decay : float
        Times the parameter, it is added to the gradient: at least 0. `AdamW` has the better way.

    Raises
    ------
    TypeError, ValueError
        As for `Optimizer`.

    Notes
    -----
    Both means start at 0, and so are too small at first; each is divided by ``1 - beta^t``, the sum of its weights.

    Examples
    --------
    The first step is ``lr``, however large the gradient:

    >>> a, b = Value(1.0), Value(1.0)
    >>> adam = Adam([a, b], lr=0.01)
    >>> (1000 * a + b).backward()
    >>> adam.step()
    >>> round(a.data, 6), round(b.data, 6)
    (0.99, 0.99)
    """

    state_names = ("mean", "square")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if isinstance(betas, str) or not isinstance(betas, Sequence) or len(betas) != 2:
            raise TypeError(f"betas is a pair of numbers, got {betas!r:.60}")
        self.betas = finite(betas[0], "beta1", least=0.0, below=1.0), finite(betas[1], "beta2", least=0.0, below=1.0)
        self.eps = finite(eps, "eps", above=0.0)

    def update(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        """Make one step; see `Optimizer.update`."""
        return self._moved(x, g + self.weight_decay * x, state, step)

    def _moved(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        (mean, square), (beta1, beta2) = state, self.betas
        mean = beta1 * mean + (1.0 - beta1) * g
        square = beta2 * square + (1.0 - beta2) * (g * g)
        root = (square / (1.0 - beta2**step)) ** 0.5
        return x - self.lr * (mean / (1.0 - beta1**step)) / (root + self.eps), (mean, square)


class AdamW(Adam):
    """Adam whose weight decay does not go through the gradient, so that it is not divided by the gradient's size.

    Parameters
    ----------
    parameters, lr, betas, eps
        As for `Adam`.
    weight_decay : float
        At each step a parameter loses ``lr * weight_decay`` of itself: at least 0.

    Raises
    ------
    TypeError, ValueError
        As for `Optimizer`.

    Examples
    --------
    >>> w = Value(1.0)
    >>> AdamW([w], lr=0.1, weight_decay=0.5).step()
    >>> w.data
    0.95
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        """Make one step; see `Optimizer.update`."""
        return self._moved(x * (1.0 - self.lr * self.weight_decay), g, state, step)
