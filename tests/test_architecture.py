"""Arrows between modules go one way, and importing the engine needs the standard library alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import autodiff
from autodiff import ops

ROOT = Path(autodiff.__file__).parent.parent
FILES = sorted(p for name in ("autodiff", "nn") for p in (ROOT / name).rglob("*.py"))
ENGINE = {str(p.relative_to(ROOT)): p for p in FILES if p.relative_to(ROOT).parts[0] == "autodiff"}
ALONE = {"autodiff/show/render.py": {"graphviz"}}  # a drawing is a graphviz.Digraph: loaded when something is drawn


def imports(paths: list[Path]) -> tuple[set[str], set[str]]:
    """Absolute names of all modules that files import: at the top, and within functions."""
    top: set[str] = set()
    inside: set[str] = set()

    def visit(node: ast.AST, found: set[str]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                for other in child.orelse:
                    visit(other, found)
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"imports are absolute, in {child.module}"
                # `from package import module` imports the module, `from module import name` the module too
                names = {f"{child.module}.{alias.name}" for alias in child.names}
                found.update(n for n in names if is_module(n))
                if not all(map(is_module, names)) or child.module not in ("autodiff", "nn"):
                    found.add(str(child.module))
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            visit(child, inside if function else found)

    for path in paths:
        visit(ast.parse(path.read_text(encoding="utf-8")), top)
    return top, inside


def is_module(name: str) -> bool:
    base = ROOT.joinpath(*name.split("."))
    return base.with_suffix(".py").exists() or (base / "__init__.py").exists()


def test_numerics_imports_only_the_standard_library_and_no_engine():
    top, inside = imports([ROOT / "autodiff" / "numerics.py"])
    assert top | inside <= {"__future__", "math", "operator", "collections.abc"}


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_never_imports_nn_and_at_the_top_only_the_standard_library(module):
    top, inside = imports([ENGINE[module]])
    roots = {n.split(".")[0] for n in top}
    assert roots <= set(sys.stdlib_module_names) | {"autodiff"} | ALONE.get(module, set())
    assert "autodiff.show.render" not in top, "imported within functions only"
    assert "nn" not in {n.split(".")[0] for n in inside}
    assert "tests" not in {n.split(".")[0] for n in top | inside}


def loaded_by(statement: str, *flags: str) -> set[str]:
    """Top-level names of the modules that a statement loads in a fresh interpreter."""
    code = (
        "import sys, json; before = set(sys.modules)\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n{statement}\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in set(sys.modules) - before})))"
    )
    done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_importing_loads_only_the_standard_library():
    loaded = loaded_by("import autodiff")
    assert "autodiff" in loaded
    assert loaded <= set(sys.stdlib_module_names) | {"autodiff"}
    assert not loaded & {"graphviz", "pygraphviz", "numpy", "matplotlib", "tqdm", "nn"}


def test_it_works_without_any_installed_package():
    loaded_by(
        "from autodiff import Value, grad_graph\nx = Value(3.0)\ny = x**3\ny.backward()\n"
        "assert x.grad == grad_graph(y, x).data == 27.0",
        "-I",
        "-S",
    )


def test_what_the_namespace_offers():
    assert len(set(autodiff.__all__)) == len(autodiff.__all__)
    for name in autodiff.__all__:
        assert getattr(autodiff, name).__doc__, name


def test_type_checkers_see_every_operation(tmp_path):
    """Of operations made in blocks mypy knows that there is one, and that it gives a Value for a Value."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    lines = ["import autodiff", "y: autodiff.Value = autodiff.exp(autodiff.Value(1.0))"]
    program = tmp_path / "uses.py"
    program.write_text("\n".join([*lines, *(f"autodiff.{name}" for name in ops.PUBLIC)]), encoding="utf-8")
    flags = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *flags, str(program)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    found = [line for line in done.stdout.splitlines() if line.startswith(str(program)) or "uses.py" in line]
    assert not found
    assert "1 source file" in done.stdout
