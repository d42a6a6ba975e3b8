"""What a model file says of the architecture: made from a model, checked, and made into a model again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

from autodiff.errors import ModelFileError
from nn.model.batch_norm import BatchNorm
from nn.model.dropout import Dropout
from nn.model.layers import Elementwise, Residual, Sequential
from nn.model.mlp import MLP, Layer
from nn.model.neuron import Neuron

__all__ = ["KINDS", "check", "count", "described", "rebuilt"]

KINDS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "Neuron": (Neuron, ("nin", "activation", "bias", "expand")),
    "Layer": (Layer, ("nin", "nout", "activation", "bias", "expand")),
    "MLP": (MLP, ("nin", "nouts", "activation", "expand")),
    "Sequential": (Sequential, ("layers",)),
    "Residual": (Residual, ("module",)),
    "Elementwise": (Elementwise, ("activation",)),
    "Dropout": (Dropout, ("p",)),
    "BatchNorm": (BatchNorm, ("n", "eps", "momentum", "affine")),
}
"""By its name, every class that can be rebuilt, and the arguments that a description has."""

_BOOLS = ("bias", "expand", "affine")


def described(model: Any) -> dict[str, Any]:
    """Describe a model: its kind, and the arguments that make another one like it, modules inside included.

    Raises
    ------
    TypeError
        If it, or one inside, is not of `KINDS`, or its arguments cannot be written.

    Examples
    --------
    >>> described(Residual(Dropout(0.5)))
    {'kind': 'Residual', 'module': {'kind': 'Dropout', 'p': 0.5}}
    """
    kind: str = type(model).__name__
    if kind not in KINDS or KINDS[kind][0] is not type(model):
        raise TypeError(
            f"only {', '.join(KINDS)} can be rebuilt from a file, got {kind}; "
            "save its state_dict(), and load it into a model that you build"
        )
    if isinstance(model, Sequential):
        return {"kind": kind, "layers": [described(module) for module in model.layers]}
    if isinstance(model, Residual):
        return {"kind": kind, "module": described(model.module)}
    arguments: dict[str, Any] = model.config()
    return {"kind": kind, **arguments}


def check(description: Any) -> None:
    """Check the outline of a description, before anything is made of it.

    Raises
    ------
    ModelFileError
        If a kind is unknown, keys are missing or too many, or something is of the wrong type.
    """
    if not isinstance(description, dict):
        raise ModelFileError(f"a module is {description!r:.40}, expected an object")
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelFileError(f'the "kind" of the model is {kind!r:.40}, expected one of {", ".join(KINDS)}')
    keys = {"kind", *KINDS[kind][1]}
    if description.keys() != keys:
        raise ModelFileError(f'"model" has the keys {sorted(description)}, expected {sorted(keys)}')
    for key in _BOOLS:
        if key in description and type(description[key]) is not bool:
            raise ModelFileError(f'"{key}" is {description[key]!r:.40}, expected true or false')
    if description.get("activation", "") is None:
        raise ModelFileError('"activation" is null, expected a name')
    if not isinstance(description.get("layers", []), list):
        raise ModelFileError(f'"layers" is {description["layers"]!r:.40}, expected a list')
    for inner in (*description.get("layers", ()), *([description["module"]] if "module" in description else ())):
        check(inner)


def count(description: Mapping[str, Any]) -> int:
    """How many numbers the state of the described model has.

    Nonsense sizes raise a TypeError, here or when it is built.
    """
    kind = description["kind"]
    if kind == "Sequential":
        return sum(map(count, description["layers"]))
    if kind == "Residual":
        return count(description["module"])
    if kind == "BatchNorm":
        size: int = (4 if description["affine"] else 2) * description["n"] + 1
        return size
    if "nin" not in description:
        return 0
    sizes = [description["nin"], *(description["nouts"] if "nouts" in description else [description.get("nout", 1)])]
    bias = int(description.get("bias", True))
    return sum((nin + bias) * nout for nin, nout in itertools.pairwise(sizes))


def rebuilt(description: Mapping[str, Any]) -> Any:
    """Build a model by a description that was checked; all weights are 0, and no global random number is drawn.

    Raises
    ------
    TypeError, ValueError
        If an argument is none that the class takes.
    """
    arguments = {key: value for key, value in description.items() if key != "kind"}
    kind = description["kind"]
    if kind == "Sequential":
        return Sequential(*map(rebuilt, arguments["layers"]))
    if kind == "Residual":
        return Residual(rebuilt(arguments["module"]))
    if "nin" in arguments:
        arguments["init"] = "zeros"
    elif kind == "Dropout":
        arguments["rng"] = random.Random(0)
    return KINDS[kind][0](**arguments)
