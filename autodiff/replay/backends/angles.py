"""Sine, cosine and tangent of huge angles, as `numerics` has them, in C and for LLVM.

Next to 0 and to a pole those of the C library are wrong. There the answer is the distance from the nearest multiple of
pi/2, or the inverse. To find it, the angle is multiplied by 2/pi, which is a sum of floats here; each product is one of
two floats, exactly. Of these the whole parts are dropped, and what is left is added up to a sum of three floats.
"""

from __future__ import annotations

import math
import struct
import textwrap
from collections.abc import Iterable

from autodiff.numerics import TWO_OVER_PI

ANGLES = ("sin", "cos", "tan")
"""The primitives that are computed so."""

HUGE = 1e8
"""Below, the C library is right everywhere."""

_REST = 6.123233995736766e-17  # pi/2 minus the float next to it


def pieces() -> list[float]:
    """2**120 * 2/pi as a sum of floats: of all digits that the largest float needs, none of them subnormal."""
    left, found = TWO_OVER_PI, []
    for _ in range(21):
        found.append(left / (1 << 1080))
        n, d = found[-1].as_integer_ratio()
        left -= n * (1 << 1080) // d
    return found


def in_c() -> str:
    """The function ``angle``, of a function of the C library and a number."""
    return f"""\
/* How far a huge number is from the nearest multiple of pi/2. */
static double rest(double x) {{
  static const double two_over_pi[] = {{ /* times 2^120 */
    {_listed(map(repr, pieces()))}}};
  double a = 0.0, b = 0.0, c = 0.0, s, r, part, lost;
  x = ldexp(x, -120);
  for (int k = 0; k < 42; k++) {{
    part = x * two_over_pi[k / 2];
    if (k % 2) part = fma(x, two_over_pi[k / 2], -part);
    part -= rint(part);
    s = a + part;
    lost = (a - (s - (s - a))) + (part - (s - a));
    r = b + lost;
    c += (b - (r - (r - b))) + (lost - (r - b));
    a = s;
    b = r;
  }}
  a = fabs(((a - rint(a)) + b) + c);
  return fma(a, {math.pi / 2!r}, a * {_REST!r});
}}

static double angle(double (*function)(double), double x) {{
  double y = function(x), size = fabs(y);
  if (fabs(x) < {HUGE:g} || (size >= 1e-9 && size <= 1e9) || y != y) return y;
  return copysign(size < 1.0 ? rest(x) : 1.0 / rest(x), y);
}}
"""


def in_llvm(name: str) -> dict[str, str]:
    """The function ``s.sin``, or of another of the three, of one number; and what it calls, by their names."""
    own = f"""\
define internal double @s.{name}(double %x) {{
  %y = call double @{name}(double %x)
  %angle = call double @llvm.fabs.f64(double %x)
  %far = fcmp oge double %angle, {_literal(HUGE)}
  br i1 %far, label %huge, label %usual
huge:
  %size = call double @llvm.fabs.f64(double %y)
  %zero = fcmp olt double %size, {_literal(1e-9)}
  %pole = fcmp ogt double %size, {_literal(1e9)}
  %either = or i1 %zero, %pole
  br i1 %either, label %near, label %usual
near:
  %rest = call double @rest(double %x)
  %inverse = fdiv double 1.0, %rest
  %result = select i1 %pole, double %inverse, double %rest
  %signed = call double @llvm.copysign.f64(double %result, double %y)
  ret double %signed
usual:
  ret double %y
}}"""
    return {"rest": _rest_in_llvm(), f"s.{name}": own}


def _rest_in_llvm() -> str:
    """Step by step that of `in_c`."""
    return f"""\
@two_over_pi = internal constant [21 x double] [
  {_listed(f"double {_literal(x)}" for x in pieces())}
]
define internal double @rest(double %x) {{
entry:
  %small = fmul double %x, {_literal(2.0**-120)}
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%next, %loop]
  %a = phi double [0.0, %entry], [%s, %loop]
  %b = phi double [0.0, %entry], [%r, %loop]
  %c = phi double [0.0, %entry], [%c.next, %loop]
  %half = lshr i64 %k, 1
  %odd = trunc i64 %k to i1
  %at = getelementptr double, ptr @two_over_pi, i64 %half
  %piece = load double, ptr %at
  %product = fmul double %small, %piece
  %minus = fneg double %product
  %left = call double @llvm.fma.f64(double %small, double %piece, double %minus)
  %number = select i1 %odd, double %left, double %product
  %whole = call double @llvm.rint.f64(double %number)
  %part = fsub double %number, %whole
{_sum("a", "part", "s", "lost")}
{_sum("b", "lost", "r", "dust")}
  %c.next = fadd double %c, %dust
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, 42
  br i1 %more, label %loop, label %done
done:
  %turns = call double @llvm.rint.f64(double %s)
  %high = fsub double %s, %turns
  %middle = fadd double %high, %r
  %sum = fadd double %middle, %c.next
  %size = call double @llvm.fabs.f64(double %sum)
  %low = fmul double %size, {_literal(_REST)}
  %result = call double @llvm.fma.f64(double %size, double {_literal(math.pi / 2)}, double %low)
  ret double %result
}}"""


def _sum(a: str, b: str, s: str, lost: str) -> str:
    """Lines that add two numbers, with what the rounding loses."""
    return f"""\
  %{s} = fadd double %{a}, %{b}
  %{s}.{b} = fsub double %{s}, %{a}
  %{s}.{a} = fsub double %{s}, %{s}.{b}
  %{s}.lost.{a} = fsub double %{a}, %{s}.{a}
  %{s}.lost.{b} = fsub double %{b}, %{s}.{b}
  %{lost} = fadd double %{s}.lost.{a}, %{s}.lost.{b}"""


def _literal(x: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


def _listed(numbers: Iterable[str]) -> str:
    return textwrap.fill(", ".join(numbers), 110, break_long_words=False, subsequent_indent="    ")
