"""Neurons, layers and networks: their numbers, gradients, boxes, and what they refuse."""

from __future__ import annotations

import copy
import dataclasses
import gc
import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import Value
from autodiff.graph import topological
from nn import MLP, Layer, Module, Neuron, parameter

PLAIN = {
    "relu": lambda z: max(z, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "softplus": lambda z: math.log(1 + math.exp(z)),
    "linear": lambda z: z,
}
names = st.sampled_from(sorted(PLAIN))
inputs = st.floats(-3, 3)


def forward(model, x):
    """An MLP by its formula, on plain floats."""
    for name, layer in zip(model.config()["activation"], model.layers):
        z = [sum(w.data * xi for w, xi in zip(n.w, x)) + n.b.data for n in layer.neurons]
        x = [PLAIN[name](zi) for zi in z]
    return x


@st.composite
def networks(draw, **options):
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    activations = [draw(names) for _ in sizes[1:]]
    return MLP(sizes[0], sizes[1:], activation=activations, seed=draw(st.integers(0, 999)), **options)


def outputs(y):
    return y if isinstance(y, list) else [y]


# -- What they compute -------------------------------------------------------------------------------------------


@given(networks(), st.data())
def test_a_network_computes_its_formula(model, data):
    x = [data.draw(inputs) for _ in model.layers[0].neurons[0].w]
    got = [y.data for y in outputs(model(x))]
    assert got == pytest.approx(forward(model, x), rel=1e-12, abs=1e-12)


@given(st.sampled_from(["tanh", "sigmoid", "softplus", "linear"]), st.integers(0, 999), st.tuples(inputs, inputs))
def test_gradients_agree_with_central_differences(name, seed, x):
    model = MLP(2, [3, 2], activation=name, seed=seed)

    def loss():
        return autodiff.sum([y * y for y in model(x)])

    loss().backward()
    h = 1e-5
    for p in model.parameters():
        at = p.data
        p.data = at + h
        above = loss().data
        p.data = at - h
        below = loss().data
        p.data = at
        assert p.grad == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-6)


@given(networks(), st.data())
def test_a_network_written_out_is_the_same(model, data):
    x = [data.draw(inputs) for _ in model.layers[0].neurons[0].w]
    written = MLP(**{**model.config(), "expand": True})
    written.load_state_dict(model.state_dict())
    results = []
    for m in model, written:
        leaves = [Value(xi) for xi in x]
        y = autodiff.sum(outputs(m(leaves)))
        y.backward()
        results.append([y.data, *(p.grad for p in m.parameters()), *(v.grad for v in leaves)])
    assert results[0] == pytest.approx(results[1], rel=1e-9, abs=1e-9)


def test_a_written_out_neuron_is_a_lecture_s_expression():
    n = Neuron(3, expand=True, seed=0)
    y = n([1.0, 2.0, 3.0])
    order = [v.op.name for v in topological((y,)) if v.op]
    assert sorted(order) == ["add"] * 3 + ["mul"] * 3 + ["relu"]
    assert [v.op.name for v in topological((Neuron(3, seed=0)([1.0, 2.0, 3.0]),)) if v.op] == ["dot", "add", "relu"]
    bare = Neuron(2, expand=True, bias=False, nonlin=False, seed=0)
    assert [v.op.name for v in topological((bare([1.0, 2.0]),)) if v.op] == ["mul", "mul", "add"]
    assert bare([1.0, 2.0]).data == bare.w[0].data + 2 * bare.w[1].data


def test_without_a_bias():
    n = Neuron(2, bias=False, activation="linear", seed=0)
    assert n.b is None
    assert n.parameters() == n.w
    assert n([0.0, 0.0]).data == 0.0


@pytest.mark.parametrize("make", [Value, float, int, np.float64, np.float32, np.int64])
def test_inputs_of_every_kind_of_number(make):
    model = MLP(2, [3, 1], seed=0)
    expected = model([1.0, 2.0]).data
    assert model([make(1), make(2)]).data == expected
    assert model((make(1), 2.0)).data == expected
    assert model.layers[0].neurons[0]((make(1), 2)).data == model.layers[0].neurons[0]([1.0, 2.0]).data


def test_inputs_in_every_kind_of_sequence():
    model = MLP(2, [3, 1], seed=0)
    expected = model([1.0, 2.0]).data
    rows = np.array([[1.0, 2.0], [1.0, 2.0]])
    assert [model(row).data for row in rows] == [expected] * 2
    assert model(iter([1, 2])).data == expected
    assert Layer(1, 2, seed=0)(3.0)[0].data == Layer(1, 2, seed=0)([3.0])[0].data
    assert Neuron(1, seed=0)(Value(3.0)).data == Neuron(1, seed=0)([3.0]).data


def test_gradients_reach_inputs_that_are_values():
    x = [Value(1.0), 2.0]
    n = Neuron(2, nonlin=False, seed=0)
    n(x).backward()
    assert x[0].grad == n.w[0].data


def test_a_layer_coerces_its_inputs_once_for_all_of_its_neurons():
    outs = Layer(2, 5, nonlin=False, seed=0)([Value(1.0), 2])
    leaves = {v for v in topological(outs) if v.op is None and v.role == "input"}
    assert len(leaves) == 2


def test_an_activation_of_the_user_s_own():
    def cube(z):
        return z * z * z

    n = Neuron(1, activation=cube, seed=0)
    assert n([2.0]).data == pytest.approx((2 * n.w[0].data) ** 3)
    assert repr(n) == "CustomNeuron(1)"

    class Leaky(Module):
        def __init__(self):
            self.slope = parameter(0.1, "slope")

        def __call__(self, z):
            return autodiff.maximum(z, self.slope * z)

    assert [name for name, _ in Neuron(1, activation=Leaky()).named_parameters()] == ["activation.slope", "w.0", "b"]


def test_an_operation_as_an_activation_has_its_name():
    assert MLP(1, [1, 1], activation=autodiff.tanh).config()["activation"] == ["tanh", "linear"]


def test_activations_per_layer():
    model = MLP(2, [3, 2, 1], activation=["relu", "tanh", "sigmoid"])
    assert model.config()["activation"] == ["relu", "tanh", "sigmoid"]
    assert MLP(2, [3, 2, 1], activation="tanh").config()["activation"] == ["tanh", "tanh", "linear"]
    assert MLP(2, [3, 2, 1]).config()["activation"] == ["relu", "relu", "linear"]


def test_reprs_are_micrograd_s():
    assert repr(Neuron(3)) == "ReLUNeuron(3)"
    assert repr(Neuron(3, nonlin=False)) == "LinearNeuron(3)"
    assert repr(Layer(3, 2)) == "Layer of [ReLUNeuron(3), ReLUNeuron(3)]"
    assert repr(MLP(1, [1, 1])) == "MLP of [Layer of [ReLUNeuron(1)], Layer of [LinearNeuron(1)]]"
    assert repr(Neuron(3, activation="softplus")) == "SoftplusNeuron(3)"
    assert Neuron(3).nonlin
    assert not Neuron(3, nonlin=False).nonlin


# -- Boxes and labels --------------------------------------------------------------------------------------------


def test_nodes_know_their_layer_and_neuron():
    model = MLP(2, [2, 1], seed=0)
    y = model([1.0, 2.0])
    scopes = {v.scope for v in topological((y,)) if v.op}
    assert scopes == {("layer 0", "neuron 0"), ("layer 0", "neuron 1"), ("layer 1", "neuron 0")}
    assert (y * 2).scope == ()
    with autodiff.scope("model"):
        assert model([1.0, 2.0]).scope == ("model", "layer 1", "neuron 0")
    assert Neuron(1)([1.0]).scope == ("neuron",)
    assert Layer(1, 1)([1.0]).scope == ("layer", "neuron 0")


def test_a_failing_call_leaves_its_boxes():
    def fail(z):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        MLP(1, [1, 1], activation=fail)([1.0])
    assert (Value(1.0) * 2).scope == ()


def test_weights_are_labelled_parameters():
    n = Neuron(2)
    assert [p.label for p in n.parameters()] == ["w0", "w1", "b"]
    assert {p.role for p in n.parameters()} == {"parameter"}


# -- Initial weights ---------------------------------------------------------------------------------------------


def test_the_global_generator_governs_by_default():
    random.seed(5)
    expected = [random.uniform(-1, 1) for _ in range(2 * 3 + 3)]
    random.seed(5)
    model = MLP(2, [3, 1])
    assert [w.data for layer in model.layers for n in layer.neurons for w in n.w] == expected
    assert len(set(expected)) == 9


def test_a_seed_leaves_the_global_generator_alone():
    random.seed(5)
    before = random.getstate()
    a, b = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], rng=random.Random(1))
    assert random.getstate() == before
    assert a.state_dict() == b.state_dict() != MLP(2, [3, 1], seed=2).state_dict()


def test_an_initialiser_of_the_user_s_own_is_given_both_sizes():
    asked = []

    def init(rng, nin, nout):
        asked.append((nin, nout))
        return rng.random()

    model = MLP(2, [3, 1], init=init, seed=0)
    assert asked == [(2, 3)] * 6 + [(3, 1)] * 3
    assert model.layers[0].neurons[0].w[0].data == random.Random(0).random()


# -- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Neuron(2)([1.0]), r"ReLUNeuron\(2\) takes 2 inputs, got 1"),
        (lambda: Neuron(2)((1.0, 2.0, 3.0)), "takes 2 inputs, got 3"),
        (lambda: Layer(2, 2)([1.0, 2.0, 3.0]), "2 inputs got 3"),
        (lambda: MLP(3, [4, 4, 1])([2.0, 3.0]), "3 inputs got 2"),
        (lambda: MLP(2, [1])([]), "2 inputs got 0"),
        (lambda: Neuron(0), "nin is a positive integer, got 0"),
        (lambda: Neuron(-1), "nin is a positive integer, got -1"),
        (lambda: Layer(2, 0), "nout is a positive integer, got 0"),
        (lambda: MLP(2, [3, 0]), "each of nouts is a positive integer, got 0"),
        (lambda: MLP(2, []), "nouts is empty"),
        (lambda: Neuron(2, activation="rleu"), "unknown activation 'rleu'; known are relu, tanh, sigmoid, softplus, l"),
        (lambda: MLP(2, [1], activation="rleu"), "unknown activation 'rleu'"),
        (lambda: Neuron(2, init="glorot"), "unknown init 'glorot'; known are micrograd, he, he_uniform, xavier, xavi"),
        (lambda: Neuron(2, False, activation="tanh"), "leave one out"),
        (lambda: MLP(2, [3, 1], activation=["tanh"]), "2 layers need 2 activations"),
        (lambda: MLP(2, [3, 1], seed=0, rng=random.Random(0)), "not both"),
    ],
)
def test_wrong_values_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Neuron(2)(["a", "b"]), "real number, got str"),
        (lambda: MLP(2, [1])([None, 1.0]), "real number, got NoneType"),
        (lambda: MLP(2, [1])(np.zeros((2, 2))), "real number, got ndarray"),
        (lambda: MLP(2, [1])([1j, 1.0]), "real number, got complex"),
        (lambda: MLP(2, [1])(1.0), "expected 2 inputs in a sequence, got float"),
        (lambda: Neuron(2)(None), "expected 2 inputs in a sequence, got NoneType"),
        (lambda: Neuron(2.0), "nin is a positive integer, got 2.0"),
        (lambda: Neuron("2"), "nin is a positive integer, got '2'"),
        (lambda: Neuron(True), "nin is a positive integer, got True"),
        (lambda: MLP(2, 3), "sequence of layer sizes"),
        (lambda: MLP(2, "31"), "sequence of layer sizes"),
        (lambda: Neuron(2, activation=3), "name or a function"),
        (lambda: MLP(2, [1], activation=3), "one for each layer"),
        (lambda: MLP(2, [1], activation=[None]), "got None"),
        (lambda: Neuron(2, init=3), "name or a function"),
        (lambda: Neuron(2, seed="x"), "seed is an integer"),
        (lambda: Neuron(2, rng=7), "random.Random"),
        (lambda: Neuron(2, init=lambda rng, nin, nout: None), "real number, got NoneType"),
    ],
)
def test_wrong_types_are_refused(call, told):
    with pytest.raises(TypeError, match=told):
        call()


# -- What micrograd gets wrong -----------------------------------------------------------------------------------


def test_a_hidden_layer_of_one_neuron_works():
    model = MLP(2, [1, 1], seed=0)
    (hidden,), (last,) = (layer.neurons for layer in model.layers)
    expected = last.w[0].data * max(0.0, hidden.w[0].data + 2 * hidden.w[1].data)
    assert model([1.0, 2.0]).data == pytest.approx(expected, rel=1e-14)


def test_a_loss_added_up_over_thousands_of_samples_is_swept():
    model = MLP(1, [2, 1], seed=0)
    total = Value(0.0)
    for k in range(3000):
        total = total + model([k / 3000])
    total.backward()
    assert model.layers[1].neurons[0].b.grad == 3000.0


def test_two_backward_sweeps_add_twice_the_gradient():
    n = Neuron(1, nonlin=False)
    y = n([3.0])
    y.backward()
    y.backward()
    assert n.w[0].grad == 6.0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copied_model_is_independent_and_learns(duplicate):
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    twin = duplicate(model)
    twin([1.0, 2.0]).backward()
    assert all(p.grad for p in twin.parameters())
    assert not any(p.grad for p in model.parameters())
    assert twin.state_dict() == model.state_dict()
    assert [p.label for p in twin.layers[0].neurons[0].parameters()] == ["w0", "w1", "b"]
    for p in twin.parameters():
        p.data -= 0.1 * p.grad
    assert twin([1.0, 2.0]).data < model([1.0, 2.0]).data


def test_a_training_step_leaves_nothing_for_the_collector():
    model = MLP(2, [4, 1], seed=0)
    gc.collect()
    gc.disable()
    try:
        y = model([1.0, 2.0])
        y.backward()
        del y
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_array_times_output_is_an_array_of_values():
    y = Neuron(2, seed=0)(np.array([1.0, 2.0]))
    assert [type(v) for v in np.array([1.0, 2.0]) * y] == [Value, Value]


def test_an_activation_that_has_no_hash():
    @dataclasses.dataclass
    class Leaky:
        slope: float

        def __call__(self, v):
            return v.relu() - self.slope * (-v).relu()

    n = Neuron(1, activation=Leaky(0.5), seed=0)
    assert repr(n) == "CustomNeuron(1)"
    z = n.w[0].data * -2.0
    assert n([-2.0]).data == (z if z > 0.0 else 0.5 * z)


def test_a_new_name_names_the_box():
    n = Neuron(1)
    assert n([1.0]).scope == ("neuron",)
    n.name = "output"
    assert n([1.0]).scope == ("output",)


def test_a_weight_may_be_replaced():
    n = Neuron(2, nonlin=False, seed=0)
    n([1.0, 2.0])
    old, new = n.w[0], parameter(5.0, "new")
    n.w[0] = new
    assert n.parameters() == [new, n.w[1], n.b]
    y = n([1.0, 2.0])
    y.backward()
    assert y.data == 5.0 + 2.0 * n.w[1].data + n.b.data
    assert (new.grad, old.grad) == (1.0, 0.0)
    twin = copy.deepcopy(n)
    twin.w[0].data = 7.0
    assert twin([1.0, 2.0]).data == y.data + 2.0
    assert n([1.0, 2.0]).data == y.data
