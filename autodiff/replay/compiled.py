"""`Compiled`: a function that is traced once for each form of its arguments, and replayed."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, Union, cast, overload

from autodiff.derivatives.nesting import is_differentiating, positions
from autodiff.derivatives.structures import NUMBER, Grid, array_of_floats, array_of_samples, build, key, leaves
from autodiff.recording import is_tracing
from autodiff.replay.forms import Differentiated, Reader, check_axes
from autodiff.replay.inspection import Inspection
from autodiff.replay.kernel import BACKENDS, Entry
from autodiff.replay.modes import MODES, Function, Static, trace
from autodiff.replay.shortcut import learn

R = TypeVar("R")
Plain = Union[float, Sequence["Plain"], Mapping[str, "Plain"]]  # noqa: UP007  (a string cannot be joined by |)
"""Arguments of which type checkers can tell that no Value is among them."""


class Compiled(Inspection, Generic[R]):
    """A function that is traced once for each form of its arguments; see `autodiff.compile`."""

    def __init__(
        self,
        function: Function,
        in_axes: Any,
        argnums: int | Sequence[int],
        static_argnums: int | Sequence[int],
        backend: str,
        cache_size: int,
    ) -> None:
        if not callable(function):
            raise TypeError(f"compile takes a function, got {type(function).__name__}: {function!r:.60}")
        if backend not in ("auto", *BACKENDS):
            raise ValueError(f"there is no backend {backend!r}; there are auto, {', '.join(BACKENDS)}")
        if cache_size < 1:
            raise ValueError(f"cache_size is at least 1, got {cache_size}")
        check_axes(in_axes)
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._in_axes = in_axes
        self._argnums, static = positions(argnums), positions(static_argnums)
        self._static = (static,) if isinstance(static, int) else static
        self._backend = backend
        self._entries: OrderedDict[Any, Entry] = OrderedDict()
        self._cache_size = cache_size
        # What takes plain floats or arrays as they are: by mode and argnums, then by the number of arguments.
        self._direct: dict[Any, dict[int, Callable[..., Any]]] = {}
        self._values = self._direct["value", None] = {}
        self._gradients = self._direct["value_and_grad", None] = {}
        self._lock = threading.RLock()

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled[R]:
        """As a method: each instance has programs of its own, kept in it."""
        if instance is None:
            return self
        options = self._in_axes, self._argnums, self._static, self._backend, self._cache_size
        bound: Compiled[R] = Compiled(self._function.__get__(instance, owner), *options)
        if hasattr(instance, "__dict__"):
            instance.__dict__[self._name] = bound
        return bound

    def __repr__(self) -> str:
        return f"<compiled {getattr(self, '__qualname__', repr(self._function))}>"

    def __reduce__(self) -> str:
        """Copied and pickled as a function is: not at all, and by its name."""
        return getattr(self, "__qualname__", repr(self))

    # `__call__` and `value_and_grad` first look for a program that takes plain floats or arrays as they are.

    @overload
    def __call__(self, *args: Plain) -> R: ...
    @overload
    def __call__(self, *args: Any) -> Any: ...
    def __call__(self, *args: Any) -> Any:
        """What the function returns; see `autodiff.compile`."""
        direct = self._values.get(len(args))
        if direct is not None and (result := direct(*args)) is not None:
            return result
        return self._run("value", None, args)

    @overload
    def value_and_grad(self, *args: Plain, argnums: int | Sequence[int] | None = None) -> tuple[R, Any]: ...
    @overload
    def value_and_grad(self, *args: Any, argnums: int | Sequence[int] | None = None) -> tuple[Any, Any]: ...
    def value_and_grad(self, *args: Any, argnums: int | Sequence[int] | None = None) -> tuple[Any, Any]:
        """The value and the gradient, as `autodiff.value_and_grad` gives them; in a batch, those of each sample."""
        known: dict[int, Callable[..., tuple[Any, Any] | None]] = self._gradients
        if argnums is not None:
            argnums = tuple(argnums) if type(argnums) is list else argnums
            known = self._direct.get(("value_and_grad", argnums), {})
        direct = known.get(len(args))
        if direct is not None and (result := direct(*args)) is not None:
            return result
        return cast("tuple[Any, Any]", self._run("value_and_grad", argnums, args))

    def grad(self, *args: Any, argnums: int | Sequence[int] | None = None) -> Any:
        """The gradient, as `autodiff.grad` gives it; in a batch, that of each sample."""
        return self._run("grad", argnums, args)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """The value and the derivative along a direction, as `autodiff.jvp` gives them."""
        for what, x in (("primals", primals), ("tangents", tangents)):
            if not isinstance(x, (list, tuple)):
                raise TypeError(f"{what} must be a tuple or list, one item an argument, got {type(x).__name__}")
        return cast("tuple[Any, Any]", self._run("jvp", None, (tuple(primals), tuple(tangents))))

    def hessian(self, *args: Any, argnums: int | Sequence[int] | None = None) -> Any:
        """The matrix of second derivatives, as `autodiff.hessian` gives it.

        With respect to arrays it holds blocks: those of two arrays have the shapes of both, joined.
        """
        return self._run("hessian", argnums, args)

    # -- Running -------------------------------------------------------------------------------------------------

    def _run(self, mode: str, argnums: int | Sequence[int] | None, args: tuple[Any, ...]) -> Any:
        asked = None if argnums is None else positions(argnums)
        chosen = self._argnums if asked is None else asked
        reader = Reader()
        try:
            forms = self._read(reader, args, mode)
            wanted = mode, chosen, key(forms)
            with self._lock:
                entry = self._entries.get(wanted)
                if entry is None:
                    entry = self._entries[wanted] = trace(self._function, mode, chosen, forms, self._backend)
                    if len(self._entries) > self._cache_size:
                        self._entries.popitem(last=False)
                        for known in self._direct.values():
                            known.clear()
                    if mode in ("value", "value_and_grad"):
                        learn(self._direct.setdefault((mode, asked), {}), args, forms, entry)
                else:
                    self._entries.move_to_end(wanted)
                # What it reads outside may be what somebody else traces or differentiates.
                if not (entry.kernel.reads_outside and (is_tracing() or is_differentiating())):
                    return _batched(entry, reader, forms) if entry.kernel.batched else _called(entry, reader)
        except Differentiated:  # Values came in, or are used from around: somebody else traces or differentiates
            pass
        return self._eagerly(mode, chosen, args)

    def _read(self, reader: Reader, args: tuple[Any, ...], mode: str) -> list[Any]:
        axes = self._in_axes
        each = isinstance(axes, (list, tuple))
        jvp = list(zip((" primals", " tangents"), args)) if mode == "jvp" else []
        for what, x in jvp or [("", args)]:
            if each and len(axes) != len(x):
                raise ValueError(f"in_axes is given for {len(axes)} argument(s), got {len(x)}{what}")
        if jvp:
            return [reader.read(x, tuple(axes) if each else axes, what.strip()) for what, x in jvp]
        static = {k + len(args) if k < 0 else k for k in self._static}
        return [
            Static(x) if k in static else reader.read(x, axes[k] if each else axes, f"argument {k}")
            for k, x in enumerate(args)
        ]

    def _eagerly(self, mode: str, argnums: Any, args: tuple[Any, ...]) -> Any:
        """The same without a program, where Values come in: somebody else traces or differentiates."""
        if self._in_axes is not None:
            raise TypeError(
                "a batch (in_axes) is of numbers and arrays, and is not differentiated or recorded by somebody else: "
                "got a Value, as an argument or from around the function; call the function for each sample"
            )
        return MODES[mode](self._function, argnums)(*args)


def _called(entry: Entry, reader: Reader) -> Any:
    """Run a program without samples; the result in its form."""
    numbers = entry.kernel.call(reader.shared)
    return numbers[0] if entry.form is NUMBER else build(entry.form, numbers, array_of_floats)


def _batched(entry: Entry, reader: Reader, forms: list[Any]) -> Any:
    """Run a program over the samples; the result in its form, of arrays."""
    n = cast(int, reader.samples)
    batch = entry.kernel.bound(n)
    batch.shared[: len(reader.shared)] = reader.shared
    batch.inputs.fill(reader.columns)
    batch()
    as_numpy = any(type(f) is Grid and f.numpy for f in leaves(forms))
    rows = list(batch.outputs.table) if as_numpy else batch.outputs.copies()
    return build(entry.form, rows, lambda form, given: array_of_samples(form, given, n))
