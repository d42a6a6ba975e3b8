"""`compile`: a function of numbers, recorded once for each form of its arguments, and replayed."""

from __future__ import annotations

import functools
import itertools
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, cast

from autodiff import transforms
from autodiff.errors import GraphError
from autodiff.forward import is_number
from autodiff.graph import topological
from autodiff.nesting import is_differentiating
from autodiff.operation import Nary
from autodiff.replay import flat
from autodiff.replay.direct import Direct
from autodiff.replay.forms import (
    NUMBER,
    Differentiated,
    Grid,
    Number,
    Reader,
    build,
    check_axes,
    count,
    leaves_of,
)
from autodiff.replay.inspection import Inspection
from autodiff.replay.program import Output, padded
from autodiff.replay.recorder import BACKENDS, Entry, Recorder
from autodiff.replay.structures import doubles, grid, key, symbols, take_apart
from autodiff.tracing import is_tracing
from autodiff.value import Value, values

__all__ = ["Compiled", "compile", "compile_graph"]

Function = Callable[..., Any]


def compile(
    function: Function | None = None,
    *,
    in_axes: Any = None,
    argnums: int | Sequence[int] = 0,
    static_argnums: int | Sequence[int] = (),
    backend: str = "auto",
    cache_size: int = 64,
) -> Any:
    """Make a function that records another one at the first call, and replays the recorded program afterwards.

    Parameters
    ----------
    function : callable
        Of numbers, arrays, and lists, tuples and dicts of these; it computes with the operations of this package and
        returns numbers in any such structure. Without it, `compile` is a decorator.
    in_axes : None, 0, or a sequence of these, one for each argument
        Where arguments hold a batch, as for ``jax.vmap``: 0 for one whose arrays have one entry for each sample along
        their first axis, None for one that all samples share. A structure of these marks parts of an argument. None
        by itself: no batch, and an array is a sequence of numbers.
    argnums : int or sequence of int
        With respect to which arguments `grad`, `value_and_grad` and `hessian` differentiate.
    static_argnums : int or sequence of int
        Arguments that are no numbers to compute with: a size, a name. They are handed through as they are, and there
        is a program for each of their values, which have to be hashable.
    backend : {"auto", "llvm", "numpy", "python"}
        What runs the program. By itself: llvm if llvmlite is there, else NumPy for a batch, else plain Python, which
        is also taken for small programs without a batch, where it is as fast and sooner ready.
    cache_size : int
        How many programs are kept; the one that was not used for longest is dropped.

    Returns
    -------
    Compiled
        It is called like the function, and has ``value_and_grad``, ``grad``, ``jvp`` and ``hessian``.

    Raises
    ------
    ValueError
        If the backend is unknown, `cache_size` less than 1, or an axis neither 0 nor None; when called: if `in_axes`
        has another structure than the arguments, or these hold different numbers of samples.
    TraceError
        When called: if the function branches on a number.
    ImportError
        When called: if what a backend that was asked for needs is not installed.

    Notes
    -----
    A program is recorded anew for each form of the arguments: structure, lengths, shapes; never for other numbers,
    nor for another number of samples. Values that the function uses without being given them, such as a model's
    parameters, are read anew at each call; plain numbers that it uses so are constants, those of the first call.
    While it is recorded, its arguments are nan. Arguments are given by position.

    Results are those of the function itself but for the last few ulp: sums are added in order, not correctly rounded,
    so one that overflows on its way is infinite or nan; and a product in it may be fused, not rounded by itself.

    Given Values, or inside another transform or `compile`, the function itself is called, and its graph continues
    theirs. `strict` does not look into a program.

    Examples
    --------
    >>> import autodiff
    >>> @autodiff.compile
    ... def f(x, y):
    ...     return x * autodiff.exp(-y) + x
    >>> f(2.0, 0.0)
    4.0
    >>> f.value_and_grad(2.0, 0.0, argnums=(0, 1))
    (4.0, (2.0, -2.0))
    >>> line = autodiff.compile(lambda w, x: w[0] * x + w[1], in_axes=(None, 0))
    >>> from array import array
    >>> line([2.0, 1.0], array("d", [0.0, 1.0, 2.0]))
    array('d', [1.0, 3.0, 5.0])
    """
    if function is None:
        return functools.partial(
            compile,
            in_axes=in_axes,
            argnums=argnums,
            static_argnums=static_argnums,
            backend=backend,
            cache_size=cache_size,
        )
    return Compiled(function, in_axes, argnums, static_argnums, backend, cache_size)


class Compiled(Inspection):
    """A function that is recorded once for each form of its arguments; see `compile`."""

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
        self._options = in_axes, argnums, static_argnums, backend, cache_size
        self._function = function
        self._in_axes = in_axes
        self._argnums = argnums
        self._static = {static_argnums} if isinstance(static_argnums, int) else set(static_argnums)
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

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled:
        """As a method: each instance has programs of its own, kept in it."""
        if instance is None:
            return self
        bound = Compiled(self._function.__get__(instance, owner), *self._options)
        if hasattr(instance, "__dict__"):
            instance.__dict__[self._name] = bound
        return bound

    def __repr__(self) -> str:
        return f"<compiled {getattr(self, '__qualname__', repr(self._function))}>"

    def __reduce__(self) -> str:
        """Copied and pickled as a function is: not at all, and by its name."""
        return getattr(self, "__qualname__", repr(self))

    # Each of these first looks for a program that takes plain floats or arrays and returns the result as it is.

    def __call__(self, *args: Any) -> Any:
        """What the function returns; see `compile`."""
        direct = self._values.get(len(args))
        if direct is not None and (result := direct(*args)) is not None:
            return result
        return self._run("value", None, args)

    def value_and_grad(self, *args: Any, argnums: int | Sequence[int] | None = None) -> tuple[Any, Any]:
        """The value and the gradient, as `autodiff.value_and_grad` gives them; in a batch, those of each sample."""
        if type(argnums) is list:
            argnums = tuple(argnums)
        known = self._gradients if argnums is None else self._direct.get(("value_and_grad", argnums), {})
        direct = known.get(len(args))
        if direct is not None and (result := direct(*args)) is not None:
            return cast("tuple[Any, Any]", result)
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
        asked = argnums if argnums is None or isinstance(argnums, int) else tuple(argnums)
        argnums = self._argnums if asked is None else asked
        chosen = argnums if isinstance(argnums, int) else tuple(argnums)
        reader = Reader()
        try:
            forms = self._read(reader, args, mode)
        except Differentiated:
            return self._eagerly(mode, chosen, args)
        wanted = mode, chosen, key(forms)
        with self._lock:
            entry = self._entries.get(wanted)
            if entry is None:
                try:
                    entry = self._entries[wanted] = self._record(mode, chosen, forms)
                except Differentiated:
                    return self._eagerly(mode, chosen, args)
                if len(self._entries) > self._cache_size:
                    self._entries.popitem(last=False)
                    for known in self._direct.values():
                        known.clear()
                known = self._direct.setdefault((mode, asked), {})
                if entry.kernel.direct is not None and all(type(f) is Number for f in forms):
                    known[len(args)] = entry.kernel.direct
                elif mode in ("value", "value_and_grad"):
                    direct = known.setdefault(len(args), Direct())
                    if type(direct) is Direct:
                        direct.learn(args, forms, entry.kernel, entry.form)
            else:
                self._entries.move_to_end(wanted)
            if entry.kernel.reads_outside and (is_tracing() or is_differentiating()):
                return self._eagerly(mode, chosen, args)  # what it reads may be what they record or differentiate
            if not entry.kernel.batched:
                return self._result(entry, entry.kernel.call(reader.shared))
            return self._batch(entry, reader, forms)

    def _read(self, reader: Reader, args: tuple[Any, ...], mode: str) -> list[Any]:
        axes, static = self._in_axes, {k + len(args) if k < 0 else k for k in self._static}
        each = isinstance(axes, (list, tuple))
        if mode == "jvp":
            for what, x in zip(("primals", "tangents"), args):
                if each and len(axes) != len(x):
                    raise ValueError(f"in_axes is given for {len(axes)} argument(s), got {len(x)} {what}")
            return [
                reader.read(x, tuple(axes) if each else axes, what) for what, x in zip(("primals", "tangents"), args)
            ]
        if each and len(axes) != len(args):
            raise ValueError(f"in_axes is given for {len(axes)} argument(s), got {len(args)}")
        return [
            Static(x) if k in static else reader.read(x, axes[k] if each else axes, f"argument {k}")
            for k, x in enumerate(args)
        ]

    def _eagerly(self, mode: str, argnums: Any, args: tuple[Any, ...]) -> Any:
        """The same without a program, where Values come in: somebody else records or differentiates."""
        if self._in_axes is not None:
            raise TypeError(
                "a batch (in_axes) is of numbers and arrays, and is not differentiated or recorded by somebody else: "
                "got a Value, as an argument or from around the function; call the function for each sample"
            )
        mode_of = {**_MODES, "grad": transforms.grad, "value_and_grad": transforms.value_and_grad}
        return mode_of[mode](self._function, argnums)(*args)

    def _result(self, entry: Entry, numbers: Sequence[float]) -> Any:
        if entry.form is NUMBER:
            return numbers[0]
        return build(entry.form, numbers, lambda form, given: grid(form, given, None))

    def _batch(self, entry: Entry, reader: Reader, forms: Any) -> Any:
        n = cast(int, reader.samples)
        stride = padded(n)
        samples = array("d", bytes(8 * max(stride * len(reader.columns), 1)))
        view = memoryview(samples)
        as_numpy = any(isinstance(f, Grid) and f.numpy for f in _leaves_of(forms))
        for k, column in enumerate(reader.columns):
            view[k * stride : k * stride + n] = doubles(column)
        results = entry.kernel.batch(reader.shared, samples, n, stride)
        count = len(entry.kernel.program.sample_outputs)
        rows: list[Any] = [results[k * stride : k * stride + n] for k in range(count)]
        if as_numpy:
            import numpy

            table = numpy.frombuffer(results)
            rows = [table[k * stride : k * stride + n] for k in range(count)]
        return build(entry.form, rows, lambda form, given: grid(form, given, n))

    # -- Recording -----------------------------------------------------------------------------------------------

    def _record(self, mode: str, argnums: Any, forms: list[Any]) -> Entry:
        places = _leaves_of(forms)
        lanes = [leaf.lane for leaf in places for _ in range(count(leaf))]
        recorder = Recorder(lanes)

        def given(leaves: Sequence[Any]) -> list[Any]:
            made = iter(build([form for form in forms if not isinstance(form, Static)], leaves, symbols))
            return [form.value if isinstance(form, Static) else next(made) for form in forms]

        if mode in ("grad", "value_and_grad"):
            y = recorder.trace(self._function, *given(recorder.leaves))
            if not is_number(y):
                raise TypeError(
                    f"a gradient is that of a function that returns a number, got {type(y).__name__}: {y!r:.60}"
                )
            slots, form = self._differentiated(recorder, mode, y, argnums, forms)
        else:
            arrays = any(type(leaf) is Grid for leaf in places)
            if mode == "jvp" and arrays:
                found, form = recorder.trace(flat.jvp, self._function, forms, recorder.leaves)
            elif mode == "hessian" and arrays:
                chosen, wrt = _chosen(argnums, forms, recorder.leaves)
                found, form = recorder.trace(flat.hessian, self._function, given, chosen, wrt, recorder.leaves)
            else:
                found = []
                y = recorder.trace(_MODES[mode](self._function, argnums), *given(recorder.leaves))
                form = take_apart(y, found)
            slots = recorder.write(found)
        kind: Any = "each" if any(lanes) else "one"
        return Entry(recorder.kernel([Output(s, kind) for s in slots], self._backend, form), form)

    def _differentiated(
        self, recorder: Recorder, mode: str, y: Any, argnums: Any, forms: list[Any]
    ) -> tuple[list[int], Any]:
        """The slots of a gradient, behind that of the value, and the form of the result."""
        form, wrt = _chosen(argnums, forms, recorder.leaves)
        (value,) = recorder.write([y])
        gradient = recorder.gradient(value, [recorder.slots[v] for v in wrt])
        return ([value, *gradient], (NUMBER, form)) if mode == "value_and_grad" else (gradient, form)


def _chosen(argnums: Any, forms: list[Any], leaves: list[Value]) -> tuple[Any, list[Value]]:
    """The arguments to differentiate by: their form, in a tuple if they are several, and their leaves."""
    positions = (argnums,) if isinstance(argnums, int) else argnums
    if forms and len({p % len(forms) for p in positions}) < len(positions):
        raise ValueError(f"argnums names an argument twice: {argnums}")
    ends = list(itertools.accumulate(sum(map(count, _leaves_of([form]))) for form in forms))
    wrt: list[Value] = []
    for p in positions:
        if not -len(forms) <= p < len(forms) or isinstance(forms[p], Static):
            raise ValueError(f"argnums names argument {p}, and there is no such argument to differentiate by")
        start = ends[p % len(forms) - 1] if p % len(forms) else 0
        wrt += leaves[start : ends[p]]
    return forms[argnums] if isinstance(argnums, int) else tuple(forms[p] for p in positions), wrt


def _leaves_of(forms: Sequence[Any]) -> list[Number | Grid]:
    return [leaf for form in forms if not isinstance(form, Static) for leaf in leaves_of(form)]


class Static:
    """An argument that is handed through."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        try:
            return hash((type(self.value), self.value))
        except TypeError:
            raise TypeError(
                f"an argument named in static_argnums must be hashable, as a tuple is; got {type(self.value).__name__}"
            ) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and type(self.value) is type(other.value) and bool(self.value == other.value)


_MODES: dict[str, Callable[[Function, Any], Function]] = {
    "value": lambda f, argnums: f,
    "jvp": lambda f, argnums: lambda primals, tangents: transforms.jvp(f, primals, tangents),
    "hessian": lambda f, argnums: transforms.hessian(f, argnums),
}


def compile_graph(output: Value, inputs: Any, wrt: Any = None, **options: Any) -> Compiled:
    """Compile a graph that is there already; see `Value.compile`."""
    given = values(inputs, "compile")
    chosen = given if wrt is None else values(wrt, "compile")
    if len(set(given)) < len(given):
        raise ValueError(f"inputs names a Value twice: {next(v for v in given if given.count(v) > 1)!r}")
    strangers = [v for v in chosen if v not in given]
    if strangers:
        raise ValueError(f"wrt holds {strangers[0]!r}, which is none of the inputs")
    order = topological((output,))
    unused = [v for v in given if v not in set(order)]
    if unused:
        raise GraphError(f"the output does not depend on the input {unused[0]!r}")

    def rebuilt(*numbers: Any) -> Any:
        known: dict[Value, Any] = dict(zip(given, numbers))
        for v in order:
            if v not in known:
                operands = [known.get(cast(Value, p), p) for p in v.operands]
                known[v] = (
                    v if v.op is None or all(a is b for a, b in zip(operands, v.operands)) else _apply(v, operands)
                )
        return known[output]

    rebuilt.__name__ = rebuilt.__qualname__ = output.label or "graph"
    return Compiled(rebuilt, argnums=[given.index(v) for v in chosen], **{**_DEFAULTS, **options})


_DEFAULTS: dict[str, Any] = {"in_axes": None, "static_argnums": (), "backend": "auto", "cache_size": 64}


def _apply(v: Value, operands: Sequence[Any]) -> Any:
    op = cast(Any, v.op)
    if isinstance(op, Nary):
        width = len(operands) // op.groups
        return op(*(operands[k * width : (k + 1) * width] for k in range(op.groups)))
    return op(*operands)
