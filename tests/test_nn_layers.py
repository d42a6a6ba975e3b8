"""Sequential, Residual and Elementwise: what they compute, and how all layers go together."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import Value, jvp, no_grad
from autodiff.graph import topological
from nn import MLP, BatchNorm, Dropout, Elementwise, Layer, Module, Neuron, Residual, Sequential, load, parameter, save

inputs = st.floats(-3, 3)


def data(y):
    return [v.data if isinstance(v, Value) else v for v in (y if isinstance(y, list) else [y])]


# -- Sequential --------------------------------------------------------------------------------------------------


@given(st.integers(0, 99), st.lists(inputs, min_size=3, max_size=3))
def test_layers_one_after_the_other_are_an_mlp(seed, x):
    mlp = MLP(3, [4, 2], activation="tanh", seed=seed)
    model = Sequential(*mlp.layers)
    assert data(model(x)) == data(mlp(x))
    assert [p for _, p in model.named_parameters()] == mlp.parameters()
    assert model.state_dict() == mlp.state_dict()


def test_any_function_of_a_row_is_a_module():
    model = Sequential(lambda row: [2 * x for x in row], Neuron(2, nonlin=False, init="zeros"), abs)
    model[1].w[0].data = -3.0
    assert model([1.0, 5.0]).data == 6.0
    assert [y.data for y in model.forward_batch([[1.0, 0.0], [0.5, 0.0]])] == [6.0, 3.0]


def test_it_has_a_length_and_members():
    parts = [Layer(2, 2), Elementwise("relu")]
    model = Sequential(*parts)
    assert len(model) == 2
    assert model[0] is parts[0]
    assert model[-1] is parts[1]
    assert list(model) == parts
    assert bool(Sequential())
    assert Sequential()([1.0, 2.0]) == [1.0, 2.0]


def test_a_batch_goes_through_layer_by_layer():
    seen = []

    class Spy(Module):
        def __call__(self, row):
            raise AssertionError("one sample at a time")

        def forward_batch(self, rows):
            seen.append([list(row) for row in rows])
            return [[x + 1.0 for x in row] for row in rows]

    outer = Sequential(Sequential(Spy(), Residual(Spy())), Spy())
    assert outer.forward_batch([[1.0, 1.0], [2.0, 2.0]]) == [[6.0, 6.0], [8.0, 8.0]]
    assert seen == [[[1, 1], [2, 2]], [[2, 2], [3, 3]], [[5, 5], [7, 7]]]


def test_boxes_are_numbered_and_keep_names_of_the_user_s_own():
    encoder = Layer(2, 2, nonlin=False)
    encoder.name = "encoder"
    model = Sequential(encoder, BatchNorm(2), Elementwise("relu"), Dropout(0.5), Residual(Layer(2, 2)), Layer(2, 1))
    out = model.forward_batch([[1.0, 2.0], [3.0, 4.0]])
    names = {v.scope[0] for v in topological(out) if v.op}
    assert names == {"encoder", "batch norm 1", "activation 2", "dropout 3", "residual 4", "layer 5"}


def test_repr():
    model = Sequential(Layer(1, 1), Residual(Dropout(0.25)), Elementwise("tanh"), BatchNorm(1))
    assert repr(model) == (
        "Sequential of [Layer of [ReLUNeuron(1)], Residual(Dropout(0.25)), Elementwise('tanh'), BatchNorm(1)]"
    )


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Sequential(Layer(1, 1), 3), "module 1 is int and cannot be called"),
        (lambda: Sequential([Layer(1, 1)]), r"module 0 is list and cannot be called; write Sequential\(\*modules\)"),
        (lambda: Residual(None), "goes past a module, got NoneType"),
        (lambda: Elementwise(3), "an activation is a name or a function"),
        (lambda: Residual(Elementwise("relu"))([None]), "real number, got NoneType"),
    ],
)
def test_wrong_types_are_refused(call, told):
    with pytest.raises(TypeError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Sequential(Layer(2, 3), Layer(2, 1))([1.0, 2.0]), "2 inputs got 3"),
        (lambda: Residual(Layer(2, 3))([1.0, 2.0]), "got 2 inputs and 3 outputs of Layer of"),
        (lambda: Residual(Layer(2, 1)).forward_batch([[1.0, 2.0]]), "got 2 inputs and 1 outputs"),
        (lambda: Elementwise("rleu"), "unknown activation 'rleu'"),
    ],
)
def test_wrong_values_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


# -- Residual and Elementwise ------------------------------------------------------------------------------------


@given(st.lists(inputs, min_size=2, max_size=2), st.integers(0, 99))
def test_a_residual_connection_adds_the_input_and_passes_the_gradient(x, seed):
    layer = Layer(2, 2, activation="tanh", seed=seed)
    block, leaves = Residual(layer), [Value(xi) for xi in x]
    outs = block(leaves)
    assert data(outs) == [xi + fi for xi, fi in zip(x, data(layer(x)))]
    outs[0].backward()
    for k, leaf in enumerate(leaves):
        slope = 1.0 - data(layer(x))[0] ** 2
        through = slope * layer.neurons[0].w[k].data
        assert leaf.grad == pytest.approx((k == 0) + through, rel=1e-9, abs=1e-9)


def test_a_residual_connection_past_one_number():
    block = Residual(Neuron(1, nonlin=False, init="zeros"))
    assert block(3.0).data == block([3.0]).data == 3.0
    assert Sequential(Neuron(2, seed=0), block)([1.0, 2.0]).data == Neuron(2, seed=0)([1.0, 2.0]).data
    assert [y.data for y in block.forward_batch([3.0, [4.0]])] == [3.0, 4.0]


@pytest.mark.parametrize("row", [[1, -2], (1.0, -2.0), np.array([1.0, -2.0]), iter([1.0, -2.0])])
def test_rows_of_every_kind(row):
    assert Residual(Elementwise("relu"))(row) == [2.0, -2.0]


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "softplus", "linear"])
def test_an_activation_of_its_own_is_that_of_a_neuron(name):
    joined = Layer(2, 3, activation=name, seed=1)
    apart = Sequential(Layer(2, 3, nonlin=False, seed=1), Elementwise(name))
    assert data(joined([0.5, -1.0])) == data(apart([0.5, -1.0]))
    assert data(Elementwise(name)(0.5)) == data(Elementwise(name)([Value(0.5)]))


def test_an_activation_of_the_user_s_own():
    assert Elementwise(lambda z: z * z)([3.0, Value(2.0)])[0] == 9.0
    assert repr(Elementwise(abs)) == "Elementwise('custom')"


# -- Other numbers, other modes ----------------------------------------------------------------------------------


def deep():
    return Sequential(
        Layer(2, 3, nonlin=False, init="he", seed=1),
        BatchNorm(3),
        Elementwise("tanh"),
        Residual(Layer(3, 3, activation="tanh", seed=2)),
        Dropout(0.5, seed=3),
        Layer(3, 1, nonlin=False, seed=4),
    )


def test_forward_mode_goes_through_everything():
    rows = [[0.3, -0.2], [1.0, 0.5], [-0.7, 0.9]]

    def f(x):
        return autodiff.sum(deep().forward_batch([[x, b] if k == 1 else [a, b] for k, (a, b) in enumerate(rows)]))

    y, tangent = jvp(f, (1.0,), (1.0,))
    h = 1e-5
    assert float(y) == float(f(1.0))
    assert float(tangent) == pytest.approx((float(f(1.0 + h)) - float(f(1.0 - h))) / (2 * h), rel=1e-7)


def test_without_recording_the_numbers_are_the_same():
    rows = [[0.3, -0.2], [1.0, 0.5], [-0.7, 0.9]]
    recorded = [y.data for y in deep().forward_batch(rows)]
    with no_grad():
        outs = deep().forward_batch(rows)
    assert [y.data for y in outs] == recorded
    assert all(y.operands == () for y in outs)


def test_a_deep_network_learns_with_all_of_them():
    model = deep()
    model[4].p = 0.1
    rows = [[a / 2, b / 2] for a in range(-2, 3) for b in range(-2, 3)]
    targets = [a * b for a, b in rows]

    def loss():
        return autodiff.mean([(y - t) ** 2 for y, t in zip(model.forward_batch(rows), targets)])

    def evaluated():
        model.eval()
        with no_grad():
            value = loss().data
        model.train()
        return value

    for _ in range(60):
        loss()  # the running statistics settle
    before = evaluated()
    for _ in range(150):
        model.zero_grad()
        loss().backward()
        for p in model.parameters():
            p.data -= 0.05 * p.grad
    assert evaluated() < 0.3 * before


# -- Files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        deep(),
        Sequential(),
        Residual(MLP(2, [3, 2], seed=0)),
        Elementwise("softplus"),
        Dropout(0.25),
        BatchNorm(2, eps=0.0, momentum=None, affine=False),
        Sequential(Sequential(Neuron(2, seed=1)), Residual(Sequential(BatchNorm(1), Dropout(0.0)))),
    ],
    ids=repr,
)
def test_models_come_back_from_files(model, tmp_path):
    rows = [[0.3, -0.2], [1.0, 0.5], [-0.7, 0.9]]
    if not isinstance(model, (Elementwise, Dropout)):
        model.forward_batch(rows)
    save(model, tmp_path / "m.json")
    random.seed(0)
    before = random.getstate()
    twin, _ = load(tmp_path / "m.json")
    assert random.getstate() == before
    assert repr(twin) == repr(model)
    assert twin.state_dict() == model.state_dict()
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in model.named_parameters()]
    assert [data(y) for y in map(twin.eval(), rows)] == [data(y) for y in map(copy.deepcopy(model).eval(), rows)]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Sequential(Layer(1, 1), abs), "got builtin_function_or_method"),
        (Residual(Elementwise(abs)), "a function of your own"),
        (Sequential(type("Dropout", (Module,), {"__call__": abs})()), "got Dropout"),
        (Sequential(*[Neuron(1)] * 2), "other parts than its constructor makes"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(model, told, tmp_path):
    with pytest.raises(TypeError, match=told):
        save(model, tmp_path / "m.json")


def test_extra_parameters_are_found_inside():
    class Scaled(Module):
        def __init__(self):
            self.scale = parameter(2.0, "scale")

        def __call__(self, row):
            return [self.scale * x for x in row]

    model = Sequential(Scaled(), Residual(Scaled()))
    assert [name for name, _ in model.named_parameters()] == ["layers.0.scale", "layers.1.module.scale"]
    assert data(model([1.0, 2.0])) == [6.0, 12.0]
