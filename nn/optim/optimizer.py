"""`Optimizer`: what all optimizers share; a rule of your own needs a method `update` and no more."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from itertools import repeat
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.value import Value, write
from nn.checks import finite


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
        x, g : float or array of float
            The parameter and its gradient; or many parameters at once, each by itself.
        state : tuple of float or array of float
            What is remembered of it, in the order of `state_names`; 0.0 at the first step.
        step : int
            The number of the step, from 1.

        Returns
        -------
        x : float or array of float
            The parameter after the step.
        state : tuple
            What is to be remembered.

        Notes
        -----
        To run on floats and on arrays alike it is written with ``+ - * /``, ``**`` and ``abs``, with no ``if`` on any
        of these numbers, and changes none of them in place.
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
        if type(steps) is not int or steps < 0:
            raise ModelFileError(f"the number of steps is a whole number, at least 0, got {steps!r:.40}")
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
