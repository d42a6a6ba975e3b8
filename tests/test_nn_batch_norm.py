"""Batch normalisation against PyTorch's recorded answers, its formulas, and what it refuses."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import ModelFileError, Value, check_grads
from nn import BatchNorm, Layer, Sequential

RECORDED = json.loads((Path(__file__).parent / "golden" / "training.json").read_text(encoding="utf-8"))["batch_norm"]

rows = st.integers(1, 3).flatmap(
    lambda n: st.lists(st.lists(st.floats(-5, 5), min_size=n, max_size=n), min_size=2, max_size=6)
)


def listed(outs):
    return [y if isinstance(y, list) else [y] for y in outs]


def flat(rows):
    return [x for row in rows for x in row]


def run(norm, batch):
    """Run a batch forward and backward, and return all that PyTorch recorded for it."""
    norm.zero_grad()
    leaves = [[Value(x) for x in row] for row in batch["inputs"]]
    outs = listed(norm.forward_batch(leaves))
    autodiff.dot(flat(outs), flat(batch["cotangents"])).backward()
    return {
        "outputs": [[y.data for y in row] for row in outs],
        "input_gradients": [[v.grad for v in row] for row in leaves],
        "weight_gradients": [p.grad for p in norm.weight],
        "bias_gradients": [p.grad for p in norm.bias],
        "running_mean": norm.running_mean,
        "running_var": norm.running_var,
    }


@pytest.mark.parametrize("case", RECORDED, ids=[f"{len(c['weight'])} features" for c in RECORDED])
def test_it_agrees_with_pytorch(case):
    norm = BatchNorm(len(case["weight"]), eps=case["eps"], momentum=case["momentum"])
    norm.load_state_dict(
        {
            **norm.state_dict(),
            **{f"weight.{k}": x for k, x in enumerate(case["weight"])},
            **{f"bias.{k}": x for k, x in enumerate(case["bias"])},
        }
    )
    assert len(case["batches"]) == 5
    for batch in case["batches"]:
        check(run(norm, batch), batch)
    assert norm.num_batches_tracked == 5.0
    norm.eval()
    check(run(norm, case["evaluation"]), case["evaluation"])
    for row, out in zip(case["evaluation"]["inputs"], case["evaluation"]["outputs"]):
        (single,) = listed([norm(row)])
        assert [y.data for y in single] == pytest.approx(out, rel=1e-12)


def check(found, expected):
    for key, numbers in found.items():
        wanted = expected[key]
        if isinstance(wanted[0], list):
            numbers, wanted = flat(numbers), flat(wanted)
        assert numbers == pytest.approx(wanted, rel=1e-12, abs=1e-14), key


@given(rows)
def test_outputs_have_mean_0_and_the_variance_that_eps_leaves(batch):
    n = len(batch[0])
    outs = listed(BatchNorm(n, affine=False).forward_batch(batch))
    for before, after in zip(zip(*batch), zip(*outs)):
        variance = statistics.pvariance(before)
        assert statistics.fmean(map(float, after)) == pytest.approx(0.0, abs=1e-9)
        assert statistics.pvariance(map(float, after)) == pytest.approx(variance / (variance + 1e-5), abs=1e-9)


@given(rows, st.integers(0, 9))
def test_the_gradient_is_the_closed_formula(batch, seed):
    """With z normalised and g the adjoints: (g - mean(g) - z mean(g z)) / sqrt(var + eps)."""
    n, m, eps = len(batch[0]), len(batch), 0.01
    leaves = [[Value(x) for x in row] for row in batch]
    outs = listed(BatchNorm(n, eps=eps, affine=False).forward_batch(leaves))
    g = [[math.sin(1.0 + seed + 3 * k + j) for j in range(n)] for k in range(m)]
    autodiff.dot(flat(outs), flat(g)).backward()
    for j in range(n):
        x, a = [row[j] for row in batch], [row[j] for row in g]
        mean = math.fsum(x) / m
        scale = 1 / math.sqrt(math.fsum((xi - mean) ** 2 for xi in x) / m + eps)
        z = [(xi - mean) * scale for xi in x]
        whole, along = math.fsum(a) / m, math.fsum(ai * zi for ai, zi in zip(a, z)) / m
        for leaf, ai, zi in zip((row[j] for row in leaves), a, z):
            assert leaf.grad == pytest.approx(scale * (ai - whole - zi * along), rel=1e-9, abs=1e-10)


def test_gradients_agree_with_differences():
    def f(xs):
        norm = BatchNorm(2, eps=0.1)
        outs = norm.forward_batch([xs[:2], xs[2:4], xs[4:]])
        return autodiff.sum([y.tanh() * (k + 1) for k, y in enumerate(flat(outs))])

    check_grads(f, [0.3, -1.0, 0.9, 2.0, -0.4, 0.7])


def test_a_constant_feature_is_harmless():
    outs = BatchNorm(1).forward_batch([[3.0]] * 4)
    assert [y.data for y in outs] == [0.0] * 4


def test_without_momentum_the_statistics_are_averages():
    norm = BatchNorm(1, momentum=None)
    batches = [[1.0, 2.0], [5.0, 9.0], [-4.0, 0.5]]
    for batch in batches:
        norm.forward_batch(batch)
    assert norm.running_mean == [pytest.approx(statistics.fmean(map(statistics.fmean, batches)), rel=1e-14)]
    assert norm.running_var == [pytest.approx(statistics.fmean(map(statistics.variance, batches)), rel=1e-14)]


def test_momentum_0_keeps_and_1_replaces():
    keeps, replaces = BatchNorm(1, momentum=0.0), BatchNorm(1, momentum=1.0)
    for norm in keeps, replaces:
        norm.forward_batch([1.0, 2.0])
        norm.forward_batch([10.0, 14.0])
    assert (keeps.running_mean, keeps.running_var) == ([0.0], [1.0])
    assert (replaces.running_mean, replaces.running_var) == ([12.0], [8.0])


def test_a_lone_number_is_a_row_of_one():
    norm = BatchNorm(1)
    a = [y.data for y in norm.forward_batch([1.0, Value(3.0)])]
    assert a == [y.data for y in BatchNorm(1).forward_batch([[1.0], (3.0,)])]
    assert isinstance(norm.eval()(2.0), Value)


def test_statistics_belong_to_the_state():
    norm = BatchNorm(2)
    norm.forward_batch([[1.0, 2.0], [3.0, 5.0]])
    state = norm.state_dict()
    assert list(state) == [
        *("weight.0", "weight.1", "bias.0", "bias.1"),
        *("running_mean.0", "running_mean.1", "running_var.0", "running_var.1", "num_batches_tracked"),
    ]
    assert state["running_var.1"] == pytest.approx(0.9 * 1.0 + 0.1 * 4.5)
    twin = BatchNorm(2)
    twin.load_state_dict(state)
    assert twin.state_dict() == state
    assert [y.data for y in twin.eval()([1.0, 1.0])] == [y.data for y in norm.eval()([1.0, 1.0])]
    with pytest.raises(ModelFileError, match=r"missing: running_mean\.1"):
        twin.load_state_dict({name: x for name, x in state.items() if name != "running_mean.1"})


@pytest.mark.parametrize(
    ("name", "x", "told"),
    [
        ("running_var.1", -0.5, r"too small: running_var\.1 = -0\.5, expected at least 0"),
        ("num_batches_tracked", -1, "too small: num_batches_tracked = -1, expected at least 0"),
        ("running_mean.0", math.nan, r"not a finite number: running_mean\.0 = nan"),
    ],
)
def test_statistics_that_cannot_be_are_refused(name, x, told):
    norm = BatchNorm(2)
    before = norm.state_dict()
    with pytest.raises(ModelFileError, match=told):
        norm.load_state_dict({**before, "weight.0": 7.0, name: x})
    assert norm.state_dict() == before
    norm.load_state_dict({**before, "running_var.1": 0.0, "running_mean.0": -3})


def test_statistics_are_no_parameters():
    assert [p.label for p in BatchNorm(2).parameters()] == ["weight0", "weight1", "bias0", "bias1"]
    assert BatchNorm(2, affine=False).parameters() == []


def test_a_refused_batch_leaves_the_statistics():
    norm = BatchNorm(2)
    before = norm.state_dict()
    for batch in ([], [[1.0, 2.0]], [[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, "x"]]):
        with pytest.raises((ValueError, TypeError)):
            norm.forward_batch(batch)
    assert norm.state_dict() == before


def test_of_no_samples_evaluation_makes_none():
    assert BatchNorm(2).eval().forward_batch([]) == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: BatchNorm(2)([1.0, 2.0]), r"BatchNorm\(2\) in training mode .* call forward_batch\(rows\)"),
        (lambda: Sequential(Layer(1, 2), BatchNorm(2))([1.0]), "in training mode normalises over a batch"),
        (lambda: BatchNorm(2).forward_batch([[1.0, 2.0]]), "needs two samples at least, to have a variance, got 1"),
        (lambda: BatchNorm(2).forward_batch([]), "got 0"),
        (lambda: BatchNorm(2).forward_batch([[1.0, 2.0], [1.0]]), "takes 2 features, sample 1 has 1"),
        (lambda: BatchNorm(2).eval()([1.0, 2.0, 3.0]), "takes 2 features, sample 0 has 3"),
        (lambda: BatchNorm(0), "n is a positive integer, got 0"),
        (lambda: BatchNorm(1, eps=-1e-5), "eps is finite and at least 0"),
        (lambda: BatchNorm(1, eps=math.inf), "eps is finite"),
        (lambda: BatchNorm(1, momentum=1.1), "the momentum is finite and at least 0 and at most 1, got 1.1"),
    ],
)
def test_wrong_values_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: BatchNorm(2.0), "n is a positive integer, got 2.0"),
        (lambda: BatchNorm(2, eps=None), "eps is a real number, got NoneType"),
        (lambda: BatchNorm(2, affine=1), "affine is True or False, got int: 1"),
        (lambda: BatchNorm(2).forward_batch([1.0, 2.0]), "expected 2 inputs in a sequence, got float"),
    ],
)
def test_wrong_types_are_refused(call, told):
    with pytest.raises(TypeError, match=told):
        call()
