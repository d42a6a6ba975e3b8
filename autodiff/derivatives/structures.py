"""Structures of numbers and arrays: lists, tuples, named tuples and dictionaries of them, as deep as you like.

A number or an array by itself is the smallest structure. Dictionaries keep their order; two are alike if they have the
same keys. All that walks a structure is built on two functions: `leaves` lists what is in it, `transform` makes another
of the same kind.

The form of a structure is the same without the numbers: `NUMBER` where one stands, and a `Grid` where an array stands
(NumPy's, or anything with the buffer protocol). `build` puts numbers into a form.
"""

from __future__ import annotations

import copy
import itertools
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from autodiff.derivatives.forward import Dual, is_number
from autodiff.operation import real
from autodiff.value import Value

CONTAINERS = (list, tuple, dict)


def leaves(tree: Any) -> list[Any]:
    """The members of a structure that are no containers, in order."""
    if not isinstance(tree, CONTAINERS):
        return [tree]
    return [x for part in (tree.values() if isinstance(tree, dict) else tree) for x in leaves(part)]


def place(tree: Any, what: str, k: int) -> str:
    """How one gets to the k-th leaf of a structure that is called `what`: ``x['w'][1]``."""
    return next(itertools.islice(places(tree, what), k, None))


def places(tree: Any, what: str) -> Iterator[str]:
    """How one gets to each leaf of a structure that is called `what`."""
    if not isinstance(tree, CONTAINERS):
        yield what
        return
    for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from places(part, f"{what}[{key!r}]")


def transform(tree: Any, function: Callable[[Any], Any]) -> Any:
    """A structure of the same kind, with a function applied to each leaf."""
    if isinstance(tree, dict):
        members = {key: transform(x, function) for key, x in tree.items()}
        if type(tree) is dict:
            return members
        same = copy.copy(tree)  # an OrderedDict, a defaultdict
        for key, x in members.items():  # `update` of a Counter adds
            same[key] = x
        return same
    if not isinstance(tree, (list, tuple)):
        return function(tree)
    parts = [transform(x, function) for x in tree]
    if type(tree) is list:
        return parts
    if type(tree) is tuple:
        return tuple(parts)
    return type(tree)(*parts) if hasattr(tree, "_fields") else _of_class(type(tree), parts, tree)


def _of_class(kind: type[Any], parts: list[Any], tree: Any) -> Any:
    """A list or tuple of a class derived from these, with the same rules and other items.

    One that knows more than its items is refused: what it knows may be computed from them.
    """
    plain: type[Any] = list if isinstance(tree, list) else tuple
    fields = hasattr(kind, "n_fields") or any(base.__dict__.get("__slots__") for base in kind.__mro__)
    if fields or getattr(tree, "__dict__", None) or kind.__iter__ is not plain.__iter__:
        raise TypeError(
            f"a structure holds a {kind.__name__}, a {plain.__name__} with attributes or an iteration of its own, "
            f"which cannot be made again of other numbers: pass {plain.__name__}(x), or make it a namedtuple or a dict"
        )
    same: Any = plain.__new__(kind, parts)
    if plain is list:
        list.extend(same, parts)
    return same


def fill(tree: Any, others: Iterator[Any]) -> Any:
    """A structure of the same kind with others in place of its leaves, in order."""
    return transform(tree, lambda _: next(others))


def numbers(tree: Any, what: str) -> list[Any]:
    """The numbers of a structure, plain ones as floats; a TypeError that says where if it holds anything else."""
    found = leaves(tree)
    for k, x in enumerate(found):
        if not is_number(x):
            raise TypeError(
                f"{place(tree, what, k)} is a {type(x).__name__}, not a number: {x!r:.60}; "
                "expected numbers, or lists, tuples and dicts of numbers"
            )
    return [x if type(x) in (float, Value, Dual) else real(x) for x in found]


def matching(tree: Any, like: Any, what: str, model: str) -> list[Any]:
    """The leaves of a structure, in the order of one that it has to be like; `what` and `model` name them in messages.

    A list and a tuple are alike. A ValueError if containers differ otherwise, in lengths or in keys.
    """
    if isinstance(like, dict) and isinstance(tree, dict) and tree.keys() == like.keys():
        return [x for key in like for x in matching(tree[key], like[key], f"{what}[{key!r}]", f"{model}[{key!r}]")]
    sequences = isinstance(like, (list, tuple)) and isinstance(tree, (list, tuple))
    if sequences and len(tree) == len(like):
        pairs = enumerate(zip(tree, like))
        return [x for k, (t, m) in pairs for x in matching(t, m, f"{what}[{k}]", f"{model}[{k}]")]
    if isinstance(tree, CONTAINERS) or isinstance(like, CONTAINERS):
        raise ValueError(f"{what} must have the structure of {model}: expected {_shape(like)}, got {_shape(tree)}")
    return [tree]


def _shape(tree: Any) -> str:
    if isinstance(tree, dict):
        return f"a dict with the keys {list(tree)!r:.60}"
    return f"a {type(tree).__name__} of length {len(tree)}" if isinstance(tree, (list, tuple)) else "a number"


# -- Forms -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A place for a number."""

    count: ClassVar[int] = 1
    lane: ClassVar[bool] = False


@dataclass(frozen=True)
class Grid:
    """A place for an array: its shape, that of one sample if `lane`, and whether it is NumPy's."""

    shape: tuple[int, ...]
    lane: bool = False
    numpy: bool = True

    @property
    def count(self) -> int:
        """How many numbers it holds, those of one sample."""
        return math.prod(self.shape)


NUMBER = Number()


def exact(x: Any) -> Any:
    """What is equal for two things that no program can tell apart: 0.0 and -0.0, or 1, 1.0 and True, are different."""
    if isinstance(x, (tuple, frozenset)):
        return type(x), (tuple if isinstance(x, tuple) else frozenset)(map(exact, x))
    said = type(x).__repr__ is not object.__repr__  # type: ignore[comparison-overlap]
    told = repr(x) if said else ""
    return (type(x), told, x) if x == x else (type(x), told)  # nan is like itself


def key(form: Any) -> Any:
    """A form, or a structure of forms, as something to look up by."""
    if isinstance(form, dict):
        knows = (
            ()
            if type(form) is dict
            else (getattr(form, "default_factory", None), *getattr(form, "__dict__", {}).items())
        )
        return type(form), exact(knows), tuple((exact(k), key(part)) for k, part in form.items())
    return (type(form), tuple(map(key, form))) if isinstance(form, (list, tuple)) else form


def build(form: Any, given: Sequence[Any], make: Callable[[Any, Sequence[Any]], Any]) -> Any:
    """A structure of that form with given numbers, and what is made of them for all places but a number's."""
    end = 0

    def built(leaf: Any) -> Any:
        nonlocal end
        start, end = end, end + leaf.count
        return given[start] if type(leaf) is Number else make(leaf, given[start:end])

    return transform(form, built)


# -- Arrays ----------------------------------------------------------------------------------------------------------


def is_array(x: Any) -> bool:
    """Whether something is an array: it has a buffer of numbers, with one dimension at least."""
    if isinstance(x, (bytes, bytearray, str, Real)):
        return False
    try:
        return memoryview(x).ndim > 0
    except (TypeError, ValueError):  # a NumPy array of objects, of Values perhaps, has no buffer
        return type(x).__module__ == "numpy" and getattr(x, "ndim", 0) > 0


def is_numpys(x: Any) -> bool:
    """Whether something is an array of NumPy, and not of a class with other rules that is made of it."""
    return type(x).__module__ == "numpy" and type(x).__name__ in ("ndarray", "memmap")


def nested(shape: Sequence[int], given: Sequence[Any]) -> Any:
    """Numbers as nested lists of that shape."""
    if not shape:
        return given[0]
    given = list(given)
    for width in reversed(shape[1:]):
        given = [given[k : k + width] for k in range(0, len(given), width)]
    return given


def array_of_values(form: Grid, given: Sequence[Any]) -> Any:
    """An array of Values: NumPy's, of objects, or nested lists."""
    if not form.numpy or not form.shape:
        return nested(form.shape, given)
    import numpy

    grid = numpy.empty(len(given), dtype=object)
    grid[:] = given
    return grid.reshape(form.shape)


def array_of_floats(form: Grid, given: Sequence[Any]) -> Any:
    """An array of floats: NumPy's, Python's, or nested lists."""
    if form.numpy:
        import numpy

        return numpy.array(given).reshape(form.shape)
    return array("d", given) if len(form.shape) == 1 else nested(form.shape, given)


def array_of_samples(form: Grid, rows: Sequence[Any], n: int) -> Any:
    """An array with n samples along its first axis, of a row of n floats for each of its places."""
    if not form.numpy:
        return nested(form.shape, rows)
    import numpy

    return numpy.stack(rows, axis=-1).reshape(n, *form.shape) if rows else numpy.empty((n, *form.shape))
