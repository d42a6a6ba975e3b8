"""`compile_graph`: a graph that is there already becomes a `Compiled` function of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from autodiff.errors import GraphError
from autodiff.graph import topological
from autodiff.operation import Nary
from autodiff.replay.compiled import Compiled
from autodiff.value import Value, values

__all__ = ["compile_graph"]


def compile_graph(output: Value, inputs: Any, wrt: Any = None, **options: Any) -> Compiled:
    """Compile a graph that is there already; see `Value.compile`."""
    given = values(inputs, "compile")
    chosen = given if wrt is None else values(wrt, "compile")
    if len(set(given)) < len(given):
        raise ValueError(f"inputs names a Value twice: {next(v for v in given if given.count(v) > 1)!r}")
    strangers = [v for v in chosen if v not in given]
    if strangers:
        raise ValueError(f"wrt holds {strangers[0]!r}, which is none of the inputs")
    order = topological((output,))
    unused = [v for v in given if v not in set(order)]
    if unused:
        raise GraphError(f"the output does not depend on the input {unused[0]!r}")

    def rebuilt(*numbers: Any) -> Any:
        known: dict[Value, Any] = dict(zip(given, numbers))
        for v in order:
            if v not in known:
                operands = [known.get(cast(Value, p), p) for p in v.operands]
                known[v] = (
                    v if v.op is None or all(a is b for a, b in zip(operands, v.operands)) else _apply(v, operands)
                )
        return known[output]

    rebuilt.__name__ = rebuilt.__qualname__ = output.label or "graph"
    return Compiled(rebuilt, argnums=[given.index(v) for v in chosen], **{**_DEFAULTS, **options})


_DEFAULTS: dict[str, Any] = {"in_axes": None, "static_argnums": (), "backend": "auto", "cache_size": 64}


def _apply(v: Value, operands: Sequence[Any]) -> Any:
    op = cast(Any, v.op)
    if isinstance(op, Nary):
        width = len(operands) // op.groups
        return op(*(operands[k * width : (k + 1) * width] for k in range(op.groups)))
    return op(*operands)
