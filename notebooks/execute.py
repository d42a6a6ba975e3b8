"""Run the notebooks in place, and draw the pictures of the README.

``python notebooks/execute.py`` does it for all notebooks of this folder; give file names to choose. What is written
depends on the code alone: no times, no addresses in memory, nothing about the machine.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
TIMEOUT = 300  # seconds a cell


def executed(path: Path) -> Any:
    """Run a notebook from its first cell on, in a fresh kernel that finds the packages of this repository.

    Parameters
    ----------
    path : Path
        The notebook. The file is only read; the kernel starts in its folder.

    Returns
    -------
    nbformat.NotebookNode
        The notebook with its outputs, tidied up (see `tidy`).

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    with tempfile.TemporaryDirectory() as profile:
        client.execute(env=_environment(profile))
    return tidy(notebook)


def tidy(notebook: Any) -> Any:
    """Remove from a notebook what differs from run to run, or from machine to machine.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Is changed.

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain")
            if text is not None:
                output["data"]["text/plain"] = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    return notebook


def draw_images(folder: Path) -> None:
    """Draw the first example of the README: ``forward.svg`` and ``backward.svg``.

    The code is taken from the README itself, so that picture and text fit together.

    Parameters
    ----------
    folder : Path
        Where to write them.
    """
    from autodiff import draw_backward, draw_forward

    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {}
    exec(readme.split("```python\n")[1].split("```")[0], example)
    draw_forward(example["L"]).render(outfile=folder / "forward.svg", cleanup=True)
    draw_backward(example["L"]).render(outfile=folder / "backward.svg", cleanup=True)


def main(names: list[str]) -> None:
    """Run the named notebooks, or all of them and the pictures."""
    from autodiff.files import write_atomically

    for path in map(Path, names) if names else sorted(HERE.glob("*.ipynb")):
        write_atomically(path, nbformat.writes(executed(path)) + "\n")
        print(path.name)
    if not names:
        draw_images(HERE / "images")


def _environment(profile: str) -> dict[str, str]:
    """That of the kernel: it finds the packages, draws into the notebook, and heeds no settings of the user's."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "IPYTHONDIR": profile}
    environment.pop("MPLBACKEND", None)
    return environment


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main(sys.argv[1:])
