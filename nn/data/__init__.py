"""Where data comes from: Fisher's iris, CSV files, made-up shapes; and the tools that prepare them for training.

Read `dataset` first, which also prepares data, then `csv_files` and `toys`, which make data sets; `csv_text` makes rows
of cells of the bytes of a file.
"""

from nn.data.csv_files import iris, read_csv
from nn.data.dataset import Dataset, Standardizer, batches, one_hot, split
from nn.data.toys import blobs, circles, line, moons, spirals, xor

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
