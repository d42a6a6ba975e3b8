"""What the lectures say of networks, as properties: the graph's gradients are the matrix formulas, on random shapes.

The formulas are written in plain Python on lists. Names follow the lectures' items.
"""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import Value, draw_forward, grad, grad_graph, hessian
from autodiff.graph import topological
from nn import MLP, BatchNorm, Elementwise, Layer, Neuron, Residual, Sequential, clip_grad_norm_, losses, parameter
from nn.data.dataset import batches
from nn.flow import gradient_flow

number = st.integers(-64, 64).map(lambda k: k / 32)  # sums of products are exact, so a relu's kink is hit or missed


def vectors(n):
    return st.lists(number, min_size=n, max_size=n)


def matrices(rows, columns):
    return st.lists(vectors(columns), min_size=rows, max_size=rows)


# -- Matrices, on lists --------------------------------------------------------------------------------------------


def transposed(a):
    return [list(column) for column in zip(*a)]


def times(a, b):
    """The matrix product."""
    columns = transposed(b)
    return [[math.fsum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def each(f, *matrices_):
    """A function of the entries of matrices of one shape."""
    return [[f(*entries) for entries in zip(*rows)] for rows in zip(*matrices_)]


def sums(a):
    """The sum of each row: what multiplying by a column of ones gives."""
    return [math.fsum(row) for row in a]


def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z))


def near(expected):
    """Equal to rounding: the numbers here are of size 1 to 100, and so are the terms of their sums."""
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


def gradients(layer):
    """Those of a layer's weights, a row for each neuron, and those of its biases."""
    return [[w.grad for w in n.w] for n in layer.neurons], [n.b.grad for n in layer.neurons]


def numbers(layer):
    return [[w.data for w in n.w] for n in layer.neurons], [n.b.data for n in layer.neurons]


def plus(a, b):
    """A matrix plus a column, which goes to every column of it."""
    return [[x + bi for x in row] for row, bi in zip(a, b)]


# -- A -------------------------------------------------------------------------------------------------------------


def test_a7_ten_slopes_of_a_sigmoid():
    """Each neuron sits at its sum of 0, where the sigmoid is steepest, and still passes on a quarter."""
    x = Value(0.0)
    y, center = x, 0.0
    for _ in range(10):
        neuron = Neuron(1, activation="sigmoid", init=lambda rng, nin, nout: 1.0)
        neuron.b.data = -center
        y, center = neuron(y), 0.5
    y.backward()
    assert x.grad == 0.25**10
    assert f"{x.grad:.2e}" == "9.54e-07"


def deep(activation, init, seed, block):
    """Ten hidden layers, the first one plain and nine made by block(layer maker), and a linear output."""
    rng = random.Random(seed)

    def layer(nin, activation=activation):
        return Layer(nin, 8, activation=activation, init=init, rng=rng)

    return Sequential(layer(4), *(block(layer) for _ in range(9)), Layer(8, 1, False, init=init, rng=rng))


DEEP = {
    "sigmoid": lambda seed: deep("sigmoid", "xavier", seed, lambda layer: layer(8)),
    "relu and He": lambda seed: deep("relu", "he", seed, lambda layer: layer(8)),
    "skip connections": lambda seed: deep("sigmoid", "xavier", seed, lambda layer: Residual(layer(8))),
    "batch normalisation": lambda seed: deep(
        "sigmoid", "xavier", seed, lambda layer: Sequential(layer(8, "linear"), BatchNorm(8), Elementwise("sigmoid"))
    ),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", DEEP)
def test_a7_gradients_by_layer(kind, seed):
    """From the last hidden layer to the first the sigmoid loses a factor of over 10^4; each remedy, less than 10."""
    rng = random.Random(0)
    rows = [[rng.gauss(0.0, 1.0) for _ in range(4)] for _ in range(16)]
    flow = gradient_flow(DEEP[kind](seed), rows, [math.sin(row[0]) for row in rows], losses.mse)
    norms = [layer.norm for layer in flow if layer.parameters in (40, 72)]  # (4 + 1) 8 and (8 + 1) 8: no BatchNorms
    assert len(norms) == 10
    if kind == "sigmoid":
        assert norms[0] < 1e-4 * norms[-1]
        assert all(first < second for first, second in itertools.pairwise(norms))
    else:
        assert norms[0] > 0.1 * norms[-1]


def scalar_operations(nodes):
    """How many there are in a graph of single operations."""
    return sum(v.op is not None for v in nodes)


@pytest.mark.parametrize("sizes", [[1], [4, 1], [8, 8, 1], [16, 16, 1]])
def test_a8_one_sweep_costs_a_few_evaluations_and_differences_two_for_each_parameter(sizes):
    model = MLP(3, sizes, activation="tanh", expand=True, seed=0)
    x = [0.3, -0.2, 0.5]
    loss = losses.mse([model(x)], [0.25])
    parameters = model.parameters()
    forward = topological((loss,))
    with_gradient = topological((loss, *grad_graph(loss, parameters)))
    evaluation = scalar_operations(forward)
    sweep = scalar_operations(with_gradient) - evaluation
    assert sweep < 4 * evaluation  # the cheap gradient principle: however many the parameters

    h, differences, spent = 1e-6, [], 0
    loss.backward()
    for p in parameters:
        ends = []
        for end in (p.data + h, p.data - h):
            before, p.data = p.data, end
            moved = losses.mse([model(x)], [0.25])
            spent += scalar_operations(topological((moved,)))
            ends.append(moved.data)
            p.data = before
        differences.append((ends[0] - ends[1]) / (2 * h))
    assert [p.grad for p in parameters] == pytest.approx(differences, abs=1e-8)
    assert spent == 2 * len(parameters) * evaluation


# -- B -------------------------------------------------------------------------------------------------------------

BENDS = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1.0 - sigmoid(z))),
    "tanh": (math.tanh, lambda z: 1.0 - math.tanh(z) ** 2),
    "softplus": (lambda z: math.log(1.0 + math.exp(z)), sigmoid),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0.0)),
}


@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.sampled_from(sorted(BENDS)))
def test_b4_a_hidden_layer_and_a_sum_of_squares(data, n, h, m, name):
    """L = sum (y - beta . g(Theta x))^2 over a data set: dL/dTheta is, sample by sample, an outer product with x."""
    xs, ys = data.draw(matrices(m, n)), data.draw(vectors(m))
    theta, beta = data.draw(matrices(h, n)), data.draw(vectors(h))
    hidden = Layer(n, h, activation=name, bias=False)
    for neuron, row in zip(hidden.neurons, theta):
        for w, value in zip(neuron.w, row):
            w.data = value
    out = [parameter(b, f"beta{j}") for j, b in enumerate(beta)]

    def output(x):
        activations = hidden(x)
        return autodiff.dot(out, activations if h > 1 else [activations])

    loss = autodiff.sum([(y - output(x)) ** 2 for x, y in zip(xs, ys)])
    loss.backward()

    g, slope = BENDS[name]
    total, d_beta, d_theta = [], [0.0] * h, [[0.0] * n for _ in range(h)]
    for x, y in zip(xs, ys):
        p = [math.fsum(t * xi for t, xi in zip(row, x)) for row in theta]
        rest = y - math.fsum(b * g(pj) for b, pj in zip(beta, p))
        total.append(rest**2)
        d_beta = [d - 2.0 * rest * g(pj) for d, pj in zip(d_beta, p)]
        adjoint = [-2.0 * rest * b * slope(pj) for b, pj in zip(beta, p)]  # of P: h numbers
        outer = [[a * xi for xi in x] for a in adjoint]  # h rows of n, the shape of Theta
        d_theta = each(lambda d, o: d + o, d_theta, outer)
    assert loss.data == near(math.fsum(total))
    assert [b.grad for b in out] == near(d_beta)
    for neuron, row in zip(hidden.neurons, d_theta):
        assert [w.grad for w in neuron.w] == near(row)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_b6_mini_batches_without_bias(size):
    """|D|/|B| times a batch's sum of gradients, averaged over all batches of that size, is the full gradient."""
    rows = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.1, 0.3], [-1.2, -0.4]]
    targets = [1.0, -0.5, 0.25, 2.0, 0.0]
    model = MLP(2, [3, 1], activation="tanh", seed=0)

    def gradient(chosen):
        model.zero_grad()
        autodiff.sum([(model(rows[k]) - targets[k]) ** 2 for k in chosen]).backward()
        return [p.grad for p in model.parameters()]

    full = gradient(range(5))
    estimates = [[5 / size * g for g in gradient(b)] for b in itertools.combinations(range(5), size)]
    assert len(estimates) == math.comb(5, size)
    assert [math.fsum(column) / len(estimates) for column in zip(*estimates)] == pytest.approx(full, rel=1e-12)
    assert size == 5 or max(map(abs, (a - b for a, b in zip(estimates[0], full)))) > 0.1  # a single one is off


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 99))
def test_b6_an_epoch_takes_every_sample_once(n, size, seed):
    parts = batches(n, size, random.Random(seed))
    assert sorted(k for part in parts for k in part) == list(range(n))
    assert {len(part) for part in parts[:-1]} <= {size}


# -- C -------------------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 6))
def test_c_univariate_regression(data, m):
    x, y = data.draw(vectors(m)), data.draw(vectors(m))
    check_regression(data, [x], y)


@given(st.data(), st.integers(2, 5), st.integers(1, 6))
def test_c_multivariate_regression(data, n, m):
    check_regression(data, data.draw(matrices(n, m)), data.draw(vectors(m)))


def check_regression(data, x, y):
    """One linear neuron on X, a column for each sample: (2/m)(yhat - y) X^T and (2/m)(yhat - y) 1."""
    n, m = len(x), len(y)
    neuron = Neuron(n, nonlin=False)
    for p, value in zip(neuron.parameters(), data.draw(vectors(n + 1))):
        p.data = value
    loss = losses.mse([neuron(column) for column in transposed(x)], y)
    loss.backward()

    w, b = [v.data for v in neuron.w], neuron.b.data
    (yhat,) = plus(times([w], x), [b])
    delta = [2.0 / m * (p - t) for p, t in zip(yhat, y)]
    assert loss.data == near(math.fsum((p - t) ** 2 for p, t in zip(yhat, y)) / m)
    assert [[v.grad for v in neuron.w]] == [near(row) for row in times([delta], transposed(x))]
    assert [neuron.b.grad] == near(sums([delta]))


@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.sampled_from(["linear", "sigmoid"]))
def test_c_two_layers(data, n, h, m, activation):
    """Two layers, the hidden one linear or a sigmoid: w2^T (2/m)(yhat - y) goes back, times A (1 - A) if it bends."""
    x, y = data.draw(matrices(n, m)), data.draw(vectors(m))
    model = MLP(n, [h, 1], activation=activation)
    for p, value in zip(model.parameters(), data.draw(vectors(len(model.parameters())))):
        p.data = value
    loss = losses.mse([model(column) for column in transposed(x)], y)
    loss.backward()

    (w1, b1), (w2, b2) = map(numbers, model.layers)
    hidden = plus(times(w1, x), b1)
    a = each(sigmoid, hidden) if activation == "sigmoid" else hidden
    (yhat,) = plus(times(w2, a), b2)
    delta = [[2.0 / m * (p - t) for p, t in zip(yhat, y)]]
    back = times(transposed(w2), delta)
    if activation == "sigmoid":
        back = each(lambda d, s: d * s * (1.0 - s), back, a)
    assert loss.data == near(math.fsum((p - t) ** 2 for p, t in zip(yhat, y)) / m)
    (g1, gb1), (g2, gb2) = map(gradients, model.layers)
    assert g1 == [near(row) for row in times(back, transposed(x))]
    assert gb1 == near(sums(back))
    assert g2 == [near(row) for row in times(delta, transposed(a))]
    assert gb2 == near(sums(delta))


@given(st.data(), st.integers(1, 4), st.integers(1, 6))
def test_c_logistic_regression(data, n, m):
    """The log-odds are linear; the gradient is that of regression, with probabilities and without the 2."""
    x, labels = data.draw(matrices(m, n)), data.draw(st.lists(st.integers(0, 1), min_size=m, max_size=m))
    neuron = Neuron(n, nonlin=False)
    for p, value in zip(neuron.parameters(), data.draw(vectors(n + 1))):
        p.data = value
    losses.binary_cross_entropy([neuron(row) for row in x], labels).backward()
    w, b = [v.data for v in neuron.w], neuron.b.data
    delta = [(sigmoid(math.fsum(wi * xi for wi, xi in zip(w, row)) + b) - label) / m for row, label in zip(x, labels)]
    assert [v.grad for v in neuron.w] == near(times([delta], x)[0])
    assert [neuron.b.grad] == near(sums([delta]))


# -- D -------------------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.sampled_from(sorted(BENDS)))
def test_d2_a_dense_layer(data, n, h, name):
    """Forward a = g(W x + b); backward delta = upstream g'(z), dW = delta x^T, db = delta, dx = W^T delta."""
    layer = Layer(n, h, activation=name)
    for p, value in zip(layer.parameters(), data.draw(vectors((n + 1) * h))):
        p.data = value
    x, upstream = [Value(v) for v in data.draw(vectors(n))], data.draw(vectors(h))
    a = layer(x) if h > 1 else [layer(x)]
    autodiff.dot(a, upstream).backward()

    (w, b), column = numbers(layer), [[v.data] for v in x]
    z = [row[0] for row in plus(times(w, column), b)]
    g, slope = BENDS[name]
    delta = [u * slope(zi) for u, zi in zip(upstream, z)]
    assert [v.data for v in a] == near([g(zi) for zi in z])
    dw, db = gradients(layer)
    assert dw == [near([d * v.data for v in x]) for d in delta]
    assert db == near(delta)
    assert [v.grad for v in x] == near([row[0] for row in times(transposed(w), [[d] for d in delta])])


@given(st.data(), st.integers(2, 5), st.integers(1, 4))
def test_d2_softmax_with_cross_entropy_has_the_gradient_p_minus_y(data, classes, m):
    rows = [[Value(z) for z in row] for row in data.draw(matrices(m, classes))]
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=m, max_size=m))
    losses.cross_entropy(rows, labels).backward()
    for row, label in zip(rows, labels):
        powers = [math.exp(z.data) for z in row]
        expected = [(e / math.fsum(powers) - (k == label)) / m for k, e in enumerate(powers)]
        assert [z.grad for z in row] == near(expected)


# -- E -------------------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 4))
def test_e1_gradient_vector_and_hessian_matrix(data, n):
    """Of x^T A x + b . x + prod(x): (A + A^T) x + b and A + A^T, plus the products of the other coordinates."""
    a, b, at = data.draw(matrices(n, n)), data.draw(vectors(n)), data.draw(vectors(n))

    def f(x):
        return autodiff.dot(x, [autodiff.dot(row, x) for row in a]) + autodiff.dot(b, x) + autodiff.prod(x)

    def product(*left_out):
        return math.prod(x for k, x in enumerate(at) if k not in left_out)

    symmetric = each(lambda p, q: p + q, a, transposed(a))
    linear = [row[0] for row in times(symmetric, [[x] for x in at])]
    assert grad(f)(at) == near([z + c + product(i) for i, (z, c) in enumerate(zip(linear, b))])
    expected = [[s + (product(i, j) if i != j else 0.0) for j, s in enumerate(row)] for i, row in enumerate(symmetric)]
    assert hessian(f)(at) == [near(row) for row in expected]


@given(st.data(), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_e2_three_inputs_several_outputs(data, h, outputs, m):
    """A network with sigmoids throughout; the error is the mean over samples and outputs.

    dE/dw of an output weight is (2/mK) sum (o - t) S'(net) a, of a hidden one the same with S'(net) w of every output
    in the middle, summed over the outputs.
    """
    model = MLP(3, [h, outputs], activation=["sigmoid", "sigmoid"])
    for p, value in zip(model.parameters(), data.draw(vectors(len(model.parameters())))):
        p.data = value
    xs, ts = data.draw(matrices(m, 3)), data.draw(matrices(m, outputs))
    rows = [model(x) for x in xs]
    error = losses.mse([row if outputs > 1 else [row] for row in rows], ts)
    error.backward()

    (v, c), (w, b) = map(numbers, model.layers)
    dv, dw = [[0.0] * 3 for _ in range(h)], [[0.0] * h for _ in range(outputs)]
    for x, t in zip(xs, ts):
        a = [sigmoid(math.fsum(p * q for p, q in zip(row, x)) + ci) for row, ci in zip(v, c)]
        o = [sigmoid(math.fsum(p * q for p, q in zip(row, a)) + bi) for row, bi in zip(w, b)]
        for k in range(outputs):
            out = 2.0 / (m * outputs) * (o[k] - t[k]) * o[k] * (1.0 - o[k])
            for j in range(h):
                dw[k][j] += out * a[j]
                for i in range(3):
                    dv[j][i] += out * w[k][j] * a[j] * (1.0 - a[j]) * x[i]
    hidden, outer = gradients(model.layers[0])[0], gradients(model.layers[1])[0]
    assert hidden == [near(row) for row in dv]
    assert outer == [near(row) for row in dw]


def test_e2_symbols_are_filled_in_on_the_graph():
    model = MLP(3, [2, 2], activation=["sigmoid", "sigmoid"], expand=True, seed=0)
    x = [Value(value, f"x{i}") for i, value in enumerate((0.5, -1.0, 2.0))]
    for k, layer in enumerate(model.layers):
        for j, neuron in enumerate(layer.neurons):
            for i, w in enumerate(neuron.w):
                w.label = f"{'vw'[k]}{j}{i}"
    error = losses.mse([model(x)], [[1.0, 0.0]])
    error.label = "E"
    picture = draw_forward(error).source
    assert all(name in picture for name in ("x0", "x1", "x2", "v00", "v12", "w00", "w11", "E"))


@pytest.mark.parametrize(("weight", "grows"), [(3.0, True), (0.25, False)])
def test_e4_gradients_explode_and_vanish(weight, grows):
    x = Value(1.0)
    y = Sequential(*[Neuron(1, nonlin=False, init=lambda rng, nin, nout: weight) for _ in range(10)])(x)
    y.backward()
    assert x.grad == weight**10
    assert (x.grad > 1e4) is grows


def exploding():
    """Ten linear neurons of weight 2, one after the other, and their loss at 1."""
    model = Sequential(*[Neuron(1, nonlin=False, bias=False, init=lambda rng, nin, nout: 2.0) for _ in range(10)])
    return model, losses.mse([model(1.0)], [0.0])


def test_e4_clipping_bounds_the_step():
    model, loss = exploding()
    loss.backward()
    slope = 2.0 * 2.0**10 * 2.0**9
    assert clip_grad_norm_(model.parameters(), 1.0) == pytest.approx(math.sqrt(10) * slope, rel=1e-14)
    assert [p.grad for p in model.parameters()] == pytest.approx([1 / math.sqrt(10)] * 10, rel=1e-6)


def test_e4_shrinking_weights_shrinks_the_gradient():
    """A few steps on the L2 penalty alone take weights from 2 to 2 * 0.9^5: the gradient falls by 0.9^(5 * 19)."""
    model, loss = exploding()
    loss.backward()
    (before, *_) = [p.grad for p in model.parameters()]
    for _ in range(5):
        model.zero_grad()
        losses.l2(model.parameters(), 0.5).backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
    model.zero_grad()
    losses.mse([model(1.0)], [0.0]).backward()
    (after, *_) = [p.grad for p in model.parameters()]
    assert after / before == pytest.approx(0.9 ** (5 * 19), rel=1e-12)
