"""While a function is recorded for replay: what would leave the graph is refused.

A branch on a number, taken once while recording, would be replayed for every number. So inside `tracing` a Value has
no truth, no order and no float; who asks gets a `TraceError` with the line.
"""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NoReturn

from autodiff.errors import TraceError
from autodiff.nonfinite import user_place

__all__ = ["active", "refuse", "tracing"]

active = 0
"""How many functions are being recorded in all threads: 0 lets a Value skip the look-up by thread."""

_tracing: ContextVar[bool] = ContextVar("_tracing", default=False)


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Refuse what leaves the graph, in the current thread (more precisely, the current context)."""
    global active
    active += 1
    token = _tracing.set(True)
    try:
        yield
    finally:
        _tracing.reset(token)
        active -= 1


def refuse(v: Any, what: str) -> None:
    """Raise `TraceError` if a function is being recorded in this context."""
    if _tracing.get():
        _raise(v, what)


def _raise(v: Any, what: str) -> NoReturn:
    place = user_place()
    where = ""
    if place is not None:
        source = linecache.getline(*place).strip()
        where = f" at {place[0]}:{place[1]}" + (f": {source}" if source else "")
    name = v.label or "a Value"
    raise TraceError(
        f"{what} of {name} while the function is recorded{where}. A compiled function runs the same program for every "
        "number, so it cannot branch on one: use autodiff.where, maximum, minimum, clip, abs or relu; a number that "
        "decides what is computed, and nothing else, can be passed by static_argnums"
    )
