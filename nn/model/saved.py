"""Models as JSON files: written whole or not at all, checked when read, and never code.

::

    {"format": "autodiff.nn model", "version": 1,
     "model": {"kind": "MLP", "nin": 4, "nouts": [16, 3], "activation": ["relu", "linear"], "expand": false},
     "state": {"layers.0.neurons.0.w.0": 0.137, ...},
     "extra": {...}}

A float is written with as many digits as it takes to read the same float back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.files import write_atomically
from nn.model.descriptions import check, count, described, rebuilt
from nn.model.module import Module

__all__ = ["load", "save"]

FORMAT = "autodiff.nn model"
VERSION = 1


def save(model: Module, path: str | os.PathLike[str], **extra: Any) -> None:
    """Write a model to a JSON file.

    Parameters
    ----------
    model : Module
        What to save: of the classes of `nn`, also inside, and with activations that have names.
    path : path
        The file. It appears complete: while it is written it has another name in the same folder, and if
        anything fails a file that was there before is as it was.
    **extra
        What else to keep with the model: class names, statistics of the data. Dicts with str keys, lists, str,
        finite numbers, bool and None.

    Raises
    ------
    TypeError
        If the model cannot be rebuilt from a file (a class or an activation of the user's own, neurons of
        different kinds in a layer), or an extra is not JSON.
    ValueError
        If a parameter or an extra is not finite.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from nn import MLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(MLP(2, [3, 1], seed=0), f"{folder}/model.json", classes=["no", "yes"])
    ...     model, extra = load(f"{folder}/model.json")
    >>> model([1.0, 2.0]).data == MLP(2, [3, 1], seed=0)([1.0, 2.0]).data, extra
    (True, {'classes': ['no', 'yes']})
    """
    description = described(model)
    state = model.state_dict()
    if rebuilt(description).state_dict().keys() != state.keys():
        kind = type(model).__name__
        raise TypeError(f"this {kind} has been given other parts than its constructor makes; save its state_dict()")
    document = {"format": FORMAT, "version": VERSION, "model": description, "state": state, "extra": extra}
    try:
        text = json.dumps(document, indent=1, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"a model is saved with finite numbers only: {_not_finite(state) or error}") from None
    except TypeError as error:
        raise TypeError(f"extras are JSON (dict, list, str, numbers, bool, None): {error}") from None
    write_atomically(path, text + "\n")


def load(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Read a model from a file that `save` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    model : Module
        A new model; every parameter and buffer has, to the last bit, the number that it had.
    extra : dict
        What else was saved.

    Raises
    ------
    ModelFileError
        If the file is not such a file, or is damaged; the message names the file and what is wrong.
    OSError
        If it cannot be read.

    Notes
    -----
    Nothing in the file is executed, and no random number is drawn. The model is in training mode; a `Dropout` begins
    its choices anew, from seed 0.
    """
    data = Path(path).read_bytes()
    try:
        document = _parsed(data)
        model = _model(document)
    except (ModelFileError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None
    extra: dict[str, Any] = document["extra"]
    return model, extra


def _parsed(data: bytes) -> dict[str, Any]:
    """The document, once its outline is right."""
    try:
        document = json.loads(data.decode("utf-8"))
    except ValueError as error:  # also of bytes that are no UTF-8
        raise ModelFileError(f"not valid JSON, or cut off ({error})") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError(f'not a saved model: there is no "format": "{FORMAT}"')
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise ModelFileError(f"version {document.get('version')!r:.40} of the format; this program reads {VERSION}")
    for key in ("model", "state", "extra"):
        if not isinstance(document.get(key), dict):
            what = f"is {document[key]!r:.40}, expected an object" if key in document else "is missing"
            raise ModelFileError(f'"{key}" {what}')
    return document


def _model(document: Mapping[str, Any]) -> Module:
    description, state = document["model"], document["state"]
    check(description)
    try:
        size = count(description)
        if size != len(state):  # before anything of that size is built
            raise ModelFileError(f"the sizes ask for {size} parameters, the state has {len(state)}")
        model: Module = rebuilt(description)
    except (TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f'"model": {error}') from None
    model.load_state_dict(state)
    return model


def _not_finite(state: Mapping[str, float]) -> str:
    return ", ".join([f"{name} is {x}" for name, x in state.items() if x - x != 0.0][:5])
