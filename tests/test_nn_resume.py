"""Checkpoints: a training that was interrupted anywhere ends with the same numbers; no damaged file, ever."""

from __future__ import annotations

import functools
import json
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import ModelFileError, Value
from nn import MLP, BatchNorm, Dropout, Elementwise, Layer, Sequential, fit, losses, optim, schedules
from nn.callbacks import Callback
from nn.data import moons, split, xor
from nn.model.saved import checksum_of

ROOT = Path(__file__).parent.parent
TRAINING, VALIDATION = split(moons(24, 0.2, seed=3), 0.34, seed=0)
EPOCHS, SIZE = 4, 4
STEPS = EPOCHS * math.ceil(len(TRAINING) / SIZE)
SETTINGS = {
    "schedule": schedules.warmup(schedules.cosine(0.05, STEPS), 3),
    "clip_norm": 1.0,
    "l2": 1e-3,
    "batch_size": SIZE,
    "seed": 7,
    "progress": False,
}


def network(seed):
    """Everything that has a state: parameters, running statistics, random choices."""
    return Sequential(
        Layer(2, 3, nonlin=False, init="xavier", seed=seed),
        BatchNorm(3),
        Elementwise("tanh"),
        Dropout(0.3, seed=seed),
        Layer(3, 2, nonlin=False, init="xavier", seed=seed),
    )


def network_with(activation="tanh", p=0.3):
    """The same but for what no number of the state tells."""
    model = network(4)
    model.layers[2], model.layers[3] = Elementwise(activation), Dropout(p, seed=4)
    return model


def doubled(outputs, targets):
    return 2.0 * losses.cross_entropy(outputs, targets)


def square(z):
    return z * z


def train(path=None, seed=1, epochs=EPOCHS, **options):
    """A training from given numbers; another seed makes other ones, for a checkpoint to replace."""
    if path is not None and not path.exists():
        seed = 1  # there is nothing to go on from
    model = network(seed)
    optimizer = optim.Adam(model.parameters(), lr=0.05 * seed)
    history = fit(
        model, TRAINING, VALIDATION, optimizer=optimizer, epochs=epochs, checkpoint=path, **{**SETTINGS, **options}
    )
    return model, optimizer, history


def numbers(model, optimizer, history):
    """All that must agree, to the last bit; not the times."""
    epochs = [[x.hex() for name, x in epoch._asdict().items() if name != "seconds"] for epoch in history.epochs]
    return model.state_dict(), optimizer.state_dict(), epochs, history.best_epoch, history.stopped


UNINTERRUPTED = numbers(*train())
EAGER = numbers(*train(eager=True))  # the same but for rounding


@pytest.fixture(autouse=True, scope="module")
def saving_after_every_epoch():
    """However short it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nn.train.checkpoint.REST", 0.0)
        yield


class Interrupting(Callback):
    """Ctrl-C after a step, or after an epoch."""

    def __init__(self, steps, epochs=-1):
        self.steps, self.epochs = steps, epochs

    def on_step(self, training):
        if training.step == self.steps:
            raise KeyboardInterrupt

    def on_epoch(self, training):
        if training.epoch == self.epochs:
            raise KeyboardInterrupt


@settings(max_examples=12)
@given(data=st.data())
def test_interrupted_at_any_step_it_ends_the_same(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "checkpoint.json"
    begin = 1
    for _ in range(data.draw(st.integers(1, 3), "interruptions")):
        begin = data.draw(st.integers(begin, STEPS), "step")
        _, _, history = train(path, resume=True, callbacks=[Interrupting(begin)])
        assert history.stopped in ("interrupted", "finished")
    assert numbers(*train(path, seed=2, resume=True)) == UNINTERRUPTED


@settings(max_examples=12)
@given(call=st.integers(1, STEPS + 2 * (EPOCHS + 1)))
def test_interrupted_in_any_forward_pass_it_ends_the_same(call, tmp_path_factory):
    """In the middle of a step, when batch norm and dropout have moved on already, or in an evaluation."""
    path, calls = tmp_path_factory.mktemp("run") / "checkpoint.json", iter(range(1, 1000))

    @functools.wraps(losses.cross_entropy)  # by whose name the checkpoint knows it
    def loss(outputs, targets):
        if next(calls) == call:
            raise KeyboardInterrupt
        return losses.cross_entropy(outputs, targets)

    assert train(path, loss=loss)[2].stopped == "interrupted"
    assert numbers(*train(path, seed=2, resume=True, eager=True)) == EAGER


@pytest.mark.parametrize("epoch", range(EPOCHS + 1))
def test_interrupted_between_epochs_it_ends_the_same(epoch, tmp_path):
    train(tmp_path / "c.json", callbacks=[Interrupting(-1, epoch)])
    assert numbers(*train(tmp_path / "c.json", seed=2, resume=True)) == UNINTERRUPTED


def test_a_checkpoint_changes_nothing_and_more_epochs_may_follow(tmp_path):
    path = tmp_path / "c.json"
    train(path, epochs=2)
    assert numbers(*train(path, seed=2, resume=True)) == UNINTERRUPTED
    resumed = train(path, seed=2, resume=True)  # nothing is left to do
    assert numbers(*resumed) == UNINTERRUPTED
    assert resumed[2].backend
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_a_learning_rate_that_a_callback_has_changed_is_kept(tmp_path):
    def halve(training):
        training.optimizer.lr *= 0.5

    options = {"schedule": None, "callbacks": [halve]}
    whole = train(**options)
    train(tmp_path / "c.json", epochs=2, **options)
    assert numbers(*train(tmp_path / "c.json", resume=True, **options)) == numbers(*whole)
    assert whole[2].column("learning_rate")[1:] == [0.05 * 0.5**k for k in range(1, EPOCHS + 1)]


def test_patience_goes_on_counting(tmp_path):
    worse = {"schedule": lambda k: 0.05 if k < 8 else 3.0, "patience": 3, "epochs": 20}
    whole = numbers(*train(**worse))
    assert whole[-1] == "patience"
    best = whole[3]
    train(tmp_path / "c.json", **worse, callbacks=[Interrupting(-1, best + 2)])
    assert numbers(*train(tmp_path / "c.json", resume=True, **worse)) == whole


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
import nn.train.checkpoint
nn.train.checkpoint.REST = 0.0
from pathlib import Path
from test_nn_resume import train
calls = iter(range(1000))
def killing(original):
    def call(*args):
        if next(calls) == {write}:
            {before}
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args)
    return call
{patch}
train(Path({path!r}))
"""
MOMENTS = {
    "half written": (
        "os.fsync = killing(os.fsync)",
        "p = next(Path({folder!r}).glob('.c.json*')); os.truncate(p, p.stat().st_size // 2)",
    ),
    "written": ("os.fsync = killing(os.fsync)", "pass"),
    "not yet renamed": ("Path.replace = killing(Path.replace)", "pass"),
    "just renamed": ("Path.replace = killing(Path.replace)", "original(*args)"),
}


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_it_writes_a_checkpoint_it_goes_on_from_a_whole_one(moment, tmp_path):
    path = tmp_path / "c.json"
    patch, before = (text.format(folder=str(tmp_path)) for text in MOMENTS[moment])
    code = KILLED.format(root=str(ROOT), tests=str(ROOT / "tests"), path=str(path), patch=patch, before=before, write=2)
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    epochs = len(json.loads(path.read_text())["history"]["epochs"])
    assert epochs == (3 if moment == "just renamed" else 2)
    assert numbers(*train(path, seed=2, resume=True)) == UNINTERRUPTED


def test_saving_takes_a_tenth_of_the_time_at_most_and_the_end_is_saved(tmp_path, monkeypatch):
    now, saved = [0.0], []

    def save(loop, path, seed):
        saved.append(len(loop.history.epochs) - 1)
        now[0] += 1.0  # seconds

    monkeypatch.setattr("nn.train.checkpoint.save", save)
    monkeypatch.setattr("nn.train.checkpoint.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("nn.train.checkpoint.REST", 9.0)

    def epoch(training):
        now[0] += 4.0

    train(tmp_path / "c.json", epochs=8, callbacks=[epoch], schedule=None)
    assert saved == [0, 3, 6, 8]  # ready after 9 s of rest, that is three epochs of 4 s


def test_the_last_of_many_short_epochs_is_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("nn.train.checkpoint.REST", math.inf)
    train(tmp_path / "c.json")
    assert len(json.loads((tmp_path / "c.json").read_text())["history"]["epochs"]) == EPOCHS + 1
    train(tmp_path / "d.json", epochs=2)
    assert numbers(*train(tmp_path / "d.json", seed=2, resume=True)) == UNINTERRUPTED


# -- What does not fit ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "c.json"
    train(path, epochs=1)
    return path.read_text()


def refused(path, told, **options):
    model = options.pop("model", network(4))
    before = model.state_dict(), [rng.getstate() for rng in model.generators()]
    optimizer = options.pop("optimizer", optim.Adam)(model.parameters(), lr=0.1)
    state = optimizer.state_dict()
    settings = {**SETTINGS, "epochs": 2, **options}
    parts = settings.pop("parts", (TRAINING, VALIDATION))
    with pytest.raises(ModelFileError, match=told) as caught:
        fit(model, *parts, optimizer=optimizer, checkpoint=path, resume=True, **settings)
    assert str(caught.value).startswith(f"{path}: ")
    assert (model.state_dict(), [rng.getstate() for rng in model.generators()]) == before
    assert optimizer.state_dict() == state


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 8}, "the seed 7, this one has 8"),
        ({"batch_size": 6}, "batch size 4, this one has 6"),
        ({"parts": (VALIDATION, TRAINING)}, "samples"),
        ({"parts": split(moons(24, 0.2, seed=4), 0.34, seed=0)}, "data"),
        ({"metric": lambda outputs, targets: 0.0}, "metric 'accuracy'"),
        ({"weights": [1.0] * len(TRAINING)}, "data"),
        ({"optimizer": optim.SGD}, "optimizer.kind 'Adam', this one has 'SGD'"),
        ({"model": MLP(2, [3, 2], seed=0)}, "model.kind 'Sequential', this one has 'MLP'"),
        ({"model": network_with("relu")}, "model.layers.2.activation 'tanh', this one has 'relu'"),
        ({"model": network_with(square)}, "model.layers.2.activation 'tanh', this one has 'square'"),
        ({"model": network_with(p=0.4)}, r"model.layers.3.p 0\.3, this one has 0\.4"),
        ({"loss": doubled}, "loss 'cross_entropy', this one has 'doubled'"),
        ({"l1": 0.5}, r"l1 0\.0, this one has 0\.5"),
        ({"l2": 0.0}, r"l2 0\.001, this one has 0\.0"),
        ({"clip_norm": 2}, r"clip_norm 1\.0, this one has 2\.0"),
        ({"clip_value": 1}, r"clip_value None, this one has 1\.0"),
        ({"schedule": None}, r"schedule 'warmup\(.*, this one has 'none'"),
        ({"schedule": schedules.warmup(schedules.cosine(0.05, STEPS + 1), 3)}, r"schedule .* a schedule made for"),
        ({"optimizer": lambda p, lr: optim.Adam(p, lr, (0.5, 0.999))}, r"optimizer.betas.0 0\.9, this one has 0\.5"),
        ({"optimizer": lambda p, lr: optim.Adam(p, lr, eps=1e-6)}, "optimizer.eps 1e-08, this one has 1e-06"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(options, told, saved, tmp_path):
    (tmp_path / "c.json").write_text(saved)
    refused(tmp_path / "c.json", told, **options)
    assert (tmp_path / "c.json").read_text() == saved


ORDERS = {
    "turned round": (
        lambda p: p[::-1],
        r"optimizer's parameters\.0 'layers\.0\.neurons\.0\.w\.0', this one has 'layers\.4",
    ),
    "two exchanged": (
        lambda p: [*p[:-2], p[-1], p[-2]],
        "'layers.4.neurons.1.w.2', this one has 'layers.4.neurons.1.b'",
    ),
    "one for another": (lambda p: [*p[:-1], Value(0.0)], "neurons.1.b', this one has 'none of the model'"),
    "one fewer": (lambda p: p[:-1], "neurons.1.b', this one has None"),
}


@pytest.mark.parametrize("named", [200, 3], ids=["names", "a digest"])
@pytest.mark.parametrize("order", ORDERS)
def test_another_order_of_the_optimizers_parameters_is_refused(order, named, tmp_path, monkeypatch):
    """What is remembered of a weight would move another one."""
    monkeypatch.setattr("nn.train.checkpoint._NAMED", named)
    change, told = ORDERS[order]
    train(tmp_path / "c.json", epochs=2)
    told = told if named == 200 else "optimizer's parameters '.* in an order .*, this one has '.* in an order"
    refused(tmp_path / "c.json", told, optimizer=lambda parameters, lr: optim.Adam(change(parameters), lr))
    assert numbers(*train(tmp_path / "c.json", seed=2, resume=True)) == UNINTERRUPTED


def test_a_checkpoint_that_does_not_tell_the_order_of_parameters_is_read(tmp_path):
    """As those that were written before it was told."""
    train(tmp_path / "c.json", epochs=2)
    document = json.loads((tmp_path / "c.json").read_text())
    del document["plan"]["optimizer's parameters"]
    document["checksum"] = checksum_of(document)
    (tmp_path / "c.json").write_text(json.dumps(document))
    assert numbers(*train(tmp_path / "c.json", seed=2, resume=True)) == UNINTERRUPTED


def test_a_part_of_the_plan_that_is_gone_is_noticed(saved, tmp_path):
    for name in ("l1", "loss", "schedule", "optimizer's parameters"):
        (tmp_path / "c.json").write_text(saved.replace(f'"{name}": ', f'"{name}x": ', 1))
        refused(tmp_path / "c.json", "checksum")


def test_the_generators_are_those_of_the_checkpoint(tmp_path):
    """Whatever seed those of a new model have, the numbers are those of the training without an interruption."""
    for seed in (2, 3):
        train(tmp_path / f"{seed}.json", epochs=2)
        model, *rest = train(tmp_path / f"{seed}.json", seed=seed, resume=True)
        assert numbers(model, *rest) == UNINTERRUPTED
        assert [rng.getstate() for rng in model.generators()] == [rng.getstate() for rng in train()[0].generators()]


def renamed(text, name):
    """The document with another name for one of its parts."""
    return json.dumps({("else" if key == name else key): part for key, part in json.loads(text).items()})


def test_a_learning_rate_without_a_schedule_is_that_of_the_beginning_or_of_the_checkpoint(tmp_path):
    def halve(training):
        training.optimizer.lr *= 0.5

    path, options = tmp_path / "c.json", {"schedule": None, "progress": False, "checkpoint": tmp_path / "c.json"}
    for lr in (0.5, 0.5, 0.0625):  # three epochs on, and the rate of the first is still known
        model = MLP(2, [2], seed=0)
        epochs = 0 if not path.exists() else len(json.loads(path.read_text())["history"]["epochs"]) - 1
        optimizer = optim.SGD(model.parameters(), lr)
        fit(model, xor(), optimizer=optimizer, epochs=epochs + 1, callbacks=[halve], resume=True, **options)
    assert optimizer.lr == 0.5**5
    before = path.read_text()
    model = MLP(2, [2], seed=0)
    with pytest.raises(ModelFileError, match=r"optimizer\.lr 0\.5, this one has 0\.1"):
        fit(model, xor(), optimizer=optim.SGD(model.parameters(), 0.1), epochs=9, resume=True, **options)
    assert path.read_text() == before


@functools.wraps(losses.cross_entropy)
def namesake(outputs, targets):
    """What only its numbers tell from the function of that name."""
    return doubled(outputs, targets)


def falling(by):
    return lambda k: 0.05 / (by + k)


def scaled(factor):
    return lambda z: (factor * z).tanh()


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"loss": namesake}, "the training loss was .* and would now be"),
        ({"schedule": falling(2)}, r"the learning rate of step \d+ was 0\.0\d+ and would now be 0\.0"),
        ({"model": lambda: network_with(scaled(2.0))}, "the training loss was"),
    ],
)
def test_functions_of_the_same_name_are_told_apart_by_their_numbers(options, told, eager, tmp_path):
    settings = {**SETTINGS, "schedule": falling(1), "eager": eager, "checkpoint": tmp_path / "c.json"}
    for changes in ({}, {}, options):
        options = {"model": lambda: network_with(scaled(1.0)), **settings, **changes}
        model = options.pop("model")()
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        if changes:
            with pytest.raises(ModelFileError, match=told):
                fit(model, TRAINING, VALIDATION, epochs=4, optimizer=optimizer, resume=True, **options)
            assert model.state_dict() == network_with().state_dict()
        else:
            fit(model, TRAINING, VALIDATION, epochs=2, optimizer=optimizer, resume=True, **options)


def test_a_loss_that_is_another_each_time_says_nothing(tmp_path):
    """Nor does what callbacks have changed."""
    rng = random.Random(0)

    def loss(outputs, targets):
        return losses.cross_entropy(outputs, targets) * rng.uniform(0.5, 2.0)

    for epochs in (1, 2):
        train(tmp_path / "c.json", loss=loss, epochs=epochs, resume=True, eager=True)

    def shift(training):
        for p in training.model.parameters():
            p.data += 0.25

    options = {"callbacks": [shift], "resume": True, "epochs": 2}
    train(tmp_path / "d.json", **options)
    assert len(train(tmp_path / "d.json", **{**options, "epochs": 3})[2].epochs) == 4


def test_a_checkpoint_of_an_older_version_is_read(tmp_path):
    """Without a checksum, and with a shorter plan."""
    path = tmp_path / "c.json"
    train(path, epochs=2)
    document = json.loads(path.read_text())
    del document["checksum"]
    document["plan"] = {key: document["plan"][key] for key in list(document["plan"])[:6]}
    path.write_text(json.dumps(document))
    assert numbers(*train(path, seed=2, resume=True)) == UNINTERRUPTED


def test_what_equals_a_number_is_not_it(saved, tmp_path):
    """True is 1 and 1.0 is 1, for Python."""
    for text, told in (
        (saved.replace('"batch size": 4', '"batch size": 4.0'), r"batch size 4\.0, this one has 4"),
        (saved.replace('"version": 1', '"version": 1.0', 1), r"version 1\.0"),
        (saved.replace('"order": [3,', '"order": [3.0,', 1), '"order"'),
        (saved.replace('"step": 4', '"step": 1' + "0" * 40), '"step" is 10000000000.*expected .* at most 4 after 1 ep'),
        (saved.replace('"steps": 4', '"steps": 1' + "0" * 400), "number of steps|checksum"),
    ):
        assert text != saved
        (tmp_path / "c.json").write_text(text)
        refused(tmp_path / "c.json", told)


DAMAGE = {
    "cut": (lambda text: text[:-50], "not valid JSON"),
    "empty": (lambda text: "", "not valid JSON"),
    "another file": (lambda text: "{}", "not a checkpoint"),
    "another version": (lambda text: text.replace('"version": 1', '"version": 2', 1), "version 2"),
    **{
        f"no {key}": (lambda text, key=key: renamed(text, key), f'"{key}" is missing')
        for key in ("plan", "step", "best", "optimizer", "order", "generators", "history")
    },
    "step": (lambda text: text.replace('"step": 4', '"step": -4'), '"step" is -4'),
    "order": (lambda text: text.replace('"order": [3, [', '"order": [3, ["x", '), '"order"'),
    "generators": (lambda text: text.replace('"generators": [[3', '"generators": [[9'), '"generators"'),
    "a weight": (lambda text: text.replace('"layers.0.neurons.0.w.0": ', '"layers.0.neurons.0.w.0": "x'), "JSON"),
    "a loss": (lambda text: text.replace('"training_loss": ', '"training_loss": null, "x": ', 1), "epoch 0"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused(damage, saved, tmp_path):
    change, told = DAMAGE[damage]
    (tmp_path / "c.json").write_text(change(saved))
    assert change(saved) != saved
    refused(tmp_path / "c.json", told)


def test_a_folder_that_is_not_there(tmp_path):
    model = MLP(2, [1])
    with pytest.raises(OSError, match=r"c\.json"):
        fit(model, xor(), epochs=1, checkpoint=tmp_path / "none" / "c.json", progress=False)
