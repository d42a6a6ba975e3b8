"""How drawings look: the same on a light and on a dark page, and told apart by the colour-blind."""

from __future__ import annotations

import math
from collections.abc import Iterable

_INK, _GREY = "#111827", "#808080"  # text on the light fills; lines that show on white and on black
NODES = {
    "shape": "box",
    "style": "rounded,filled",
    "fontname": "Helvetica,Arial,sans-serif",
    "fontsize": "12",
    "fontcolor": _INK,
    "color": _GREY,
    "fillcolor": "#ffffff",
    "margin": "0.14,0.07",
    "height": "0.3",
    "width": "0.3",
}
ROLES = {
    "parameter": {"fillcolor": "#bfdbfe", "color": "#2563eb"},
    "input": {"fillcolor": "#e5e7eb"},
    "operation": {},
}
CONSTANT = {"fillcolor": "#f3f4f6", "style": "rounded,filled,dotted", "fontsize": "10", "margin": "0.06,0.03"}
_POSITIVE = ("#fff7ed", "#fdba74", "#cf6f0a")  # weakest fill, strongest fill, line
_NEGATIVE = ("#eff6ff", "#93c5fd", "#3b82f6")
_UNDEFINED = ("#f5d0fe", "#f5d0fe", "#c026d3")
EDGES = {"fontname": NODES["fontname"], "fontsize": "10", "fontcolor": _GREY, "color": _GREY, "arrowsize": "0.7"}
GRAPH = {"bgcolor": "transparent", "fontname": NODES["fontname"], "fontsize": "11", "fontcolor": _GREY}
GRAPH |= {"color": _GREY, "style": "rounded", "nodesep": "0.25", "ranksep": "0.45"}


def largest(numbers: Iterable[float]) -> float:
    """The largest finite absolute value: what shades are relative to."""
    return max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)


def shade(x: float, top: float) -> tuple[str, str, float]:
    """Fill, line colour and strength (0 to 1) for a signed number. The square root keeps small numbers visible."""
    if x == 0.0:
        return "#e5e7eb", _GREY, 0.0
    weak, strong, line = _UNDEFINED if x != x else _POSITIVE if x > 0.0 else _NEGATIVE
    strength = math.sqrt(abs(x) / top) if abs(x) < top else 1.0
    return _blend(weak, strong, strength), line, strength


def _blend(weak: str, strong: str, share: float) -> str:
    pairs = [(int(weak[k : k + 2], 16), int(strong[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
