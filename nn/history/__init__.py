"""What is remembered of a training: numbers by epoch, and a summary of them.

Read `history` first, what is measured and kept; then `diagnosis`, what the curves say.
"""

from nn.history.diagnosis import Diagnosis, diagnose
from nn.history.history import STOPPED, Epoch, History

__all__ = ["STOPPED", "Diagnosis", "Epoch", "History", "diagnose"]
