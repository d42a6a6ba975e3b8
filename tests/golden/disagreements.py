"""Where JAX or PyTorch give something else than this engine, who is right, and why: judged by hand, checked by tests.

An entry speaks of operations, of values or partials, of one framework or both, and of a class of points.
`test_golden` finds every disagreement in the recording and asks for an entry that covers it and whose judgement holds
there; each entry must be the only one for some point. Run this file as a script to write the page for readers.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from compound import COMPOUND
from elementary import ELEMENTARY

PAGE = Path(__file__).with_name("README.md")
RECORDING = Path(__file__).with_name("operations.json.gz")
ENTRIES = [*ELEMENTARY, *COMPOUND]

HEAD = """# JAX, PyTorch and this engine

Every public operation, its value and its partials were compared with JAX {jax} and PyTorch {torch}, in float64, at 1000
points each: ordinary ones, ones of every size from subnormal to huge, ties, bounds of domains, zeros of both signs,
infinities and nan. `record_operations.py` recorded their answers; `points.py` has the points. Two numbers agree if they
differ by at most 16 units in the last place, times the magnification of roundings where terms cancel
(`test_golden.py` has the factors), or if both are nan; the signs of zeros and nans do not count.

This page lists every disagreement. Where it says that one is *right*, the tests verify it at every such point in
50-digit arithmetic, infinities as limits: *ours* is within 4 units in the last place, theirs not within 12; *theirs* is
nearer. Where there is no value or derivative, nan is right. *Either*: a convention. *Neither*: both lose digits. The
page is made by `disagreements.py`, and a test keeps it current.
"""


def page() -> str:
    """The table as a page for readers."""
    versions = json.loads(gzip.decompress(RECORDING.read_bytes()))["versions"]
    rows = ["| operation | what | of | where | theirs | ours | right | why |", "| --- " * 8 + "|"]
    names = {"jax": "JAX", "torch": "PyTorch", "both": "both"}
    for e in ENTRIES:
        cells = (e.operations, e.what, names[e.framework], e.where, e.theirs, e.ours, e.right, e.why)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEAD.format(**versions) + "\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
