"""The diagnosis of learning curves: constructed ones, and those of real trainings."""

from __future__ import annotations

import math
import random
import re
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learning_curves import KINDS, gaussian, labelled, recorded, with_best

from nn import MLP, diagnose, fit, losses, optim
from nn.data import Dataset, moons, split
from nn.history import Epoch, History


def curve(training, validation=None, scores=0.95, metric="accuracy", stopped="finished"):
    aside = validation or [math.nan] * len(training)
    epochs = [Epoch(a, scores, b, scores, 0.1) for a, b in zip(training, aside)]
    return History(metric, validation is not None, epochs, stopped=stopped)


N = 41
FALLING = [1.0 - 0.02 * k for k in range(N)]
SETTLED = [0.1 + 0.9 * math.exp(-k / 3) for k in range(N)]
FLAT = [0.69 + 0.001 * math.exp(-k / 3) for k in range(N)]
VALLEY = [0.3 + 0.001 * (k - 12) ** 2 for k in range(N)]
NOISE = random.Random(0)


def noisy(values, size=0.004):
    return [x + NOISE.gauss(0.0, size) for x in values]


CURVES = {
    "diverging, straight up": (curve([1.0 * 1.3**k for k in range(N)]), "diverging"),
    "diverging, to infinity": (curve([1.0, 0.5, math.inf]), "diverging"),
    "diverging, said so": (curve([1.0, 0.9, 0.8], stopped="diverged"), "diverging"),
    "diverging, before the first epoch was over": (curve([1.0], stopped="diverged"), "diverging"),
    "diverging, after having been good": (curve([*SETTLED, 0.3, 0.6, 0.9, 1.2]), "diverging"),
    "diverging, slowly": (curve([*SETTLED, *[0.1 + 0.01 * k for k in range(12)]]), "diverging"),
    "diverging, both parts": (curve([1.0 * 1.3**k for k in range(N)], FALLING), "diverging"),
    "underfitting": (curve(FLAT, FLAT, 0.5), "underfitting"),
    "underfitting without validation": (curve(FLAT, None, 0.5), "underfitting"),
    "underfitting by R^2": (curve(SETTLED, SETTLED, 0.3, "r2"), "underfitting"),
    "underfitting by another metric": (curve(FLAT, FLAT, 0.99, "f1"), "underfitting"),
    "not by a small R^2 alone": (curve(SETTLED, SETTLED, 0.6, "r2"), "converged"),
    "overfitting": (curve(FALLING, VALLEY), "overfitting"),
    "overfitting, noisily": (curve(noisy(FALLING), noisy(VALLEY)), "overfitting"),
    "overfitting, slowly": (curve(SETTLED, [x + 1e-5 * k for k, x in enumerate(SETTLED)]), "overfitting"),
    "overfitting, then level": (curve(SETTLED, [*SETTLED[:8], *[0.4] * 33]), "overfitting"),
    "overfitting by a third, then level": (curve(SETTLED, [*SETTLED[:30], *[0.133] * 11]), "overfitting"),
    "overfitting, in few epochs": (
        curve(SETTLED[:9], [5.0, 3.092, 2.207, 1.796, 1.627, 1.732, 1.885, 2.06, 2.245]),
        "overfitting",
    ),
    "overfitting, in few epochs, by little": (
        curve(SETTLED[:11], [0.695, 0.508, 0.424, 0.371, 0.366, 0.362, 0.358, 0.367, 0.399, 0.407, 0.418]),
        "overfitting",
    ),
    "overfitting, in eight epochs": (curve(SETTLED[:8], [1.0, 0.5, 0.3, 0.25, 0.27, 0.3, 0.33, 0.36]), "overfitting"),
    "overfitting from the start": (curve(SETTLED, [1.0 + 0.01 * k for k in range(N)]), "overfitting"),
    "converged": (curve(SETTLED, [1.1 * x for x in SETTLED]), "converged"),
    "converged, noisily": (curve(noisy(SETTLED, 0.001), noisy(SETTLED, 0.001)), "converged"),
    "converged, but for an outlier": (curve(SETTLED, [*SETTLED[:30], 0.097, *SETTLED[31:]]), "converged"),
    "converged, by chance lower once": (
        curve(SETTLED, [*SETTLED[:20], 0.1, *[0.12 + 0.04 * (k % 2) for k in range(20)]]),
        "converged",
    ),
    "converged, jumping": (curve(SETTLED, [x + 0.02 * (k % 3) for k, x in enumerate(SETTLED)]), "converged"),
    "converged without validation": (curve(SETTLED), "converged"),
    "converged, with a gap": (curve(SETTLED, [x + 0.3 for x in SETTLED]), "converged"),
    "still improving": (curve(FALLING, FALLING), "still improving"),
    "still improving, noisily": (curve(noisy(FALLING), noisy(FALLING)), "still improving"),
    "still improving without validation": (curve(FALLING), "still improving"),
    "still improving after one epoch": (curve([1.0, 0.9], [1.0, 0.95]), "still improving"),
}


@pytest.mark.parametrize("name", CURVES)
def test_constructed_curves(name):
    history, kind = CURVES[name]
    diagnosis = diagnose(history)
    assert diagnosis.kind == kind, diagnosis
    assert history.diagnosis == diagnosis
    assert str(diagnosis).startswith(f"{kind}: ")
    assert diagnosis.text
    assert diagnosis.remedy


def test_the_best_epoch_and_the_words():
    diagnosis = diagnose(curve(FALLING, VALLEY))
    assert diagnosis.best_epoch == 12
    assert "lowest, 0.3, at epoch 12" in diagnosis.text
    assert "dropout" in diagnosis.remedy
    assert "4 times the training loss" in diagnose(CURVES["converged, with a gap"][0]).text
    assert "smaller learning rate" in diagnose(CURVES["diverging, slowly"][0]).remedy


loss = st.floats(1e-3, 1e3)


@given(
    training=st.lists(loss, min_size=30, max_size=30),
    start=st.lists(loss, min_size=1, max_size=22),
    rises=st.lists(st.floats(1e-6, 10.0), min_size=8, max_size=8),
    settled=st.booleans(),
)
def test_a_worsening_validation_loss_is_never_called_converged(training, start, rises, settled):
    """Whatever came before, and whatever the training loss does: the last quarter of the validation losses rises."""
    validation = list(start)
    for rise in rises:
        validation.append(validation[-1] * (1.0 + rise))
    count = len(validation)
    assert diagnose(curve(SETTLED[:count] if settled else training[:count], validation)).kind != "converged"


@given(
    shape=st.lists(loss, min_size=5, max_size=30),
    factor=st.floats(1e-3, 1e3),
)
def test_the_unit_of_the_loss_does_not_matter(shape, factor):
    kinds = [diagnose(curve([u * x for x in shape], [u * x for x in shape])).kind for u in (1.0, factor)]
    assert kinds[0] == kinds[1]


# -- Curves of which it is known what they show --------------------------------------------------------------------


def shares(judged):
    """The share judged right, by kind and in all, of pairs of what a curve shows and its history."""
    right = {kind: [] for kind in KINDS}
    for kind, history in judged:
        right[kind].append(diagnose(history).kind == kind)
    every = [x for part in right.values() for x in part]
    return {kind: sum(part) / len(part) for kind, part in right.items()}, sum(every) / len(every)


def laplacian(rng):
    return rng.choice((-1.0, 1.0)) * rng.expovariate(math.sqrt(2.0))


def even(rng):
    return rng.uniform(-math.sqrt(3.0), math.sqrt(3.0))


def lopsided(rng):
    return rng.expovariate(1.0) - 1.0


@pytest.mark.parametrize("noise", [gaussian, laplacian, even, lopsided])
def test_synthetic_curves_are_judged_right(noise):
    by_kind, in_all = shares((kind, labelled(kind, seed, noise)[1]) for kind in KINDS for seed in range(150))
    assert in_all >= 0.95, by_kind
    assert min(by_kind.values()) >= 0.9, by_kind


def test_recorded_trainings_are_judged_right():
    by_kind, in_all = shares((kind, history) for kind, _, history in recorded())
    assert in_all >= 0.95, by_kind
    assert min(by_kind.values()) >= 0.85, by_kind


@pytest.mark.parametrize("level", [0.1, 0.3])
def test_flat_noise_is_neither_diverging_nor_improving(level):
    rng = random.Random(4)
    for score, kind in ((0.5, "underfitting"), (0.95, "converged")):
        found = [diagnose(curve([1.0 + rng.gauss(0.0, level) for _ in range(60)], None, score)).kind for _ in range(60)]
        assert found.count(kind) >= 55, (kind, found)


def test_the_last_epoch_that_was_finite():
    for history, last in (
        (curve([1.0, 0.5, math.inf, 0.4]), 1),
        (curve([1.0, 0.5, 0.4], [1.0, 0.6, math.nan]), 1),
        (curve([1.0, 0.5, 0.4], stopped="diverged"), 2),
    ):
        assert diagnose(history).text.endswith(f"no longer finite after epoch {last}")


def test_too_few_epochs_to_tell():
    assert "in 1 epoch, too few" in diagnose(curve([1.0, 0.9], [1.0, 1.1])).text
    diagnosis = diagnose(curve([1.0, 0.8, 0.9], [1.0, 0.9, 0.95]))
    assert diagnosis.kind == "cannot tell"
    assert "in 2 epochs, too few to tell a trend from noise" in diagnosis.text
    assert "lowest, 0.9, at epoch 1" in diagnosis.text


def lasting(rng, count, rho):
    """Noise of which a share goes on from epoch to epoch."""
    noise = [rng.gauss(0.0, 1.0)]
    while len(noise) < count:
        noise.append(rho * noise[-1] + math.sqrt(1.0 - rho**2) * rng.gauss(0.0, 1.0))
    return noise


@pytest.mark.parametrize(("rho", "flat", "settled"), [(0.0, 0.93, 0.95), (0.3, 0.84, 0.93), (0.5, 0.78, 0.9)])
def test_noise_that_lasts_is_no_trend(rho, flat, settled):
    rng = random.Random(9)
    for floor, score, kind, least in ((1.0, 0.5, "underfitting", flat), (0.2, 0.95, "converged", settled)):
        right = 0
        for _ in range(200):
            count, size = rng.choice((20, 50, 100, 200, 400)), rng.choice((0.02, 0.1, 0.2))
            clean = [floor + (1.0 - floor) * math.exp(-k / (0.08 * count)) for k in range(count)]
            both = [[x * math.exp(size * e) for x, e in zip(clean, lasting(rng, count, rho))] for _ in range(2)]
            right += diagnose(curve(*both, score)).kind == kind
        assert right >= least * 200, (kind, right)


def test_a_bad_last_epoch_is_told():
    for good in ([0.05 + math.exp(-k / 5) for k in range(30)], [math.exp(-k / 5) for k in range(60)]):
        history = with_best(curve([*good, 5.0], [*good, 5.0]))
        diagnosis = diagnose(history)
        assert f"far above that level at the end: 5, at epoch {len(good)}" in diagnosis.text
        assert "best epoch" in diagnosis.remedy
    for good in (SETTLED, [*[1.0] * 20, math.nextafter(1.0, 2.0)]):
        assert "far above" not in diagnose(curve(good, good)).text


def test_a_score_that_is_not_known_is_not_told():
    for training, kind in ((SETTLED, "converged"), (FLAT, "underfitting")):
        diagnosis = diagnose(curve(training, training, math.nan))
        assert diagnosis.kind == kind
        assert "nan" not in diagnosis.text


@st.composite
def histories(draw):
    """Curves of every kind, and any losses at all."""
    if draw(st.booleans()):
        return labelled(draw(st.sampled_from(KINDS)), draw(st.integers(0, 10**9)))[1]
    size = draw(st.integers(2, 60))
    numbers = st.lists(st.one_of(st.floats(-10.0, 10.0), st.floats(0.999, 1.001)), min_size=size, max_size=size)
    return with_best(curve(draw(numbers), draw(st.one_of(st.none(), numbers)), draw(st.sampled_from([0.5, 0.95]))))


@given(history=histories())
def test_the_words_agree_with_the_table(history):
    """Each number in the text is that of the epochs it names, and they go the way that the kind says."""
    diagnosis = diagnose(history)
    text, kind, last = diagnosis.text, diagnosis.kind, len(history.epochs) - 1
    assert diagnosis.best_epoch == history.best_epoch
    columns = [history.column("training_loss"), history.judged()]
    number = r"(-?[\d.]+(?:e[+-]?\d+)?)"
    for told, k in re.findall(rf"{number}, at epoch (\d+)", text):
        assert any(float(told) == pytest.approx(column[int(k)], rel=1e-3) for column in columns)
    for told, a, b in re.findall(rf"about {number} in epochs (\d+) to (\d+)", text):
        assert any(float(told) == pytest.approx(median(c[int(a) : int(b) + 1]), rel=1e-3) for c in columns)
    if found := re.search(rf"lowest, {number}, at epoch (\d+)", text):
        assert int(found[2]) == history.best_epoch
    if found := re.search(rf"the training {history.metric} is {number} at the best epoch, (\d+)", text):
        assert float(found[1]) == pytest.approx(history.best.training_score, rel=1e-3)
        assert int(found[2]) == history.best_epoch
    if kind == "overfitting":
        assert history.best_epoch < last
    if rise := re.search(rf"was (?:about )?{number}.* is about {number}", text) if kind != "underfitting" else None:
        assert float(rise[1]) < float(rise[2])
    if kind == "still improving":
        first, second = re.search(rf"to the end: (?:about )?{number}.*, (?:about )?{number}", text).groups()
        assert float(first) > float(second)
    if "epochs" in text and kind != "cannot tell":
        assert str(last) in text


def test_nothing_to_judge():
    with pytest.raises(TypeError, match=r"the History that nn.fit returns, got list: \[1.0\]"):
        diagnose([1.0])
    for history in (curve([]), curve([1.0])):
        with pytest.raises(ValueError, match="nothing to judge"):
            diagnose(history)


# -- Real trainings ------------------------------------------------------------------------------------------------


def parabola(rate):
    """x^2 from 10, as a network of one weight."""
    from nn import Neuron

    neuron = Neuron(1, activation="linear", bias=False)
    neuron.w[0].data = 10.0
    data = Dataset([[1.0]], [0.0], ("x",))
    options = {"optimizer": optim.SGD(neuron.parameters(), rate), "metric": lambda outputs, targets: 0.0}
    return fit(neuron, data, epochs=20, progress=False, **options)


@pytest.mark.parametrize(
    ("rate", "last", "kind"),
    # The rates of the lecture, whose code calls the last one slow.
    [
        (0.01, 44.5700, "still improving"),
        (0.1, 0.0133, "converged"),
        (0.5, 0.0, "converged"),
        (1.1, 146977.1568, "diverging"),
    ],
)
def test_learning_rates_of_the_lecture(rate, last, kind):
    history = parabola(rate)
    # The lecture's losses are (1 - 2 rate)^40 100, those of 20 steps.
    assert history.epochs[-1].training_loss == pytest.approx(100 * (1 - 2 * rate) ** 40, rel=1e-9)
    assert history.epochs[-1].training_loss == pytest.approx(last, abs=6e-5, rel=1e-9)
    assert diagnose(history).kind == kind


def test_random_labels_are_overfitted():
    rng = random.Random(1)
    rows = [[rng.gauss(0, 1) for _ in range(4)] for _ in range(60)]
    data = Dataset(rows, [rng.randrange(3) for _ in rows], class_names=("a", "b", "c"))
    model = MLP(4, [16, 3], activation="tanh", init="xavier", seed=0)
    history = fit(
        model, data, 0.3, epochs=40, batch_size=8, optimizer=optim.Adam(model.parameters(), 0.1), progress=False
    )
    diagnosis = diagnose(history)
    assert diagnosis.kind == "overfitting"
    assert diagnosis.best_epoch == history.best_epoch < 20
    assert history.epochs[-1].training_loss < 0.6 < math.log(3) < history.epochs[-1].validation_loss


def test_a_line_cannot_tell_two_moons_apart_as_a_network_can():
    training, validation = split(moons(80, 0.1), 0.3)
    kinds = []
    for hidden, activation in (([], None), ([8], "tanh")):
        model = MLP(2, [*hidden, 2], activation=activation, init="xavier", seed=1)
        options = {"optimizer": optim.Adam(model.parameters(), 0.1), "batch_size": 56, "progress": False}
        metric = None if hidden else lambda outputs, targets: 0.0  # a line gets most of the moons right
        history = fit(model, training, validation, epochs=60, metric=metric, loss=losses.cross_entropy, **options)
        kinds.append((diagnose(history).kind, history.best.validation_loss))
    assert kinds[1][0] in ("converged", "still improving")
    assert kinds[1][1] < 0.1 < kinds[0][1]
