"""Lines of LLVM text on numbers of one width: single ones, or vectors."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache

from autodiff.program import PRIMITIVES


class Lines:
    """Lines in the making, each of which computes something; with what the text calls numbers of that width."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.kind = "double" if width == 1 else f"<{width} x double>"
        self.whole = "i64" if width == 1 else f"<{width} x i64>"
        self.truth = "i1" if width == 1 else f"<{width} x i1>"
        self.suffix = "f64" if width == 1 else f"v{width}f64"
        self.zero = "0.0" if width == 1 else "zeroinitializer"
        self.true = "true" if width == 1 else "splat (i1 true)"
        self.lines: list[str] = []

    def line(self, text: str) -> str:
        """Add a line; the name of what it computes."""
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def number(self, x: float) -> str:
        """A float as LLVM writes it: its bits, so that every one survives."""
        bits = f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"
        return bits if self.width == 1 else f"splat (double {bits})"

    def primitive(self, name: str, operands: Sequence[str]) -> str:
        """The text of a primitive."""
        return _template(name, self.width).format(*operands)

    def prefix(self, name: str) -> str:
        """What stands before the name of the function that computes a primitive; nothing for one of the C library."""
        return "v." if self.width > 1 else "" if PRIMITIVES[name].library else "s."


@cache
def _template(name: str, width: int) -> str:
    """A primitive's column with all but the operands filled in."""
    t = Lines(width)
    words = {"kind": t.kind, "suffix": t.suffix, "truth": t.truth, "true": t.true, "of": t.prefix(name)}
    return PRIMITIVES[name].llvm.format("{0}", "{1}", "{2}", **words)
