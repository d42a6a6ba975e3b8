"""What a number is asked for by people who come from elsewhere, or slip on a key, and what they want in its place.

Names, each with a hint, stand in the classes as descriptors that raise. A `__getattr__` could guess at any name, but
with one every access to a slot of a node would take five times as long. Of other names Python itself says what is near.
"""

from __future__ import annotations

from typing import Any, NoReturn

from autodiff.derivatives.forward import Dual
from autodiff.value import Value

_NUMBER = "the number is .data, or float() of it"
_BACKWARD = "did you mean .backward()?"
_GRAD = "did you mean .grad, which .backward() of a result fills in?"
_ZERO = "did you mean .zero_grad()?"
_RECORDS = "every Value is differentiated; .detach() and no_grad() make constants"
_INSIDE = (
    "inside jvp, jacobian, hessian, hvp and derivative a number carries its derivative forward, and is no node of a "
    "graph: to differentiate inside, call grad"
)

OF_BOTH = dict.fromkeys(("item", "numpy", "tolist", "value"), _NUMBER)
OF_VALUES = {
    **OF_BOTH,
    **dict.fromkeys(("backwards", "backprop", "bacward"), _BACKWARD),
    **dict.fromkeys(("gradient", "grads"), _GRAD),
    **dict.fromkeys(("zero_grads", "zerograd"), _ZERO),
    "requires_grad": _RECORDS,
    "_prev": "did you mean .operands?",
}
OF_DUALS = {**OF_BOTH, **dict.fromkeys(("backward", "grad", "zero_grad"), _INSIDE)}


class Hint:
    """An attribute that is not there, and says so with a hint."""

    def __init__(self, name: str, hint: str) -> None:
        self.name = name
        self.hint = self.__doc__ = hint

    def __get__(self, x: Any, kind: type | None = None) -> NoReturn:
        kind = kind or type(x)
        told = f"{kind.__name__!r} object has no attribute {self.name!r}; {self.hint}"
        raise AttributeError(told, name=self.name, obj=kind if x is None else x)

    def __set__(self, x: Any, given: Any) -> NoReturn:
        self.__get__(x)


for _kind, _hints in ((Value, OF_VALUES), (Dual, OF_DUALS)):
    for _name, _hint in _hints.items():
        setattr(_kind, _name, Hint(_name, _hint))
