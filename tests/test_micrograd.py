"""Programs of micrograd's and microgpt's kind run with only their imports changed, and give the same numbers."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

from autodiff import Value
from nn import MLP, Module, Neuron

MOONS = json.loads((Path(__file__).parent / "data" / "moons100.json").read_text())


def test_the_readme_example_prints_its_numbers(capsys):
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    print(f"{g.data:.4f}")
    g.backward()
    print(f"{a.grad:.4f}")
    print(f"{b.grad:.4f}")
    assert capsys.readouterr().out.split() == ["24.7041", "138.8338", "645.5773"]


def test_the_seeded_neuron_of_its_drawing_notebook():
    random.seed(1337)
    n = Neuron(2)
    x = [Value(1.0), Value(-2.0)]
    y = n(x)
    assert [w.data for w in n.w] == pytest.approx([0.23550571390294128, 0.06653114721000164], rel=1e-12)
    assert n.b is not None
    assert n.b.data == 0.0
    assert y.data == pytest.approx(0.102443419482938, rel=1e-12)


def test_the_moons_demo_has_its_losses_and_its_accuracy():
    X, y = MOONS["X"], MOONS["y"]
    assert len(X) == len(y) == 100
    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 337

    def loss():
        inputs = [list(map(Value, xrow)) for xrow in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        alpha = 1e-4
        reg_loss = alpha * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores)]
        return total_loss, sum(accuracy) / len(accuracy)

    history = []
    for k in range(100):
        total_loss, acc = loss()
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        history.append((total_loss.data, acc))

    assert history[0] == (pytest.approx(0.8958441028683222, abs=1e-9), 0.5)
    assert history[1][0] == pytest.approx(1.7235905336972022, abs=1e-9)
    assert history[99] == (pytest.approx(0.010978370135492717, abs=1e-6), 1.0)


def test_a_subclass_in_its_style_says_itself_what_its_parameters_are():
    class Scaled(Module):
        def __init__(self):
            self.inner = Neuron(1, nonlin=False)
            self.scale = Value(2.0)

        def __call__(self, x):
            return self.scale * self.inner(x)

        def parameters(self):
            return [*self.inner.parameters(), self.scale]

    class Two(Module):
        def __init__(self):
            self.parts = [Scaled(), Scaled()]

    two = Two()
    (two.parts[0]([3.0]) * two.parts[1]([3.0])).backward()
    assert [name for name, _ in two.named_parameters()] == [
        f"parts.{k}.{name}" for k in (0, 1) for name in ("inner.w.0", "inner.b", "scale")
    ]
    assert all(p.grad for p in two.parameters())
    two.zero_grad()
    assert [p.grad for p in two.parameters()] == [0.0] * 6
    assert two.parts[0].state_dict()["scale"] == 2.0


# -- A language model of microgpt's kind: words of letters, one attention head, Adam written out ------------------

WORDS = ["abba", "cab", "bac", "acca", "cabba", "bab"]
LETTERS = sorted(set("".join(WORDS)))
END = len(LETTERS)
SIZE, WIDTH = END + 1, 4


def make_weights():
    rng = random.Random(42)

    def matrix(rows, columns):
        return [[rng.gauss(0, 0.3) for _ in range(columns)] for _ in range(rows)]

    shapes = {"letter": SIZE, "place": 8, "query": WIDTH, "key": WIDTH, "value": WIDTH, "hidden": WIDTH, "head": SIZE}
    return {name: matrix(rows, WIDTH) for name, rows in shapes.items()}


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]


def rmsnorm(x):
    scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def softmax(logits):
    max_val = max(v.data for v in logits)
    exps = [(v - max_val).exp() for v in logits]
    total = sum(exps)
    return [e / total for e in exps]


def softmax_of_floats(logits):
    exps = [math.exp(v) for v in logits]
    return [e / sum(exps) for e in exps]


def word_loss(word, w, softmax, relu, log):
    tokens = [END, *map(LETTERS.index, word), END]
    keys, values, losses = [], [], []
    for place, (token, target) in enumerate(pairwise(tokens)):
        x = rmsnorm([t + p for t, p in zip(w["letter"][token], w["place"][place])])
        q = linear(x, w["query"])
        keys.append(linear(x, w["key"]))
        values.append(linear(x, w["value"]))
        weights = softmax([sum(qi * ki for qi, ki in zip(q, k)) / WIDTH**0.5 for k in keys])
        x = [xj + sum(a * v[j] for a, v in zip(weights, values)) for j, xj in enumerate(x)]
        x = [xj + relu(hj) for xj, hj in zip(x, linear(rmsnorm(x), w["hidden"]))]
        losses.append(-log(softmax(linear(x, w["head"]))[target]))
    return (1 / len(losses)) * sum(losses)


def test_a_program_in_the_style_of_microgpt_learns():
    plain = make_weights()
    state_dict = {name: [[Value(x) for x in row] for row in matrix] for name, matrix in plain.items()}
    params = [p for matrix in state_dict.values() for row in matrix for p in row]
    learning_rate, beta1, beta2, eps = 0.05, 0.85, 0.99, 1e-8
    m = [0.0] * len(params)
    v = [0.0] * len(params)

    history = []
    for step in range(60):
        word = WORDS[step % len(WORDS)]
        loss = word_loss(word, state_dict, softmax, lambda x: x.relu(), lambda x: x.log())
        if step == 0:
            floats = word_loss(word, plain, softmax_of_floats, lambda x: max(0.0, x), math.log)
            assert loss.data == pytest.approx(floats, rel=1e-13)
        loss.backward()
        lr_t = learning_rate * (1 - step / 60)
        for i, p in enumerate(params):
            m[i] = beta1 * m[i] + (1 - beta1) * p.grad
            v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
            m_hat = m[i] / (1 - beta1 ** (step + 1))
            v_hat = v[i] / (1 - beta2 ** (step + 1))
            p.data -= lr_t * m_hat / (v_hat**0.5 + eps)
            p.grad = 0
        history.append(loss.data)
    first, last = sum(history[:6]) / 6, sum(history[-6:]) / 6
    assert first == pytest.approx(math.log(SIZE), abs=0.2)  # it knows next to nothing
    assert last < 0.7 * first
