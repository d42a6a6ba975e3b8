"""`Drawing`: a `graphviz.Digraph` that becomes a picture on every machine with the extra ``draw``.

The graphviz package only writes the DOT language and calls a program, ``dot``, that most machines do not have.
Here the picture is made by ``dot`` if it is on the PATH, else by the Graphviz libraries inside the pygraphviz
package. This module is imported when something is drawn, not before.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autodiff.errors import RenderError
from autodiff.files import write_atomically

try:
    import graphviz
except ImportError as error:
    raise ImportError("drawing needs the graphviz package; run: pip install graphviz pygraphviz") from error

_FORMATS = ("svg", "png", "pdf")
_TIMEOUT = 120.0  # seconds

# pygraphviz runs in a process of its own: its C libraries write warnings to the stderr that a notebook shows, and an
# unknown format ends the process. Arguments: format, layout engine, folder of the package (which -I may have hidden).
_PYGRAPHVIZ = """
import sys
sys.path.append(sys.argv[3])
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog=sys.argv[2]))
"""


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # the package is not typed
    """A drawn graph. It shows itself in Jupyter, and does all that a `graphviz.Digraph` does.

    `autodiff.draw_forward` and `autodiff.draw_backward` make it. Its ``source`` is the text in the DOT language,
    the same on every run; ``pipe(format="svg")`` gives the picture, ``render("name")`` writes ``name`` (the text)
    and ``name.svg`` (the picture), ``render(outfile="name.png", cleanup=True)`` the picture alone. Nodes and edges
    can be added, as to any Digraph.

    Raises
    ------
    RenderError
        On ``pipe`` and ``render``: without any engine, for a format that the engine cannot write, or if the engine
        fails.

    Notes
    -----
    The engine is the ``dot`` program if it is on the PATH, with all its formats; else pygraphviz, for svg, png and
    pdf. ``render`` replaces a picture only when the new one is complete.

    Examples
    --------
    >>> from autodiff import Value
    >>> from autodiff.show.draw import draw_forward
    >>> x = Value(3.0, label="x")
    >>> drawing = draw_forward(x * x)
    >>> "v1 = x * x" in drawing.source
    True
    """

    def add_in_boxes(self, nodes: Iterable[tuple[tuple[str, ...], str, Sequence[str], dict[str, str]]]) -> None:
        """Add nodes, each inside nested boxes.

        Parameters
        ----------
        nodes : iterable of (boxes, name, lines, attributes)
            The names of the boxes around a node, outermost first; the node's name in DOT, the lines of its label,
            its attributes.
        """
        boxes: dict[tuple[str, ...], graphviz.Digraph] = {(): self}
        for path, name, lines, attributes in nodes:
            for depth in range(1, len(path) + 1):
                if path[:depth] not in boxes:
                    title = {"label": text([path[depth - 1]])}
                    boxes[path[:depth]] = graphviz.Digraph(f"cluster_{len(boxes) - 1}", graph_attr=title)
            boxes[path].node(name, text(lines), **attributes)
        for path in sorted(boxes, key=len, reverse=True):  # the innermost first: adding a box copies its lines
            if path:
                boxes[path[:-1]].subgraph(boxes[path])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.body)} statements in DOT>"

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **kwargs: Any
    ) -> dict[str, bytes | str]:
        try:
            return dict(super()._repr_mimebundle_(include, exclude, **kwargs))
        except RenderError as error:
            return {"text/plain": f"{type(self).__name__}: {error}"}

    # The three hooks through which graphviz 0.20.3 to 0.21 calls the layout program.

    def _pipe_lines(
        self, engine: str, format: str, input_lines: Iterable[str], *, input_encoding: str, **options: Any
    ) -> bytes:
        if shutil.which(engine) is None:
            return _by_pygraphviz("".join(input_lines), format, engine, options)
        options["quiet"] = True  # what it has to say goes into the error, not into the notebook
        try:
            picture: bytes = super()._pipe_lines(engine, format, input_lines, input_encoding=input_encoding, **options)
        except (graphviz.CalledProcessError, graphviz.ExecutableNotFound) as error:
            reason = _last_line(getattr(error, "stderr", None))
            raise RenderError(f"{engine!r} failed to make a {format} picture: {reason}") from error
        return picture

    def _pipe_lines_string(
        self, engine: str, format: str, input_lines: Iterable[str], *, encoding: str, **options: Any
    ) -> str:
        return self._pipe_lines(engine, format, input_lines, input_encoding=encoding, **options).decode(encoding)

    def _render(
        self,
        engine: str,
        format: str,
        filepath: str,
        *,
        outfile: Path | None,
        raise_if_result_exists: bool,
        overwrite_filepath: bool,
        **options: Any,
    ) -> str:
        if outfile is None:
            suffixes = [options["formatter"], options["renderer"], format]
            outfile = Path(".".join([str(filepath), *filter(None, suffixes)]))
        if raise_if_result_exists and outfile.exists():
            raise graphviz.FileExistsError(f"output file exists: {str(outfile)!r}")
        if not overwrite_filepath and outfile.resolve() == Path(filepath).resolve():
            raise ValueError(f"the picture and its source cannot be the same file: {str(outfile)!r}")
        picture = self._pipe_lines(engine, format, iter(self), input_encoding=self.encoding, **options)
        outfile.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(outfile, picture)
        return str(outfile)


def text(lines: Iterable[str]) -> str:
    """A label in DOT that shows lines as they are: no escape, entity or HTML in them means anything.

    Control characters and line breaks become blanks.
    """
    plain = [" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in lines]
    label: str = graphviz.nohtml("\\n".join(p.replace("&", "&amp;").replace("\\", "\\\\") for p in plain))
    return label


def _by_pygraphviz(source: str, format: str, engine: str, options: dict[str, Any]) -> bytes:
    spec = importlib.util.find_spec("pygraphviz")
    if spec is None or spec.origin is None or not sys.executable:
        raise RenderError(
            "no Graphviz engine to draw with, neither the pygraphviz package nor the dot program; "
            "run: pip install pygraphviz"
        )
    special = [name for name in ("renderer", "formatter", "neato_no_op") if options.get(name) is not None]
    if format not in _FORMATS or special:
        what = f"the option {special[0]}" if special else f"the format {format!r}"
        raise RenderError(
            f"{what} needs the dot program on the PATH; pygraphviz, which is used without it, writes "
            f"{', '.join(_FORMATS)}"
        )
    command = [sys.executable, "-I", "-c", _PYGRAPHVIZ, format, engine, str(Path(spec.origin).parent.parent)]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise RenderError(
            f"the layout of the drawing took more than {_TIMEOUT:.0f} s; draw a smaller part of the graph"
        ) from error
    except OSError as error:
        raise RenderError(f"cannot start {sys.executable} to run pygraphviz: {error}") from error
    if done.returncode or not done.stdout:
        raise RenderError(f"pygraphviz failed to make a {format} picture: {_last_line(done.stderr)}")
    return done.stdout


def _last_line(stderr: bytes | str | None) -> str:
    message = stderr.decode(errors="replace") if isinstance(stderr, bytes) else stderr or ""
    return (message.strip().splitlines() or ["it gave no reason"])[-1]
