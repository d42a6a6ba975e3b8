"""Pictures of data, of trainings and of what was learned.

Each takes Axes to draw on (``ax=``, by default those of a new figure) and returns them; none shows itself.

Read `style` first, what all share; then `curves`, `boundary` and `landscape`; `weights` is a landscape around a model.
"""

from nn.plots.boundary import plot_decision_boundary
from nn.plots.curves import (
    learning_curve_figure,
    plot_gradient_flow,
    plot_learning_curve,
    plot_lr_finder,
    plot_optimizers,
)
from nn.plots.landscape import plot_descent, plot_landscape
from nn.plots.style import DASHES, LINES, MARKERS, PALETTE, require_matplotlib, save_figure
from nn.plots.weights import plot_loss_landscape, weight_plane

__all__ = [
    "DASHES",
    "LINES",
    "MARKERS",
    "PALETTE",
    "learning_curve_figure",
    "plot_decision_boundary",
    "plot_descent",
    "plot_gradient_flow",
    "plot_landscape",
    "plot_learning_curve",
    "plot_loss_landscape",
    "plot_lr_finder",
    "plot_optimizers",
    "require_matplotlib",
    "save_figure",
    "weight_plane",
]
