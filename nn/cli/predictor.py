"""A trained network with what it takes to use it on new data: names, units, and a file that holds them."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

from autodiff import softmax
from autodiff.errors import DataError, ModelFileError
from autodiff.recording import no_grad
from nn.data import Dataset, Standardizer
from nn.data.csv_files import read_table
from nn.metrics import predicted_class
from nn.model import MLP, saved


@dataclass(frozen=True)
class Predictor:
    """A network with what it takes to use it on new data in their own units.

    The model works on standardised numbers: `features` and, of a regression, `target` are the statistics of the
    training part; `feature_names` are the columns that it needs, in order.
    """

    model: MLP
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] | None
    target_name: str
    features: Standardizer
    target: Standardizer | None

    @classmethod
    def prepare(cls, training: Dataset, hidden: Sequence[int], activation: str, seed: int) -> Predictor:
        """Make an untrained network for a data set in its own units, and measure its training part.

        There is one output a class, or a single one. Weights are drawn by He's rule for "relu", else by Xavier's.
        """
        classes = training.class_names
        sizes = [*hidden, len(classes) if classes else 1]
        init = "he" if activation == "relu" else "xavier"
        return cls(
            MLP(len(training.feature_names), sizes, activation=activation, init=init, seed=seed),
            training.feature_names,
            classes,
            training.target_name,
            Standardizer.fit(training.features, [training.place(name) for name in training.feature_names]),
            None
            if classes
            else Standardizer.fit([[t] for t in training.targets], [training.place(training.target_name)]),
        )

    def standardised(self, dataset: Dataset) -> Dataset:
        """Return a data set in the numbers that the network works on."""
        targets = dataset.targets
        if self.target:
            targets = [t for (t,) in self.target.transform([t] for t in targets)]
        return replace(dataset, features=self.features.transform(dataset.features), targets=targets)

    def __call__(self, row: Sequence[float]) -> tuple[Any, float | None]:
        """Predict one sample: the name of its class and that class's probability, or a number and None."""
        with no_grad():
            output = self.model(self.features.transform([row])[0])
            if self.target:
                return self.target.inverse([[float(output)]])[0][0], None
            kind = predicted_class(output)
            assert self.class_names is not None
            return self.class_names[kind], float(softmax(output)[kind])

    def save(self, path: str | os.PathLike[str], **extra: Any) -> None:
        """Write it to a JSON file, with whatever else is to be kept; see `nn.model.saved.save`."""
        data = {
            "feature_names": list(self.feature_names),
            "class_names": self.class_names and list(self.class_names),
            "target_name": self.target_name,
            "features": self.features.to_dict(),
            "target": self.target and self.target.to_dict(),
        }
        saved.save(self.model, path, data=data, **extra)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Predictor:
        """Read it from a file that `save` wrote; of another a ModelFileError names it and what is wrong."""
        model, extra = saved.load(path)
        try:
            data = extra.get("data")
            if not isinstance(model, MLP) or not isinstance(data, dict):
                raise ModelFileError("expected a model that `python -m nn` wrote, with what it knows of its data")
            names = _names(data, "feature_names")
            classes = None if data.get("class_names") is None else _names(data, "class_names")
            sizes = len(names), len(classes) if classes else 1
            if sizes != (len(model.layers[0].neurons[0].w), len(model.layers[-1].neurons)):
                raise ModelFileError(f"the model does not fit its {sizes[0]} feature(s) and {sizes[1]} output(s)")
            if not isinstance(data.get("target_name"), str):
                raise ModelFileError(f"expected a name as target_name, got {data.get('target_name')!r:.40}")
            return cls(
                model,
                names,
                classes,
                data["target_name"],
                Standardizer.from_dict(data.get("features"), len(names)),
                Standardizer.from_dict(data.get("target"), 1) if classes is None else None,
            )
        except ModelFileError as error:
            raise ModelFileError(f"{os.fspath(path)}: {error}") from error


def _names(data: dict[str, Any], key: str) -> tuple[str, ...]:
    names = data.get(key)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ModelFileError(f"expected a list of names as {key}, got {names!r:.40}")
    if len(set(names)) < len(names):
        raise ModelFileError(f"expected different names as {key}, got {names!r:.80}")
    return tuple(names)


def predict(
    model: str | os.PathLike[str], data: str | os.PathLike[str], stream: TextIO, header: bool | None = None
) -> None:
    """Predict each row of a CSV file, as CSV: the class and its probability, or the number.

    The file has the features' names in its header, in any order; other columns are not looked at. (Whether there is a
    header is found out unless it is said.) Nothing is written before all is computed.
    """
    predictor = Predictor.load(model)
    table = read_table(data, header)
    missing = [name for name in predictor.feature_names if name not in table.names]
    if missing:
        raise DataError(
            f"{table.path}: expected the columns {', '.join(predictor.feature_names)}, as in training; "
            f"missing: {', '.join(missing)}"
        )
    rows = zip(*(table.numbers(name) for name in predictor.feature_names))
    predictions = [predictor(row) for row in rows]
    for k, (value, share) in enumerate(predictions):
        if not math.isfinite(value if share is None else share):
            raise DataError(f"{table.path}, line {table.lines[k]}: the numbers are too large for the model")
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow([predictor.target_name, *(["probability"] if predictor.class_names else [])])
    writer.writerows([value] if share is None else [value, f"{share:.6f}"] for value, share in predictions)
    try:
        stream.write(page.getvalue())
    except UnicodeEncodeError as error:
        raise DataError(
            f"the output's encoding, {error.encoding}, has no {error.object[error.start : error.end]!r}; "
            "set the environment variable PYTHONUTF8=1"
        ) from error
