"""`Compiled`: a function that is traced once for each form of its arguments, and replayed."""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, Union, cast, overload

from autodiff.derivatives.nesting import is_differentiating, positions
from autodiff.derivatives.structures import NUMBER, Grid, array_of_floats, array_of_samples, build, key, leaves
from autodiff.recording import is_tracing
from autodiff.replay.forms import Differentiated, Named, Reader, by_position, check_axes
from autodiff.replay.inspection import Inspection
from autodiff.replay.kernel import BACKENDS, Entry
from autodiff.replay.modes import MODES, Function, Static, trace
from autodiff.replay.programs import Programs
from autodiff.replay.shortcut import learn, nothing_direct

R = TypeVar("R")
_new = object.__new__
Plain = Union[float, Sequence["Plain"], Mapping[str, "Plain"]]  # noqa: UP007  (a string cannot be joined by |)
"""Arguments of which type checkers can tell that no Value is among them."""


class Compiled(Inspection, Generic[R]):
    """A function that is traced once for each form of its arguments; see `autodiff.compile`."""

    # A method is made anew each time that it is looked up, so with little: in slots, and bound when it is traced.
    __slots__ = ("__dict__", "__weakref__", "_gradients", "_instance", "_made_of", "_methods", "_programs", "_values")

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
        for name in ("__module__", "__qualname__", "__doc__", "__annotations__"):
            setattr(self, name, getattr(function, name, None))
        chosen, static = positions(argnums), positions(static_argnums, "static_argnums")
        static = (static,) if isinstance(static, int) else static
        self._made_of, self._instance = function, None
        self._methods: dict[int, Programs] = {}  # of each instance, by its id: it may be equal to another
        self._programs = Programs(in_axes, chosen, static, backend, cache_size)
        self._values, self._gradients = self._programs.values, self._programs.gradients

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled[R]:
        """As a method: each instance has programs of its own, which go with it."""
        if instance is None:
            return self
        try:
            programs = self._methods[id(instance)]
        except (KeyError, AttributeError):
            if self._instance is not None or not hasattr(self._made_of, "__get__"):
                return self  # a method of something else, or a partial function: these are not bound
            programs = self._begin(instance)
        method: Compiled[R] = _new(Compiled)
        method._made_of, method._instance, method._programs = self._made_of, instance, programs
        method._values, method._gradients = programs.values, programs.gradients
        return method

    def _begin(self, instance: Any) -> Programs:
        """The programs of a new instance, kept as long as it lives."""
        methods, key = self._methods, id(instance)
        programs = Programs(*self._programs.options)
        try:
            programs.instance = weakref.ref(instance, lambda _: methods.pop(key, None))
        except TypeError:  # of a class with __slots__ that allows for none: traced at each call
            return programs
        return methods.setdefault(key, programs)

    @property
    def _function(self) -> Function:
        bound: Function = self._made_of if self._instance is None else self._made_of.__get__(self._instance)
        return bound

    @property
    def __wrapped__(self) -> Function:
        return self._function

    @property
    def __name__(self) -> str:
        return self._function.__name__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compiled) and self._programs is other._programs

    def __hash__(self) -> int:
        return id(self._programs)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self._function, '__qualname__', repr(self._function))}>"

    def __copy__(self) -> Compiled[R]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled[R]:
        """Itself, as a function is; but a method's copy is that of the copied instance."""
        function = copy.deepcopy(self._function, memo)
        return self if function is self._function else Compiled(function, *self._programs.options)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickled as a function is, by its name; one that is not found by that, by the function that it is made of."""
        name, instance = getattr(self._function, "__qualname__", ""), getattr(self._function, "__self__", None)
        found: Any = sys.modules.get(self._function.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        if instance is not None and getattr(instance, self._function.__name__, None) == self:
            return getattr, (instance, self._function.__name__)
        return Compiled, (self._function, *self._programs.options)

    # `__call__` and `value_and_grad` first look for a program that takes plain floats or arrays as they are.

    @overload
    def __call__(self, /, *args: Plain, **named: Plain) -> R: ...
    @overload
    def __call__(self, /, *args: Any, **named: Any) -> Any: ...
    def __call__(self, /, *args: Any, **named: Any) -> Any:
        """What the function returns; see `autodiff.compile`."""
        try:
            if not named and (result := self._values[len(args)](*args)) is not None:
                return result
        except IndexError:  # so many arguments
            pass
        return self._run("value", None, args, named)

    @overload
    def value_and_grad(
        self, /, *args: Plain, argnums: int | Sequence[int] | None = None, **named: Plain
    ) -> tuple[R, Any]: ...
    @overload
    def value_and_grad(
        self, /, *args: Any, argnums: int | Sequence[int] | None = None, **named: Any
    ) -> tuple[Any, Any]: ...
    def value_and_grad(
        self, /, *args: Any, argnums: int | Sequence[int] | None = None, **named: Any
    ) -> tuple[Any, Any]:
        """The value and the gradient, as `autodiff.value_and_grad` gives them; in a batch, those of each sample."""
        known: Sequence[Callable[..., tuple[Any, Any] | None]] = self._gradients
        if argnums is not None:
            argnums = positions(argnums)
            known = self._programs.direct.get(("value_and_grad", argnums), ())
        try:
            if not named and (result := known[len(args)](*args)) is not None:
                return result
        except IndexError:
            pass
        return cast("tuple[Any, Any]", self._run("value_and_grad", argnums, args, named))

    def grad(self, /, *args: Any, argnums: int | Sequence[int] | None = None, **named: Any) -> Any:
        """The gradient, as `autodiff.grad` gives it; in a batch, that of each sample."""
        return self._run("grad", argnums, args, named)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """The value and the derivative along a direction, as `autodiff.jvp` gives them."""
        for what, x in (("primals", primals), ("tangents", tangents)):
            if not isinstance(x, (list, tuple)):
                raise TypeError(f"{what} must be a tuple or list, one item an argument, got {type(x).__name__}")
        return cast("tuple[Any, Any]", self._run("jvp", None, (tuple(primals), tuple(tangents)), {}))

    def hessian(self, /, *args: Any, argnums: int | Sequence[int] | None = None, **named: Any) -> Any:
        """The matrix of second derivatives, as `autodiff.hessian` gives it.

        With respect to arrays it holds blocks: those of two arrays have the shapes of both, joined.
        """
        return self._run("hessian", argnums, args, named)

    # -- Running -------------------------------------------------------------------------------------------------

    def _run(
        self, mode: str, argnums: int | Sequence[int] | None, args: Sequence[Any], named: Mapping[str, Any]
    ) -> Any:
        programs = self._programs
        asked = None if argnums is None else positions(argnums)
        chosen = programs.argnums if asked is None else asked
        rest = None
        if named:
            args, rest = by_position(self._function, args, named)
            if rest and mode != "value":
                chosen = _from_the_front(chosen, len(args))
        reader = Reader()
        try:
            forms = self._read(reader, args, rest, mode)
            wanted = mode, chosen, key(forms)
            with programs.lock:
                entry = programs.entries.get(wanted)
                if entry is not None:
                    programs.entries.move_to_end(wanted)
            if entry is None:
                # Without the lock: the function may call another one, which another thread traces, and that this one.
                function = _handing_on(self._function) if rest else self._function
                entry = programs.keep(wanted, trace(function, mode, chosen, forms, programs.backend))
                if mode in ("value", "value_and_grad") and not rest:
                    learn(programs.direct.setdefault((mode, asked), nothing_direct()), args, forms, entry)
            # What it reads outside may be what somebody else traces or differentiates.
            if not (entry.kernel.reads_outside and (is_tracing() or is_differentiating())):
                return _batched(entry, reader, forms) if entry.kernel.batched else _called(entry, reader)
        except Differentiated:  # Values came in, or are used from around: somebody else traces or differentiates
            pass
        return self._eagerly(mode, chosen, [*args, rest] if rest else args)

    def _read(self, reader: Reader, args: Sequence[Any], rest: Named | None, mode: str) -> list[Any]:
        axes = self._programs.in_axes
        each = isinstance(axes, (list, tuple))
        jvp = list(zip((" primals", " tangents"), args)) if mode == "jvp" else []
        for what, x in jvp or [("", args)]:
            if each and len(axes) != len(x):
                raise ValueError(f"in_axes is given for {len(axes)} argument(s), got {len(x)}{what}")
        if jvp:
            return [reader.read(x, tuple(axes) if each else axes, what.strip()) for what, x in jvp]

        static = {k + len(args) if k < 0 else k for k in self._programs.static}
        forms = [
            Static(x) if k in static else reader.read(x, axes[k] if each else axes, f"argument {k}")
            for k, x in enumerate(args)
        ]
        if rest:
            axis = None if each else axes
            forms.append(
                Named(
                    (k, Static(x) if rest.places.get(k) in static else reader.read(x, axis, f"argument {k!r}"))
                    for k, x in rest.items()
                )
            )
        return forms

    def _eagerly(self, mode: str, argnums: Any, args: Sequence[Any]) -> Any:
        """The same without a program, where Values come in: somebody else traces or differentiates."""
        if self._programs.in_axes is not None:
            raise TypeError(
                "a batch (in_axes) is of numbers and arrays, and is not differentiated or recorded by somebody else: "
                "got a Value, as an argument or from around the function; call the function for each sample"
            )
        function = _handing_on(self._function) if args and type(args[-1]) is Named else self._function
        return MODES[mode](function, argnums)(*args)


def _handing_on(function: Function) -> Function:
    """The function of arguments of which the last are those that are handed on by name."""
    return lambda *args: function(*args[:-1], **args[-1])


def _from_the_front(argnums: Any, count: int) -> Any:
    """The same places among so many arguments, to which more are to be added."""
    places = (argnums,) if isinstance(argnums, int) else argnums
    for p in places:
        if not -count <= p < count:
            raise ValueError(f"argnums names argument {p}, and there is no such argument to differentiate by")
    settled = tuple(p % count for p in places)
    return settled[0] if isinstance(argnums, int) else settled


def _called(entry: Entry, reader: Reader) -> Any:
    """Run a program without samples; the result in its form."""
    numbers = entry.kernel.call(reader.shared)
    return numbers[0] if entry.form is NUMBER else build(entry.form, numbers, array_of_floats)


def _batched(entry: Entry, reader: Reader, forms: list[Any]) -> Any:
    """Run a program over the samples; the result in its form, of arrays."""
    n = cast(int, reader.samples)
    batch = entry.kernel.bound(n)
    batch.inputs.fill(reader.columns)
    with entry.kernel.lock:
        batch.shared[: len(reader.shared)] = reader.shared
        batch()
    as_numpy = any(type(f) is Grid and f.numpy for f in leaves(forms))
    rows = list(batch.outputs.table) if as_numpy else batch.outputs.copies()
    return build(entry.form, rows, lambda form, given: array_of_samples(form, given, n))
