"""Models as JSON files: written whole or not at all, checked when read, and never code.

::

    {"format": "autodiff.nn model", "version": 1, "checksum": "3f786850e387550f",
     "model": {"kind": "MLP", "nin": 4, "nouts": [16, 3], "activation": ["relu", "linear"], "expand": false},
     "state": {"layers.0.neurons.0.w.0": 0.137, ...},
     "extra": {...}}

A float is written with as many digits as it takes to read the same float back. What is said of a module comes from its
`config`; no class is known here but those that were gathered. The checksum is over all the rest; a file without one is
read too, so whoever edits a file by hand removes it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autodiff.errors import ModelFileError
from autodiff.files import write_atomically
from nn.checks import a_path, is_finite, is_flag

FORMAT = "autodiff.nn model"
VERSION = 1
KEYS = ("model", "state", "extra")

KINDS: dict[str, dict[str, Any]] = {}
"""By its name, every class that can be rebuilt from a file; several of one name by module and qualified name."""

OURS: set[str] = set()
"""The names of the classes of `nn`, once they are all there."""

_NO_ARCHITECTURE = {"nonlin", "init", "seed", "rng"}
"""What constructors of `nn` take besides: where the first weights come from, and an older way to say "linear"."""


def gather(kind: type) -> None:
    """Let a class that has a `config` of its own be rebuilt from files, unless a class of `nn` has its name.

    Defined anew, as when a cell of a notebook is run again, it takes the old one's place.
    """
    name, path = kind.__name__, _path(kind)
    if name in OURS and path not in KINDS[name]:
        return
    known = KINDS.pop(name, {})
    known.pop(path, None)
    if inspect.isfunction(vars(kind).get("config")):
        known[path] = kind
    if known:
        KINDS[name] = known


def save(model: Any, path: str | os.PathLike[str], **extra: Any) -> None:
    """Write a model to a JSON file.

    Parameters
    ----------
    model : Module
        What to save: of the classes of `nn` or of your own with a ``config`` (see `nn.Module`), also inside, and with
        activations that have names.
    path : path
        The file. It appears complete: while it is written it has another name in the same folder, and if
        anything fails a file that was there before is as it was.
    **extra
        What else to keep with the model: class names, statistics of the data. Dicts with str keys, lists, str,
        finite numbers, bool and None.

    Raises
    ------
    TypeError
        If the model cannot be rebuilt from a file (a class without a ``config`` of its own, or whose name is not its
        alone; an activation of the user's own; neurons of different kinds in a layer), or an extra is not JSON.
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
    a_path(path)
    description = _described(model)
    state = model.state_dict()
    if _rebuilt(description).state_dict().keys() != state.keys():
        kind = type(model).__name__
        raise TypeError(f"this {kind} has been given other parts than its constructor makes; save its state_dict()")
    try:
        text = written(FORMAT, VERSION, {"model": description, "state": state, "extra": extra}, indent=1)
    except ValueError as error:
        wrong = ", ".join([f"{name} is {x}" for name, x in state.items() if x - x != 0.0][:5])
        raise ValueError(f"a model is saved with finite numbers only: {wrong or error}") from None
    except TypeError as error:
        raise TypeError(f"extras are JSON (dict, list, str, numbers, bool, None): {error}") from None
    write_atomically(path, text)


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
        If the file is not such a file, or is damaged; the message names the file and what is wrong. So too if a class
        of your own that the model is of has not been defined before, or two classes have its name.
    OSError
        If it cannot be read.

    Notes
    -----
    Nothing in the file is executed, and no random number is drawn. Sizes are compared with what the file holds before
    anything is built of them. Who changes a file by hand removes its line "checksum". The model is in training mode; a
    `Dropout` begins its choices anew, from seed 0. A class of your own is called with what the file says (strings,
    numbers, bools, None, modules, and lists of these), so check there what must not be just anything.
    """
    a_path(path)
    data = Path(path).read_bytes()
    try:
        document = parsed(data, "a saved model", FORMAT, VERSION, KEYS)
        model = _model(document)
        verify(document)
    except (ModelFileError, RecursionError, MemoryError) as error:
        raise ModelFileError(f"{os.fspath(path)}: {error or 'it takes more memory than there is'}") from None
    return model, document["extra"]


def checked_state(state: Mapping[str, float], bounds: Mapping[str, float], kind: type) -> dict[str, float]:
    """Take the numbers of a state, if it has a finite one for every name in `bounds`, which says the least each may be.

    Anything else is a ModelFileError that names what is missing, unexpected or wrong, and the class.

    >>> checked_state({"b": 1}, {"b": 0.0}, dict)
    {'b': 1.0}
    """
    if not isinstance(state, Mapping):
        raise ModelFileError(f"a state is a mapping of names to numbers, got {type(state).__name__}")
    missing = [name for name in bounds if name not in state]
    unexpected = [name for name in state if name not in bounds]
    given = [(name, state[name], least) for name, least in bounds.items() if name in state]
    wrong = [f"{name} = {x!r:.40}" for name, x, _ in given if not _is_finite(x)]
    low = [
        f"{name} = {x!r:.40}, expected at least {least:g}" for name, x, least in given if _is_finite(x) and x < least
    ]

    faults = (("missing", missing), ("unexpected", unexpected), ("not a finite number", wrong), ("too small", low))
    told = "; ".join(f"{fault}: {_listed(found)}" for fault, found in faults if found)
    if told:
        raise ModelFileError(f"the state does not fit this {kind.__name__}: {told}")
    return {name: float(state[name]) for name in bounds}


def _is_finite(x: object) -> bool:
    return not is_flag(x) and is_finite(x)


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


# -- What a file says of a model: made of the model, checked, and made into a model again --------------------------


def _described(model: Any) -> dict[str, Any]:
    """The kind of a model, and the arguments that make another one like it, modules inside described likewise."""
    kind = type(model)
    known = KINDS.get(kind.__name__, {})
    if _path(kind) not in known:
        raise TypeError(
            f"only {', '.join(KINDS)} can be rebuilt from a file, got {kind.__name__}; "
            "save its state_dict(), and load it into a model that you build; or give the class a config() of its own, "
            "as nn.Module tells, and a name that no class of nn has"
        )
    if len(known) > 1:
        raise TypeError(f"{_ambiguous(kind.__name__)}, which a file could not tell apart; give one another name")
    arguments = model.config()
    if "kind" in arguments:
        raise TypeError(f'"kind" in the config of {kind.__name__} is what a file calls the class; use another name')
    return {"kind": kind.__name__, **{key: _plain(value) for key, value in arguments.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, (str, int, float)) else _described(value)


def written(form: str, version: int, content: Mapping[str, Any], indent: int | None = None) -> str:
    """The text of a file of a format of ours, which `parsed` reads; a ValueError if a number is not finite."""
    checksum = checksum_of({"format": form, "version": version, **content})
    document = {"format": form, "version": version, "checksum": checksum, **content}
    return json.dumps(document, indent=indent, allow_nan=False, default=_native) + "\n"


def checksum_of(document: Mapping[str, Any]) -> str:
    """What stands under "checksum": of everything else, whatever its order and spacing."""
    rest = {key: value for key, value in document.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=_native).encode()).hexdigest()[:16]


def _native(x: Any) -> Any:
    """A number or bool of NumPy as Python's own."""
    if getattr(x, "shape", None) != () or not isinstance(native := x.item(), (bool, int, float)):
        raise TypeError(f"got {type(x).__name__}: {x!r:.60}")
    return native


def verify(document: Mapping[str, Any]) -> None:
    """Refuse a document that differs from what was written; asked last, for other complaints tell more."""
    if "checksum" in document and document["checksum"] != checksum_of(document):
        raise ModelFileError(
            'the content does not match its "checksum": the file is damaged, or was edited; if you have edited it, '
            'remove the entry "checksum"'
        )


def parsed(data: bytes, what: str, form: str, version: int, keys: Sequence[str]) -> dict[str, Any]:
    """The document in a JSON file of a format of ours, once it is that, of that version, and has just those keys."""
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)  # Windows' editors write a BOM
    except ModelFileError:
        raise
    except ValueError as error:  # also of bytes that are no UTF-8
        raise ModelFileError(f"not valid JSON, or cut off ({error})") from None
    if not isinstance(document, dict) or document.get("format") != form:
        raise ModelFileError(f'not {what}: there is no "format": "{form}"')
    if type(document.get("version")) is not int or document["version"] != version:
        raise ModelFileError(f"version {document.get('version')!r:.40} of the format; this program reads {version}")
    for key in keys:
        if key not in document:
            raise ModelFileError(f'"{key}" is missing')
    known = ("format", "version", "checksum", *keys)
    for key in document:
        if key not in known:  # perhaps a damaged "checksum", without which nothing would be checked
            raise ModelFileError(f"there is {key!r:.40}, expected nothing but {', '.join(known)}")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some pairs, in which no name stands twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ModelFileError(f"{next(name for name in names if names.count(name) > 1)!r:.40} stands there twice")
    return made


def _model(document: Mapping[str, Any]) -> Any:
    for key in KEYS:
        if not isinstance(document[key], dict):
            raise ModelFileError(f'"{key}" is {document[key]!r:.40}, expected an object')
    description, state = document["model"], document["state"]
    _check(description)
    try:
        size, exact = _size(description)
        if size > len(state) or (exact and size != len(state)):  # before anything of that size is built
            raise ModelFileError(f"the sizes ask for {size} parameters, the state has {len(state)}")
        model = _rebuilt(description)
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f'"model": {error}') from None
    model.load_state_dict(state)
    if (x := _not_finite(document["extra"])) is not None:
        raise ModelFileError(f'"extra" holds {x}, expected finite numbers')
    return model


def _not_finite(extra: Any) -> float | None:
    """A number in some JSON that JSON does not have, if there is one: as NaN, or too large as 1e999."""
    parts = extra.values() if isinstance(extra, dict) else extra if isinstance(extra, list) else ()
    if isinstance(extra, float) and not math.isfinite(extra):
        return extra
    return next((x for x in map(_not_finite, parts) if x is not None), None)


def _is_size(x: Any) -> bool:
    return type(x) is int and 1 <= x < 2**63


def _is_name(x: Any) -> bool:
    return isinstance(x, str)


_ANYTHING: tuple[Callable[[Any], bool], str] = lambda x: True, "anything"
_ENTRIES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (_is_size, "a positive integer, below 2^63"),
    "Sequence[int]": (
        lambda x: isinstance(x, list) and all(map(_is_size, x)),
        "a list of positive integers, below 2^63",
    ),
    "bool": (lambda x: isinstance(x, bool), "true or false"),
    "Activation": (_is_name, "a name"),
    "Activation | None": (_is_name, "a name"),
    "Activation | Sequence[Activation] | None": (
        lambda x: _is_name(x) or (isinstance(x, list) and all(map(_is_name, x))),
        "a name, or a list of names",
    ),
}
"""What a file may say for an argument of a class of `nn`, by its annotation: each size by itself, for a negative one
could make up for one that is huge."""


def _check(description: Any) -> None:
    """Refuse a description whose outline is wrong, before anything is made of it."""
    if not isinstance(description, dict):
        raise ModelFileError(f"a module is {description!r:.40}, expected an object")
    name = description.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise ModelFileError(
            f'the "kind" of the model is {name!r:.40}, expected one of {", ".join(KINDS)}; define (or import) a class '
            "of your own, with its config(), before you load a model of it"
        )
    if len(KINDS[name]) > 1:
        raise ModelFileError(f"{_ambiguous(name)}, and the file does not say which; give one another name")
    if name in OURS:
        parameters = inspect.signature(_class(description)).parameters
        keys = {"kind", *parameters} - _NO_ARCHITECTURE
        if description.keys() != keys:
            came, expected = _listed(sorted(description)), _listed(sorted(keys))
            raise ModelFileError(f'"model" has the keys {came}, expected {expected}')
        if not isinstance(description.get("layers", []), list):
            raise ModelFileError(f'"layers" is {description["layers"]!r:.40}, expected a list')
        for key in sorted(keys & parameters.keys()):  # their annotations are strings
            fits, expected = _ENTRIES.get(parameters[key].annotation, _ANYTHING)
            if not fits(description[key]):
                came = "null" if description[key] is None else f"{description[key]!r:.40}"
                raise ModelFileError(f'"model": "{key}" is {came}, expected {expected}')
    _arguments(description, _check)


def _size(description: Mapping[str, Any]) -> tuple[int, bool]:
    """How many numbers the state of the described model has, and whether there may not be more in users' own classes.

    Nonsense sizes raise a TypeError, here or when it is built.
    """
    ours = description["kind"] in OURS
    sizes = [(_class(description)._state_size(description) if ours else 0, ours)]
    _arguments(description, lambda part: sizes.append(_size(part)))
    return sum(size for size, _ in sizes), all(exact for _, exact in sizes)


def _rebuilt(description: Mapping[str, Any]) -> Any:
    """Build a model by a description that was checked; no global random number is drawn."""
    before = random.getstate()
    try:
        return _made(description)
    finally:
        random.setstate(before)


def _made(description: Mapping[str, Any]) -> Any:
    return _class(description).from_config(_arguments(description, _made))


def _arguments(description: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """What a description says besides its kind, with a change made to each description of a module inside.

    Those are, in a class of `nn`, its "layers" and its "module"; in a user's own, all objects.
    """
    arguments = {key: value for key, value in description.items() if key != "kind"}

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(part) for part in value]
        return change(value) if isinstance(value, dict) else value

    if description["kind"] not in OURS:
        return {key: changed(value) for key, value in arguments.items()}
    if "layers" in arguments:
        arguments["layers"] = [change(part) for part in arguments["layers"]]
    if "module" in arguments:
        arguments["module"] = change(arguments["module"])
    return arguments


def _class(description: Mapping[str, Any]) -> Any:
    (kind,) = KINDS[description["kind"]].values()
    return kind


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _ambiguous(name: str) -> str:
    return f"there are {len(KINDS[name])} classes of the name {name}: {', '.join(KINDS[name])}"
