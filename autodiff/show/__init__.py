"""What a person looks at: drawings, explanations, tables."""

from autodiff.show.draw import draw_backward, draw_forward
from autodiff.show.explain import explain
from autodiff.show.tables import html as html_table
from autodiff.show.tables import text as text_table

__all__ = ["draw_backward", "draw_forward", "explain", "html_table", "text_table"]
