"""Derivatives as things to compute with: the gradient of a recorded graph as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from autodiff.reverse import adjoints
from autodiff.value import Value

__all__ = ["grad_graph"]


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
        If `wrt` holds anything but Values.
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
    leaves = [wrt] if isinstance(wrt, Value) else list(wrt)
    for leaf in leaves:
        if not isinstance(leaf, Value):
            raise TypeError(f"wrt takes Values, got {type(leaf).__name__}: {leaf!r:.60}")
    sums = adjoints(output, view=lambda p: p, wrt=leaves)
    gradients = [sums.get(leaf, 0.0) for leaf in leaves]
    nodes = [g if isinstance(g, Value) else Value(g) for g in gradients]
    return nodes[0] if isinstance(wrt, Value) else nodes
