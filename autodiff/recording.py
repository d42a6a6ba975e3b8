"""What a node is stamped with (epoch, scope), whether it is recorded (`no_grad`), and what tracing refuses.

Every node holds a `Stamp`, and nodes made in the same epoch and scope share one: it costs a node eight bytes.
Writing a leaf's ``.data`` begins a new epoch, so a leaf that is newer than a node computed from it gives
away a stale graph (`autodiff.graph.check_fresh`). Who calls a function begins one to tell what it makes from what it
captured: the epoch in which a node was ``born`` stays, whatever is written to it.

While a function is traced for replay, what would leave the graph is refused. A branch on a number, taken once while
tracing, would be replayed for every number. So inside `tracing` a Value has no truth, no float and no copy; who asks
gets a `TraceError` with the line. A comparison gives a Value, for `where`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

Place = tuple[str, int]
Scope = tuple[str, ...]


class Stamp:
    """The epoch and the scopes (outermost first) that nodes were made in; one node's own holds its label and role, too.

    `born` is the epoch that they were made in, and `epoch` that of their last change. `place` is the file and line that
    made a node in strict mode.
    """

    __slots__ = ("born", "children", "epoch", "label", "place", "role", "scope", "thread")

    def __init__(
        self, epoch: int, scope: Scope, label: str = "", role: str = "", place: Place | None = None, born: int = 0
    ) -> None:
        self.epoch = epoch
        self.born = born or epoch
        self.scope = scope
        self.label = label
        self.role = role
        self.place = place
        self.thread = 0
        self.children: dict[str, Stamp] | None = None

    @property
    def private(self) -> bool:
        """Whether the stamp belongs to one node alone."""
        return bool(self.label or self.role)


now = Stamp(1, ())
"""The stamp that a node made at this moment gets. Read as ``recording.now``: it is replaced all the time."""

written = 1
"""The epoch that the last change of data began: what was computed since is fresh."""

paused = 0
"""How many `no_grad` and `strict` blocks and traces are open in all threads: 0 lets an operation skip the look-ups."""

_ENGINE = __file__.rpartition(os.sep)[0]
OURS = (f"{_ENGINE}{os.sep}", f"{_ENGINE.rpartition(os.sep)[0]}{os.sep}nn{os.sep}")
_MANY = 1000
_lock = threading.Lock()
not_recording: ContextVar[bool] = ContextVar("not_recording", default=False)


def begin_epoch(write: bool = False) -> int:
    """Begin a new epoch, to `write` data in it or not, and return its number."""
    global now, written
    with _lock:  # here and below: two threads must not be given the same number, nor turn it back
        now = fresh = _at(now.epoch + 1, now)
        if write:
            written = fresh.epoch
    return fresh.epoch


def _at(epoch: int, old: Stamp) -> Stamp:
    """The stamp of the same scope in another epoch."""
    fresh = Stamp(epoch, old.scope)
    fresh.thread = old.thread
    return fresh


def enter(name: str) -> Stamp:
    """Enter a scope; the returned stamp is to be handed to `leave`. `scope` is the same with a `with`."""
    global now
    with _lock:
        outer = now
        if outer.thread != threading.get_ident() and outer.scope:
            outer = Stamp(outer.epoch, ())  # another thread's scope is open: it is not ours to be inside of
        now = _inner(outer, name)
    return outer


def inside(outer: Stamp, name: str) -> Stamp:
    """The stamp of a node made in the scope of that name inside an outer stamp's, without entering it."""
    with _lock:
        return _inner(outer, name)


def _inner(outer: Stamp, name: str) -> Stamp:
    if outer.children is None or len(outer.children) >= _MANY:
        outer.children = {}  # a name for each step, say: nobody asks for the old ones again
    inner = outer.children.get(name)
    if inner is None or inner.thread != threading.get_ident():
        inner = outer.children[name] = Stamp(outer.epoch, (*outer.scope, name))
        inner.thread = threading.get_ident()
    return inner


def leave(outer: Stamp) -> None:
    """Leave a scope, back to `outer`, which `enter` returned."""
    global now
    with _lock:
        now = outer if outer.epoch == now.epoch else _at(now.epoch, outer)


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Group the nodes made inside under a name: `draw_forward` draws them in one box.

    Scopes nest, and close in the order opposite to that in which they were opened: hold none across an ``await``.
    `nn` opens one per layer and neuron by itself. With several threads building graphs at the same time a node may be
    given another thread's scope: a matter of the drawing alone.

    Parameters
    ----------
    name : str
        The name of the box.

    Raises
    ------
    TypeError
        If the name is no str.

    Examples
    --------
    >>> from autodiff import Value, scope
    >>> with scope("loss"):
    ...     y = Value(2.0) * 3.0
    >>> y.scope
    ('loss',)
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a scope is a str, got {type(name).__name__}: {name!r:.60}")
    outer = enter(name)
    try:
        yield
    finally:
        leave(outer)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results made inside are leaves, with no operands and no memory of them.

    No gradient flows through them: `backward` on one ends there.

    It holds for the current thread (more precisely, the current context), and may be used as a decorator.

    Examples
    --------
    >>> from autodiff import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.operands
    (9.0, ())
    """
    with entered(not_recording):
        yield


@contextlib.contextmanager
def entered(mode: ContextVar[bool]) -> Iterator[None]:
    """Hold a mode in the current context, and tell all threads to look for it."""
    global paused
    with _lock:
        paused += 1
    token = mode.set(True)
    try:
        yield
    finally:
        mode.reset(token)
        with _lock:
            paused -= 1


def is_paused() -> bool:
    """Whether the current context is inside `no_grad`."""
    return not_recording.get()


@contextlib.contextmanager
def resume() -> Iterator[None]:
    """Record again, even inside `no_grad`: a transform needs the graph of what it differentiates."""
    token = not_recording.set(False)
    try:
        yield
    finally:
        not_recording.reset(token)


def user_place() -> Place | None:
    """File and line of the innermost call from outside the engine and `nn`; None if there is none."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back  # type: ignore[assignment]
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


# -- Functions that are called on stand-ins --------------------------------------------------------------------------

traced = 0
"""How many functions are being traced in all threads: 0 lets a Value skip the look-up by thread."""


class StandIns(Protocol):
    """A function that is called on stand-ins for its numbers, to be traced or differentiated.

    `autodiff.derivatives.standins` tells about it. The `tracer` is what traces it, or a function around it.
    """

    @property
    def tracer(self) -> Trace | None:
        """None: nothing is traced."""

    def holds(self, v: Any) -> bool:
        """Whether something is one of its numbers: a stand-in, or computed from one."""

    def owns(self, v: Any) -> bool:
        """Whether something is one of its numbers, or of a function around it."""

    def refuse(self, v: Any, what: str, why: str) -> None:
        """Raise an error that tells what is refused of a number, and why; it cannot be caught away."""

    def check_hash(self, v: Any) -> None:
        """Refuse the hash of one of its numbers, except for tables of our own."""


class Trace(StandIns, Protocol):
    """What traces a function: it turns numbers from outside into inputs, and numbers to keep into outputs."""

    made: list[Any]

    def compared(self, compare: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """What a comparison is in a program: a number, for `where`."""

    def drawn(self, supply: Callable[[], float], each: bool) -> Any:
        """Give a Value that stands for what `supply` will return."""

    def observed(self, x: Any, store: Callable[[float], None]) -> None:
        """Call `store` with that number at every run."""


innermost: ContextVar[StandIns | None] = ContextVar("innermost", default=None)
"""Of the functions that are called on stand-ins in this context."""

_traces: list[Trace] = []


@contextlib.contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Let all threads know that a function is traced: operations hand over their nodes, Values ask what is refused."""
    global traced, paused
    with _lock:
        traced, paused = traced + 1, paused + 1
        _traces.append(trace)
    try:
        yield
    finally:
        with _lock:
            traced, paused = traced - 1, paused - 1
            _traces.remove(trace)


def trace_of(*numbers: Any) -> Trace | None:
    """The trace of the function that this context is in; or one that some numbers, in another thread, belong to."""
    function = innermost.get()
    if function is not None and function.tracer is not None:
        return function.tracer
    return next((trace for trace in _traces for v in numbers if trace.holds(v)), None)


def is_tracing() -> bool:
    """Whether a function is being traced in this context."""
    return trace_of() is not None


def drawn(supply: Callable[[], float], *, each: bool = True) -> Any:
    """What `supply` returns, asked anew at each run, for each sample or once; in a trace a Value that stands for it."""
    trace = trace_of() if traced else None
    return supply() if trace is None else trace.drawn(supply, each)


def observed(x: Any, store: Callable[[float], None]) -> None:
    """Hand a number to somebody outside the graph: now, and whenever a function that is being traced runs."""
    trace = trace_of() if traced else None
    if trace is None:
        store(float(x))
    else:
        trace.observed(x, store)


_ALWAYS = "A compiled function runs the same program for every number, "
BRANCHES = (
    f"{_ALWAYS}so it cannot branch on one: use autodiff.where, maximum, minimum, clip, abs or relu; a number that "
    "decides what is computed, and nothing else, can be passed by static_argnums"
)
LEAVES = (
    f"{_ALWAYS}and what is taken out of the graph would be the same at each: pass what is to be constant as an "
    "argument of its own, and take derivatives by grad, jvp or hessian"
)
TEXT = f"{_ALWAYS}and a text would be the same at each: print what it returns, or call it uncompiled"


def refuse(v: Any, what: str, why: str = BRANCHES) -> None:
    """Raise `TraceError` if a function is being traced in this context; `why` it cannot be replayed, and a cure."""
    trace = trace_of(v)
    if trace is not None:
        trace.refuse(v, what, why)
