"""The operators and methods of `Value`, one for each operation that has one (tests/methods_stub.py)."""

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

    def __lt__(self, b: Methods | float | Real) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

    def __le__(self, b: Methods | float | Real) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

    def __eq__(self, b: object) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

    def __ne__(self, b: object) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

    def __gt__(self, b: Methods | float | Real) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

    def __ge__(self, b: Methods | float | Real) -> bool:
        """A comparison of the numbers; inside `autodiff.compile` a number itself, for `where`."""

    def __add__(self, b: Self | float | Real) -> Self:
        """Sum of two numbers, a + b."""

    def __radd__(self, b: float | Real) -> Self:
        """Sum of two numbers, a + b."""

    def __sub__(self, b: Self | float | Real) -> Self:
        """Difference, a - b."""

    def __rsub__(self, b: float | Real) -> Self:
        """Difference, a - b."""

    def __mul__(self, b: Self | float | Real) -> Self:
        """Product, a * b."""

    def __rmul__(self, b: float | Real) -> Self:
        """Product, a * b."""

    def __truediv__(self, b: Self | float | Real) -> Self:
        """Quotient, a / b. 1/0 is inf and 0/0 is nan: nothing raises."""

    def __rtruediv__(self, b: float | Real) -> Self:
        """Quotient, a / b. 1/0 is inf and 0/0 is nan: nothing raises."""

    def __neg__(self) -> Self:
        """Negation, -a."""

    def __abs__(self) -> Self:
        """Absolute value, |a|; its partial at 0 is 0."""

    def __pow__(self, b: Self | float | Real) -> Self:
        """Power, a**b."""

    def __rpow__(self, b: float | Real) -> Self:
        """Power, a**b."""

    def sqrt(self) -> Self:
        """Square root; its partial at 0 is inf (-inf at -0.0); nan below 0."""

    def cbrt(self) -> Self:
        """Cube root, of negative numbers too; its partial at 0 is inf, on either side."""

    def exp(self) -> Self:
        """Exponential, e**a; inf from a = 709.8 on."""

    def expm1(self) -> Self:
        """e**a - 1, accurate near a = 0."""

    def exp2(self) -> Self:
        """Power of two, 2**a; inf from a = 1024 on."""

    def log(self) -> Self:
        """Natural logarithm; -inf at 0, with partial inf (-inf at -0.0); nan below, with partial nan."""

    def log1p(self) -> Self:
        """log(1 + a), accurate near a = 0; -inf at -1, nan below."""

    def log2(self) -> Self:
        """Logarithm to base 2; at 0 and below as log."""

    def log10(self) -> Self:
        """Logarithm to base 10; at 0 and below as log."""

    def logaddexp(self, b: Self | float | Real) -> Self:
        """log(exp(a) + exp(b)) without overflow; the partials are sigmoid(a - b) and sigmoid(b - a)."""

    def sin(self) -> Self:
        """Sine of an angle in radians."""

    def cos(self) -> Self:
        """Cosine of an angle in radians."""

    def tan(self) -> Self:
        """Tangent of an angle in radians; no float is a pole."""

    def asin(self) -> Self:
        """Arc sine, in radians; its partial at -1 and 1 is inf; nan beyond."""

    def acos(self) -> Self:
        """Arc cosine, in radians; its partial at -1 and 1 is -inf; nan beyond."""

    def atan(self) -> Self:
        """Arc tangent, in radians."""

    def atan2(self, b: Self | float | Real) -> Self:
        """Angle of the point (b, a), in radians from -pi to pi: the arc tangent of a / b, in the right quadrant."""

    def hypot(self, b: Self | float | Real) -> Self:
        """sqrt(a**2 + b**2), without overflow; the partials at the origin are 0 and 0, the subgradient of least norm."""

    def sinh(self) -> Self:
        """Hyperbolic sine."""

    def cosh(self) -> Self:
        """Hyperbolic cosine."""

    def tanh(self) -> Self:
        """Hyperbolic tangent."""

    def asinh(self) -> Self:
        """Inverse hyperbolic sine."""

    def acosh(self) -> Self:
        """Inverse hyperbolic cosine; its partial at 1 is inf; nan below."""

    def atanh(self) -> Self:
        """Inverse hyperbolic tangent; -inf at -1 and inf at 1, with partial inf; nan beyond."""

    def relu(self) -> Self:
        """Rectified linear unit: a for a > 0, else 0; its partial at 0 is 0."""

    def leaky_relu(self, slope: Self | float | Real = 0.01) -> Self:
        """Relu that leaks: x for x > 0, else slope * x; leaky_relu(x, slope=0.01)."""

    def sigmoid(self) -> Self:
        """Logistic function, 1 / (1 + exp(-a))."""

    def log_sigmoid(self) -> Self:
        """log(sigmoid(a)) = -log(1 + exp(-a)), without overflow."""

    def softplus(self) -> Self:
        """log(1 + exp(a)), a smooth relu, without overflow."""

    def elu(self, alpha: Self | float | Real = 1.0) -> Self:
        """Exponential linear unit: x for x > 0, else alpha * (exp(x) - 1); elu(x, alpha=1.0)."""

    def silu(self) -> Self:
        """Sigmoid linear unit (swish), a * sigmoid(a). Its slope is 0 at -1.278; next to it few digits are right."""

    def erf(self) -> Self:
        """Error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to a."""

    def gelu(self) -> Self:
        """Gaussian error linear unit, a times the normal distribution function: a * erfc(-a / sqrt(2)) / 2."""

    def minimum(self, b: Self | float | Real) -> Self:
        """The smaller of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2."""

    def maximum(self, b: Self | float | Real) -> Self:
        """The larger of two numbers; nan if either is nan; the partials at a tie are 1/2 and 1/2."""
