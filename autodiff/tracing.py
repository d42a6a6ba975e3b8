"""While a function is recorded for replay: what would leave the graph is refused.

A branch on a number, taken once while recording, would be replayed for every number. So inside `tracing` a Value has
no truth, no float and no copy; who asks gets a `TraceError` with the line. A comparison gives a Value, for `where`.
"""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol

from autodiff.errors import TraceError
from autodiff.strict import user_place

__all__ = ["LEAVES", "Trace", "active", "drawn", "is_tracing", "observed", "refuse", "tracing"]

active = 0
"""How many functions are being recorded in all threads: 0 lets a Value skip the look-up by thread."""


class Trace(Protocol):
    """What records a function: it turns numbers from outside into inputs, and numbers to keep into outputs."""

    def drawn(self, supply: Callable[[], float], each: bool) -> Any:
        """Give a Value that stands for what `supply` will return."""

    def observed(self, x: Any, store: Callable[[float], None]) -> None:
        """Call `store` with that number at every run."""


_trace: ContextVar[Trace | None] = ContextVar("_trace", default=None)


@contextlib.contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Refuse what leaves the graph, in the current thread (more precisely, the current context)."""
    global active
    active += 1
    token = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(token)
        active -= 1


def is_tracing() -> bool:
    """Whether a function is being recorded in this context."""
    return _trace.get() is not None


def drawn(supply: Callable[[], float], *, each: bool = True) -> Any:
    """A number from outside the graph that differs from run to run: a random one, or a statistic.

    Parameters
    ----------
    supply : callable
        Returns the number.
    each : bool
        Whether it is asked anew for each sample of a batch, or once a run.

    Returns
    -------
    float or Value
        The number; while a function is recorded, a Value that stands for it.
    """
    trace = _trace.get() if active else None
    return supply() if trace is None else trace.drawn(supply, each)


def observed(x: Any, store: Callable[[float], None]) -> None:
    """Hand a number to somebody outside the graph: now, and whenever a function that is being recorded runs.

    Parameters
    ----------
    x : Value or float
        The number.
    store : callable
        Takes it as a float.
    """
    trace = _trace.get() if active else None
    if trace is None:
        store(float(x))
    else:
        trace.observed(x, store)


BRANCHES = (
    "so it cannot branch on one: use autodiff.where, maximum, minimum, clip, abs or relu; a number that "
    "decides what is computed, and nothing else, can be passed by static_argnums"
)
LEAVES = (
    "and what is taken out of the graph would be the same at each: pass what is to be constant as an argument of its "
    "own, and take derivatives by grad, jvp or hessian"
)


def refuse(v: Any, what: str, why: str = BRANCHES) -> None:
    """Raise `TraceError` if a function is being recorded in this context; `why` it cannot be replayed, and a cure."""
    if _trace.get() is not None:
        _raise(v, what, why)


def _raise(v: Any, what: str, why: str) -> NoReturn:
    place = user_place()
    where = ""
    if place is not None:
        source = linecache.getline(*place).strip()
        where = f" at {place[0]}:{place[1]}" + (f": {source}" if source else "")
    name = v.label or "a Value"
    raise TraceError(
        f"{what} of {name} while the function is recorded{where}. A compiled function runs the same program for every "
        f"number, {why}"
    )
