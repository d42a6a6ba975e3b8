"""What is remembered of the moment at which a node is made: the epoch, the scope, whether to record or be strict.

Every node holds a `Stamp`, and nodes made in the same epoch and scope share one: it costs a node eight bytes.
Writing a leaf's ``.data`` begins a new epoch, so a leaf that is newer than a node computed from it gives
away a stale graph (`autodiff.graph.check_fresh`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["Stamp", "no_grad", "scope", "strict"]


Place = tuple[str, int]


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
    place : tuple of (str, int), optional
        File and line that made a node in strict mode.
    """

    __slots__ = ("children", "epoch", "label", "place", "role", "scope", "thread")

    def __init__(
        self, epoch: int, scope: tuple[str, ...], label: str = "", role: str = "", place: Place | None = None
    ) -> None:
        self.epoch = epoch
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


now = Stamp(0, ())
"""The stamp that a node made at this moment gets. Read as ``recording.now``: it is replaced all the time."""

paused = 0
"""How many `no_grad` and `strict` blocks are open in all threads: 0 lets an operation skip the look-ups by thread."""

_MANY = 1000
_lock = threading.Lock()
_not_recording: ContextVar[bool] = ContextVar("_not_recording", default=False)
_strict: ContextVar[bool] = ContextVar("_strict", default=False)


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
        if outer.epoch != now.epoch:
            thread = outer.thread
            outer = Stamp(now.epoch, outer.scope)
            outer.thread = thread
        now = outer


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
    with _inside(_not_recording):
        yield


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Raise at the first nan or infinity: where an operation gives one, and where a gradient becomes one.

    It holds for the current thread (more precisely, the current context), and may be used as a decorator. It looks at
    operations on Values, forward and in `Value.refresh`, and at the partials and adjoints of every reverse
    sweep. A leaf may hold an infinity: what an operation makes of it must be finite. Functions of plain floats stay
    as they are, and so does forward mode, which computes with them.

    Raises
    ------
    NonFiniteError
        Naming the operation, its operands, and the line of your code that made the node. The line is known of nodes
        made in strict mode. If a sweep raises, every ``.grad`` is as it was.

    Notes
    -----
    A program that is not in strict mode pays nothing: operations test one global, which `no_grad` needs anyway.
    Inside, making a node takes a few microseconds more, most of it for finding the line.

    Examples
    --------
    >>> import autodiff
    >>> x = autodiff.Value(0.0, "x")
    >>> with autodiff.strict():  # doctest: +ELLIPSIS
    ...     y = x.log()
    Traceback (most recent call last):
    autodiff.errors.NonFiniteError: log(x) gave -inf at x = 0.0, at ...
    """
    with _inside(_strict):
        yield


@contextlib.contextmanager
def _inside(mode: ContextVar[bool]) -> Iterator[None]:
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
    return _not_recording.get()


def is_strict() -> bool:
    """Whether the current context is inside `strict`."""
    return paused > 0 and _strict.get()


@contextlib.contextmanager
def resume() -> Iterator[None]:
    """Record again, even inside `no_grad`: a transform needs the graph of what it differentiates."""
    token = _not_recording.set(False)
    try:
        yield
    finally:
        _not_recording.reset(token)


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """Let nan and infinities be, even inside `strict`: a function is recorded on nan."""
    token = _strict.set(False)
    try:
        yield
    finally:
        _strict.reset(token)
