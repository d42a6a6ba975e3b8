"""What is remembered of a training: numbers by epoch, and a summary of them."""

from nn.history.history import STOPPED, Epoch, History

__all__ = ["STOPPED", "Epoch", "History"]
