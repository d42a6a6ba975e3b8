"""The optimizers and their rules; `nn.optim` has the formulas and the references.

A rule of your own needs a class with a method `update`; one that is known by a name takes `weight_decay`, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from autodiff import ops
from autodiff.errors import ModelFileError
from autodiff.value import Value, write
from nn.checks import expect, finite, flag, known, listed


class Optimizer:
    """Base class of what turns gradients into steps.

    Parameters
    ----------
    parameters : iterable of Value
        The leaves to change, such as ``model.parameters()``; each once, one at least.
    lr : float
        The learning rate: finite, at least 0 (which changes nothing).
    weight_decay : float
        How strongly parameters are drawn to 0: finite, at least 0. The rule says how.

    Attributes
    ----------
    parameters : list of Value
        What is changed.
    state_names : tuple of str
        Of the class: what a rule remembers of each parameter from step to step.
    state : dict of str to list of float
        What it remembers now: by those names a list with one number a parameter, 0 at the start. Arrays may stand in
        place of the lists.
    steps : int
        How many steps have been made.

    Raises
    ------
    TypeError
        If a parameter is not a Value, or a number not a number.
    ValueError
        If there are no parameters, one is given twice or is not a leaf, or a number is out of its range.

    Notes
    -----
    A rule of your own is a subclass with a method `update`. The arguments of its ``__init__`` after the parameters are
    its hyperparameters; each is kept as an attribute of the same name, which is how they get into `state_dict`.

    Examples
    --------
    Adagrad (Duchi, Hazan and Singer, 2011) divides by the root of all squared gradients so far:

    >>> class Adagrad(Optimizer):
    ...     state_names = ("total",)
    ...     def update(self, x, g, state, step):
    ...         total = state[0] + g * g
    ...         return x - self.lr * g / (total**0.5 + 1e-10), (total,)
    >>> w = Value(5.0)
    >>> adagrad = Adagrad([w], lr=1.0)
    >>> (w**2).backward()
    >>> adagrad.step()
    >>> round(w.data, 6), adagrad.state
    (4.0, {'total': [100.0]})
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Value], lr: float, weight_decay: float = 0.0) -> None:
        self.parameters = listed(parameters, "parameters is a list of Values, such as model.parameters()")
        if not self.parameters:
            raise ValueError("there are no parameters to change; give model.parameters()")
        for p in self.parameters:
            expect(isinstance(p, Value), "each parameter is a Value", p)
            if p.op is not None:
                raise ValueError(f"each parameter is a leaf, got {p!r}, which is computed by {p.op.name!r}")
        if len(set(self.parameters)) != len(self.parameters):
            raise ValueError("a parameter is given twice; each step would change it twice")
        self.lr = lr
        self.weight_decay = finite(weight_decay, "the weight decay", least=0.0)
        self.steps = 0
        self.state: dict[str, Any] = {name: [0.0] * len(self.parameters) for name in self.state_names}

    @property
    def lr(self) -> float:
        """The learning rate; may be written at any time."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = finite(lr, "a learning rate", least=0.0)

    def update(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        """The rule: how one step changes a parameter.

        Parameters
        ----------
        x, g : float
            The parameter and its gradient.
        state : tuple of float
            What is remembered of it, in the order of `state_names`; 0.0 at the first step.
        step : int
            The number of the step, from 1.

        Returns
        -------
        x : float
            The parameter after the step.
        state : tuple
            What is to be remembered.

        Notes
        -----
        `nn.fit` records it as a program that moves all parameters at once, and calls it on Values for that, the step
        too. So it is written with operators and functions of `autodiff` (`autodiff.where` for a choice), with no ``if``
        on any of these numbers. One that is not is called for each parameter at each step, which takes longer.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method update(self, x, g, state, step)")

    def step(self) -> None:
        """Change every parameter once, by its gradient."""
        step, columns = self.steps + 1, [self.state[name] for name in self.state_names]
        rows: Iterable[tuple[Any, ...]] = zip(*columns) if columns else repeat(())
        # None, as PyTorch has it for a parameter that nothing depends on, counts as 0
        moved = [self.update(p._data, p.grad or 0.0, row, step) for p, row in zip(self.parameters, rows)]
        write(self.parameters, [x for x, _ in moved])
        for name, column in zip(self.state_names, zip(*[row for _, row in moved])):
            self.state[name] = list(column)
        self.steps = step

    def zero_grad(self) -> None:
        """Set ``.grad`` of every parameter to 0: `Value.backward` adds to it."""
        for p in self.parameters:
            p.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later as if nothing had happened, but for the parameters themselves.

        Returns
        -------
        dict
            Plain numbers, texts, lists and dicts: ``name`` of the class, ``hyperparameters``, ``steps`` and ``state``.

        Examples
        --------
        >>> from nn.optim import SGD
        >>> SGD([Value(1.0)], lr=0.1, momentum=0.9).state_dict()["state"]
        {'velocity': [0.0]}
        """
        return {
            "name": type(self).__name__,
            "hyperparameters": {n: list(x) if isinstance(x, tuple) else x for n, x in self.hyperparameters().items()},
            "steps": self.steps,
            "state": {name: [float(x) for x in self.state[name]] for name in self.state_names},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave: all of it, or, if anything does not fit, nothing.

        Parameters
        ----------
        state : mapping
            Of an optimizer of the same class, for as many parameters.

        Raises
        ------
        ModelFileError
            If it is of another class or for another number of parameters, if a part is missing, unexpected or not
            finite, or if a hyperparameter is out of its range; the message names it.
        """
        if not isinstance(state, Mapping):
            raise ModelFileError(f"the state of an optimizer is a mapping, got {type(state).__name__}")
        _expect_keys("the state", state, ("name", "hyperparameters", "steps", "state"))
        if state["name"] != type(self).__name__:
            raise ModelFileError(f"the state is that of {state['name']!r:.40}, this is {type(self).__name__}")
        given, numbers, steps = state["hyperparameters"], state["state"], state["steps"]
        _expect_keys("the hyperparameters", given, self.hyperparameters())
        _expect_keys("the remembered numbers", numbers, self.state_names)
        if type(steps) is not int or not 0 <= steps <= 2**53:
            raise ModelFileError(f"the number of steps is a whole number, from 0 to 2^53, got {steps!r:.40}")
        columns = {name: self._column(name, numbers[name]) for name in self.state_names}
        try:
            checked = type(self)([Value(0.0)], **given)  # by its own rules
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"the hyperparameters do not fit: {error}") from None
        for name in given:
            setattr(self, name, getattr(checked, name))
        self.steps = steps
        self.state = columns

    def _column(self, name: str, column: Any) -> list[float]:
        if isinstance(column, (str, Mapping)) or not hasattr(column, "__len__"):
            raise ModelFileError(f"{name!r} is a list of numbers, got {type(column).__name__}")
        if len(column) != len(self.parameters):
            raise ModelFileError(f"{name!r} is for {len(column)} parameters, there are {len(self.parameters)}")
        try:
            return [finite(x, f"each number of {name!r}") for x in column]
        except (TypeError, ValueError) as error:
            raise ModelFileError(str(error)) from None

    def hyperparameters(self) -> dict[str, Any]:
        """The arguments that it was made with, as they are now.

        Returns
        -------
        dict
            By name, in the order of the arguments.
        """
        names = list(inspect.signature(type(self)).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.hyperparameters().items())
        return f"{type(self).__name__}({len(self.parameters)} parameters, {told})"


def _expect_keys(what: str, given: Any, expected: Collection[str]) -> None:
    got = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
    if got != sorted(expected):
        raise ModelFileError(f"{what}: expected {', '.join(expected) or 'nothing'}, got {got}")


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
        self.momentum, self.dampening = momentum, dampening
        self.nesterov, self.averaged = flag(nesterov, "nesterov"), flag(averaged, "averaged")
        if nesterov and (not self.momentum or dampening):
            raise ValueError("Nesterov's momentum needs a momentum above 0, and no dampening")
        if averaged and (dampening or nesterov or self.momentum >= 1.0):
            raise ValueError("averaged gradients need a momentum below 1, no dampening and no Nesterov momentum")

    # What decides on the form of the rule is a flag, for `nn.replay`: there a number is an input, and cannot.

    @property
    def momentum(self) -> float:
        """How much of its velocity a parameter keeps; may be written at any time."""
        return self._momentum

    @momentum.setter
    def momentum(self, momentum: float) -> None:
        self._momentum = finite(momentum, "the momentum", least=0.0)
        self._moves = self._momentum != 0.0

    @property
    def dampening(self) -> float:
        """By how much a new gradient counts less; may be written at any time."""
        return self._dampening

    @dampening.setter
    def dampening(self, dampening: float) -> None:
        self._dampening = finite(dampening, "the dampening", least=0.0, most=1.0)
        self._damps = self._dampening != 0.0

    def update(self, x: Any, g: Any, state: tuple[Any, ...], step: int) -> tuple[Any, tuple[Any, ...]]:
        """Make one step; see `Optimizer.update`."""
        g = g + self.weight_decay * x
        if not self._moves:
            return x - self._lr * g, state
        damped = ops.where(step > 1, self._dampening, 0.0) if self._damps else 0.0
        fresh = 1.0 - (self._momentum if self.averaged else damped)
        v = self._momentum * state[0] + fresh * g
        return x - self._lr * (g + self._momentum * v if self.nesterov else v), (v,)


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
        self.centered = flag(centered, "centered")

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
        betas = listed(betas, "betas is a pair of numbers")
        if len(betas) != 2:
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
