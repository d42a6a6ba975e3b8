"""The optimizers and their rules; `nn.optim` has the formulas and the references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from autodiff.value import Value
from nn.checks import finite, known
from nn.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent; with gradients of mini-batches, stochastic gradient descent.

    Parameters
    ----------
    parameters : iterable of Value
        The leaves to change, such as ``model.parameters()``; each once, one at least.
    lr : float
        The learning rate: finite, at least 0 (which changes nothing).
    momentum : float
        How much of its velocity a parameter keeps: at least 0; 0 is plain descent.
    dampening : float
        By how much a new gradient counts less in the velocity, from the second step on: from 0 to 1.
    weight_decay : float
        Times the parameter, it is added to the gradient (the gradient of an L2 penalty): at least 0.
    nesterov : bool
        Whether to take Nesterov's momentum: with a momentum, without dampening.
    averaged : bool
        Whether the velocity is the running average of the gradients: with a momentum below 1, without dampening and
        without Nesterov's momentum.

    Raises
    ------
    TypeError, ValueError
        As for `Optimizer`, and for a combination that has no meaning.

    Notes
    -----
    Two conventions of momentum are about, and a third is close by:

    * the heavy ball, the default as in PyTorch: ``v <- momentum v + g``, ``x <- x - lr v``. Under a constant
      gradient its steps grow to ``1 / (1 - momentum)`` times those of plain descent: tenfold for 0.9.
    * the average, ``averaged=True``: ``v <- momentum v + (1 - momentum) g``. It is the heavy ball with the learning
      rate ``(1 - momentum) lr``, no more and no less, so it wants a rate so many times larger.
    * PyTorch's ``dampening``: ``v <- momentum v + (1 - dampening) g``, but ``v = g`` at the first step. So
      ``dampening=momentum`` is not quite the average: it starts with one full step.

    Nesterov's momentum takes the gradient ahead, where the velocity is about to lead. As in PyTorch the parameters
    are those points ahead, ``y = x - lr momentum v``, and ``y <- y - lr (g + momentum v)`` with the new v.

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

    state_names = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        averaged: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = finite(momentum, "the momentum", least=0.0)
        self.dampening = finite(dampening, "the dampening", least=0.0, most=1.0)
        self.nesterov, self.averaged = _flag(nesterov, "nesterov"), _flag(averaged, "averaged")
        if nesterov and (not self.momentum or dampening):
            raise ValueError("Nesterov's momentum needs a momentum above 0, and no dampening")
        if averaged and (dampening or nesterov or self.momentum >= 1.0):
            raise ValueError("averaged gradients need a momentum below 1, no dampening and no Nesterov momentum")

    def update(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        """Make one step; see `Optimizer.update`."""
        g = g + self.weight_decay * x
        if not self.momentum:
            return x - self.lr * g, state
        damped = self.dampening if self.dampening and step > 1 else 0.0
        fresh = 1.0 - (self.momentum if self.averaged else damped)
        v = self.momentum * state[0] + fresh * g
        return x - self.lr * (g + self.momentum * v if self.nesterov else v), (v,)


class RMSprop(Optimizer):
    """RMSprop: each gradient is divided by the root of the running mean of its squares.

    Parameters
    ----------
    parameters : iterable of Value
        The leaves to change.
    lr : float
        The learning rate, which is about the size of a step.
    alpha : float
        How much of the running mean is kept at a step: from 0 to below 1.
    eps : float
        Is added to the root, so that small gradients make small steps: above 0.
    weight_decay : float
        Times the parameter, it is added to the gradient: at least 0.
    momentum : float
        How much of its velocity a parameter keeps: at least 0.
    centered : bool
        Whether to divide by the running standard deviation in place of the root mean square.

    Raises
    ------
    TypeError, ValueError
        As for `Optimizer`.

    Examples
    --------
    The first step is ``lr / sqrt(1 - alpha)``, however large the gradient:

    >>> a, b = Value(1.0), Value(1.0)
    >>> rms = RMSprop([a, b], lr=0.01)
    >>> (1000 * a + b).backward()
    >>> rms.step()
    >>> round(a.data, 6), round(b.data, 6)
    (0.9, 0.9)
    """

    state_names = ("spread", "mean", "velocity")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.alpha = finite(alpha, "alpha", least=0.0, below=1.0)
        self.eps = finite(eps, "eps", above=0.0)
        self.momentum = finite(momentum, "the momentum", least=0.0)
        self.centered = _flag(centered, "centered")

    def update(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        """Make one step; see `Optimizer.update`."""
        spread, mean, velocity = state
        g = g + self.weight_decay * x
        away = g - mean  # the mean stays 0 unless centered
        if self.centered:
            # The variance by its own recurrence: the mean square less the squared mean would cancel, even below 0.
            spread = self.alpha * (spread + (1.0 - self.alpha) * (away * away))
            mean = mean + (1.0 - self.alpha) * away
        else:
            spread = self.alpha * spread + (1.0 - self.alpha) * (away * away)
        velocity = self.momentum * velocity + g / (spread**0.5 + self.eps)
        return x - self.lr * velocity, (spread, mean, velocity)


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


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
"""The optimizers by name, with the hyperparameters that most people begin with."""


def named(name: str, parameters: Iterable[Value], lr: float, weight_decay: float | None = None) -> Optimizer:
    """Make an optimizer of a name, such as one on the command line.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    parameters : iterable of Value
        The leaves to change.
    lr : float
        The learning rate.
    weight_decay : float, optional
        By default that of the optimizer: 0.01 for AdamW, 0 for the others.

    Returns
    -------
    Optimizer
        A new one.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError, ValueError
        As for `Optimizer`.

    Examples
    --------
    >>> named("nesterov", [Value(1.0)], lr=0.1).momentum
    0.9
    """
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    return known(name, OPTIMIZERS, "optimizer")(parameters, lr=lr, **decay)


def _flag(given: object, what: str) -> bool:
    if not isinstance(given, bool):
        raise TypeError(f"{what} is True or False, got {type(given).__name__}: {given!r:.60}")
    return given
