"""What is left of a number when the function that it belonged to has been traced: nothing that one can compute with."""

from __future__ import annotations

from numbers import Real
from typing import Any, NoReturn

from autodiff.errors import TraceError
from autodiff.operation import COMPARISONS


class Leaked:
    """The data of a Value that outlives the trace that it was made in: whoever asks for the number is told."""

    def __repr__(self) -> str:
        return "<of a function that was recorded>"

    def _told(self, *others: Any) -> NoReturn:
        raise TraceError(
            "a number is used outside of the function that it belongs to: while that was recorded, it stood for "
            "any number, and was kept in an attribute, a global or a list, say; let the function return what is to be "
            "used later"
        )

    def __format__(self, spec: str) -> str:
        return self._told() if spec else repr(self)

    def __reduce__(self) -> NoReturn:
        self._told()


for _name in set(dir(float)) - set(dir(object)) | {f"__{compare.__name__}__" for compare in COMPARISONS}:
    setattr(Leaked, _name, Leaked._told)

Real.register(Leaked)  # for what takes any real number, and asks it for a float
LEAKED: Any = Leaked()
"""It stands in the place of a float."""
