"""Losses against their plain formulas in 60 digits, at ordinary and at extreme logits, and their gradients."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value, jvp, no_grad
from autodiff.graph import topological
from nn.losses import binary_cross_entropy, cross_entropy, hinge, mae, mse
from nn.losses.functions import average

RECORDED = json.loads((Path(__file__).parent / "golden" / "training.json").read_text(encoding="utf-8"))["losses"]
LOSSES = {
    "mse": mse,
    "mae": mae,
    "mse_rows": mse,
    "mae_rows": mae,
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_soft": binary_cross_entropy,
    "hinge": hinge,
}

logits = st.one_of(st.floats(-5, 5), st.floats(-1000, 1000), st.sampled_from([0.0, 40.0, -40.0, 1000.0, -1000.0]))


def close(got, exact, condition=0.0):
    """Whether a float is the exact number to 1e-14, or to what rounding of the logits' differences may do to it."""
    error = abs(mpmath.mpf(got) - exact)
    return error <= (1e-14 + 1e-15 * condition) * abs(exact) + mpmath.mpf(2) ** -1073


def differentiated(name, case, **weights):
    """A loss of a recorded batch, and its gradient with respect to the outputs, flat."""
    leaves = [[Value(x) for x in row] if isinstance(row, list) else Value(row) for row in case["outputs"]]
    loss = LOSSES[name](leaves, case["targets"], **weights)
    loss.backward()
    return loss.data, [v.grad for v in flat(leaves)]


def flat(rows):
    return [x for row in rows for x in (row if isinstance(row, list) else [row])]


def test_every_recorded_loss_is_there():
    assert set(RECORDED) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_pytorch_s_answers(name):
    """Values and gradients, plain and weighted; a large logit makes PyTorch's own gradients lose digits to 1e-16."""
    for case in RECORDED[name]:
        for way, weights in (("mean", {}), ("weighted_mean", {"weights": case["weights"]})):
            value, gradient = differentiated(name, case, **weights)
            assert value == pytest.approx(case[way]["value"], rel=1e-12, abs=1e-15)
            assert gradient == pytest.approx(flat(case[way]["gradient"]), rel=1e-12, abs=1e-15)


@given(st.lists(st.tuples(logits, st.integers(0, 1)), min_size=1, max_size=5))
def test_binary_cross_entropy(samples):
    zs = [Value(z) for z, _ in samples]
    loss = binary_cross_entropy(zs, [t for _, t in samples])
    loss.backward()
    with mpmath.workdps(900):
        n = len(samples)
        probabilities = [1 / (1 + mpmath.exp(-mpmath.mpf(z))) for z, _ in samples]
        terms = [-mpmath.log(p if t else 1 - p) for p, (_, t) in zip(probabilities, samples)]
        assert close(loss.data, sum(terms) / n)
        assert all(close(z.grad, (p - t) / n) for z, p, (_, t) in zip(zs, probabilities, samples))


@given(st.integers(2, 5).flatmap(lambda c: st.tuples(st.lists(logits, min_size=c, max_size=c), st.integers(0, c - 1))))
def test_cross_entropy_and_its_gradient(sample):
    row, label = sample
    zs = [Value(z) for z in row]
    loss = cross_entropy(zs, label)
    loss.backward()
    spread = max(row) - min(row)
    with mpmath.workdps(900):
        powers = [mpmath.exp(mpmath.mpf(z)) for z in row]
        p = [e / sum(powers) for e in powers]
        assert close(loss.data, -mpmath.log(p[label]), spread)
        assert all(close(z.grad, p[j] - (j == label), spread) for j, z in enumerate(zs))


def test_cross_entropy_of_a_batch_is_the_mean():
    rows, labels = [[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]], [2, 0]
    singles = [cross_entropy(row, c) for row, c in zip(rows, labels)]
    assert cross_entropy(rows, labels) == pytest.approx(sum(singles) / 2, rel=1e-15)
    assert cross_entropy(np.array(rows), np.array(labels)) == cross_entropy(rows, labels)
    assert singles[0] == pytest.approx(-math.log(math.exp(3) / sum(map(math.exp, rows[0]))), rel=1e-14)


def test_two_classes_are_binary():
    assert cross_entropy([0.0, 40.0], 1) == binary_cross_entropy(40.0, 1) == pytest.approx(math.exp(-40), rel=1e-14)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=6))
def test_mse(samples):
    ps = [Value(p) for p, _ in samples]
    targets = [t for _, t in samples]
    loss = mse(ps, targets)
    loss.backward()
    n = len(samples)
    assert loss.data == pytest.approx(sum((p - t) ** 2 for p, t in samples) / n, rel=1e-13)
    for v, (p, t) in zip(ps, samples):
        assert v.grad == pytest.approx(2 * (p - t) / n, rel=1e-13)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=6))
def test_mae(samples):
    ps = [Value(p) for p, _ in samples]
    loss = mae(ps, [t for _, t in samples])
    loss.backward()
    n = len(samples)
    assert loss.data == pytest.approx(sum(abs(p - t) for p, t in samples) / n, rel=1e-13)
    assert [v.grad for v in ps] == [((p > t) - (p < t)) / n for p, t in samples]


@given(logits, st.floats(0, 1))
def test_a_soft_target_is_a_mixture_of_both(z, t):
    """The gradient sigmoid(z) - t, to the rounding of its two terms."""
    v = Value(z)
    loss = binary_cross_entropy([v], [t])
    loss.backward()
    with mpmath.workdps(900):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        exact = -t * mpmath.log(p) - (1 - mpmath.mpf(t)) * mpmath.log(1 - p)
        assert close(loss.data, exact)
        assert abs(v.grad - (p - t)) <= 4e-16


def test_mse_of_rows_is_the_mean_over_samples_and_outputs():
    assert mse([[1.0, 2.0], [3.0, 5.0]], [[1.0, 1.0], [1.0, 1.0]]) == (0 + 1 + 4 + 16) / 4
    assert mse(np.ones((2, 3)), np.zeros((2, 3))) == 1.0


@given(st.lists(st.tuples(st.floats(-3, 3), st.sampled_from([-1, 1])), min_size=1, max_size=6))
def test_hinge(samples):
    scores = [Value(s) for s, _ in samples]
    loss = hinge(scores, [t for _, t in samples])
    loss.backward()
    n = len(samples)
    assert loss.data == pytest.approx(sum(max(0.0, 1 - t * s) for s, t in samples) / n, rel=1e-13)
    for v, (s, t) in zip(scores, samples):
        assert v.grad == (-t / n if 1 - t * s > 0 else 0.0)


@pytest.mark.parametrize("loss", [mse, mae, binary_cross_entropy, hinge])
def test_a_lone_sample_is_a_batch_of_one(loss):
    one, batch = Value(0.3), Value(0.3)
    a, b = loss(one, 1), loss([batch], [1])
    a.backward()
    b.backward()
    assert (a.data, one.grad) == (b.data, batch.grad)


@pytest.mark.parametrize("loss", [mse, mae, binary_cross_entropy, hinge])
def test_numpy_targets_keep_the_graph(loss):
    z = Value(0.3)
    y = loss([z, Value(0.5)], np.array([1.0, 1.0]))
    assert isinstance(y, Value)
    y.backward()
    assert z.grad < 0.0


# -- Weights -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 9), st.integers(0, 3)), min_size=1, max_size=5))
def test_a_whole_weight_is_a_sample_repeated(terms):
    repeated = [x for x, w in terms for _ in range(w)]
    if repeated:
        expected = math.fsum(repeated) / len(repeated)
        assert average([x for x, _ in terms], [w for _, w in terms]) == pytest.approx(expected, rel=1e-14)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0.1, 9)), min_size=1, max_size=5), st.integers(-1000, 1000))
def test_the_scale_of_weights_does_not_matter(terms, power):
    xs, ws = [x for x, _ in terms], [w for _, w in terms]
    assert average(xs, [math.ldexp(w, power) for w in ws]) == average(xs, ws)


def test_equal_weights_are_the_mean():
    assert average([1.0, 2.0, 6.0], [1e308] * 3) == pytest.approx(3.0, rel=1e-15)
    assert mse([1.0, 3.0], [0.0, 0.0], weights=[2, 2]) == 5.0
    assert mse(3.0, 0.0, weights=2.0) == mse([3.0], [0.0], weights=[7]) == 9.0
    assert cross_entropy([0.0, 1.0], 1, weights=[3.0]) == cross_entropy([0.0, 1.0], 1)


def test_a_sample_of_weight_0_does_not_count_whatever_its_loss():
    z = [Value(1e200), Value(2.0)]
    loss = mse(z, [-1e200, 0.0], weights=np.array([0.0, 3.0]))
    loss.backward()
    assert loss.data == 4.0
    assert [v.grad for v in z] == [0.0, 4.0]


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ([1.0], "2 samples but 1 weights; give one weight for each"),
        (1.0, "2 samples but 1 weights"),
        ([1.0, -0.5], "the weight of sample 1 is -0.5, expected a finite number, at least 0"),
        ([math.nan, 1.0], "the weight of sample 0 is nan"),
        ([1.0, math.inf], "the weight of sample 1 is inf"),
        ([0, 0], "all weights are 0"),
    ],
)
def test_wrong_weights_are_refused(weights, told):
    batches = {cross_entropy: ([[0.0, 1.0]] * 2, [1, 1])}
    for loss in (mse, mae, binary_cross_entropy, hinge, cross_entropy):
        with pytest.raises(ValueError, match=told):
            loss(*batches.get(loss, ([0.5, 0.5], [1, 1])), weights=weights)


# -- Graphs and other numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_forward_mode_gives_the_same_derivative(name):
    """Along the direction (1, 2, 3, ...) of the outputs."""
    for case in RECORDED[name][:5]:
        outputs = case["outputs"]

        def f(step, outputs=outputs, case=case):
            count = iter(range(1, 100))
            moved = [
                [x + step * next(count) for x in row] if isinstance(row, list) else row + step * next(count)
                for row in outputs
            ]
            return LOSSES[name](moved, case["targets"], weights=case["weights"])

        value, tangent = jvp(f, (0.0,), (1.0,))
        along = math.fsum(g * (k + 1) for k, g in enumerate(flat(case["weighted_mean"]["gradient"])))
        assert float(value) == pytest.approx(case["weighted_mean"]["value"], rel=1e-12, abs=1e-15)
        assert float(tangent) == pytest.approx(along, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_without_recording_the_numbers_are_the_same(name):
    case = RECORDED[name][0]
    leaves = [[Value(x) for x in row] if isinstance(row, list) else Value(row) for row in case["outputs"]]
    with no_grad():
        loss = LOSSES[name](leaves, case["targets"])
    assert loss.operands == ()
    assert loss.data == LOSSES[name](leaves, case["targets"]).data


def test_a_graph_is_no_deeper_for_more_samples():
    def depth(n):
        y = cross_entropy([[Value(0.1), Value(0.2)] for _ in range(n)], [1] * n)
        depths: dict[object, int] = {}
        for v in topological((y,)):
            depths[v] = 1 + max((depths[p] for p in v.operands if isinstance(p, Value)), default=0)
        return depths[y]

    assert depth(2) == depth(500)


def test_floats_do_not_overflow():
    assert mse([1e200], [0.0]) == math.inf
    assert hinge([-1e308], [1]) == 1e308


def test_values_may_be_targets():
    t = Value(1.0)
    mse([Value(3.0)], [t]).backward()
    assert t.grad == -4.0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: mse([1.0, 2.0], [1.0]), "2 predictions but 1 targets"),
        (lambda: mse([], []), "no predictions"),
        (lambda: mse([[1.0, 2.0]], [[1.0]]), "2 outputs of sample 0 but 1 targets"),
        (lambda: mse([[1.0, 2.0]], [1.0]), "outputs of sample 0 and targets differ in shape"),
        (lambda: mse(1.0, [1.0]), "differ in shape"),
        (lambda: mse([1.0, 2.0], [1.0, math.nan]), "the target of sample 1 is nan, expected a finite number"),
        (lambda: mae([[1.0, 2.0]], [[1.0, math.inf]]), "the target of sample 0, output 1, is inf"),
        (lambda: mae([], []), "no predictions"),
        (lambda: binary_cross_entropy([1.0, 2.0], [1.0]), "2 logits but 1 targets"),
        (lambda: binary_cross_entropy([], []), "no logits"),
        (lambda: binary_cross_entropy([1.0, 2.0], [0, -1]), "target of sample 1 is -1, expected 0 or 1"),
        (lambda: binary_cross_entropy([1.0], [1.5]), "target of sample 0 is 1.5, expected 0 or 1, or a prob"),
        (lambda: binary_cross_entropy([1.0], [math.nan]), "target of sample 0 is nan, expected 0 or 1"),
        (lambda: hinge([1.0], [0]), "target of sample 0 is 0, expected -1 or 1"),
        (lambda: hinge([], []), "no scores"),
        (lambda: hinge([1.0], [1, 1]), "1 scores but 2 targets"),
        (lambda: cross_entropy([1.0, 2.0], 2), "label of sample 0 is 2, but 2 logits have the classes 0 to 1"),
        (lambda: cross_entropy([[1.0, 2.0]] * 2, [0, -1]), "label of sample 1 is -1"),
        (lambda: cross_entropy([[1.0, 2.0]], [0, 1]), "1 rows of logits but 2 targets"),
        (lambda: cross_entropy([[1.0, 2.0]] * 2, 1), "2 rows of logits but one label"),
        (lambda: cross_entropy([], []), "no rows of logits"),
        (lambda: cross_entropy([1.0], 0), "needs 2 logits"),
    ],
)
def test_wrong_values_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: cross_entropy([1.0, 2.0], 1.0), "label of sample 0 is an integer, got float"),
        (lambda: cross_entropy([1.0, 2.0], [0, 1]), "sample 0 needs a sequence of logits, got float"),
        (lambda: mse([Value(1.0)], ["1"]), "real number, got str"),
        (lambda: hinge([1.0], [None]), "real number, got NoneType"),
    ],
)
def test_wrong_types_are_refused(call, told):
    with pytest.raises(TypeError, match=told):
        call()
