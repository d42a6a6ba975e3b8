"""Every operation against recorded answers of JAX and PyTorch: they agree, or a table says who is right and why."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import math
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import reference
from reference import mpf

import autodiff
from autodiff import Value
from autodiff.operation import OPERATIONS

GOLDEN = Path(__file__).with_name("golden")
sys.path.insert(0, str(GOLDEN))

import disagreements  # noqa: E402
import points  # noqa: E402
from disagreements import ENTRIES  # noqa: E402
from judgement import Case, at_nan, outside  # noqa: E402

RECORDED = json.loads(gzip.decompress((GOLDEN / "operations.json.gz").read_bytes()))["operations"]
COMPOSED = ["softmax", "log_softmax", "clip", "where"]
AGREE = 16.0  # ulp
RIGHT = 4.0  # ulp
FAR = mpf(10) ** 2000  # stands for infinity, so that limits can be computed


def bits(text: str) -> list[int]:
    return list(struct.unpack(f"<{points.COUNT}Q", base64.b64decode(text)))


def doubles(words: list[int]) -> list[float]:
    return list(struct.unpack(f"<{len(words)}d", struct.pack(f"<{len(words)}Q", *words)))


def recorded(name: str) -> dict[str, list[list[float] | None]]:
    """By framework the columns of an operation: the value, then the partials; None where there is none."""
    jax = [bits(text) for text in RECORDED[name]["jax"]["columns"]]
    torch = [
        None if text is None else [a ^ b for a, b in zip(bits(text), against)]
        for text, against in zip(RECORDED[name]["torch"]["columns"], jax)
    ]
    return {
        "jax": [doubles(column) for column in jax],
        "torch": [None if column is None else doubles(column) for column in torch],
    }


def ours(name: str, at: tuple[float, ...], pick: int) -> list[float]:
    """Value and gradient by the engine, through a graph."""
    leaves = [Value(x) for x in at]
    function: Callable[..., Any] = getattr(autodiff, name)
    if name in points.SEQUENCES:
        y = function(*grouped(name, leaves))
        y = y[pick] if name in COMPOSED else y
    else:
        y = function(*leaves)
    y.backward()
    return [y.data, *(leaf.grad for leaf in leaves)]


def grouped(name: str, flat: list[Any]) -> list[list[Any]]:
    """Operands of a sequence as the operation takes them."""
    half = len(flat) // 2
    return [flat[:half], flat[half:]] if name == "dot" else [flat]


def difference(a: float, b: float) -> float:
    """How many ulp of the larger two numbers are apart; two nans are not, nor zeros of either sign."""
    if math.isnan(a) or math.isnan(b):
        return 0.0 if math.isnan(a) and math.isnan(b) else math.inf
    if a == b:
        return 0.0
    return math.inf if math.isinf(a) or math.isinf(b) else abs(a - b) / max(math.ulp(a), math.ulp(b))


def magnification(name: str, k: int, at: tuple[float, ...], pick: int, row: list[float]) -> float:
    """By how much a rounding of an operand, or of a term of a sum, counts in the result: 1, but where terms cancel."""
    size = abs(row[k])
    finite = [x for x in at if math.isfinite(x)]
    if not finite or not 0.0 < size < math.inf:
        return 1.0
    top = max(finite)
    if name in ("sum", "mean", "dot") and k == 0:
        half = len(at) // 2
        terms = [x * y for x, y in zip(at[:half], at[half:])] if name == "dot" else at
        return max(1.0, sum(abs(t) for t in terms if math.isfinite(t)) / (len(at) if name == "mean" else 1) / size)
    if name in ("logaddexp", "logsumexp") and k == 0:
        return max(1.0, (max(map(abs, finite)) + 1.0) / size)
    if name in ("silu", "gelu") and k == 1 and abs(at[0]) < 8.0:
        s, density = 1 / (1 + math.exp(-at[0])), math.exp(-(at[0] ** 2) / 2) / math.sqrt(2 * math.pi)
        terms = (s, at[0] * s * (1 - s)) if name == "silu" else (math.erfc(-at[0] / 2**0.5) / 2, at[0] * density)
        return max(1.0, sum(map(abs, terms)) / size)
    if name == "log_softmax":
        # an exponent, the difference of a logit and the largest, is rounded, and exp magnifies that
        involved = at if k == 0 else (at[pick], at[k - 1])
        spread = 1.0 + max([top - x for x in involved if math.isfinite(x)], default=0.0)
        return spread * (max(1.0, 1.0 / size) if k == pick + 1 else 1.0)
    return 1.0


@functools.cache
def true(name: str, k: int, at: tuple[float, ...], pick: int) -> Any:
    """The exact value or partial, in 50 digits, infinities as limits; None where there is none."""
    case = Case(name, at, "", "", 0.0, 0.0)
    if at_nan(case) or outside(case):
        return None
    xs = [math.copysign(1.0, x) * FAR if math.isinf(x) else mpf(x) for x in at]
    if name in ("softmax", "log_softmax"):
        p, row = reference.softmax_row(pick, xs)
        if name == "softmax":
            return row[k - 1] if k else p
        return row[k - 1] / p if k else -reference.value("logsumexp", [x - xs[pick] for x in xs])
    if name == "pow" and at[0] < 0.0 and math.isfinite(at[1]):  # b - 1 has no room in 50 digits, but its parity has
        sign = -1 if (int(at[1]) - (k == 1)) % 2 else 1
        return sign * (reference.partials(name, -xs[0], xs[1])[0] if k else reference.value(name, -xs[0], xs[1]))
    if name == "cbrt" and k and at[0] == 0.0:
        xs = [1 / FAR]
    operands = [xs] if name in points.TRIPLES else grouped(name, xs) if name in points.SEQUENCES else xs
    try:
        return reference.partials(name, *operands)[k - 1] if k else reference.value(name, *operands)
    except ZeroDivisionError:
        return None


def holds(right: str, case: Case, k: int, pick: int, magnified: float) -> bool:
    """Whether the judgement of an entry is borne out at a point."""
    if right == "either":
        return True
    exact = true(case.operation, k, case.at, pick)
    if exact is None:
        return right == "ours" and math.isnan(case.ours)
    our_error, their_error = (reference.error_in_ulp(x, exact) / magnified for x in (case.ours, case.theirs))
    if right == "theirs":
        return their_error < our_error > RIGHT
    return their_error > AGREE - RIGHT and (our_error <= RIGHT) is (right == "ours")


def cases(name: str) -> Iterator[tuple[Case, list[bool]]]:
    """All disagreements of an operation, and for each entry whether it accounts for it."""
    columns = recorded(name)
    for i, at in enumerate(points.points(name)):
        pick = i % len(at)
        row = ours(name, at, pick)
        for framework, found in columns.items():
            for k, x in enumerate(row):
                column = found[k]
                if column is None or difference(x, column[i]) <= AGREE:
                    continue
                magnified = magnification(name, k, at, pick, row)
                if difference(x, column[i]) > AGREE * magnified:
                    case = Case(name, at, f"d{k - 1}" if k else "value", framework, x, column[i])
                    yield case, [e.covers(case) and holds(e.right, case, k, pick, magnified) for e in ENTRIES]


@functools.cache
def found(name: str) -> list[tuple[Case, list[bool]]]:
    return list(cases(name))


def test_every_public_operation_is_recorded():
    public = [name for name, op in OPERATIONS.items() if getattr(autodiff, name, None) is op]
    assert set(RECORDED) == {*public, *COMPOSED}


@pytest.mark.parametrize("name", RECORDED)
def test_the_points_are_those_of_the_recording(name):
    assert points.checksum(name) == RECORDED[name]["points"]
    assert len(points.points(name)) == points.COUNT


@pytest.mark.parametrize("name", RECORDED)
def test_every_disagreement_with_jax_and_pytorch_is_accounted_for(name):
    unknown = [case for case, entries in found(name) if not any(entries)]
    assert not unknown, f"{len(unknown)} disagreements are in no entry, or its judgement does not hold: {unknown[:5]}"


def test_every_entry_is_needed():
    needed: set[int] = set()
    for name in RECORDED:
        needed |= {entries.index(True) for _, entries in found(name) if sum(entries) == 1}
    unneeded = [ENTRIES[k] for k in range(len(ENTRIES)) if k not in needed]
    assert not unneeded, f"no point needs these any more; take them out: {unneeded}"


def test_entries_name_what_exists():
    for e in ENTRIES:
        assert e.operations == "all" or set(e.operations.split()) <= set(RECORDED)
        assert e.right in ("ours", "theirs", "either", "neither")
        assert e.framework in ("jax", "torch", "both")


def test_the_page_is_current():
    assert disagreements.PAGE.read_text(encoding="utf-8") == disagreements.page(), (
        "the page is out of date; run: python tests/golden/disagreements.py"
    )
