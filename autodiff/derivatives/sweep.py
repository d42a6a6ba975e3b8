"""The reverse sweep without side effects, on any kind of number: floats, nodes, and dual numbers among them.

On nodes the gradient is a graph as well. `autodiff.reverse` has the fast one, over floats in the ``.grad`` slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from autodiff.graph import Node, check_fresh, topological
from autodiff.reverse import View, contributions, data
from autodiff.strict import check_flow, is_strict

V = TypeVar("V", bound=Node)


def adjoints(output: V, seed: Any = 1.0, view: View = data, wrt: Iterable[V] | None = None) -> dict[V, Any]:
    """d output / d node, times the seed, for every node below an output that it depends on; see `swept`."""
    return dict(swept(output, seed, view, wrt))


def swept(
    output: V, seed: Any = 1.0, view: View = data, wrt: Iterable[V] | None = None, order: Sequence[V] | None = None
) -> Iterator[tuple[V, Any]]:
    """Every node below an output that it depends on, with d output / d node, times the seed; changes nothing.

    They come from the output downwards, each node after all of its uses. Nodes that none of `wrt` can be reached from
    are left out; `view` is that of `contributions`, and `order` the topological one, if it is known. Raises
    `StaleGraphError` if a leaf's data changed after the graph was built, and in strict mode `NonFiniteError` at the
    first nan or infinity among floats.
    """
    order = topological((output,)) if order is None else order
    check_fresh(order)
    kept = set(map(id, order)) if wrt is None else _leading_to(wrt, order)
    sums: dict[int, Any] = {id(output): seed}  # by id, as in `topological`
    strict = is_strict()
    for v in reversed(order):
        if (adjoint := sums.get(id(v))) is not None:
            yield v, adjoint
            for p, partial in contributions(v, view):
                if (key := id(p)) in kept:
                    term = times(partial, adjoint)
                    sums[key] = sums[key] + term if key in sums else term
                    if strict:
                        check_flow(v, p, partial, adjoint, sums[key])


def _leading_to(wrt: Iterable[Node], order: Iterable[Node]) -> set[int]:
    kept = set(map(id, wrt))
    for v in order:
        if not kept.isdisjoint(map(id, v.operands)):
            kept.add(id(v))
    return kept


def times(partial: Any, adjoint: Any) -> Any:
    """The product, without a node for a multiplication by a constant 1 (which changes no float)."""
    if type(partial) is float and partial == 1.0:
        return adjoint
    if type(adjoint) is float and adjoint == 1.0:
        return partial
    return partial * adjoint
