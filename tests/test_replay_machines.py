"""The LLVM backend for lesser machines: vectors of eight are split where the processor's are shorter."""

from __future__ import annotations

import math
import platform
from array import array

import pytest

import autodiff

llvm = pytest.importorskip("llvmlite.binding", reason="llvmlite is not installed")
from autodiff.replay.backends.llvm import native as backend  # noqa: E402

X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.fixture
def processor(request, monkeypatch):
    """Compile as for another processor than this one: one whose instructions this one has as well."""
    if not X86:
        pytest.skip("this machine is no x86-64")
    name, features = request.param
    if "avx2" in features and not llvm.get_host_cpu_features().get("avx2"):
        pytest.skip("this machine has no AVX2")
    monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: name)
    monkeypatch.setattr(
        llvm, "get_host_cpu_features", lambda: type("None", (dict,), {"flatten": lambda self: features})()
    )
    backend._machine_code.cache_clear()
    yield name
    backend._machine_code.cache_clear()


PROCESSORS = [("x86-64", ""), ("haswell", "+avx2,+fma")]


@pytest.mark.parametrize("processor", PROCESSORS, indirect=True, ids=["SSE2", "AVX2"])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 1001])
def test_a_batch(processor, n):
    def f(w, x):
        y = autodiff.tanh(w[0] * x) * autodiff.exp(-x * x) + autodiff.log(1.0 + autodiff.abs(x))
        return autodiff.where(x > w[1], y, autodiff.sigmoid(y) + autodiff.atan2(x, y))

    xs = array("d", [3.0 * math.sin(k + 0.3) for k in range(n)])
    compiled = autodiff.compile(f, in_axes=(None, 0), backend="llvm", argnums=(0, 1))
    values, (dw, dx) = compiled.value_and_grad([0.7, 0.1], xs)
    for k, x in enumerate(xs):
        value, (gw, gx) = autodiff.value_and_grad(f, argnums=(0, 1))([0.7, 0.1], x)
        assert values[k] == pytest.approx(value, rel=1e-12)
        assert [dw[0][k], dw[1][k], dx[k]] == pytest.approx([*gw, gx], rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("processor", PROCESSORS, indirect=True, ids=["SSE2", "AVX2"])
def test_training(processor):
    import nn

    rows = [[math.sin(k), math.cos(3 * k)] for k in range(13)]
    targets = [k % 3 for k in range(13)]
    model = nn.MLP(2, [5, 3], activation="tanh", seed=0)
    value = nn.compile(model, nn.losses.cross_entropy, backend="llvm")(rows, targets)
    replayed = [p.grad for p in model.parameters()]
    model.zero_grad()
    loss = nn.losses.cross_entropy([model(row) for row in rows], targets)
    loss.backward()
    assert value == pytest.approx(loss.data, rel=1e-13)
    assert replayed == pytest.approx([p.grad for p in model.parameters()], rel=1e-12, abs=1e-16)
