"""A new operation is one block in one file: the block of the contributing notes, in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

USE = """
import math
import autodiff, operations_page, reference
from autodiff import Value, check_op, draw_forward, grad_graph, jvp
from autodiff.operation import OPERATIONS

x = Value(0.75, label="x")
y = x.versin()
assert autodiff.versin(x).op is y.op is autodiff.versin is autodiff.ops.versin
assert "versin" in autodiff.__all__ and Value.versin.__doc__.startswith("Versed sine")
y.backward()
assert (y.data, x.grad) == (autodiff.versin(0.75), math.sin(0.75))
assert grad_graph(grad_graph(y, x), x).data == math.cos(0.75)
assert jvp(autodiff.versin, (0.75,), (2.0,)) == (y.data, 2.0 * math.sin(0.75))
assert "versin(x)" in draw_forward(y).source
assert not check_op(autodiff.versin).skipped
tiny = 2.0**-500  # where the cosine is 1 to 300 digits
assert abs(reference.value("versin", tiny) * 2 / reference.exact(tiny) ** 2 - 1) < 1e-40
assert abs(reference.partials("versin", tiny)[0] / tiny - 1) < 1e-40
row = operations_page.row(autodiff.versin, {})
assert row.startswith("| `versin` | `1 - cos(a)` | `sin(a)` | everywhere | smooth | not measured |"), row
assert row in operations_page.page()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The package and the tests of operations, with one more block in one file."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "autodiff", root / "autodiff", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "tests").glob("*.py"):
        shutil.copy(path, root / path.name)
    notes = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(versin = .*?)```", notes, flags=re.DOTALL)
    with (root / "autodiff" / "ops" / "trigonometric.py").open("a", encoding="utf-8") as file:
        file.write("\n" + block)
    (root / "operations_page.py").write_text(
        (root / "operations_page.py").read_text(encoding="utf-8").replace("parents[1]", f"parents[1] / {str(ROOT)!r}"),
        encoding="utf-8",
    )
    return root


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_has_everything_that_an_operation_has(copy):
    run(copy, "-c", USE)


def test_it_passes_the_generated_tests(copy):
    out = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "versin", "test_ops.py", "test_operation.py")
    passed = re.search(r"(\d+) passed", out)
    assert passed
    assert int(passed[1]) >= 15
