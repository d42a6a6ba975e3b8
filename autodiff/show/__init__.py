"""What a person looks at: drawings, explanations, tables."""

from autodiff.show import description  # noqa: F401  (what `help` says of an operation)
from autodiff.show.draw import draw_backward, draw_forward
from autodiff.show.explain import explain

__all__ = ["draw_backward", "draw_forward", "explain"]
