"""Where data comes from: Fisher's iris, CSV files, made-up shapes; and the tools that prepare them for training."""

from nn.data.read import (
    Dataset,
    Standardizer,
    batches,
    blobs,
    circles,
    iris,
    line,
    moons,
    one_hot,
    read_csv,
    spirals,
    split,
    xor,
)

__all__ = [
    "Dataset",
    "Standardizer",
    "batches",
    "blobs",
    "circles",
    "iris",
    "line",
    "moons",
    "one_hot",
    "read_csv",
    "spirals",
    "split",
    "xor",
]
