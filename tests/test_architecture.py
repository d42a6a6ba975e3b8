"""The plan of the house: who may import whom, and that importing the engine needs the standard library alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import house
import pytest

import autodiff
from autodiff import ops

ROOT = Path(autodiff.__file__).parent.parent

PLAN = """
    errors          -                                                            the evening begins
    numerics        -
    operation       -
    recording       -
    ops             numerics operation recording
    graph           errors operation recording
    strict          errors operation recording graph
    reverse         recording graph strict
    value           errors operation recording graph strict reverse
    operators       numerics operation ops recording strict value                and ends

    copying         errors operation recording graph value
    files           -
    derivatives     errors operation ops recording graph strict reverse value
    show            errors files numerics operation ops graph reverse value derivatives
    testing         errors operation graph value derivatives show
    program         errors numerics operation ops                                never value
    replay          errors numerics operation ops recording graph value derivatives show program

    nn.checks       -
    nn.schedules    nn.checks
    nn.metrics      nn.checks
    nn.data         nn.checks
    nn.model        nn.checks
    nn.losses       nn.checks
    nn.optim        nn.checks
    nn.eager        nn.checks nn.data nn.model nn.optim
    nn.replay       nn.data nn.eager nn.losses nn.model nn.optim
    nn.history      nn.checks
    nn.callbacks    nn.history nn.model nn.optim
    nn.train        nn.callbacks nn.checks nn.data nn.eager nn.history nn.losses nn.metrics nn.model nn.optim
                    nn.replay nn.schedules
    nn.minimum      -
    nn.stopping     nn.checks nn.minimum
    nn.minimize     nn.checks nn.minimum nn.model nn.optim nn.schedules nn.stopping
    nn.flow         nn.checks nn.eager nn.model nn.optim
    nn.plots        nn.checks nn.history nn.model
    nn.cli          nn.checks nn.data nn.history nn.losses nn.metrics nn.model nn.optim nn.plots nn.schedules nn.train
    nn.__main__     nn.cli nn.data nn.model nn.schedules
"""
"""Each room, a file or a folder, and the rooms above it that it may import, at the top, in functions, or for types.

Any room of `nn` may also import from `autodiff` what lies open there, and the faces of its folders.
"""


def plan() -> dict[str, set[str]]:
    """The table as full names; remarks stand behind two blanks or more."""
    rows: dict[str, set[str]] = {}
    room = ""
    for line in filter(None, PLAN.splitlines()):
        name, given = line[4:20].strip(), re.split(r"  +", line[20:])[0].split()
        room = full(name) if name else room
        rows[room] = rows.get(room, set()) | {full(other) for other in given if other != "-"}
    return rows


def full(name: str) -> str:
    return name if name.startswith("nn.") else f"autodiff.{name}"


ARROWS = house.arrows(ROOT)
ROOMS = plan()
FOLDERS = {f"autodiff.{p.parent.name}" for p in (ROOT / "autodiff").glob("*/__init__.py")}


def test_the_plan_names_every_room_and_no_other():
    assert set(ROOMS) == {house.room(name) for name in ARROWS} - {"autodiff", "nn"}


def test_in_the_plan_every_room_stands_below_those_it_imports():
    order = list(ROOMS)
    for room, others in ROOMS.items():
        assert all(order.index(other) < order.index(room) for other in others), room


@pytest.mark.parametrize("name", ARROWS)
def test_arrows_go_as_planned(name):
    room = house.room(name)
    if room in ("autodiff", "nn"):  # the faces of the packages show what they like
        return
    for other in ARROWS[name]:
        target = house.room(other)
        if room.startswith("nn.") and target.startswith("autodiff"):
            assert other == target, f"{name} imports {other}, which is behind the door of {target}"
        elif target != room:
            assert target in ROOMS[room], f"{name} imports {other}"


def test_the_plan_allows_no_more_than_there_is():
    rooms = house.by_room(ARROWS)
    for room, others in ROOMS.items():
        assert others <= rooms[room], f"{room} does not import {others - rooms[room]}: strike it from the plan"


def test_nothing_imports_a_face_above_it():
    for name, others in ARROWS.items():
        for other in others & FOLDERS:
            assert house.room(name) != other, f"{name} imports the face of its own folder"
        assert not {"autodiff", "nn"} & others or name.startswith(("nn.cli", "nn.__main__"))


def test_there_is_no_circle():
    assert house.circles(ARROWS) == []
    assert house.circles(house.by_room(ARROWS)) == []


def test_no_two_files_of_a_package_have_one_name():
    assert house.namesakes(ROOT) == []


def test_families_of_operations_use_only_those_before_them():
    order = ["special", *house.FAMILIES]
    for k, family in enumerate(order):
        used = {other.split(".")[2] for other in ARROWS[f"autodiff.ops.{family}"] if other.startswith("autodiff.ops.")}
        assert used <= set(order[:k]), family


ALONE = {"autodiff.show.render": {"graphviz"}}  # a drawing is a graphviz.Digraph: loaded when something is drawn


@pytest.mark.parametrize("path", [p for p in house.sources(ROOT) if p.is_relative_to(ROOT / "autodiff")], ids=str)
def test_at_the_top_the_engine_imports_only_the_standard_library(path):
    found = house.imports(path, ROOT)
    name = house.module(path, ROOT)
    roots = {other.split(".")[0] for other in found.top}
    assert roots <= set(sys.stdlib_module_names) | {"autodiff"} | ALONE.get(name, set()) | typing_alone(path)
    assert "autodiff.show.render" not in found.top, "imported within functions only"
    assert not {"nn", "tests"} & {other.split(".")[0] for other in found.all}


def typing_alone(path: Path) -> set[str]:
    """What a stub may import besides: type checkers bring it."""
    return {"typing_extensions"} if path.suffix == ".pyi" else set()


def test_numerics_knows_nothing_of_the_engine():
    assert house.imports(ROOT / "autodiff" / "numerics.py", ROOT).all <= {
        "__future__",
        "collections.abc",
        "math",
        "operator",
    }


READ = re.compile(r"^\| \d+ \| \[`(?P<path>[\w/.]+)`\]\([\w/.]+\) \| (?P<lines>\d+) \|", re.MULTILINE)


def test_the_evening_is_as_the_readme_says():
    """At most 2,000 net lines, file by file, in this order."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {found["path"]: int(found["lines"]) for found in READ.finditer(readme)}
    assert list(told.items()) == list(house.evening(ROOT).items()), "run python tests/house.py, and mend the README"
    whole = sum(told.values())
    assert whole <= 2000
    assert f"{whole:,} net lines" in readme


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
