"""`Module`: what owns parameters and can name, reset, save and load them; its modes; what it takes and gives."""

from __future__ import annotations

import math
import operator
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff.value import Value
from nn.checks import flag, is_flag
from nn.model import saved

M = TypeVar("M", bound="Module")

if TYPE_CHECKING:

    class Output(Value, Sequence[Value]):  # type: ignore[misc]  # Value is final: there is none but on paper
        """What a network gives: with it a type checker allows what can be done with either of the two."""
else:
    Output = Value | list[Value]


class Module:
    """Base class of everything that has parameters.

    A subclass assigns its parameters (made by `nn.parameter`), its modules, and lists or tuples of them to
    attributes, and they are found by themselves, in the order of assignment. A subclass may also say itself what
    its parameters are, as in micrograd, by a method ``parameters``; and, by a method ``config``, how to make it anew
    from a file: it returns a dict of strings, numbers, bools, None, modules, and lists of these, by the names of
    arguments of the constructor (where they are not that, `from_config` can be overridden).

    Attributes
    ----------
    training : bool
        Whether it is in training mode, as it is at first; `nn.Dropout` and `nn.BatchNorm` heed it. `train` and `eval`
        set it, for the modules inside too.

    Examples
    --------
    >>> from nn import Module, parameter
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = parameter(2.0, "slope")
    ...         self.offset = parameter(1.0, "offset")
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data
    7.0
    >>> line.state_dict()
    {'slope': 2.0, 'offset': 1.0}

    A class with a ``config`` of its own, which gives the arguments that make another one like it, can be saved and
    loaded as those of `nn` can (see `nn.save`), on its own and inside of others:

    >>> class Powers(Module):
    ...     def __init__(self, degree, head):
    ...         self.degree, self.head = degree, head
    ...     def __call__(self, x):
    ...         return self.head([x**k for k in range(1, self.degree + 1)])
    ...     def config(self):
    ...         return {"degree": self.degree, "head": self.head}
    >>> import tempfile
    >>> from nn import Layer, load
    >>> model = Powers(3, Layer(3, 2, seed=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/powers.json")
    ...     twin, _ = load(f"{folder}/powers.json")
    >>> twin.degree, twin.state_dict() == model.state_dict()
    (3, True)
    """

    training: bool = True
    _buffers: Mapping[str, float] = {}
    _anew: tuple[str, ...] = ()
    """What a class of `nn` reads and writes at each run of a program; see `drawn` in `autodiff.recording`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        saved.gather(cls)

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of assignment.

        Returns
        -------
        list of Value
            A new list of the parameters themselves.
        """
        found: Found = []
        _collect(vars(self).items(), "", found, {id(self)})
        return [p for _, _, p in found]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Every parameter with its name: the path of attributes and indices that leads to it.

        Returns
        -------
        list of (str, Value)
            In the order of `parameters`. A parameter that stands in several places has the first name.

        Examples
        --------
        >>> from nn import MLP
        >>> [name for name, p in MLP(1, [1, 1]).named_parameters()]
        ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.b', 'layers.1.neurons.0.w.0', 'layers.1.neurons.0.b']
        """
        found: Found = []
        _collect_inside(self, "", found, {id(self)})
        return [(f"{prefix}{key}", p) for prefix, key, p in found]

    def named_modules(self) -> list[tuple[str, Any]]:
        """The module itself and all that are inside it, each once, with their names.

        Returns
        -------
        list of (str, Module)
            Outer ones before inner ones, in the order of assignment. The name is the path of attributes and indices;
            that of the module itself is "".

        Examples
        --------
        >>> from nn import Layer
        >>> [name for name, _ in Layer(3, 2).named_modules()]
        ['', 'neurons.0', 'neurons.1']
        """
        inner = _members(vars(self).items(), "", {id(self)})
        return [("", self), *((path, member) for path, member in inner if isinstance(member, Module))]

    def modules(self) -> list[Any]:
        """The module itself and all that are inside it, as `named_modules` orders them."""
        return [module for _, module in self.named_modules()]

    def generators(self) -> list[random.Random]:
        """The sources of random numbers here and inside, such as those of `nn.Dropout`.

        Returns
        -------
        list of random.Random
            Each once, in the order of assignment. Their states (``getstate``, ``setstate``) are what is to be kept,
            besides `state_dict`, for training to go on with the same numbers.
        """
        inner = _members(vars(self).items(), "", {id(self)})
        return [member for _, member in inner if isinstance(member, random.Random)]

    def zero_grad(self) -> None:
        """Set ``.grad`` of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def train(self: M, mode: bool = True) -> M:
        """Put this module, and all inside it, in training mode (or, with False, in evaluation mode).

        Parameters
        ----------
        mode : bool
            The value of ``.training``.

        Returns
        -------
        Module
            Itself.

        Raises
        ------
        TypeError
            If the mode is no bool.
        """
        mode = flag(mode, "the training mode")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Put this module, and all inside it, in evaluation mode, and return it: ``train(False)``."""
        return self.train(False)

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """The outputs for a batch of samples.

        Parameters
        ----------
        rows : sequence
            The samples, each what a call of the module takes.

        Returns
        -------
        list
            One output a sample.

        Notes
        -----
        Here it calls the module with one sample after the other. A module that couples the samples of a batch, as
        `nn.BatchNorm` does, and one that has such modules inside, as `nn.Sequential` may, has a method of its own.
        """
        call: Any = self
        return [call(x) for x in rows]

    @property
    def couples_samples(self) -> bool:
        """Whether the outputs of a batch may depend on each other; of the modules inside not to speak.

        True for one with a ``forward_batch`` of its own, if it does not say otherwise.
        """
        return type(self).forward_batch is not Module.forward_batch

    def register_buffer(self, name: str, value: float | list[float], least: float = -math.inf) -> None:
        """Set an attribute that belongs to the state of the module, but is not trained: a running mean, say.

        Parameters
        ----------
        name : str
            The name of the attribute.
        value : float or list of float
            What it is at first. Later it may be assigned like any other attribute.
        least : float
            `load_state_dict` refuses numbers below: variances, say, are at least 0.

        Examples
        --------
        >>> module = Module()
        >>> module.register_buffer("steps", 3.0)
        >>> module.steps, module.state_dict()
        (3.0, {'steps': 3.0})
        """
        self._buffers = {**self._buffers, name: least}
        setattr(self, name, value)

    def named_buffers(self) -> list[tuple[str, float]]:
        """The numbers of all buffers, here and inside, with their names; see `register_buffer`.

        Returns
        -------
        list of (str, float)
            A list has a name for each of its numbers, such as "running_mean.0".
        """
        return [(name, holder[key]) for name, holder, key, _ in self._buffer_places()]

    def _buffer_places(self) -> list[tuple[str, Any, Any, float]]:
        """Name, holder, key and bound of every buffer's numbers: ``holder[key]`` reads and writes one."""
        places: list[tuple[str, Any, Any, float]] = []
        for path, module in self.named_modules():
            for name, least in module._buffers.items():
                full, buffer = f"{path}.{name}" if path else name, getattr(module, name)
                if isinstance(buffer, list):
                    places += [(f"{full}.{k}", buffer, k, least) for k in range(len(buffer))]
                else:
                    places.append((full, vars(module), name, least))
        return places

    def state_dict(self) -> dict[str, float]:
        """The numbers of all parameters and buffers.

        Returns
        -------
        dict of str to float
            By the names of `named_parameters`, then those of `named_buffers`.
        """
        return {**{name: p.data for name, p in self.named_parameters()}, **dict(self.named_buffers())}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set the numbers of all parameters and buffers: of all, or, if anything does not fit, of none.

        Parameters
        ----------
        state : mapping of str to float
            What `state_dict` gave: a finite number for every name.

        Raises
        ------
        ModelFileError
            If names are missing or unexpected, or a value is not a finite number, or below what a buffer may be; the
            message names them.

        Examples
        --------
        >>> from nn import Neuron
        >>> n = Neuron(1)
        >>> n.load_state_dict({"w.0": 0.5, "b": 0.25})
        >>> n.w[0].data, n.b.data
        (0.5, 0.25)
        """
        named, places = self.named_parameters(), self._buffer_places()
        bounds = {**{name: -math.inf for name, _ in named}, **{name: least for name, *_, least in places}}
        numbers = saved.checked_state(state, bounds, type(self))
        for name, p in named:
            p.data = numbers[name]
        for name, holder, key, _ in places:
            holder[key] = numbers[name]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a module from what ``config`` gave, modules inside made already; the weights are not yet those saved.

        Parameters
        ----------
        config : mapping
            By default, what the constructor is called with.

        Returns
        -------
        Module
            A new one.
        """
        return cls(**config)

    @staticmethod
    def _state_size(config: Mapping[str, Any]) -> Any:
        """How many numbers of its own the state of a module of `nn` with such a ``config`` has."""
        return 0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a JSON file; see `nn.model.saved.save`."""
        saved.save(self, path)


def _members(members: Iterable[tuple[Any, Any]], prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The modules and random generators among some members and below them, each once, with their names."""
    for key, member in members:
        if isinstance(member, (Module, random.Random, list, tuple)) and id(member) not in seen:
            seen.add(id(member))
            name = f"{prefix}{key}"
            if isinstance(member, (list, tuple)):
                yield from _members(enumerate(member), f"{name}.", seen)
                continue
            yield name, member
            if isinstance(member, Module):
                yield from _members(vars(member).items(), f"{name}.", seen)


Found = list[tuple[str, Any, Value]]
"""Parameters, each with the path that leads to its owner and its key there."""


def _collect(
    members: Iterable[tuple[Any, Any]], prefix: str, found: Found, seen: set[int], every: bool = False
) -> None:
    """Append (prefix, key, parameter) for each parameter (or every Value) among some members and below them.

    Names are put together by whoever wants them: a training step asks for the parameters alone, several times.
    """
    for key, member in members:
        if type(member) is Value:
            if id(member) not in seen and (every or member.role == "parameter"):
                seen.add(id(member))
                found.append((prefix, key, member))
        elif isinstance(member, (list, tuple, Module)) and id(member) not in seen:
            seen.add(id(member))
            if isinstance(member, Module):
                _collect_inside(member, f"{prefix}{key}.", found, seen, every)
            else:
                _collect(enumerate(member), f"{prefix}{key}.", found, seen, every)


def _collect_inside(owner: Module, prefix: str, found: Found, seen: set[int], every: bool = False) -> None:
    if every or type(owner).parameters is Module.parameters:
        _collect(vars(owner).items(), prefix, found, seen, every)
        return
    # The class says itself what its parameters are (plain Values, perhaps); the attributes only give the names.
    attributes: Found = []
    _collect(vars(owner).items(), prefix, attributes, {id(owner)}, every=True)
    paths = {p: (path, key) for path, key, p in attributes}
    for k, p in enumerate(owner.parameters()):
        if id(p) not in seen:
            seen.add(id(p))
            path, key = paths.get(p, (f"{prefix}parameters.", k))
            found.append((path, key, p))


# -- What modules take and give ----------------------------------------------------------------------------------------


def forward_batch(model: Any, rows: Sequence[Any]) -> list[Any]:
    """The outputs of any model for a batch of samples: by its method of that name, or sample by sample.

    Parameters
    ----------
    model : callable
        A module, or a function of one sample.
    rows : sequence
        The samples.

    Returns
    -------
    list
        One output a sample.

    Examples
    --------
    >>> forward_batch(abs, [-1.0, 2.0])
    [1.0, 2.0]
    """
    together = getattr(model, "forward_batch", None)
    return [model(x) for x in rows] if together is None else list(together(rows))


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode inside a ``with``; afterwards each module is in the mode that it was in before."""
    before = [(module, module.training) for module in model.modules()] if isinstance(model, Module) else []
    if isinstance(model, Module):
        model.eval()
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def positive(n: int, what: str) -> int:
    """Take a size: a whole number, at least 1; the message of the error says what it is the size of."""
    try:
        size = None if is_flag(n) else operator.index(n)
    except TypeError:
        size = None
    if size is None:
        raise TypeError(f"{what} is a positive integer, got {n!r:.60}")
    if size < 1:
        raise ValueError(f"{what} is a positive integer, got {size}")
    return size


def as_tuple(x: Any, size: int) -> tuple[Any, ...]:
    """The inputs as a tuple; a lone number, such as a layer of one neuron gives, is one input where one is needed."""
    try:
        return tuple(x)
    except TypeError:
        if size == 1:
            return (x,)
        raise TypeError(f"expected {size} inputs in a sequence, got {type(x).__name__}: {x!r:.60}") from None


def unwrapped(row: list[Any]) -> Any:
    """A row of outputs as layers give it: one as it is, several as a list."""
    return row[0] if len(row) == 1 else row
