"""The notebooks run, show pictures, and say what the committed copies say."""

from __future__ import annotations

import importlib.util
import re
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need nbformat: pip install nbformat")
pytest.importorskip("nbclient", reason="notebooks are run by nbclient: pip install nbclient")

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PICTURES = {  # at least
    "01": {"image/svg+xml": 10},
    "02": {"image/svg+xml": 3, "image/png": 3},
    "03": {"image/png": 5},
    "04": {"image/svg+xml": 4, "image/png": 3},
    "05": {"image/png": 9},
    "06": {"image/png": 9},
    "07": {"image/png": 3},
}
LARGEST = 300_000

spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
assert spec is not None
assert spec.loader is not None
execute = importlib.util.module_from_spec(spec)
spec.loader.exec_module(execute)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> list[tuple[str, Any]]:
    return [(cell.id, output) for cell in code_cells(notebook) for output in cell.outputs]


def texts(notebook: Any) -> list[tuple[str, str]]:
    """What the cells print and show as text, by cell."""
    return [(id, output.get("text", output.get("data", {}).get("text/plain", ""))) for id, output in outputs(notebook)]


def drawn(notebook: Any) -> list[tuple[str, Counter[str]]]:
    """What the drawings say, by cell. Where on the page it stands is a matter of the Graphviz version."""
    pictures = [(id, output.get("data", {}).get("image/svg+xml")) for id, output in outputs(notebook)]
    return [(id, words(svg)) for id, svg in pictures if svg]


def words(svg: str) -> Counter[str]:
    return Counter("".join(text.itertext()) for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def check_outputs(notebook: Any, pictures: dict[str, int]) -> None:
    kinds: Counter[str] = Counter()
    for id, output in outputs(notebook):
        assert output.output_type in ("stream", "display_data", "execute_result"), id
        assert output.get("name") != "stderr", f"{id} writes to stderr: {output.text}"
        assert len(str(output)) < LARGEST, id
        kinds.update(list(output.get("data", {})))
    assert all(kinds[kind] >= count for kind, count in pictures.items()), kinds


def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == list(PICTURES)


@each_notebook
def test_committed_copy_is_executed_and_clean(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    check_outputs(notebook, PICTURES[path.name[:2]])
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))

    assert notebook.metadata == execute.METADATA
    assert all(cell.metadata == {} for cell in notebook.cells)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for id in ids:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", id), f"{id}: give the cell a name that says what it is about"
    text = path.read_text(encoding="utf-8")
    for trace in (str(ROOT), "/home/", "/root/", "/Users/", "/tmp/", "site-packages", " at 0x", "iopub"):
        assert trace not in text, f"{trace} in {path.name}"


@pytest.mark.slow
@each_notebook
def test_fresh_run_gives_what_the_committed_copy_shows(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("ipykernel", reason="notebooks run in a kernel: pip install ipykernel")
    pytest.importorskip("graphviz", reason="notebooks draw: pip install graphviz pygraphviz")
    pytest.importorskip("matplotlib.font_manager", reason="notebooks plot: pip install matplotlib")  # fills its cache
    if shutil.which("dot") is None:
        pytest.importorskip("pygraphviz", reason="notebooks draw: pip install pygraphviz")
    copy = str(shutil.copy(path, tmp_path))
    execute.main([copy])
    fresh, committed = nbformat.read(copy, as_version=4), nbformat.read(path, as_version=4)
    check_outputs(fresh, PICTURES[path.name[:2]])
    assert texts(fresh) == texts(committed)
    assert drawn(fresh) == drawn(committed)
    assert [path.name for path in tmp_path.iterdir()] == [path.name], "a notebook leaves no files behind"


def test_pictures_of_the_readme_are_those_of_its_first_example(tmp_path: Path) -> None:
    pytest.importorskip("graphviz", reason="drawing: pip install graphviz pygraphviz")
    if shutil.which("dot") is None:
        pytest.importorskip("pygraphviz", reason="drawing: pip install pygraphviz")
    execute.draw_images(tmp_path)
    for name in ("forward.svg", "backward.svg"):
        shown = words((FOLDER / "images" / name).read_text(encoding="utf-8"))
        assert shown == words((tmp_path / name).read_text(encoding="utf-8"))
        assert shown
