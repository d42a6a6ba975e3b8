"""Model files: bit for bit there and back, checked, written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import ModelFileError
from autodiff.files import write_atomically
from nn import MLP, Dropout, Layer, Module, Neuron, Residual, Sequential, load, parameter, save
from nn.model import saved

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(data=st.data())
def test_every_finite_number_comes_back_to_the_last_bit(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("models") / "model.json"
    model = MLP(2, [2, 1], activation="tanh")
    for p in model.parameters():
        p.data = data.draw(finite)
    model.save(path)
    twin, extra = load(path)
    numbers = [[p.data.hex() for p in m.parameters()] for m in (model, twin)]
    assert numbers[0] == numbers[1]
    assert extra == {}


@pytest.mark.parametrize(
    "model",
    [
        MLP(3, [4, 2], activation=["softplus", "sigmoid"], seed=0),
        MLP(2, [1, 1], expand=True, seed=0),
        Layer(2, 3, activation="tanh", bias=False, seed=0),
        Neuron(2, nonlin=False, expand=True, seed=0),
    ],
    ids=repr,
)
def test_the_architecture_comes_back(model, tmp_path):
    save(model, tmp_path / "m.json")
    twin, _ = load(tmp_path / "m.json")
    assert type(twin) is type(model)
    assert repr(twin) == repr(model)
    assert twin.config() == model.config()
    assert twin.state_dict() == model.state_dict()
    x = [0.5] * model.config()["nin"]
    assert repr(twin(x)) == repr(model(x))


def test_extras_come_back(tmp_path):
    extra = {"classes": ["no", "ja ✓"], "statistics": {"mean": [0.1, 1e-300], "n": 3}, "none": None, "flag": True}
    save(Neuron(1), str(tmp_path / "m.json"), **extra)
    assert load(str(tmp_path / "m.json"))[1] == extra


def test_extras_may_be_numbers_of_numpy(tmp_path):
    np = pytest.importorskip("numpy")
    save(Neuron(1), tmp_path / "m.json", n=np.int64(3), mean=np.float32(0.1), flags=[np.bool_(True)])
    extra = load(tmp_path / "m.json")[1]
    assert repr(extra) == repr({"n": 3, "mean": float(np.float32(0.1)), "flags": [True]})
    with pytest.raises(TypeError, match="extras are JSON"):
        save(Neuron(1), tmp_path / "n.json", array=np.array([1.0]))


def test_loading_draws_no_random_numbers(tmp_path):
    save(MLP(2, [3, 1]), tmp_path / "m.json")
    before = random.getstate()
    load(tmp_path / "m.json")
    assert random.getstate() == before


# -- What cannot be saved ----------------------------------------------------------------------------------------


class Line(Module):
    def __init__(self):
        self.slope = parameter(1.0, "slope")


def changed(change):
    model = MLP(2, [2, 1], seed=0)
    change(model)
    return model


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (MLP(1, [1, 1], activation=lambda z: z * z), "a function of your own, which a file cannot hold"),
        (Line(), "only Neuron, Layer, MLP, Sequential, .* can be rebuilt from a file, got Line"),
        (type("Mine", (MLP,), {})(1, [1]), "got Mine"),
        (changed(lambda m: setattr(m.layers[0].neurons[0], "activation", None)), "differ in kind"),
        (changed(lambda m: m.layers.append(Layer(3, 1))), "other parts than its constructor makes"),
        (changed(lambda m: setattr(m, "scale", parameter(1.0, "scale"))), "other parts"),
        ("model", "got str"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(model, told, tmp_path):
    with pytest.raises(TypeError, match=told):
        save(model, tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(bad, tmp_path):
    model = Neuron(1)
    with pytest.raises(ValueError, match="finite numbers only"):
        save(model, tmp_path / "m.json", mean=bad)
    model.w[0].data = bad
    with pytest.raises(ValueError, match=rf"finite numbers only: w\.0 is {bad}"):
        save(model, tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_extras_that_are_not_json_are_refused(tmp_path):
    with pytest.raises(TypeError, match="extras are JSON"):
        save(Neuron(1), tmp_path / "m.json", when=object())


# -- Classes of the user's own -------------------------------------------------------------------------------------


@pytest.fixture
def kinds(monkeypatch):
    """What can be rebuilt from files, at first the classes of nn; afterwards what could be before."""
    known = {name: dict(saved.KINDS[name]) for name in saved.KINDS if name in saved.OURS}
    monkeypatch.setattr(saved, "KINDS", known)
    return known


def powers(module="lecture", name="Powers", **changes):
    """A class as a user writes it, in a module of that name."""

    def __init__(self, degree, heads, note=None):
        self.degree, self.heads, self.note = degree, heads, note
        self.scale = parameter(1.0, "scale")
        self.mix = Layer(degree, 1)  # draws its weights

    def __call__(self, x):
        return [self.scale * head(self.mix([x**k for k in range(1, self.degree + 1)])) for head in self.heads]

    def config(self):
        return {"degree": self.degree, "heads": self.heads, "note": self.note}

    space = {"__init__": __init__, "__call__": __call__, "config": config, "__module__": module}
    return type(name, (Module,), {**space, "__qualname__": name, **changes})


def test_a_class_with_a_config_comes_back_alone_and_inside(kinds, tmp_path):
    Powers = powers()
    model = Powers(3, (Neuron(1, nonlin=False), Residual(Layer(1, 1))), "ja ✓")
    model.scale.data = 0.1
    random.seed(1)
    before = random.getstate()
    for whole, inner in ((model, lambda m: m), (Sequential(model, Dropout(0.5, seed=0)), lambda m: m.layers[0])):
        save(whole, tmp_path / "m.json")
        twin, _ = load(tmp_path / "m.json")
        assert type(inner(twin)) is Powers
        assert (inner(twin).degree, inner(twin).note) == (3, "ja ✓")
        assert twin.state_dict() == whole.state_dict()
        assert [y.data for y in inner(twin)(0.5)] == [y.data for y in model(0.5)]
    assert random.getstate() == before


def test_a_class_may_say_itself_how_it_is_made(kinds, tmp_path):
    def config(self):
        return {"root": self.degree**0.5, "heads": self.heads}

    def from_config(cls, config):
        return cls(round(config["root"] ** 2), config["heads"])

    Powers = powers(config=config, from_config=classmethod(from_config))
    save(Powers(5, []), tmp_path / "m.json")
    assert load(tmp_path / "m.json")[0].degree == 5


def test_a_class_that_is_not_defined_is_named_with_what_to_do(kinds, tmp_path):
    save(powers()(2, []), tmp_path / "m.json")
    del kinds["Powers"]
    told = "the \"kind\" of the model is 'Powers', expected one of Neuron, .*; define .* a class of your own"
    with pytest.raises(ModelFileError, match=told):
        load(tmp_path / "m.json")


def test_a_class_defined_anew_takes_the_place_of_the_old_one(kinds, tmp_path):
    first = powers()
    second = powers()
    save(first(2, []), tmp_path / "m.json")
    assert type(load(tmp_path / "m.json")[0]) is second
    powers(config=None)  # and now without
    with pytest.raises(ModelFileError, match="the \"kind\" of the model is 'Powers'"):
        load(tmp_path / "m.json")


def test_two_classes_of_one_name_are_not_confused(kinds, tmp_path):
    first = powers("lecture")
    save(first(2, []), tmp_path / "m.json")
    second = powers("exercise")
    told = r"there are 2 classes of the name Powers: lecture\.Powers, exercise\.Powers"
    with pytest.raises(ModelFileError, match=told):
        load(tmp_path / "m.json")
    for kind in (first, second):
        with pytest.raises(TypeError, match=told):
            save(kind(2, []), tmp_path / "n.json")


def test_no_class_takes_the_name_of_one_of_nn(kinds, tmp_path):
    save(Sequential(Neuron(1)), tmp_path / "m.json")
    mine = powers(name="Sequential")
    assert type(load(tmp_path / "m.json")[0]) is Sequential
    with pytest.raises(TypeError, match=r"got Sequential; save its state_dict.* a name that no class of nn has"):
        save(mine(1, []), tmp_path / "n.json")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (lambda self: {"degree": 2, "heads": abs}, "got builtin_function_or_method"),
        (lambda self: {"degree": 2, "heads": {}}, "got dict"),
        (lambda self: {"degree": 2}, "missing 1 required positional argument: 'heads'"),
        (lambda self: {"degree": 2, "heads": [], "kind": "x"}, "use another name"),
        (lambda self: {"degree": 2, "heads": [], "size": 1}, "unexpected keyword argument 'size'"),
        (lambda self: {"degree": 3, "heads": []}, "other parts than its constructor makes"),
    ],
)
def test_a_config_that_cannot_be_kept_is_refused(config, told, kinds, tmp_path):
    model = powers(config=config)(2, [])
    with pytest.raises(TypeError, match=told):
        save(model, tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"degree": "x"}, '"model": nin is a positive integer'),
        ({"degree": ...}, '"model": .*missing 1 required positional argument'),
        ({"size": 3}, '"model": .*unexpected keyword argument'),
        ({"degree": 3}, "does not fit this Powers: missing"),
        ({"heads": [{"kind": "os.system"}]}, "the \"kind\" of the model is 'os.system'"),
        ({"heads": [{"kind": "Neuron"}]}, '"model" has the keys'),
        ({"heads": [{"kind": "Layer", "nin": 1, "nout": 10**12, "activation": "relu", "bias": True, "expand": False}]},
         "the sizes ask for 2000000000000 parameters, the state has 4"),
    ],
)  # fmt: skip
def test_a_damaged_file_of_such_a_class_is_refused(change, told, kinds, tmp_path):
    path = tmp_path / "m.json"
    save(powers()(2, []), path)
    whole = json.loads(path.read_text())
    whole["model"] = {key: value for key, value in {**whole["model"], **change}.items() if value is not ...}
    path.write_text(json.dumps(whole))
    with pytest.raises(ModelFileError, match=told) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


# -- Damaged files -----------------------------------------------------------------------------------------------


def document():
    return {
        "format": "autodiff.nn model",
        "version": 1,
        "model": {"kind": "MLP", "nin": 1, "nouts": [1], "activation": ["linear"], "expand": False},
        "state": {"layers.0.neurons.0.w.0": 0.5, "layers.0.neurons.0.b": 0.25},
        "extra": {},
    }


def with_entry(path, value):
    """The document with one entry replaced, or taken out by `...`."""
    whole = document()
    *outer, last = path
    part = whole
    for key in outer:
        part = part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return json.dumps(whole)


def test_the_document_is_good_before_it_is_damaged(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(document()))
    assert load(tmp_path / "m.json")[0]([2.0]).data == 1.25


W = ("state", "layers.0.neurons.0.w.0")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not valid JSON, or cut off"),
        (json.dumps(document())[:-40], "not valid JSON, or cut off"),
        ("\x80\x04model", "not a saved model|not valid JSON, or cut off"),
        ("[" * 100_000, "not valid JSON, or cut off|recursion"),
        ("[1, 2]", "not a saved model"),
        ("{}", "not a saved model"),
        (with_entry(["format"], "other"), "not a saved model"),
        (with_entry(["version"], 2), "version 2 of the format; this program reads 1"),
        (with_entry(["version"], ...), "version None"),
        (with_entry(["version"], True), "version True"),
        *((with_entry([key], ...), f'"{key}" is missing') for key in ("model", "state", "extra")),
        *((with_entry([key], [1]), rf'"{key}" is \[1\], expected an object') for key in ("model", "state", "extra")),
        (
            with_entry(["model", "kind"], "Net"),
            "the \"kind\" of the model is 'Net', expected one of Neuron, Layer, MLP",
        ),
        (with_entry(["model", "kind"], []), 'the "kind" of the model'),
        (with_entry(["model", "nin"], ...), '"model" has the keys'),
        (with_entry(["model", "seed"], 1), '"model" has the keys'),
        (with_entry(["model", "nin"], "1"), '"model"'),
        (with_entry(["model", "nin"], 1.0), '"nin" is 1.0, expected a positive integer'),
        (with_entry(["model", "nin"], 0), '"nin" is 0, expected a positive integer'),
        (with_entry(["model", "nin"], 10**12), "the sizes ask for 1000000000001 parameters, the state has 2"),
        (with_entry(["model", "nin"], None), '"model"'),
        (with_entry(["model", "nouts"], []), "the sizes ask for 0 parameters"),
        (with_entry(["model", "nouts"], 1), '"model"'),
        (with_entry(["model", "nouts"], {"1": 1}), '"model"'),
        (with_entry(["model", "nouts"], [2]), "the sizes ask for 4 parameters, the state has 2"),
        (with_entry(["model", "activation"], ["os.system"]), "unknown activation 'os.system'"),
        (with_entry(["model", "activation"], ["relu", "relu"]), "1 layers need 1 activations"),
        (with_entry(["model", "activation"], [None]), r'"activation" is \[None\], expected a name, or a list of names'),
        (with_entry(["model", "activation"], 3), "activation"),
        (with_entry(["model", "expand"], 1), '"expand" is 1, expected true or false'),
        (with_entry(W, ...), "the sizes ask for 2 parameters, the state has 1"),
        (with_entry(("state", "extra"), 1.0), "the sizes ask for 2 parameters, the state has 3"),
        (with_entry(W, math.nan), r"not a finite number: layers\.0\.neurons\.0\.w\.0 = nan"),
        (json.dumps(document()).replace("0.5", "1e999"), r"not a finite number: layers\.0\.neurons\.0\.w\.0 = inf"),
        (with_entry(W, 10**400), "not a finite number"),
        (with_entry(W, "0.5"), "not a finite number"),
        (with_entry(W, None), "not a finite number"),
        (with_entry(W, True), "not a finite number"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(text, told, tmp_path):
    path = tmp_path / "m.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelFileError, match=told) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_every_truncation_is_noticed(tmp_path):
    path = tmp_path / "m.json"
    save(Neuron(1), path, note="x")
    whole = path.read_bytes()
    for size in range(len(whole.rstrip())):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            load(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.json")


# -- Atomic writing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(step, tmp_path, monkeypatch):
    path = tmp_path / "m.json"
    save(Neuron(1, seed=0), path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises(OSError, match="disk full"):
        save(Neuron(1, seed=1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.json"
    path.write_text("old")

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save(Neuron(1), tmp_path / "none" / "m.json")


def test_an_activation_of_null_is_damage(tmp_path):
    path = tmp_path / "model.json"
    MLP(1, [2, 1], activation="tanh").save(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["model"]["activation"] = None
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelFileError, match='"activation" is null'):
        load(path)


def test_a_path_that_cannot_be_written_is_named_as_given(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        MLP(1, [1]).save(tmp_path / "missing" / "model.json")
    assert caught.value.filename == str(tmp_path / "missing" / "model.json")
