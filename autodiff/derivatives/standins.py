"""A function that is called on stand-ins for its numbers, by a transform or to be traced, and what is refused to it.

It shall do what it does for floats. A set or a dict finds a float by its number, but a stand-in by its identity: so the
hash of one is refused. While it is traced, more is: see `autodiff.recording`. A refusal is remembered, and raised once
more when the function is done: one that was caught (by ``except Exception``, or by a library that tries things) would
have let the function go another way than for floats.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from autodiff import recording
from autodiff.derivatives.forward import Dual, real_part
from autodiff.errors import GraphError, TraceError
from autodiff.graph import topological
from autodiff.recording import Trace, innermost, not_recording
from autodiff.value import Value

_HASH = (
    "A set, a dict or a cache would look it up by its identity, where it finds a float by its number: compare by ==, "
    "or take id(v) as the key of a table of nodes"
)


class StandIns:
    """A ``with`` to call it in, in which all is recorded, even inside `no_grad`; `given` stand for the numbers."""

    def __init__(self, given: list[Any]) -> None:
        self.given = given
        self._outer: StandIns | None = None
        self._refusal: Exception | None = None
        self._ids: set[int] = set()
        self._seen = 0

    def __enter__(self) -> None:
        self._outer = innermost.get()  # type: ignore[assignment]  # there is no other kind
        self._tokens = innermost.set(self), not_recording.set(False)

    def __exit__(self, kind: type | None, problem: BaseException | None, traceback: TracebackType | None) -> None:
        innermost.reset(self._tokens[0])
        not_recording.reset(self._tokens[1])
        refusal, self._refusal = self._refusal, None
        if refusal is not None and problem is not refusal and (problem is None or isinstance(problem, Exception)):
            raise refusal from problem

    @property
    def tracer(self) -> Trace | None:
        """What traces it, or a function around it."""
        return None if self._outer is None else self._outer.tracer

    def holds(self, v: Any) -> bool:
        """Whether something is a stand-in, or computed from one."""
        if type(v) is not Value:
            return type(v) is Dual
        if self._seen < len(self.given):
            self._seen = len(self.given)
            self._ids = {id(real_part(x)) for x in self.given}  # a dual number is computed with by its parts
        return not self._ids.isdisjoint(map(id, topological((v,))))

    def owns(self, v: Any) -> bool:
        """Whether something is one of its numbers, or of a function around it."""
        return any(function.holds(v) for function in self._outwards())

    def refuse(self, v: Any, what: str, why: str) -> None:
        """Raise a `TraceError` if something is traced, else a `GraphError`."""
        place = recording.user_place()
        where = ""
        if place is not None:
            source = linecache.getline(*place).strip()
            where = f" at {place[0]}:{place[1]}" + (f": {source}" if source else "")
        name = getattr(v, "label", "") or f"a {type(v).__name__}"
        kind, how = (GraphError, "differentiated") if self.tracer is None else (TraceError, "recorded")
        error = kind(f"{what} of {name} while the function is {how}{where}. {why}")
        if isinstance(error, TraceError):
            error.number = v
        tracer: Any = self.tracer
        for function in self._outwards():
            if function is tracer or function.holds(v):
                function._refusal = function._refusal or error
        raise error

    def check_hash(self, v: Any) -> None:
        """Refuse the hash of a number of this function, or of one around it, except for tables of our own."""
        caller = sys._getframe(2).f_code.co_filename  # of __hash__
        if not caller.startswith(recording.OURS) and self.owns(v):
            self.refuse(v, "the hash", _HASH)

    def _outwards(self) -> Iterator[StandIns]:
        function: StandIns | None = self
        while function is not None:
            yield function
            function = function._outer
