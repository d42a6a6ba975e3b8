"""Optimizers: against PyTorch, on arrays as on floats, saved and restored."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value
from autodiff.errors import ModelFileError
from nn import Neuron, minimize, optim
from nn.optim import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop

RECORDED = json.loads((Path(__file__).parent / "golden" / "training.json").read_text(encoding="utf-8"))

VARIANTS = {
    "plain": (SGD, {"lr": 0.02}),
    "heavy ball": (SGD, {"lr": 0.005, "momentum": 0.9, "weight_decay": 0.1}),
    "dampened": (SGD, {"lr": 0.005, "momentum": 0.9, "dampening": 0.5}),
    "averaged": (SGD, {"lr": 0.02, "momentum": 0.9, "averaged": True}),
    "nesterov": (SGD, {"lr": 0.005, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (RMSprop, {"lr": 0.01, "weight_decay": 0.1}),
    "centered rmsprop": (RMSprop, {"lr": 0.005, "centered": True, "momentum": 0.5}),
    "adam": (Adam, {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    "adamw": (AdamW, {"lr": 0.05, "weight_decay": 0.1}),
}
each_variant = pytest.mark.parametrize(("kind", "arguments"), VARIANTS.values(), ids=VARIANTS)


def bowl(x):
    """The function of the recording."""
    valley = sum(2.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2 for i in range(4))
    return valley + sum((i + 1) / 10 * x[i] ** 2 for i in range(5))


def advance(optimizer, steps):
    """The parameters after each of so many steps on the bowl."""
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        bowl(optimizer.parameters).backward()
        optimizer.step()
        path.append([p.data for p in optimizer.parameters])
    return path


def leaves():
    return [Value(x) for x in RECORDED["function"]["start"]]


# -- Against PyTorch -------------------------------------------------------------------------------------------


def test_the_function_is_that_of_the_recording():
    xs = leaves()
    y = bowl(xs)
    y.backward()
    assert y.data == pytest.approx(RECORDED["function"]["value"], rel=1e-15)
    assert [x.grad for x in xs] == pytest.approx(RECORDED["function"]["gradient"], rel=1e-14)


@pytest.mark.parametrize("case", RECORDED["optimizers"], ids=[case["name"] for case in RECORDED["optimizers"]])
def test_a_hundred_steps_are_those_of_pytorch(case):
    arguments = dict(case["arguments"])
    if case["zero_buffer"]:
        assert arguments.pop("dampening") == arguments["momentum"]
        arguments["averaged"] = True
    path = advance(getattr(optim, case["class"])(leaves(), **arguments), 100)
    for mine, theirs in zip(path, case["parameters"][1:], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def test_defaults_are_those_of_pytorch():
    assert RMSprop([Value(1.0)]).hyperparameters() == {
        "lr": 0.01,
        "alpha": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "momentum": 0.0,
        "centered": False,
    }
    assert Adam([Value(1.0)]).hyperparameters() == {
        "lr": 0.001,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0.0,
    }
    assert AdamW([Value(1.0)]).weight_decay == 0.01


# -- The rules -------------------------------------------------------------------------------------------------


def test_the_average_is_the_heavy_ball_at_a_smaller_rate():
    averaged = advance(SGD(leaves(), lr=0.04, momentum=0.75, averaged=True), 50)
    heavy = advance(SGD(leaves(), lr=0.01, momentum=0.75), 50)
    for a, b in zip(averaged, heavy):
        assert a == pytest.approx(b, rel=1e-12)


def test_adam_without_memory_goes_by_signs():
    ps = [Value(1.0), Value(-2.0)]
    adam = Adam(ps, lr=0.25, betas=(0.0, 0.0), eps=1e-300)
    (100.0 * ps[0] - 1e-6 * ps[1]).backward()
    for _ in range(3):
        adam.step()
    assert [p.data for p in ps] == [0.25, -1.25]


def test_decay_of_adamw_is_apart_from_the_gradient():
    """Without a gradient a parameter shrinks geometrically; Adam divides the decay by its own size."""
    w, v = Value(1.0), Value(1.0)
    apart, within = AdamW([w], lr=0.1, weight_decay=0.5), Adam([v], lr=0.1, weight_decay=0.5)
    for _ in range(4):
        apart.step()
        within.step()
    assert w.data == pytest.approx(0.95**4, rel=1e-15)
    assert v.data == pytest.approx(0.6, abs=0.01)


def test_the_variance_of_constant_gradients_stays_the_small_number_that_it_is():
    """The mean square less the squared mean is a difference of equal numbers, and may well be negative."""
    p = Value(0.0)
    rms = RMSprop([p], lr=0.0, alpha=0.5, centered=True)
    p.grad = 1e8
    for _ in range(200):
        rms.step()
    assert rms.state["spread"][0] == pytest.approx(1e16 * (0.5**200 - 0.25**200), rel=1e-12)


def test_gradients_that_are_none_count_as_zero():
    p = Value(1.0)
    p.grad = None
    SGD([p], 0.1).step()
    assert p.data == 1.0


@each_variant
def test_huge_and_tiny_gradients_raise_nothing(kind, arguments):
    ps = [Value(1.0) for _ in range(4)]
    optimizer = kind(ps, **arguments)
    for p, g in zip(ps, (1e200, 1e-200, math.inf, math.nan)):
        p.grad = g
    for _ in range(3):
        optimizer.step()
    assert ps[1].data == pytest.approx(1.0, abs=0.3)
    assert math.isnan(ps[3].data)


@each_variant
@given(data=st.data())
def test_a_rule_runs_on_arrays_as_on_floats(kind, arguments, data):
    np = pytest.importorskip("numpy", reason="arrays are NumPy's: pip install numpy")
    n, steps = 3, 5
    number = st.floats(-10.0, 10.0)
    start = data.draw(st.lists(number, min_size=n, max_size=n))
    gradients = data.draw(st.lists(st.lists(number, min_size=n, max_size=n), min_size=steps, max_size=steps))
    ps = [Value(x) for x in start]
    optimizer = kind(ps, **arguments)
    x, state = np.array(start), (0.0,) * len(optimizer.state_names)
    for k, gradient in enumerate(gradients):
        for p, g in zip(ps, gradient):
            p.grad = g
        optimizer.step()
        before = x.copy()
        moved, state = optimizer.update(x, np.array(gradient), state, k + 1)
        assert (x == before).all(), "changed in place"
        x = moved
        assert x.tolist() == pytest.approx([p.data for p in ps], rel=1e-12, abs=1e-12)
        for name, column in zip(optimizer.state_names, state):
            assert np.broadcast_to(column, n).tolist() == pytest.approx(optimizer.state[name], rel=1e-12, abs=1e-12)


def test_a_rule_of_ones_own_takes_one_method():
    class Signs(Optimizer):
        def update(self, x, g, state, step):
            return x - self.lr * ((g > 0) - (g < 0)), state

    signs = Signs([Value(1.0), Value(1.0)], lr=0.25)
    for p, g in zip(signs.parameters, (7.0, -0.1)):
        p.grad = g
    signs.step()
    assert [p.data for p in signs.parameters] == [0.75, 1.25]
    signs.load_state_dict(json.loads(json.dumps(signs.state_dict())))
    assert signs.steps == 1
    with pytest.raises(NotImplementedError, match="update"):
        Optimizer([Value(1.0)], lr=0.1).step()


def test_the_example_of_the_contributing_notes():
    """Adagrad by its closed form: after n equal gradients the steps were lr / sqrt(1), lr / sqrt(2), ..."""
    notes = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {}
    exec(notes.split("## Adding an optimizer")[1].split("```python\n")[1].split("```")[0], names)
    way = minimize(lambda x: 3.0 * x, 1.0, names["Adagrad"], lr=0.5, stop=None, steps=4)
    assert way.x == pytest.approx(1.0 - 0.5 * sum(1 / math.sqrt(k) for k in (1, 2, 3, 4)), rel=1e-9)
    adagrad = names["Adagrad"]([Value(1.0)], eps=1e-6)
    other = names["Adagrad"]([Value(1.0)])
    other.load_state_dict(json.loads(json.dumps(adagrad.state_dict())))
    assert other.eps == 1e-6


def test_a_rule_that_raises_changes_nothing():
    class Second(Optimizer):
        state_names = ("count",)

        def update(self, x, g, state, step):
            if g == 2.0:
                raise ArithmeticError
            return x - g, (state[0] + 1.0,)

    ps = [Value(1.0), Value(1.0)]
    optimizer = Second(ps, lr=0.1)
    ps[0].grad, ps[1].grad = 1.0, 2.0
    with pytest.raises(ArithmeticError):
        optimizer.step()
    assert [p.data for p in ps] == [1.0, 1.0]
    assert (optimizer.steps, optimizer.state) == (0, {"count": [0.0, 0.0]})


# -- Saved and restored ----------------------------------------------------------------------------------------


@each_variant
@pytest.mark.parametrize("at", [0, 1, 17])
def test_restored_on_the_way_it_goes_on_bit_by_bit(kind, arguments, at):
    whole = kind(leaves(), **arguments)
    path = advance(whole, 40)
    first = kind(leaves(), **arguments)
    points = [[p.data for p in first.parameters], *advance(first, at)]
    text = json.dumps(first.state_dict(), allow_nan=False)
    second = kind([Value(x) for x in points[-1]], lr=0.5)
    second.load_state_dict(json.loads(text))
    assert second.steps == at
    assert advance(second, 40 - at) == path[at:]
    assert second.state_dict() == whole.state_dict()


def test_state_held_in_arrays_is_saved_alike():
    np = pytest.importorskip("numpy", reason="arrays are NumPy's: pip install numpy")
    adam = Adam(leaves())
    advance(adam, 3)
    saved = adam.state_dict()
    adam.state = {name: np.array(column) for name, column in adam.state.items()}
    assert json.loads(json.dumps(adam.state_dict())) == json.loads(json.dumps(saved))
    advance(adam, 1)
    assert all(len(column) == 5 for column in adam.state.values())


def test_a_state_is_a_copy():
    sgd = SGD([Value(1.0)], lr=0.1, momentum=0.9)
    saved = sgd.state_dict()
    saved["state"]["velocity"][0] = 7.0
    assert sgd.state["velocity"] == [0.0]
    sgd.load_state_dict(saved)
    saved["state"]["velocity"][0] = 8.0
    assert sgd.state["velocity"] == [7.0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "SGD"}, "that of 'SGD', this is Adam"),
        ({"steps": -1}, "number of steps"),
        ({"steps": 1.5}, "number of steps"),
        ({"steps": True}, "number of steps"),
        ({"extra": 1}, "extra"),
        ({"state": {"mean": [0.0]}}, "expected mean, square"),
        ({"state": {"mean": [0.0], "square": [0.0, 1.0]}}, "'square' is for 2 parameters, there are 1"),
        ({"state": {"mean": [0.0], "square": [math.nan]}}, "each number of 'square' is finite, got nan"),
        ({"state": {"mean": ["x"], "square": [0.0]}}, "each number of 'mean' is a real number, got str"),
        ({"state": {"mean": [0.0], "square": [10**400]}}, "each number of 'square' is finite"),
        ({"state": {"mean": "0", "square": [0.0]}}, "list of numbers, got str"),
        ({"hyperparameters": {"lr": 0.1}}, "expected lr, betas, eps, weight_decay"),
        ({"hyperparameters": {"lr": -1.0, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.0}}, "learning rate"),
        ({"hyperparameters": {"lr": 0.1, "betas": [0.9], "eps": 1e-8, "weight_decay": 0.0}}, "betas is a pair"),
        ({"hyperparameters": 3}, "got int"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, told):
    adam = Adam([Value(1.0)], lr=0.2)
    adam.step()
    before = adam.state_dict()
    with pytest.raises(ModelFileError, match=told):
        adam.load_state_dict({**Adam([Value(1.0)]).state_dict(), **change})
    assert adam.state_dict() == before


def test_a_state_is_a_mapping():
    with pytest.raises(ModelFileError, match="mapping, got list"):
        SGD([Value(1.0)], 0.1).load_state_dict([])


# -- Descent ---------------------------------------------------------------------------------------------------


def descend(f, start, lr, steps):
    """The data of all parameters after each step of descent on f."""
    ps = [Value(x) for x in start]
    descent = SGD(ps, lr)
    path = []
    for _ in range(steps):
        descent.zero_grad()
        f(*ps).backward()
        descent.step()
        path.append([p.data for p in ps])
    return path


def test_a_parabola():
    path = descend(lambda x: x**2, [5.0], 0.1, 20)
    assert [x for (x,) in path[:5]] == pytest.approx([4, 3.2, 2.56, 2.048, 1.6384], rel=1e-14)
    assert path[-1][0] == pytest.approx(0.057646, abs=5e-7)
    assert path[-1][0] ** 2 == pytest.approx(0.003323, abs=5e-7)


def test_a_bowl_of_two_variables():
    path = descend(lambda x, y: x**2 + 2 * y**2, [4.0, 3.0], 0.1, 15)
    heights = [x * x + 2 * y * y for x, y in path]
    assert heights[:3] == pytest.approx([16.72, 8.8864, 5.0341], abs=5e-5)
    assert heights[14] == pytest.approx(0.0198, abs=5e-5)


def test_descent_to_six():
    path = descend(lambda w: (w - 6) ** 2, [23.0], 0.1, 5)
    assert [w for (w,) in path] == pytest.approx([19.6, 16.88, 14.704, 12.9632, 11.57056], rel=1e-14)


@pytest.mark.parametrize(("lr", "loss"), [(0.01, 44.5700), (0.1, 0.0133), (0.5, 0.0), (1.1, 146977.1568)])
def test_learning_rates(lr, loss):
    (x,) = descend(lambda x: x**2, [10.0], lr, 20)[-1]
    assert x * x == pytest.approx(loss, abs=5e-5)


def test_a_rate_of_zero_changes_nothing():
    assert descend(lambda x: x**2, [5.0], 0, 3) == [[5.0]] * 3


def test_the_rate_may_be_changed_on_the_way():
    w = Value(1.0)
    descent = SGD([w], lr=0.5)
    w.grad = 1.0
    descent.step()
    descent.lr = 0.25
    assert descent.lr == 0.25
    descent.step()
    assert w.data == 0.25


def test_a_forgotten_zero_grad_adds_up():
    w = Value(1.0)
    for _ in range(2):
        (3 * w).backward()
    assert w.grad == 6.0
    SGD([w], 0.1).zero_grad()
    assert w.grad == 0.0


# -- Bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, 10**400])
def test_a_rate_out_of_range_is_refused(lr):
    descent = SGD([Value(1.0)], 0.5)
    with pytest.raises(ValueError, match="finite and at least 0"):
        SGD([Value(1.0)], lr)
    with pytest.raises(ValueError, match="finite and at least 0"):
        descent.lr = lr
    assert descent.lr == 0.5


@pytest.mark.parametrize("lr", ["0.1", True, None, [0.1]])
def test_a_rate_that_is_no_number_is_refused(lr):
    with pytest.raises(TypeError, match="real number"):
        SGD([Value(1.0)], lr)


@pytest.mark.parametrize(
    ("parameters", "error", "told"),
    [
        ([], ValueError, "no parameters"),
        ([1.0], TypeError, "got float"),
        (Value(1.0), TypeError, "list of Values"),
        (Neuron(1), TypeError, r"model\.parameters\(\)"),
        ([Value(1.0) * 2], ValueError, "computed by 'mul'"),
        ([Value(1.0)] * 2, ValueError, "twice"),
    ],
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_cannot_be_trained_is_refused(name, parameters, error, told):
    with pytest.raises(error, match=told):
        optim.named(name, parameters, 0.1)


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "told"),
    [
        (SGD, {"momentum": -0.1}, ValueError, "momentum is finite and at least 0, got -0.1"),
        (SGD, {"momentum": math.nan}, ValueError, "momentum"),
        (SGD, {"dampening": 1.5}, ValueError, "dampening is finite and at least 0 and at most 1"),
        (SGD, {"weight_decay": -1.0}, ValueError, "weight decay"),
        (SGD, {"nesterov": True}, ValueError, "needs a momentum"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.5}, ValueError, "no dampening"),
        (SGD, {"nesterov": 1, "momentum": 0.9}, TypeError, "nesterov is True or False"),
        (SGD, {"averaged": True, "momentum": 0.9, "dampening": 0.5}, ValueError, "no dampening"),
        (SGD, {"averaged": True, "momentum": 0.9, "nesterov": True}, ValueError, "no Nesterov"),
        (SGD, {"averaged": True, "momentum": 1.0}, ValueError, "below 1"),
        (RMSprop, {"alpha": 1.0}, ValueError, "alpha is finite and at least 0 and below 1"),
        (RMSprop, {"eps": 0.0}, ValueError, "eps is finite and above 0"),
        (RMSprop, {"centered": "yes"}, TypeError, "centered is True or False"),
        (Adam, {"betas": (0.9, 1.0)}, ValueError, "beta2"),
        (Adam, {"betas": (-0.1, 0.9)}, ValueError, "beta1"),
        (Adam, {"betas": 0.9}, TypeError, "pair"),
        (Adam, {"betas": (0.9, 0.99, 0.999)}, TypeError, "pair"),
        (Adam, {"betas": ("0.9", 0.99)}, TypeError, "beta1 is a real number"),
        (AdamW, {"weight_decay": math.inf}, ValueError, "weight decay"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(kind, arguments, error, told):
    with pytest.raises(error, match=told):
        kind([Value(1.0)], lr=0.1, **arguments)


@pytest.mark.parametrize("name", ["sdg", "", None, 3, ["sgd"]])
def test_an_unknown_name_is_told_what_there_is(name):
    with pytest.raises(
        ValueError, match=r"unknown optimizer .* known are sgd, momentum, nesterov, rmsprop, adam, adamw"
    ):
        optim.named(name, [Value(1.0)], 0.1)


def test_names_give_what_they_say():
    made = {name: optim.named(name, [Value(1.0)], 0.1, weight_decay=0.25) for name in OPTIMIZERS}
    assert {name: type(o).__name__ for name, o in made.items()} == {
        "sgd": "SGD",
        "momentum": "SGD",
        "nesterov": "SGD",
        "rmsprop": "RMSprop",
        "adam": "Adam",
        "adamw": "AdamW",
    }
    assert all(o.weight_decay == 0.25 for o in made.values())
    assert made["nesterov"].nesterov
    assert not made["momentum"].nesterov


def test_it_tells_what_it_is():
    assert repr(SGD([Value(1.0)], lr=0.5)) == (
        "SGD(1 parameters, lr=0.5, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, averaged=False)"
    )
