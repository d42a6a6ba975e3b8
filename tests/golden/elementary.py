"""Disagreements on everything, arithmetic, and elementary functions."""

from __future__ import annotations

import math

from judgement import SMALLEST_NORMAL, Entry, at_infinity, at_nan, outside, regular, small

TINY = "an operand, or the result, is subnormal"
NAN = "an operand is nan"

ELEMENTARY = [
    # -- Everywhere --
    Entry(
        *("all", "all", "jax", "ours", TINY, "as if that were 0", "the right number"),
        "XLA on CPUs flushes subnormal numbers to zero, on the way in and out",
        lambda c: any(map(small, c.at)) or small(c.ours),
    ),
    Entry(
        *("silu", "all", "jax", "ours", "sigmoid(x) is subnormal, x < -708", "0", "the right number, 1e-305"),
        "as above, and here the flushed number would still have been multiplied by x",
        lambda c: regular(c) and -746.0 <= c.at[0] < -708.0 and c.theirs == 0.0,
    ),
    Entry(
        *(
            "abs relu minimum maximum leaky_relu elu clip",
            "partials",
            "both",
            "ours",
            NAN,
            "0, 1, -1 or the slope",
            "nan",
        ),
        "the branch is chosen by a comparison, which is false for nan; of a nan no derivative is known",
        at_nan,
    ),
    Entry(
        *("log log1p log2 log10 acosh atanh pow", "partials", "both", "ours", "outside the domain", "a number", "nan"),
        "the formula of the derivative has a value where the function has none",
        lambda c: outside(c) and not at_nan(c),
    ),
    # -- Arithmetic and powers --
    Entry(
        *("abs", "d0", "jax", "either", "x = 0", "1", "0"),
        "the subgradients are -1 to 1; ours is the one of least norm",
        lambda c: c.at[0] == 0.0 and c.ours == 0.0,
    ),
    Entry(
        *("div", "d1", "jax", "ours", "b**2 overflows or underflows", "0, inf or nan", "the right number"),
        "-a / b**2 by the plain formula; ours is -(a / b) / b",
        lambda c: not 1e-308 < c.at[1] * c.at[1] < 1e308,
    ),
    Entry(
        *("pow", "d0", "jax", "either", "b = 0 and a = 0 or nan", "nan", "0"),
        "a**0 is 1 for every a, nan too (IEEE 754), so its derivative is 0; PyTorch's is 0 as well",
        lambda c: c.at[1] == 0.0 and (c.at[0] == 0.0 or at_nan(c)) and c.ours == 0.0,
    ),
    Entry(
        *("pow", "d0", "both", "ours", "a > 0 and b small", "up to 550 ulp off, or inf", "the right number"),
        "b * a**(b - 1) rounds b - 1, and log(a) magnifies that; ours is then b * (a**b / a)",
        lambda c: c.at[0] > 0.0 and abs(c.at[1]) < 1.0 and not at_infinity(c),
    ),
    Entry(
        *("pow", "d0", "both", "ours", "a < 0 and b even, above 2**53", "the wrong sign", "the right sign"),
        "b - 1 is rounded to b, even; truly it is odd, and the power negative",
        lambda c: c.at[0] < 0.0 and 2.0**53 < abs(c.at[1]) < math.inf and c.theirs == -c.ours,
    ),
    Entry(
        *("pow", "d0", "both", "either", "a < 0 and b infinite", "b * |a|**b", "the same with the other sign"),
        "every large float is even, and so is infinity (IEEE 754); ours takes b - 1 for odd, theirs for even",
        lambda c: c.at[0] < 0.0 and math.isinf(c.at[1]) and c.theirs == -c.ours,
    ),
    Entry(
        *("pow", "d1", "torch", "either", "a = 0 and b < 0", "inf or -inf", "nan"),
        "a**b * log(a) is -inf from the right, but a**b is no function of b at a = 0 that could be continued; JAX: nan",
        lambda c: c.at[0] == 0.0 and c.at[1] < 0.0 and math.isinf(c.theirs) and math.isnan(c.ours),
    ),
    Entry(
        *("cbrt", "all", "torch", "ours", "everywhere but near 1", "up to 470 ulp off", "within 4 ulp"),
        "PyTorch has no cube root; sign(x) * |x|**(1/3) rounds 1/3, and log(x) magnifies that",
        lambda c: c.at[0] != 0.0,
    ),
    Entry(
        *("cbrt", "d0", "torch", "ours", "x = 0", "nan", "inf"),
        "the difference quotient tends to inf; in the composition 0 is multiplied by inf",
        lambda c: c.at[0] == 0.0,
    ),
    # -- Exponentials and logarithms --
    Entry(
        *("log10", "d0", "torch", "ours", "x > 7.8e307", "0", "the right number, subnormal"),
        "1 / (x * log(10)): the product overflows",
        lambda c: c.at[0] > 7e307,
    ),
    Entry(
        *("expm1", "d0", "both", "ours", "x < 0", "digits lost, 0 from -37 on", "exp(x)"),
        "y + 1 cancels",
        lambda c: c.at[0] < 0.0,
    ),
    Entry(
        *("exp2", "all", "jax", "ours", "|x| is large", "up to 460 ulp off", "within 4 ulp"),
        "XLA computes exp(x * log(2)), and the rounding of the product counts x times",
        lambda c: abs(c.at[0]) > 4.0,
    ),
    Entry(
        *("exp2", "d0", "torch", "ours", "x = 1024", "inf", "1.246e308"),
        "log(2) * 2**x: the power overflows, though its multiple does not up to 1024.5; ours multiplies its roots",
        lambda c: c.at[0] == 1024.0,
    ),
    Entry(
        *("log1p atanh", "value", "jax", "ours", "0.38 < |x| < 0.42", "up to 130 ulp off", "within 1 ulp"),
        "XLA's log1p is this inexact at -0.42 to -0.38, and its atanh is made of it",
        lambda c: 0.37 < abs(c.at[0]) < 0.43,
    ),
    Entry(
        *("sinh cosh", "all", "jax", "ours", "|x| > 500", "up to 480 ulp off", "within 1 ulp"),
        "XLA computes exp(x + log(1/2)), and the rounding of the sum counts x times",
        lambda c: abs(c.at[0]) > 500.0,
    ),
    Entry(
        *("sinh cosh", "all", "torch", "ours", "709.78 < |x| < 710.48", "inf", "the right number, 1e308"),
        "an overflow on the way: exp(710) is inf, its half is not",
        lambda c: 709.0 < abs(c.at[0]) < 711.0 and math.isinf(c.theirs),
    ),
    # -- Trigonometric and hyperbolic functions --
    Entry(
        *("asin", "value", "jax", "ours", "|x| < 4.5e-308", "0", "x"),
        "JAX computes twice an angle of half the size, and the subnormal half is flushed to zero",
        lambda c: SMALLEST_NORMAL < abs(c.at[0]) <= 2 * SMALLEST_NORMAL,
    ),
    Entry(
        *("asin acos acosh atanh", "d0", "torch", "ours", "next to 1 and -1", "up to 2e7 ulp off", "within 4 ulp"),
        "1 - x**2 cancels; ours is (1 - x) * (1 + x)",
        lambda c: 0.5 < abs(c.at[0]) < 2.0,
    ),
    Entry(
        *("atan asinh acosh", "d0", "both", "ours", "|x| > 1e154", "0", "the right number"),
        "x**2 overflows; ours scales first",
        lambda c: abs(c.at[0]) >= 1e154 and c.theirs == 0.0,
    ),
    Entry(
        *(
            "atan2",
            "partials",
            "both",
            "ours",
            "a**2 + b**2 overflows or underflows",
            "0, inf or nan",
            "the right number",
        ),
        "the plain formula b / (a**2 + b**2); ours scales first",
        lambda c: not (1e-300 < c.at[0] * c.at[0] + c.at[1] * c.at[1] < 1e308) and any(c.at),
    ),
    Entry(
        *("atan2", "partials", "torch", "either", "a = b = 0", "0", "nan"),
        "its derivative has no limit there; JAX: nan",
        lambda c: not any(c.at) and math.isnan(c.ours),
    ),
    Entry(
        *("hypot", "partials", "both", "either", "a = b = 0", "1/2 (JAX) or nan (PyTorch)", "0"),
        "the subgradients fill the unit disc; ours is the one of least norm",
        lambda c: not any(c.at) and c.ours == 0.0,
    ),
    Entry(
        *("hypot", "partials", "both", "ours", "one is infinite", "nan", "1, -1 or 0"),
        "inf / inf; the limits are the direction (1, 0) or (0, 1)",
        at_infinity,
    ),
    Entry(
        *("hypot", "partials", "torch", "ours", "both are subnormal", "digits lost", "the right number"),
        "a / hypot(a, b), where hypot is subnormal and has few digits",
        lambda c: all(map(small, c.at)),
    ),
    Entry(
        *(
            "hypot",
            "partials",
            "jax",
            "ours",
            "a**2 + b**2 overflows or underflows",
            "0, inf or nan",
            "the right number",
        ),
        "large * sqrt(1 + (small / large)**2) is differentiated, the quotient by -a / b**2",
        lambda c: regular(c) and any(c.at) and not 1e-300 < c.at[0] * c.at[0] + c.at[1] * c.at[1] < 1e300,
    ),
]
