"""Modules to build deeper networks of: one after the other, with a way past, an activation of its own, dropout.

Each takes a row of numbers and gives one; as with `nn.Layer`, a row of one number is that number itself, and a lone
number counts as a row of one. `nn.BatchNorm` has a file of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from autodiff import ops, recording
from nn.checks import expect, finite
from nn.model.init import generator
from nn.model.mlp import Activation, activation_function, activation_name
from nn.model.module import Module, as_tuple, forward_batch, unwrapped

_GIVEN_NAMES = ("neuron", "layer", "activation", "batch norm", "dropout", "residual")
"""Names of boxes that modules give themselves, for `Sequential` to number; a name of the user's own stays."""


class Sequential(Module):
    """Modules one after the other, each on the output of the one before.

    Parameters
    ----------
    *layers : Module or callable
        What to apply, in this order: modules, or functions of a row. Modules that still have the name that they gave
        themselves are numbered, for drawings: "layer 0", "batch norm 1".

    Attributes
    ----------
    layers : list
        The modules. ``len(model)`` and ``model[k]`` look there.

    Raises
    ------
    TypeError
        If one cannot be called.

    Examples
    --------
    A deep network with batch normalisation is trained on batches, and used on single samples afterwards:

    >>> from nn import BatchNorm, Layer
    >>> model = Sequential(Layer(2, 3, nonlin=False, seed=0), BatchNorm(3), Elementwise("relu"), Layer(3, 1, False))
    >>> model
    Sequential of [Layer of [LinearNeuron(2), LinearNeuron(2), LinearNeuron(2)], BatchNorm(3), Elementwise('relu'), \
Layer of [LinearNeuron(3)]]
    >>> len(model.forward_batch([[0.0, 1.0], [1.0, 0.0]]))
    2
    >>> y = model.eval()([0.0, 1.0])
    >>> y.backward()
    """

    def __init__(self, *layers: Callable[..., Any]) -> None:
        for k, module in enumerate(layers):
            if not callable(module):
                told = "; write Sequential(*modules) for a list" if isinstance(module, (list, tuple)) else ""
                raise TypeError(f"module {k} is {type(module).__name__} and cannot be called{told}")
            if getattr(module, "name", None) in _GIVEN_NAMES:
                module.name = f"{module.name} {k}"  # type: ignore[attr-defined]
        self.layers = list(layers)

    def __call__(self, x: Any) -> Any:
        """The output of the last module.

        Parameters
        ----------
        x : sequence of Value or float
            What the first module takes.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.

        Raises
        ------
        ValueError
            If a module gets a wrong number of inputs, or one of them is a `BatchNorm` in training mode.
        """
        for module in self.layers:
            x = module(x)
        return x

    couples_samples = False  # by itself

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """The outputs for a batch: all of it goes through the first module, then through the second, and so on."""
        outputs = list(rows)
        for module in self.layers:
            outputs = forward_batch(module, outputs)
        return outputs

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, k: int) -> Any:
        return self.layers[k]

    def config(self) -> dict[str, Any]:
        """The arguments that make one like this; see `Neuron.config`."""
        return {"layers": self.layers}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """One of those layers."""
        return cls(*config["layers"])

    def __bool__(self) -> bool:
        return True  # a model is there, even if it is empty

    def __repr__(self) -> str:
        return f"Sequential of [{', '.join(map(repr, self.layers))}]"


class Residual(Module):
    """A module with a way past it, a skip connection: ``x + module(x)``.

    Parameters
    ----------
    module : Module or callable
        Has as many outputs as inputs.

    Attributes
    ----------
    module : Module or callable
        The same.
    name : str
        The name of the box that drawings put it in.

    Raises
    ------
    TypeError
        If it cannot be called.

    Notes
    -----
    The adjoint of x is that of the output plus what comes back through the module: however little that is, the
    gradient does not vanish on its way down.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image recognition*, CVPR 2016, arXiv:1512.03385.

    Examples
    --------
    >>> Residual(Elementwise("relu"))([1.0, -2.0])
    [2.0, -2.0]
    """

    def __init__(self, module: Callable[..., Any]) -> None:
        expect(callable(module), "a residual connection goes past a module", module)
        self.module = module
        self.name = "residual"

    def __call__(self, x: Any) -> Any:
        """Input plus the module's output.

        Parameters
        ----------
        x : sequence of Value or float
            What the module takes.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.

        Raises
        ------
        ValueError
            If the module has not as many outputs as inputs.
        """
        row = as_tuple(x, 1)
        with recording.scope(self.name):
            return self._sum(row, self.module(row))

    couples_samples = False  # by itself

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """The same for a batch, all of which goes through the module together."""
        inputs = [as_tuple(x, 1) for x in rows]
        with recording.scope(self.name):
            return [self._sum(x, y) for x, y in zip(inputs, forward_batch(self.module, inputs))]

    def _sum(self, x: tuple[Any, ...], y: Any) -> Any:
        outputs = as_tuple(y, 1)
        if len(x) != len(outputs):
            raise ValueError(
                f"x + module(x) needs as many outputs as inputs, got {len(x)} inputs and {len(outputs)} outputs "
                f"of {self.module!r:.80}"
            )
        return unwrapped([ops.add(a, b) for a, b in zip(x, outputs)])

    def config(self) -> dict[str, Any]:
        """The arguments that make one like this; see `Neuron.config`."""
        return {"module": self.module}

    def __repr__(self) -> str:
        return f"Residual({self.module!r})"


class Elementwise(Module):
    """An activation on its own: where something is to come between the weighted sums and it.

    Parameters
    ----------
    activation : str or callable
        As for `Neuron`; is applied to every number of a row.

    Attributes
    ----------
    activation : callable
        The function.
    name : str
        The name of the box that drawings put it in.

    Raises
    ------
    TypeError, ValueError
        If there is no such activation.

    Examples
    --------
    >>> Elementwise("relu")([1.0, -2.0])
    [1.0, 0.0]
    """

    def __init__(self, activation: Activation) -> None:
        function = activation_function(activation)
        name = activation_name(function)
        # An operation works on every kind of number; the method that a neuron uses, on Values alone.
        self.activation: Callable[[Any], Any] | None = getattr(ops, name) if function and name else function
        self.name = "activation"

    def __call__(self, x: Any) -> Any:
        """The activation of every number.

        Parameters
        ----------
        x : sequence of Value or float
            Of any length.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.
        """
        row: Iterable[Any] = as_tuple(x, 1)
        if self.activation is None:
            return unwrapped(list(row))
        with recording.scope(self.name):
            return unwrapped([self.activation(z) for z in row])

    def config(self) -> dict[str, Any]:
        """The arguments that make one like this; see `Neuron.config`."""
        name = activation_name(self.activation)
        if name is None:
            raise TypeError(f"the activation {self.activation!r:.60} is a function of your own; save state_dict()")
        return {"activation": name}

    def __repr__(self) -> str:
        return f"Elementwise({activation_name(self.activation) or 'custom'!r})"


class Dropout(Module):
    """In training, set each number to 0 with probability p and divide the others by 1 - p; else do nothing.

    Parameters
    ----------
    p : float
        The probability, from 0 to 1.
    seed : int, optional
        Seed of the choice. Without it (and `rng`) a seed is drawn from Python's global generator.
    rng : random.Random, optional
        A generator to draw from, in place of a seed.

    Attributes
    ----------
    rng : random.Random
        The generator. It gives one number for each input, in their order, in every call in training mode.
    name : str
        The name of the box that drawings put it in.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    The division ("inverted" dropout, PyTorch's too) keeps the expectation of every number: ``(1 - p) x / (1 - p)``.
    Inputs that are dropped stay in the graph, multiplied by 0.

    References
    ----------
    N. Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting*, JMLR 15, 2014.

    Examples
    --------
    >>> dropout = Dropout(0.5, seed=1)
    >>> dropout([1.0, 2.0, 3.0, 4.0])
    [0.0, 4.0, 6.0, 0.0]
    >>> dropout.eval()([1.0, 2.0, 3.0, 4.0])
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, p: float = 0.5, *, seed: int | None = None, rng: random.Random | None = None) -> None:
        self.p = p
        if seed is None and rng is None:
            # A generator of its own, whose state belongs to the model; the global one still governs all.
            seed = random.getrandbits(64)
        self.rng = generator(seed, rng)
        self.name = "dropout"

    @property
    def p(self) -> float:
        """The probability; may be written at any time."""
        return self._p

    @p.setter
    def p(self, p: float) -> None:
        self._p = finite(p, "the probability p", least=0.0, most=1.0)
        self._drops = self._p != 0.0  # a flag: for `nn.replay` a number decides on nothing

    def __call__(self, x: Any) -> Any:
        """Some of the numbers, or in evaluation mode all of them.

        Parameters
        ----------
        x : sequence of Value or float
            Of any length.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.
        """
        row = as_tuple(x, 1)
        if not self.training or not self._drops:
            return unwrapped(list(row))
        with recording.scope(self.name):
            return unwrapped([ops.mul(z, recording.drawn(self._factor)) for z in row])

    def _factor(self) -> float:
        return 1.0 / (1.0 - self._p) if self.rng.random() >= self._p else 0.0

    def config(self) -> dict[str, Any]:
        """The arguments that make one like this, the generator apart; see `Neuron.config`."""
        return {"p": self.p}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """One like that, which begins its choices anew, from seed 0."""
        return cls(**config, rng=random.Random(0))

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
