"""The page of all operations says what the code does."""

from __future__ import annotations

import operations_page
import pytest
import strategies

from autodiff import ops
from autodiff.operation import OPERATIONS


def test_the_page_is_up_to_date():
    """If not: python tests/operations_page.py."""
    assert operations_page.PAGE.read_text(encoding="utf-8") == operations_page.page()


@pytest.mark.parametrize("name", [*OPERATIONS, "softmax", "log_softmax"])
def test_every_operation_has_one_row(name):
    rows = [line for line in operations_page.page().splitlines() if line.startswith((f"| `{name}`", f"`{name}`:"))]
    assert len(rows) == 1
    public = operations_page.page().split("## Derivatives that are")[0]
    assert (rows[0] in public) is (name in ops.PUBLIC)
    assert name not in strategies.PUBLIC or rows[0].count(" | ") == 7


@pytest.mark.parametrize(
    ("name", "slopes"),
    [
        ("mul", ["b", "a"]),
        ("div", ["1 / b", "-(a / b / b)"]),
        ("pow", ["b * a**(b - 1)", "a**b * log(a)"]),
        ("abs", ["sign(a)"]),
        ("log", ["1 / a"]),
        ("exp", ["exp(a)"]),
        ("atan", ["1 / (a**2 + 1)"]),
        ("hypot", ["a / hypot(a, b)", "b / hypot(b, a)"]),
        ("sum", ["1"]),
        ("dot", ["ys[0]", "xs[0]"]),
        ("prod", ["xs[1] * xs[2]"]),
    ],
)
def test_derivatives_are_written_as_a_person_would(name, slopes):
    assert [text for _, text in operations_page.derivatives(OPERATIONS[name])] == slopes


def test_a_row():
    log = operations_page.row(OPERATIONS["log"], {"log": {"points": 2000, "value": 0.5, "partials": [0.25]}})
    assert log.startswith("| `log` | `log(a)` | `1 / a` | `a >= 0` | `0`: -inf; inf | 0.5; 0.25 | 2,000 | Natural log")
    pow = operations_page.row(OPERATIONS["pow"], {})
    assert "`(0, 0)`: 1; 0, 0<br>" in pow
    assert " | not measured |  | Power, a\\*\\*b." in pow
