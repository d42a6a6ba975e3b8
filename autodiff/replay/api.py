"""`compile`: a function of numbers, or a graph that is there already, becomes a `Compiled` function.

`Value.compile` is attached here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast, overload

from autodiff.errors import GraphError
from autodiff.graph import check_fresh, topological
from autodiff.replay.compiled import Compiled
from autodiff.value import Value, values


@overload
def compile(
    function: Callable[..., Value | float],
    *,
    in_axes: None = None,
    argnums: int | Sequence[int] = 0,
    static_argnums: int | Sequence[int] = (),
    backend: str = "auto",
    cache_size: int = 64,
) -> Compiled[float]: ...
@overload
def compile(
    function: Callable[..., Any],
    *,
    in_axes: Any = None,
    argnums: int | Sequence[int] = 0,
    static_argnums: int | Sequence[int] = (),
    backend: str = "auto",
    cache_size: int = 64,
) -> Compiled[Any]: ...
@overload
def compile(
    *,
    in_axes: Any = None,
    argnums: int | Sequence[int] = 0,
    static_argnums: int | Sequence[int] = (),
    backend: str = "auto",
    cache_size: int = 64,
) -> Callable[[Callable[..., Any]], Compiled[Any]]: ...
def compile(
    function: Callable[..., Any] | None = None,
    *,
    in_axes: Any = None,
    argnums: int | Sequence[int] = 0,
    static_argnums: int | Sequence[int] = (),
    backend: str = "auto",
    cache_size: int = 64,
) -> Compiled[Any] | Callable[[Callable[..., Any]], Compiled[Any]]:
    """Make a function that traces another one at the first call, and replays the traced program afterwards.

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
        is a program for each of their values, which have to be hashable; 1, 1.0 and True are three, 0.0 and -0.0 two.
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
        has another structure than the arguments, or these hold different numbers of samples; or if an int is given or
        returned that no float is, by itself or in an array.
    TypeError
        If `argnums` or `static_argnums` holds anything but ints; when called: if an argument is given twice, or is
        neither a number nor a structure of numbers; a masked array, a matrix and other arrays with rules of their own
        are none, nor are lists and tuples with attributes.
    TraceError
        When called: if the function branches on a number, hashes, prints, formats, copies or pickles one, or takes one
        out of the graph, even if it catches the error itself; if it uses one that another function was traced with,
        and kept; if it does not compute the same each time that it is called, as one that draws a random number; or if
        it changes its arguments in place.
    StaleGraphError
        When called: if it uses a graph that was there before, and one of its leaves changed since.
    ImportError
        When called: if what a backend that was asked for needs is not installed.

    Notes
    -----
    A program is traced anew for each form of the arguments: structure, lengths, shapes; never for other numbers,
    nor for another number of samples. Numbers are taken as floats.

    What may change between two calls is an argument or a Value. Values that the function uses without being given
    them, such as a model's parameters, are read anew at each call; what was computed from them before has to be fresh
    then, as for `backward`. All else that it uses so is that of the first call:
    plain numbers in globals, in attributes (``self.rate`` in a method) and in lists and arrays around it, ``.grad``,
    and the numbers that the function of an operation of `define` uses. So is what it does besides: it prints, counts
    and appends when it is traced, and not afterwards. For each program it is called twice, and refused if it does not
    compute the same. While it is traced, its arguments are Values without a number, and ``x == 0.0`` and other
    comparisons are recorded, for `where`; what it keeps of them in an attribute or a global cannot be computed with
    afterwards.

    Given plain numbers, a compiled function gives plain numbers: no gradient flows through them to Values that it
    captured, where `autodiff.grad` and its like give Values that are connected with these. Give such Values as
    arguments, or call the function itself.

    Arguments are given by position or by name, and one that is given by name is differentiated by, or static, by its
    place among the parameters. What the function takes by name only is not differentiated by; it has `in_axes` if that
    is one for all arguments, and is shared by the samples if not. ``argnums`` in `grad`, `value_and_grad` and
    `hessian` is theirs.

    As a method, a compiled function has programs for each instance, which go with it. They are not copied or pickled;
    and not kept if a class with `__slots__` has none for `__weakref__`.

    The source of operations of your own is read by the llvm and NumPy backends. If it is not there, or no longer what
    was loaded, plain Python runs the program, and the report says so; a backend that was asked for is an error.

    Results are those of the function itself but for the last few ulp: sums are added in order, not correctly rounded,
    so one that overflows on its way is infinite or nan; and a product in it may be fused, not rounded by itself.

    Given Values, or inside another transform or `compile`, the function itself is called, and its graph continues
    theirs. `strict`, around it or in it, does not look into a program.

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
    make: partial[Compiled[Any]] = partial(
        Compiled,
        in_axes=in_axes,
        argnums=argnums,
        static_argnums=static_argnums,
        backend=backend,
        cache_size=cache_size,
    )
    return make if function is None else make(function)


def _compile_graph_method(
    self: Value, inputs: Value | Iterable[Value], wrt: Value | Iterable[Value] | None = None, **options: Any
) -> Compiled[Any]:
    """Compile this node's graph to a function of some of its nodes; see `autodiff.compile`.

    Parameters
    ----------
    inputs : Value or iterable of Value
        The nodes that become the function's arguments, in order. Other leaves are read anew at each call.
    wrt : Value or iterable of Value, optional
        Those of them that `grad` and `value_and_grad` differentiate by; all by default.
    **options
        `in_axes`, `backend` and `cache_size` of `autodiff.compile`.

    Returns
    -------
    Compiled
        A function of as many numbers as there are inputs; its gradient is a tuple.

    Raises
    ------
    TypeError, ValueError
        If an input is not a Value, or `wrt` holds what is no input.
    GraphError
        If the node does not depend on an input.
    StaleGraphError
        If a leaf's data changed after the graph was built. Later changes of leaves are what is read anew.

    Examples
    --------
    >>> from autodiff import Value
    >>> x, y = Value(2.0), Value(3.0)
    >>> f = (x * y + y).compile([x, y])
    >>> f(2.0, 5.0), f.grad(2.0, 5.0)
    (15.0, (5.0, 3.0))
    """
    given = values(inputs, "compile")
    chosen = given if wrt is None else values(wrt, "compile")
    position = {v: k for k, v in enumerate(given)}
    if len(position) < len(given):
        raise ValueError(f"inputs names a Value twice: {next(v for k, v in enumerate(given) if position[v] > k)!r}")
    strangers = [v for v in chosen if v not in position]
    if strangers:
        raise ValueError(f"wrt holds {strangers[0]!r}, which is none of the inputs")
    order = topological((self,))
    check_fresh(order)
    unused = [v for v in given if v not in set(order)]
    if unused:
        raise GraphError(f"the output does not depend on the input {unused[0]!r}")

    def rebuilt(*numbers: Any) -> Any:
        known: dict[Value, Any] = dict(zip(given, numbers))
        for v in order:
            if v not in known:
                operands = [known.get(cast(Value, p), p) for p in v.operands]
                known[v] = v if v.op is None else cast(Any, v.op)(*v.op.grouped(operands))
        return known[self]

    rebuilt.__name__ = rebuilt.__qualname__ = self.label or "graph"
    compiled: Compiled[Any] = compile(rebuilt, argnums=[position[v] for v in chosen], **options)
    return compiled


_compile_graph_method.__name__, _compile_graph_method.__qualname__ = "compile", "Value.compile"
Value.compile = _compile_graph_method  # type: ignore[method-assign, assignment]
