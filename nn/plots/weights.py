"""The loss of a model around its weights: a slice through a space of many dimensions, in two directions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from autodiff.value import write
from nn.checks import called, expect, listed, number_of, seed_of
from nn.model.module import Module, evaluating, forward_batch
from nn.plots.landscape import plot_landscape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Directions = Literal["pca", "random"]


class Plane(NamedTuple):
    """A plane in the space of weights: an origin, two orthonormal directions, and how to call them."""

    origin: list[float]
    first: list[float]
    second: list[float]
    names: tuple[str, str]

    def point(self, a: float, b: float) -> list[float]:
        """The weights at a place in the plane."""
        return [w + a * u + b * v for w, u, v in zip(self.origin, self.first, self.second)]

    def place(self, weights: Sequence[float]) -> list[float]:
        """Where in the plane weights are, or their shadow if they are outside."""
        offset = [w - o for w, o in zip(weights, self.origin)]
        return [math.fsum(x * u for x, u in zip(offset, axis)) for axis in (self.first, self.second)]


def weight_plane(
    origin: Sequence[float],
    trajectory: Sequence[Sequence[float]] = (),
    directions: Directions = "random",
    seed: int = 0,
) -> Plane:
    """Choose two orthonormal directions in the space of weights.

    Parameters
    ----------
    origin : sequence of float
        The weights that the plane goes through; two at least.
    trajectory : sequence of weights
        Those after each step or epoch, for "pca".
    directions : {"pca", "random"}
        "pca": the two principal components of the trajectory about the origin, in which it moves most. "random": normal
        random vectors, made orthonormal by Gram and Schmidt's procedure.
    seed : int
        Of the random directions.

    Returns
    -------
    Plane
        The names of principal components tell which share of the trajectory's squared distances lies along each.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If directions are neither, there are less than two weights, weights differ in number, or the trajectory has
        no two directions.

    References
    ----------
    H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, sections 3 and 7.

    Examples
    --------
    >>> plane = weight_plane([0.0, 0.0, 0.0], [[0.0, 9.0, 0.0], [0.0, 0.0, 3.0], [0.0, 3.0, 0.0]], "pca")
    >>> plane.names[0], [round(x, 6) for x in plane.place([7.0, 8.0, 2.0])]
    ('principal direction 1 (90.9% of the path)', [8.0, 2.0])
    """
    if directions not in ("pca", "random"):
        raise ValueError(f'expected the directions "pca" or "random", got {directions!r:.60}')
    start = _weights(origin, "origin")
    trajectory = [
        _weights(place, f"entry {k} of trajectory") for k, place in enumerate(listed(trajectory, _TRAJECTORY))
    ]
    if len(start) < 2:
        raise ValueError(f"expected two weights at least for a plane, got {len(start)}")
    for k, weights in enumerate(trajectory):
        if len(weights) != len(start):
            raise ValueError(f"expected {len(start)} weights in entry {k} of the trajectory, got {len(weights)}")
    if directions == "pca":
        return _principal(start, trajectory)
    rng = random.Random(seed_of(seed))
    first, second = ([rng.gauss(0.0, 1.0) for _ in start] for _ in range(2))
    first = _unit(first)
    along = math.fsum(x * u for x, u in zip(second, first))
    second = _unit([x - along * u for x, u in zip(second, first)])
    return Plane(start, first, second, ("random direction 1", "random direction 2"))


def plot_loss_landscape(
    model: Any,
    rows: Sequence[Any],
    targets: Sequence[Any],
    loss: Callable[[Sequence[Any], Sequence[Any]], Any],
    ax: Axes | None = None,
    *,
    trajectory: Sequence[Sequence[float]] = (),
    directions: Directions | None = None,
    radius: float = 1.0,
    resolution: int = 25,
    seed: int = 0,
) -> Axes:
    """Draw the loss of a model in a plane through its weights, and the path that led there.

    Parameters
    ----------
    model : Module
        Is drawn in evaluation mode. Its weights are changed for the drawing and put back.
    rows, targets : sequence
        The samples on which the loss is measured.
    loss : callable
        Takes the outputs of all rows and the targets; see `nn.losses`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    trajectory : sequence of sequences of float
        The weights after each step or epoch, in the order of ``model.parameters()``.
    directions : {"pca", "random"}, optional
        See `weight_plane`; by default "pca" with a trajectory and "random" without.
    radius : float
        How far to go in each direction where there is no trajectory, in units of the weights; above 0.
    resolution : int
        The loss is measured on a square grid of this many points a side: ``resolution ** 2`` times over all rows.
    seed : int
        Of the random directions.

    Returns
    -------
    Axes
        See `nn.plots.plot_landscape`. The weights as they are lie at (0, 0).

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If the radius is not above 0, or as for `weight_plane` and `nn.plots.plot_landscape`.
    ImportError
        If matplotlib or NumPy is missing.

    Notes
    -----
    It is a slice: of all directions two are seen. Points of the path that lie off the plane are drawn at their shadow
    in it, so the height drawn under them is not their loss, but for the end of the path.
    """
    expect(isinstance(model, Module), "model is an nn.Module, such as an nn.MLP", model)
    called(loss, "loss")
    rows, targets = listed(rows, "rows is a list of rows of numbers"), listed(targets, "targets is a list")
    trajectory = listed(trajectory, _TRAJECTORY)
    radius = number_of(radius, "the radius is a number")
    if not 0.0 < radius < math.inf:
        raise ValueError(f"expected a radius above 0, got {radius}")
    parameters = model.parameters()
    now = [p.data for p in parameters]
    plane = weight_plane(now, trajectory, directions or ("pca" if len(trajectory) else "random"), seed)

    def height(place: list[float]) -> float:
        write(parameters, plane.point(*place))
        return float(loss(forward_batch(model, rows), targets))

    path = [plane.place(weights) for weights in trajectory]
    limits = None if path else (-radius, radius)
    try:
        with evaluating(model):
            drawn = plot_landscape(
                height,
                {"training": path} if path else None,
                ax,
                xlim=limits,
                ylim=limits,
                resolution=resolution,
                names=plane.names,
                height="loss",
            )
    finally:
        write(parameters, now)
    drawn.set_title("loss around the weights")
    return drawn


_TRAJECTORY = "trajectory is a list with the weights after each step"


def _weights(given: Any, what: str) -> list[float]:
    told = f"{what} is a list of numbers"
    return [number_of(x, told) for x in listed(given, told)]


def _principal(origin: list[float], trajectory: Sequence[Sequence[float]]) -> Plane:
    import numpy as np

    offsets = np.asarray(trajectory, dtype=float).reshape(len(trajectory), len(origin)) - np.asarray(origin)
    _, sizes, axes = np.linalg.svd(offsets, full_matrices=False)
    if len(sizes) < 2 or sizes[1] <= 1e-12 * sizes[0]:
        raise ValueError('expected a trajectory that moves in two directions or more; take directions="random"')
    # The sign of a component is arbitrary, and differs between libraries: its furthest point is to be positive.
    first, second = (axis if (along := offsets @ axis)[np.argmax(np.abs(along))] > 0.0 else -axis for axis in axes[:2])
    shares = sizes**2 / (sizes**2).sum()
    names = [f"principal direction {k + 1} ({shares[k]:.1%} of the path)" for k in (0, 1)]
    return Plane(origin, first.tolist(), second.tolist(), (names[0], names[1]))


def _unit(x: list[float]) -> list[float]:
    size = math.hypot(*x)
    return [c / size for c in x]
