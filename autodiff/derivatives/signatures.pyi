"""What the transforms return, for type checkers: functions whose results are shaped like their first argument.

No type tells that a function captured a Value, so that its results are Values where floats are given.
"""

from typing import Any, Protocol, TypeVar, overload

from autodiff.value import Value

T = TypeVar("T")

class Gradient(Protocol):
    """What `grad` returns: for a number a number, for a structure of numbers the same structure."""

    @overload
    def __call__(self, x: float, /, *args: Any, **kwargs: Any) -> float: ...
    @overload
    def __call__(self, x: T, /, *args: Any, **kwargs: Any) -> T: ...

class Gradients(Protocol):
    """What `grad` returns for several `argnums`: a gradient for each."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]: ...

class ValueAndGradient(Protocol):
    """What `value_and_grad` returns."""

    @overload
    def __call__(self, x: float, /, *args: Any, **kwargs: Any) -> tuple[float, float]: ...
    @overload
    def __call__(self, x: Value, /, *args: Any, **kwargs: Any) -> tuple[Value, Value]: ...
    @overload
    def __call__(self, x: T, /, *args: Any, **kwargs: Any) -> tuple[Any, T]: ...

class ValueAndGradients(Protocol):
    """What `value_and_grad` returns for several `argnums`."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]]: ...

class Hessian(Protocol):
    """What `hessian` returns: of a number a number, of a structure one in which each number is such a structure."""

    @overload
    def __call__(self, x: float, /, *args: Any, **kwargs: Any) -> float: ...
    @overload
    def __call__(self, x: Value, /, *args: Any, **kwargs: Any) -> Value: ...
    @overload
    def __call__(self, x: Any, /, *args: Any, **kwargs: Any) -> Any: ...

class Derivative(Protocol):
    """What `derivative` returns, a function of one number."""

    @overload
    def __call__(self, x: float, /) -> float: ...
    @overload
    def __call__(self, x: T, /) -> T: ...
