"""`fit`: train a model, with everything that belongs to it; and `find_lr`, a learning rate to do it with.

Read `fit` first, which checks what it takes; then `loop`, what it sets going, early stopping included; `checkpoint`,
how it goes on another day; and at last `finder`.
"""

from nn.eager.step import evaluate, train_step
from nn.history import Epoch, History
from nn.metrics import accuracy, r2
from nn.train.finder import find_lr
from nn.train.fit import fit

__all__ = ["Epoch", "History", "accuracy", "evaluate", "find_lr", "fit", "r2", "train_step"]
