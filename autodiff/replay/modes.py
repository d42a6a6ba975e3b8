"""What a compiled function computes in each mode: a value, gradients, a derivative along a direction, or a Hessian."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autodiff.derivatives import transforms
from autodiff.derivatives.forward import is_number
from autodiff.derivatives.structures import (
    NUMBER,
    Grid,
    Number,
    array_of_values,
    build,
    exact,
    is_numpys,
    key,
    leaves,
    transform,
)
from autodiff.errors import TraceError
from autodiff.replay.forms import take_apart
from autodiff.replay.kernel import Entry, Kernel
from autodiff.replay.tracer import Kind, Tracer
from autodiff.value import Value

Function = Callable[..., Any]

MODES: dict[str, Callable[[Function, Any], Function]] = {
    "value": lambda f, argnums: f,
    "grad": transforms.grad,
    "value_and_grad": transforms.value_and_grad,
    "jvp": lambda f, argnums: lambda primals, tangents: transforms.jvp(f, primals, tangents),
    "hessian": transforms.hessian,
}
"""What a mode makes of a function."""


class Static:
    """An argument that is handed through: in a form, a place for no number."""

    count, lane = 0, False

    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            self.exact = exact(value)
            self._hash = hash(self.exact)
        except TypeError:
            raise TypeError(
                f"an argument named in static_argnums must be hashable, as a tuple is; got {type(value).__name__}"
            ) from None

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.exact == other.exact


def trace(function: Function, mode: str, argnums: Any, forms: list[Any], backend: str) -> Entry:
    """Trace what a mode makes of a function, and compile the program.

    `forms` are those of the arguments, for "jvp" those of the primals and of the tangents. It is called until it does
    twice the same: a number that it draws would be a constant of the program. A TraceError if it never does; a
    TypeError if a gradient is asked for, and the function does not return a number; a ValueError if `argnums` names an
    argument twice, or one that is not there.
    """
    tracer, found, form = _recorded(function, mode, argnums, forms)
    began = tracer.began
    for _ in range(2):  # a function that prepares something at its first call is another one at the second
        before, shape = tracer, key(form)
        tracer, found, form = _recorded(function, mode, argnums, forms)
        if tracer.same(before) and key(form) == shape:
            break
    else:
        raise TraceError(
            f"{_name(function)} does not compute the same each time that it is "
            "called: a program would keep the random numbers, the time or the count of one call for all; pass what "
            "changes as an argument, or in a Value, which is read at each call"
        )
    tracer.began = began
    if mode in ("grad", "value_and_grad"):  # taken on the tape
        slope, wrt = _chosen(argnums, forms, tracer.leaves)
        if mode == "grad":
            tracer.wanted.clear()
        tracer.want_gradient(found[0], wrt, _kind(forms))
        form = slope if mode == "grad" else (NUMBER, slope)
    return Entry(Kernel(tracer, backend), form)


def _name(function: Function) -> str:
    return f"{getattr(function, '__qualname__', repr(function)):.60}"


def _unchanged(now: Any, before: Any) -> bool:
    """Whether a structure holds what it held before, and that in the same places."""
    if type(now) is not type(before):
        return False
    if isinstance(before, dict):
        return list(now) == list(before) and all(map(_unchanged, now.values(), before.values()))
    if is_numpys(before):
        return now.shape == before.shape and all(map(operator.is_, now.flat, before.flat))
    if isinstance(before, (list, tuple)):
        return len(now) == len(before) and all(map(_unchanged, now, before))
    return now is before


def _kind(forms: list[Any]) -> Kind:
    return "each" if any(leaf.lane for leaf in leaves(forms)) else "one"


def _recorded(function: Function, mode: str, argnums: Any, forms: list[Any]) -> tuple[Tracer, list[Any], Any]:
    """The tracing of what a mode makes of a function, the numbers that were found, and their form.

    If a gradient is asked for, it is that of the value alone.
    """
    places = leaves(forms)
    tracer = Tracer([leaf.lane for leaf in places for _ in range(leaf.count)])
    arrays = any(type(leaf) is Grid for leaf in places)
    form: Any = NUMBER
    if mode in ("grad", "value_and_grad"):
        y = tracer.trace(function, *_arguments(forms, tracer.leaves))
        if not is_number(y):
            raise TypeError(
                f"a gradient is that of a function that returns a number, got {type(y).__name__}: {y!r:.60}"
            )
        found = [y]
    elif mode == "jvp" and arrays:
        found, form = tracer.trace(_jvp_of_arrays, function, forms, tracer.leaves)
    elif mode == "hessian" and arrays:
        chosen, wrt = _chosen(argnums, forms, tracer.leaves)
        found, form = tracer.trace(hessian_of_arrays, function, partial(_arguments, forms), chosen, wrt, tracer.leaves)
    else:
        given = _arguments(forms, tracer.leaves)
        found, form = take_apart(tracer.trace(MODES[mode](function, argnums), *given))
        if mode == "value":  # a transform hands on copies, and the function alone what is its caller's
            for k, (now, before) in enumerate(zip(given, _arguments(forms, tracer.leaves))):
                if not _unchanged(now, before):
                    raise TraceError(
                        f"{_name(function)} changes its argument {k} in place, and a program would not: let it work on "
                        "a copy, and return what is new"
                    )
    tracer.want(found, _kind(forms))
    return tracer, found, form


def _arguments(forms: Any, given: Sequence[Any]) -> Any:
    """Arguments of such forms, with numbers in their places."""
    return build(forms, given, lambda leaf, part: leaf.value if type(leaf) is Static else array_of_values(leaf, part))


def _chosen(argnums: Any, forms: list[Any], given: Sequence[Value]) -> tuple[Any, list[Value]]:
    """The arguments to differentiate by: their form, in a tuple if they are several, and the Values given for them."""
    positions = (argnums,) if isinstance(argnums, int) else argnums
    if forms and len({p % len(forms) for p in positions}) < len(positions):
        raise ValueError(f"argnums names an argument twice: {argnums}")
    ends = [0, *itertools.accumulate(sum(leaf.count for leaf in leaves(form)) for form in forms)]
    wrt: list[Value] = []
    for p in positions:
        if not -len(forms) <= p < len(forms) or isinstance(forms[p], Static):
            raise ValueError(f"argnums names argument {p}, and there is no such argument to differentiate by")
        k = p % len(forms)
        wrt += given[ends[k] : ends[k + 1]]
    return forms[argnums] if isinstance(argnums, int) else tuple(forms[p] for p in positions), wrt


# The transforms know numbers and lists of them, so functions of arrays are handed to them as functions of numbers.


def _jvp_of_arrays(function: Function, forms: Sequence[Any], given: Sequence[Value]) -> tuple[list[Any], Any]:
    """All numbers of a function's value and of its derivative along a direction, and the forms of both."""
    primals, tangents = forms
    if key(primals) != key(tangents):
        raise ValueError("tangents must have the structure of primals: the same kinds of arguments, of the same shapes")
    form: Any = None

    def flat(*numbers: Any) -> list[Any]:
        nonlocal form
        found, form = take_apart(function(*_arguments(primals, numbers)))
        return found

    half = len(given) // 2
    values, slopes = transforms.jvp(flat, given[:half], given[half:])
    return [*values, *slopes], (form, form)


def hessian_of_arrays(
    function: Function, arguments: Function, chosen: Any, wrt: Sequence[Value], given: Sequence[Value]
) -> tuple[list[Any], Any]:
    """The numbers of second derivatives by the arguments whose form is `chosen` and whose Values are `wrt`; its form.

    For each place in `chosen` this has a structure like `chosen`; the shapes of two arrays are joined. `arguments`
    makes the function's arguments of numbers in the places of `given`.
    """

    def flat(numbers: Sequence[Any]) -> Any:
        others = dict(zip(wrt, numbers))
        return function(*arguments([others.get(v, v) for v in given]))

    rows = map(iter, transforms.hessian(flat)(list(wrt)))
    found: list[Any] = []

    def blocks(outer: Number | Grid) -> Any:
        mine = list(itertools.islice(rows, outer.count))

        def block(inner: Number | Grid) -> Number | Grid:
            for row in mine:
                found.extend(itertools.islice(row, inner.count))
            arrays = [leaf for leaf in (outer, inner) if isinstance(leaf, Grid)]
            if not arrays:
                return NUMBER
            return Grid(tuple(k for a in arrays for k in a.shape), numpy=any(a.numpy for a in arrays))

        return transform(chosen, block)

    return found, transform(chosen, blocks)
