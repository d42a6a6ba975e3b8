"""`fit`: train a model, with everything that belongs to it."""

from nn.train.fit import Epoch, History, accuracy, evaluate, fit, r2, train_step

__all__ = ["Epoch", "History", "accuracy", "evaluate", "fit", "r2", "train_step"]
