"""A function of one or two numbers as a landscape, with the paths of descents on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from autodiff.recording import no_grad
from nn.checks import called, expect, listed, number_of
from nn.plots.style import LINES, finished, on_axes, run_style, steps, two_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits = tuple[float, float]
_LEVELS = 24
_MOST_MARKS = 60


def plot_landscape(
    f: Callable[[list[float]], Any],
    paths: Any = None,
    ax: Axes | None = None,
    *,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
    resolution: int = 80,
    names: Sequence[str] = ("x1", "x2"),
    height: str = "f",
) -> Axes:
    """Draw a function of two numbers from above, exactly, and the paths of descents on it.

    Parameters
    ----------
    f : callable
        Takes a list of two floats, returns a number.
    paths : mapping, sequence of points, or result, optional
        The points of a descent; a result of `nn.minimize`, which has them as ``points``; or a mapping of several,
        seven at most, by name.
    ax : Axes, optional
        Where to draw; by default a new figure.
    xlim, ylim : (float, float), optional
        What to show of the first and of the second number; by default all finite points, with a margin.
    resolution : int
        The function is evaluated on a square grid of this many points a side; at least 2.
    names : sequence of two str
        What to write on the axes.
    height : str
        What to write on the colour bar.

    Returns
    -------
    Axes
        Each shade covers the same area, so that valleys show next to high walls; the colour bar tells the heights.
        Where the function is nan or infinite it is white. Paths begin at a ring and end at a star.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If a point has not two numbers, neither points nor limits are given, limits are not a rising pair, the function
        is nowhere finite, there are too many paths or the resolution is too small.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> points = [[4.0, 3.0], [3.2, 1.8], [2.56, 1.08]]
    >>> ax = plot_landscape(lambda x: x[0] ** 2 + 2 * x[1] ** 2, points, Figure().subplots())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x1', 'x2')
    """
    called(f, "f")
    across, up = two_names(names, "names")
    tracks = _tracks(paths, 2)
    places = list(chain.from_iterable(tracks.values()))
    left, right = _limits(xlim, [x for x, _ in places], "xlim")
    bottom, top = _limits(ylim, [y for _, y in places], "ylim")
    xs, ys = steps(left, right - left, resolution), steps(bottom, top - bottom, resolution)
    with no_grad():
        heights = [[_height(f, [x, y]) for x in xs] for y in ys]
    levels = _levels([z for row in heights for z in row if not math.isnan(z)])
    ax = on_axes(ax)
    _shade(ax, xs, ys, heights, levels, f"{height} (each shade: the same area)")
    for k, (name, points) in enumerate(tracks.items()):
        _draw(ax, points, k, name)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    named = any(name for name, points in tracks.items() if points)
    return finished(ax, "landscape", across, up, named, grid=False)


def plot_descent(
    f: Callable[[float], Any],
    paths: Any,
    ax: Axes | None = None,
    *,
    xlim: Limits | None = None,
    resolution: int = 300,
    names: Sequence[str] = ("x", "f(x)"),
) -> Axes:
    """Draw a function of one number, and the steps of descents on it.

    Parameters
    ----------
    f : callable
        Takes a float, returns a number.
    paths : mapping, sequence of numbers, or result
        The numbers at which a descent was; a result of `nn.minimize`; or a mapping of several, seven at most, by name.
    ax : Axes, optional
        Where to draw; by default a new figure.
    xlim : (float, float), optional
        What to show; by default all finite points, with a margin.
    resolution : int
        How often the function is evaluated; at least 2.
    names : sequence of two str
        What to write on the axes.

    Returns
    -------
    Axes
        Paths begin at a ring and end at a star.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        As for `plot_landscape`.
    ImportError
        If matplotlib is missing.
    """
    called(f, "f")
    across, up = two_names(names, "names")
    tracks = _tracks(paths, 1)
    left, right = _limits(xlim, [x for points in tracks.values() for (x,) in points], "xlim")
    xs = steps(left, right - left, resolution)
    ax = on_axes(ax)
    with no_grad():
        ax.plot(xs, [_height(f, x) for x in xs], color="0.5", zorder=0)
        for k, (name, points) in enumerate(tracks.items()):
            _draw(ax, [(x, _height(f, x)) for (x,) in points], k, name)
    ax.set_xlim(left, right)
    return finished(ax, "descent", across, up, any(name for name, points in tracks.items() if points))


def _tracks(paths: Any, size: int) -> dict[str, list[tuple[float, ...]]]:
    """The paths by name; a path without a name gets "" for one."""
    given = paths if isinstance(paths, Mapping) else {} if paths is None else {"": paths}
    if len(given) > len(LINES):
        raise ValueError(f"expected {len(LINES)} paths at the most, got {len(given)}")
    tracks: dict[str, list[tuple[float, ...]]] = {}
    for name, path in given.items():
        told = "paths is a list of points, the result of nn.minimize, or a mapping of names to these"
        tracks[name] = [
            tuple(number_of(x, told) for x in (listed(point, told) if hasattr(point, "__len__") else [point]))
            for point in listed(getattr(path, "points", path), told)
        ]
        for k, point in enumerate(tracks[name]):
            if len(point) != size:
                raise ValueError(f"expected {size} number(s) in point {k} of the path {name!r}, got {len(point)}")
    return tracks


def _limits(given: Limits | None, xs: Sequence[float], name: str) -> Limits:
    """The limits of an axis: as given, or those of the finite points with a margin."""
    if given is not None:
        told = f"{name} is a pair of numbers"
        pair = [number_of(x, told) for x in listed(given, told)]
        expect(len(pair) == 2, told, given)
        low, high = pair
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"expected two rising numbers as {name}, got {given!r:.60}")
        return low, high
    finite = [x for x in xs if math.isfinite(x)]
    if not finite:
        raise ValueError(f"there are no points to find the limits by; give {name}")
    low, high = min(finite), max(finite)
    margin = 0.15 * (high - low) or 0.5 * abs(low) or 1.0
    return low - margin, high + margin


def _height(f: Callable[[Any], Any], x: Any) -> float:
    """The function somewhere; nan where it is infinite or where Python's own floats raise, as 1e200 ** 2 does."""
    try:
        z = float(f(x))
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return z if math.isfinite(z) else math.nan


def _levels(heights: list[float]) -> list[float]:
    """Heights between which equal areas lie: quantiles."""
    if not heights:
        raise ValueError("the function is nowhere finite within the limits; give others")
    ordered = sorted(heights)
    levels = sorted({ordered[round(k * (len(ordered) - 1) / _LEVELS)] for k in range(_LEVELS + 1)})
    low, high = levels[0], levels[-1]
    if low == high:  # a plain
        margin = 0.5 * abs(low) or 1.0
        return [low - margin, low, low + margin]
    return levels if len(levels) > 2 else [low, high, high + (high - low)]


def _shade(
    ax: Axes, xs: Sequence[float], ys: Sequence[float], heights: list[list[float]], levels: list[float], label: str
) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from numpy import linspace, ma

    # Mixed with white, so that paths of any colour stand out from the ground.
    pale = ListedColormap(0.5 + 0.5 * colormaps["cividis"](linspace(0.0, 1.0, 256)))
    masked = ma.masked_invalid(heights)
    filled = ax.contourf(xs, ys, masked, levels=levels, cmap=pale, norm=BoundaryNorm(levels, ncolors=256))
    ax.contour(xs, ys, masked, levels=levels[1:-1:3], colors="black", linewidths=0.4, alpha=0.5)
    bar = ax.figure.colorbar(filled, ax=ax, label=label)
    ticks = levels[:: max(1, len(levels) // 6)]
    bar.set_ticks(ticks, labels=[f"{float(f'{z:.3g}'):g}" for z in ticks])
    bar.minorticks_off()


def _draw(ax: Axes, points: Sequence[Sequence[float]], k: int, name: str) -> None:
    """A path: a line with a mark a step, unless they would touch, a ring at the beginning and a star at the end."""
    points = [point for point in points if all(map(math.isfinite, point))]
    if not points:
        return
    colour, xs, ys = LINES[k], [p[0] for p in points], [p[1] for p in points]
    style = run_style(k) if len(points) <= _MOST_MARKS else run_style(k) | {"marker": ""}
    ax.plot(xs, ys, label=name or "path", markersize=4.5, **style)
    ax.plot(xs[:1], ys[:1], "o", markersize=11, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.6)
    ax.plot(xs[-1:], ys[-1:], "*", markersize=16, color=colour, markeredgecolor="white", markeredgewidth=0.9)
