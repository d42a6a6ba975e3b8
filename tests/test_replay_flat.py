"""`jvp` and `hessian` of compiled functions of arrays, against `autodiff` on lists."""

from array import array
from typing import NamedTuple

import pytest

import autodiff
from autodiff import compile
from autodiff.derivatives.structures import Grid, Number
from autodiff.replay.modes import hessian_of_arrays

np = pytest.importorskip("numpy", reason="NumPy is not installed")


class Line(NamedTuple):
    w: object
    b: object


def mixed(a, b, c):
    return a[0] * a[1] ** 2 * b + autodiff.exp(a[0] * c[0][0]) * c[1][1] + b**3


A, B, C = [0.5, -1.5], 0.75, [[0.25, 2.0], [3.0, -0.5]]
MATRIX = np.array(autodiff.hessian(lambda x: mixed(x[:2], x[2], [x[3:5], x[5:]]))([*A, B, *C[0], *C[1]]))
SPLIT = [(slice(0, 2), (2,)), (slice(2, 3), ()), (slice(3, 7), (2, 2))]
"""Where each argument's numbers stand in it, and the argument's shape."""
EAGER = [[MATRIX[i, j].reshape((*s, *t)) for j, t in SPLIT] for i, s in SPLIT]


def close(got, expected):
    return np.allclose(np.asarray(got), np.asarray(expected), rtol=1e-14, atol=0.0)


class TestHessian:
    @pytest.mark.parametrize("backend", ["llvm", "python"])
    def test_blocks_are_those_of_lists(self, backend):
        if backend == "llvm":
            pytest.importorskip("llvmlite", reason="llvmlite is not installed")
        got = compile(mixed, backend=backend).hessian(np.array(A), B, np.array(C), argnums=(0, 1, 2))
        for row, wanted in zip(got, EAGER):
            for block, other in zip(row, wanted):
                assert np.shape(block) == other.shape
                assert close(block, other)
        assert type(got[1][1]) is float
        assert type(got[0][1]) is np.ndarray

    def test_of_one_argument_beside_others(self):
        f = compile(mixed, argnums=2)
        assert close(f.hessian(np.array(A), B, np.array(C)), EAGER[2][2])
        assert close(f.hessian(np.array(A), B, np.array(C), argnums=0), EAGER[0][0])
        assert close(f.hessian(A, B, np.array(C), argnums=0), EAGER[0][0])
        assert f.hessian(np.array(A), B, np.array(C), argnums=-2) == EAGER[1][1]

    def test_buffers_give_nested_lists(self):
        got = compile(lambda v: v[0] * v[1] ** 2).hessian(array("d", [2.0, 3.0]))
        assert got == [[0.0, 6.0], [6.0, 4.0]]

    def test_arrays_in_structures(self):
        f = compile(lambda p: p.w @ p.w * p.b)
        got = f.hessian(Line(np.array([1.0, 2.0]), 3.0))
        assert type(got) is type(got.w) is Line
        assert got.w.w.tolist() == [[6.0, 0.0], [0.0, 6.0]]
        assert (got.w.b.tolist(), got.b.w.tolist(), got.b.b) == ([2.0, 4.0], [2.0, 4.0], 0.0)
        got = compile(lambda d: d["x"][0] * d["y"] * d["x"][1]).hessian({"x": np.array([2.0, 3.0]), "y": 5.0})
        assert (list(got), list(got["x"])) == (["x", "y"], ["x", "y"])
        assert got["x"]["x"].tolist() == [[0.0, 5.0], [5.0, 0.0]]

    def test_of_each_sample(self):
        points = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        w = np.array([2.0, -1.0])
        f = compile(lambda w, x: (w @ x) ** 2, in_axes=(None, 0), argnums=(0, 1))
        got = f.hessian(w, points)
        for k, x in enumerate(points):
            whole = autodiff.hessian(lambda z: autodiff.dot(z[:2], z[2:]) ** 2)([*w, *x])
            assert close(np.block([[block[k] for block in row] for row in got]), whole)

    def test_static_arguments_stay_where_they_are(self):
        f = compile(lambda n, x: (x**n).sum(), static_argnums=0, argnums=1)
        assert f.hessian(3, np.array([1.0, 2.0])).tolist() == [[6.0, 0.0], [0.0, 12.0]]
        with pytest.raises(ValueError, match="no such argument"):
            f.hessian(3, np.array([1.0, 2.0]), argnums=0)

    def test_the_form_alone(self):
        """Shapes are joined, outer first; a number has none."""
        form = (Number(), Grid((2,)), Grid((1,), numpy=False))
        leaves = [autodiff.Value(k + 1.0) for k in range(4)]
        _, got = hessian_of_arrays(lambda *xs: autodiff.prod(xs), lambda xs: xs, form, leaves, leaves)
        assert got[0] == (Number(), Grid((2,)), Grid((1,), numpy=False))
        assert got[1] == (Grid((2,)), Grid((2, 2)), Grid((2, 1)))
        assert got[2] == (Grid((1,), numpy=False), Grid((1, 2)), Grid((1, 1), numpy=False))


class TestJvp:
    def test_arrays_in_and_out(self):
        matrix, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.0])
        f = compile(lambda a, x: {"y": a @ x, "s": (x * x).sum()})
        value, slope = f.jvp((matrix, x), (np.zeros((2, 2)), np.array([1.0, 2.0])))
        assert (value["y"].tolist(), value["s"]) == ((matrix @ x).tolist(), 1.25)
        assert (slope["y"].tolist(), slope["s"]) == ([5.0, 11.0], -3.0)

    def test_along_each_sample(self):
        f = compile(lambda x: x[0] * x[1], in_axes=0)
        points = np.array([[1.0, 2.0], [3.0, 4.0]])
        value, slope = f.jvp((points,), (np.array([[1.0, 0.0], [0.0, 1.0]]),))
        assert (value.tolist(), slope.tolist()) == ([2.0, 12.0], [2.0, 3.0])

    def test_other_structures(self):
        f = compile(lambda x: x[0] * x[1])
        for tangent in (np.zeros(3), 1.0, [1.0, 2.0], np.zeros((1, 2))):
            with pytest.raises(ValueError, match="structure of primals"):
                f.jvp((np.array([1.0, 2.0]),), (tangent,))


def test_a_batch_with_static_arguments():
    f = compile(lambda x, k: x**k, in_axes=(0, None), static_argnums=1)
    assert f(np.array([1.0, 2.0]), 3).tolist() == [1.0, 8.0]


@pytest.mark.parametrize("backend", ["llvm", "python"])
def test_arrays_without_numbers(backend):
    if backend == "llvm":
        pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    f = compile(lambda a: autodiff.sum(a.tolist()) + 1.0, backend=backend)
    for empty in (np.zeros(0), np.zeros(0)):
        assert f(empty) == 1.0
        value, gradient = f.value_and_grad(empty)
        assert (value, gradient.shape) == (1.0, (0,))
