"""A neuron, the weighted sum of its inputs and what an activation makes of it; layers of these; and layered networks.

A neuron's call is the hot path of training, hence what is found out at construction (the activation as a method of
`Value`), what a layer does once for all of its neurons (its inputs become one tuple), and the stamps that stand
for ``with scope(...)``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import wraps
from itertools import pairwise
from typing import Any, cast

from autodiff import ops, recording
from autodiff.operation import real
from autodiff.recording import Stamp
from autodiff.value import Value, parameter
from nn.checks import affordable, flag, known, listed
from nn.model.init import Initialiser, generator, initialiser
from nn.model.module import Module, Output, as_tuple, positive

Activation = str | Callable[[Value], Any]
"""The name of an activation, or a function on a Value."""

ACTIVATIONS: dict[str, Callable[[Value], Value] | None] = {
    **{name: getattr(Value, name) for name in ("relu", "tanh", "sigmoid", "softplus")},
    "linear": None,
}
"""The activations by name, as methods of Value; None does nothing."""

_NAMES: dict[Any, str] = {
    **{f: name for name, f in ACTIVATIONS.items()},
    **{getattr(ops, name): name for name, f in ACTIVATIONS.items() if f},
}


def activation_name(function: Callable[[Value], Any] | None) -> str | None:
    """The name of an activation, also where it is given as an operation such as `autodiff.tanh`; None for a user's own.

    >>> activation_name(ops.tanh), activation_name(None), activation_name(lambda v: v)
    ('tanh', 'linear', None)
    """
    return _NAMES.get(function) if isinstance(function, Hashable) else None


def activation_function(activation: Activation | None, nonlin: bool = True) -> Callable[[Value], Any] | None:
    """The function that an activation stands for, or None for none; no activation means relu, or none if not `nonlin`.

    >>> activation_function("tanh")(Value(0.0))
    Value(data=0.0, grad=0.0)
    """
    if activation is None:
        return ACTIVATIONS["relu"] if nonlin else None
    if not nonlin and activation != "linear":
        raise ValueError(f"nonlin=False makes a linear neuron, got activation={activation!r:.60} too; leave one out")
    if isinstance(activation, str):
        return known(activation, ACTIVATIONS, "activation", ", or a function")
    if not callable(activation):
        raise TypeError(f"an activation is a name or a function on a Value, got {activation!r:.60}")
    return activation


def per_layer(activation: Activation | Sequence[Activation] | None, count: int) -> list[Activation]:
    """The activation of every layer, as `MLP` takes them: one for all layers but the last, which is linear; or each.

    >>> per_layer("tanh", 3)
    ['tanh', 'tanh', 'linear']
    """
    if activation is None or isinstance(activation, str) or callable(activation):
        activation_function(activation)  # complains about a name that is unknown, also if there is no hidden layer
        return ["relu" if activation is None else activation] * (count - 1) + ["linear"]
    activations = listed(activation, "activation is a name, a function on a Value, or one for each layer")
    if len(activations) != count:
        raise ValueError(f"{count} layers need {count} activations (or a single one), got {len(activations)}")
    if None in activations:
        raise TypeError('an activation in a list is a name or a function on a Value, got None; "linear" is for none')
    return activations


def _check_memory(kind: str, parameters: int) -> None:
    """Raise a MemoryError if so many do not fit in it: each is a node with a number, a name, and a place in a list."""
    affordable(parameters, 300.0, f"the {parameters:,} parameters of this {kind}")


_dot: Callable[..., Value] = ops.dot.on[Value]  # the lengths are compared here, once


class Weights(list[Value]):
    """The weights of a neuron, with a tuple of them: with one for all calls, until they change, nodes take less memory,
    and a sweep knows it again.
    """

    operands: tuple[Value, ...] | None = None


def _changing(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def changed(self: Weights, *given: Any, **named: Any) -> Any:
        try:
            return method(self, *given, **named)
        finally:
            self.operands = None

    return changed


_CHANGES = [
    "__setitem__",
    "__delitem__",
    "__iadd__",
    "__imul__",
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "remove",
]
for _name in (*_CHANGES, "reverse", "sort"):
    setattr(Weights, _name, _changing(getattr(list, _name)))


class Neuron(Module):
    """One neuron: ``activation(w . x + b)``.

    Parameters
    ----------
    nin : int
        The number of inputs, at least 1.
    nonlin : bool
        False for a linear neuron, as in micrograd.
    activation : str or callable, optional
        "relu" (the default), "tanh", "sigmoid", "softplus", "linear", or any function on a Value.
    init : str or callable, optional
        Where weights are drawn from, see `nn.model.init`: "micrograd" (the default: uniform on [-1, 1]), "he",
        "heuniform", "xavier", "xavier_normal", or a function ``(rng, nin, nout) -> float``. The bias begins at 0.
    bias : bool
        Whether there is a bias.
    expand : bool
        Write the neuron out in single multiplications and additions, as in a lecture: b + w0 x0 + w1 x1 + ...,
        in place of one `dot` node. The gradients are the same but for rounding, the graph is larger.
    seed : int, optional
        Seed of the weights. Without it (and `rng`) they come from Python's global generator, so that
        ``random.seed(1337)`` governs them as it does in micrograd.
    rng : random.Random, optional
        A generator to draw the weights from, in place of a seed.

    Attributes
    ----------
    w : list of Value
        The weights.
    b : Value or None
        The bias.
    activation : callable or None
        The function that is applied; None for a linear neuron.
    name : str
        The name of the box that drawings put the neuron's nodes in.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. On a call: if the number of inputs is wrong.
    MemoryError
        If the parameters do not fit in the memory that is free; see `nn.checks.affordable`.

    Examples
    --------
    >>> n = Neuron(2, seed=0)
    >>> n
    ReLUNeuron(2)
    >>> n([1.0, 2.0]).data == max(0.0, n.w[0].data + 2.0 * n.w[1].data)
    True
    """

    __slots__ = ("_box",)  # what it remembers of its last call is none of its attributes

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: Activation | None = None,
        init: str | Initialiser | None = None,
        bias: bool = True,
        expand: bool = False,
        seed: int | None = None,
        rng: random.Random | None = None,
    ) -> None:
        nin = positive(nin, "nin")
        _check_memory("Neuron", nin)
        draw, rng = initialiser(init), generator(seed, rng)
        self.activation = activation_function(activation, nonlin)
        self.w: list[Value] = Weights([parameter(draw(rng, nin, 1), f"w{k}") for k in range(nin)])
        self.b = parameter(0.0, "b") if flag(bias, "bias") else None
        self.expand = flag(expand, "expand")
        self.name = "neuron"
        self._single = activation_name(self.activation) is not None  # it makes one node, or none
        self._box: tuple[Stamp | None, str, Stamp] = None, "", recording.now  # last call: scope, name, ours inside it

    def __call__(self, x: Iterable[Any]) -> Value:
        """The neuron's output.

        Parameters
        ----------
        x : sequence of Value or float, of length nin
            The inputs; NumPy rows too, and a lone number where nin is 1.

        Returns
        -------
        Value
            ``activation(w . x + b)``.

        Raises
        ------
        ValueError
            If the number of inputs is wrong.
        TypeError
            If an input is not a number.
        """
        w = self.w
        if type(x) is not tuple:
            x = as_tuple(x, len(w))
        if len(x) != len(w):
            raise ValueError(f"{self!r} takes {len(w)} inputs, got {len(x)}")
        activation = self.activation
        if self.expand or not self._single or recording.paused:  # paused: a strict node remembers its line
            with recording.scope(self.name):
                return self._activated(self._sum(x))
        # Opening the neuron's box at every call takes a tenth of a training step: put its three nodes in by hand.
        outer, name, box = self._box
        if outer is not recording.now or name != self.name:
            outer, name = recording.now, self.name
            box = recording.inside(outer, name)
            self._box = outer, name, box
        operands = w.operands if type(w) is Weights else tuple(w)
        if operands is None:
            operands = cast(Weights, w).operands = tuple(w)
        z = _dot(operands, x)
        if type(z) is not Value:  # the inputs are duals, perhaps
            return self._activated(z if self.b is None else z + self.b)
        z._stamp = box
        if self.b is not None:
            z = z + self.b
            z._stamp = box
        if activation is not None:
            z = activation(z)
            z._stamp = box
        return z

    def _activated(self, z: Value) -> Value:
        activation = self.activation
        if type(z) is not Value and self._single and activation is not None:
            activation = getattr(ops, activation_name(activation) or "")  # the operation, for any kind of number
        return z if activation is None else cast(Value, activation(z))

    def _sum(self, x: tuple[Any, ...]) -> Value:
        if not self.expand:
            z = _dot(tuple(self.w), x)
            return z if self.b is None else z + self.b
        terms = [wi * xi for wi, xi in zip(self.w, x)]
        z = terms.pop(0) if self.b is None else self.b
        for term in terms:
            z = z + term
        return z

    @property
    def nonlin(self) -> bool:
        """Whether the neuron has an activation."""
        return self.activation is not None

    def config(self) -> dict[str, Any]:
        """The arguments that make a neuron like this one, weights apart.

        Returns
        -------
        dict
            Of strings, numbers and bools, for `nn.model.saved`.

        Raises
        ------
        TypeError
            If the activation is a function of the user's own: a file cannot hold it.
        """
        activation = activation_name(self.activation)
        if activation is None:
            raise TypeError(
                f"the activation {self.activation!r:.60} is a function of your own, which a file cannot hold; "
                "save state_dict(), and load it into a model that you build"
            )
        return {"nin": len(self.w), "activation": activation, "bias": self.b is not None, "expand": bool(self.expand)}

    @staticmethod
    def _state_size(config: Mapping[str, Any]) -> Any:
        return config["nin"] + int(config["bias"])

    def __repr__(self) -> str:
        name = activation_name(self.activation) or "custom"
        return f"{'ReLU' if name == 'relu' else name.capitalize()}Neuron({len(self.w)})"


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
    TypeError, ValueError, MemoryError
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
        _check_memory("Layer", nin * nout)
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
    TypeError, ValueError, MemoryError
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
        several = listed(nouts, "nouts is a sequence of layer sizes such as [16, 1]")
        sizes = [positive(nin, "nin"), *(positive(n, "each of nouts") for n in several)]
        if len(sizes) == 1:
            raise ValueError("nouts is empty; give the size of one layer at least, such as [1]")
        _check_memory("MLP", MLP._state_size({"nin": sizes[0], "nouts": sizes[1:]}))
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
