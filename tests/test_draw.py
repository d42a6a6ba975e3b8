"""Drawings: what nodes and edges say, which way edges run, and that the text is the same on every run."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from autodiff import GraphError, StaleGraphError, Value, dot, exp, grad_graph, logsumexp, relu, scope, tanh
from autodiff import sum as total
from autodiff.show.draw import draw_backward, draw_forward
from autodiff.value import parameter

graphviz = pytest.importorskip("graphviz", reason="drawing needs the extra: pip install graphviz pygraphviz")

GOLDEN = Path(__file__).parent / "golden"


class Drawn(NamedTuple):
    """What a DOT text says: attributes of the nodes by the first word of their label, edges by those words."""

    nodes: dict[str, dict[str, str]]
    edges: list[tuple[str, str, dict[str, str]]]


def read(drawing: graphviz.Digraph) -> Drawn:
    nodes, names, edges = {}, {}, []
    for line in drawing.source.splitlines():
        found = re.fullmatch(r"\s*([nc]\d+)(?: -> (n\d+))?(?: \[(.*)\])?", line)
        if found:
            tail, head, text = found.groups()
            pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"]+)', text or "")
            attributes = {key: value.strip('"') for key, value in pairs}
            if head:
                edges.append((tail, head, attributes))
            else:
                names[tail] = tail if tail[0] == "c" else re.split(r" |\\n", attributes["label"])[0]
                nodes[names[tail]] = attributes
    return Drawn(nodes, [(names[tail], names[head], attributes) for tail, head, attributes in edges])


def ends(drawn: Drawn) -> list[tuple[str, str]]:
    return sorted((tail, head) for tail, head, _ in drawn.edges)


def named(**numbers: float) -> list[Value]:
    return [Value(x, label) for label, x in numbers.items()]


def lecture() -> tuple[Value, list[Value]]:
    a, b, c, f = leaves = named(a=2.0, b=-3.0, c=10.0, f=-2.0)
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    loss = d * f
    loss.label = "L"
    return loss, leaves


def two_operands() -> Value:
    a, b = named(a=2.0, b=-3.0)
    c = a * b
    c.label = "c"
    return c


def square() -> Value:
    (x,) = named(x=3.0)
    y = x * x + x
    y.label = "y"
    return y


def dead_relu() -> Value:
    x, w = named(x=2.0, w=-1.5)
    y = relu(x * w) * 3.0 + x * 0.5
    y.label = "y"
    return y


def neuron() -> Value:
    inputs = [Value(x, f"x{k}") for k, x in enumerate((1.0, -2.0, 0.5))]
    weights = [parameter(w, f"w{k}") for k, w in enumerate((0.5, 0.25, -1.0))]
    bias = parameter(0.125, "b")
    with scope("layer 0"), scope("neuron 0"):
        return tanh(dot(weights, inputs) + bias)


EXAMPLES = {"two_operands": two_operands, "square": square, "dead_relu": dead_relu, "neuron": neuron}


# -- The same text always ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_source_is_the_golden_file(name: str) -> None:
    y = EXAMPLES[name]()
    assert draw_forward(y).source == (GOLDEN / f"{name}_forward.gv").read_text(encoding="utf-8")
    assert draw_backward(y).source == (GOLDEN / f"{name}_backward.gv").read_text(encoding="utf-8")


def test_source_does_not_depend_on_the_run() -> None:
    program = "import tests.test_draw as t\ny = t.neuron()\nprint(t.draw_forward(y).source, t.draw_backward(y).source)"
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    y = neuron()
    assert texts == {f"{draw_forward(y).source} {draw_backward(y).source}\n"}


# -- Forward -----------------------------------------------------------------------------------------------------


def test_forward_says_names_operations_and_numbers() -> None:
    drawn = read(draw_forward(lecture()[0]))
    labels = {node["label"] for node in drawn.nodes.values()}
    assert labels == {r"a\n2", r"b\n-3", r"c\n10", r"f\n-2", r"e = a * b\n-6", r"d = e + c\n4", r"L = d * f\n-8"}
    assert ends(drawn) == [("a", "e"), ("b", "e"), ("c", "d"), ("d", "L"), ("e", "d"), ("f", "L")]


def test_forward_draws_one_edge_per_operand_slot() -> None:
    drawn = read(draw_forward(square()))
    assert ends(drawn) == [("v1", "y"), ("x", "v1"), ("x", "v1"), ("x", "y")]


def test_forward_draws_a_constant_for_each_use() -> None:
    x = Value(3.0, "x")
    drawn = read(draw_forward(x * 2.0 + 2.0 / x - -0.5))
    constants = {name: node["label"] for name, node in drawn.nodes.items() if name[0] == "c"}
    assert sorted(constants.values()) == ["-0.5", "2", "2"]
    assert all(sum(tail == name for tail, _, _ in drawn.edges) == 1 for name in constants)
    labels = [node["label"] for node in drawn.nodes.values()]
    assert any("x * 2" in label for label in labels)
    assert any("2 / x" in label for label in labels)
    assert any("- (-0.5)" in label for label in labels)


def test_forward_numbers_are_short_and_total() -> None:
    x = Value(1 / 3, "x")
    source = draw_forward([x * c for c in (-0.0, math.nan, math.inf, 123456.0, 1e-9)]).source
    for text in (r"\n0.3333", r"* (-0)\n-0", r"* nan\nnan", r"* inf\ninf", "* 123456", "* 1e-09"):
        assert text in source


def test_forward_names_unlabelled_nodes_by_topological_order() -> None:
    x = Value(1.0)
    y = exp(x)
    drawn = read(draw_forward(y * x))
    assert [node["label"] for node in drawn.nodes.values()] == [
        r"v0\n1",
        r"v1 = exp(v0)\n2.718",
        r"v2 = v1 * v0\n2.718",
    ]


def test_forward_never_gives_a_name_that_the_user_gave() -> None:
    a, b = Value(1.0, "v1"), Value(2.0)
    drawn = read(draw_forward(a + b))
    assert sorted(drawn.nodes) == ["v1", "v1'", "v2"]


def test_forward_puts_ambiguous_names_in_brackets() -> None:
    a, b = named(**{"x1*w1": 1.0, "s + t": 2.0})
    assert "(x1*w1) * (s + t)" in draw_forward(a * b).source


def test_forward_writes_sequences_out_and_cuts_long_ones() -> None:
    xs = [Value(float(k), f"x{k}") for k in range(6)]
    ws = [Value(float(k), f"w{k}") for k in range(6)]
    assert "dot([w0, w1], [x0, x1])" in draw_forward(dot(ws[:2], xs[:2])).source
    assert "dot([w0, w1, ..., w5], [x0, x1, ..., x5])" in draw_forward(dot(ws, xs)).source
    assert "sum(x0, x1, x2)" in draw_forward(total(xs[:3])).source
    drawn = read(draw_forward(dot(ws[:2], [1.5, -2.5])))
    assert sum(name[0] == "c" for name in drawn.nodes) == 2
    assert len(drawn.edges) == 4


def test_forward_shows_gradients_once_there_are_some() -> None:
    y = dead_relu()
    assert "grad" not in draw_forward(y).source
    y.backward()
    nodes = read(draw_forward(y)).nodes
    assert all("grad" in node["label"] for name, node in nodes.items() if name[0] != "c")
    assert nodes["x"]["label"] == r"x\n2\ngrad 0.5"
    assert nodes["w"]["label"] == r"w\n-1.5\ngrad 0"


def test_forward_tells_roles_apart() -> None:
    y = neuron()
    nodes = read(draw_forward(y)).nodes
    fills = [nodes[name].get("fillcolor") for name in ("w0", "x0", "v6")]
    assert len(set(fills)) == 3
    assert [name for name, node in nodes.items() if "penwidth" in node] == ["v9"]


def test_forward_takes_several_outputs() -> None:
    x = Value(2.0, "x")
    drawn = read(draw_forward([x * x, exp(x)]))
    assert sum("penwidth" in node for node in drawn.nodes.values()) == 2
    assert len(drawn.nodes) == 3


def test_forward_draws_scopes_as_nested_boxes_with_their_parameters() -> None:
    lines = [line.strip() for line in draw_forward(neuron()).source.splitlines()]
    inner = lines[lines.index('graph [label="neuron 0"]') : lines.index("}")]
    assert lines.index('graph [label="layer 0"]') < lines.index('graph [label="neuron 0"]')
    assert {line.split()[0] for line in inner if re.match(r"n\d", line)} == {"n0", "n1", "n2", "n6", "n7", "n8", "n9"}


def test_a_parameter_of_two_neurons_stands_in_their_layer() -> None:
    w, x = parameter(0.5, "w"), Value(2.0, "x")
    outputs = []
    for k in range(2):
        with scope("layer"), scope(f"neuron {k}"):
            outputs.append(w * x)
    lines = [line.strip() for line in draw_forward(outputs).source.splitlines()]
    layer = lines[lines.index("graph [label=layer]") : lines.index('graph [label="neuron 0"]')]
    assert any("w\\n0.5" in line for line in layer)
    assert not any("x\\n2" in line for line in layer)


def test_forward_draws_a_gradient_graph() -> None:
    x = Value(3.0, "x")
    slope = grad_graph(x**3, x)
    assert "\\n27" in draw_forward(slope).source
    assert "d(slope)/dx" not in draw_forward(slope).source
    slope.label = "slope"
    assert read(draw_backward(slope)).nodes["dslope/dx"]["label"].endswith("= 18")


# -- Backward ----------------------------------------------------------------------------------------------------


def arithmetic(drawn: Drawn) -> dict[str, tuple[float, float]]:
    """The sum of the products written in each node, worked out again, and the number written after it."""
    sums = {}
    for name, node in drawn.nodes.items():
        _, *middle, right = node["label"].replace("\\n", " ").split(" = ")
        sums[name] = (float(eval(middle[0])) if middle else float(right), float(right))
    return sums


def test_backward_writes_the_arithmetic_of_the_chain_rule() -> None:
    loss, _ = lecture()
    drawn = read(draw_backward(loss))
    assert drawn.nodes["dL/da"]["label"] == "dL/da = -2*(-3) = 6"
    closed = {"dL/dL": 1, "dL/dd": -2, "dL/df": 4, "dL/de": -2, "dL/dc": -2, "dL/da": 6, "dL/db": -4}
    assert arithmetic(drawn) == {name: (value, value) for name, value in closed.items()}


def test_backward_writes_a_term_for_each_use() -> None:
    a = Value(2.0, "a")
    y = a * -3.0 + a * a
    y.label = "L"
    drawn = read(draw_backward(y))
    assert drawn.nodes["dL/da"]["label"] == r"dL/da = 1*(-3) + 1*2\n+ 1*2 = 1"
    assert arithmetic(drawn)["dL/da"] == (1.0, 1.0)
    assert [head for _, head, _ in drawn.edges].count("dL/da") == 3


def test_backward_cuts_a_long_sum() -> None:
    x = Value(2.0, "x")
    y = total([x * float(k) for k in range(12)])
    y.label = "y"
    assert "... (12 terms) = 66" in draw_backward(y).source


def test_backward_edges_run_with_the_gradient_and_carry_the_partials() -> None:
    drawn = read(draw_backward(lecture()[0]))
    assert {(tail, head, edge["label"]) for tail, head, edge in drawn.edges} == {
        ("dL/dL", "dL/dd", "* f = -2"),
        ("dL/dL", "dL/df", "* d = 4"),
        ("dL/dd", "dL/de", "* 1"),
        ("dL/dd", "dL/dc", "* 1"),
        ("dL/de", "dL/da", "* b = -3"),
        ("dL/de", "dL/db", "* a = 2"),
    }
    x = Value(0.0, "x")
    y = exp(x)
    y.label = "y"
    assert {edge["label"] for _, _, edge in read(draw_backward(y * 0.5)).edges} == {"* 0.5", "* y = 1"}


def test_backward_marks_the_seed() -> None:
    nodes = read(draw_backward(lecture()[0])).nodes
    assert {name: node["peripheries"] for name, node in nodes.items() if "peripheries" in node} == {"dL/dL": "2"}
    assert nodes["dL/dL"]["label"] == "dL/dL = 1"


def test_backward_dashes_what_a_dead_relu_stops() -> None:
    drawn = read(draw_backward(dead_relu()))
    dashed = {head for _, head, edge in drawn.edges if edge.get("style") == "dashed"}
    assert dashed == {"dy/dv2", "dy/dx", "dy/dw"}
    assert sum(edge.get("style") == "dashed" for _, _, edge in drawn.edges) == 3
    grey = {name for name, node in drawn.nodes.items() if "dashed" in node.get("style", "")}
    assert grey == {"dy/dv2", "dy/dw"}
    assert arithmetic(drawn)["dy/dx"] == (0.5, 0.5)


def test_backward_colours_by_sign_and_size() -> None:
    x, y = named(x=1.0, y=1.0)
    edges = read(draw_backward(x * 100.0 - y * 100.0 + x * 1.0)).edges
    (into_y,) = (edge for _, head, edge in edges if head.endswith("/dy"))
    into_x = [edge for _, head, edge in edges if head.endswith("/dx")]
    assert len({edge["color"] for edge in into_x} - {into_y["color"]}) == 1
    widths = {edge["label"]: float(edge["penwidth"]) for edge in into_x}
    assert widths["* 100"] > widths["* 1"]


def test_backward_survives_what_is_not_finite() -> None:
    x = Value(0.0, "x")
    y = 1.0 / x + x * math.nan
    y.label = "y"
    assert read(draw_backward(y)).nodes["dy/dx"]["label"].endswith("= nan")


def test_backward_keeps_only_the_paths_to_wrt() -> None:
    loss, (a, b, c, f) = lecture()
    assert set(read(draw_backward(loss, c)).nodes) == {"dL/dL", "dL/dd", "dL/dc"}
    assert set(read(draw_backward(loss, [a, f])).nodes) == {"dL/dL", "dL/dd", "dL/df", "dL/de", "dL/da"}
    assert set(read(draw_backward(loss, b)).nodes) == {"dL/dL", "dL/dd", "dL/de", "dL/db"}


def test_backward_refuses_what_the_output_does_not_depend_on() -> None:
    loss, _ = lecture()
    with pytest.raises(GraphError, match=r"does not depend on .*'z'"):
        draw_backward(loss, Value(1.0, "z"))
    with pytest.raises(ValueError, match="wrt needs at least one"):
        draw_backward(loss, [])


def test_backward_changes_no_gradient() -> None:
    loss, leaves = lecture()
    loss.backward()
    before = [v.grad for v in leaves]
    draw_backward(loss)
    draw_backward(loss, leaves[0])
    assert [v.grad for v in leaves] == before == [6.0, -4.0, -2.0, 4.0]


def test_backward_uses_the_names_of_the_forward_drawing() -> None:
    y = neuron()
    forward = {name for name in read(draw_forward(y)).nodes if name[0] != "c"}
    backward = {name.partition("/d")[2] for name in read(draw_backward(y)).nodes}
    assert forward == backward


def test_backward_of_sequences_has_an_edge_per_member() -> None:
    xs = named(p=0.0, q=0.0)
    y = logsumexp([*xs, xs[0]])
    drawn = read(draw_backward(y))
    assert len(drawn.edges) == 3
    third = 1 / 3
    worked, shown = arithmetic(drawn)["dv2/dp"]
    assert worked == pytest.approx(2 * third, abs=1e-3)
    assert shown == pytest.approx(2 * third, abs=1e-3)


# -- Both --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [draw_forward, draw_backward])
def test_a_stale_graph_is_refused(draw) -> None:
    loss, (a, *_) = lecture()
    a.data = 5.0
    with pytest.raises(StaleGraphError):
        draw(loss)
    loss.refresh()
    assert draw(loss).source


@pytest.mark.parametrize("draw", [draw_forward, draw_backward])
def test_bad_arguments_are_refused(draw) -> None:
    with pytest.raises(TypeError, match="float"):
        draw(3.0)
    with pytest.raises(ValueError, match="rankdir"):
        draw(Value(1.0), rankdir="XY")
    with pytest.raises(ValueError, match="at least one"):
        draw_forward([])
    with pytest.raises(TypeError, match="NoneType"):
        draw_backward(Value(1.0), [None])


@pytest.mark.parametrize("draw", [draw_forward, draw_backward])
def test_a_deep_graph_is_drawn_or_refused_without_recursion(draw) -> None:
    y = x = Value(1.0, "x")
    for _ in range(3000):
        y = y + x
    with pytest.raises(ValueError, match="3001 nodes, more than max_nodes=2000"):
        draw(y)
    drawn = read(draw(y, max_nodes=10_000))
    assert len(drawn.edges) == 6000


@pytest.mark.parametrize("draw", [draw_forward, draw_backward])
def test_labels_are_shown_as_they_are(draw) -> None:
    label = 'b\\s \\N "q" <b>&lt;</b>\nline\0 {x|y} é'
    with scope('<box "\\G">'):
        y = Value(1.0, label) * 2.0
    y.label = "<b>y</b>"
    drawing = draw(y)
    shown = r"b\\s \\N \"q\" <b>&amp;lt;</b> line {x|y} é"
    assert shown in drawing.source
    assert r'label="<box \"\\G\">"' in drawing.source
    assert "\0" not in drawing.source


def test_a_very_long_label_is_cut() -> None:
    shown = read(draw_forward(Value(1.0, "begin" + "-" * 500 + "end"))).nodes
    (name,) = shown
    assert re.fullmatch(r"begin-+\.\.\.-+end", name)
    assert len(name) == 40


def test_a_drawing_is_a_digraph() -> None:
    drawing = draw_forward(lecture()[0], rankdir="TB")
    assert isinstance(drawing, graphviz.Digraph)
    assert "rankdir=TB" in drawing.source
    drawing.node("note", "added by hand")
    assert "added by hand" in drawing.source


@pytest.mark.parametrize(("rankdir", "gap"), [("LR", ""), ("RL", ""), ("TB", "  "), ("BT", "  ")])
def test_the_partial_beside_an_upright_arrow_keeps_off_its_line(rankdir: str, gap: str) -> None:
    x = Value(3.0, "x")
    assert f'[label="{gap}* 2" ' in draw_backward(x * 2, rankdir=rankdir).source


# -- Side by side --------------------------------------------------------------------------------------------------


def test_b5_the_forward_graph_and_the_backward_graph_side_by_side() -> None:
    """A network with one hidden sigmoid: every edge forwards is one edge backwards, one application of the chain rule.

    Each node backwards is an intermediate gradient, and the sum over its edges of gradient times partial.
    """
    x1, x2, w1, w2, b, v = named(x1=1.0, x2=2.0, w1=0.5, w2=0.5, b=0.0, v=0.5)
    steps = {"p1": w1 * x1, "p2": w2 * x2}
    steps["s"] = steps["p1"] + steps["p2"]
    steps["z"] = steps["s"] + b
    steps["a"] = steps["z"].sigmoid()
    steps["q"] = v * steps["a"]
    steps["r"] = 1.0 - steps["q"]
    steps["L"] = steps["r"] * steps["r"]
    for label, node in steps.items():
        node.label = label
    forward, backward = read(draw_forward(steps["L"])), read(draw_backward(steps["L"]))
    crossed = [(f"dL/d{head}", f"dL/d{tail}") for tail, head in ends(forward) if not re.fullmatch(r"c\d+", tail)]
    assert len(crossed) == 14
    assert ends(backward) == sorted(crossed)

    a = 1.0 / (1.0 + math.exp(-1.5))
    r = 1.0 - 0.5 * a
    z = 2.0 * r * -0.5 * a * (1.0 - a)
    closed = {"L": 1.0, "r": 2.0 * r, "q": -2.0 * r, "a": -r, "v": -2.0 * r * a, "z": z, "s": z, "b": z}
    closed |= {"p1": z, "p2": z, "w1": z, "w2": 2.0 * z, "x1": 0.5 * z, "x2": 0.5 * z}
    assert {f"dL/d{name}" for name in closed} == backward.nodes.keys()
    for name, (worked_out, shown) in arithmetic(backward).items():
        assert worked_out == pytest.approx(closed[name[4:]], rel=1e-3)
        assert shown == pytest.approx(closed[name[4:]], rel=1e-3)
