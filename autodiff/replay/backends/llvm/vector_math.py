"""Lines of LLVM text on numbers of one width, and functions on vectors in them.

Of these exp, log and tanh go by polynomials, others number by number by the C library's, but for some huge angles.

The polynomials are Taylor series about a reduced argument, with fused multiply-adds: errors stay below 2 ulp, measured
in the tests. For nan, infinities, overflow and underflow they give what the C library gives.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import cache, partial

from autodiff.program import LANES, PRIMITIVES
from autodiff.replay.backends import angles


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
        return "v." if self.width > 1 else "s." if is_function(name, 1) else ""


@cache
def _template(name: str, width: int) -> str:
    """A primitive's column with all but the operands filled in."""
    t = Lines(width)
    words = {"kind": t.kind, "suffix": t.suffix, "truth": t.truth, "true": t.true, "of": t.prefix(name)}
    return PRIMITIVES[name].llvm.format("{0}", "{1}", "{2}", **words)


_LN2_HIGH = 6.93147180369123816490e-01  # its last 20 bits are zero: a product with a small integer is exact
_LN2_LOW = 1.90821492927058770002e-10  # the rest


def definitions() -> list[str]:
    """Declarations of what the text of a program may call."""
    kinds = [("f64", "double"), (f"v{LANES}f64", f"<{LANES} x double>")]
    lines = []
    for suffix, kind in kinds:
        lines += [f"declare {kind} @llvm.{name}.{suffix}({kind})" for name in ("fabs", "sqrt", "floor", "rint")]
        lines += [f"declare {kind} @llvm.{name}.{suffix}({kind}, {kind})" for name in ("copysign", "maxnum", "minnum")]
        lines.append(f"declare {kind} @llvm.fma.{suffix}({kind}, {kind}, {kind})")
    rows = [row for row in PRIMITIVES.values() if row.library]
    lines += [f"declare double @{row.name}({', '.join(['double'] * row.arity)})" for row in rows]
    lines.append(f"declare double @llvm.vector.reduce.fadd.v{LANES}f64(double, <{LANES} x double>)")
    lines.append("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    return lines


def is_function(name: str, width: int) -> bool:
    """Whether a primitive is computed by a function that has to be written, for numbers of that width."""
    if name in angles.ANGLES:
        return True
    return width > 1 if PRIMITIVES[name].library else name in _WRITTEN


@cache
def functions(name: str, width: int) -> dict[str, str]:
    """The definitions of the function that computes a primitive, and of those that it calls, by their names."""
    found = angles.in_llvm(name) if name in angles.ANGLES else {}
    own = f"{'v' if width > 1 else 's'}.{name}"
    if own not in found:
        text = _Text(width)
        x = [f"%x{k}" for k in range(PRIMITIVES[name].arity)]
        result = _WRITTEN[name](text, *x) if name in _WRITTEN else _one_by_one(text, name, x)
        head = f"define internal {text.kind} @{own}({', '.join(f'{text.kind} {p}' for p in x)}) {{"
        found[own] = "\n".join([head, *text.lines, f"  ret {text.kind} {result}", "}"])
    return found


class _Text(Lines):
    """Lines that compute a function."""

    def integer(self, k: int) -> str:
        return str(k) if self.width == 1 else f"splat (i64 {k})"

    def add(self, a: str, b: str) -> str:
        return self.line(f"fadd {self.kind} {a}, {b}")

    def mul(self, a: str, b: str) -> str:
        return self.line(f"fmul {self.kind} {a}, {b}")

    def div(self, a: str, b: str) -> str:
        return self.line(f"fdiv {self.kind} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        return self.call("fma", a, b, c)

    def call(self, name: str, *x: str) -> str:
        arguments = ", ".join(f"{self.kind} {p}" for p in x)
        return self.line(f"call {self.kind} @llvm.{name}.{self.suffix}({arguments})")

    def integers(self, what: str, a: str, b: str) -> str:
        return self.line(f"{what} {self.whole} {a}, {b}")

    def whole_of(self, how: str, x: str) -> str:
        """A number as a whole one: by its bits (`bitcast`) or by its value (`fptosi`)."""
        return self.line(f"{how} {self.kind} {x} to {self.whole}")

    def number_of(self, how: str, k: str) -> str:
        """The way back, by `bitcast` or by `sitofp`."""
        return self.line(f"{how} {self.whole} {k} to {self.kind}")

    def test(self, condition: str, a: str, b: str) -> str:
        return self.line(f"fcmp {condition} {self.kind} {a}, {b}")

    def select(self, test: str, a: str, b: str) -> str:
        return self.line(f"select {self.truth} {test}, {self.kind} {a}, {self.kind} {b}")

    def horner(self, x: str, coefficients: Sequence[float]) -> str:
        """A polynomial, the highest power first."""
        p = self.number(coefficients[0])
        for c in coefficients[1:]:
            p = self.fma(p, x, self.number(c))
        return p

    def power_of_two(self, k: str) -> str:
        """2**k for whole numbers -1022 <= k <= 1023."""
        return self.number_of(
            "bitcast", self.integers("shl", self.integers("add", k, self.integer(1023)), self.integer(52))
        )


def _one_by_one(t: _Text, name: str, x: Sequence[str]) -> str:
    result = "poison"
    for k in range(t.width):
        parts = [t.line(f"extractelement {t.kind} {p}, i32 {k}") for p in x]
        y = t.line(f"call double @{name}({', '.join(f'double {p}' for p in parts)})")
        result = t.line(f"insertelement {t.kind} {result}, double {y}, i32 {k}")
    return result


def _angle(name: str, t: _Text, x: str) -> str:
    """Number by number: by the C library's, or if one of them is huge, by what mends those."""
    huge = t.test("oge", t.call("fabs", x), t.number(angles.HUGE))
    some = t.line(f"icmp ne i{t.width} {t.line(f'bitcast {t.truth} {huge} to i{t.width}')}, 0")
    t.lines += [f"  br i1 {some}, label %some, label %none", "some:"]
    t.lines += [f"  ret {t.kind} {_one_by_one(t, f's.{name}', [x])}", "none:"]
    return _one_by_one(t, name, [x])


def _reduced(t: _Text, x: str, low: float, high: float) -> tuple[str, str]:
    """For x = k log 2 + r, clamped to a range: k, and exp(r) - 1 for the small rest."""
    x = t.call("minnum", t.call("maxnum", x, t.number(low)), t.number(high))
    k = t.call("rint", t.mul(x, t.number(1.0 / math.log(2.0))))
    r = t.fma(k, t.number(-_LN2_LOW), t.fma(k, t.number(-_LN2_HIGH), x))
    # r + r**2 (1/2 + r/6 + ...): the leading term is added last, and exactly
    tail = t.horner(r, [1.0 / math.factorial(i) for i in range(14, 1, -1)])
    return t.whole_of("fptosi", k), t.fma(t.mul(r, r), tail, r)


def _exp(t: _Text, x: str) -> str:
    k, q = _reduced(t, x, -746.0, 710.0)
    half = t.integers("ashr", k, t.integer(1))  # 2**k may be too small or too large to be a number
    p = t.power_of_two(half)
    p = t.mul(t.fma(q, p, p), t.power_of_two(t.integers("sub", k, half)))
    return t.select(t.test("uno", x, x), x, p)


def _log(t: _Text, x: str) -> str:
    small = t.test("olt", x, t.number(2.0**-1022))
    scaled = t.select(small, t.mul(x, t.number(2.0**54)), x)
    b = t.whole_of("bitcast", scaled)
    k = t.integers("ashr", t.integers("sub", b, t.integer(0x3FE6A09E667F3BCD)), t.integer(52))  # sqrt(1/2) has k = 0
    m = t.number_of("bitcast", t.integers("sub", b, t.integers("shl", k, t.integer(52))))
    k = t.add(t.number_of("sitofp", k), t.select(small, t.number(-54.0), t.number(0.0)))
    f = t.add(m, t.number(-1.0))
    q = t.div(f, t.add(f, t.number(2.0)))
    z = t.mul(q, q)
    # log(m) = f - q (f - R), R = 2 z / 3 + 2 z**2 / 5 + ...: f is exact and q f / 1 small beside it
    series = t.mul(z, t.horner(z, [2.0 / (2 * i + 1) for i in range(11, 0, -1)]))
    y = t.line(f"fsub {t.kind} {f}, {t.mul(q, t.line(f'fsub {t.kind} {f}, {series}'))}")
    y = t.fma(k, t.number(_LN2_LOW), y)
    y = t.fma(k, t.number(_LN2_HIGH), y)
    y = t.select(t.test("oeq", x, t.number(0.0)), t.number(-math.inf), y)
    y = t.select(t.test("oeq", x, t.number(math.inf)), t.number(math.inf), y)
    return t.select(t.test("ult", x, t.number(0.0)), t.number(math.nan), y)


def _tanh(t: _Text, x: str) -> str:
    """With m = exp(2 |x|) - 1: m / (m + 2), and the sign put back."""
    k, q = _reduced(t, t.mul(t.call("fabs", x), t.number(2.0)), 0.0, 44.0)
    p = t.power_of_two(k)
    m = t.fma(q, p, t.add(p, t.number(-1.0)))
    y = t.call("copysign", t.div(m, t.add(m, t.number(2.0))), x)
    return t.select(t.test("uno", x, x), x, y)


def _split(t: _Text, x: str) -> tuple[str, str, str]:
    """Whether x is ordinary (not 0, infinite or nan), its mantissa in [1/2, 1) and its exponent, as frexp has them."""
    size = t.call("fabs", x)
    small = t.test("olt", size, t.number(2.0**-1022))
    b = t.whole_of("bitcast", t.select(small, t.mul(x, t.number(2.0**54)), x))
    e = t.integers("and", t.integers("lshr", b, t.integer(52)), t.integer(0x7FF))
    e = t.add(t.number_of("sitofp", e), t.select(small, t.number(-1022.0 - 54.0), t.number(-1022.0)))
    kept = t.integers("and", b, t.integer(-0x7FF0000000000001))
    m = t.number_of("bitcast", t.integers("or", kept, t.integer(0x3FE0000000000000)))
    ordinary = t.line(f"and {t.truth} {t.test('ogt', size, t.number(0.0))}, {t.test('olt', size, t.number(math.inf))}")
    return ordinary, m, e


def _mantissa(t: _Text, x: str) -> str:
    ordinary, m, _ = _split(t, x)
    return t.select(ordinary, m, x)


def _exponent(t: _Text, x: str) -> str:
    ordinary, _, e = _split(t, x)
    return t.select(ordinary, e, t.number(0.0))


def _ldexp(t: _Text, m: str, e: str) -> str:
    """In three steps: 2**e may be too small or too large to be a number; only the last step rounds."""
    e = t.call("minnum", t.call("maxnum", e, t.number(-2900.0)), t.number(2900.0))
    for _ in range(3):
        part = t.call("minnum", t.call("maxnum", e, t.number(-1000.0)), t.number(1000.0))
        m = t.mul(m, t.power_of_two(t.whole_of("fptosi", part)))
        e = t.line(f"fsub {t.kind} {e}, {part}")
    return m


_WRITTEN: dict[str, Callable[..., str]] = {
    "exp": _exp,
    "log": _log,
    "tanh": _tanh,
    "mantissa": _mantissa,
    "exponent": _exponent,
    "ldexp": _ldexp,
    **{name: partial(_angle, name) for name in angles.ANGLES},
}
