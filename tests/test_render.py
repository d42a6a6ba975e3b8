"""Drawings as pictures: by the dot program, by pygraphviz without it, and what is said when there is neither."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from autodiff import RenderError, Value, scope
from autodiff.show.draw import draw_backward, draw_forward

graphviz = pytest.importorskip("graphviz", reason="drawing needs the extra: pip install graphviz pygraphviz")

needs_pygraphviz = pytest.mark.skipif(
    importlib.util.find_spec("pygraphviz") is None, reason="needs pygraphviz: pip install graphviz pygraphviz"
)
needs_sh = pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a shell script")
FORMATS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A drawing on a machine with no program on the PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    x = Value(3.0, 'x "é" <b>')
    with scope("box & co"):
        y = x * x + x
    return draw_forward(y)


def fake_dot(tmp_path: Path, script: str) -> None:
    program = tmp_path / "bin" / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


# -- pygraphviz --------------------------------------------------------------------------------------------------


@needs_pygraphviz
@pytest.mark.parametrize("format", FORMATS)
def test_pictures_without_any_program(drawing, format: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert drawing.pipe(format=format).startswith(FORMATS[format])
    assert capfd.readouterr() == ("", "")


@needs_pygraphviz
def test_the_svg_shows_every_node_edge_and_box(drawing) -> None:
    svg = ET.fromstring(drawing.pipe(encoding="utf-8"))
    kinds = [element.get("class") for element in svg.iter() if element.get("class")]
    assert [kinds.count(kind) for kind in ("node", "edge", "cluster")] == [3, 4, 1]
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {'x "é" <b>', "3", "9", 'v2 = v1 + (x "é" <b>)', "12", "box & co"} <= set(texts)


@needs_pygraphviz
def test_render_writes_source_and_picture(drawing, tmp_path: Path) -> None:
    assert drawing.render(tmp_path / "g") == str(tmp_path / "g.svg")
    assert (tmp_path / "g").read_text(encoding="utf-8") == drawing.source
    assert (tmp_path / "g.svg").read_bytes().startswith(FORMATS["svg"])
    assert drawing.render(tmp_path / "h.gv", format="png", cleanup=True) == str(tmp_path / "h.gv.png")
    assert drawing.render(outfile=tmp_path / "deep" / "i.pdf", cleanup=True) == str(tmp_path / "deep" / "i.pdf")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"g", "g.svg", "h.gv.png", str(Path("deep", "i.pdf"))}


@needs_pygraphviz
def test_render_keeps_the_options_of_graphviz(drawing, tmp_path: Path) -> None:
    picture = tmp_path / "g.svg"
    drawing.render(outfile=picture)
    with pytest.raises(FileExistsError):
        drawing.render(outfile=picture, raise_if_result_exists=True)
    with pytest.raises(ValueError, match="same file"):
        drawing.render(filename=picture, outfile=picture)


@needs_pygraphviz
def test_jupyter_gets_an_svg(drawing) -> None:
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["image/svg+xml"]
    assert ET.fromstring(bundle["image/svg+xml"].encode()).tag.endswith("svg")
    assert list(drawing._repr_mimebundle_(include=["image/png"])) == ["image/png"]


@needs_pygraphviz
def test_a_format_that_needs_dot_says_so(drawing) -> None:
    with pytest.raises(RenderError, match=r"'gif' needs the dot program.*svg, png, pdf"):
        drawing.pipe(format="gif")
    with pytest.raises(RenderError, match="renderer needs the dot program"):
        drawing.pipe(format="png", renderer="cairo")
    with pytest.raises(ValueError, match="unknown format"):
        drawing.pipe(format="nonsense")


@needs_pygraphviz
def test_a_failing_layout_is_one_error(drawing) -> None:
    drawing.body.append('n0 -> -> "')
    with pytest.raises(RenderError, match=r"pygraphviz failed to make a svg picture: ."):
        drawing.pipe()


@needs_pygraphviz
def test_an_endless_layout_is_ended(drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodiff.show.render._TIMEOUT", 0.001)
    with pytest.raises(RenderError, match="took more than"):
        drawing.pipe()


# -- The dot program ---------------------------------------------------------------------------------------------


@needs_sh
def test_dot_is_preferred(drawing, tmp_path: Path) -> None:
    fake_dot(tmp_path, 'echo "made by dot $*"')
    assert drawing.pipe(format="gif") == b"made by dot -Kdot -Tgif\n"
    assert drawing.pipe(encoding="utf-8") == "made by dot -Kdot -Tsvg\n"
    drawing.render(outfile=tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text() == "made by dot -Kdot -Tsvg\n"


@needs_sh
def test_a_failing_dot_is_one_error_and_leaves_the_old_picture(drawing, tmp_path: Path, capfd) -> None:
    picture = tmp_path / "g.svg"
    picture.write_text("old")
    fake_dot(tmp_path, 'echo half; echo "out of ink" >&2; exit 3')
    with pytest.raises(RenderError, match="'dot' failed to make a svg picture: out of ink"):
        drawing.render(outfile=picture)
    assert picture.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with pytest.raises(RenderError, match="out of ink"):
        drawing.pipe(encoding="utf-8")
    assert capfd.readouterr() == ("", "")


def test_an_interrupted_write_leaves_the_old_picture(drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "g.svg"
    picture.write_text("old")

    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(drawing), "_pipe_lines", lambda *args, **options: b"new")
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        drawing.render(outfile=picture)
    assert picture.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


# -- Neither -----------------------------------------------------------------------------------------------------


def test_without_any_engine_one_error_names_the_command(drawing, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    mend = "pip install pygraphviz"
    with pytest.raises(RenderError, match=mend):
        drawing.pipe(format="svg")
    with pytest.raises(RenderError, match=mend):
        drawing.render(outfile=tmp_path / "g.svg")
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pip install pygraphviz" in bundle["text/plain"]
    assert drawing.source.startswith("digraph")


@pytest.mark.parametrize("draw", [draw_forward, draw_backward])
def test_without_graphviz_one_error_names_the_command(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "autodiff.show.render", raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="pip install graphviz pygraphviz"):
        draw(Value(1.0))


def test_importing_the_functions_imports_no_graphviz() -> None:
    program = "import sys, autodiff.show.draw; print('graphviz' in sys.modules, 'pygraphviz' in sys.modules)"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
