"""The command line: the main job, predictions, and what happens to bad input and at Ctrl-C."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
pytest.importorskip("graphviz")

import matplotlib.pyplot as plt

from nn.__main__ import main
from nn.cli.job import CHECKPOINT, FILES, FINDER, RATES
from nn.data import iris, split

QUICK = ["--data", "xor", "--hidden", "3", "--epochs", "2"]
ROOT = Path(__file__).parent.parent


def table(out):
    """The rows of the closing table."""
    return {
        part: tuple(map(float, re.search(rf"{part} +(\S+) +(\S+)", out).groups()))
        for part in ("training", "validation")
    }


@pytest.mark.parametrize("seed", range(3))
def test_iris_is_learned(seed, tmp_path, capsys):
    assert main(["--seed", str(seed), "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    loss, accuracy = table(out)["validation"]
    assert accuracy >= 0.93
    assert loss < 0.2
    assert "[4, 16, 8, 3]" in out
    assert "100/100" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*FILES, CHECKPOINT])
    # The printed accuracy, from the file and the raw data, by way of `predict`.
    validation = split(iris(), 0.3, seed)[1]
    rows = [",".join(map(str, row)) for row in validation.features]
    (tmp_path / "new.csv").write_text("\n".join([",".join(validation.feature_names), *rows]))
    assert main(["predict", str(tmp_path / "model.json"), str(tmp_path / "new.csv")]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "species,probability"
    right = [line.split(",")[0] == validation.class_names[k] for line, k in zip(lines, validation.targets)]
    assert sum(right) / len(right) == pytest.approx(accuracy, abs=1e-4)


def test_what_is_written(tmp_path, capsys):
    figures = plt.get_fignums()
    assert main([*QUICK, "--out", str(tmp_path / "a" / "b")]) == 0
    folder = tmp_path / "a" / "b"
    assert (folder / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    for name in FILES[3:]:
        page = (folder / name).read_text()
        assert "</svg>" in page
        assert ("an untrained network of 3 hidden units: an example, not the" in page) == name.startswith(
            "untrained_3_un"
        )
        assert ("the first neuron, trained, at one sample" in page) == name.startswith("neuron")
    assert "x1" in (folder / "neuron_forward.svg").read_text()
    assert "dloss/d" in (folder / "untrained_3_units_backward.svg").read_text()
    assert json.loads((folder / "model.json").read_text())["extra"]["data"]["class_names"] == ["false", "true"]
    assert plt.get_fignums() == figures
    assert str(folder) in capsys.readouterr().out


def regression(tmp_path):
    rows = [f"{1000 + k},{k % 7},7,{1e5 + 20 * k - 300 * (k % 7)}" for k in range(40)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,same,price", *rows]))
    return tmp_path / "data.csv"


def test_a_regression_in_its_own_units(tmp_path, capsys):
    data = regression(tmp_path)
    assert main(["--data", str(data), "--hidden", "--lr", "0.1", "--epochs", "60", "--out", str(tmp_path)]) == 0
    assert table(capsys.readouterr().out)["validation"][1] > 0.999
    (tmp_path / "new.csv").write_text("id,b,same,a\nx,0,7,1000\n,6,7,1039\n")  # another order, and a column more
    assert main(["predict", str(tmp_path / "model.json"), str(tmp_path / "new.csv")]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header == "price"
    assert [float(first), float(second)] == pytest.approx([1e5, 1e5 + 780 - 1800], abs=50)


def test_predictions_use_the_statistics_of_the_training_part(tmp_path, capsys):
    """A row means the same whatever else is in the file."""
    model = str(tmp_path / "model.json")
    main(["--data", str(regression(tmp_path)), "--hidden", "3", "--epochs", "3", "--out", str(tmp_path)])
    answers = []
    for others in ("", "9999,5,7\n-5000,6,7\n"):
        (tmp_path / "new.csv").write_text("a,b,same\n1010,3,7\n" + others)
        capsys.readouterr()
        assert main(["predict", model, str(tmp_path / "new.csv")]) == 0
        answers.append(capsys.readouterr().out.splitlines()[1])
    assert answers[0] == answers[1]
    saved = json.loads((tmp_path / "model.json").read_text())["extra"]["data"]["features"]
    assert saved["means"][0] == pytest.approx(1019.5, abs=10)
    assert saved["scales"][2] == 1.0  # a constant column


# -- Options -------------------------------------------------------------------------------------------------------


def history(folder):
    """The rows of the history that a training wrote: all that was measured of each epoch, in digits for every bit."""
    with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(folder):
    """What a training ended with, times apart."""
    state = json.loads((folder / "model.json").read_text())["state"]
    return state, [
        {name: x for name, x in row.items() if name not in ("seconds", "stopped")} for row in history(folder)
    ]


@pytest.mark.parametrize("optimizer", RATES)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_every_optimizer_learns(optimizer, schedule, tmp_path, capsys):
    job = ["--data", "moons", "--hidden", "8", "--epochs", "15", "--optimizer", optimizer, "--schedule", schedule]
    assert main([*job, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"{optimizer}, learning rate {RATES[optimizer]}, {schedule}" in out
    assert table(out)["training"][1] > 0.8
    rates = [float(row["learning_rate"]) for row in history(tmp_path)[1:]]
    assert rates[0] <= RATES[optimizer]
    assert (rates[-1] < 0.01 * rates[0]) == (schedule == "cosine")


def test_the_other_options_do_something(tmp_path, capsys):
    job = ["--data", "moons", "--hidden", "3", "--epochs", "6"]
    ends = {}
    for options in ([], ["--clip", "0.01"], ["--l2", "0.1"], ["--lr", "0.01"], ["--batch-size", "8"]):
        assert main([*job, *options, "--out", str(tmp_path)]) == 0
        ends[" ".join(options)] = table(capsys.readouterr().out)["training"]
    assert len(set(ends.values())) == 5
    assert main([*job[:-1], "100", "--lr", "30", "--patience", "3", "--out", str(tmp_path)]) == 1
    assert "stopped early after" in capsys.readouterr().out
    assert (
        main([*job[:-1], "400", "--optimizer", "adam", "--lr", "0.3", "--patience", "3", "--out", str(tmp_path)]) == 0
    )
    assert "stopped early after" in capsys.readouterr().out


def test_the_diagnosis_is_printed(tmp_path, capsys):
    assert main(["--data", "moons", "--hidden", "4", "--epochs", "3", "--lr", "0.01", "--out", str(tmp_path)]) == 0
    assert "\nstill improving: the validation loss was falling to the end" in capsys.readouterr().out


def test_the_learning_rate_is_found(tmp_path, capsys):
    assert main([*QUICK, "--find-lr", "--out", str(tmp_path)]) == 0
    rate = re.search("sgd, learning rate (.+), found", capsys.readouterr().out)[1]
    assert 1e-3 < float(rate) < 10.0
    assert float(rate) != RATES["sgd"]
    assert (tmp_path / FINDER).read_bytes().startswith(b"\x89PNG")
    assert float(history(tmp_path)[1]["learning_rate"]) == pytest.approx(float(rate), rel=1e-2)


def test_the_table_says_what_the_steps_ran_on(tmp_path, capsys):
    job = ["--data", "moons", "--epochs", "3", "--hidden", "4"]
    tables = []
    for k, options in enumerate(([], ["--eager"])):
        assert main([*job, *options, "--out", str(tmp_path / str(k))]) == 0
        tables.append(capsys.readouterr().out)
    backends = [re.search(r"steps by (\w+), [0-9.e+-]+ ms an epoch", table)[1] for table in tables]
    assert backends[0] in ("llvm", "numpy", "python")
    assert backends[1] == "eager"
    scores = [re.findall(r"^(?:training|validation) .*", table, re.MULTILINE) for table in tables]
    assert scores[0] == scores[1]


def test_resumed_it_ends_as_if_it_had_never_stopped(tmp_path, capsys):
    job = ["--data", "xor", "--hidden", "3", "--optimizer", "adam"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main([*job, "--epochs", "5", "--out", str(whole)]) == 0
    assert main([*job, "--epochs", "2", "--out", str(parts)]) == 0
    assert main([*job, "--epochs", "5", "--out", str(parts), "--resume"]) == 0
    assert numbers(parts) == numbers(whole)
    capsys.readouterr()
    told = "checkpoint.json: the checkpoint is of a training with the "
    for options, difference in OTHERS.items():
        refused([*job, *options.split(), "--out", parts, "--resume"], capsys, told + difference)
    assert numbers(parts) == numbers(whole)
    assert main([*job, "--epochs", "6", "--patience", "9", "--out", str(parts), "--resume"]) == 0
    assert len(history(parts)) == 7


OTHERS = {
    "--hidden 4": "model.nouts.0 3, this one has 4",
    "--seed 1": "seed 0, this one has 1",
    "--activation relu": "model.activation.0 'tanh', this one has 'relu'",
    "--optimizer adamw": "optimizer.kind 'Adam', this one has 'AdamW'",
    "--lr 0.1": "schedule 'constant(lr=0.02)', this one has 'constant(lr=0.1)'",
    "--schedule cosine --epochs 5": "schedule 'constant(lr=0.02)', this one has 'cosine(",
    "--l2 0.1": "l2 0.0, this one has 0.1",
    "--clip 1": "clip_norm None, this one has 1.0",
    "--batch-size 8": "batch size 16, this one has 8",
    "--data moons": "data (SHA-256)",
}
"""What must not change when a training is resumed, and how it is told."""


def test_a_schedule_is_not_stretched_by_resuming(tmp_path, capsys):
    job = [*QUICK[:-1], "4", "--schedule", "cosine", "--out", str(tmp_path)]
    assert main(job) == 0
    capsys.readouterr()
    told = "a schedule made for another number of epochs gives other rates from the first step on"
    refused([*job, "--epochs", "8", "--resume"], capsys, told)
    assert main([*job, "--resume"]) == 0


def test_class_codes(tmp_path, capsys):
    data = tmp_path / "codes.csv"
    data.write_text("x,kind\n" + "".join(f"{k},{7 if k < 10 else 3}\n" for k in range(20)))
    job = ["--data", str(data), "--hidden", "2", "--epochs", "20", "--out", str(tmp_path / "run")]
    assert main([*job, "--target", "classes"]) == 0
    assert "2 classes" in capsys.readouterr().out
    assert main(["predict", str(tmp_path / "run" / "model.json"), str(data)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split(",")[0] == "7"
    assert main([*job, "--target", "numbers"]) == 0
    assert "regression" in capsys.readouterr().out


# -- Bad input -----------------------------------------------------------------------------------------------------

BAD_DATA = {
    "ragged": ("a,b\n1,x\n2\n", "bad.csv, line 3: expected 2 cells"),
    "empty column": ("a,b\n,x\n,y\n", "bad.csv, column 'a': every cell is empty"),
    "nan": ("a,b\n1,x\nnan,y\n", "bad.csv, line 3, column 'a': expected a finite number"),
    "one class": ("a,b\n1,x\n2,x\n", "bad.csv, column 'b': expected two classes"),
    "one row": ("a,b\n1,2\n", "expected at least two samples"),
    "too large": (
        "a,b\n1.7e308,1\n1.7e308,2\n-1.7e308,3\n1.7e308,4\n",
        "bad.csv, column 'a': the numbers are too large",
    ),
}


@pytest.fixture
def earlier(tmp_path):
    """A folder with outputs of an earlier run."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text("earlier")
    return folder


def refused(argv, capsys, message):
    assert main([str(a) for a in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("python -m nn: error: ")
    assert message in err


@pytest.mark.parametrize(("content", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data(content, message, tmp_path, earlier, capsys):
    (tmp_path / "bad.csv").write_text(content)
    refused(["--data", tmp_path / "bad.csv", "--out", earlier], capsys, message)
    assert {p.name: p.read_text() for p in earlier.iterdir()} == dict.fromkeys(FILES, "earlier")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["--data", "mons"], "mons: there is no such file, and no such data set; there are iris, moons,"),
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["--epochs", "-1"], "--epochs: expected a whole number of at least 1, got '-1'"),
        (["--epochs", "many"], "--epochs"),
        (["--lr", "-0.1"], "--lr: expected a number above 0, got '-0.1'"),
        (["--lr", "nan"], "--lr"),
        (["--lr", "inf"], "--lr"),
        (["--batch-size", "0"], "--batch-size"),
        (["--hidden", "4", "0"], "--hidden"),
        (["--activation", "step"], "--activation"),
        (["--seed", "x"], "--seed"),
        (["--optimizer", "newton"], "--optimizer: invalid choice: 'newton'"),
        (["--schedule", "zigzag"], "--schedule: invalid choice: 'zigzag'"),
        (["--clip", "0"], "--clip: expected a number above 0, got '0'"),
        (["--l2", "-1"], "--l2: expected a number above 0, got '-1'"),
        (["--patience", "0"], "--patience: expected a whole number of at least 1, got '0'"),
        (["--target", "names"], "--target: invalid choice: 'names'"),
        (["--target", "classes"], "--target cannot be used with --data iris"),
        (["--lr", "0.1", "--find-lr"], "--lr cannot be used with --find-lr"),
        (["--resume"], "checkpoint.json: there is no checkpoint to go on from; leave --resume out"),
        (["predict"], "required: MODEL.json, DATA.csv"),
        (["predict", "none.json", "none.csv"], "none.json"),
    ],
)
def test_bad_arguments(argv, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(argv, capsys, message)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path, earlier, capsys):
    (tmp_path / "file").write_text("kept")
    refused([*QUICK, "--out", tmp_path / "file"], capsys, "file: cannot write to this folder")
    refused([*QUICK, "--out", tmp_path / "file" / "below"], capsys, "cannot write to this folder")
    assert (tmp_path / "file").read_text() == "kept"
    (earlier / "model.json").unlink()
    (earlier / "model.json").mkdir()
    refused([*QUICK, "--out", earlier], capsys, "model.json: there is a folder")
    assert sorted(p.name for p in earlier.iterdir()) == sorted(FILES)
    if os.name == "posix" and os.geteuid() != 0:
        earlier.chmod(0o500)
        refused([*QUICK, "--out", earlier], capsys, "cannot write to this folder")
        earlier.chmod(0o700)


def test_a_full_disk_leaves_earlier_outputs(earlier, capsys, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device", "learning_curve.png")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    assert main([*QUICK, "--out", str(earlier)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("learning_curve.png: No space left on device")
    assert {p.name: p.read_text() for p in earlier.iterdir() if p.name != CHECKPOINT} == dict.fromkeys(FILES, "earlier")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    assert main([*QUICK, "--out", str(folder)]) == 0
    return folder / "model.json"


def damaged(text, change):
    document = json.loads(text)
    change(document)
    return json.dumps(document)


DAMAGED = {
    "cut": lambda text: text[: len(text) // 2],
    "no model": lambda text: "{}",
    "not UTF-8": lambda text: "\udcff",
    "a weight is text": lambda text: damaged(text, lambda d: d["state"].update({"layers.0.neurons.0.b": "x"})),
    "no data": lambda text: damaged(text, lambda d: d["extra"].clear()),
    "no names": lambda text: damaged(text, lambda d: d["extra"]["data"].pop("feature_names")),
    "too few names": lambda text: damaged(text, lambda d: d["extra"]["data"]["feature_names"].pop()),
    "too few classes": lambda text: damaged(text, lambda d: d["extra"]["data"]["class_names"].pop()),
    "no statistics": lambda text: damaged(text, lambda d: d["extra"]["data"].update(features=None)),
    "scale 0": lambda text: damaged(text, lambda d: d["extra"]["data"]["features"].update(scales=[0.0, 1.0])),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damaged_model(damage, model, tmp_path, capsys):
    path = tmp_path / "model.json"
    path.write_text(damage(model.read_text()), errors="surrogateescape")
    (tmp_path / "new.csv").write_text("x1,x2\n0,1\n")
    refused(["predict", path, tmp_path / "new.csv"], capsys, f"{path}: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x1,y\n0,1\n", "missing: x2"),
        ("x1,x2\n0,\n1,1\n", "line 2, column 'x2': the cell is empty"),
        ("x1,x2\n0,1\nnan,1\n", "line 3, column 'x1': expected a finite number"),
        ("x1,x2\n", "no rows"),
    ],
)
def test_data_that_a_model_cannot_use(content, message, model, tmp_path, capsys):
    (tmp_path / "new.csv").write_text(content)
    refused(["predict", model, tmp_path / "new.csv"], capsys, message)


# -- Without a part of the machine ---------------------------------------------------------------------------------


def test_without_a_drawing_engine_the_job_is_done(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "no drawings" in line]
    assert len(notes) == 1
    assert "pip install" in notes[0]
    assert {p.name for p in tmp_path.iterdir()} == {CHECKPOINT, "history.csv", "learning_curve.png", "model.json"}


@pytest.mark.parametrize("name", ["matplotlib", "tqdm.auto"])
def test_a_missing_package_is_named_before_training(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    refused([*QUICK, "--out", tmp_path / "runs"], capsys, "pip install " + name.split(".")[0])
    assert not (tmp_path / "runs").exists()


def test_divergence(tmp_path, capsys):
    assert main(["--data", str(regression(tmp_path)), "--lr", "1e150", "--hidden", "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "diverged" in out
    assert "try an --lr below 1e+150" in err
    assert "Traceback" not in err
    assert (tmp_path / "model.json").exists()


@pytest.mark.parametrize(
    "options",
    [
        "--lr 1e6",
        "--lr 1e300",
        "--lr 100 --optimizer adam",
        "--lr 1e6 --patience 2",
        "--data moons --lr 1e4",
        "--lr 1e-300",
    ],
)
def test_a_training_that_diverges_or_learns_nothing_is_no_success(options, tmp_path, capsys):
    assert main([*options.split(), "--epochs", "12", "--out", str(tmp_path)]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("python -m nn: ")
    assert re.search(r"diverged.* try an --lr below|nothing was learned: .* try a larger --lr", err)
    assert (tmp_path / "model.json").exists()


# -- More than there is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "--hidden 1000000000",
        "--hidden 100000 100000",
        "--hidden 8 999999999999",
        "--data moons --hidden 3 100000000000",
    ],
)
def test_a_network_that_does_not_fit_in_memory_is_refused_at_once(options, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused([*options.split()], capsys, "GB are free; take less, or set the environment variable NN_MEMORY")
    assert not (tmp_path / "runs").exists()


def test_how_much_memory_may_be_used(tmp_path, capsys, monkeypatch):
    job = ["--data", "xor", "--hidden", "1000", "500", "--epochs", "1", "--out", tmp_path]
    monkeypatch.setenv("NN_MEMORY", "1e8")
    refused(job, capsys, "training a network of 504,502 parameters would need 0.5 GB at the least, and 0.1 GB are free")
    monkeypatch.setenv("NN_MEMORY", "much")
    refused(job, capsys, "the environment variable NN_MEMORY is a number, got 'much'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "error", "told"),
    [
        ("nn.cli.job.fit", MemoryError(), "there is not enough memory"),
        ("nn.cli.job.fit", MemoryError("too much"), "too much"),
        ("nn.cli.job.fit", ValueError("not so"), "not so"),
        ("nn.cli.job.split", MemoryError(), "there is not enough memory"),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(where, error, told, tmp_path, earlier, capsys, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(where, fail)
    refused([*QUICK, "--out", earlier], capsys, told)
    assert {p.name: p.read_text() for p in earlier.iterdir()} == dict.fromkeys(FILES, "earlier")


# -- What killed jobs leave --------------------------------------------------------------------------------------------

WAITING = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from nn.cli import job
def wait(*args, **options):
    print("waiting", flush=True)
    time.sleep(60)
job.fit = wait
from nn.__main__ import main
main(["--data", "xor", "--out", {out!r}])
"""


def unfinished(folder):
    return sorted(p.name for p in folder.glob(".unfinished-*"))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_what_a_killed_job_left_is_removed_but_not_what_a_living_one_has(tmp_path):
    code = WAITING.format(root=str(ROOT), out=str(tmp_path))
    jobs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for job in jobs:
            assert job.stdout.readline() == b"waiting\n"
        both = unfinished(tmp_path)
        assert len(both) == 2
        jobs[0].kill()
        jobs[0].wait()
        (tmp_path / ".unfinished-older").mkdir()
        (tmp_path / ".unfinished-older" / "model.json").write_text("half")
        (tmp_path / ".checkpoint.json.123.tmp").write_text("half")
        assert main([*QUICK, "--out", str(tmp_path)]) == 0
        assert len(unfinished(tmp_path)) == 1
        assert set(unfinished(tmp_path)) < set(both)
        assert not (tmp_path / ".checkpoint.json.123.tmp").exists()
    finally:
        for job in jobs:
            job.kill()
            job.communicate()
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*FILES, CHECKPOINT])


# -- Notes -------------------------------------------------------------------------------------------------------------


def test_what_was_decided_is_told(tmp_path, capsys):
    """What the target was taken for stands in the table, and what might be meant otherwise on the other stream."""
    data = tmp_path / "data.csv"
    job = ["--data", str(data), "--hidden", "--epochs", "2", "--lr", "0.01", "--out", str(tmp_path / "run")]
    rows = [f"{k};{k % 7},5;{k % 3}\n" for k in range(30)]
    for header, options, notes in (
        (
            "",
            [],
            ["the first row is taken for data", "decimals are written with commas", "0 to 2 are taken for numbers"],
        ),
        ("a;b;kind\n", [], ["decimals are written with commas", "0 to 2 are taken for numbers"]),
        ("1;2;3\n", ["--header", "yes", "--target", "numbers"], ["decimals are written with commas"]),
        ("", ["--header", "no", "--target", "classes"], ["decimals are written with commas"]),
    ):
        data.write_text(header + "".join(rows))
        assert main([*job, *options]) in (0, 1)
        out, err = capsys.readouterr()
        told = [line for line in err.splitlines() if line.startswith("python -m nn: note: ")]
        assert len(told) == len(notes)
        assert all(note in line for note, line in zip(notes, told))
        name = {"": "target", "a": "kind", "1": "3"}[header[:1]]
        kind = "3 classes of" if "classes" in options else "regression of"
        assert f"data.csv: {kind} '{name}', finished" in out
        rest = ["--header", "no"] if not header else ["--header", "yes"]
        assert main(["predict", str(tmp_path / "run" / "model.json"), str(data), *rest]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 31
    refused([*job, "--header", "perhaps"], capsys, "--header: invalid choice: 'perhaps'")
    refused(["--header", "yes"], capsys, "--header cannot be used with --data iris")


# -- Ctrl-C --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_ends_tidily(number, status, tmp_path):
    command = [sys.executable, "-m", "nn", *QUICK[:-1], "100000", "--out", str(tmp_path)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores Ctrl-C
    )
    seen = b""
    while b"loss=" not in seen:
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, seen
        seen += piece
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert b"Traceback" not in seen + err
    assert b"interrupted after" in out
    assert table(out.decode())["validation"][0] < 2.0
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*FILES, CHECKPOINT])
    (tmp_path / "new.csv").write_text("x1,x2\n0,1\n")
    assert main(["predict", str(tmp_path / "model.json"), str(tmp_path / "new.csv")]) == 0


STRIKE = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
MOMENTS = {
    "while nn is loaded": ("statistics.py", STRIKE),
    "while the command line is loaded": ("argparse.py", STRIKE),
    "while matplotlib is loaded": ("matplotlib.py", STRIKE),
    "at the end": (
        "sitecustomize.py",
        "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)\n",
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("name", "code"), MOMENTS.values(), ids=MOMENTS)
def test_ctrl_c_at_any_time_gives_a_line(name, code, tmp_path):
    """A module of that name, which is loaded in place of the right one, strikes the keys."""
    (tmp_path / name).write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "nn", *QUICK, "--out", str(tmp_path / "run")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == "python -m nn: interrupted"
    assert "Traceback" not in done.stderr


def test_ctrl_c_in_a_program_that_imports_nn_is_an_exception(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("import nn\n")
    told = (
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    input()\nexcept KeyboardInterrupt:\n    print('caught')\n"
    )
    (tmp_path / "mine" / "__main__.py").write_text(f"import os, signal\n{told}")
    done = subprocess.run(
        [sys.executable, "-m", "mine"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.stdout == b"caught\n", done.stderr


def test_ctrl_c_before_anything_is_learned_writes_nothing(earlier, capsys, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.train.loop.Loop._epoch", interrupt)
    assert main([*QUICK, "--find-lr", "--out", str(earlier)]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert "interrupted before anything was learned; nothing is written" in err
    assert {p.name: p.read_text() for p in earlier.iterdir()} == dict.fromkeys(FILES, "earlier")


def test_in_a_thread_where_no_signal_can_be_caught(tmp_path, capsys):
    status = []
    thread = threading.Thread(target=lambda: status.append(main([*QUICK, "--out", str(tmp_path)])))
    thread.start()
    thread.join()
    assert status == [0]
    assert (tmp_path / "model.json").exists()


def test_the_signals_are_as_before(tmp_path, capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert main(["--unknown"]) == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_while_drawing_keeps_what_is_complete(earlier, capsys, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.cli.job.draw_all", interrupt)
    assert main([*QUICK, "--out", str(earlier)]) == 130
    assert capsys.readouterr().err.endswith("python -m nn: interrupted\n")
    assert json.loads((earlier / "model.json").read_text())["format"]
    assert (earlier / "neuron_forward.svg").read_text() == "earlier"
    assert sorted(p.name for p in earlier.iterdir()) == sorted([*FILES, CHECKPOINT])


def test_a_reader_that_stops_reading(model, tmp_path):
    (tmp_path / "new.csv").write_text("x1,x2\n" + "0,1\n" * 20000)  # more than a pipe holds
    command = [sys.executable, "-m", "nn", "predict", str(model), str(tmp_path / "new.csv")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"class,probability\n"
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_help(capsys):
    for argv in (["--help"], ["predict", "--help"]):
        with pytest.raises(SystemExit) as done:
            main(argv)
        assert done.value.code == 0
        assert "DATA" in capsys.readouterr().out


def test_class_names_that_the_output_cannot_hold(tmp_path):
    data = tmp_path / "greek.csv"
    data.write_text("x,kind\n" + "".join(f"{k},{'αβ'[k % 2]}\n" for k in range(20)), encoding="utf-8")
    main([*QUICK, "--data", str(data), "--out", str(tmp_path / "run")])
    done = subprocess.run(
        [sys.executable, "-m", "nn", "predict", str(tmp_path / "run" / "model.json"), str(data)],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "PYTHONUTF8=1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_named_like_a_data_set_has_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris.csv").write_text("x,y\n" + "".join(f"{k},{2 * k}\n" for k in range(20)), encoding="utf-8")
    main([*QUICK, "--data", "iris.csv"])
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["iris-csv"]
