"""What is inside a module: the parameters, modules and random generators among its attributes, with their names."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from autodiff.value import Value

__all__ = ["Members"]


class Members:
    """The part of `nn.Module` that finds what was assigned to attributes, alone or in lists and tuples."""

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
        return [("", self), *((path, member) for path, member in inner if isinstance(member, Members))]

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


def _members(members: Iterable[tuple[Any, Any]], prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The modules and random generators among some members and below them, each once, with their names."""
    for key, member in members:
        if isinstance(member, (Members, random.Random, list, tuple)) and id(member) not in seen:
            seen.add(id(member))
            name = f"{prefix}{key}"
            if isinstance(member, (list, tuple)):
                yield from _members(enumerate(member), f"{name}.", seen)
                continue
            yield name, member
            if isinstance(member, Members):
                yield from _members(vars(member).items(), f"{name}.", seen)


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
        elif isinstance(member, (list, tuple, Members)) and id(member) not in seen:
            seen.add(id(member))
            if isinstance(member, Members):
                _collect_inside(member, f"{prefix}{key}.", found, seen, every)
            else:
                _collect(enumerate(member), f"{prefix}{key}.", found, seen, every)


def _collect_inside(
    owner: Members, prefix: str, found: list[tuple[str, Any, Value]], seen: set[int], every: bool = False
) -> None:
    if every or type(owner).parameters is Members.parameters:
        _collect(vars(owner).items(), prefix, found, seen, every)
        return
    # The class says itself what its parameters are (plain Values, perhaps); the attributes only give the names.
    attributes: list[tuple[str, Any, Value]] = []
    _collect(vars(owner).items(), prefix, attributes, {id(owner)}, every=True)
    paths = {p: (path, key) for path, key, p in attributes}
    for k, p in enumerate(owner.parameters()):
        if id(p) not in seen:
            seen.add(id(p))
            path, key = paths.get(p, (f"{prefix}parameters.", k))
            found.append((path, key, p))
