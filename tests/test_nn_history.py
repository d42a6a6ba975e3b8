"""The record of a training: its columns, its summary, and its files, which hold it to the last bit."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import ModelFileError
from nn import MLP, fit
from nn.data import xor
from nn.history import STOPPED, Epoch, History

NAN = math.nan


def history(**changes):
    epochs = [Epoch(1.0, 0.3, 1.1, 0.2, 0.1), Epoch(0.5, 0.6, 0.7, 0.5, 0.2, 0.1, 2.5)]
    return History(**{"metric": "accuracy", "validated": True, "epochs": epochs, "best_epoch": 1, **changes})


def bits(record):
    """Everything of a history, numbers to the last bit (nan equals nan)."""
    return (
        (record.metric, record.validated, record.best_epoch, record.stopped),
        [[x.hex() for x in epoch] for epoch in record.epochs],
    )


@st.composite
def histories(draw):
    validated = draw(st.booleans())
    count = draw(st.integers(1, 5))
    number = st.floats()
    epochs = [Epoch(*draw(st.tuples(*[number] * 7))) for _ in range(count)]
    if not validated:
        epochs = [epoch._replace(validation_loss=NAN, validation_score=NAN) for epoch in epochs]
    metric = draw(st.sampled_from(["accuracy", "r2", "my, own", "loss", 'a "b"']))
    return History(metric, validated, epochs, draw(st.integers(0, count - 1)), draw(st.sampled_from(STOPPED)))


def from_csv(path):
    """The history in a CSV file, as a program without `nn` reads it."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(k) for k in range(len(rows))]
    (best,) = (k for k, row in enumerate(rows) if row["best"] == "1")
    ((metric, stopped),) = {(row["metric"], row["stopped"]) for row in rows}
    epochs = [Epoch(*(float(row.get(name, "nan")) for name in Epoch._fields)) for row in rows]
    return History(metric, "validation_loss" in rows[0], epochs, best, stopped)


@given(histories())
def test_files_hold_every_bit(tmp_path_factory, record):
    folder = tmp_path_factory.mktemp("history")
    record.to_csv(folder / "h.csv")
    record.to_json(folder / "h.json")
    assert bits(from_csv(folder / "h.csv")) == bits(record)
    assert bits(History.from_json(folder / "h.json")) == bits(record)


def test_a_history_of_fit(tmp_path):
    record = fit(MLP(2, [2, 2], seed=0), xor(), epochs=3, progress=False)
    record.to_csv(tmp_path / "h.csv")
    assert bits(from_csv(str(tmp_path / "h.csv"))) == bits(record)
    rows = list(csv.DictReader((tmp_path / "h.csv").open()))
    assert [float(row["training_score"]) for row in rows] == record.column("training_score")
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert "validation_loss" not in rows[0]


def test_an_empty_history(tmp_path):
    empty = History("r2", False, stopped="interrupted")
    empty.to_json(tmp_path / "h.json")
    assert bits(History.from_json(tmp_path / "h.json")) == bits(empty)
    with pytest.raises(ValueError, match="no epoch to write"):
        empty.to_csv(tmp_path / "h.csv")
    assert empty.summary() == "no epoch was measured, interrupted"
    assert "interrupted" in empty._repr_html_()


def test_json_is_plain_json(tmp_path):
    history().to_json(tmp_path / "h.json")

    def refuse(name):
        raise AssertionError(name)

    document = json.loads((tmp_path / "h.json").read_text(), parse_constant=refuse)
    assert document["epochs"][0]["learning_rate"] == "nan"
    assert document["epochs"][1]["gradient_norm"] == 2.5


# -- Damaged files -------------------------------------------------------------------------------------------------

JSON_DAMAGE = {
    "cut": (lambda text: text[:-5], "not valid JSON, or cut off"),
    "not UTF-8": (lambda text: text.replace("accuracy", "\udcff"), "not valid JSON"),
    "another": (lambda text: "[]", "not a saved history"),
    "version": (lambda text: text.replace('"version": 1', '"version": 2'), "not a saved history"),
    "metric": (lambda text: text.replace('"accuracy"', "1"), '"metric" of a history is 1, expected str'),
    "ending": (lambda text: text.replace('"finished"', '"fine"'), "\"stopped\" is 'fine'"),
    "best": (lambda text: text.replace('"best_epoch": 1', '"best_epoch": 2'), '"best_epoch" is 2, of 2 epochs'),
    "number": (lambda text: text.replace("2.5", '"2.5"'), '"gradient_norm" of epoch 1'),
    "key": (lambda text: text.replace('"seconds"', '"minutes"', 1), "epoch 0 of a history"),
}


@pytest.mark.parametrize("damage", JSON_DAMAGE)
def test_damaged_json(damage, tmp_path):
    change, told = JSON_DAMAGE[damage]
    path = tmp_path / "h.json"
    history().to_json(path)
    path.write_text(change(path.read_text()), errors="surrogateescape")
    with pytest.raises(ModelFileError, match=told) as caught:
        History.from_json(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_is_no_history():
    for saved in (3, None, [], "text"):
        with pytest.raises(ModelFileError, match="a history is an object"):
            History.from_dict(saved)


# -- For people ----------------------------------------------------------------------------------------------------


def test_columns():
    assert history().column("validation_loss") == [1.1, 0.7]
    assert history(validated=False).column("validation_loss") == []
    assert history().judged() == [1.1, 0.7]
    assert history(validated=False).judged() == [1.0, 0.5]
    assert history(epochs=[Epoch(1.0, 0.5, NAN, NAN, 0.1)]).judged() == [math.inf]
    assert history().best.gradient_norm == 2.5
    assert history().seconds == pytest.approx(0.3)


def test_summary():
    lines = history(stopped="patience").summary().splitlines()
    assert lines[0] == "1 epoch in 0.3 s, stopped early; best epoch: 1"
    assert lines[2].split() == ["part", "|", "loss", "|", "accuracy"]
    assert lines[4].split() == ["validation", "|", "0.7000", "|", "0.5000"]
    assert lines[-1].startswith("still improving: ")


def test_jupyter_shows_the_first_the_best_and_the_last_epoch():
    losses = [1.0 - 0.03 * k if k < 18 else 0.46 + 0.02 * (k - 17) for k in range(31)]
    record = history(
        metric="a<b",
        best_epoch=17,
        epochs=[Epoch(x, 0.5, x, 0.25, 0.1, 0.125, 3.0) for x in losses],
        stopped="diverged",
    )
    shown = record._repr_html_()
    assert shown.startswith("<table><caption>30 epochs in 3.1 s, diverged; best epoch: 17</caption>")
    assert "<th>training a&lt;b</th>" in shown
    assert "<th>learning rate</th>" in shown
    cells = [row.split("</td>")[0].removeprefix("<td>") for row in shown.split("<tr>")[2:]]
    assert cells[0] == "0"
    assert "17 (best)" in cells
    assert cells[-1] == "30"
    assert len(cells) <= 10


def test_it_is_printed_as_its_summary_and_shown_in_a_line():
    record = history()
    assert str(record) == record.summary()
    assert repr(record) == f"History({record.summary().splitlines()[0]})"
    assert repr(History("r2", False)) == "History(no epoch was measured, finished)"


def test_an_unknown_quantity_is_refused():
    with pytest.raises(ValueError, match="unknown quantity 'loss'; known are training_loss, training_score"):
        history().column("loss")
