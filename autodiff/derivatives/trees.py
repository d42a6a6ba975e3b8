"""Nested structures of numbers: lists, tuples, named tuples and dictionaries of them, as deep as you like.

A number by itself is the smallest structure. Dictionaries keep their order; two are alike if they have the same keys.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["fill", "leaves", "matching", "transform"]

_CONTAINERS = (list, tuple, dict)


def leaves(tree: Any, what: str, is_leaf: Callable[[Any], bool]) -> list[Any]:
    """The numbers of a structure, in order.

    Parameters
    ----------
    tree : structure
        A number, or a list, tuple or dictionary of structures.
    what : str
        What the structure is, for the message.
    is_leaf : callable
        Whether something is a number.

    Raises
    ------
    TypeError
        If it holds anything but numbers, saying where.
    """
    found = []
    for place, x in _items(tree, what):
        if not is_leaf(x):
            raise TypeError(
                f"{place} is a {type(x).__name__}, not a number: {x!r:.60}; "
                "expected numbers, or lists, tuples and dicts of numbers"
            )
        found.append(x)
    return found


def _items(tree: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Each member that is no container, and how one gets there: ``x['w'][1]``."""
    if not isinstance(tree, _CONTAINERS):
        yield place, tree
        return
    for key, x in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from _items(x, f"{place}[{key!r}]")


def transform(tree: Any, function: Callable[[Any], Any]) -> Any:
    """A structure of the same kind, with a function applied to each member that is no container."""
    if isinstance(tree, dict):
        members = {key: transform(x, function) for key, x in tree.items()}
        if type(tree) is dict:
            return members
        same = copy.copy(tree)  # an OrderedDict, a defaultdict
        same.update(members)
        return same
    if isinstance(tree, tuple):
        parts = [transform(x, function) for x in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return [transform(x, function) for x in tree] if isinstance(tree, list) else function(tree)


def fill(tree: Any, numbers: Iterator[Any]) -> Any:
    """A structure of the same kind with other numbers in place of its own, in order."""
    return transform(tree, lambda _: next(numbers))


def matching(tree: Any, like: Any, what: str, model: str) -> list[Any]:
    """The members of a structure, in the order of one that it has to be like.

    Parameters
    ----------
    tree, like : structure
        The structure, and the one to compare with.
    what, model : str
        What they are called in the message.

    Raises
    ------
    ValueError
        If they differ in the type of a container (a list and a tuple count as the same), in lengths or in keys.
    """
    if isinstance(like, dict) and isinstance(tree, dict) and tree.keys() == like.keys():
        return [x for key in like for x in matching(tree[key], like[key], f"{what}[{key!r}]", f"{model}[{key!r}]")]
    sequences = isinstance(like, (list, tuple)) and isinstance(tree, (list, tuple))
    if sequences and len(tree) == len(like):
        pairs = enumerate(zip(tree, like))
        return [x for k, (t, m) in pairs for x in matching(t, m, f"{what}[{k}]", f"{model}[{k}]")]
    if isinstance(tree, _CONTAINERS) or isinstance(like, _CONTAINERS):
        raise ValueError(f"{what} must have the structure of {model}: expected {_shape(like)}, got {_shape(tree)}")
    return [tree]


def _shape(tree: Any) -> str:
    if isinstance(tree, dict):
        return f"a dict with the keys {list(tree)!r:.60}"
    return f"a {type(tree).__name__} of length {len(tree)}" if isinstance(tree, (list, tuple)) else "a number"
