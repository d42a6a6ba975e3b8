"""What a person looks at.

`draw` makes nodes and edges of a graph, in the words and colours of `notation`; `render` makes them a picture.
`explain` finds the paths that a gradient comes from, `description` what `help` says of an operation, `hints` what is
said to who asks a number for a name that it does not have, and `tables` are for terminals and Jupyter.
"""

from autodiff.show import description, hints  # noqa: F401  (what `help` says of an operation; of missing names)
from autodiff.show.draw import draw_backward, draw_forward
from autodiff.show.explain import explain
from autodiff.show.tables import html as html_table
from autodiff.show.tables import text as text_table

__all__ = ["draw_backward", "draw_forward", "explain", "html_table", "text_table"]
