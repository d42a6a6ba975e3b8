"""Layers of neurons, and multilayer perceptrons."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from autodiff import ops, recording
from autodiff.operation import real
from autodiff.value import Value
from nn.model.activations import Activation, per_layer
from nn.model.init import Initialiser, generator, initialiser
from nn.model.module import Module, Output, as_tuple, positive
from nn.model.neuron import Neuron

_VALUES: set[type] = {Value}
_FLOATS: set[type] = {float}
"""The types of inputs that a layer takes as they are: all Values, or all floats."""


class Layer(Module):
    """Neurons that share their inputs.

    Parameters
    ----------
    nin, nout : int
        The number of inputs and of neurons, at least 1 each.
    nonlin, activation, init, bias, expand, seed, rng
        As for `Neuron`.

    Attributes
    ----------
    neurons : list of Neuron
        The neurons.
    name : str
        The name of the box that drawings put the layer's nodes in.

    Raises
    ------
    TypeError, ValueError
        As for `Neuron`.

    Examples
    --------
    >>> layer = Layer(2, 3, activation="tanh", seed=0)
    >>> layer
    Layer of [TanhNeuron(2), TanhNeuron(2), TanhNeuron(2)]
    >>> len(layer([1.0, 2.0]))
    3
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        nonlin: bool = True,
        *,
        activation: Activation | None = None,
        init: str | Initialiser | None = None,
        bias: bool = True,
        expand: bool = False,
        seed: int | None = None,
        rng: random.Random | None = None,
    ) -> None:
        nin, nout = positive(nin, "nin"), positive(nout, "nout")
        weight, rng = initialiser(init), generator(seed, rng)

        def draw(rng: random.Random, nin: int, _: int) -> float:
            return weight(rng, nin, nout)

        self.neurons: list[Neuron] = []
        for k in range(nout):
            neuron = Neuron(nin, nonlin, activation=activation, init=draw, bias=bias, expand=expand, rng=rng)
            neuron.name = f"neuron {k}"
            self.neurons.append(neuron)
        self.name = "layer"

    def __call__(self, x: Iterable[Any]) -> Output:
        """The outputs of all neurons.

        Parameters
        ----------
        x : sequence of Value or float, of length nin
            The inputs; NumPy rows too, and a lone number where nin is 1.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.

        Raises
        ------
        ValueError
            If the number of inputs is wrong.
        TypeError
            If an input is not a number.
        """
        nin = len(self.neurons[0].w)
        if type(x) is not tuple:
            x = as_tuple(x, nin)
        if len(x) != nin:
            raise ValueError(f"a layer of {nin} inputs got {len(x)}")
        kinds = set(map(type, x))
        if kinds != _VALUES and kinds != _FLOATS:
            x = _uniform(x)
        outer = recording.enter(self.name)
        try:
            out: Any = [neuron(x) for neuron in self.neurons]
        finally:
            recording.leave(outer)
        return out[0] if len(out) == 1 else out  # type: ignore[no-any-return]

    def config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one; see `Neuron.config`."""
        configs = [neuron.config() for neuron in self.neurons]
        if any(config != configs[0] for config in configs):
            raise TypeError("the layer's neurons differ in kind, which a file cannot hold; save state_dict()")
        return {**configs[0], "nout": len(configs)}

    @staticmethod
    def _state_size(config: Mapping[str, Any]) -> Any:
        return Neuron._state_size(config) * config["nout"]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


def _uniform(x: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs as all Values or all floats, once for all neurons of a layer; other kinds of numbers as they are."""
    if any(type(p) in ops.add.on and type(p) is not Value for p in x):
        return x
    if any(type(p) is Value for p in x):
        return tuple([p if type(p) is Value else Value(p) for p in x])
    return tuple(map(real, x))


class MLP(Module):
    """A multilayer perceptron: layers one after the other, the last one linear.

    Parameters
    ----------
    nin : int
        The number of inputs.
    nouts : sequence of int
        The sizes of the layers, the last one being the number of outputs.
    activation : str, callable, or sequence of these, optional
        For the hidden layers, "relu" if left out; the last layer is linear. A sequence has one for every layer,
        the last one included.
    init, expand, seed, rng
        As for `Neuron`.

    Attributes
    ----------
    layers : list of Layer
        The layers.

    Raises
    ------
    TypeError, ValueError
        As for `Neuron`.

    Examples
    --------
    >>> model = MLP(2, [3, 1], seed=0)
    >>> model
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    >>> len(model.parameters())
    13
    >>> y = model([1.0, 2.0])
    >>> y.backward()
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: Activation | Sequence[Activation] | None = None,
        init: str | Initialiser | None = None,
        expand: bool = False,
        seed: int | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if isinstance(nouts, (str, bytes)) or not isinstance(nouts, Iterable):
            raise TypeError(f"nouts is a sequence of layer sizes such as [16, 1], got {nouts!r:.60}")
        sizes = [positive(nin, "nin"), *(positive(n, "each of nouts") for n in nouts)]
        if len(sizes) == 1:
            raise ValueError("nouts is empty; give the size of one layer at least, such as [1]")
        activations = per_layer(activation, len(sizes) - 1)
        rng = generator(seed, rng)
        self.layers: list[Layer] = []
        for k, function in enumerate(activations):
            layer = Layer(sizes[k], sizes[k + 1], activation=function, init=init, expand=expand, rng=rng)
            layer.name = f"layer {k}"
            self.layers.append(layer)

    def __call__(self, x: Iterable[Any]) -> Output:
        """The network's output.

        Parameters
        ----------
        x : sequence of Value or float, of length nin
            The inputs; NumPy rows too.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.

        Raises
        ------
        ValueError
            If the number of inputs is wrong.
        TypeError
            If an input is not a number.
        """
        output: Any = x
        for layer in self.layers:
            output = layer(output)
        return output  # type: ignore[no-any-return]

    def config(self) -> dict[str, Any]:
        """The arguments that make a network like this one; see `Neuron.config`."""
        configs = [layer.config() for layer in self.layers]
        return {
            "nin": configs[0]["nin"],
            "nouts": [config["nout"] for config in configs],
            "activation": [config["activation"] for config in configs],
            "expand": configs[0]["expand"],
        }

    @staticmethod
    def _state_size(config: Mapping[str, Any]) -> Any:
        return sum((nin + 1) * nout for nin, nout in pairwise([config["nin"], *config["nouts"]]))

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"
