"""What all plots share: colours for every kind of sight, new axes, axes with names on them, and saving."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.files import write_atomically
from nn.checks import a_path, affordable, expect, listed, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any colour vision tell apart; black is left for lines. Next to the colour
# there is always a marker or a kind of line, for those who see or print no colours.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
MARKERS = "os^DvPX"
LINES = tuple(PALETTE[k] for k in (5, 0, 2, 3, 1, 4, 6))
"""The colours of runs: first those that stand out most, also on a landscape. A run is to have the same in each plot."""
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))


def require_matplotlib() -> None:
    """Raise an ImportError that names the command if matplotlib is not there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("plots need matplotlib; run: pip install matplotlib") from error


def new_axes() -> Axes:
    """Axes on a new figure, which a notebook shows at the end of the cell."""
    require_matplotlib()
    import matplotlib.pyplot as plt  # not a bare Figure: a notebook shows the figures that pyplot knows of

    return plt.subplots(layout="constrained")[1]


def run_style(k: int) -> dict[str, Any]:
    """How the k-th run is drawn, in each plot alike."""
    return {"color": LINES[k], "linestyle": DASHES[k], "marker": MARKERS[k]}


def steps(start: float, span: float, resolution: int) -> list[float]:
    """So many numbers, evenly spread; a ValueError if not two at least."""
    resolution = whole(resolution, "the resolution", least=-math.inf)
    if resolution < 2:
        raise ValueError(f"expected a resolution of at least 2, got {resolution}")
    affordable(resolution, 32.0, f"a grid of {resolution:,} points a side")
    return [start + span * k / (resolution - 1) for k in range(resolution)]


def two_names(names: Any, what: str) -> tuple[str, str]:
    """The names of two axes."""
    told = f"{what} are the names of two axes"
    first, *rest = listed(names, told) or [None]
    expect(isinstance(first, str) and len(rest) == 1 and isinstance(rest[0], str), told, names)
    return first, rest[0]


def on_axes(ax: Any) -> Axes:
    """The axes that are given, or new ones for None."""
    expect(ax is None or hasattr(ax, "plot"), "ax are Axes of matplotlib, or left out", ax)
    return new_axes() if ax is None else ax


def finished(ax: Axes, title: str, x: str, y: str, legend: bool = True, grid: bool = True) -> Axes:
    """Write a title, names of the axes and a legend, draw a grid, and return the axes."""
    ax.set_title(title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if grid:
        ax.grid(alpha=0.25)
    if legend:
        ax.legend()
    return ax


def save_figure(picture: Axes | Figure, path: str | os.PathLike[str], dpi: float = 150.0) -> None:
    """Save a picture, whole or not at all.

    Parameters
    ----------
    picture : Axes or Figure
        Of Axes the whole figure is saved.
    path : path
        The ending says in which format: ``.png``, ``.svg``, ``.pdf`` and others. An old file is replaced.
    dpi : float
        Dots per inch, for formats made of dots.

    Raises
    ------
    TypeError
        If it is no picture, or the path none.
    ValueError
        If matplotlib does not know the format.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(Figure().subplots(), f"{folder}/empty.png")
    ...     Path(folder, "empty.png").read_bytes()[1:4]
    b'PNG'
    """
    expect(hasattr(picture, "savefig") or hasattr(picture, "figure"), "picture is a Figure, or Axes of one", picture)
    a_path(path)
    figure: Any = picture if hasattr(picture, "savefig") else picture.figure
    kind = Path(path).suffix.lstrip(".").lower()
    known = sorted(figure.canvas.get_supported_filetypes())
    if kind not in known:
        raise ValueError(f"{os.fspath(path)}: expected a name that ends in one of .{', .'.join(known)}")
    page = io.BytesIO()
    figure.savefig(page, format=kind, dpi=dpi)
    write_atomically(path, page.getvalue())
