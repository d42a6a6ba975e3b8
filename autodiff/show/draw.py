"""Drawings of a graph: forward, with its numbers, and backward, with the arithmetic of the chain rule.

Both take nodes and edges from a walk in topological order, so that the same graph always gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING

from autodiff.errors import GraphError
from autodiff.graph import check_fresh, topological
from autodiff.reverse import adjoints, contributions
from autodiff.show.notation import CONSTANT, EDGES, GRAPH, NODES, ROLES, Names, arithmetic, largest, number, shade
from autodiff.value import Value, values

if TYPE_CHECKING:
    from autodiff.show.render import Drawing

_Node = tuple[tuple[str, ...], str, list[str], dict[str, str]]  # boxes, id, lines of the label, attributes
_Edge = tuple[str, str, str, dict[str, str]]  # tail, head, label, attributes


def draw_forward(outputs: Value | Iterable[Value], *, rankdir: str = "LR", max_nodes: int = 2000) -> Drawing:
    """Draw the graph that some outputs are computed by: each node with its operation and its number.

    Parameters
    ----------
    outputs : Value or iterable of Value
        What to draw; they get a thick border. The result of `grad_graph` is as good as any.
    rankdir : {"LR", "RL", "TB", "BT"}
        The direction from operands to results: left to right, and so on.
    max_nodes : int
        The largest number of nodes to draw.

    Returns
    -------
    Drawing
        A `graphviz.Digraph` that shows itself in Jupyter.

    Raises
    ------
    TypeError
        If an output is not a Value.
    ValueError
        If there is no output, more nodes than `max_nodes`, or an unknown `rankdir`.
    StaleGraphError
        If a leaf's data changed after the graph was built: the numbers would not fit together.
    ImportError
        If the graphviz package is missing.

    Notes
    -----
    A node without a label is named v0, v1, ... by its place in the topological order. Parameters are blue, other
    leaves grey, constants dotted. Each operand slot has its own edge: ``x * x`` has two. If any gradient is not
    zero, all are shown. Boxes are the scopes (`autodiff.scope`) that nodes were made in; a parameter made outside
    all scopes stands in the innermost box that holds all its uses.

    Examples
    --------
    >>> from autodiff import Value
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> c = a * b
    >>> c.label = "c"
    >>> "c = a * b" in draw_forward(c).source
    True
    """
    ends = values(outputs, "draw_forward")
    order, shown = topological(ends), set(ends)
    check_fresh(order)
    _check_size(len(order), max_nodes)
    names, boxes, graded = Names(order), _boxes(order), any(v.grad for v in order)
    nodes: list[_Node] = []
    edges: list[_Edge] = []
    for v in order:
        lines = [names.equation(v), number(v.data)]
        if graded:
            lines.append(f"grad {number(v.grad or 0.0)}")
        nodes.append((boxes[v], names.id[v], lines, ROLES[v.role] | ({"penwidth": "3"} if v in shown else {})))
        for p in v.operands:
            tail = f"c{len(nodes) - 1}" if isinstance(p, float) else names.id[p]
            if isinstance(p, float):
                nodes.append((boxes[v], tail, [number(p)], CONSTANT))
            edges.append((tail, names.id[v], "", {}))
    return _drawing(nodes, edges, rankdir, max_nodes)


def draw_backward(
    output: Value, wrt: Value | Iterable[Value] | None = None, *, rankdir: str = "RL", max_nodes: int = 2000
) -> Drawing:
    """Draw how the gradient of an output is computed: each node an adjoint, with its chain-rule arithmetic.

    Parameters
    ----------
    output : Value
        What is differentiated.
    wrt : Value or iterable of Value, optional
        Draw only the paths that lead to these.
    rankdir : {"RL", "LR", "TB", "BT"}
        The direction in which gradients flow. The default keeps every node near its place in the forward drawing.
    max_nodes : int
        The largest number of nodes to draw.

    Returns
    -------
    Drawing
        A `graphviz.Digraph` that shows itself in Jupyter.

    Raises
    ------
    TypeError
        If the output, or anything in `wrt`, is not a Value.
    ValueError
        If `wrt` is empty, there are more nodes than `max_nodes`, or `rankdir` is unknown.
    GraphError
        If the output does not depend on something in `wrt`.
    StaleGraphError
        If a leaf's data changed after the graph was built.
    ImportError
        If the graphviz package is missing.

    Notes
    -----
    The adjoint of a node is dL/dv = sum over its uses u of dL/du * du/dv. An edge runs from dL/du, which is known,
    to dL/dv, once for each operand slot, and carries the partial du/dv: by name where that is another node. The
    seed dL/dL = 1 has a double border. Positive numbers are orange, negative ones blue, the stronger the larger;
    a zero is dashed grey. Names are those of `draw_forward`. No ``.grad`` is read or changed.

    Examples
    --------
    >>> from autodiff import Value
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> c = a * b
    >>> c.label = "c"
    >>> "dc/da = 1*(-3) = -3" in draw_backward(c).source
    True
    """
    (output,) = values((output,), "draw_backward")
    leaves = None if wrt is None else values(wrt, "wrt")
    order = topological((output,))
    sums = {v: adjoint + 0.0 for v, adjoint in adjoints(output, wrt=leaves).items()}  # -0.0 is shown as 0
    for leaf in leaves or ():
        if leaf not in sums:
            raise GraphError(f"{output!r} does not depend on {leaf!r}: there is no path to draw; leave it out of wrt")
    _check_size(len(sums), max_nodes)
    names, boxes = Names(order), _boxes(order)

    terms, flows = _chain_rule(sums, names)
    top = largest(sums.values())
    nodes: list[_Node] = []
    for v, adjoint in sums.items():
        lines = arithmetic(f"d{names.inner(output)}/d{names.inner(v)}", terms[v], number(adjoint))
        fill, line, strength = shade(adjoint, top)
        style = {"fillcolor": fill, "color": line}
        if adjoint == 0.0:
            style["style"] = "rounded,filled,dashed"
        if v is output:
            style["peripheries"] = "2"
        nodes.append((boxes[v], names.id[v], lines, style))

    top = largest(flow for *_, flow in flows)
    edges: list[_Edge] = []
    for v, p, label, flow in flows:
        _, line, strength = shade(flow, top)
        style = {"color": line, "fontcolor": line, "penwidth": f"{1.0 + 1.5 * strength:.2g}"}
        if flow == 0.0:
            style["style"] = "dashed"
        edges.append((names.id[v], names.id[p], label, style))
    return _drawing(nodes, edges, rankdir, max_nodes)


def _chain_rule(
    sums: dict[Value, float], names: Names
) -> tuple[dict[Value, list[str]], list[tuple[Value, Value, str, float]]]:
    """The terms that each adjoint is the sum of, and the flows: from, to, times what, how much arrives."""
    terms: dict[Value, list[str]] = {v: [] for v in sums}
    flows = []
    for v, adjoint in reversed(sums.items()):  # so that terms come in the order of the uses
        symbols = [symbol for _, symbol in contributions(v, lambda p: p)]
        for (p, partial), symbol in zip(contributions(v), symbols):
            if p in sums:
                partial += 0.0
                terms[p].append(f"{number(adjoint, bracket=bool(terms[p]))}*{number(partial, bracket=True)}")
                name = f"{names.name[symbol]} = " if isinstance(symbol, Value) and symbol in names.name else ""
                flows.append((v, p, f"* {name}{number(partial)}", partial * adjoint))
    return terms, flows


def _check_size(count: int, max_nodes: int) -> None:
    if count > max_nodes:
        raise ValueError(
            f"the drawing would have {count} nodes, more than max_nodes={max_nodes}: draw a part of the graph "
            "(an inner node, or a smaller network), or pass a larger max_nodes="
        )


def _drawing(nodes: list[_Node], edges: list[_Edge], rankdir: str, max_nodes: int) -> Drawing:
    from autodiff.show.render import Drawing, text

    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"rankdir is 'LR', 'RL', 'TB' or 'BT', got {rankdir!r}")
    _check_size(len(nodes), max_nodes)
    corner = "r" if rankdir == "RL" else "l"  # the titles of boxes to the left
    gap = "  " if rankdir in ("TB", "BT") else ""  # beside an upright arrow a label begins on its line
    drawing = Drawing(
        format="svg", graph_attr={"rankdir": rankdir, "labeljust": corner, **GRAPH}, node_attr=NODES, edge_attr=EDGES
    )
    drawing.add_in_boxes(nodes)
    for tail, head, label, style in edges:
        drawing.edge(tail, head, gap + text([label]) if label else None, **style)
    return drawing


def _boxes(order: Iterable[Value]) -> dict[Value, tuple[str, ...]]:
    """The boxes around each node: its scope, or for a parameter of no scope what the scopes of all its uses share.

    Modules make their parameters before any scope is open, and a weight is to be seen in its neuron.
    """
    boxes = {v: v.scope for v in order}
    homeless = {v for v, scope in boxes.items() if v.role == "parameter" and not scope}
    shared: dict[Value, tuple[str, ...]] = {}
    for v in boxes:
        for p in v.operands:
            if isinstance(p, Value) and p in homeless:
                shared[p] = _common(shared[p], v.scope) if p in shared else v.scope
    return boxes | shared


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))
