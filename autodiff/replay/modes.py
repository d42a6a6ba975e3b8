"""What a compiled function records in each mode: a value, gradients, a derivative along a direction, or a Hessian."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.derivatives import transforms
from autodiff.derivatives.forward import is_number
from autodiff.program import Output
from autodiff.replay import array_transforms
from autodiff.replay.forms import NUMBER, Grid, Number, build, count, leaves_of
from autodiff.replay.structures import symbols, take_apart
from autodiff.replay.tracer import Entry, Recorder
from autodiff.value import Value

__all__ = ["MODES", "Function", "Static", "dynamic_leaves", "record"]

Function = Callable[..., Any]

MODES: dict[str, Callable[[Function, Any], Function]] = {
    "value": lambda f, argnums: f,
    "jvp": lambda f, argnums: lambda primals, tangents: transforms.jvp(f, primals, tangents),
    "hessian": lambda f, argnums: transforms.hessian(f, argnums),
}
"""What a mode makes of a function of Values; gradients are taken on the tape."""


class Static:
    """An argument that is handed through."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        try:
            return hash((type(self.value), self.value))
        except TypeError:
            raise TypeError(
                f"an argument named in static_argnums must be hashable, as a tuple is; got {type(self.value).__name__}"
            ) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and type(self.value) is type(other.value) and bool(self.value == other.value)


def dynamic_leaves(forms: Sequence[Any]) -> list[Number | Grid]:
    """The numbers and arrays in the forms of some arguments, without those that are `Static`."""
    return [leaf for form in forms if not isinstance(form, Static) for leaf in leaves_of(form)]


def record(function: Function, mode: str, argnums: Any, forms: list[Any], backend: str) -> Entry:
    """Record a function, or what a mode makes of it, and compile the program.

    Parameters
    ----------
    function : callable
        Of Values.
    mode : str
        "value", "grad", "value_and_grad", "jvp" or "hessian".
    argnums : int or tuple of int
        The arguments to differentiate by.
    forms : list
        The form of each argument; for "jvp", those of the primals and of the tangents.
    backend : str
        As for `compile`.

    Returns
    -------
    Entry
        The program, and the form of its result.

    Raises
    ------
    TypeError
        If a gradient is asked for, and the function does not return a number.
    ValueError
        If `argnums` names an argument twice, or one that is not there.
    """
    places = dynamic_leaves(forms)
    lanes = [leaf.lane for leaf in places for _ in range(count(leaf))]
    recorder = Recorder(lanes)

    def given(leaves: Sequence[Any]) -> list[Any]:
        made = iter(build([form for form in forms if not isinstance(form, Static)], leaves, symbols))
        return [form.value if isinstance(form, Static) else next(made) for form in forms]

    if mode in ("grad", "value_and_grad"):
        y = recorder.trace(function, *given(recorder.leaves))
        if not is_number(y):
            raise TypeError(
                f"a gradient is that of a function that returns a number, got {type(y).__name__}: {y!r:.60}"
            )
        slots, form = _differentiated(recorder, mode, y, argnums, forms)
    else:
        arrays = any(type(leaf) is Grid for leaf in places)
        if mode == "jvp" and arrays:
            found, form = recorder.trace(array_transforms.jvp, function, forms, recorder.leaves)
        elif mode == "hessian" and arrays:
            chosen, wrt = _chosen(argnums, forms, recorder.leaves)
            found, form = recorder.trace(array_transforms.hessian, function, given, chosen, wrt, recorder.leaves)
        else:
            found = []
            y = recorder.trace(MODES[mode](function, argnums), *given(recorder.leaves))
            form = take_apart(y, found)
        slots = recorder.write(found)
    kind: Any = "each" if any(lanes) else "one"
    return Entry(recorder.kernel([Output(s, kind) for s in slots], backend, form), form)


def _differentiated(recorder: Recorder, mode: str, y: Any, argnums: Any, forms: list[Any]) -> tuple[list[int], Any]:
    """The slots of a gradient, behind that of the value, and the form of the result."""
    form, wrt = _chosen(argnums, forms, recorder.leaves)
    (value,) = recorder.write([y])
    gradient = recorder.gradient(value, [recorder.slots[v] for v in wrt])
    return ([value, *gradient], (NUMBER, form)) if mode == "value_and_grad" else (gradient, form)


def _chosen(argnums: Any, forms: list[Any], leaves: list[Value]) -> tuple[Any, list[Value]]:
    """The arguments to differentiate by: their form, in a tuple if they are several, and their leaves."""
    positions = (argnums,) if isinstance(argnums, int) else argnums
    if forms and len({p % len(forms) for p in positions}) < len(positions):
        raise ValueError(f"argnums names an argument twice: {argnums}")
    ends = list(itertools.accumulate(sum(map(count, dynamic_leaves([form]))) for form in forms))
    wrt: list[Value] = []
    for p in positions:
        if not -len(forms) <= p < len(forms) or isinstance(forms[p], Static):
            raise ValueError(f"argnums names argument {p}, and there is no such argument to differentiate by")
        start = ends[p % len(forms) - 1] if p % len(forms) else 0
        wrt += leaves[start : ends[p]]
    return forms[argnums] if isinstance(argnums, int) else tuple(forms[p] for p in positions), wrt
