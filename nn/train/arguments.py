"""What `nn.fit` and `nn.find_lr` take: checked before anything is done, in words that name what is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from nn.checks import whole
from nn.data.dataset import batches
from nn.model.batch_norm import BatchNorm
from nn.model.module import Module
from nn.optim.optimizer import Optimizer

__all__ = ["check_batches", "check_functions", "check_numbers", "check_trained"]


def check_trained(model: Any, optimizer: Any) -> None:
    """Check that there is a model, and an optimizer that changes it.

    Parameters
    ----------
    model : Module
        What is to be trained.
    optimizer : Optimizer or None
        What is to change it; None for a default.

    Raises
    ------
    TypeError
        If they are something else.
    ValueError
        If the optimizer has none of the model's parameters: training would change nothing.
    """
    if not isinstance(model, Module):
        raise TypeError(f"a model is an nn.Module, such as an nn.MLP, got {type(model).__name__}: {model!r:.60}")
    if optimizer is None:
        return
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "an optimizer is an nn.optim.Optimizer, such as nn.optim.SGD(model.parameters(), lr=0.1), "
            f"got {type(optimizer).__name__}: {optimizer!r:.60}"
        )
    if not set(optimizer.parameters) & set(model.parameters()):
        raise ValueError("the optimizer has no parameter of this model; make it with model.parameters()")


def check_batches(model: Module, samples: int, batch_size: int) -> None:
    """Check that no batch is too small for the model, before the first step and not in the last of an epoch.

    Parameters
    ----------
    model : Module
        What is to be trained.
    samples : int
        How many samples there are.
    batch_size : int
        How many a batch; the last batch has what is left.

    Raises
    ------
    ValueError
        If there is a batch of a single sample, and batch normalisation in the model.
    """
    alone = samples % batch_size == 1 or batch_size == 1
    norm = next((module for module in model.modules() if isinstance(module, BatchNorm)), None)
    if alone and norm is not None:
        raise ValueError(
            f"{norm!r} needs two samples at least in every batch, but {samples} samples in batches of {batch_size} "
            "leave one alone; choose another batch size"
        )


def check_functions(**functions: Any) -> None:
    """Check that what is to be called can be called; None stands for a default.

    Raises
    ------
    TypeError
        If it cannot; the message has its name.

    Examples
    --------
    >>> check_functions(loss="mse")
    Traceback (most recent call last):
        ...
    TypeError: loss is a function, or left out, got str: 'mse'
    """
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} is a function, or left out, got {type(function).__name__}: {function!r:.60}")


def check_numbers(epochs: Any, batch_size: Any, seed: Any, patience: Any, callbacks: Any) -> None:
    """Check the numbers of a training, and that there may be several callbacks.

    Raises
    ------
    TypeError
        If one is no whole number, or the callbacks are no list.
    ValueError
        If one is too small.
    """
    whole(epochs, "the number of epochs")
    if patience is not None:
        whole(patience, "the patience", least=1)
    batches(0, batch_size, random.Random())  # complains about the batch size
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"the seed is a whole number, got {type(seed).__name__}: {seed!r:.60}")
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks is a list, got {type(callbacks).__name__}: {callbacks!r:.60}; write [callback]")
