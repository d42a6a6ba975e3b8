"""What `house` measures, seen on a house of a few lines."""

from __future__ import annotations

import subprocess
import sys

import house
import pytest

FILES = {
    "autodiff/__init__.py": '"""Face."""\nfrom autodiff.value import Value\n',
    "autodiff/errors.py": '"""Two\nlines."""\n\n# why\nA = 1; B = 2  # two statements, a line\n\n"""Of B."""\n',
    "autodiff/value.py": (
        "from typing import TYPE_CHECKING\n"
        "from autodiff import errors\n"
        "if TYPE_CHECKING:\n    from autodiff.show.draw import Drawing\n"
        "class Value:\n"
        '    """A node."""\n'
        "    def draw(self):\n"
        '        """Draw it."""\n'
        "        from autodiff.show import draw\n"
        "        return draw.drawn(self)\n"
    ),
    "autodiff/show/__init__.py": "",
    "autodiff/show/draw.py": "import math\nimport autodiff.files\nfrom autodiff.errors import A\ndef drawn(v): ...\n",
    "autodiff/files.py": "import importlib\ndef load():\n    return importlib.import_module('autodiff.value')\n",
    "autodiff/core.c": "/* a\n   b */\nint x; // said\n\n// said\nint y;\n",
    "autodiff/value.pyi": "class Value: ...\n",
    "autodiff/ops/__init__.py": "x = 1\n",
    "autodiff/ops/cases.py": "x = 1\n",
    "autodiff/ops/special.py": "x = 1\n",
    "nn/__init__.py": "import autodiff\n",
}


@pytest.fixture
def root(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "lines", "statements"),
    [
        ("autodiff/errors.py", 2, 2),  # what stands below a name is not a docstring, but no statement either
        ("autodiff/value.py", 8, 8),
        ("autodiff/core.c", 2, 0),
        ("autodiff/value.pyi", 0, 0),
        ("autodiff/show/__init__.py", 0, 0),
    ],
)
def test_net_lines_and_statements(root, path, lines, statements):
    assert (house.net_lines(root / path), house.statements(root / path)) == (lines, statements)
    assert house.size([root / path]) == (1, lines, statements)


def test_files_of_one_name(root):
    assert house.namesakes(root) == []
    (root / "nn" / "errors.py").touch()
    (root / "autodiff" / "show" / "errors.py").touch()
    assert house.namesakes(root) == [["autodiff/errors.py", "autodiff/show/errors.py"]]


def test_imports_of_each_kind(root):
    value = house.imports(root / "autodiff/value.py", root)
    assert value == ({"typing", "autodiff.errors"}, {"autodiff.show.draw"}, {"autodiff.show.draw"})
    assert value.all == {"typing", "autodiff.errors", "autodiff.show.draw"}
    files = house.imports(root / "autodiff/files.py", root)
    assert files == ({"importlib"}, {"autodiff.value"}, set())


def test_relative_imports_are_refused(tmp_path):
    (tmp_path / "a.py").write_text("from . import b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="absolute"):
        house.imports(tmp_path / "a.py", tmp_path)


def test_arrows_circles_and_layers(root):
    arrows = house.arrows(root)
    assert arrows["autodiff"] == {"autodiff.value"}
    assert arrows["autodiff.show.draw"] == {"autodiff.files", "autodiff.errors"}
    assert house.circles(arrows) == [["autodiff.files", "autodiff.show.draw", "autodiff.value"]]
    assert house.layers(house.by_room(arrows)) == [
        ["autodiff.errors", "autodiff.ops"],
        ["autodiff.files", "autodiff.show", "autodiff.value"],
        ["autodiff"],
        ["nn"],
    ]
    assert house.circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert house.layers({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == [["c"], ["b"], ["a"]]


def test_the_evening_in_order(root):
    assert house.evening(root) == {"errors.py": 2, "ops/__init__.py": 1, "ops/cases.py": 1, "value.py": 8}


def test_the_tables(root):
    flags = ["--checkout", str(root), "--files", "--arrows"]
    done = subprocess.run([sys.executable, house.__file__, *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "1 circles of 3:" in done.stdout
    assert done.stdout.count("the evening in all") == 1


def test_in_this_house_every_file_is_in_one_layer():
    arrows = house.arrows()
    placed = [name for layer in house.layers(arrows) for name in layer]
    assert sorted(placed) == sorted(arrows)
    sizes = [house.size(house.sources()), *(house.size([p]) for p in house.sources())]
    assert sizes[0].lines == sum(s.lines for s in sizes[1:])
