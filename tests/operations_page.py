"""Write the page of all operations, `autodiff/ops/README.md`, from the operations themselves.

``python tests/operations_page.py`` after a change of an operation or of the measured errors. Each derivative is
recorded: the rule is run on Values with names, and the graph is written out. So the page says what the code does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autodiff import ops
from autodiff.files import write_atomically
from autodiff.operation import OPERATIONS, Op, Tuned
from autodiff.show.description import derivatives, domain
from autodiff.show.notation import number

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "autodiff" / "ops" / "README.md"
RECORD = ROOT / "tests" / "golden" / "accuracy.json"
SWEEPS = ROOT / "tests" / "golden" / "sweeps.json"

FAMILIES = ["arithmetic", "choices", "exponentials", "trigonometric", "hyperbolic", "activations", "sequences", "cases"]

INTRODUCTION = """# All operations

Every operation with its derivative, as the code has it. This page is written by `python tests/operations_page.py`: the
derivatives are recorded graphs, the answers at singular points are computed, the errors are those that
`tests/deep/accuracy.py` measured. A test fails if the page is out of date.

- *Formula*: the definition that tests evaluate in 50 digits and more. The operands are `a` and `b`, or the sequences
  `xs` and `ys`. The float functions go about it in other ways, which neither cancel nor overflow.
- *Derivative*: the rule, which also runs on Values and so gives derivatives of any order. `sech2`, `share` and the like
  are operations themselves; they are in the last tables. Of a sequence of three, the first partial stands for all that
  are alike.
- *At singular points*: value; partials. At a kink the partial is the true derivative if there is one, else the sub- or
  supergradient of least norm, else what continuity asks for, else nan. Outside the domain all is nan.
- *Error*: the worst that was found, of the value; of the partials, in units in the last place, over that many points of
  all sizes. Where a rounding counts for more than one by the nature of the function, the error is divided by that
  factor; these exceptions and their reasons are in [`tests/deep/bars.py`](../../tests/deep/bars.py).
"""

HEAD = """| operation | formula | derivative | domain | at singular points | error (ulp) | points | what it is |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


SINGULAR: dict[str, Sequence[tuple[float, ...]]] = {
    "clip": [(0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 1.0)],
    "where": [(0.0, 1.0, 2.0)],
    "peak": [(1.0, 1.0)],
}
"""Points of operations on sequences, which do not tell of their singular sets."""


def singular_points(op: Op) -> list[tuple[float, ...]]:
    """Points at which the operation is singular: the ends of the domain, zeros, ties."""
    if op.name in SINGULAR or op.singular is None:
        return list(SINGULAR.get(op.name, ()))
    candidates: list[tuple[float, ...]] = [(-1.0,), (0.0,), (1.0,)]
    if op.arity == 2:
        candidates = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (0.0, -1.0)]
    if isinstance(op, Tuned):
        candidates = [(0.0, op.default)]
    return [at for at in candidates if op.singular(*at) == 0.0]


def answers(op: Op) -> str:
    """The value and the partials at singular points."""
    if op.singular is None and op.name not in SINGULAR:
        return "smooth"
    found = []
    for at in singular_points(op):
        y = op.value(*at) if op.arity else op.value(at)
        partials = [0.0 if p is None else p for p in op.partials(y, at, [True] * len(at))]
        place = number(at[0]) if len(at) == 1 else f"({', '.join(map(number, at))})"
        found.append(f"`{place}`: {number(y)}; {', '.join(map(number, partials))}")
    return "<br>".join(found) or "at no float"


def prose(op: Op) -> str:
    """The docstring in Markdown, on one line; what is no formula in it must not turn bold at its powers."""
    text = " ".join(op.doc.split()).replace("``", "`").replace("|", r"\|")
    return "`".join(part if k % 2 else part.replace("*", r"\*") for k, part in enumerate(text.split("`")))


def row(op: Op, record: dict[str, Any]) -> str:
    """One line of a table."""
    name = f"`{op.name}`"
    if isinstance(op, Tuned):
        name += f"<br>`b` is `{op.parameter}`, by default {number(op.default)}"
    rules = derivatives(op)
    slopes = "<br>".join(f"{f'd/d{x}: ' if len(rules) > 1 or not op.arity else ''}`{text}`" for x, text in rules)
    measured = record.get(op.name)
    error, points = "not measured", ""
    where = ", ".join(f"`{part}`" for part in domain(op)) or "everywhere"
    if measured:
        error = f"{measured['value']:.3g}; {', '.join(f'{e:.3g}' for e in measured['partials'])}"
        points = f"{measured['points']:,}"
    return f"| {name} | `{op.formula}` | {slopes} | {where} | {answers(op)} | {error} | {points} | {prose(op)} |"


def defined_in(family: str, taken: set[str]) -> list[Op]:
    """The operations of a family, in the order of the file; those it imports are taken already."""
    names = vars(sys.modules[f"autodiff.ops.{family}"])
    here = {op.name for op in names.values() if isinstance(op, Op)} - taken
    return [op for name, op in OPERATIONS.items() if name in here]


def tables(record: dict[str, Any]) -> Iterator[str]:
    """The tables of what users call, a family each; then those of the derivatives that are operations themselves."""
    taken = {op.name for op in defined_in("cases", set())}
    helpers: list[tuple[str, list[Op]]] = []
    for family in FAMILIES:
        module = sys.modules[f"autodiff.ops.{family}"]
        title = (module.__doc__ or "").splitlines()[0].rstrip(".")
        found = defined_in(family, taken if family != "cases" else set())
        taken |= {op.name for op in found}
        public = [op for op in found if op.name in ops.PUBLIC]
        helpers.append((title, [op for op in found if op not in public]))
        if public:
            yield f"\n## {title}\n\n{HEAD}\n" + "\n".join(row(op, record) for op in public)
        for name in made_of_others(module.__name__):
            yield f"\n`{name}`: {(getattr(ops, name).__doc__ or '').splitlines()[0]}"
    yield "\n## Derivatives that are operations themselves\n\nThey have no name in the `autodiff` namespace."
    for title, found in helpers:
        if found:
            yield f"\n### {title}\n\n{HEAD}\n" + "\n".join(row(op, record) for op in found)


def made_of_others(module: str) -> Sequence[str]:
    """Public functions of a family that are no operations, but made of them."""
    return [name for name in ops.PUBLIC if name not in OPERATIONS and getattr(ops, name).__module__ == module]


GRAPHS = """
## Gradients of whole graphs

What comes of these errors when operations are combined, as `tests/deep/sweeps.py` measured it.
"""


def page() -> str:
    """The whole page."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    swept = json.loads(SWEEPS.read_text(encoding="utf-8"))["summary"].rstrip("\n")
    return "\n".join([INTRODUCTION.rstrip("\n"), *tables(record), GRAPHS, swept]) + "\n"


if __name__ == "__main__":
    write_atomically(PAGE, page())
