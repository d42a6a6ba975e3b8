"""The rounding errors of a reverse sweep: within the bound of theory on random graphs, and the deep run's record."""

from __future__ import annotations

import json
from fractions import Fraction
from random import Random

import pytest
import strategies
from deep import graphs, sweeps

from autodiff import Value
from autodiff.graph import topological
from autodiff.operation import OPERATIONS
from autodiff.reverse import contributions

DEEP = 100_000
PROMISED = 32.0
"""|g - g*| / (u S)."""


def judge(tally):
    assert tally.plain.size <= PROMISED, tally.plain
    assert tally.scaled.size <= 1.0 + 1e-12, tally.scaled
    assert tally.relative.quantile(0.99) <= 1e-10
    assert tally.share.quantile(0.999) <= 1e-9


def test_a_sample_of_random_graphs():
    tally = sweeps.Tally()
    for seed in range(300):
        tally.see(10**9 + seed, end_to_end=seed % 3 == 0)
    assert tally.graphs == 300
    assert tally.gradients > 150
    judge(tally)


def test_the_deep_run():
    tally = sweeps.recorded()
    assert tally.graphs >= DEEP
    assert tally.gradients >= 0.5 * DEEP
    assert tally.relative.counts.total() + tally.cancelled == tally.share.counts.total() == tally.gradients
    assert tally.cancelled <= 0.02 * tally.gradients
    assert tally.longest > 32, "graphs deep enough for the bound to grow"
    assert set(strategies.PUBLIC) | {"clip", "where"} <= set(tally.operations) <= set(OPERATIONS)
    judge(tally)
    worst = sweeps.Tally()
    worst.see(tally.plain.seed, end_to_end=False)
    assert worst.plain.size == pytest.approx(tally.plain.size, rel=0.5), "the record was made with this code"


def test_the_published_summary_says_what_the_record_says():
    tally = sweeps.recorded()
    text = json.loads(sweeps.RECORD.read_text(encoding="utf-8"))["summary"]
    assert text == sweeps.summary(tally)
    for figure in (f"{tally.graphs:,}", f"{tally.plain.size:.1f} u S", f"{tally.relative.quantile(0.99):.1e}"):
        assert figure in text


def test_graphs_come_from_their_seed_and_are_various():
    shapes = []
    for seed in range(40):
        first, again = (graphs.graph(Random(seed))[0] for _ in range(2))
        assert [(v.op, v.data) for v in topological([first])] == [(v.op, v.data) for v in topological([again])]
        shapes.append(len(topological([first])))
    assert len(set(shapes)) > 15
    assert max(shapes) > 30


def test_the_exact_sweep_is_exact():
    """In fractions, on a graph with shared nodes and cancellation."""
    x = Value(0.3)
    a = x * 1.7
    b = a - x
    y = b * b + a * 0.1 - b * 0.7
    order = topological([y])
    expected = {y: Fraction(1)}
    for v in reversed(order):
        for p, partial in contributions(v):
            expected[p] = expected.get(p, Fraction(0)) + Fraction(partial) * expected[v]
    exact, sizes, roundings = sweeps.exact_sweep(y, order)
    for v, true in expected.items():
        assert Fraction(*float(exact[v]).as_integer_ratio()) == Fraction(*float(true).as_integer_ratio())
        assert abs(float(exact[v])) <= sizes[v]
    assert roundings[y] == 0
    assert roundings[a] > roundings[b] > 0


def test_true_gradients_are_those_of_mpmath():
    x, z = Value(0.3), Value(1.1)
    y = (x * z).sin() / (x**2 + z.exp())
    true = sweeps.true_gradients(y, topological([y]))
    mp = sweeps.mp

    def f(p, q):
        return mp.sin(p * q) / (p**2 + mp.exp(q))

    at = (mp.mpf(0.3), mp.mpf(1.1))
    assert abs(true[x] - mp.diff(f, at, (1, 0))) < mp.mpf(10) ** -20
    assert abs(true[z] - mp.diff(f, at, (0, 1))) < mp.mpf(10) ** -20


def test_a_wrong_sweep_is_seen(monkeypatch):
    monkeypatch.setattr(sweeps, "adjoints", lambda output: {v: v.grad * (1.0 + 2e-14) for v in topological([output])})
    tally = sweeps.Tally()
    for seed in range(20):
        tally.see(seed, end_to_end=False)
    assert tally.plain.size > PROMISED


def test_quantiles():
    spread = sweeps.Spread()
    for k in range(1, 1001):
        spread.see(k * 1e-16, k)
    spread.see(0.0, 0)
    assert (spread.worst.size, spread.worst.seed) == (1e-13, 1000)
    for q in (0.1, 0.5, 0.99):
        assert q * 1e-13 <= spread.quantile(q) <= q * 1e-13 * 1.06
    assert spread.quantile(1e-4) == 0.0
