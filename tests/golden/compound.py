"""Disagreements on activations, sums of exponentials, sequences and choices."""

from __future__ import annotations

import math

from judgement import Entry, at_infinity, regular, small, two_infinities

COMPOUND = [
    # -- Activations and special functions --
    Entry(
        *("tanh", "d0", "both", "ours", "|x| > 1/2", "digits lost, 0 from 19 on", "within 4 ulp"),
        "1 - y**2 cancels; ours is 1 / cosh(x)**2",
        lambda c: abs(c.at[0]) > 0.5,
    ),
    Entry(
        *("sigmoid", "d0", "both", "ours", "x > 1", "digits lost, 0 from 37 on", "within 4 ulp"),
        "y * (1 - y) cancels; ours is sigmoid(x) * sigmoid(-x)",
        lambda c: c.at[0] > 1.0,
    ),
    Entry(
        *("sigmoid", "all", "both", "ours", "x < -708", "0", "the right number, subnormal"),
        "exp(-x) overflows, or is near it, in their 1 / (1 + exp(-x))",
        lambda c: c.at[0] < -708.0,
    ),
    Entry(
        *("erf", "d0", "both", "ours", "|x| > 3", "up to 200 ulp off", "within 4 ulp"),
        "exp(-x**2): the rounding of x**2 counts x**2 times; ours splits x**2 in two numbers",
        lambda c: abs(c.at[0]) > 3.0,
    ),
    Entry(
        *("softplus", "all", "torch", "ours", "x > 20", "x, with partial 1", "the right number"),
        "PyTorch has a threshold, 20, beyond which it takes softplus for the identity: up to 3e5 ulp off",
        lambda c: c.at[0] > 20.0,
    ),
    Entry(
        *("silu gelu", "all", "both", "ours", "x is infinite", "nan", "the limit: 0, and 0 or 1"),
        "inf * 0",
        at_infinity,
    ),
    Entry(
        *("silu", "all", "torch", "ours", "x < -744", "0", "the right number, subnormal"),
        "exp(-x) overflows, or is near it, in their sigmoid",
        lambda c: -747.0 < c.at[0] < -744.0,
    ),
    Entry(
        *("gelu", "all", "jax", "ours", "x < -2", "up to 1500 ulp off", "within 4 ulp"),
        "erfc(-x / sqrt(2)): the rounding of the quotient counts x**2 times; ours carries it along",
        lambda c: c.at[0] < -2.0,
    ),
    Entry(
        *("gelu", "all", "torch", "ours", "x < -1/2", "digits lost, 0 from -8.3 on", "within 4 ulp"),
        "1 + erf(x / sqrt(2)) cancels; ours is erfc",
        lambda c: c.at[0] < -0.5,
    ),
    Entry(
        *("leaky_relu", "d0", "jax", "either", "x = 0", "1", "the slope"),
        "a kink: the derivative of the right side, or of the left, as in PyTorch",
        lambda c: c.at[0] == 0.0 and c.ours == c.at[1],
    ),
    Entry(
        *(
            "leaky_relu",
            "all",
            "jax",
            "either",
            "x = 0, and the slope is inf or nan",
            "0, with partials nan",
            "nan, slope",
        ),
        "at 0 the slope has no part in JAX's value; ours is slope * 0, and the partial the slope, as in PyTorch",
        lambda c: c.at[0] == 0.0 and not math.isfinite(c.at[1]),
    ),
    Entry(
        *("leaky_relu", "partials", "jax", "ours", "x > 0, and x or the slope is infinite", "nan", "1 and 0"),
        "where() multiplies the branch that is not taken by 0, and inf * 0 is nan",
        lambda c: c.at[0] > 0.0 and at_infinity(c),
    ),
    Entry(
        *("leaky_relu", "partials", "jax", "either", "x > 0, and the slope is nan", "nan", "1 and 0"),
        "the slope has no part in the value, which is x in JAX too; PyTorch's partial is 1",
        lambda c: c.at[0] > 0.0 and math.isnan(c.at[1]) and c.ours == (c.what == "d0"),
    ),
    Entry(
        *("elu", "value", "torch", "either", "x = 0, and alpha is inf or nan", "0", "nan"),
        "at 0 alpha has no part in PyTorch's value; ours is alpha * 0",
        lambda c: c.at[0] == 0.0 and not math.isfinite(c.at[1]) and math.isnan(c.ours),
    ),
    Entry(
        *("elu", "d0", "jax", "ours", "x < 0", "digits lost, 0 from -37 on", "alpha * exp(x)"),
        "alpha * (expm1(x) + 1) cancels",
        lambda c: c.at[0] < 0.0,
    ),
    # -- Sums of exponentials --
    Entry(
        *(
            "logaddexp",
            "partials",
            "both",
            "ours",
            "the operands are large or far apart",
            "digits lost",
            "within 4 ulp",
        ),
        "exp(a - y): y is rounded, and the rounding is magnified; at 1e17 their two partials add up to 2",
        lambda c: not at_infinity(c) and max(map(abs, c.at)) > 4.0,
    ),
    Entry(
        *("logaddexp", "partials", "jax", "ours", "one operand is inf", "exp of the other, or 1", "0"),
        "exp(a - y) with 0 put in the place of infinities; partials cannot exceed 1",
        lambda c: at_infinity(c) and not two_infinities(c),
    ),
    Entry(
        *("logaddexp logsumexp", "partials", "both", "either", "two operands are inf", "1 or nan", "equal shares"),
        "the limit depends on the way; ours is that along the diagonal",
        lambda c: two_infinities(c) and not math.isnan(c.ours),
    ),
    Entry(
        *(
            "logaddexp logsumexp softmax log_softmax",
            "all",
            "both",
            "either",
            "all operands are -inf",
            "nan",
            "equal shares",
        ),
        "the limit depends on the way; ours is that along the diagonal",
        lambda c: max(c.at) == -math.inf and math.isfinite(c.ours),
    ),
    Entry(
        *("logsumexp softmax log_softmax", "all", "both", "ours", "one operand is inf", "nan", "the limit"),
        "inf - inf: ours takes the difference of equal numbers for 0",
        lambda c: max(c.at) == math.inf and not two_infinities(c),
    ),
    Entry(
        *("softmax log_softmax", "all", "both", "either", "two operands are inf", "nan", "equal shares"),
        "the limit depends on the way; ours is that along the diagonal",
        lambda c: two_infinities(c) and not math.isnan(c.ours),
    ),
    Entry(
        *("logsumexp", "partials", "torch", "ours", "two large operands tie", "1", "equal shares"),
        "exp(x - y): log(2) is rounded away in y, and the partials add up to 2",
        lambda c: regular(c) and max(c.at) > 1e15 and c.theirs == 1.0,
    ),
    Entry(
        *("log_softmax", "value", "both", "ours", "a probability next to 1", "digits lost, or 0", "the right number"),
        "x - max - log(sum(exp)), where the sum holds the 1 and rounds the rest away; ours uses log1p",
        lambda c: -0.5 < c.ours <= 0.0,
    ),
    Entry(
        *("softmax", "partials", "both", "ours", "a probability next to 1", "digits lost, or 0", "within 4 ulp"),
        "1 - p cancels in the partial p * (1 - p); in ours 1 - p is the part of the other powers in the sum of all",
        lambda c: 2.0 < max(c.at) - sorted(c.at)[-2:][0] < math.inf,
    ),
    Entry(
        *(
            "softmax logsumexp",
            "all",
            "both",
            "ours",
            "a logit far below the largest",
            "up to 460 ulp off",
            "within 4 ulp",
        ),
        "exp(x - max): the rounding of the difference is magnified; ours carries it along",
        lambda c: max(c.at) < 1000.0 and max(c.at) - min((x for x in c.at if x > -math.inf), default=0.0) > 16.0,
    ),
    # -- Sequences and choices --
    Entry(
        *("prod", "partials", "torch", "ours", "a running product overflows", "inf", "the right number"),
        "it is infinite however small the factors are that follow; ours counts exponents apart",
        lambda c: math.isinf(c.theirs) and math.isfinite(c.ours),
    ),
    Entry(
        *("prod", "all", "torch", "ours", "a running product is subnormal", "few digits", "the right number"),
        "the running product loses digits on its way; ours counts exponents apart",
        lambda c: any(map(small, c.at)),
    ),
    Entry(
        *("clip", "partials", "jax", "either", "x meets a bound", "1/2 and 1/2", "1 for x, 0 for the bound"),
        "a tie; ours lets a parameter leave the bound it was clipped to, as in PyTorch",
        lambda c: c.at[0] in c.at[1:] and c.theirs == 0.5 and c.ours == (c.what == "d0"),
    ),
    Entry(
        *("where", "all", "both", "either", "the condition is nan", "the first branch", "nan"),
        "a nan is not zero, and counts as true in Python; ours says that nothing is known",
        lambda c: math.isnan(c.at[0]) and math.isnan(c.ours),
    ),
]
