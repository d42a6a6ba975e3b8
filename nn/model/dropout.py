"""Dropout: in training, a share of the numbers is left out by chance."""

from __future__ import annotations

import random
from typing import Any

from autodiff import ops, recording
from nn.checks import finite
from nn.model.init import generator
from nn.model.inputs import as_tuple, unwrapped
from nn.model.module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, set each number to 0 with probability p and divide the others by 1 - p; else do nothing.

    Parameters
    ----------
    p : float
        The probability, from 0 to 1.
    seed : int, optional
        Seed of the choice. Without it (and `rng`) a seed is drawn from Python's global generator.
    rng : random.Random, optional
        A generator to draw from, in place of a seed.

    Attributes
    ----------
    rng : random.Random
        The generator. It gives one number for each input, in their order, in every call in training mode.
    name : str
        The name of the box that drawings put it in.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    The division ("inverted" dropout, PyTorch's too) keeps the expectation of every number: ``(1 - p) x / (1 - p)``.
    Inputs that are dropped stay in the graph, multiplied by 0.

    References
    ----------
    N. Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting*, JMLR 15, 2014.

    Examples
    --------
    >>> dropout = Dropout(0.5, seed=1)
    >>> dropout([1.0, 2.0, 3.0, 4.0])
    [0.0, 4.0, 6.0, 0.0]
    >>> dropout.eval()([1.0, 2.0, 3.0, 4.0])
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, p: float = 0.5, *, seed: int | None = None, rng: random.Random | None = None) -> None:
        self.p = finite(p, "the probability p", least=0.0, most=1.0)
        if seed is None and rng is None:
            # A generator of its own, whose state belongs to the model; the global one still governs all.
            seed = random.getrandbits(64)
        self.rng = generator(seed, rng)
        self.name = "dropout"

    def __call__(self, x: Any) -> Any:
        """Some of the numbers, or in evaluation mode all of them.

        Parameters
        ----------
        x : sequence of Value or float
            Of any length.

        Returns
        -------
        Value or list of Value
            One output as it is, several as a list.
        """
        row = as_tuple(x, 1)
        if not self.training or self.p == 0.0:
            return unwrapped(list(row))
        with recording.scope(self.name):
            return unwrapped([ops.mul(z, recording.drawn(self._factor)) for z in row])

    def _factor(self) -> float:
        return 1.0 / (1.0 - self.p) if self.rng.random() >= self.p else 0.0

    def config(self) -> dict[str, Any]:
        """The arguments that make one like this, the generator apart; see `Neuron.config`."""
        return {"p": self.p}

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
