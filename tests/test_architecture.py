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
# The files of each module; a folder counts as one.
ENGINE = {p.stem: [p] for p in (ROOT / "autodiff").glob("*.py")}
ENGINE |= {p.parent.name: sorted(p.parent.glob("*.py")) for p in (ROOT / "autodiff").glob("*/__init__.py")}

# What each module may import from the engine; the drawings may use any of it, and nothing but __init__ uses them.
CORE = {
    "errors": set(),
    "numerics": set(),
    "special": {"numerics"},
    "registry": set(),
    "operation": {"registry"},
    "ops": {"errors", "numerics", "special", "operation"},
    "recording": set(),
    "nonfinite": {"recording", "errors"},
    "tracing": {"errors", "nonfinite"},
    "graph": {"recording", "errors", "nonfinite"},
    "reverse": {"recording", "errors", "nonfinite", "graph"},
    "value": {"errors", "operation", "recording", "tracing", "graph", "reverse"},
    "binding": {"numerics", "operation", "ops", "recording", "nonfinite", "tracing", "value"},
}
CORE["copying"] = {*CORE["value"], "value"}
CORE["forward"] = {"operation", "ops", "recording", "reverse", "value"}
CORE["trees"] = set()
CORE["nesting"] = {"operation", "recording", "reverse", "value", "forward", "trees", "tracing"}
CORE["define"] = {"operation"}
CORE["transforms"] = {*CORE["nesting"], "ops", "nesting", "graph"}
LAZY = {"value": {"copying", "replay"}}  # within functions: these are needed rarely
ALONE = {"render": {"graphviz"}}  # a drawing is a graphviz.Digraph: its module is loaded when something is drawn


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


def of_engine(names: set[str]) -> set[str]:
    """The engine's modules among absolute names; "" is the package itself."""
    return {[*n.split("."), ""][1] for n in names if n.split(".")[0] == "autodiff"}


def test_the_tables_are_of_modules_that_exist():
    assert set(CORE) <= set(ENGINE)


@pytest.mark.parametrize("module", CORE)
def test_arrows_go_one_way(module):
    top, inside = imports(ENGINE[module])
    assert of_engine(top) <= CORE[module] | {module}
    assert of_engine(inside) <= CORE[module] | LAZY.get(module, set())


def test_families_of_operations_use_only_those_before_them():
    order = ["cases", "arithmetic", "choices", "exponentials", "trigonometric", "hyperbolic"]
    order += ["activations", "sequences"]
    assert {*order, "__init__"} == {p.stem for p in ENGINE["ops"]}
    for k, family in enumerate(order):
        top, inside = imports([ROOT / "autodiff" / "ops" / f"{family}.py"])
        used = {n.split(".")[2] for n in top | inside if n.startswith("autodiff.ops.")}
        assert used <= set(order[:k]), family


def test_every_module_of_the_engine_has_its_place():
    """A module that is not in the table draws, explains or replays graphs; the core never imports it."""
    others = set(ENGINE) - set(CORE) - {"__init__"}
    for module in CORE:
        top, inside = imports(ENGINE[module])
        assert not (of_engine(top) | of_engine(inside) - LAZY.get(module, set())) & others
    for module in others:
        top, inside = imports(ENGINE[module])
        assert "" not in of_engine(top | inside), f"{module} imports modules, not the package"


def test_numerics_imports_only_the_standard_library_and_no_engine():
    top, inside = imports(ENGINE["numerics"])
    assert top | inside <= {"__future__", "math", "operator", "collections.abc"}


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_never_imports_nn_and_at_the_top_only_the_standard_library(module):
    top, inside = imports(ENGINE[module])
    roots = {n.split(".")[0] for n in top}
    assert roots <= set(sys.stdlib_module_names) | {"autodiff"} | ALONE.get(module, set())
    assert not of_engine(top) & set(ALONE), "imported within functions only"
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
