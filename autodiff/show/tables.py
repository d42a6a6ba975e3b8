"""Tables of short texts: for a terminal, and for Jupyter."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def text(header: Sequence[str], rows: Rows) -> str:
    """Columns of equal width, the last one as it is.

    >>> print(text(["name", "number"], [["x", "1.5"], ["longer", "2"]]))
    name   | number
    x      | 1.5
    longer | 2
    """
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    widths[-1] = 0
    return "\n".join(" | ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in (header, *rows))


def html(caption: str, header: Sequence[str], rows: Rows) -> str:
    """The table as HTML, everything in it escaped.

    >>> html("a < b", ["x"], [["1"]])
    '<table><caption>a &lt; b</caption><tr><th>x</th></tr><tr><td>1</td></tr></table>'
    """
    from html import escape  # here: it loads the names of all entities, and few programs write tables

    def line(tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    lines = [line("th", header), *(line("td", row) for row in rows)]
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>"
