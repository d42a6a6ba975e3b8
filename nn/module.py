"""`Module`: what owns parameters and can name, reset, save and load them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.value import Value

__all__ = ["Module"]


class Module:
    """Base class of everything that has parameters.

    A subclass assigns its parameters (made by `nn.parameter`), its modules, and lists or tuples of them to
    attributes, and they are found by themselves, in the order of assignment. A subclass may also say itself what
    its parameters are, as in micrograd, by a method ``parameters``.

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

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of assignment.

        Returns
        -------
        list of Value
            A new list of the parameters themselves.
        """
        found: list[tuple[str, Any, Value]] = []
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
        found: list[tuple[str, Any, Value]] = []
        _collect_module(self, "", found, {id(self)})
        return [(f"{prefix}{key}", p) for prefix, key, p in found]

    def zero_grad(self) -> None:
        """Set ``.grad`` of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """The numbers of all parameters.

        Returns
        -------
        dict of str to float
            By the names of `named_parameters`.
        """
        return {name: p.data for name, p in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set the numbers of all parameters: of all, or, if anything does not fit, of none.

        Parameters
        ----------
        state : mapping of str to float
            What `state_dict` gave: a finite number for every name.

        Raises
        ------
        ModelFileError
            If names are missing or unexpected, or a value is not a finite number; the message names them.

        Examples
        --------
        >>> from nn import Neuron
        >>> n = Neuron(1)
        >>> n.load_state_dict({"w.0": 0.5, "b": 0.25})
        >>> n.w[0].data, n.b.data
        (0.5, 0.25)
        """
        if not isinstance(state, Mapping):
            raise ModelFileError(f"a state is a mapping of names to numbers, got {type(state).__name__}")
        named = dict(self.named_parameters())
        missing = [name for name in named if name not in state]
        unexpected = [name for name in state if name not in named]
        wrong = [f"{name} = {state[name]!r:.40}" for name in named if name in state and not _is_finite(state[name])]

        faults = (("missing", missing), ("unexpected", unexpected), ("not a finite number", wrong))
        if any(names for _, names in faults):
            told = "; ".join(f"{fault}: {_listed(names)}" for fault, names in faults if names)
            raise ModelFileError(f"the state does not fit this {type(self).__name__}: {told}")
        for name, p in named.items():
            p.data = float(state[name])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a JSON file; see `nn.checkpoint.save`."""
        from nn import checkpoint

        checkpoint.save(self, path)


def _collect(
    members: Iterable[tuple[Any, Any]],
    prefix: str,
    found: list[tuple[str, Any, Value]],
    seen: set[int],
    every: bool = False,
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
                _collect_module(member, f"{prefix}{key}.", found, seen, every)
            else:
                _collect(enumerate(member), f"{prefix}{key}.", found, seen, every)


def _collect_module(
    module: Module, prefix: str, found: list[tuple[str, Any, Value]], seen: set[int], every: bool = False
) -> None:
    if every or type(module).parameters is Module.parameters:
        _collect(vars(module).items(), prefix, found, seen, every)
        return
    # The class says itself what its parameters are (plain Values, perhaps); the attributes only give the names.
    attributes: list[tuple[str, Any, Value]] = []
    _collect(vars(module).items(), prefix, attributes, {id(module)}, every=True)
    paths = {p: (path, key) for path, key, p in attributes}
    for k, p in enumerate(module.parameters()):
        if id(p) not in seen:
            seen.add(id(p))
            path, key = paths.get(p, (f"{prefix}parameters.", k))
            found.append((path, key, p))


def _is_finite(x: object) -> bool:
    try:
        return isinstance(x, Real) and not isinstance(x, bool) and math.isfinite(x)
    except OverflowError:  # an int too large for a float
        return False


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
