"""Modules find, name, reset and load their parameters."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest

import nn
from autodiff import ModelFileError, Value
from nn import MLP, Layer, Module, Neuron, parameter
from nn.model.module import forward_batch


class Net(Module):
    def __init__(self):
        self.head = Neuron(1)
        self.offsets = [parameter(1.0, "first"), (parameter(2.0, "second"),)]
        self.scale = parameter(3.0, "scale")
        self.last_loss = Value(4.0)
        self.title = "net"


def test_names_are_paths_in_the_order_of_assignment():
    names = [name for name, _ in Net().named_parameters()]
    assert names == ["head.w.0", "head.b", "offsets.0", "offsets.1.0", "scale"]
    names = [name for name, _ in MLP(2, [3, 1]).named_parameters()]
    assert names[7] == "layers.0.neurons.2.w.1"
    assert names[8] == "layers.0.neurons.2.b"
    assert len(set(names)) == 13


def test_parameters_and_named_parameters_are_the_same_nodes():
    net = Net()
    assert list(map(id, net.parameters())) == [id(p) for _, p in net.named_parameters()]
    assert all(p.role == "parameter" for p in net.parameters())
    assert id(net.last_loss) not in map(id, net.parameters())


def test_a_shared_parameter_counts_once():
    net = Net()
    net.again = net.head
    net.tied = net.scale
    assert len(net.parameters()) == 5


def test_modules_that_know_each_other_do_not_go_round_in_circles():
    net = Net()
    net.child = Module()
    net.child.parent = net
    net.child.weight = parameter(0.5, "w")
    assert net.named_parameters()[-1][0] == "child.weight"


def test_a_module_of_nothing_has_no_parameters():
    assert Module().parameters() == []
    assert Module().state_dict() == {}


def test_an_overriding_class_may_extend_what_is_found():
    class More(Net):
        def parameters(self):
            return [*super().parameters(), self.last_loss, Value(9.0)]

    assert [name for name, _ in More().named_parameters()][-2:] == ["last_loss", "parameters.6"]


def test_zero_grad():
    net = Net()
    (net.scale * net.head([2.0]) + net.offsets[0]).backward()
    assert net.offsets[0].grad == 1.0
    net.zero_grad()
    assert {p.grad for p in net.parameters()} == {0.0}


def test_a_state_goes_round():
    a, b = Layer(2, 3, seed=1), Layer(2, 3, seed=2)
    assert a.state_dict() != b.state_dict()
    b.load_state_dict(a.state_dict())
    assert a.state_dict() == b.state_dict()
    assert a([1.0, 2.0])[0].data == b([1.0, 2.0])[0].data


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"b": None}, "missing: b"),
        ({"c": 1.0}, "unexpected: c"),
        ({"w.1": math.nan}, "not a finite number: w.1 = nan"),
        ({"w.1": -math.inf}, "not a finite number: w.1 = -inf"),
        ({"w.1": "0.5"}, "not a finite number: w.1 = '0.5'"),
        ({"w.1": True}, "not a finite number: w.1 = True"),
        ({"w.1": 10**400}, "not a finite number: w.1 = 1000"),
        ({"b": None, "c": 1.0, "w.0": math.nan}, "missing: b; unexpected: c; not a finite number: w.0 = nan"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, told):
    n = Neuron(2, seed=0)
    before = n.state_dict()
    state = {name: x for name, x in {**before, "w.0": 7.0, **change}.items() if x is not None}
    with pytest.raises(ModelFileError, match="does not fit this Neuron: " + told.replace(".", r"\.")):
        n.load_state_dict(state)
    assert n.state_dict() == before


def test_many_faults_are_counted_not_listed():
    with pytest.raises(ModelFileError, match=r"missing: w\.0, w\.1, w\.2, w\.3, w\.4 and 6 more"):
        Neuron(10).load_state_dict({})


def test_a_state_is_a_mapping():
    with pytest.raises(ModelFileError, match="got list"):
        Neuron(1).load_state_dict([1.0, 2.0])


def test_a_state_takes_any_real_number():
    n = Neuron(1)
    n.load_state_dict({"w.0": Fraction(1, 2), "b": 3})
    assert n.state_dict() == {"w.0": 0.5, "b": 3.0}


# -- Modules inside, modes, buffers, generators, batches -----------------------------------------------------------


class Counter(Module):
    def __init__(self):
        self.register_buffer("total", 2.0)
        self.register_buffer("means", [0.5, 0.25])
        self.rng = random.Random(1)

    def __call__(self, x):
        return x + self.total


class Outer(Module):
    def __init__(self):
        self.scale = parameter(3.0, "scale")
        self.parts = [Counter(), (Counter(), Neuron(1))]
        self.rng = self.parts[0].rng
        self.again = self.parts[0]


def test_modules_come_once_outer_before_inner():
    outer = Outer()
    names = [name for name, _ in outer.named_modules()]
    assert names == ["", "parts.0", "parts.1.0", "parts.1.1"]
    assert outer.modules() == [outer, outer.parts[0], *outer.parts[1]]


def test_modes_reach_everything_inside():
    outer = Outer()
    assert all(module.training for module in outer.modules())
    assert outer.eval() is outer
    assert not any(module.training for module in outer.modules())
    assert outer.parts[1][0].train() is outer.parts[1][0]
    assert [module.training for module in outer.modules()] == [False, False, True, False]
    outer.train()
    assert all(module.training for module in outer.modules())
    outer.train(False)
    assert not outer.training


@pytest.mark.parametrize("mode", [1, None, "eval"])
def test_a_mode_is_a_bool(mode):
    with pytest.raises(TypeError, match="True or False"):
        Outer().train(mode)


def test_modes_change_neither_parameters_nor_their_order():
    outer = Outer()
    before = outer.named_parameters()
    assert outer.eval().named_parameters() == before
    assert [name for name, _ in before] == ["scale", "parts.1.1.w.0", "parts.1.1.b"]


def test_buffers_are_state_and_no_parameters():
    outer = Outer()
    assert outer.named_buffers() == [
        ("parts.0.total", 2.0),
        ("parts.0.means.0", 0.5),
        ("parts.0.means.1", 0.25),
        ("parts.1.0.total", 2.0),
        ("parts.1.0.means.0", 0.5),
        ("parts.1.0.means.1", 0.25),
    ]
    state = outer.state_dict()
    assert list(state)[:3] == ["scale", "parts.1.1.w.0", "parts.1.1.b"]
    assert list(state)[3:] == [name for name, _ in outer.named_buffers()]

    twin = Outer()
    means = twin.parts[0].means
    twin.load_state_dict({**state, "parts.0.total": 7.0, "parts.0.means.1": 9})
    assert twin.parts[0].total == 7.0
    assert twin.parts[0].means is means
    assert means == [0.5, 9.0]
    assert twin.parts[1][0].total == 2.0


def test_a_buffer_may_be_assigned_anew():
    counter = Counter()
    counter.total += 1.0
    counter.means = [1.0]
    assert counter.state_dict() == {"total": 3.0, "means.0": 1.0}
    counter.register_buffer("total", 0.0)
    assert counter.state_dict() == {"total": 0.0, "means.0": 1.0}


def test_a_state_that_lacks_a_buffer_changes_nothing():
    outer = Outer()
    before = outer.state_dict()
    state = {name: x + 1.0 for name, x in before.items() if name != "parts.0.means.1"}
    with pytest.raises(ModelFileError, match=r"missing: parts\.0\.means\.1$"):
        outer.load_state_dict(state)
    assert outer.state_dict() == before


def test_generators_come_once_in_order_of_assignment():
    outer = Outer()
    assert outer.generators() == [outer.parts[0].rng, outer.parts[1][0].rng]
    assert Neuron(1).generators() == []


def test_modules_that_know_each_other_have_modes_buffers_and_generators_once():
    outer = Outer()
    outer.parts[0].parent = outer
    assert len(outer.modules()) == 4
    assert len(outer.named_buffers()) == 6
    assert len(outer.eval().generators()) == 2


def test_a_batch_is_one_sample_after_the_other():
    model = MLP(2, [3, 1], seed=0)
    rows = [[1.0, 2.0], (3.0, 4.0)]
    assert [y.data for y in model.forward_batch(rows)] == [model(row).data for row in rows]
    assert [y.data for y in forward_batch(model, rows)] == [model(row).data for row in rows]
    assert forward_batch(sum, rows) == [3.0, 7.0]
    assert forward_batch(Counter(), []) == []


def test_a_batch_goes_to_the_model_s_own_method():
    class Centred(Module):
        def forward_batch(self, rows):
            return (row - sum(rows) / len(rows) for row in rows)

    assert forward_batch(Centred(), [1.0, 3.0]) == [-1.0, 1.0]


def test_dir_shows_what_is_public_and_no_internals():
    names = dir(nn)
    assert set(names) == {*nn.__all__, "compile", "history", "metrics", "train"}
    assert len(set(names)) == len(names)
    assert {"MLP", "fit", "save", "plots"} <= set(names)
    for name in names:
        assert getattr(nn, name).__doc__, name
