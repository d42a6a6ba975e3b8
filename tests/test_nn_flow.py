"""Gradients by layer: measured against closed forms, and judged on networks that are known to be ill."""

from __future__ import annotations

import math

import pytest

from nn import MLP, BatchNorm, Dropout, Elementwise, Layer, Module, Neuron, Residual, Sequential, losses, parameter
from nn.data import moons
from nn.flow import LayerFlow, diagnose_gradients, gradient_flow

NAN = math.nan
DATA = moons(30, 0.1)


def flow_of(model, loss=losses.cross_entropy):
    return gradient_flow(model, DATA.features, DATA.targets, loss)


def findings(model):
    return {finding.kind: finding for finding in diagnose_gradients(flow_of(model))}


def test_against_the_closed_form_of_the_lecture():
    """The 2-1-1 network: dW2 = -0.1565570, db2 = -0.1914896; dW1 = (-0.01428, -0.02856), db1 = -0.01428."""
    model = MLP(2, [1, 1], activation=["sigmoid", "sigmoid"])
    model.load_state_dict(dict(zip(model.state_dict(), [0.5, 0.5, 0.0, 0.5, 0.0])))
    first, second = gradient_flow(model, [[1.0, 2.0]], [1.0], losses.mse)
    assert (first.name, second.name) == ("layers.0", "layers.1")
    assert (first.parameters, second.parameters) == (3, 2)
    assert first.mean_abs == pytest.approx(4 * 0.0142800 / 3, abs=1e-7)
    assert first.norm == pytest.approx(math.sqrt(6) * 0.0142800, abs=1e-7)
    assert second.mean_abs == pytest.approx((0.1565570 + 0.1914896) / 2, abs=1e-7)
    assert second.norm == pytest.approx(math.hypot(0.1565570, 0.1914896), abs=1e-7)
    assert (first.dead, first.saturated) == pytest.approx((NAN, 0.0), nan_ok=True)


def relus(weights, biases):
    layer = Layer(1, len(weights))
    for neuron, w, b in zip(layer.neurons, weights, biases):
        neuron.w[0].data, neuron.b.data = w, b
    return layer


@pytest.mark.parametrize("alone", [False, True])
def test_dead_units_are_those_that_never_fire(alone):
    """At x = 1, 2: always, never, never, once."""
    weights, biases = [1.0, -1.0, 0.0, 1.0], [0.0, 0.0, -1.0, -1.5]
    layer = relus(weights, biases)
    if alone:
        for neuron in layer.neurons:
            neuron.activation = None
    model = Sequential(layer, *([Elementwise("relu")] if alone else []), Layer(4, 1, nonlin=False, seed=0))
    flow = gradient_flow(model, [[1.0], [2.0]], [0.0, 1.0], losses.mse)
    assert [layer.name for layer in flow] == ["layers.0", "layers.2" if alone else "layers.1"]
    assert [layer.dead for layer in flow] == pytest.approx([0.5, NAN], nan_ok=True)
    (finding,) = diagnose_gradients(flow)
    assert (finding.kind, finding.layers) == ("dead", ("layers.0",))
    assert "50%" in finding.text


@pytest.mark.parametrize(("activation", "edge"), [("tanh", math.atanh(math.sqrt(0.95))), ("sigmoid", 4.3565)])
def test_saturated_outputs_are_where_the_slope_is_under_a_twentieth(activation, edge):
    """tanh' = 1 - tanh^2 = 0.05 there; sigmoid' = 0.05 / 4 at z = 4.3565."""
    model = Sequential(Neuron(1, activation=activation), Layer(1, 1, nonlin=False))
    model.load_state_dict({**dict.fromkeys(model.state_dict(), 0.0), "layers.0.w.0": 1.0})
    rows = [[1.001 * edge], [0.999 * edge], [-1.001 * edge], [-1000.0]]
    flow = gradient_flow(model, rows, [0.0] * 4, losses.mse)
    assert flow[0].saturated == 0.75
    assert {finding.kind for finding in diagnose_gradients(flow)} == {"saturated"}


def test_everything_is_left_as_it_was():
    model = Sequential(
        Layer(2, 3, nonlin=False, seed=0), BatchNorm(3), Elementwise("relu"), Dropout(0.5, seed=0), Layer(3, 2)
    )
    graph = model.eval()([0.0, 1.0])[0]
    before = model.state_dict(), [p.grad for p in model.parameters()], model.generators()[0].getstate()
    flow = flow_of(model)
    assert [layer.name for layer in flow] == ["layers.0", "layers.1", "layers.4"]
    assert 0.0 <= flow[1].dead <= 1.0  # the relu stands after the batch norm
    assert before == (model.state_dict(), [p.grad for p in model.parameters()], model.generators()[0].getstate())
    assert not model.training
    assert not model.layers[1].training
    graph.backward()
    assert repr(flow) == repr(flow_of(model))  # nan is not equal to itself


def test_modules_of_the_users_own():
    class Line(Module):
        def __init__(self):
            self.terms = [parameter(2.0, "a"), parameter(3.0, "b")]

        def __call__(self, x):
            return self.terms[0] * x[0] + self.terms[1]

    (layer,) = gradient_flow(Line(), [[1.0]], [0.0], losses.mse)
    assert (layer.name, layer.mean_abs, layer.parameters) == ("Line", 10.0, 2)
    (layer,) = gradient_flow(Neuron(1, activation="linear"), [[1.0]], [0.0], losses.mse)
    assert layer.name == "Neuron"
    with pytest.raises(ValueError, match="Sequential has no parameters"):
        gradient_flow(Sequential(Elementwise("relu")), [[1.0]], [0.0], losses.mse)
    with pytest.raises(ValueError, match="at least one row"):
        gradient_flow(Line(), [], [], losses.mse)


# -- In words ------------------------------------------------------------------------------------------------------


def layer(size, dead=NAN, saturated=NAN, norm=1.0):
    return LayerFlow("x", size, norm, 10, dead, saturated)


@pytest.mark.parametrize(
    ("flow", "kinds"),
    [
        ([layer(0.1), layer(0.2)], ["healthy"]),
        ([layer(1.9e-4), layer(0.2)], ["vanishing"]),
        ([layer(2.1e-4), layer(0.2)], ["healthy"]),
        ([layer(0.2), layer(1e-4)], ["exploding"]),
        ([layer(0.2), layer(0.1, norm=1001.0)], ["exploding"]),
        ([layer(0.2), layer(NAN, norm=NAN)], ["exploding"]),
        ([layer(0.2), layer(0.1, norm=math.inf)], ["exploding"]),
        ([layer(0.0), layer(0.2)], ["vanishing"]),
        ([layer(0.2, dead=0.5), layer(0.2)], ["dead"]),
        ([layer(0.2, dead=0.4, saturated=0.4), layer(0.2)], ["healthy"]),
        (
            [layer(1e-9, dead=0.9), layer(0.2, saturated=0.9), layer(0.2, norm=1e9)],
            ["vanishing", "exploding", "dead", "saturated"],
        ),
    ],
)
def test_the_bounds(flow, kinds):
    found = diagnose_gradients(flow)
    assert [finding.kind for finding in found] == kinds
    for finding in found:
        assert str(finding).startswith(f"{finding.kind}: {finding.text}")
        assert bool(finding.remedy) == bool(finding.layers) == (finding.kind != "healthy")


def test_no_layer():
    with pytest.raises(ValueError, match="at least one layer"):
        diagnose_gradients([])


# -- Ten layers (A.7) ----------------------------------------------------------------------------------------------


def deep(activation, init):
    return MLP(2, [5] * 9 + [2], activation=activation, init=init, seed=0)


def test_gradients_vanish_through_ten_layers_of_sigmoids_but_not_of_relus():
    sick, well = flow_of(deep("sigmoid", "xavier")), flow_of(deep("relu", "he"))
    assert len(sick) == len(well) == 10
    assert sick[0].mean_abs < 1e-5 * sick[-1].mean_abs
    assert well[0].mean_abs > 1e-2 * well[-1].mean_abs
    assert sick[0].norm < 0.25**9 * sick[-1].norm * 2.0**9  # at most 1/4 a layer, times the norm of the weights
    vanishing = findings(deep("sigmoid", "xavier"))["vanishing"]
    assert vanishing.layers[0] == "layers.0"
    assert "layers.8" not in vanishing.layers
    assert "relu" in vanishing.remedy
    assert "vanishing" not in findings(deep("relu", "he"))


def test_skip_connections_and_batch_norm_keep_gradients_alive():
    def block(k, norm=False):
        inner = (
            [Layer(4, 4, activation="sigmoid", init="xavier", seed=k)]
            if not norm
            else [Layer(4, 4, nonlin=False, init="xavier", seed=k), BatchNorm(4), Elementwise("sigmoid")]
        )
        return Sequential(*inner)

    first, last = Layer(2, 4, nonlin=False, init="xavier", seed=0), Layer(4, 2, nonlin=False, init="xavier", seed=9)
    plain = Sequential(first, *(block(k) for k in range(8)), last)
    skips = Sequential(first, *(Residual(block(k)) for k in range(8)), last)
    norms = Sequential(first, *(block(k, norm=True) for k in range(8)), last)
    ratios = [flow[0].mean_abs / flow[-1].mean_abs for flow in map(flow_of, (plain, skips, norms))]
    assert ratios[0] < 1e-4
    assert ratios[1] > 1e-2
    assert ratios[2] > 100.0 * ratios[0]


def test_large_weights_explode():
    model = deep("relu", "he")
    for p in model.parameters():
        p.data *= 6.0
    assert "exploding" in findings(model)
    assert "clip" in findings(model)["exploding"].remedy
