"""Initial weights: where training begins. Biases begin at 0 everywhere.

For a layer of ``nout`` neurons with ``nin`` inputs each:

============== =====================================================  ================================================
name           a weight is drawn from                                 keeps the size of signals under
============== =====================================================  ================================================
micrograd      uniform on [-1, 1]                                     nothing: it is what micrograd does
he             normal, standard deviation sqrt(2 / nin)               relu, forwards (He et al., equation 10)
he_uniform     uniform on [-r, r], r = sqrt(6 / nin)                  the same variance
xavier         uniform on [-r, r], r = sqrt(6 / (nin + nout))         tanh, forwards and backwards (Glorot and Bengio,
                                                                      equation 16)
xavier_normal  normal, standard deviation sqrt(2 / (nin + nout))      the same variance
zeros          0, always                                              nothing: all neurons of a layer stay alike, so
                                                                      it is for models of one layer
============== =====================================================  ================================================

The names of PyTorch mean the same: kaiming_normal (or he_normal) is he, kaiming_uniform he_uniform, and xavier_uniform
xavier.

References
----------
X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010.
K. He, X. Zhang, S. Ren and J. Sun, *Delving deep into rectifiers*, ICCV 2015, arXiv:1502.01852.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable
from typing import cast

from nn.checks import expect, known

Initialiser = Callable[[random.Random, int, int], float]
"""A function of (rng, nin, nout) that draws one weight."""


def _uniform(rng: random.Random, variance: float) -> float:
    r = math.sqrt(3.0 * variance)
    return rng.uniform(-r, r)


INITIALISERS: dict[str, Initialiser] = {
    "micrograd": lambda rng, nin, nout: rng.uniform(-1, 1),
    "he": lambda rng, nin, nout: rng.gauss(0.0, math.sqrt(2.0 / nin)),
    "he_uniform": lambda rng, nin, nout: _uniform(rng, 2.0 / nin),
    "xavier": lambda rng, nin, nout: _uniform(rng, 2.0 / (nin + nout)),
    "xavier_normal": lambda rng, nin, nout: rng.gauss(0.0, math.sqrt(2.0 / (nin + nout))),
    "zeros": lambda rng, nin, nout: 0.0,
}
"""The initialisers by name; see the table at the top of this module."""

_SYNONYMS = {
    "he_normal": "he",
    "kaiming_normal": "he",
    "kaiming_uniform": "he_uniform",
    "xavier_uniform": "xavier",
}


def initialiser(init: str | Initialiser | None) -> Initialiser:
    """Find an initialiser: by a name of the table above, or None for micrograd's; a function stays as it is.

    >>> draw = initialiser("xavier")
    >>> abs(draw(random.Random(0), 4, 2)) <= 1.0
    True
    """
    if init is None:
        return INITIALISERS["micrograd"]
    if isinstance(init, str):
        return known(_SYNONYMS.get(init, init), INITIALISERS, "init", ", or a function(rng, nin, nout)")
    expect(callable(init), "init is a name or a function(rng, nin, nout)", init)
    return init


def generator(seed: int | None, rng: random.Random | None) -> random.Random:
    """The source of random numbers that a seed or a generator stands for; Python's global one for neither.

    >>> generator(0, None).random() == random.Random(0).random()
    True
    """
    if rng is not None:
        if seed is not None:
            raise ValueError("give seed= or rng=, not both")
        if not isinstance(rng, random.Random) and rng is not random:
            raise TypeError(f"rng is a random.Random, got {type(rng).__name__}; for a number use seed=")
        return rng
    if seed is None:
        return cast(random.Random, random)  # the module itself: random.seed(...) then governs it, as in micrograd
    try:
        return random.Random(operator.index(seed))
    except TypeError:
        raise TypeError(f"a seed is an integer, got {type(seed).__name__}: {seed!r:.60}") from None
