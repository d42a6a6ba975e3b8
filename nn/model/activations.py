"""What a neuron may do to its weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from autodiff import ops
from autodiff.value import Value
from nn.checks import known

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
    if not isinstance(activation, Iterable):
        raise TypeError(f"activation is a name, a function on a Value, or one for each layer, got {activation!r:.60}")
    activations = list(activation)
    if len(activations) != count:
        raise ValueError(f"{count} layers need {count} activations (or a single one), got {len(activations)}")
    if None in activations:
        raise TypeError('an activation in a list is a name or a function on a Value, got None; "linear" is for none')
    return activations
