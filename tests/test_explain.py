"""explain: the paths by hand on small graphs, by enumeration on random ones, and bounded on deep ones."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import StaleGraphError, Value, explain


def shown(explanation):
    return [([v.label for v in path.nodes], list(path.partials), path.product) for path in explanation.paths]


def enumerated(output, leaf):
    """Every path as its partials, the output's first, found the plain and exponential way."""
    found = []
    stack = [(output, [])]
    while stack:
        v, partials = stack.pop()
        if v is leaf:
            found.append(partials)
            continue
        if v.op is None:
            continue
        data = [p if isinstance(p, float) else p.data for p in v.operands]
        here = v.op.partials(v.data, data, [not isinstance(p, float) for p in v.operands])
        for p, partial in zip(v.operands, here):
            if isinstance(p, Value) and partial is not None:
                stack.append((p, [*partials, partial]))
    return found


class TestByHand:
    def test_a_square_has_two_paths(self):
        x = Value(3.0, "x")
        e = explain(x * x, x)
        assert shown(e) == [(["", "x"], [3.0], 3.0)] * 2
        assert (e.gradient, e.count, e.remainder) == (6.0, 2, 0.0)

    def test_micrograds_expression(self):
        a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
        d = a * b
        d.label = "d"
        L = d * c + d
        L.label = "L"
        e = explain(L, a)
        assert e.gradient == -33.0
        assert [path.product for path in e.paths] == [-30.0, -3.0]
        assert [path.partials for path in e.paths] == [(1.0, 10.0, -3.0), (1.0, -3.0)]
        assert [path.nodes[0] for path in e.paths] == [L, L]
        assert [path.nodes[-2:] for path in e.paths] == [(d, a), (d, a)]
        assert e.remainder == 0.0

    def test_an_inner_node_and_the_output_itself(self):
        x = Value(3.0, "x")
        y = x * 2.0
        z = y * y
        assert explain(z, y).gradient == 12.0
        e = explain(z, z)
        assert shown(e) == [([""], [], 1.0)]
        assert (e.gradient, e.count, e.remainder) == (1.0, 1, 0.0)

    def test_no_path(self):
        x, y = Value(1.0, "x"), Value(2.0, "y")
        for output in (y * 2.0, y):
            e = explain(output, x)
            assert (e.paths, e.count, e.gradient, e.remainder) == ((), 0, 0.0, 0.0)
            assert repr(e).endswith("/dx = 0, by 0 paths")
            assert "<table>" in e._repr_html_()
            assert "= 0" in e.latex() or "&= 0" in e.latex()

    def test_sequences(self):
        x = Value(2.0, "x")
        e = explain(autodiff.dot([x, x, 1.0], [3.0, x, 5.0]), x)
        assert sorted(path.product for path in e.paths) == [2.0, 2.0, 3.0]
        assert e.gradient == 7.0

    def test_the_largest_first_whatever_the_sign(self):
        x = Value(1.0, "x")
        y = autodiff.dot([x] * 5, [1.0, -7.0, 3.0, 0.0, 5.0])
        assert [path.product for path in explain(y, x).paths] == [-7.0, 5.0, 3.0, 1.0, 0.0]

    def test_the_rest_is_summed(self):
        x = Value(1.0, "x")
        y = autodiff.dot([x] * 5, [1.0, -7.0, 3.0, 0.25, 5.0])
        e = explain(y, x, most=2)
        assert [path.product for path in e.paths] == [-7.0, 5.0]
        assert (e.count, e.gradient, e.remainder) == (5, 2.25, 4.25)

    def test_nothing_is_changed(self):
        x = Value(3.0)
        y = x * x
        y.backward()
        explain(y, x)
        assert (x.grad, y.grad) == (6.0, 1.0)


class TestAgainstEnumeration:
    @given(strategies.programs(instructions=10), st.integers(1, 6))
    def test_the_largest_paths_and_the_remainder(self, program, most):
        leaves = [Value(x) for x in program.leaves]
        output = program.build(leaves)[-1]
        for leaf in leaves:
            e = explain(output, leaf, most=most)
            true = [math.prod(map(Fraction, partials)) for partials in enumerated(output, leaf)]
            true.sort(key=abs, reverse=True)
            assert e.count == len(true)
            assert len(e.paths) == min(most, len(true))
            for path, product in zip(e.paths, true):
                assert abs(path.product) == pytest.approx(abs(float(product)), rel=1e-12, abs=1e-300)
            scale = sum(map(abs, true))
            assert abs(Fraction(e.gradient) - sum(true)) <= scale * Fraction(1, 10**13) + Fraction(1, 10**300)
            rest = Fraction(e.gradient) - sum(Fraction(path.product) for path in e.paths)
            assert e.remainder == float(rest), "rounded once"

    def test_no_path_comes_twice(self):
        x = Value(0.7)
        v = x
        for _ in range(5):
            v = v.sin() + v * 0.3
        e = explain(v, x, most=100)
        assert e.count == len(e.paths) == 2**5
        assert len({path.partials for path in e.paths}) == 2**5
        true = sorted(map(math.prod, enumerated(v, x)), key=abs, reverse=True)
        assert [path.product for path in e.paths] == pytest.approx(true, rel=1e-13)
        assert abs(e.remainder) < 1e-15


class TestDeep:
    def test_a_ladder(self):
        """2**k paths; that with j times 0.75 has the product 0.75**j 0.25**(k-j)."""
        x = Value(1.0, "x")
        v = x
        for _ in range(40):
            v = v * 0.75 + v * 0.25
        e = explain(v, x, most=42)
        assert e.count == 2**40
        assert e.gradient == 1.0
        best = [0.75**40, *[0.75**39 * 0.25] * 40, 0.75**38 * 0.25**2]
        assert [path.product for path in e.paths] == pytest.approx(best, rel=1e-13)
        assert e.remainder == pytest.approx(1.0 - sum(best), rel=1e-14)

    def test_a_ladder_of_ties_takes_no_longer(self):
        x = Value(1.0, "x")
        v = x
        for k in range(2000):
            v = v + v if k != 1000 else (v + v) * 2.0**-1000
        e = explain(v, x)
        assert e.count == 10**100
        assert e.gradient == 2.0**1000
        assert [path.product for path in e.paths] == [2.0**-1000] * 10
        assert e.remainder == 2.0**1000
        assert all(len(path.nodes) == 2002 for path in e.paths)
        assert "10^100 or more paths" in repr(e)

    def test_a_chain_of_a_hundred_thousand(self):
        x = Value(1.0, "x")
        v = x
        for _ in range(100_000):
            v = v * 1.0001
        e = explain(v, x)
        (path,) = e.paths
        assert len(path.nodes) == 100_001
        assert path.product == e.gradient == pytest.approx(1.0001**100_000, rel=1e-10)
        assert e.remainder == 0.0
        assert len(repr(e)) < 400
        assert "(100001 in all)" in repr(e)
        assert len(e._repr_html_()) < 600
        assert len(e.latex()) < 600


class TestNonFinite:
    def test_an_infinite_partial_comes_first(self):
        x = Value(0.0, "x")
        e = explain(x.sqrt() + x * 1e300, x)
        assert [path.product for path in e.paths] == [math.inf, 1e300]
        assert e.gradient == math.inf

    def test_a_nan_is_shown_first(self):
        x = Value(0.0, "x")
        e = explain(x.sqrt() * 0.0 + x * 1e300, x, most=1)
        assert math.isnan(e.paths[0].product)
        assert math.isnan(e.gradient)
        assert math.isnan(e.remainder)


class TestWriting:
    def graph(self):
        a, b = Value(2.0, "a"), Value(-3.0, "w_in")
        d = a * b
        d.label = "d"
        L = d * 4.0 + a
        L.label = "loss"
        return L, a, b

    def test_text(self):
        L, a, _ = self.graph()
        assert repr(explain(L, a)).splitlines() == [
            "dloss/da = -11, by 2 paths",
            "product | partials     | path",
            "-12     | 1 * 4 * (-3) | loss <- v3 <- d <- a",
            "1       | 1            | loss <- a",
        ]
        assert repr(explain(L, a, most=1)).splitlines()[-1] == "1       |              | all other paths"

    def test_jupyter(self):
        L, a, _ = self.graph()
        L.label = "<loss>"
        html = explain(L, a)._repr_html_()
        assert html.count("<tr>") == 3
        assert "<td>&lt;loss&gt; &lt;- a</td>" in html
        assert "<td>-12</td><td>1 * 4 * (-3)</td>" in html

    def test_latex(self):
        L, a, b = self.graph()
        assert explain(L, a, most=1).latex().splitlines() == [
            r"\begin{aligned}",
            r"\frac{\partial \mathrm{loss}}{\partial a} &= \underbrace{1 \cdot 4 \cdot (-3)}"
            r"_{\mathrm{loss} \leftarrow v_{3} \leftarrow d \leftarrow a} \\",
            r"&\quad + \underbrace{1}_{\text{all other paths}} \\",
            r"&= -11",
            r"\end{aligned}",
        ]
        assert r"\partial \mathrm{w\_in}" in explain(L, b).latex()

    @pytest.mark.parametrize(
        ("factor", "written"),
        [(1.5e-9, r"1.5 \times 10^{-9}"), (2e20, r"2 \times 10^{20}"), (math.inf, r"\infty"), (-0.5, "-0.5")],
    )
    def test_numbers_in_latex(self, factor, written):
        x = Value(2.0, "x")
        assert rf"&= \underbrace{{{written}}}_" in explain(x * factor, x).latex()

    def test_latex_is_balanced_whatever_the_labels(self):
        for label in ("a{b", "100%", "x_1", "a^2", "\\", "$~#& b"):
            x = Value(1.0, label)
            text = explain(x * x.exp(), x).latex().replace(r"\{", "").replace(r"\}", "")
            depths = list(itertools.accumulate({"{": 1, "}": -1}.get(c, 0) for c in text))
            assert min(depths) == 0 == depths[-1]


class TestRefusals:
    def test_arguments(self):
        x = Value(1.0)
        with pytest.raises(TypeError, match="float"):
            explain(x * 2.0, 1.0)
        with pytest.raises(TypeError, match="int"):
            explain(1, x)
        for most in (0, -1, 2.0, True):
            with pytest.raises(ValueError, match="most"):
                explain(x * 2.0, x, most=most)

    def test_a_stale_graph(self):
        x = Value(1.0)
        y = x * x
        x.data = 2.0
        with pytest.raises(StaleGraphError):
            explain(y, x)
