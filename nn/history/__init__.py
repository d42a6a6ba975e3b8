"""What is remembered of a training: numbers by epoch, and a summary of them.

Read `files` first, what is measured and how it is kept; then `diagnosis`, what the curves say; then `history`.
"""

from nn.history.diagnosis import Diagnosis, diagnose
from nn.history.files import STOPPED, Epoch
from nn.history.history import History

__all__ = ["STOPPED", "Diagnosis", "Epoch", "History", "diagnose"]
