"""Derivatives of functions: `grad` and its relatives take a function and give its derivative.

Functions take numbers, or nested lists, tuples and dictionaries of numbers, and derivatives come in the same structure.
The transforms nest in any order, neither read nor write any ``.grad``, and may run in several threads at once.
Values that a function uses without being given them, such as a model's parameters, are constants with respect to a
transform, but the results stay connected with them.

Results are floats, unless a Value takes part: one among the arguments, in a list, tuple, dictionary or array perhaps,
or one that the function captured, which was there before the call and which what it returns is computed from. Then
every number in the results is a Value, also one that depends on nothing; where an enclosing transform differentiates,
they are numbers of its kind. So the derivative can be differentiated again, by `backward` or by the enclosing
transform. A Value that the function makes, by ``Value(0.0)`` or `detach`, is a constant and turns no float into a
Value. Inside `no_grad` results are constants: floats, where no argument is a Value. What `has_aux` hands through is
not made a Value if it was none. (Whether a transform encloses another is a matter of the context, as for `no_grad`: a
differentiated function that starts threads must hand them its own, see `contextvars`.)

A graph that a function uses has to be fresh: if one of its leaves changed after it was built, every transform raises
`StaleGraphError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, overload

from autodiff import ops, recording
from autodiff.derivatives.forward import Dual, is_number
from autodiff.derivatives.nesting import Arguments, Outside, Recorded
from autodiff.derivatives.structures import fill, leaves, matching, numbers, transform
from autodiff.derivatives.sweep import swept
from autodiff.graph import topological
from autodiff.value import Value, values

if TYPE_CHECKING:
    import autodiff.derivatives.signatures as signatures

Function = Callable[..., Any]


@overload
def value_and_grad(
    fun: Function, argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> signatures.ValueAndGradient: ...
@overload
def value_and_grad(
    fun: Function, argnums: Sequence[int], has_aux: Literal[False] = False
) -> signatures.ValueAndGradients: ...
@overload
def value_and_grad(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function: ...
def value_and_grad(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Make a function that gives the value of a scalar function together with its gradient.

    Parameters
    ----------
    fun, argnums, has_aux
        As for `grad`.

    Returns
    -------
    callable
        With the arguments of `fun`. It returns ``(value, gradient)``, or ``((value, aux), gradient)``; the gradient
        is as in `grad`.

    Raises
    ------
    TypeError, ValueError, StaleGraphError
        When called, as for `grad`.

    Examples
    --------
    >>> value_and_grad(lambda p: p["a"] * p["b"][0])({"a": 2.0, "b": [3.0]})
    (6.0, {'a': 3.0, 'b': [2.0]})
    """
    return partial(_value_and_grad, fun, argnums, has_aux)


def _value_and_grad(
    fun: Function, argnums: int | Sequence[int], has_aux: bool, /, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    arguments = Arguments(fun, args, kwargs, argnums)
    outside = Outside(arguments)
    recorded = Recorded(arguments)
    y = recorded.output
    if has_aux:
        if not (isinstance(y, tuple) and len(y) == 2):
            raise TypeError(
                f"with has_aux the function returns a pair (number, aux), got {type(y).__name__}: {y!r:.60}"
            )
        y, aux = y
    if not is_number(y):
        raise TypeError(
            f"a gradient is that of a function that returns a number, got {type(y).__name__}: {y!r:.60}; "
            "for several outputs take jacobian or vjp"
        )
    if has_aux:
        outside.look(leaves(aux))
    gradient, value = arguments.like(recorded.only_gradient(y, outside)), outside.number(y)
    if has_aux:
        value = value, transform(aux, lambda x: outside.number(x) if isinstance(x, (Value, Dual)) else x)
    return value, gradient


@overload
def grad(fun: Function, argnums: Literal[0] = 0, has_aux: Literal[False] = False) -> signatures.Gradient: ...
@overload
def grad(fun: Function, argnums: Sequence[int], has_aux: Literal[False] = False) -> signatures.Gradients: ...
@overload
def grad(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function: ...
def grad(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Make a function that gives the gradient of a scalar function.

    Parameters
    ----------
    fun : callable
        It returns a number.
    argnums : int or sequence of int
        With respect to which positional arguments.
    has_aux : bool
        Whether `fun` returns a pair of that number and something else, which is handed through.

    Returns
    -------
    callable
        With the arguments of `fun`. It returns the gradient: the structure of the argument with derivatives in place
        of its numbers; for a sequence of `argnums` a tuple of these; with `has_aux` ``(gradient, aux)``. What the
        value does not depend on has the derivative 0.0.

    Raises
    ------
    TypeError
        When called: if `fun` does not return a number, or an argument holds anything but numbers.
    ValueError
        When called: if there is no argument of that position.
    StaleGraphError
        When called: if `fun` uses a graph, one of whose leaves changed after it was built.

    Notes
    -----
    Reverse mode: it takes a small constant times the time of `fun`, however many numbers there are.

    Results are floats, but Values where a Value is among the arguments, or `fun` uses one that was there before the
    call, such as a parameter of a model: they are connected with it, so that `backward` reaches it. Where floats are
    wanted, call it ``with no_grad():``, or let `fun` use ``v.data``; that is faster, too.

    Examples
    --------
    >>> import autodiff
    >>> grad(autodiff.sin)(0.0)
    1.0
    >>> w = autodiff.Value(3.0)
    >>> slope = grad(lambda x: w * x**2)(1.0)
    >>> slope.backward()
    >>> slope.data, w.grad
    (6.0, 2.0)
    >>> with autodiff.no_grad():
    ...     grad(lambda x: w * x**2)(1.0)
    6.0
    >>> grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (3.0, 2.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    return partial(_grad, fun, argnums, has_aux)


def _grad(fun: Function, argnums: int | Sequence[int], has_aux: bool, /, *args: Any, **kwargs: Any) -> Any:
    value, gradient = _value_and_grad(fun, argnums, has_aux, *args, **kwargs)
    return (gradient, value[1]) if has_aux else gradient


def jvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Push a direction forward through a function: the Jacobian times a vector.

    Parameters
    ----------
    fun : callable
        It returns a number or a structure of numbers.
    primals : tuple or list
        The arguments at which to differentiate.
    tangents : tuple or list
        The direction: of the same structure.

    Returns
    -------
    value, tangent : number or structure
        What `fun` returns, and its derivative in that direction, of the same structure.

    Raises
    ------
    TypeError
        If anything is not a number, or `primals` or `tangents` are no tuple or list.
    ValueError
        If the structures differ.
    StaleGraphError
        If `fun` uses a graph, one of whose leaves changed after it was built.

    Notes
    -----
    Forward mode, by dual numbers: ``f(x + t e) = f(x) + f'(x) t e`` with ``e * e = 0``. A result that does not depend
    on the primals has the tangent 0.0, whatever the partials. A tangent of 0.0 that is given is a number like any
    other: times an infinite partial it gives nan.

    Examples
    --------
    >>> jvp(lambda x, y: [x * y, x + y], (2.0, 3.0), (1.0, 0.0))
    ([6.0, 5.0], [3.0, 1.0])
    """
    for what, tree in (("primals", primals), ("tangents", tangents)):
        if not isinstance(tree, (tuple, list)):
            raise TypeError(f"{what} must be a tuple or list, one item an argument, got {type(tree).__name__}")
    arguments = Arguments(fun, tuple(primals), {}, range(len(primals)))
    given = _like(tangents, primals, "tangents", "primals")
    output, values, slopes = arguments.push(given, Outside(arguments, *given))
    return fill(output, iter(values)), fill(output, iter(slopes))


def _like(tree: Any, like: Any, what: str, model: str) -> list[Any]:
    """The numbers of a structure that must be like another one."""
    numbers(tree, what)
    return numbers(matching(tree, like, what, model), what)


def vjp(fun: Function, *primals: Any) -> tuple[Any, Function]:
    """Run a function, and get the function that pulls cotangents back: a vector times the Jacobian.

    Parameters
    ----------
    fun : callable
        It returns a number or a structure of numbers.
    *primals
        The arguments at which to differentiate.

    Returns
    -------
    value : number or structure
        What `fun` returns.
    pullback : callable
        It takes cotangents in the structure of the value, and gives a tuple: for each argument, in its structure, the
        derivative of the sum of all outputs times their cotangents. It may be called again and again.

    Raises
    ------
    TypeError
        If anything is not a number.
    ValueError
        From the pullback, if the structures differ.
    StaleGraphError
        If `fun` uses a graph, one of whose leaves changed after it was built; from the pullback, if one has since.

    Examples
    --------
    >>> value, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> value, pullback([1.0, 0.0]), pullback([0.0, 1.0])
    ([6.0, 5.0], (3.0, 2.0), (1.0, 1.0))
    """
    arguments = Arguments(fun, primals, {}, range(len(primals)))
    outside = Outside(arguments)
    recorded = Recorded(arguments)
    found = numbers(recorded.output, "the result")
    outside.look(found)
    values = map(outside.number, found)
    return fill(recorded.output, values), partial(_pullback, arguments, recorded, outside)


def _pullback(arguments: Arguments, recorded: Recorded, call: Outside, cotangents: Any, /) -> Any:
    weights = _like(cotangents, recorded.output, "the cotangent", "the result")
    outside = Outside(arguments, *weights)
    outside.follow(call)
    with recording.resume():
        weighted: Any = ops.dot(numbers(recorded.output, "the result"), weights)
    return arguments.like(recorded.gradient(weighted, outside))


def jacobian(fun: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Make a function that gives all derivatives of all outputs.

    Parameters
    ----------
    fun : callable
        It returns a number or a structure of numbers.
    argnums : int or sequence of int
        With respect to which positional arguments.

    Returns
    -------
    callable
        With the arguments of `fun`. It returns the structure of the result, and in place of each number its gradient
        as in `grad`: for a function from list to list, a list of rows.

    Raises
    ------
    TypeError, ValueError, StaleGraphError
        When called, as for `grad`.

    Notes
    -----
    With n numbers in and m out it takes n forward runs if n <= m, else one forward run and m reverse sweeps.

    Examples
    --------
    >>> jacobian(lambda v: [v[0] * v[1], v[0], 2 * v[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 0.0], [0.0, 2.0]]
    """
    return partial(_jacobian, fun, argnums)


def _jacobian(fun: Function, argnums: int | Sequence[int], /, *args: Any, **kwargs: Any) -> Any:
    arguments = Arguments(fun, args, kwargs, argnums)
    outside = Outside(arguments)
    n = len(arguments.numbers)
    directions = [[1.0 if j == k else None for j in range(n)] for k in range(n)]
    output, _, column = arguments.push(directions[0] if n else [], outside)
    if 0 < n <= len(column):
        columns = [column, *[arguments.push(direction, outside)[2] for direction in directions[1:]]]
        rows = [list(row) for row in zip(*columns)]
    else:
        recorded = Recorded(arguments)
        found = numbers(recorded.output, "the result")
        outside.look(found)
        rows = [recorded.gradient(y, outside) for y in found]
    return fill(output, iter([arguments.like(row) for row in rows]))


@overload
def hessian(fun: Function, argnums: Literal[0] = 0) -> signatures.Hessian: ...
@overload
def hessian(fun: Function, argnums: int | Sequence[int]) -> Function: ...
def hessian(fun: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Make a function that gives all second derivatives of a scalar function.

    Parameters
    ----------
    fun : callable
        It returns a number.
    argnums : int or sequence of int
        With respect to which positional arguments.

    Returns
    -------
    callable
        With the arguments of `fun`. It returns the Jacobian of the gradient: the structure of the argument, and in
        place of each number that structure again. For a list, a list of rows.

    Raises
    ------
    TypeError, ValueError, StaleGraphError
        When called, as for `grad`.

    Examples
    --------
    >>> hessian(lambda v: v[0] ** 2 * v[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return jacobian(grad(fun, argnums), argnums)


def hvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """Multiply the Hessian of a scalar function by a vector, without computing the Hessian.

    Parameters
    ----------
    fun : callable
        It returns a number.
    primals : tuple or list
        The arguments at which to differentiate: with respect to all of them.
    tangents : tuple or list
        The vector: of the same structure.

    Returns
    -------
    tuple
        The product: of the same structure.

    Raises
    ------
    TypeError, ValueError, StaleGraphError
        As for `jvp` and `grad`.

    Notes
    -----
    Forward over reverse: the derivative of the gradient in one direction, in a small constant times the time of `fun`.

    Examples
    --------
    >>> hvp(lambda v: v[0] ** 2 * v[1], ([2.0, 3.0],), ([1.0, 0.0],))
    ([6.0, 4.0],)
    """
    product: tuple[Any, ...] = jvp(grad(fun, range(len(primals))), primals, tangents)[1]
    return product


def derivative(fun: Function, n: int = 1) -> signatures.Derivative:
    """Make the n-th derivative of a function of one number.

    Parameters
    ----------
    fun : callable
        It takes a number, and returns one or a structure of them.
    n : int
        The order; 0 gives the function itself.

    Returns
    -------
    callable
        It takes a number and gives the derivative there, in the structure of what `fun` returns.

    Raises
    ------
    TypeError, ValueError
        If n is not an int, or negative; when called, as for `jvp`.
    StaleGraphError
        When called, as for `jvp`.

    Notes
    -----
    Forward mode n times over. The time grows threefold or so with each order.

    Examples
    --------
    >>> derivative(lambda x: x**5, 3)(2.0)
    240.0
    """
    if isinstance(n, bool) or not isinstance(n, Integral):
        raise TypeError(f"the order n is an int, got {type(n).__name__}: {n!r:.60}")
    if n < 0:
        raise ValueError(f"the order n is 0 or more, got {n}")
    for _ in range(int(n)):
        fun = partial(_slope, fun)
    return fun


def _slope(fun: Function, x: Any, /) -> Any:
    return jvp(fun, (x,), (1.0,))[1]


@overload
def grad_graph(output: Value, wrt: Value) -> Value: ...
@overload
def grad_graph(output: Value, wrt: Sequence[Value]) -> list[Value]: ...
def grad_graph(output: Value, wrt: Value | Sequence[Value]) -> Value | list[Value]:
    """Build the graph of a gradient: the backward graph, made of nodes like the forward graph.

    Parameters
    ----------
    output : Value
        What to differentiate.
    wrt : Value or sequence of Value
        With respect to what: leaves, or any node below the output.

    Returns
    -------
    Value or list of Value
        d output / d wrt, computed from the nodes of the forward graph, so that it can be differentiated again,
        drawn, or refreshed. A derivative that depends on nothing is a leaf.

    Raises
    ------
    TypeError
        If the output or anything in `wrt` is not a Value.
    StaleGraphError
        If a leaf's data changed after the output was computed.

    Notes
    -----
    The same rules as in `Value.backward`, run on nodes in place of floats; ``.grad`` is neither read nor written.

    Examples
    --------
    >>> from autodiff import Value, grad_graph
    >>> x = Value(3.0)
    >>> first = grad_graph(x**3, x)
    >>> second = grad_graph(first, x)
    >>> first.data, second.data
    (27.0, 18.0)
    """
    (output,), nodes = values((output,), "output"), values(wrt, "wrt") if isinstance(wrt, Value) or wrt else []
    sums = {id(v): adjoint for v, adjoint in swept(output, view=lambda p: p, wrt=nodes)}
    forward = set(map(id, topological((output,))))
    gradients = [sums.get(id(v), 0.0) for v in nodes]
    # d(a * b) / da is b: give a node of its own even then, to be labelled and drawn without touching b.
    nodes = [g * 1.0 if id(g) in forward else g if isinstance(g, Value) else Value(g) for g in gradients]
    return nodes[0] if isinstance(wrt, Value) else nodes
