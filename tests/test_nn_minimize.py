"""Minimisers of plain functions: the way, why it ended, and what cannot be minimised."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import Value
from nn import minimize, random_search, schedules
from nn.minimize import METHODS
from nn.optim import SGD, Adam, Optimizer
from nn.stopping import AnyOf, GradientNorm, Rule, Steps, StepSize, ValueChange

RECORDED = json.loads((Path(__file__).parent / "golden" / "training.json").read_text(encoding="utf-8"))


def parabola(w):
    return (w - 6) ** 2


def bowl(v):
    return v[0] ** 2 + 10 * v[1] ** 2


# -- The way ---------------------------------------------------------------------------------------------------


def test_the_way_is_recorded():
    way = minimize(bowl, [1.0, 1.0], lr=0.025, stop=None, steps=2)
    assert way.points == [[1.0, 1.0], [0.95, 0.5], pytest.approx([0.9025, 0.25], rel=1e-15)]
    assert way.values == pytest.approx([11.0, 0.9025 + 2.5, 0.9025**2 + 0.625], rel=1e-14)
    assert way.gradient_norms == pytest.approx(
        [math.hypot(2, 20), math.hypot(1.9, 10.0), math.hypot(1.805, 5.0)], rel=1e-14
    )
    assert way.rates == [0.025, 0.025]
    assert (way.steps, way.evaluations, way.stopped, way.rule) == (2, 3, "2 steps", Steps(2))
    assert way.x == way.points[-1]
    assert way.value == way.values[-1]
    assert not way.diverged


@given(st.floats(-100.0, 100.0), st.floats(0.01, 0.99), st.integers(0, 50))
def test_on_a_parabola_the_distance_shrinks_geometrically(start, rate, steps):
    way = minimize(parabola, start, lr=rate, stop=None, steps=steps)
    expected = [6 + (start - 6) * (1 - 2 * rate) ** k for k in range(steps + 1)]
    assert [x for (x,) in way.points] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["sgd", "sgd_momentum", "sgd_nesterov", "rmsprop", "adam", "adamw"])
def test_the_way_is_that_of_pytorch(name):
    def valley(x):
        terms = sum(2.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2 for i in range(4))
        return terms + sum((i + 1) / 10 * x[i] ** 2 for i in range(5))

    (case,) = [case for case in RECORDED["optimizers"] if case["name"] == name]
    arguments = {key: x for key, x in case["arguments"].items() if key != "lr"}
    method = {"sgd_momentum": "momentum", "sgd_nesterov": "nesterov"}.get(name, name)
    way = minimize(valley, case["parameters"][0], method, lr=case["arguments"]["lr"], stop=None, steps=100)
    assert method in ("momentum", "nesterov") or set(arguments) <= {"weight_decay"}
    for mine, theirs in zip(way.points, case["parameters"], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def test_a_schedule_gives_the_rate_of_each_step():
    way = minimize(parabola, 23.0, lr=schedules.inverse(0.5, 1.0), stop=None, steps=3)
    assert way.rates == [0.5, 0.25, 0.5 / 3]
    assert way.points[1] == [6.0]
    assert "lr=inverse(lr=0.5, decay=1.0)" in way.method


@pytest.mark.parametrize("method", ["adam", Adam, partial(SGD, momentum=0.5), lambda xs, lr: SGD(xs, lr / 2)])
def test_methods_are_names_classes_and_functions(method):
    way = minimize(bowl, (1.0, 1.0), method, lr=0.05, stop=GradientNorm(1e-4), steps=5000)
    assert way.rule == GradientNorm(1e-4)
    assert way.x == pytest.approx([0.0, 0.0], abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_bottom_of_a_bowl(method):
    way = minimize(bowl, [1.0, 1.0], method, lr=schedules.exponential(0.04, 0.99), steps=2000)
    assert way.value < 1e-4


def test_a_function_of_one_number_and_of_a_sequence():
    number, row = minimize(parabola, 0, lr=0.1, steps=5), minimize(lambda v: parabola(v[0]), [0], lr=0.1, steps=5)
    assert number.points == row.points
    assert [number.x] == row.x
    assert isinstance(number.x, float)


def test_the_function_may_be_written_with_methods_and_functions_and_models():
    by_function = minimize(lambda x: autodiff.exp(x) - 2 * x, 0.0, lr=0.2)
    by_method = minimize(lambda x: x.exp() - 2 * x, 0.0, lr=0.2)
    assert by_function.points == by_method.points
    assert by_function.x == pytest.approx(math.log(2.0), abs=1e-6)


def test_a_callers_values_are_left_alone():
    c = Value(6.0)
    before = Value(1.0)
    y = before * c
    minimize(lambda w: (w - c.data) ** 2, 23.0, lr=0.1, steps=3)
    y.backward()
    assert (before.grad, c.grad) == (6.0, 1.0)


# -- Why it ended ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "steps", "told"),
    [
        (GradientNorm(1e-6), 78, "gradient norm at most 1e-06"),
        (StepSize(1e-6), 69, "step size at most 1e-06"),
        (ValueChange(1e-6), 43, "change of the function at most 1e-06"),
        (Steps(10), 10, "10 steps"),
        (GradientNorm(1e-6) | StepSize(1e-6), 69, "step size at most 1e-06"),
        (ValueChange(1e-6) | GradientNorm(1e-6) | StepSize(1e-6), 43, "change of the function at most 1e-06"),
        ([GradientNorm(1e-6), Steps(50)], 50, "50 steps"),
        ((GradientNorm(1e-6) | StepSize(1e-6), None, Steps(70)), 69, "step size at most 1e-06"),
        (lambda way: way.values[-1] < 1.0, 13, "rule <lambda>"),
        (GradientNorm(1e-6) | (lambda way: way.values[-1] < 1.0), 13, "rule <lambda>"),
        (None, 200, "200 steps"),
        ([], 200, "200 steps"),
    ],
)
def test_the_rule_that_fires_first_is_told(stop, steps, told):
    way = minimize(parabola, 23.0, lr=0.1, stop=stop, steps=200)
    assert (way.steps, way.stopped) == (steps, told)
    assert str(way.rule) == told


def test_a_rule_of_ones_own():
    class Left(Rule):
        def met(self, run):
            return run.points[-1][0] < 7.0

        def __str__(self):
            return "left of 7"

    way = minimize(parabola, 23.0, lr=0.1, stop=Left() | Steps(100))
    assert (way.steps, way.stopped) == (13, "left of 7")
    with pytest.raises(NotImplementedError):
        minimize(parabola, 23.0, stop=Rule())


def test_a_start_at_the_bottom_takes_no_step():
    way = minimize(parabola, 6.0, stop=StepSize() | ValueChange() | GradientNorm())
    assert (way.steps, way.rates, way.evaluations, way.stopped) == (0, [], 1, "gradient norm at most 1e-06")
    assert minimize(parabola, 5.0, steps=0).stopped == "0 steps"


@pytest.mark.parametrize("rule", [GradientNorm, StepSize, ValueChange])
def test_a_tolerance_of_zero_is_met_by_zero(rule):
    """At rate 1/2 a parabola is done in one step, and the next step leads nowhere."""
    way = minimize(lambda w: w**2, 8.0, lr=0.5, stop=rule(0.0))
    assert (way.x, way.steps) == (0.0, 1 if rule is GradientNorm else 2)


def test_rules_are_values():
    assert GradientNorm(1e-3) == GradientNorm(1e-3) != GradientNorm(1e-4)
    assert GradientNorm(1e-3) != StepSize(1e-3)
    both = GradientNorm(1e-3) | Steps(5) | StepSize()
    assert both == AnyOf((GradientNorm(1e-3), Steps(5), StepSize(1e-6)))
    assert str(both) == "gradient norm at most 0.001 or 5 steps or step size at most 1e-06"


# -- Divergence ------------------------------------------------------------------------------------------------


def test_a_diverging_descent_keeps_the_last_finite_point():
    way = minimize(lambda x: x**2, 10.0, lr=1.1, steps=10_000)
    assert way.diverged
    assert way.rule is None
    assert way.stopped == "diverged: the function is inf after step 1934; use a smaller lr"
    assert len(way.points) == len(way.values) == len(way.gradient_norms) == len(way.rates) + 1 == 1934
    assert all(map(math.isfinite, [*way.points[-1], *way.values, *way.gradient_norms]))
    assert abs(way.points[-1][0]) * 1.2 > math.sqrt(1.7e308)


@pytest.mark.parametrize(
    ("f", "x0", "lr", "told"),
    [
        (lambda x: x.log(), 1.0, 2.0, "the function is nan after step 1"),
        (lambda x: x**4, 1e70, 1.0, "the function is inf after step 1"),
        (lambda x: x**4, 1e70, 1e100, "a coordinate is -inf after step 1"),
        (lambda x: -(x.sqrt()) + 2 * x, 1.0, 2.0 / 3.0, "the function is nan|its gradient is"),
        (lambda x: abs(x) ** 0.5, 1.0, 2.0, "its gradient is (-?inf|nan) after step 1"),
    ],
)
def test_what_diverged_is_told(f, x0, lr, told):
    way = minimize(f, x0, lr=lr, steps=5)
    assert way.diverged
    assert re.search(told, way.stopped), way.stopped
    assert way.points == [[x0]]


def test_a_flat_piece_on_the_way_is_no_error():
    way = minimize(lambda x: x * x if x > 1 else 1.0, 3.0, lr=0.4, steps=50)
    assert way.stopped == "gradient norm at most 1e-06"
    assert way.value == 1.0


# -- Random search ---------------------------------------------------------------------------------------------


def test_random_search_never_gets_worse():
    search = random_search(bowl, [3.0, 2.0], steps=200, seed=1)
    assert search.points[0] == [3.0, 2.0]
    assert all(b <= a for a, b in zip(search.values, search.values[1:]))
    assert search.values == [bowl(p) for p in search.points]
    assert (search.steps, search.evaluations, search.stopped) == (200, 201, "200 steps")
    assert search.value < 0.1


def test_random_search_within_bounds():
    seen = []

    def f(v):
        seen.append([x.data for x in v])
        return bowl(v)

    search = random_search(f, bounds=[(-1, 2), (3, 4)], steps=100)
    assert all(-1 <= x <= 2 and 3 <= y <= 4 for x, y in seen)
    assert len(seen) == search.evaluations == 101
    assert search.value == min(map(bowl, seen))
    assert random_search(parabola, bounds=(0, 10), steps=500).x == pytest.approx(6.0, abs=0.1)


def test_random_search_is_the_same_for_the_same_seed():
    runs = [random_search(bowl, [1.0, 1.0], steps=20, seed=seed).points for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_random_search_passes_by_what_is_not_finite():
    search = random_search(lambda x: x.log() ** 2, 2.0, steps=300, scale=2.0)
    assert search.x == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("dimensions", [2, 10, 30])
def test_at_equal_cost_descent_wins_the_more_the_higher_the_dimension(dimensions):
    def f(v):
        return autodiff.sum([x * x for x in v])

    start = [1.0] * dimensions
    descent = minimize(f, start, lr=0.1, stop=None, steps=50)
    search = random_search(f, start, scale=0.3, steps=4 * 50)
    assert descent.value == pytest.approx(dimensions * 0.8**100, rel=1e-9)
    assert descent.value < search.value
    if dimensions == 30:
        assert search.value > 3.0


# -- Display ---------------------------------------------------------------------------------------------------


def test_it_tells_what_was_found():
    way = minimize(bowl, [1.0, 0.5], "nesterov", lr=0.01, steps=40)
    assert repr(way).startswith("Minimum(x = [")
    assert "SGD(lr=0.01, momentum=0.9, nesterov=True), 40 steps; stopped: 40 steps)" in repr(way)
    lines = str(way).splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines[1:]]
    assert lines[0] == repr(way)
    assert cells[0] == ["step", "x", "f(x)", "gradient norm", "learning rate"]
    assert cells[1] == ["0", "[1, 0.5]", "3.5", "10.198", "0.01"]
    assert [row[0] for row in cells[1:]] == [*map(str, range(9)), "...", "40"]
    html = way._repr_html_()
    assert html.count("<tr>") == 12
    assert "<th>gradient norm</th>" in html
    assert html.startswith("<table><caption>Minimum(x = [")


def test_a_search_has_no_rates_to_tell():
    header, rows = random_search(parabola, 6.0, steps=3).table()
    assert header == ["step", "x", "f(x)"]
    assert rows == [[str(k), "6", "0"] for k in range(4)]


# -- Bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"method": "adm"}, ValueError, "unknown method 'adm'; known are gd, sgd, momentum, nesterov, rmsprop, adam"),
        ({"method": 3}, TypeError, "got int: 3"),
        ({"method": lambda xs, lr: None}, TypeError, "makes a nn.optim.Optimizer"),
        ({"lr": -0.1}, ValueError, "learning rate"),
        ({"lr": math.nan}, ValueError, "learning rate"),
        ({"lr": True}, TypeError, "got bool"),
        ({"lr": "0.1"}, TypeError, "got str"),
        ({"lr": lambda k: -k}, ValueError, "learning rate is finite and at least 0, got -1"),
        ({"stop": 1e-6}, TypeError, "stop is a rule such as GradientNorm"),
        ({"stop": GradientNorm}, TypeError, "stop is a rule"),
        ({"stop": "gradient"}, TypeError, "stop is a rule"),
        ({"steps": -1}, ValueError, "number of steps"),
        ({"steps": 2.5}, TypeError, "number of steps"),
        ({"x0": "1.0"}, TypeError, "each coordinate of x0 is a real number, got str"),
        ({"x0": True}, TypeError, "got bool"),
        ({"x0": Value(1.0)}, TypeError, "got Value"),
        ({"x0": None}, TypeError, "got NoneType"),
        ({"x0": []}, ValueError, "x0 is empty"),
        ({"x0": math.nan}, ValueError, "each coordinate of x0 is finite, got nan"),
        ({"x0": [1.0, math.inf]}, ValueError, "each coordinate of x0 is finite, got inf"),
        ({"f": lambda w: [w, w]}, TypeError, "returns a number, got list|does not depend"),
        ({"f": lambda w: math.exp(w)}, TypeError, r"does not depend on its argument; .* autodiff\.exp, not math\.exp"),
        ({"f": lambda w: (w - 30).log()}, ValueError, "the function is nan at the start"),
        ({"f": lambda w: (w - 23).sqrt()}, ValueError, "its gradient is inf at the start"),
    ],
)
def test_bad_input_is_refused(arguments, error, told):
    with pytest.raises(error, match=told):
        minimize(**{"f": parabola, "x0": 23.0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({}, ValueError, "one of x0 and bounds"),
        ({"x0": 1.0, "bounds": (0, 1)}, ValueError, "one of x0 and bounds"),
        ({"bounds": (1, 0)}, ValueError, "lower bound is at most the upper one, got 1 and 0"),
        ({"bounds": (0, math.inf)}, ValueError, "a bound is finite"),
        ({"bounds": [(0, 1, 2)]}, TypeError, "pairs"),
        ({"bounds": 3}, TypeError, "pair"),
        ({"x0": 1.0, "scale": 0.0}, ValueError, "the scale is finite and above 0"),
        ({"x0": 1.0, "steps": -1}, ValueError, "number of steps"),
        ({"x0": 1.0, "seed": 0.5}, TypeError, "seed"),
        ({"f": lambda x: x.log(), "x0": -1.0}, ValueError, "not finite at the start"),
        ({"f": lambda x: "low", "x0": -1.0}, TypeError, "returns a number, got str"),
    ],
)
def test_bad_input_of_a_search_is_refused(arguments, error, told):
    with pytest.raises(error, match=told):
        random_search(**{"f": parabola, **arguments})


def test_an_exception_of_the_function_comes_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        minimize(f, 1.0)


def test_tolerances_are_checked():
    for rule in (GradientNorm, StepSize, ValueChange):
        with pytest.raises(ValueError, match="a tolerance is finite and at least 0"):
            rule(-1e-6)
        with pytest.raises(TypeError, match="a tolerance is a real number"):
            rule("small")
    with pytest.raises(ValueError, match="number of steps"):
        Steps(-1)


def test_an_optimizer_of_ones_own_is_a_method():
    class Signs(Optimizer):
        def update(self, x, g, state, step):
            return x - self.lr * ((g > 0) - (g < 0)), state

    assert minimize(parabola, 10.0, Signs, lr=1.0).points == [[10.0], [9.0], [8.0], [7.0], [6.0]]
