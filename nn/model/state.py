"""Checks of a saved state: it has a finite number for every name that a module has, and no other names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

from autodiff.errors import ModelFileError

__all__ = ["checked_state"]


def checked_state(state: Mapping[str, float], bounds: Mapping[str, float], kind: type) -> dict[str, float]:
    """Take the numbers of a state, if it fits.

    Parameters
    ----------
    state : mapping of str to float
        The state.
    bounds : mapping of str to float
        What the module has, by name, and the least that it may be.
    kind : type
        The module's class, for the message.

    Returns
    -------
    dict of str to float
        A float for every name.

    Raises
    ------
    ModelFileError
        If names are missing or unexpected, or a value is not a finite number or too small; the message names them.

    Examples
    --------
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
    if any(found for _, found in faults):
        told = "; ".join(f"{fault}: {_listed(found)}" for fault, found in faults if found)
        raise ModelFileError(f"the state does not fit this {kind.__name__}: {told}")
    return {name: float(state[name]) for name in bounds}


def _is_finite(x: object) -> bool:
    try:
        return isinstance(x, Real) and not isinstance(x, bool) and math.isfinite(x)
    except OverflowError:  # an int too large for a float
        return False


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
