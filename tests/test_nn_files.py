"""Files from anywhere: whatever is done to a model file or a checkpoint, it is refused in a line, or read as it was."""

from __future__ import annotations

import json
import math
import random
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autodiff import ModelFileError
from nn import (
    MLP,
    BatchNorm,
    Dropout,
    Elementwise,
    History,
    Layer,
    Neuron,
    Residual,
    Sequential,
    fit,
    load,
    optim,
    save,
)
from nn.data import xor
from nn.model.saved import FORMAT, VERSION, checksum_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


MODEL = Sequential(
    Layer(2, 2, activation="tanh", seed=0),
    BatchNorm(2),
    Residual(MLP(2, [1, 2], seed=1)),
    Elementwise("sigmoid"),
    Dropout(0.25, seed=2),
    Neuron(2, seed=3),
)


def texts(folder):
    """A model file and a checkpoint, as they are written."""
    save(MODEL, folder / "m.json", names=["no", "yes"], mean=0.5, none=None)
    train(folder / "c.json", 1)
    return (folder / "m.json").read_text(), (folder / "c.json").read_text()


def train(path, epochs, resume=False):
    model = Sequential(Layer(2, 3, activation="tanh", seed=0), Dropout(0.1, seed=1), Layer(3, 2, False, seed=2))
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    history = fit(
        model, xor(8), optimizer=optimizer, batch_size=4, epochs=epochs, checkpoint=path, resume=resume, progress=False
    )
    epochs = [epoch._replace(seconds=0.0) for epoch in history.epochs]
    return model.state_dict(), optimizer.state_dict(), repr(epochs)


def outcome(read, path, content):
    """What is read of a file, or the complaint: one line that begins with the file's name and is fit to be read."""
    path.write_bytes(content)
    try:
        return repr(read(path))
    except ModelFileError as error:
        told = str(error)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    assert len(told) < 600
    assert not re.search(r"unsupported operand|has no attribute|object is not|can only concatenate|unhashable", told)
    return None


def read_model(path):
    model, extra = load(path)
    return repr(model), model.state_dict(), extra


def read_checkpoint(path):
    return train(path, 2, resume=True)


READERS = {"model": read_model, "checkpoint": read_checkpoint}


@pytest.fixture(scope="module")
def written(folder):
    return dict(zip(READERS, texts(folder)))


@pytest.fixture(scope="module")
def whole(folder, written):
    """What is read of the files as they were written."""
    return {name: outcome(READERS[name], folder / "whole.json", text.encode()) for name, text in written.items()}


HOSTILE = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    0.5,
    -0.0,
    10**9,
    -(10**9),
    10**40,
    10**400,
    1e308,
    "",
    "13",
    "relu",
    "\ud800",
]
HOSTILE += [[], {}, [1], [None], {"relu": 1}, [[[]]], {"kind": "MLP"}, ["relu", "linear"], math.nan, math.inf]


def places(part, way=()):
    """The ways to all entries of some JSON; of a long list the first and the last."""
    yield way
    if isinstance(part, dict):
        for key in part:
            yield from places(part[key], (*way, key))
    elif isinstance(part, list):
        for k in sorted({*range(min(len(part), 3)), *range(max(len(part) - 1, 0), len(part))}):
            yield from places(part[k], (*way, k))


def damaged(document, way, change, value):
    """A copy of a document in which one entry is gone, named otherwise, there twice, or another."""
    document = {"whole": json.loads(json.dumps(document))}
    *outer, last = ("whole", *way)
    part = document
    for key in outer:
        part = part[key]
    if change == "gone" and outer:
        del part[last]
    elif change == "named otherwise" and isinstance(part, dict) and outer:
        part[f"{last}x"] = part.pop(last)
    elif change == "twice" and isinstance(part, list):
        part.append(part[last])
    else:
        part[last] = value
    return document["whole"]


@pytest.mark.parametrize("checked", [True, False], ids=["as it was written", "without a checksum"])
@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_entry_may_be_anything(name, checked, data, folder, written, whole):
    """Nothing but a complaint in words comes of it, and, with the checksum, nothing but that or the same numbers."""
    document = json.loads(written[name])
    if not checked:
        del document["checksum"]
    way = data.draw(st.sampled_from(list(places(document))), "way")
    value = data.draw(st.sampled_from(HOSTILE), "value")
    change = data.draw(st.sampled_from(["another", "another", "gone", "named otherwise", "twice"]), "change")
    content = json.dumps(damaged(document, way, change, value)).encode()
    result = outcome(READERS[name], folder / "damaged.json", content)
    if checked and way != ("checksum",):
        same = json.loads(content) == document and repr(json.loads(content)) == repr(document)
        assert result in ((whole[name],) if same else (None, whole[name]))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255))
@example(place=0, byte=0xEF)
def test_any_byte_may_be_another(name, place, byte, folder, written, whole):
    content = bytearray(written[name].encode())
    content[place % len(content)] = byte
    assert outcome(READERS[name], folder / "damaged.json", bytes(content)) in (None, whole[name])


@pytest.mark.parametrize("name", READERS)
def test_every_flipped_digit_is_noticed(name, folder, written, whole):
    text = written[name]
    rng, seen = random.Random(0), 0
    digits = [k for k, c in enumerate(text) if c.isdigit()]
    for k in rng.sample(digits, 150):
        flipped = text[:k] + rng.choice("0123456789".replace(text[k], "")) + text[k + 1 :]
        try:
            same = repr(json.loads(flipped)) == repr(json.loads(text))  # the 17th digit may not count
        except ValueError:
            same = False
        result = outcome(READERS[name], folder / "flipped.json", flipped.encode())
        assert result == (whole[name] if same else None), text[max(k - 30, 0) : k + 10]
        seen += not same
    assert seen > 100


@pytest.mark.parametrize("name", READERS)
def test_cut_at_any_byte_it_is_refused(name, folder, written):
    content = written[name].encode()
    rest = len(content) - len(content.rstrip())
    for size in {*range(0, len(content) - rest, 97), *range(40), *range(len(content) - 40, len(content) - rest)}:
        assert outcome(READERS[name], folder / "cut.json", content[:size]) is None


@pytest.mark.parametrize("name", READERS)
def test_encodings(name, folder, written, whole):
    """What Windows' editors write in front of UTF-8 does no harm."""
    for encoding, reads in (("utf-8-sig", True), ("utf-16", False), ("utf-32", False), ("utf-16-le", False)):
        result = outcome(READERS[name], folder / "encoded.json", written[name].encode(encoding))
        assert result == (whole[name] if reads else None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.replace('"extra": {', '"extra": {"mean": 0.25,', 1), "'mean' stands there twice"),
        (lambda t: t.replace('"mean": 0.5', '"mean": NaN', 1), '"extra" holds nan, expected finite numbers'),
        (lambda t: t.replace('"mean": 0.5', '"mean": [1e999]', 1), '"extra" holds inf, expected finite numbers'),
        (lambda t: t.replace('"mean": 0.5', '"mean": ' + "[" * 100000 + "]" * 100000, 1), "recursion|not valid JSON"),
        (lambda t: t.replace('"mean": 0.5', '"mean": 0.25', 1), 'if you have edited it, remove the entry "checksum"'),
        (lambda t: t.replace('"yes"', '"Yes"', 1), "checksum"),
        (lambda t: t.replace('"checksum": "', '"checksum": "0', 1), "checksum"),
        (lambda t: t.replace('"checksum": "', '"checksum": null, "x": "', 1), "checksum"),
        (lambda t: t.replace('"p": 0.25', '"p": true', 1), "probability p"),
        (lambda t: t.replace('"nout": 2', '"nout": "2"', 1), "\"nout\" is '2', expected a positive integer"),
        (lambda t: t.replace('"nout": 2', '"nout": true', 1), '"nout" is True, expected a positive integer'),
        (lambda t: t.replace('"n": 2', '"n": 2.0', 1), r'"n" is 2\.0, expected a positive integer'),
    ],
)
def test_what_is_wrong_is_named(change, told, folder, written):
    text = change(written["model"])
    assert text != written["model"]
    (folder / "wrong.json").write_text(text)
    with pytest.raises(ModelFileError, match=told):
        load(folder / "wrong.json")


@pytest.mark.parametrize("name", ["model", "checkpoint"])
@pytest.mark.parametrize("key", ["checksun", "Checksum", "checksum ", "", "mode1"])
def test_an_entry_of_another_name_is_refused(key, name, folder, written):
    """A flipped letter in "checksum" would make a file of one that has none."""
    document = json.loads(written[name])
    document[key] = document.pop("checksum") if "sum" in key.lower() or "sun" in key else 0
    (folder / "other.json").write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match=f"there is {key!r}, expected nothing but format, version, checksum"):
        READERS[name](folder / "other.json")


def test_a_file_that_was_edited_on_purpose(folder, written, whole):
    text = re.sub(r' "checksum": .*\n', "", written["model"])
    assert outcome(read_model, folder / "edited.json", text.encode()) == whole["model"]
    assert load(folder / "edited.json")[1]["mean"] == 0.5
    (folder / "edited.json").write_text(text.replace('"mean": 0.5', '"mean": 0.25'))
    assert load(folder / "edited.json")[1]["mean"] == 0.25


def model_file(model, **state):
    content = {"model": model, "state": state, "extra": {}}
    return json.dumps({"format": FORMAT, "version": VERSION, **content})


def layer(nin, nout):
    return {"kind": "Layer", "nin": nin, "nout": nout, "activation": "relu", "bias": True, "expand": False}


MLP_13 = {"kind": "MLP", "nin": 13, "nouts": [1], "activation": ["linear"], "expand": False}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"kind": "Sequential", "layers": [layer(10**9, 10**9), layer(10**9, -(10**9))]}, '"nout" is -1000000000'),
        ({**MLP_13, "nouts": [10**9, -(10**9)], "activation": ["relu", "linear"]}, '"nouts" is'),
        ({**MLP_13, "nin": "13"}, "\"nin\" is '13', expected a positive integer"),
        ({**MLP_13, "nin": -1}, '"nin" is -1, expected a positive integer'),
        (
            {**MLP_13, "nin": 10**400},
            '"nin" is 1000000000000000000000000000000000000000, expected a positive integer, below 2^63',
        ),
        ({**MLP_13, "nouts": [1, [2]]}, '"nouts" is'),
        ({"kind": "BatchNorm", "n": 10**12, "eps": 1e-5, "momentum": 0.1, "affine": False}, "the state has 0"),
        ({"kind": "Residual", "module": {**MLP_13, "nin": 10**12}}, "the state has 0"),
        ({"kind": "Residual", "module": 3}, "a module is 3, expected an object"),
        ({"kind": "Elementwise", "activation": {"relu": 1}}, "\"activation\" is {'relu': 1}, expected a name"),
        ({**MLP_13, "activation": {"relu": 1}}, "expected a name, or a list of names"),
        ({"kind": "Dropout", "p": 10**400}, "the probability p"),
    ],
)
def test_sizes_that_ask_for_the_impossible_are_refused_before_anything_is_built(model, told, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(model_file(model))
    with pytest.raises(ModelFileError, match=re.escape(told)) as caught:
        load(path)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_the_checksum_is_of_the_content_and_not_of_the_looks(written, folder, whole):
    document = json.loads(written["model"])
    assert document["checksum"] == checksum_of(document)
    turned = dict(reversed(document.items()))
    assert outcome(read_model, folder / "turned.json", json.dumps(turned).encode()) == whole["model"]


@pytest.mark.parametrize("version", [1.0, True, "1", None, 2])
def test_what_equals_the_version_is_not_it(version, tmp_path):
    History("r2", False).to_json(tmp_path / "h.json")
    document = json.loads((tmp_path / "h.json").read_text())
    (tmp_path / "h.json").write_text(json.dumps({**document, "version": version}))
    with pytest.raises(ModelFileError, match="version"):
        History.from_json(tmp_path / "h.json")
