"""Optimizers: the rules that turn gradients into steps, with the names and the numbers of PyTorch.

With x a parameter, g its gradient (plus ``weight_decay * x``, except for AdamW) and everything remembered 0 at first:

========= ==========================================================================================================
SGD       x <- x - lr g; with momentum v <- momentum v + g, x <- x - lr v (`SGD` has the variants)
RMSprop   s <- alpha s + (1 - alpha) g^2, x <- x - lr g / (sqrt(s) + eps)
Adam      m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2, and at step t
          x <- x - lr (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
AdamW     Adam, with the decay apart from the gradient: x <- x - lr weight_decay x, then Adam's step
========= ==========================================================================================================

References
----------
B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964 (momentum: the heavy ball).
Yu. Nesterov, *A method of solving a convex programming problem with convergence rate O(1/k^2)*, 1983.
T. Tieleman and G. Hinton, *Lecture 6.5: RMSprop*, 2012.
D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, 2015, arXiv:1412.6980.
I. Loshchilov and F. Hutter, *Decoupled weight decay regularization*, 2019, arXiv:1711.05101 (AdamW).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from autodiff.value import Value
from nn.checks import finite
from nn.optim.adam import Adam, AdamW
from nn.optim.optimizer import Optimizer

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "named"]


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
        if not self.momentum:
            return x - self.lr * (g + self.weight_decay * x), state
        g = g + self.weight_decay * x
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
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r:.60}; known are {', '.join(OPTIMIZERS)}")
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    return OPTIMIZERS[name](parameters, lr=lr, **decay)


def _flag(given: object, what: str) -> bool:
    if not isinstance(given, bool):
        raise TypeError(f"{what} is True or False, got {type(given).__name__}: {given!r:.60}")
    return given
