"""Write `autodiff/methods.pyi`, what type checkers and editors know of Value's operators and methods, from the table.

``python tests/methods_stub.py`` after a change of an operation.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from pathlib import Path

from autodiff.files import write_atomically
from autodiff.operation import COMPARISONS, OPERATIONS, Binary, Op, Tuned

STUB = Path(__file__).parents[1] / "autodiff" / "methods.pyi"

HEAD = '''"""The operators and methods of `Value`, one for each operation that has one (tests/methods_stub.py)."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

from typing_extensions import Self

from autodiff.replay.compiled import Compiled
from autodiff.value import Value

class Methods:
    def compile(
        self, inputs: Value | Iterable[Value], wrt: Value | Iterable[Value] | None = None, **options: Any
    ) -> Compiled[Any]:
        """Compile this node's graph to a function of some of its nodes; see `autodiff.compile`."""

'''
COMPARISON = '''    def {}(self, b: {}) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

'''


def signatures(op: Op) -> Iterator[str]:
    """How the method is called; an operator also from the right."""
    if isinstance(op, Tuned):
        yield f"{op.method}(self, {op.parameter}: Self | float | Real = {op.default})"
    elif isinstance(op, Binary):
        yield f"{op.method}(self, b: Self | float | Real)"
        if op.method.startswith("__"):
            yield f"__r{op.method[2:]}(self, b: float | Real)"
    else:
        yield f"{op.method}(self)"


def stub() -> str:
    """The whole file."""
    lines = [HEAD]
    for compare in COMPARISONS:
        kind = "object" if compare in (operator.eq, operator.ne) else "Methods | float | Real"
        lines.append(COMPARISON.format(f"__{compare.__name__}__", kind))
    for op in OPERATIONS.values():
        if op.method:
            for signature in signatures(op):
                lines.append(f'    def {signature} -> Self:\n        """{op.doc.splitlines()[0]}"""\n\n')
    return "".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    write_atomically(STUB, stub())
