"""Made-up data sets lie where they should, and are the same for the same seed."""

import itertools
import math
import statistics

import pytest

from nn.data import blobs, circles, line, moons, spirals, xor


def test_moons_lie_on_two_half_circles():
    data = moons(101, noise=0.0)
    assert [data.targets.count(k) for k in (0, 1)] == [50, 51]
    for (x, y), lower in zip(data.features, data.targets):
        x, y = (1 - x, 0.5 - y) if lower else (x, y)
        assert math.hypot(x, y) == pytest.approx(1.0)
        assert y > -1e-12


def test_noise_is_seeded_and_of_the_asked_size():
    assert moons(50, 0.1, 3) == moons(50, 0.1, 3) != moons(50, 0.1, 4)
    clean, noisy = xor(4000), xor(4000, noise=0.1, seed=1)
    errors = [a - b for p, q in zip(noisy.features, clean.features) for a, b in zip(p, q)]
    assert statistics.pstdev(errors) == pytest.approx(0.1, rel=0.05)
    assert all(kind == (round(a) != round(b)) for (a, b), kind in zip(clean.features, clean.targets))


def test_circles_have_their_radii():
    data = circles(41, noise=0.0, factor=0.3)
    assert [data.targets.count(k) for k in (0, 1)] == [20, 21]
    for (x, y), inner in zip(data.features, data.targets):
        assert math.hypot(x, y) == pytest.approx(0.3 if inner else 1.0)
    # In equal steps around the circle, the middle of the points is that of the circle.
    assert [sum(column) for column in zip(*data.features)] == pytest.approx([0.0, 0.0], abs=1e-12)


@pytest.mark.parametrize("arms", [2, 3])
def test_spirals_wind_as_often_as_they_are_told(arms):
    data = spirals(60 * arms, noise=0.0, turns=1.5, arms=arms)
    assert [data.targets.count(k) for k in range(arms)] == [60] * arms
    for arm in range(arms):
        own = [row for row, kind in zip(data.features, data.targets) if kind == arm]
        assert [math.hypot(*row) for row in own] == pytest.approx([(k + 1) / 60 for k in range(60)])
        angles = [math.atan2(y, x) for x, y in own]
        steps = [(b - a) % (2 * math.pi) for a, b in itertools.pairwise(angles)]
        assert sum(steps) == pytest.approx(2 * math.pi * 1.5 * 59 / 60)
        assert (angles[-1] - 2 * math.pi * (1.5 + arm / arms) + 1.0) % (2 * math.pi) == pytest.approx(1.0)


def test_blobs_have_their_middles_and_spread():
    data = blobs(6000, centers=[[0.0, 5.0, -1.0], [10.0, 5.0, 3.0]], cluster_std=0.5, seed=1)
    for kind, middle in enumerate([[0.0, 5.0, -1.0], [10.0, 5.0, 3.0]]):
        columns = list(zip(*(row for row, k in zip(data.features, data.targets) if k == kind)))
        assert [statistics.fmean(column) for column in columns] == pytest.approx(middle, abs=0.04)
        assert [statistics.pstdev(column) for column in columns] == pytest.approx([0.5] * 3, rel=0.05)


def test_drawn_middles_of_blobs_differ_and_lie_in_the_square():
    data = blobs(5, centers=5, cluster_std=0.0, seed=3)
    assert all(-10.0 <= x <= 10.0 for row in data.features for x in row)
    assert len(set(map(tuple, data.features))) == 5
    assert data.class_names == tuple(f"blob {k}" for k in range(1, 6))


def test_a_line_is_a_regression_with_noise_on_y_alone():
    data = line(2001, noise=0.3, slope=-3.0, intercept=0.5, seed=2)
    assert data.class_names is None
    assert [x for (x,) in data.features] == pytest.approx([k / 1000 - 1 for k in range(2001)])
    fit = statistics.linear_regression([x for (x,) in data.features], data.targets)
    assert fit == pytest.approx((-3.0, 0.5), abs=0.04)
    errors = [y + 3.0 * x - 0.5 for (x,), y in zip(data.features, data.targets)]
    assert statistics.pstdev(errors) == pytest.approx(0.3, rel=0.05)


MAKERS = {"moons": moons, "circles": circles, "spirals": spirals, "blobs": blobs, "line": line}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_seed_decides(make):
    assert make(30, seed=3) == make(30, seed=3) != make(30, seed=4)
    assert len(make(30)) == 30
    assert len(make(31)) == 31


REFUSED = {
    "moons too few": (lambda: moons(1), "at least 2 points, got 1"),
    "xor too few": (lambda: xor(3), "at least 4 points, got 3"),
    "circles too few": (lambda: circles(0), "at least 2 points, got 0"),
    "spirals too few": (lambda: spirals(2, arms=3), "at least 3 points, got 2"),
    "blobs too few": (lambda: blobs(2), "at least 3 points, got 2"),
    "line too few": (lambda: line(1), "at least 2 points, got 1"),
    "negative noise": (lambda: moons(noise=-0.1), "noise is finite and at least 0, got -0.1"),
    "nan noise": (lambda: xor(noise=math.nan), "noise is finite and at least 0, got nan"),
    "infinite noise": (lambda: line(noise=math.inf), "noise is finite and at least 0, got inf"),
    "factor": (lambda: circles(factor=1.0), "factor between 0 and 1, got 1"),
    "turns": (lambda: spirals(turns=-1.0), "turns is finite and at least 0, got -1"),
    "one arm": (lambda: spirals(arms=1), "at least 2 arms, got 1"),
    "one center": (lambda: blobs(centers=1), "at least 2 centers, got 1"),
    "uneven centers": (lambda: blobs(centers=[[0.0], [1.0, 2.0]]), "the same dimension"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_generators_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_number_of_points_is_whole():
    for make in MAKERS.values():
        with pytest.raises(TypeError, match=r"the number of points is a whole number, got float: 10\.0"):
            make(10.0)
