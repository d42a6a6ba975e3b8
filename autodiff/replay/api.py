"""`compile`: a function of numbers becomes a `Compiled` one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.replay.compiled import Compiled

__all__ = ["compile"]


def compile(
    function: Callable[..., Any] | None = None,
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
