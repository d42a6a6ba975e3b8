"""One step on one mini-batch: the loss and its gradients, and what a loss has to be."""

from __future__ import annotations

import pytest

from autodiff import Value
from nn import MLP, Dropout, Neuron, Sequential, losses
from nn.data import Dataset, xor
from nn.eager.step import EagerStep
from nn.metrics import accuracy, r2
from nn.model.module import evaluating
from nn.train.fit import measures


def line(w=1.0, b=0.0):
    neuron = Neuron(1, activation="linear")
    neuron.load_state_dict({"w.0": w, "b": b})
    return neuron


def test_the_gradients_are_added():
    """Half of (2 w + b - 1)^2 + (4 w + b - 3)^2 is 1 at (1, 0), its slopes are 2 + 4 and 1 + 1."""
    neuron = line()
    step = EagerStep(neuron, losses.mse)
    for times in (1, 2):
        assert step([[2.0], [4.0]], [1.0, 3.0]) == 1.0
        assert (neuron.w[0].grad, neuron.b.grad) == (6.0 * times, 2.0 * times)
    assert neuron.state_dict() == {"w.0": 1.0, "b": 0.0}


def test_a_penalty_is_part_of_loss_and_gradient():
    neuron = line(w=3.0)
    step = EagerStep(neuron, losses.mse, lambda: losses.l2(neuron.parameters(), 0.5))
    assert step([[0.0]], [0.0]) == 4.5
    assert (neuron.w[0].grad, neuron.b.grad) == (3.0, 0.0)


def test_weights_go_to_the_loss_only_if_there_are_any():
    seen = []

    def loss(outputs, targets, **options):
        seen.append(options)
        return losses.mse(outputs, targets)

    step = EagerStep(line(), loss)
    step([[1.0]], [1.0])
    step([[1.0]], [1.0], [2.0])
    assert seen == [{}, {"weights": [2.0]}]


def test_a_model_may_be_any_function():
    w = Value(2.0)
    assert EagerStep(lambda x: w * x[0], losses.mse)([[3.0]], [0.0]) == 36.0
    assert w.grad == 36.0


@pytest.mark.parametrize("loss", [lambda z, t: 1.0, lambda z, t: None, lambda z, t: z])
def test_a_loss_that_is_no_value(loss):
    with pytest.raises(TypeError, match="the loss of a batch is a Value, computed from the outputs"):
        EagerStep(line(), loss)([[1.0]], [1.0])


def test_what_a_model_is_judged_by():
    classes, numbers = xor(), Dataset([[0.0, 1.0]], [0.5])
    three = Dataset([[0.0, 1.0], [1.0, 1.0]], [0, 2], class_names=("a", "b", "c"))
    one, two = MLP(2, [1]), MLP(2, [2])
    assert measures(one, numbers, None, None) == (losses.mse, r2)
    assert measures(two, classes, None, None) == (losses.cross_entropy, accuracy)
    assert measures(one, classes, None, None) == (losses.binary_cross_entropy, accuracy)
    assert measures(MLP(2, [3]), three, None, None) == (losses.cross_entropy, accuracy)
    assert measures(one, classes, losses.hinge, r2) == (losses.hinge, r2)


def test_evaluation_mode_is_left_again():
    model = Sequential(Dropout(0.5), Dropout(0.5))
    model.layers[1].eval()
    inside = []

    def fail():
        inside.extend(module.training for module in model.modules())
        raise KeyError

    with pytest.raises(KeyError), evaluating(model):
        fail()
    assert inside == [False, False, False]
    assert [module.training for module in model.modules()] == [True, True, False]
    with evaluating(abs):  # any function will do
        pass
