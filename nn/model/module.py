"""`Module`: what owns parameters and can name, reset, save and load them; its two modes, training and evaluation."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from nn.model.members import Members
from nn.model.state import checked_state

__all__ = ["Module", "forward_batch"]

M = TypeVar("M", bound="Module")


class Module(Members):
    """Base class of everything that has parameters.

    A subclass assigns its parameters (made by `nn.parameter`), its modules, and lists or tuples of them to
    attributes, and they are found by themselves, in the order of assignment. A subclass may also say itself what
    its parameters are, as in micrograd, by a method ``parameters``.

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
    """

    training: bool = True
    _buffers: Mapping[str, float] = MappingProxyType({})

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
        if not isinstance(mode, bool):
            raise TypeError(f"the training mode is True or False, got {mode!r:.60}")
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
        numbers = checked_state(state, bounds, type(self))
        for name, p in named:
            p.data = numbers[name]
        for name, holder, key, _ in places:
            holder[key] = numbers[name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a JSON file; see `nn.model.saved.save`."""
        from nn.model import saved

        saved.save(self, path)


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
