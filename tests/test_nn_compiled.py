"""Compiled steps against eager ones: every loss, layer, optimizer and backend."""

from __future__ import annotations

import math
import random

import pytest

import nn
from nn import BatchNorm, Dropout, Elementwise, Layer, Residual, Sequential, losses, optim
from nn.eager.step import EagerStep
from nn.replay import CompiledStep, NotCompilable

RNG = random.Random(3)
ROWS = [[RNG.gauss(0.0, 1.0), RNG.gauss(0.0, 1.0)] for _ in range(13)]
WEIGHTS = [RNG.choice([0.0, 0.5, 1.0, 3.0]) for _ in ROWS]
TARGETS = {
    losses.mse: [RNG.gauss(0.0, 1.0) for _ in ROWS],
    losses.mae: [RNG.gauss(0.0, 1.0) for _ in ROWS],
    losses.binary_cross_entropy: [RNG.choice([0, 1, 0.3]) for _ in ROWS],
    losses.cross_entropy: [RNG.randrange(3) for _ in ROWS],
    losses.hinge: [RNG.choice([-1, 1]) for _ in ROWS],
}
BACKENDS = ["llvm", "numpy", "python"]


def backend_or_skip(backend):
    if backend != "python":
        pytest.importorskip({"llvm": "llvmlite", "numpy": "numpy"}[backend], reason=f"{backend} is not installed")
    return backend


def network(outputs=1, kind="plain"):
    if kind == "plain":
        return nn.MLP(2, [4, 3, outputs], activation="tanh", seed=5)
    parts = [Layer(2, 4, False, seed=1)]
    parts += [BatchNorm(4)] if "norm" in kind else []
    parts += [Elementwise("relu")]
    parts += [Dropout(0.4, seed=2)] if "dropout" in kind else []
    parts += [
        Residual(Layer(4, 4, activation="sigmoid", seed=3)),
        Dropout(0.1, seed=9),
        Layer(4, outputs, False, seed=4),
    ]
    return Sequential(*parts)


def results(model, step, *batch):
    """Loss, gradients, and what the model remembers, of one step from given numbers."""
    model.zero_grad()
    value = step(*batch)
    return value, [p.grad for p in model.parameters()], [x for _, x in model.named_buffers()]


def agree(one, other):
    value, gradient, buffers = one
    value2, gradient2, buffers2 = other
    size = max(map(abs, gradient), default=0.0)
    assert value2 == pytest.approx(value, rel=1e-13)
    assert gradient2 == pytest.approx(gradient, rel=1e-12, abs=1e-14 * size)
    assert buffers2 == pytest.approx(buffers, rel=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", TARGETS, ids=lambda f: f.__name__)
def test_losses(loss, weights, backend):
    model = network(3 if loss is losses.cross_entropy else 1)
    compiled = nn.compile(model, loss, backend=backend_or_skip(backend))
    for size in (1, 7, 8, 9, 13):
        part = None if weights is None else [w + 0.1 for w in weights[:size]]
        batch = ROWS[:size], TARGETS[loss][:size], part
        agree(results(model, EagerStep(model, loss), *batch), results(model, compiled, *batch))


@pytest.mark.parametrize("loss", [losses.mse, losses.mae])
def test_losses_of_several_outputs(loss):
    model = network(2)
    batch = ROWS, [[a, b] for a, b in zip(TARGETS[losses.mse], TARGETS[losses.mae])], WEIGHTS
    agree(results(model, EagerStep(model, loss), *batch), results(model, nn.compile(model, loss), *batch))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["residual", "dropout", "norm", "norm dropout"])
def test_layers(kind, backend):
    """Dropout draws the same numbers in the same order, and batch normalisation remembers the same."""
    backend = backend_or_skip(backend)
    eager, replayed = network(kind=kind), network(kind=kind)
    step, compiled = EagerStep(eager, losses.mse), nn.compile(replayed, losses.mse, backend=backend)
    for size in (13, 5, 13):
        batch = ROWS[:size], TARGETS[losses.mse][:size]
        agree(results(eager, step, *batch), results(replayed, compiled, *batch))
    eager.eval()
    replayed.eval()
    agree(results(eager, step, *batch), results(replayed, compiled, *batch))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "softplus", "linear", lambda z: z * z.sin()])
def test_activations(activation):
    model = nn.MLP(2, [3, 1], activation=activation, seed=1)
    batch = ROWS, TARGETS[losses.mse]
    agree(results(model, EagerStep(model, losses.mse), *batch), results(model, nn.compile(model, losses.mse), *batch))


def test_a_neuron_written_out():
    model = nn.MLP(2, [3, 1], expand=True, seed=1)
    batch = ROWS, TARGETS[losses.mse]
    agree(results(model, EagerStep(model, losses.mse), *batch), results(model, nn.compile(model, losses.mse), *batch))


def test_a_sum_instead_of_the_mean():
    model = network()
    batch = ROWS, TARGETS[losses.hinge]
    mean, total = nn.compile(model, losses.hinge), nn.compile(model, losses.hinge, reduction="sum")
    value, gradient, _ = results(model, mean, *batch)
    n = len(ROWS)
    agree((value * n, [g * n for g in gradient], []), results(model, total, *batch))
    assert total(ROWS, TARGETS[losses.hinge], [2.0] * n) == pytest.approx(2.0 * n * value, rel=1e-13)


def test_a_loss_of_the_users_own_is_recorded_with_the_whole_batch():
    def loss(outputs, targets):
        return sum((y - t) ** 4 for y, t in zip(outputs, targets)) / len(outputs)

    model = network()
    batch = ROWS, TARGETS[losses.mse]
    agree(results(model, EagerStep(model, loss), *batch), results(model, nn.compile(model, loss), *batch))
    with pytest.raises(ValueError, match="reduction"):
        nn.compile(model, loss, reduction="sum")


def test_flat_buffers():
    model = network()
    step = nn.compile(model, losses.mse)
    columns = step.columns(ROWS, TARGETS[losses.mse])
    step.pull()
    assert list(step.parameters) == [p.data for p in model.parameters()]
    before = step.run(columns, range(13))
    for k, g in enumerate(step.gradient):
        step.parameters[k] -= 0.01 * g
    assert step.run(columns, range(13)) < before
    step.push()
    assert [p.data for p in model.parameters()] == list(step.parameters)
    some = [3, 1, 4]
    picked = [ROWS[k] for k in some], [TARGETS[losses.mse][k] for k in some]
    assert step.run(columns, some) == pytest.approx(EagerStep(model, losses.mse)(*picked), rel=1e-13)


def test_programs_and_buffers_are_not_kept_for_ever():
    rows, targets = [ROWS[k % 13] for k in range(400)], [0.5] * 400
    step = nn.compile(network(), losses.mse, backend="python")
    for n in range(8, 400, 8):
        step(rows[:n], targets[:n])
    assert len(step._last._rooms) == 16
    coupled = nn.compile(network(kind="norm"), losses.mse, backend="python")
    for n in range(2, 22):
        coupled(rows[:n], targets[:n])
    assert len(coupled._plans) == 16


class TestWhatIsRefused:
    def test_a_branch_names_its_line(self):
        class Branching(nn.Neuron):
            def __call__(self, x):
                y = super().__call__(x)
                return y if y > 0.0 else 0.1 * y

        step = nn.compile(Branching(2, nonlin=False, seed=0), losses.mse)
        with pytest.raises(NotCompilable, match=r"y if y > 0\.0 else"):
            step(ROWS, TARGETS[losses.mse])

    def test_no_module(self):
        with pytest.raises(NotCompilable, match="Module"):
            nn.compile(lambda x: x[0], losses.mse)

    def test_bad_data(self):
        step = nn.compile(network(3), losses.cross_entropy)
        for rows, targets, message in (
            (ROWS, [0], "13 rows but 1 targets"),
            ([], [], "no rows"),
            (ROWS[:1], [3], "label of sample 0 is 3"),
            ([[1.0, 2.0], [1.0]], [0, 1], "row 1 has 1 features"),
        ):
            with pytest.raises(ValueError, match=message):
                step(rows, targets)
        with pytest.raises(ValueError, match="at least 0"):
            step(ROWS[:2], [0, 1], [1.0, -1.0])
        with pytest.raises(ValueError, match="reduction"):
            nn.compile(network(), losses.mse, reduction="max")


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, 0.1),
    "nesterov": lambda p: optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "adam": lambda p: optim.Adam(p, 0.02),
    "adamw": lambda p: optim.AdamW(p, 0.02),
}


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}], ids=["free", "norm", "value"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_gives_the_history_of_eager_training(name, clip):
    histories, states = [], []
    for eager in (True, False):
        model = network(2, kind="residual")
        optimizer = OPTIMIZERS[name](model.parameters())
        data = nn.data.moons(40, noise=0.1, seed=1)
        history = nn.fit(
            model, data, 0.3, optimizer=optimizer, epochs=5, batch_size=8, l2=1e-3, eager=eager, progress=False, **clip
        )
        histories.append([x for epoch in history.epochs for k, x in enumerate(epoch) if k != 4 and not math.isnan(x)])
        states.append([*model.state_dict().values(), *optimizer.state_dict()["state"].values()])
        assert history.backend.startswith("eager") is eager
    assert histories[1] == pytest.approx(histories[0], rel=1e-9)
    for one, other in zip(*states):
        assert other == pytest.approx(one, rel=1e-9, abs=1e-12)


def test_fit_falls_back_on_what_cannot_be_recorded():
    data = nn.data.moons(20, noise=0.1, seed=1)
    history = nn.fit(network(2), data, loss=lambda y, t: losses.cross_entropy(y, t), epochs=1, progress=False)
    assert history.backend == "eager: the loss is a function of your own"


def test_fit_builds_graphs_of_large_batches_that_are_coupled():
    """One program for 200 samples would take longer to compile than such a training takes."""
    data = nn.data.moons(200, noise=0.1, seed=1)
    model = Sequential(Layer(2, 2, False, seed=1), BatchNorm(2), Layer(2, 2, False, seed=2))
    history = nn.fit(model.eval(), data, epochs=1, batch_size=200, progress=False)
    assert history.backend.startswith("eager: one graph of 200 samples")
    assert not nn.fit(model.eval(), data, epochs=1, batch_size=20, progress=False).backend.startswith("eager")


def test_some_of_the_parameters():
    model = network()
    some = model.layers[2].parameters()
    before = model.state_dict()
    data = nn.data.Dataset(ROWS, TARGETS[losses.mse])
    nn.fit(model, data, optimizer=optim.SGD(some, 0.1), epochs=3, progress=False)
    after = model.state_dict()
    assert all((after[name] != before[name]) is name.startswith("layers.2") for name in after)


def test_clipping_some_of_the_parameters_is_by_their_norm_alone():
    options = {"epochs": 3, "batch_size": 5, "clip_value": 0.3, "clip_norm": 0.2, "progress": False}
    ends = []
    for eager in (True, False):
        model = network()
        optimizer = optim.SGD(model.layers[2].parameters(), 0.1)
        history = nn.fit(model, nn.data.Dataset(ROWS, TARGETS[losses.mse]), optimizer=optimizer, eager=eager, **options)
        ends.append([*model.state_dict().values(), *history.column("gradient_norm")[1:]])
    assert ends[1] == pytest.approx(ends[0], rel=1e-12)


def test_a_norm_beyond_the_floats_is_no_warning_of_numpy(recwarn):
    model = nn.MLP(1, [1], seed=0)
    data = nn.data.Dataset([[1e152], [2e152]], [0.0, 1.0])
    nn.fit(model, data, optimizer=optim.SGD(model.parameters(), 1e-3), epochs=1, clip_norm=1.0, progress=False)
    assert [str(w.message)[:17] for w in recwarn] in ([], ["training diverged"])


def test_two_models_of_one_architecture_share_the_machine_code():
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    steps = [CompiledStep(network(), losses.mse, backend="llvm") for _ in range(2)]
    found = [step(ROWS, TARGETS[losses.mse]) for step in steps]
    assert found[0] == found[1]
    one, other = (step._last.kernel.run for step in steps)
    assert one._engine is other._engine
    assert one.workspace is not other.workspace


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_weights_that_are_none(bad, reduction):
    step = nn.compile(nn.MLP(1, [1], seed=0), losses.mse, reduction=reduction, backend="python")
    with pytest.raises(ValueError, match=rf"the weight of sample 1 is {bad}, expected a finite number, at least 0"):
        step([[0.0], [1.0]], [0.0, 1.0], [1.0, bad])


def test_arrays_of_numpy():
    np = pytest.importorskip("numpy", reason="NumPy is not installed")
    for outputs, loss, targets in [
        (1, losses.mse, [0.0, 1.0]),
        (2, losses.mse, [[0.0, 1.0], [2.0, 3.0]]),
        (1, losses.binary_cross_entropy, [0, 1]),
        (3, losses.cross_entropy, [2, 0]),
    ]:
        step = nn.compile(nn.MLP(2, [3, outputs], seed=0), loss)
        rows = [[0.5, -1.0], [2.0, 1.5]]
        assert step(np.array(rows), np.array(targets), np.array([0.5, 1.0])) == step(rows, targets, [0.5, 1.0])
    with pytest.raises(ValueError, match="there are no rows"):
        step(np.zeros((0, 2)), np.zeros(0))
