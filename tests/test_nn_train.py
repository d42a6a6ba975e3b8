"""Training: a step against the closed form, epochs, the record, the best weights, and every way to end."""

import contextlib
import math
import sys
import tracemalloc

import pytest

from autodiff import DataError, Value
from nn import MLP, BatchNorm, Layer, Neuron, Sequential, find_lr, losses
from nn.callbacks import Callback
from nn.data import Dataset, moons, split, xor
from nn.history import Epoch, History
from nn.metrics import accuracy, predicted_class, r2
from nn.optim import SGD
from nn.train import evaluate, fit, train_step
from nn.train.fit import as_dataset


def line(n=12):
    """Points on y = 3 x - 1."""
    xs = [k / n for k in range(n)]
    return Dataset([[x] for x in xs], [3.0 * x - 1.0 for x in xs], ("x",))


def linear(seed=0):
    return Neuron(1, activation="linear", seed=seed)


def test_a_step_is_the_closed_form():
    neuron, data = linear(), line()
    w, b, lr, m = neuron.w[0].data, neuron.b.data, 0.1, len(data)
    errors = [w * x + b - y for (x,), y in zip(data.features, data.targets)]
    loss = train_step(neuron, losses.mse, SGD(neuron.parameters(), lr), data.features, data.targets)
    assert loss == pytest.approx(sum(e * e for e in errors) / m, rel=1e-14)
    assert neuron.w[0].data == pytest.approx(w - lr * 2 / m * sum(e * x for e, (x,) in zip(errors, data.features)))
    assert neuron.b.data == pytest.approx(b - lr * 2 / m * sum(errors))


def test_a_regression_is_learned():
    neuron = linear()
    history = fit(neuron, line(), epochs=300, batch_size=4, optimizer=SGD(neuron.parameters(), 0.3), progress=False)
    assert history.metric == "r2"
    assert (neuron.w[0].data, neuron.b.data) == pytest.approx((3.0, -1.0), abs=1e-6)
    assert history.best.training_score == pytest.approx(1.0)


def test_xor_is_learned():
    model = MLP(2, [4, 2], activation="tanh", init="xavier", seed=1)
    history = fit(model, xor(), epochs=200, batch_size=4, optimizer=SGD(model.parameters(), 0.5), progress=False)
    assert [predicted_class(model(row)) for row in xor().features] == [0, 1, 1, 0]
    assert history.best.training_score == 1.0
    assert math.isnan(history.best.validation_loss)
    assert history.column("validation_loss") == []


def moons_run(seed=0, epochs=12, **options):
    training, validation = split(moons(60, 0.1), 0.3)
    model = MLP(2, [6, 2], activation="tanh", init="xavier", seed=3)
    options.setdefault("optimizer", SGD(model.parameters(), 0.5))
    history = fit(model, training, validation, epochs=epochs, batch_size=8, seed=seed, progress=False, **options)
    return model, history, training, validation


def test_the_record_and_the_best_weights():
    model, history, training, validation = moons_run()
    assert len(history.epochs) == 13
    assert history.stopped == "finished"
    aside = history.column("validation_loss")
    assert history.best_epoch == aside.index(min(aside)) > 0
    assert aside[history.best_epoch] < aside[0]
    best = history.best
    loss, score = evaluate(model, training, losses.cross_entropy, accuracy)
    assert (loss, score) == (pytest.approx(best.training_loss, rel=1e-12), best.training_score)
    loss, score = evaluate(model, validation, losses.cross_entropy, accuracy)
    assert (loss, score) == (pytest.approx(best.validation_loss, rel=1e-12), best.validation_score)
    assert history.seconds == sum(epoch.seconds for epoch in history.epochs) > 0.0


def test_best_weights_are_not_the_last():
    """A training that gets worse from some epoch on: the weights of the epoch before come back."""
    model = linear()
    weights = []

    class Restless(SGD):
        def step(self):
            self.lr = 0.3 if len(weights) < 3 else 30.0  # the second rate overshoots
            super().step()
            weights.append([p.data for p in self.parameters])

    history = fit(model, line(), epochs=8, batch_size=12, optimizer=Restless(model.parameters(), 0.3), progress=False)
    assert history.best_epoch == 3
    assert [p.data for p in model.parameters()] == weights[2] != weights[-1]


def test_the_seed_decides():
    def record(seed):
        return [epoch[:4] for epoch in moons_run(seed, epochs=3)[1].epochs]

    assert record(1) == record(1) != record(2)


def test_each_epoch_visits_every_sample_once():
    seen = []

    class Spy(Neuron):
        def __call__(self, x):
            y = super().__call__(x)
            if y.operands:  # recorded: a training step, not an evaluation
                seen.append(x[0])
            return y

    data = line(10)
    fit(Spy(1, activation="linear", seed=0), data, epochs=2, batch_size=4, eager=True, progress=False)
    xs = [x for (x,) in data.features]
    assert sorted(seen[:10]) == sorted(seen[10:]) == xs
    assert seen[:10] != seen[10:]


def test_own_loss_and_metric():
    def agreement(outputs, targets):
        return sum((z > 0) == t for z, t in zip(outputs, targets)) / len(targets)

    model = MLP(2, [6, 1], activation="tanh", init="xavier", seed=0)
    data = moons(40, 0.1)
    options = {"loss": lambda z, t: losses.hinge(z, [2 * kind - 1 for kind in t]), "metric": agreement}
    history = fit(model, data, epochs=40, optimizer=SGD(model.parameters(), 0.5), progress=False, **options)
    assert history.metric == "agreement"
    assert history.best.training_score == accuracy([model(row) for row in data.features], data.targets) > 0.8


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("nout", [1, 2])
def test_a_metric_gets_plain_numbers(eager, nout):
    """Whichever way the steps are made, so that what works in one works in the other."""
    seen = []

    def metric(outputs, targets):
        seen.append((outputs, targets))
        return 0.0

    model = MLP(2, [nout], seed=0)
    training, validation = split(moons(12, 0.1, seed=0), 0.5)
    fit(model, training, validation, epochs=1, metric=metric, eager=eager, progress=False)
    for outputs, targets in seen:
        assert (type(outputs), type(targets)) == (list, list)
        assert {type(z) for row in outputs for z in (row if nout > 1 else [row])} == {float}
    assert [len(outputs) for outputs, _ in seen] == [6] * 4


@pytest.mark.parametrize("eager", [True, False])
def test_a_metric_may_change_what_it_gets(eager):
    """As one that sorts in place does; the training data are as they were, and so is what is learned of them."""

    def sorting(outputs, targets):
        outputs.sort()
        targets.sort(reverse=True)
        return 0.0

    rows, targets = [[0.0], [1.0], [0.5], [-0.5]], [0.5, 0.25, 1.0, 0.0]
    losses_of = {}
    for metric in (sorting, lambda outputs, targets: 0.0):
        data = Dataset(rows, list(targets))
        options = {"metric": metric, "epochs": 3, "batch_size": 2, "eager": eager, "progress": False}
        losses_of[metric] = fit(linear(), data, data, **options).column("validation_loss")
        assert data.targets == targets
    first, second = losses_of.values()
    assert first == second


@pytest.mark.parametrize("eager", [True, False])
def test_a_metric_of_arrays_gets_arrays(eager):
    np = pytest.importorskip("numpy")
    data = Dataset([[0.0], [1.0], [0.5]], np.array([0.5, 0.25, 1.0]))

    def metric(outputs, targets):
        return -float(((np.array(outputs) - targets) ** 2).mean())

    history = fit(linear(), data, metric=metric, epochs=2, eager=eager, progress=False)
    assert history.column("training_score") == pytest.approx([-x for x in history.column("training_loss")])


# -- The ways to end -----------------------------------------------------------------------------------------------


class Faulty:
    """A loss that does something else at its n-th call."""

    def __init__(self, n, fault):
        self.n, self.fault = n, fault

    def __call__(self, outputs, targets):
        self.n -= 1
        return self.fault() if self.n == 0 else losses.cross_entropy(outputs, targets)


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("call", [12, 13, 14, 15])  # 2 + 8 calls in an epoch: steps and evaluations of the second
def test_ctrl_c_keeps_the_best_and_the_history(call):
    model, history, _, validation = moons_run(loss=Faulty(call, interrupt))
    assert history.stopped == "interrupted"
    assert len(history.epochs) == 2
    expected = evaluate(model, validation, losses.cross_entropy, accuracy)
    assert expected == (history.best.validation_loss, history.best.validation_score)


def test_ctrl_c_before_anything():
    before = MLP(2, [6, 2], activation="tanh", init="xavier", seed=3).state_dict()
    model, history, *_ = moons_run(loss=Faulty(1, interrupt))
    assert (history.epochs, history.stopped) == ([], "interrupted")
    assert model.state_dict() == before


def test_a_loss_of_nan_stops_the_training():
    with pytest.warns(RuntimeWarning, match="diverged in epoch 2.*smaller learning rate"):
        model, history, _, validation = moons_run(loss=Faulty(15, lambda: Value(math.nan)))
    assert (history.stopped, len(history.epochs)) == ("diverged", 2)
    assert evaluate(model, validation, losses.cross_entropy, accuracy)[0] == history.best.validation_loss


def test_an_enormous_learning_rate_leaves_finite_weights():
    model = linear()
    with pytest.warns(RuntimeWarning, match="diverged"):
        history = fit(model, line(), epochs=50, optimizer=SGD(model.parameters(), 1e200), progress=False)
    assert history.stopped == "diverged"
    assert all(math.isfinite(p.data) for p in model.parameters())


def test_an_infinite_weight_behind_a_relu_is_noticed():
    model = MLP(1, [1, 1], seed=0)

    class Breaking(SGD):
        def step(self):
            self.parameters[0].data = -math.inf  # relu(-inf) = 0: the loss stays finite

    data = Dataset([[1.0], [2.0]], [1.0, 2.0], ("x",))
    with pytest.warns(RuntimeWarning, match="weight"):
        fit(model, data, epochs=2, optimizer=Breaking(model.parameters(), 0.1), progress=False)
    assert math.isfinite(model.parameters()[0].data)


def test_an_untrained_model_without_a_finite_loss():
    model = linear()
    model.w[0].data = 1e200
    with pytest.raises(ValueError, match="untrained model is not finite"):
        fit(model, line(), progress=False)
    assert model.w[0].data == 1e200


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"epochs": -1}, ValueError, "number of epochs is at least 0, got -1"),
        ({"epochs": 1.5}, TypeError, "number of epochs is a whole number, got float"),
        ({"batch_size": 0}, ValueError, "the batch size is at least 1, got 0"),
        ({"batch_size": "8"}, TypeError, "the batch size is a whole number, got str"),
        ({"patience": 0}, ValueError, "the patience is at least 1"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm is finite and above 0"),
        ({"clip_value": math.nan}, ValueError, "clip_value is finite and above 0"),
        ({"l1": -0.1}, ValueError, "l1 is finite and at least 0"),
        ({"l2": "strong"}, TypeError, "l2 is a real number, got str"),
        ({"weights": [1.0]}, ValueError, "a weight for each of 12 samples, got 1"),
        ({"weights": [1.0] * 11 + [-1.0]}, ValueError, "weight of sample 11"),
        ({"weights": [0.0] * 12}, ValueError, "all samples are 0"),
        ({"resume": True}, ValueError, "checkpoint=path"),
        ({"callbacks": [3]}, TypeError, "a callback is a function of a Training"),
        ({"validation": 1.5}, ValueError, "a fraction between 0 and 1, got 1.5"),
        ({"validation": "part"}, TypeError, "a Dataset, a tuple .*, or a list of pairs .*, got str"),
        ({"validation": Dataset([[1.0, 2.0]], [1.0])}, DataError, "1 features, the validation part 2"),
        ({"validation": xor()}, DataError, "1 features"),
        ({"optimizer": "sgd"}, TypeError, r"an optimizer is an nn\.optim\.Optimizer, .*got str: 'sgd'"),
        ({"optimizer": SGD(linear().parameters(), 0.1)}, ValueError, "the optimizer has no parameter of this model"),
        ({"loss": "mse"}, TypeError, "loss is a function, or left out, got str: 'mse'"),
        ({"metric": "accuracy"}, TypeError, "metric is a function"),
        ({"schedule": "cosine"}, TypeError, "schedule is a function"),
        ({"loss": lambda outputs, targets: None}, TypeError, "the loss of a batch is a Value, .* got NoneType"),
        ({"metric": lambda outputs, targets: None}, TypeError, "a metric gives a number .*, got None"),
        ({"seed": None}, TypeError, "the seed is a whole number, got NoneType"),
        ({"seed": 1.5}, TypeError, "the seed is a whole number, got float: 1.5"),
        ({"callbacks": print}, TypeError, "callbacks is a list, got builtin_function_or_method"),
        ({"weights": 3.0}, TypeError, "a weight for each sample, got float: 3.0"),
    ],
)
def test_arguments_are_checked_first(options, error, told):
    model = linear()
    before = model.state_dict()
    with pytest.raises(error, match=told):
        fit(model, line(), progress=False, **options)
    assert model.state_dict() == before


@pytest.mark.parametrize("model", [None, lambda row: row, [linear()]])
def test_a_model_is_a_module(model):
    with pytest.raises(TypeError, match=r"a model is an nn\.Module, such as an nn\.MLP, got"):
        fit(model, line(), progress=False)


def test_no_epochs_measure_only():
    model = linear()
    before = model.state_dict()
    assert len(fit(model, line(), epochs=0, progress=False).epochs) == 1
    assert model.state_dict() == before


# -- Progress and metrics ------------------------------------------------------------------------------------------


def test_progress_bar(capsys):
    pytest.importorskip("tqdm")
    fit(linear(), line(), epochs=3)
    shown = capsys.readouterr().err
    assert "training: 100%" in shown
    assert "3/3" in shown
    assert "loss=" in shown
    fit(linear(), line(), epochs=3, progress=False)
    assert capsys.readouterr() == ("", "")


def test_missing_tqdm_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        fit(linear(), line(), epochs=1)
    fit(linear(), line(), epochs=1, progress=False)


def test_metrics():
    assert accuracy([[1.0, 2.0], [3.0, 2.0], [0.0, 0.0]], [1, 1, 0]) == pytest.approx(2 / 3)
    assert accuracy([Value(0.5), Value(-0.5)], [1, 1]) == 0.5
    assert r2([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]) == pytest.approx(0.9486081370449679)  # scikit-learn's
    assert r2([Value(2.0), Value(2.0)], [1.0, 3.0]) == 0.0
    assert (r2([1.0], [1.0]), r2([2.0], [1.0])) == (1.0, 0.0)
    assert math.isnan(r2([], []))
    assert math.isnan(accuracy([], []))
    with pytest.raises(ValueError, match="2 for 1 outputs"):
        accuracy([1.0], [1, 0])


def test_history_prefers_the_first_of_equals():
    epochs = [Epoch(1.0, 0.5, 2.0, 0.5, 0.1)] * 3
    assert History("accuracy", True, epochs).best_epoch == 0
    model = linear()
    history = fit(model, line(), epochs=3, optimizer=SGD(model.parameters(), 0.0), progress=False)
    assert history.best_epoch == 0


# -- Options -------------------------------------------------------------------------------------------------------


def one_weight(**options):
    """(w - 0)^2 from w = 5: gradient 2 w; one step an epoch."""
    neuron = Neuron(1, activation="linear", bias=False)
    neuron.w[0].data = 5.0
    seen = []
    options.setdefault("optimizer", SGD(neuron.parameters(), 0.1))
    options["callbacks"] = [*options.get("callbacks", ()), lambda at: seen.append(neuron.w[0].data)]
    data = Dataset([[1.0]], [0.0])
    history = fit(neuron, data, **{"epochs": 3, "progress": False, "metric": lambda z, t: 0.0, **options})
    return seen, history


def test_plain_descent_and_its_record():
    seen, history = one_weight()
    assert seen == pytest.approx([5.0, 4.0, 3.2, 2.56])  # the lecture's numbers
    assert history.column("gradient_norm")[1:] == pytest.approx([10.0, 8.0, 6.4])
    assert history.column("learning_rate")[1:] == [0.1] * 3
    assert math.isnan(history.epochs[0].learning_rate)
    assert math.isnan(history.epochs[0].gradient_norm)


def test_a_schedule_gives_the_rate_of_each_step():
    seen, history = one_weight(schedule=lambda k: [0.1, 0.2, 0.0][k])
    assert seen == pytest.approx([5.0, 4.0, 2.4, 2.4])
    assert history.column("learning_rate")[1:] == [0.1, 0.2, 0.0]


def test_a_schedule_counts_steps_not_epochs():
    steps = []
    fit(linear(), line(10), epochs=2, batch_size=4, schedule=lambda k: steps.append(k) or 0.1, progress=False)
    assert steps == list(range(6))


def test_clipping_bounds_the_step_and_the_norm_is_that_before():
    for options in ({"clip_norm": 0.5}, {"clip_value": 0.5}, {"clip_value": 0.5, "clip_norm": 20.0}):
        seen, history = one_weight(**options)
        assert seen == pytest.approx([5.0, 4.95, 4.9, 4.85], rel=1e-6)
        assert history.epochs[1].gradient_norm == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("options", "factors"),
    [({"l2": 0.5}, (0.7, 0.0)), ({"l1": 0.5}, (0.8, 0.05)), ({"l1": 0.5, "l2": 0.5}, (0.7, 0.05))],
)
def test_penalties_pull_to_zero_but_are_not_in_the_record(options, factors):
    """w <- w - 0.1 (2 w + 2 l2 w + l1 sign w)."""
    a, b = factors
    seen, history = one_weight(epochs=2, **options)
    assert seen == pytest.approx([5.0, 5.0 * a - b, (5.0 * a - b) * a - b])
    assert history.column("training_loss") == pytest.approx([w * w for w in seen])


def test_weights_of_samples():
    """A weight of 2 is as good as the sample twice, a weight of 0 as none."""
    (xs, ys), found = ([[0.0], [1.0], [2.0]], [0.0, 1.0, 5.0]), []
    for data, weights in ((Dataset(xs, ys), [2.0, 1.0, 0.0]), (Dataset([xs[0], xs[0], xs[1]], [0.0, 0.0, 1.0]), None)):
        neuron = linear()
        history = fit(neuron, data, epochs=30, batch_size=3, weights=weights, progress=False)
        found.append((neuron.w[0].data, neuron.b.data, history.epochs[-1].training_loss))
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize("eager", [True, False])
def test_batches_of_weight_0_make_no_step(eager):
    steps, neuron = [], linear()
    options = {"weights": [1.0, 0.0, 0.0, 2.0], "batch_size": 1, "epochs": 3, "eager": eager, "progress": False}

    class Counting(Callback):
        def on_step(self, training):
            steps.append(training.step)

    fit(neuron, Dataset([[0.0], [1.0], [2.0], [3.0]], [0.0, 50.0, -50.0, 3.0]), callbacks=[Counting()], **options)
    assert steps == [1, 2, 3, 4, 5, 6]


def test_weights_stay_with_their_samples_when_a_part_is_set_aside():
    """Samples of weight 0 are far off the line; were the weights mixed up, they would spoil it."""
    data = line(20)
    wrong = Dataset(data.features, [y if k % 2 else 1000.0 for k, y in enumerate(data.targets)])
    neuron = linear()
    options = {"optimizer": SGD(neuron.parameters(), 0.3), "epochs": 300, "progress": False, "patience": 300}
    history = fit(neuron, wrong, 0.25, weights=[float(k % 2) for k in range(20)], **options)
    assert history.validated
    assert history.epochs[-1].training_loss < 1e-6


def test_a_share_for_validation_is_split_as_split_does():
    data = moons(50, 0.1)
    training, validation = split(data, 0.3, seed=5)
    rows = []
    for parts in ((data, 0.3), (training, validation)):
        model = MLP(2, [3, 2], activation="tanh", seed=0)
        history = fit(model, *parts, seed=5, epochs=3, progress=False)
        rows.append([epoch._replace(seconds=0.0) for epoch in history.epochs])
    assert rows[0] == rows[1]


def test_patience_stops_and_restores_the_best_weights_exactly():
    kept = {}
    model, history, _, validation = moons_run(
        epochs=200,
        patience=4,
        optimizer=None,
        schedule=lambda k: 0.5 if k < 40 else 30.0,  # from some epoch on it gets worse
        callbacks=[lambda at: kept.setdefault(at.epoch, at.model.state_dict())],
    )
    assert history.stopped == "patience"
    aside = history.column("validation_loss")
    assert history.best_epoch == aside.index(min(aside)) == len(aside) - 1 - 4
    assert model.state_dict() == kept[history.best_epoch] != kept[len(aside) - 1]
    assert evaluate(model, validation, losses.cross_entropy, accuracy)[0] == pytest.approx(min(aside), rel=1e-12)


def test_patience_starts_anew_with_each_better_epoch():
    losses_of_epochs = iter([5.0, 4.0, 4.5, 4.5, 3.0, 3.5, 3.5, 3.5, 1.0])
    history = fit(
        Neuron(1, activation="linear"),
        line(),
        epochs=8,
        batch_size=12,
        loss=lambda outputs, targets: (
            losses.mse(outputs, targets)
            if isinstance(outputs[0], Value) and outputs[0].operands
            else next(losses_of_epochs)
        ),
        patience=3,
        progress=False,
    )
    assert (history.stopped, history.best_epoch, len(history.epochs)) == ("patience", 4, 8)


def test_callbacks_see_where_it_stands_and_may_stop_it():
    told = []

    class Telling(Callback):
        def on_step(self, training):
            told.append(("step", training.epoch, training.step, len(training.history.epochs)))

        def on_epoch(self, training):
            told.append(("epoch", training.epoch, training.step, len(training.history.epochs)))
            assert math.isnan(training.loss) == (training.epoch == 0)
            if training.epoch == 2:
                training.stop()

    model = linear()
    optimizer = SGD(model.parameters(), 0.1)
    history = fit(model, line(10), epochs=9, batch_size=5, optimizer=optimizer, callbacks=[Telling()], progress=False)
    assert history.stopped == "callback"
    epoch = [("epoch", 0, 0, 1)]
    for k in (1, 2):
        epoch += [("step", k, 2 * k - 1, k), ("step", k, 2 * k, k), ("epoch", k, 2 * k, k + 1)]
    assert told == epoch


def test_callbacks_see_gradients_weights_and_modes_however_the_steps_are_computed():
    told = []
    for eager in (True, False):
        seen = []

        class Seeing(Callback):
            def on_step(self, training, seen=seen):
                values = training.model.parameters()
                seen.append([*(p.data for p in values), *(p.grad for p in values), training.model.training])

            on_epoch = on_step

        model = MLP(1, [3, 1], activation="tanh", seed=0)
        options = {"epochs": 2, "batch_size": 5, "clip_norm": 0.1, "callbacks": [Seeing()], "progress": False}
        fit(model, line(10), eager=eager, **options)
        seen.append([p.grad for p in model.parameters()])
        told.append(seen)
    assert [row[-1] for row in told[0][:-1]] == [False, True, True, False, True, True, False]
    assert max(map(abs, told[0][-1])) > 0.0
    for one, other in zip(*told):
        assert other == pytest.approx(one, rel=1e-9, abs=1e-15)


class Bounding(Callback):
    """Keeps the weight at 3 or above, after each step or each epoch."""

    def on_step(self, training):
        w = training.model.w[0]
        w.data = max(w.data, 3.0)

    on_epoch = on_step


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("when", ["on_step", "on_epoch"])
def test_a_callback_may_change_the_weights(when, eager):
    """(w - 0)^2 from 5 at rate 0.1: 4, 3.2, and then 2.56, which is not to be."""
    bounding = type("Bound", (Callback,), {when: getattr(Bounding, when)})()
    seen, history = one_weight(callbacks=[bounding], epochs=6, eager=eager)
    assert seen == pytest.approx([5.0, 4.0, 3.2, 3.0, 3.0, 3.0, 3.0])
    # Bounded after a step it is measured as 3; bounded after an epoch, it has been measured by then.
    later = [9.0] * 4 if when == "on_step" else [2.56**2, 2.4**2, 2.4**2, 2.4**2]
    assert history.column("training_loss") == pytest.approx([25.0, 16.0, 3.2**2, *later])


def test_a_callback_that_stops_after_a_step_has_the_epoch_measured():
    class Hasty(Callback):
        def on_step(self, training):
            if training.step == 3:
                training.stop()

    model = linear()
    history = fit(model, line(10), epochs=9, batch_size=5, callbacks=[Hasty()], progress=False)
    assert (history.stopped, len(history.epochs), history.best_epoch) == ("callback", 3, 2)
    assert evaluate(model, line(10), losses.mse, r2)[0] == history.epochs[2].training_loss


def test_an_infinite_gradient_makes_no_step():
    model = linear()
    before, steps = model.state_dict(), []
    counting = type("Counting", (Callback,), {"on_step": lambda self, at: steps.append(at.step)})()

    def steep(outputs, targets):
        y = outputs[0]
        return (y - y.data).sqrt() if y.operands else 1.0  # 0 with the slope inf

    with pytest.warns(RuntimeWarning, match=r"diverged in epoch 1: .*gradient.*epoch 0; use a smaller learning rate"):
        history = fit(model, line(), epochs=2, loss=steep, callbacks=[counting], progress=False)
    assert history.stopped == "diverged"
    assert history.diagnosis.kind == "diverging"
    assert steps == []
    assert model.state_dict() == before


def test_modes():
    modes = []

    class Spy(Neuron):
        def forward_batch(self, rows):
            modes.append(self.training)
            return super().forward_batch(rows)

    model = Spy(1, activation="linear")
    fit(model, line(), 0.3, epochs=1, eager=True, progress=False)
    assert modes == [False, False, True, False, False]
    assert not model.training
    model.train()
    evaluate(model, line(), losses.mse, r2)
    assert model.training


# -- Plain data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        ([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]),
        [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)],
        iter([([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]),
    ],
    ids=["two lists", "pairs", "an iterator"],
)
def test_plain_lists_are_data(data):
    model = MLP(2, [4, 1], activation="tanh", init="xavier", seed=1)
    history = fit(model, data, epochs=150, optimizer=SGD(model.parameters(), 1.0), progress=False)
    assert history.metric == "accuracy"  # and the loss is that for a single output
    assert [predicted_class(model(row)) for row in xor().features] == [0, 1, 1, 0]


def test_numpy_arrays_are_data():
    np = pytest.importorskip("numpy")
    X = np.linspace(0.0, 1.0, 12).reshape(-1, 1)
    neuron = linear()
    options = {"epochs": 300, "batch_size": 4, "optimizer": SGD(neuron.parameters(), 0.3), "progress": False}
    history = fit(neuron, (X, 3.0 * X[:, 0] - 1.0), (X, 3.0 * X[:, 0] - 1.0), **options)
    assert history.metric == "r2"
    assert (neuron.w[0].data, neuron.b.data) == pytest.approx((3.0, -1.0), abs=1e-6)
    model = MLP(2, [2], seed=0)
    assert fit(model, (np.eye(2), np.array([0, 1])), epochs=1, progress=False).metric == "accuracy"


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (3, TypeError, r"a Dataset, a tuple \(X, y\), or a list of pairs \(x, y\) of numbers, got int: 3"),
        ([1.0, 2.0], TypeError, "a list of pairs"),
        ([("a", 1)], TypeError, "a row of numbers as sample 0, got 'a'"),
        (([[0.0], ["1.5"]], [1.0, 2.0]), TypeError, "as sample 1, got"),
        (([[0.0], [None]], [1.0, 2.0]), TypeError, r"as sample 1, got \[None\]"),
        (([[0.0, 0.0], [1.0, 1.0]], [0, -1]), ValueError, "several outputs, but the targets are numbers, from -1 to 0"),
        (([[1.0]], [1.0, 2.0]), DataError, "got 2 for 1 rows"),
        ([([1.0, 2.0], 1.5), ([1.0], 2.5)], DataError, "2 features in row 1, got 1"),
        ([([1.0, math.nan], 1.5)], DataError, "finite number in row 0, column 'x2', got nan"),
        ([], DataError, "at least one sample"),
        (([], []), DataError, "at least one sample"),
        ([([1.0], "yes")], DataError, "finite number in row 0, column 'target', got 'yes'"),
        (
            ([[0.0]] * 3, [[1.0]] * 3),
            DataError,
            r"one number a sample as targets, got the shape \(3, 1\) .*; flatten them",
        ),
        (
            [([0.0], (1,)), ([1.0], (0,))],
            DataError,
            r"as targets, got the shape \(2, 1\) at row 0; flatten them, as by",
        ),
        (([[0.0]] * 3, [0.0, 1.0, [2.0, 3.0]]), DataError, r"got the shape \(3, 2\) at row 2; choose one column"),
    ],
)
def test_data_that_cannot_be_used(data, error, told):
    with pytest.raises(error, match=told):
        fit(MLP(2, [2]), data, progress=False)


@pytest.mark.parametrize("kind", ["float", "int", "bool"])
def test_targets_in_a_column_are_to_be_flattened(kind):
    np = pytest.importorskip("numpy")
    X, y = np.linspace(0.0, 1.0, 6).reshape(-1, 1), (np.arange(6).reshape(-1, 1) % 2).astype(kind)
    told = (
        r"expected one number a sample as targets, got the shape \(6, 1\) at row 0; flatten them, as by targets.ravel"
    )
    for data in ((X, y), list(zip(X, y))):
        with pytest.raises(DataError, match=told):
            fit(MLP(1, [1]), data, progress=False)
    with pytest.raises(DataError, match=told):
        fit(MLP(1, [1]), (X, y.ravel()), (X, y), progress=False)
    with pytest.raises(DataError, match=told):
        Dataset(X.tolist(), y)
    for shape, other in (((1, 6), "choose one column"), ((6, 1, 1), "flatten them"), ((6, 0), "choose one column")):
        with pytest.raises(DataError, match=other):
            fit(MLP(1, [1]), (X, np.zeros(shape, kind)), progress=False)
    assert fit(MLP(1, [1]), (X, y.ravel()), epochs=1, progress=False).metric == (
        "r2" if kind == "float" else "accuracy"
    )


def test_arrays_without_a_dimension_are_classes_only_where_they_are_whole():
    np = pytest.importorskip("numpy")
    assert as_dataset(([[0.0], [1.0]], [np.array(1), np.array(0)])).class_names == ("0", "1")
    with pytest.raises(DataError, match="finite number in row 0, column 'target'"):
        as_dataset(([[0.0], [1.0]], [np.array(0.25), np.array(0.75)]))  # not both class 0


@pytest.mark.parametrize("loss", [losses.binary_cross_entropy, losses.hinge])
@pytest.mark.parametrize("eager", [True, False])
def test_a_loss_of_one_output_is_not_for_two(loss, eager):
    data = Dataset([[0.0], [1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="sample 0 has 2 outputs, and this loss takes one"):
        fit(MLP(1, [2]), data, loss=loss, eager=eager, progress=False)


@pytest.mark.parametrize(("samples", "size"), [(33, 32), (5, 1), (1, 8), (7, 3)])
def test_batch_normalisation_and_a_batch_of_one(samples, size):
    """It is refused before the first step, not at the end of an epoch."""
    model, seen = Sequential(Layer(1, 2), BatchNorm(2), Layer(2, 1, False)), []
    data = Dataset([[float(k)] for k in range(samples)], [0.0] * samples)
    with pytest.raises(ValueError, match=f"{samples} samples in batches of {size} leave one alone"):
        fit(model, data, batch_size=size, callbacks=[seen.append], progress=False)
    with pytest.raises(ValueError, match="leave one alone"):
        find_lr(model, data, batch_size=size)
    assert seen == []
    assert model.layers[1].num_batches_tracked == 0.0


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        ([0, 30_000_000, 17, 5], None),  # as classes they would take gigabytes
        ([0, 1, 2, 3], None),  # every one once: a line
        ([0, 2, 0, 2, 0, 2], None),
        ([1, 2, 1, 2], None),
        ([-1, 0, 1] * 3, None),
        ([0, 1, 2, 0, 1, 10**400], None),
        ([0.0, 1.0, 0.0, 1.0], None),
        ([0, 1, 0, 1.0], None),
        ([0, 1, 2, 0, 1, 2], 3),
        ([0, 1, 2] + [0] * 3, 3),
        ([0, 1], 2),
        ([1, 1, 1], 2),
        ([True, False], 2),
    ],
)
def test_ints_are_classes_if_they_can_number_them(targets, classes):
    kinds = [list]
    with contextlib.suppress(ImportError):
        import numpy

        kinds += [numpy.array] if all(abs(t) < 2**60 for t in targets) and len({*map(type, targets)}) == 1 else []
    for kind in kinds:
        if 10**400 in targets:
            with pytest.raises(DataError, match="finite number in row 5"):
                as_dataset(([[float(k)] for k in range(len(targets))], targets))
            return
        tracemalloc.start()
        made = as_dataset(([[float(k)] for k in range(len(targets))], kind(targets)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert made.class_names == (None if classes is None else tuple(map(str, range(classes))))
        assert peak < 1e6
        assert as_dataset(Dataset([[float(k)] for k in range(len(targets))], kind(targets))).class_names is None


def test_a_model_that_does_not_go_with_what_the_targets_were_taken_for():
    rows = [[float(k)] for k in range(6)]
    with pytest.raises(
        ValueError, match=r"the targets number 3 classes; .* for a regression, give the targets as floats"
    ):
        fit(MLP(1, [1], seed=0), (rows, [0, 1, 2] * 2), progress=False)
    assert fit(MLP(1, [1], seed=0), (rows, [0.0, 1.0, 2.0] * 2), epochs=1, progress=False).metric == "r2"
    with pytest.raises(ValueError, match="if these are classes, give a Dataset with class_names"):
        fit(MLP(1, [3], seed=0), (rows, [0, 2] * 3), progress=False)
    data = Dataset(rows, [0, 2] * 3, class_names=("a", "b", "c"))
    assert fit(MLP(1, [3], seed=0), data, epochs=1, progress=False).metric == "accuracy"


def test_parts_that_do_not_fit():
    training = Dataset([[0.0], [1.0], [2.0]], [0, 1, 2], class_names=("a", "b", "c"))
    model = MLP(1, [3])
    for validation, told in [
        (training.take([0, 2]), "the validation part has no sample of class 'b'"),
        (Dataset([[0.0]], [0.5]), "differ in their classes"),
        (Dataset([[0.0, 1.0]], [0], class_names=("a", "b", "c")), "1 features, the validation part 2"),
    ]:
        with pytest.raises(DataError, match=told):
            fit(model, training, validation, progress=False)
    with pytest.raises(DataError, match="the training part has no sample of class 'b'"):
        fit(model, training.take([0, 2]), training, progress=False)
    with pytest.raises(ValueError, match="label of sample 0 is 2, but 2 logits"):
        fit(MLP(1, [2]), training.take([2, 1, 0]), batch_size=3, progress=False)
    with pytest.raises(ValueError, match="2 inputs"):
        fit(MLP(2, [3]), training, progress=False)
