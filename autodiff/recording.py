"""What is remembered of the moment at which a node is made: the epoch, the scope, and whether to record.

Every node holds a `Stamp`, and nodes made in the same epoch and scope share one: it costs a node eight bytes.
Writing a leaf's ``.data`` begins a new epoch, so a leaf that is newer than a node computed from it gives
away a stale graph (`autodiff.graph.check_fresh`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["Stamp", "no_grad", "scope"]


class Stamp:
    """The epoch and the scope that nodes were made in; a private one also holds a label and a role.

    Parameters
    ----------
    epoch : int
        Number of the epoch.
    scope : tuple of str
        Names of the enclosing scopes, outermost first.
    label : str
        The name that the user gave to the node; "" for none.
    role : str
        "parameter" for what is trained; "" otherwise.
    """

    __slots__ = ("children", "epoch", "label", "role", "scope", "thread")

    def __init__(self, epoch: int, scope: tuple[str, ...], label: str = "", role: str = "") -> None:
        self.epoch = epoch
        self.scope = scope
        self.label = label
        self.role = role
        self.thread = 0
        self.children: dict[str, Stamp] | None = None

    @property
    def private(self) -> bool:
        """Whether the stamp belongs to one node alone."""
        return bool(self.label or self.role)


now = Stamp(0, ())
"""The stamp that a node made at this moment gets. Read as ``recording.now``: it is replaced all the time."""

paused = 0
"""How many `no_grad` blocks are open in all threads: 0 lets an operation skip the look-up by thread."""

_lock = threading.Lock()
_not_recording: ContextVar[bool] = ContextVar("_not_recording", default=False)


def begin_epoch() -> int:
    """Begin a new epoch and return its number."""
    global now
    with _lock:  # here and below: two threads must not be given the same number, nor turn it back
        fresh = Stamp(now.epoch + 1, now.scope)
        fresh.thread = now.thread
        now = fresh
    return fresh.epoch


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
    if outer.children is None:
        outer.children = {}
    inner = outer.children.get(name)
    if inner is None or inner.thread != threading.get_ident():
        inner = outer.children[name] = Stamp(outer.epoch, (*outer.scope, name))
        inner.thread = threading.get_ident()
    return inner


def leave(outer: Stamp) -> None:
    """Leave a scope, back to `outer`, which `enter` returned."""
    global now
    with _lock:
        if outer.epoch != now.epoch:
            thread = outer.thread
            outer = Stamp(now.epoch, outer.scope)
            outer.thread = thread
        now = outer


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Group the nodes made inside under a name: `draw_forward` draws them in one box.

    Scopes nest; `nn` opens one per layer and neuron by itself. With several threads building graphs at the same
    time a node may be given another thread's scope: a matter of the drawing alone.

    Parameters
    ----------
    name : str
        The name of the box.

    Examples
    --------
    >>> from autodiff import Value, scope
    >>> with scope("loss"):
    ...     y = Value(2.0) * 3.0
    >>> y.scope
    ('loss',)
    """
    outer = enter(name)
    try:
        yield
    finally:
        leave(outer)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results made inside are leaves, with no operands and no memory of them.

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
    global paused
    with _lock:
        paused += 1
    token = _not_recording.set(True)
    try:
        yield
    finally:
        _not_recording.reset(token)
        with _lock:
            paused -= 1


def is_paused() -> bool:
    """Whether the current context is inside `no_grad`."""
    return _not_recording.get()
