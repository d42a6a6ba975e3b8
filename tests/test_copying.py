"""Copies of graphs are independent of the original and differentiate."""

from __future__ import annotations

import copy
import pickle

import pytest
import strategies
from hypothesis import given
from test_reverse import agree

import autodiff
from autodiff import StaleGraphError, Value
from autodiff.graph import topological
from autodiff.value import parameter


def by_pickle(x):
    return pickle.loads(pickle.dumps(x))


WAYS = pytest.mark.parametrize("duplicate", [copy.deepcopy, by_pickle])


@WAYS
@given(program=strategies.programs())
def test_a_copy_has_the_same_structure_numbers_and_gradients(duplicate, program):
    y = program.build([Value(x) for x in program.leaves])[-1]
    y.backward()
    z = duplicate(y)
    one, two = topological([y]), topological([z])
    assert len(one) == len(two)
    assert not set(one) & set(two)
    for v, w in zip(one, two):
        assert v.op is w.op
        assert agree(v.data, w.data)
        assert agree(v.grad, w.grad)
    z.zero_grad()
    z.backward()
    assert all(agree(v.grad, w.grad) for v, w in zip(one, two))


@WAYS
def test_a_copy_is_independent(duplicate):
    x = Value(3.0, "x")
    with autodiff.scope("part"):
        y = x * x + autodiff.dot([x, x], [1.0, 2.0])
    y.label = "y"
    z = duplicate(y)
    leaf = next(v for v in topological([z]) if v.op is None)
    assert (z.label, z.scope, leaf.label) == ("y", ("part",), "x")
    leaf.data = 5.0
    with pytest.raises(StaleGraphError):
        z.backward()
    y.backward()
    assert (x.grad, leaf.grad) == (9.0, 0.0)
    z.refresh().backward()
    assert (z.data, leaf.grad, y.data) == (40.0, 13.0, 18.0)
    leaf.label = "other"
    assert x.label == "x"


@WAYS
def test_a_stale_graph_stays_stale(duplicate):
    x = Value(3.0)
    y = x * x
    x.data = 1.0
    z = duplicate(y)
    with pytest.raises(StaleGraphError):
        z.backward()
    z.refresh().backward()
    assert z.data == 1.0


@WAYS
def test_values_that_are_copied_together_share_leaves(duplicate):
    x = Value(3.0)
    y, z = x * 2.0, x * 3.0
    box = duplicate({"x": x, "y": y, "z": z, "again": y})
    box["y"].backward()
    box["z"].backward()
    assert box["x"].grad == 5.0
    assert box["again"] is box["y"]
    assert x.grad == 0.0


def test_values_that_are_deep_copied_together_share_nodes():
    x = Value(3.0)
    h = x * x
    y = h * 2.0
    h2, y2 = copy.deepcopy([h, y])
    y2.backward()
    assert y2.operands[0] is h2
    assert h2.grad == 2.0


@WAYS
def test_a_leaf_and_a_parameter(duplicate):
    x = duplicate(Value(3.0, "x"))
    assert (x.data, x.label, x.role) == (3.0, "x", "input")
    w = parameter(2.0, "w")
    w.grad = 7.0
    w = duplicate(w)
    assert (w.data, w.grad, w.label, w.role) == (2.0, 7.0, "w", "parameter")


def test_every_protocol_of_pickle():
    x = Value(3.0)
    y = x.exp() * autodiff.logsumexp([x, 1.0])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(y, protocol)).data == y.data


def test_a_pickle_is_read_in_a_later_epoch():
    x = Value(3.0)
    state = pickle.dumps(x * x)
    for _ in range(5):
        x.data = 1.0
    y = pickle.loads(state)
    y.backward()
    assert y.operands[0].grad == 6.0


def test_nodes_that_share_a_tuple_of_operands_go_on_sharing_it():
    xs = (Value(1.0), Value(2.0))
    y = autodiff.dot(xs, (3.0, 4.0)) + autodiff.dot(xs, (5.0, 6.0))
    z = copy.deepcopy(y)
    a, b = z.operands
    assert a._a is b._a


@pytest.mark.parametrize("label", ["", "x"])
def test_a_shallow_copy_of_a_leaf_is_a_leaf_of_its_own(label):
    x = Value(3.0, label)
    y = x * x
    z = copy.copy(x)
    assert z is not x
    assert (z.data, z.label) == (3.0, label)
    z.data = 1.0
    y.backward()
    assert x.grad == 6.0
    x.data = 5.0
    (z * 2.0).backward()
    assert z.grad == 2.0


def test_a_shallow_copy_of_a_node_has_the_same_operands():
    x = Value(3.0)
    y = x * x
    z = copy.copy(y)
    assert z.operands == (x, x)
    z.backward()
    assert x.grad == 6.0
    assert y.grad == 0.0
