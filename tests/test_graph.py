"""Order, freshness and refreshing of graphs."""

from __future__ import annotations

import math

import pytest
import strategies
from hypothesis import given

import autodiff
from autodiff import GraphError, StaleGraphError, Value, grad_graph
from autodiff.graph import topological


@given(program=strategies.programs())
def test_topological_order(program):
    slots = program.build([Value(x) for x in program.leaves])
    order = topological([slots[-1]])
    position = {v: k for k, v in enumerate(order)}
    assert len(position) == len(order), "each node once"
    assert order[-1] is slots[-1]
    reachable, waiting = set(), [slots[-1]]
    while waiting:
        v = waiting.pop()
        reachable.add(v)
        waiting += [p for p in v.operands if isinstance(p, Value) and p not in reachable]
    assert set(order) == reachable
    for v in order:
        assert all(position[p] < position[v] for p in v.operands if isinstance(p, Value))


@given(program=strategies.programs())
def test_the_order_depends_on_the_structure_alone(program):
    one, two = (topological(program.build([Value(x) for x in program.leaves])[-1:]) for _ in range(2))
    first, second = ({v: k for k, v in enumerate(order)} for order in (one, two))
    assert len(one) == len(two)
    for v, w in zip(one, two):
        assert v.op is w.op
        numbers = [[d[p] if isinstance(p, Value) else p for p in n.operands] for d, n in ((first, v), (second, w))]
        assert numbers[0] == numbers[1]


def test_several_outputs_share_an_order():
    x = Value(1.0)
    h = x + 1.0
    y, z = h * 2.0, h * 3.0
    order = topological([y, z, y])
    assert len(order) == 4
    assert order.index(h) < order.index(y) < order.index(z)


class TestStale:
    def test_a_changed_leaf(self):
        x = Value(2.0, "x")
        y = x.exp()
        x.data = 3.0
        for use in (y.backward, lambda: grad_graph(y, x)):
            with pytest.raises(StaleGraphError, match=r"label='x'.*rebuild.*refresh"):
                use()
        assert issubclass(StaleGraphError, GraphError)

    @pytest.mark.parametrize("label", ["", "x"])
    def test_a_leaf_deep_below(self, label):
        x, w = Value(2.0, label), Value(3.0)
        y = x
        for _ in range(10):
            y = (y * w).tanh()
        x.data = 1.0
        with pytest.raises(StaleGraphError):
            y.backward()

    def test_the_same_number_written_counts_as_a_change_or_is_harmless(self):
        x = Value(2.0)
        y = x * x
        x.data = 2.0
        y.refresh().backward()
        assert x.grad == 4.0

    def test_a_new_expression_on_a_stale_node(self):
        x = Value(2.0)
        h = x * 3.0
        x.data = 5.0
        y = h.exp()
        with pytest.raises(StaleGraphError):
            y.backward()

    def test_refreshing(self):
        x = Value(2.0)
        h = x * 3.0
        y = h * h
        x.data = 5.0
        assert y.refresh() is y
        assert (h.data, y.data) == (15.0, 225.0)
        y.backward()
        assert x.grad == 2 * 15.0 * 3.0

    def test_another_graph_on_refreshed_shared_nodes_is_stale(self):
        x = Value(2.0)
        h = x * 3.0
        y, z = h * h, h.exp()
        x.data = 5.0
        y.refresh()
        with pytest.raises(StaleGraphError):
            z.backward()
        z.refresh().backward()
        assert x.grad == 3.0 * math.exp(15.0)
        y.backward()

    def test_a_node_computed_between_the_change_and_the_refresh_is_stale(self):
        """Its number belongs to the old leaf, though it was made in the epoch of the new one."""
        x = Value(2.0)
        h = x * 1.0
        x.data = 3.0
        z = h.exp()
        h.refresh()
        assert z.data == math.exp(2.0)
        with pytest.raises(StaleGraphError):
            z.backward()
        assert z.refresh().data == math.exp(3.0)
        z.backward()
        assert x.grad == math.exp(3.0)

    def test_refreshing_one_graph_leaves_a_fresh_one_fresh(self):
        x, w = Value(2.0), Value(3.0)
        y, z = x * x, w * w
        x.data = 1.0
        z.backward()
        y.refresh()
        z.backward()
        y.backward()
        assert (x.grad, w.grad) == (2.0, 12.0)

    def test_another_leaf_does_not_matter(self):
        x, other = Value(2.0), Value(0.0)
        y = x * x
        other.data = 1.0
        y.backward()
        assert x.grad == 4.0

    def test_a_detached_leaf_and_constants_do_not_matter(self):
        x = Value(2.0)
        y = x.detach() * x + float(x)
        (x * 1.0).detach().data = 9.0
        y.backward()
        assert x.grad == 2.0

    def test_building_again_after_a_change(self):
        x = Value(2.0)
        for _ in range(3):
            y = x * x
            y.backward()
            x.data -= 0.25 * x.grad
            x.grad = 0.0
        assert x.data == 0.25

    def test_operations_on_sequences(self):
        xs = [Value(1.0), Value(2.0)]
        for y in (
            autodiff.sum(xs),
            autodiff.dot(xs, [1.0, 2.0]),
            autodiff.dot([1.0, 2.0], xs),
            autodiff.softmax(xs)[0],
        ):
            xs[1].data = 3.0
            with pytest.raises(StaleGraphError):
                y.backward()
            before = y.refresh().data
            y.backward()
            xs[1].data = 2.0
            assert y.refresh().data != before

    def test_a_leaf_that_is_labelled_later(self):
        x = Value(2.0)
        y = x * x
        x.label = "x"
        y.label = "y"
        y.backward()
        x.data = 3.0
        x.label = "still x"
        y.label = "still y"
        with pytest.raises(StaleGraphError):
            y.backward()
        y.refresh().backward()
        assert x.grad == 4.0 + 6.0
        assert (x.label, y.label) == ("still x", "still y")


def test_the_data_of_a_computed_node_cannot_be_written():
    x = Value(2.0)
    y = x * x
    with pytest.raises(GraphError, match="mul"):
        y.data = 5.0
    assert y.data == 4.0
    y.backward()
    assert x.grad == 4.0


def test_refresh_of_a_leaf_and_of_a_fresh_graph_change_nothing():
    x = Value(2.0)
    y = x.exp()
    assert x.refresh() is x
    y.refresh()
    y.backward()
    assert x.grad == y.data == math.exp(2.0)


def test_refresh_keeps_gradients_labels_and_scopes():
    x = Value(2.0)
    with autodiff.scope("part"):
        y = x * x
    y.label = "y"
    y.backward()
    x.data = 3.0
    y.refresh()
    assert (y.label, y.scope, y.grad, x.grad) == ("y", ("part",), 1.0, 4.0)


@given(program=strategies.programs())
def test_refresh_gives_what_building_again_gives(program):
    leaves = [Value(0.5) for _ in program.leaves]
    slots = program.build(leaves)
    for leaf, x in zip(leaves, program.leaves):
        leaf.data = x
    slots[-1].refresh()
    again = program.build(list(program.leaves))
    below = set(topological([slots[-1]]))
    for v, x in zip(slots, again):
        if v in below:
            assert v.data == x
