"""check_grads and check_op: right rules pass, wrong ones are found and named, kinks are skipped with the reason."""

from __future__ import annotations

import math
import warnings
import zlib
from random import Random

import mpmath
import pytest
import wrong_rules
from correct_functions import CORRECT, LATER

import autodiff
from autodiff import GradientError, Value, check_grads, check_op, define
from autodiff.operation import EVERYWHERE, OPERATIONS, Nary
from autodiff.testing.differences import judge
from autodiff.testing.sampling import points


@pytest.fixture(autouse=True)
def table_is_left_as_it_was():
    names = set(OPERATIONS)
    yield
    for name in set(OPERATIONS) - names:
        del OPERATIONS[name]


CASES = {
    "sin": (math.sin, mpmath.cos, 1.0),
    "exp at 30": (math.exp, mpmath.exp, 30.0),
    "fast": (lambda x: math.sin(1000.0 * x), lambda x: 1000 * mpmath.cos(1000 * x), 1.0),
    "steep": (lambda x: math.tanh(1e6 * x), lambda x: 10**6 * mpmath.sech(10**6 * x) ** 2, 1e-7),
    "small": (math.log, lambda x: 1 / x, 1e-5),
    "large": (lambda x: x**1.5, lambda x: 1.5 * mpmath.sqrt(x), 1e100),
    "offset": (lambda x: 1e3 + x * x, lambda x: 2 * x, 0.3),
}


def defined(f):
    """The function, with nan where it raises ValueError."""

    def total(x):
        try:
            return f(x)
        except ValueError:
            return math.nan

    return total


def noise(x):
    return float(zlib.crc32(repr(x).encode()))


class TestDifferences:
    @pytest.mark.parametrize("name", CASES)
    def test_the_doubt_is_honest(self, name):
        f, slope, at = CASES[name]
        true = slope(mpmath.mpf(at))
        found = judge(defined(f), at, float(true), 1e-6)
        assert found.verdict == "agrees"
        assert abs(found.derivative - true) <= 10 * found.doubt
        assert found.doubt <= 1e-7 * abs(true)

    @pytest.mark.parametrize("factor", [1 + 2e-6, 1 - 1e-4, -1.0, 0.0, math.nan, math.inf])
    @pytest.mark.parametrize("name", CASES)
    def test_another_number_is_contradicted(self, name, factor):
        f, slope, at = CASES[name]
        assert judge(defined(f), at, float(slope(mpmath.mpf(at))) * factor, 1e-6).verdict == "differs"

    @pytest.mark.parametrize("x", [0.3, 1.0, -7.0, 0.0])
    @pytest.mark.parametrize("computed", [0.0, 1.0, -1e9, math.nan])
    def test_noise_says_nothing(self, x, computed):
        found = judge(noise, x, computed, 1e-6)
        assert (found.verdict, found.reason) == ("cannot tell", "differences do not settle")

    def test_rounding_inside_is_not_taken_for_the_function(self):
        """Stairs of rounding: flat between steps that are far wider than floats are apart."""
        for x in (1e-9, 3e-7, 0.25):
            assert judge(lambda t: ((t + 1e8) - 1e8) + t, x, 2.0, 1e-6).verdict == "agrees"
        for x in (-25.0, -33.0, -36.0, -38.0, -60.0, -700.0):
            true = math.exp(x)
            assert judge(lambda t: math.log(1.0 + math.exp(t)), x, true, 1e-6).verdict != "differs"

    def test_stairs_of_the_function_itself_are(self):
        assert judge(lambda t: round(t, 3), 0.7, 0.0, 1e-6).verdict == "agrees"

    def test_what_repeats_itself_between_points_that_are_far_apart(self):
        assert judge(math.sin, 1e22, math.cos(1e22), 1e-6).verdict == "cannot tell"
        assert judge(math.sin, 1e15, math.cos(1e15), 1e-6).verdict != "differs"
        for x in (1e9, 1e12):
            assert judge(math.sin, x, math.cos(x), 1e-6).verdict == "agrees"
        for x in (1e6, 1e9, 1e12):
            assert judge(math.sin, x, 1.001 * math.cos(x), 1e-6).verdict == "differs"

    def test_a_wave_below_the_noise_of_wide_steps(self):
        def f(t):
            return t + 1e-12 * math.sin(1e9 * t)

        def fast(t):
            return math.sin(t * t) + 2.0 * t

        x = -968993.6490972829
        assert judge(fast, x, 2.0 * x * math.cos(x * x) + 2.0, 1e-6).verdict != "differs"
        slope = 1.0 + 1e-3 * math.cos(3e8)
        assert judge(f, 0.3, slope, 1e-6).verdict == "agrees"
        assert judge(f, 0.3, slope + 1e-3, 1e-6).verdict == "differs"

    def test_a_kink_is_named_with_both_slopes(self):
        found = judge(lambda t: math.exp(t) + max(t - 1.0, 0.0), 1.0, math.e + 0.5, 1e-6)
        assert (found.verdict, found.reason) == (
            "cannot tell", "a kink: the slope is 2.718 to the left and 3.718 to the right"
        )  # fmt: skip

    @pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
    def test_on_one_side_of_a_kink(self, gap):
        def f(t):
            return math.exp(t) + max(t - 1.0, 0.0)

        assert judge(f, 1.0 + gap, math.exp(1.0 + gap) + 1.0, 1e-6).verdict == "agrees"
        assert judge(f, 1.0 - gap, math.exp(1.0 - gap), 1e-6).verdict == "agrees"
        assert judge(f, 1.0 + gap, math.exp(1.0 + gap), 1e-6).verdict != "agrees"

    def test_at_an_end_of_the_domain(self):
        found = judge(lambda t: t * math.sqrt(t) if t >= 0.0 else "outside", 0.5, 1.5 * math.sqrt(0.5), 1e-6)
        assert found.verdict == "agrees"
        assert judge(lambda t: math.exp(t) if t >= 0.0 else "outside", 0.0, 1.0, 1e-6).verdict == "agrees"
        assert judge(lambda t: "nothing here", 0.0, 1.0, 1e-6).reason == "nothing here"

    def test_what_raises_nearby_is_an_obstacle(self):
        assert judge(math.log, 1e-300, 1e300, 1e-6).verdict == "agrees"
        assert judge(lambda t: t**1.5 if t > 0 else 1 / 0, 1e-9, 1.5 * 1e-9**0.5, 1e-6).verdict == "agrees"

    @pytest.mark.parametrize("x", [5e-324, -1e-310, 1e-300, 1e300, -1.7e308, 1.7976931348623157e308])
    def test_at_the_ends_of_the_floats(self, x):
        for f, computed in [(lambda t: t, 1.0), (lambda t: 3.0, 0.0), (math.atan, 0.0 if abs(x) > 1 else 1.0)]:
            assert judge(f, x, computed, 1e-6).verdict != "differs"
        assert judge(lambda t: 0.5 * t, x, 0.5, 1e-6).verdict == "agrees"

    def test_values_among_the_subnormals(self):
        for x in (-745.0, -741.3, -740.0, -739.5577077470405, -736.0):
            for f in (math.exp, lambda t: 1.0 / (1.0 + math.exp(-t)) if t > -700 else math.exp(t)):
                assert judge(f, x, math.exp(x), 1e-6).verdict != "differs"
        assert judge(lambda t: 2.0**t, -1066.9, math.log(2.0) * 2.0**-1066.9, 1e-6).verdict != "differs"

    @pytest.mark.parametrize("x", [1e13, 1e15, 2e15, 4.5e15, 7.017128550306026e16, 1e18, 1e300])
    def test_a_bend_that_is_narrower_than_floats(self, x):
        for other in (x, math.nextafter(x, math.inf)):
            slope = 1.0 / (1.0 + math.exp(min(other - x, 700.0)))
            for f in (autodiff.logaddexp, lambda a, b: autodiff.logsumexp([a, b])):
                assert judge(lambda t: f(t, other), x, slope, 1e-6).verdict != "differs"  # noqa: B023

    def test_a_wave_that_is_narrower_than_floats(self):
        for f, slope in ((math.sin, math.cos), (math.cos, lambda t: -math.sin(t))):
            for x in (8.359164072966221e232, 1e230, 3e250, 1e300):
                assert judge(f, x, slope(x), 1e-6).verdict == "cannot tell"
        assert judge(math.atan, 1e15, 1e-3, 1e-6).verdict == "differs"

    def test_stairs_of_a_few_floats(self):
        for x in (1.3e11, 5.579e11, 1e12):
            assert judge(lambda t: math.floor(t * 1e3) / 1e3, x, 0.0, 1e-6).verdict != "differs"
        assert judge(lambda t: t, 1e12, 0.0, 1e-6).verdict == "differs"

    def test_no_value_between_the_floats(self):
        def power(t):
            y = (-1.0) ** t
            return math.nan if isinstance(y, complex) else y

        for x in (1e16, 1e14, -75454996732284.0):
            assert judge(power, x, math.nan, 1e-6).verdict == "cannot tell"
        assert judge(math.exp, 1.0, math.nan, 1e-6).verdict == "differs"

    def test_what_is_nothing_next_to_the_function_is_said_to_be(self):
        found = judge(math.tanh, 18.0, 4.0 * math.exp(-36.0), 1e-6)
        assert (found.verdict, found.negligible) == ("cannot tell", True)


class TestWrittenDownBefore:
    """Functions and wrong rules that were written down before the estimator was."""

    @staticmethod
    def verdicts(cases, order):
        """How many functions agree in every derivative; those that do not are warned of. A wrong verdict raises."""
        agreeing = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for f, *at in cases:
                agreeing += all(row.verdict == "agrees" for row in check_grads(f, *at, order=order).rows)
        return agreeing

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("table", [CORRECT, LATER], ids=["before", "later"])
    def test_correct_functions_are_never_accused_and_agree(self, table, order):
        cases = [case for group in table.values() for case in group][:: 1 if order == 1 else 4]
        assert self.verdicts(cases, order) >= 0.9 * len(cases)

    @pytest.mark.parametrize("name", [*wrong_rules.NAMES, *wrong_rules.LATER])
    def test_wrong_rules_are_found(self, name):
        with wrong_rules.wrong(name) as op:
            if name in wrong_rules.TOO_SMALL:
                check_op(op, order=1)
                return
            with pytest.raises(GradientError, match=f"operation 'wrong_{name}' is wrong"):
                check_grads(lambda *xs: op(*xs), *wrong_rules.point(name), order=1)
            with pytest.raises(GradientError, match=f"operation 'wrong_{name}' is wrong"):
                check_op(op, order=1)
            with pytest.raises(GradientError, match=f"operation 'wrong_{name}' is wrong"):
                check_grads(lambda *xs: 1e9 + op(*xs) * 3.0, *wrong_rules.point(name), order=1)

    def test_what_was_accused_once(self):
        """Rounding inside, aliases of wide steps, steep places, the origin."""
        for f, *at in [
            (lambda x: autodiff.log(1 + autodiff.exp(x)), -15.0),
            (autodiff.sin, 1e9),
            (lambda x: autodiff.exp(-1e4 * x * x), 0.01),
            *[
                (autodiff.atan2, a * size, b * size)
                for size in (1e-9, 1e-5, 1e-12)
                for a, b in [(1, 2), (-1, -2), (3, 1)]
            ],
            *[(lambda x: autodiff.atan(1e6 * x), x) for x in (0.3, 1e-6, 1e-3, 0.0, 5.0)],
        ]:
            report = check_grads(f, *at, order=1)
            assert {row.verdict for row in report.rows} == {"agrees"}

    def test_operations_of_the_users_own_are_not_accused_for_their_rounding(self):
        """As a single node, which the parts of a graph say nothing of."""
        own = {
            "own_softplus": (lambda a: math.log(1.0 + math.exp(a)), lambda y, a: 1.0 / (1.0 + autodiff.exp(-a))),
            "own_gap": (lambda a: math.sqrt(a + 1.0) - math.sqrt(a), lambda y, a: half(a + 1.0) - half(a)),
            "own_offset": (lambda a: (a + 1e8) - 1e8, lambda y, a: 1.0 + 0.0 * a),
            "own_tanh": (math.tanh, lambda y, a: 1.0 - y * y),
            "own_bell": (lambda a: math.exp(-a * a) if abs(a) < 1e3 else 0.0, lambda y, a: -2.0 * a * y),
            "own_stairs": (lambda a: round(a, 3), lambda y, a: 0.0 * a),
            "own_versine": (lambda a: 1.0 - math.cos(a), lambda y, a: autodiff.sin(a)),
            "own_relu": (lambda a: a if a > 0 else 0.0, lambda y, a: 1.0 if float(a) > 0 else 0.0),
        }

        def half(a):
            return 0.5 / autodiff.sqrt(a)

        for name, (value, rule) in own.items():
            domain = {"own_gap": (0.0, math.inf), "own_stairs": (-1e6, 1e6)}.get(name, EVERYWHERE)
            op = define(name, value, rule, domain=domain)
            report = check_op(op, points=200, order=1)
            assert not [row for row in report.rows if row.verdict == "differs"], name


class TestParts:
    def test_what_rounding_hides_agrees_operation_by_operation(self):
        (row,) = check_grads(lambda x: 1e12 + autodiff.exp(x), 1.0, order=1).rows
        assert (row.verdict, row.reason) == ("agrees", "operation by operation")

    def test_and_a_wrong_rule_in_it_is_found_there(self):
        op = define("hidden", lambda a: math.exp(a), lambda y, a: y * (1 + 1e-5))
        with pytest.raises(GradientError, match="'hidden' is wrong"):
            check_grads(lambda x: 1e12 + op(x), 1.0, order=1)

    def test_not_if_the_function_leaves_the_graph(self):
        with pytest.warns(UserWarning, match="leaves the graph"):
            (row,) = check_grads(lambda x: 1e16 + x * math.exp(float(x)), 1.0, order=1).rows
        assert row.verdict == "cannot tell"

    def test_not_if_rounding_changes_the_gradient(self):
        """The slope of the exact function is -8e-5; the one that is computed has lost digits, as the function has."""
        with pytest.warns(UserWarning, match="rounding changes the gradient"):
            check_grads(lambda x: (1 - autodiff.cos(x)) / (x * x), 1e-3, order=1)

    def test_a_number_that_overflowed_before_is_no_wrong_rule(self):
        for f, *at in [
            (lambda x, y: autodiff.expm1(autodiff.cosh(x) ** y), 8482856902.135309, -21.900390794431992),
            (lambda x: autodiff.cosh(1e6) ** x, -5.5e-20),
        ]:
            with pytest.warns(UserWarning, match="cannot tell"):
                check_grads(f, *at, order=1)

    def test_overflow_between_operations_is_told(self):
        """1 / (x * x) has a slope of -2e-300 at 1e100, but the rule of the quotient underflows on the way."""
        with pytest.warns(UserWarning, match="differences of the whole contradict"):
            check_grads(lambda x: 1.0 / (x * x), 1e100, order=1)


class TestWarnings:
    def test_nothing_to_judge_is_no_success(self):
        with pytest.warns(UserWarning, match=r"cannot tell .* df/dx0 at \(1e\+22\): differences do not settle"):
            check_grads(autodiff.sin, 1e22, order=1)
        with pytest.warns(UserWarning, match=r"df/dx0 at \(0\): relu has a kink"):
            check_grads(autodiff.relu, 0.0, order=1)

    def test_a_kink_beside_what_can_be_judged_is_no_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_grads(lambda x, y: autodiff.relu(x) + y, 0.0, 2.0, order=1)

    def test_each_operand_is_told_of(self):
        with pytest.warns(UserWarning, match=r"df/dx1 at \(1, 1e\+22\)") as caught:
            check_grads(lambda x, y: x + autodiff.sin(y), 1.0, 1e22, order=1)
        assert "df/dx0" not in str(caught[0].message)

    def test_an_operation_that_can_be_judged_nowhere(self):
        op = define("dust", lambda a: float(zlib.crc32(repr(a).encode())), lambda y, a: 1.0)
        with pytest.warns(UserWarning, match=r"check_op\(dust\) cannot tell .* ddust/da at"):
            check_op(op, points=8, order=1)
        empty = define("nowhere", lambda a: math.nan, lambda y, a: a)
        with pytest.warns(UserWarning, match="no point has a value"):
            check_op(empty)


class TestSampling:
    @pytest.mark.parametrize(
        "domain",
        [EVERYWHERE, (0.0, math.inf), (-math.inf, 3.0), (1.0, math.inf), (-1.0, 1.0), (5.0, 6.0), (-1.0, math.inf)],
    )
    def test_the_whole_domain_and_only_the_domain(self, domain):
        xs = [x for (x,) in points([domain], 800, Random(1))]
        low, high = domain
        assert len(xs) == 800
        assert all(low < x < high for x in xs)
        regions = [
            (1.0, 2.0),
            (3.0, 3.5),
            (100.0, 1000.0),
            (1e5, 1e6),
            (5e5, 1e6),
            (0.0, 1e-3),
            (0.0, 1e-6),
            (1e-3, 2e-3),
        ]
        regions += [(-b, -a) for a, b in regions] + [
            (1.0, 1.0 + 1e-4),
            (1.0 - 1e-4, 1.0),
            (5.0, 5.01),
            (5.999, 6.0),
            (2.99, 3.0),
        ]
        for a, b in regions:
            a, b = max(a, low), min(b, high)
            near_an_end = {a, b} & {low, high, 0.0}
            if a < b and (b - a > 0.05 * max(abs(a), abs(b)) or near_an_end):
                assert any(a <= x <= b for x in xs), (a, b)

    def test_pairs_of_every_kind(self):
        pairs = list(points([EVERYWHERE, EVERYWHERE], 800, Random(1)))
        for which in (
            lambda a, b: a > 10 and b > 10,
            lambda a, b: a < 0 < b,
            lambda a, b: a > b,
            lambda a, b: abs(a - b) < 1e-2 * abs(a),
            lambda a, b: abs(a) > 1e5 and abs(b) < 1e-2,
        ):
            assert any(which(a, b) for a, b in pairs)

    def test_the_same_every_time(self):
        first, second = (check_op(autodiff.hypot, points=10, order=1).rows for _ in range(2))
        assert first == second


class TestRight:
    def test_first_and_second_order(self):
        report = check_grads(lambda x, y: x**3 * y.exp() if isinstance(x, Value) else 0.0, 1.5, -0.5)
        e = math.exp(-0.5)
        expected = [3 * 1.5**2 * e, 1.5**3 * e, 9 * e, 3 * 1.5**2 * e, 3 * 1.5**2 * e, 1.5**3 * e]
        assert [row.derivative for row in report.rows] == [
            "df/dx0", "df/dx1", "d2f/dx0dx0", "d2f/dx0dx1", "d2f/dx1dx0", "d2f/dx1dx1"
        ]  # fmt: skip
        assert [row.computed for row in report.rows] == pytest.approx(expected, rel=1e-14)
        assert [row.differences for row in report.rows] == pytest.approx(expected, rel=1e-9)
        assert not report.skipped

    def test_sequences_and_values_as_points(self):
        report = check_grads(lambda xs, b: autodiff.logsumexp(xs) * b, [0.1, -0.4], Value(2), order=1)
        assert [row.derivative for row in report.rows] == ["df/dx0[0]", "df/dx0[1]", "df/dx1"]

    def test_a_constant_function(self):
        assert [row.computed for row in check_grads(lambda x: 3, 1.0).rows] == [0.0, 0.0]

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_every_operation_of_the_table(self, name):
        op = OPERATIONS[name]
        if isinstance(op, Nary) and op.rule is None:
            with pytest.warns(UserWarning, match="no point"):
                check_op(op)
        else:
            report = check_op(op, points=120)
            assert len(report.rows) >= 20
            assert len(report.skipped) < len(report.rows) / 4

    def test_no_gradient_is_touched(self):
        x = Value(2.0)
        check_grads(lambda y: y * x, x)
        assert x.grad == 0.0


class TestWrong:
    @pytest.fixture
    def wrong(self):
        return define("wrong", lambda a: a * a * a, lambda y, a: 3.0001 * a * a)

    def test_the_rule_of_one_operand(self, wrong):
        with pytest.raises(GradientError) as caught:
            check_op(wrong)
        message = str(caught.value)
        assert "the rule of operation 'wrong' is wrong: dwrong/da at (" in message

    def test_inside_a_function_it_is_named_with_numbers_and_place(self, wrong):
        def f(x, y):
            return autodiff.tanh(x * y) + wrong(x + y) * y.exp()

        with pytest.raises(GradientError) as caught:
            check_grads(f, 0.5, 0.25)
        message = str(caught.value)
        assert "operation 'wrong' is wrong: dwrong/da at (0.75)" in message
        assert repr(3.0001 * 0.75 * 0.75) in message
        assert "differences say 1.6874999" in message or "differences say 1.6875" in message
        assert "so df/dx0 at (0.5, 0.25) was computed as" in message

    def test_the_second_operand(self):
        op = define("off", lambda a, b: a * b, (lambda y, a, b: b, lambda y, a, b: -a))
        for call in (lambda: check_op(op), lambda: check_grads(lambda x: op(2.0, x) + op(x, 3.0), 1.0)):
            with pytest.raises(GradientError, match=r"'off' is wrong: doff/db at"):
                call()

    @pytest.mark.parametrize("factor", [1.01, 1.0 + 3e-6, 0.0, math.nan])
    @pytest.mark.parametrize(
        "window",
        [(9e5, 1e6), (-1.58e3, -1.44e3), (200.0, 220.0), (0.3, 0.31), (4.05e-3, 4.46e-3), (-1.12e-4, -1.01e-4)],
    )
    def test_in_a_narrow_window(self, window, factor):
        """Points that are judged miss it, but there the rule jumps."""
        low, high = window
        op = define("windowed", math.asinh, lambda y, a: (factor if low < a < high else 1.0) / math.sqrt(1.0 + a * a))
        with pytest.raises(GradientError, match="'windowed' is wrong"):
            check_op(op, order=1)

    @pytest.mark.parametrize("window", [(9e5, 1e6), (3.0, 3.2), (-2e2, -1.8e2)])
    @pytest.mark.parametrize("which", [0, 1])
    def test_in_a_narrow_strip(self, window, which):
        low, high = window

        def off(x):
            return 1.01 if low < x < high else 1.0

        rules = (lambda y, a, b: b * (off(a) if which == 0 else 1.0), lambda y, a, b: a * (off(b) if which else 1.0))
        op = define("strip", lambda a, b: a * b, rules)
        with pytest.raises(GradientError, match="'strip' is wrong"):
            check_op(op, order=1)

    def test_a_right_rule_may_jump(self):
        op = define("bent", lambda a: max(a, 3.0) + abs(a + 2.0), lambda y, a: (a > 3.0) + math.copysign(1.0, a + 2.0))
        assert not [row for row in check_op(op, order=1).rows if row.verdict == "differs"]

    def test_a_derivative_that_gets_lost(self):
        op = define("lost", lambda a: a**3, lambda y, a: 3.0 * float(a) ** 2)
        check_op(op, order=1)
        check_grads(lambda x: op(x), 2.0, order=1)
        for call in (lambda: check_op(op), lambda: check_grads(lambda x: op(x) * x, 2.0)):
            with pytest.raises(GradientError, match=r"'lost' is wrong: d2lost/dada at"):
                call()

    def test_a_value_that_is_wrong(self):
        op = define(
            "sinc", lambda a: math.sin(a) / a + 0.01 * a, lambda y, a: (autodiff.cos(a) - autodiff.sin(a) / a) / a
        )
        with pytest.raises(GradientError, match="'sinc'"):
            check_op(op, order=1)

    def test_a_partial_said_to_be_zero(self):
        op = define("silent", lambda a: 2 * a, [None])
        with pytest.raises(GradientError, match=r"'silent' is wrong: dsilent/da .* computed as 0\.0"):
            check_grads(lambda x: op(x), 1.0)

    @pytest.mark.parametrize(
        "f",
        [lambda x: x * math.tanh(x), lambda x: math.tanh(x), lambda x: x.exp() * x.data],
        ids=["math", "all", "data"],
    )
    def test_a_function_that_leaves_the_graph(self, f):
        with pytest.raises(GradientError, match="leaves the graph"):
            check_grads(f, 0.7)

    def test_a_wrong_rule_cannot_hide_behind_a_right_sum(self, wrong):
        with pytest.raises(GradientError, match="'wrong'"):
            check_op(wrong, points=1)


KINKS = {
    "relu has a kink or pole here": (lambda x: autodiff.relu(x) * 2, 0.0),
    "abs has a kink or pole here": (lambda x: abs(x), 0.0),
    "maximum has a kink or pole here": (lambda x: autodiff.maximum(x, 2.0), 2.0),
    "minimum has a kink or pole here": (lambda x: autodiff.minimum(x * x, 4.0), 2.0),
    "the function takes another branch nearby": (lambda x: x * 2 if x.data == 1.0 else x.exp(), 1.0),
    "not finite here": (lambda x: 1 / x, 0.0),
    "not finite nearby": (lambda x: (x * x * -1.0).sqrt() if x.data else x * 1.0, 0.0),
}


NO_KINKS = {
    "square": (lambda x: x**2, 0.0),
    "cube": (lambda x: x**3, 0.0),
    "itself": (lambda x: x**1, 0.0),
    "constant": (lambda x: x**0, 0.0),
    "squared errors": (lambda w, b: ((w * 2 + b - 5) ** 2 + (w * 3 + b - 7) ** 2) / 2, 2.0, 1.0),
    "rosenbrock": (lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, 1.0, 1.0),
    "no leak": (lambda x: autodiff.leaky_relu(x, 1.0), 0.0),
}


class TestKinks:
    @pytest.mark.parametrize("reason", KINKS)
    def test_they_are_skipped_with_the_reason(self, reason):
        f, at = KINKS[reason]
        with pytest.warns(UserWarning, match="cannot tell"):
            report = check_grads(f, at, order=1)
        (row,) = report.rows
        assert report.skipped == report.rows
        if reason == "not finite nearby":
            assert row.skipped
        else:
            assert row.skipped == reason

    @pytest.mark.parametrize("at", [1e-3, -1e-3, 1e-6])
    def test_next_to_one_the_steps_are_shorter(self, at):
        op = define("bend", lambda a: max(a, 0.0), lambda y, a: 1.0, singular=lambda a: a)
        report = check_grads(lambda x: autodiff.relu(x) + abs(x), at)
        assert not report.skipped
        assert report.rows[0].differences == pytest.approx(2.0 if at > 0 else -1.0, rel=1e-8)
        if at < 0:
            with pytest.raises(GradientError, match="'bend'"):
                check_grads(lambda x: op(x), at)

    def test_a_kink_in_another_operand_does_not_matter(self):
        report = check_grads(lambda x, y: autodiff.relu(x) + y * y, 0.0, 3.0, order=1)
        assert [bool(row.skipped) for row in report.rows] == [True, False]
        assert report.rows[1].differences == pytest.approx(6.0, rel=1e-9)

    def test_a_pole_where_the_other_operand_moves(self):
        """At a = 0 the plain rule for d/db of a**b gives nan, though differences along b find 0."""
        rules = (lambda y, a, b: b * a ** (b - 1), lambda y, a, b: y * autodiff.log(a))
        plain = define("plain_power", autodiff.pow, rules, singular=lambda a, b: a)
        report = check_grads(lambda x, y: plain(x, y), 0.0, 2.0, order=1)
        assert report.rows[1].skipped.endswith("has a kink or pole here")
        careful = check_grads(lambda x, y: x**y, 0.0, 2.0)
        assert [row.derivative for row in careful.rows if row.skipped] == ["d2f/dx1dx0"]

    @pytest.mark.parametrize("name", NO_KINKS)
    def test_both_sides_that_agree_are_no_kink(self, name):
        f, *at = NO_KINKS[name]
        assert {row.verdict for row in check_grads(f, *at).rows} == {"agrees"}

    @pytest.mark.parametrize(
        "f", [lambda x: autodiff.relu(x) ** 2, lambda x: abs(x) * x, autodiff.elu], ids=["relu", "abs", "elu"]
    )
    def test_a_kink_of_the_slope_alone(self, f):
        assert [row.verdict for row in check_grads(f, 0.0).rows] == ["agrees", "cannot tell"]

    @pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
    def test_one_side_that_agrees_is_a_kink(self, slope):
        op = define("hinge", lambda a: max(a, 0.0), lambda y, a: slope, singular=lambda a: a)
        with pytest.warns(UserWarning, match="has a kink or pole here"):
            check_grads(lambda x: op(x), 0.0, order=1)

    def test_a_pole_far_away_is_no_reason(self):
        with pytest.warns(UserWarning, match="differences do not settle"):
            check_grads(lambda x: (1 + 1 / x) ** x, 1e8, order=1)

    def test_a_derivative_that_is_nan_for_no_reason_is_wrong(self):
        op = define("undone", lambda a: a * a, lambda y, a: a * math.nan)
        with pytest.raises(GradientError, match=r"'undone' is wrong: .* computed as nan"):
            check_grads(lambda x: op(x), 2.0)

    def test_a_tie_of_one_number_with_itself_is_none(self):
        report = check_grads(lambda x: autodiff.maximum(x, x) * x, 3.0)
        assert not report.skipped
        assert report.rows[0].computed == 6.0


class TestReport:
    def test_as_text(self):
        text = repr(check_grads(lambda x, y: autodiff.relu(x) + y, 0.0, 2.0, order=1)).splitlines()
        assert text[0] == "check_grads: 1 derivatives agree, 1 cannot be judged"
        assert text[1].split(" | ")[0].strip() == "derivative"
        assert text[2].endswith("cannot tell: relu has a kink or pole here")
        assert text[3].endswith("agrees")
        assert len({line.rindex("|") for line in text[1:]}) == 1, "columns stand under each other"

    def test_in_jupyter(self):
        html = check_op(autodiff.exp, points=2, order=1)._repr_html_()
        assert html.startswith("<table><caption>check_op(exp): 2 derivatives agree")
        assert html.count("<tr>") == 3
        assert html.endswith("</table>")


class TestRefusals:
    def test_arguments(self):
        with pytest.raises(ValueError, match="order"):
            check_grads(lambda x: x, 1.0, order=3)
        with pytest.raises(ValueError, match="point"):
            check_grads(lambda: 1.0)
        with pytest.raises(TypeError, match="complex"):
            check_grads(lambda x: x, 1j)
        with pytest.raises(TypeError, match="one number, got list"):
            check_grads(lambda x: [x], 1.0)
        with pytest.raises(TypeError, match="check_op takes an operation"):
            check_op(math.exp)


def test_a_wrong_rule_is_accused_before_the_function_raises_elsewhere():
    op = define("lg", lambda a: math.log(a), partials=lambda y, a: 2.0 / a)
    try:
        with pytest.raises(GradientError, match="the rule of operation 'lg' is wrong"):
            check_op(op)
    finally:
        del OPERATIONS["lg"]
