"""From graphs of Values to a tape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from autodiff.graph import topological
from autodiff.program import SimplifyingTape
from autodiff.value import Value


def transcribe(tape: SimplifyingTape, outputs: Iterable[Value], slots: dict[Value, int]) -> None:
    """Write the graphs of some outputs on a tape; `slots` has those of all leaves, and gets those of other nodes."""
    for v in topological(outputs):
        if v.op is not None and v not in slots:
            slots[v] = tape.apply(
                v.op, [tape.constant(p) if type(p) is float else slots[cast(Value, p)] for p in v.operands]
            )
