"""What type checkers say to programs of users: nothing to a right one, and something at each mistake.

mypy (``--strict``) and basedpyright (``strict``) read a program that is right, which also runs; one with a mistake in
each line; and one that uses every operation of the table. They see the package as an installed one: what they find in
it is not told.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import autodiff
from autodiff import ops
from autodiff.operation import OPERATIONS, Binary, Nary, Op, Tuned, Unary

ROOT = Path(autodiff.__file__).parent.parent

RIGHT = '''
"""What a user writes."""

from __future__ import annotations

from array import array
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import autodiff
import nn
from autodiff import Value, check_grads, derivative, draw_forward, explain, grad, grad_graph, hessian, value_and_grad
from nn.data import moons, split
from nn.stopping import GradientNorm

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:
    assert_type = lambda given, kind: given  # the program runs where typing has no such thing

# Values
x, y = Value(0.5, label="x"), Value(3)
assert_type(x + y, Value)
assert_type(x - 1, Value)
assert_type(2.0 * x, Value)
assert_type(1 / x, Value)
assert_type(x**2, Value)
assert_type(2**x, Value)
assert_type(-abs(x), Value)
assert_type(x.tanh().relu(), Value)
assert_type(x.atan2(y).maximum(0.0), Value)
assert_type(x.leaky_relu(slope=0.1) + x.elu(), Value)
assert_type(x > y, bool)
assert_type(x.data, float)
assert_type(x.label, str)
assert_type(round(x), float)
z = (x * y).exp()
z.backward()
assert_type(x.grad, float)
assert_type(z.refresh(), Value)
assert_type(z.detach(), Value)
assert_type({x: 1.0}[x], float)
x.data = 1
x.label = "start"

# operations: floats give floats, Values give Values
assert_type(autodiff.tanh(0.5), float)
assert_type(autodiff.tanh(1), float)
assert_type(autodiff.tanh(x), Value)
assert_type(autodiff.hypot(3.0, 4.0), float)
assert_type(autodiff.hypot(x, 4.0), Value)
assert_type(autodiff.hypot(3, x), Value)
assert_type(autodiff.elu(0.5, alpha=2.0), float)
assert_type(autodiff.elu(x, 2.0), Value)
assert_type(autodiff.sum([1.0, 2.0]), float)
assert_type(autodiff.sum([x, y]), Value)
mixed: list[Value | float] = [x, 1.0]  # of such a list without a type mypy thinks that it is of objects
assert_type(autodiff.sum(mixed), Value)
assert_type(autodiff.mean(v * v for v in (x, y)), Value)
assert_type(autodiff.dot([x, y], [1.0, 2.0]), Value)
assert_type(autodiff.dot([1.0, 2.0], [x, y]), Value)
assert_type(autodiff.dot((1.0, 2.0), (3.0, 4.0)), float)
assert_type(autodiff.softmax([x, y]), list[Value])
assert_type(autodiff.log_softmax([1.0, 2.0]), list[float])
assert_type(autodiff.clip(x, 0.0, 1.0), Value)
assert_type(autodiff.clip(0.5, 0.0, 1.0), float)
assert_type(autodiff.where(x > 0.0, x, 0.0), Value)
assert_type(autodiff.where(x == 0.0, 1.0, x), Value)
assert_type(x == 1.0, bool)
assert_type(x != "1.0", bool)
assert_type(x <= x, bool)


# derivatives of functions
def cube(v: Value) -> Value:
    return v**3


def product(v: Value, w: Value) -> Value:
    return v * w


def norm(vs: list[Value]) -> Value:
    return autodiff.dot(vs, vs)


assert_type(grad(cube)(2.0), float)
assert_type(grad(grad(cube))(2.0), float)
assert_type(grad(cube)(x), Value)
assert_type(grad(norm)([1.0, 2.0]), list[float])
assert_type(value_and_grad(cube)(2.0), tuple[float, float])
assert_type(hessian(cube)(2.0), float)
assert_type(derivative(cube, 2)(2.0), float)
print(grad(product, argnums=(0, 1))(2.0, 3.0))
print(autodiff.jvp(cube, (2.0,), (1.0,)), autodiff.hvp(norm, ([1.0],), ([1.0],)), autodiff.jacobian(cube)(2.0))
assert_type(grad_graph(z.refresh(), x), Value)
assert_type(grad_graph(z, [x, y]), list[Value])


# compiled functions
@autodiff.compile
def rosenbrock(v: Value, w: Value) -> Value:
    return (1 - v) ** 2 + 100 * (w - v**2) ** 2


@autodiff.compile(in_axes=(None, 0), backend="python")
def line(weights: list[Value], v: Value) -> Value:
    return weights[0] * v + weights[1]


compiled = autodiff.compile(product, argnums=(0, 1))
print(rosenbrock(0.5, 1.0) + 1.0, compiled(2.0, 3.0))
print(line([2.0, 1.0], array("d", [0.0, 1.0])))
number, (slope, other) = rosenbrock.value_and_grad(0.5, 1.0, argnums=(0, 1))
print(compiled.grad(2.0, 3.0), rosenbrock.hessian(0.5, 1.0), rosenbrock.source("c"), number + slope + other)
print(z.compile([x, y])(1.0, 2.0))

# to see and to check
print(draw_forward(z).source, explain(z, x).paths[0].product, check_grads(cube, 2.0).rows)
with autodiff.scope("part"), autodiff.strict():
    print(x * y)
with autodiff.no_grad():
    print(x * y)

# networks
model = nn.MLP(2, [4, 1], activation="tanh", seed=1)
optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
points, sides = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
assert_type(model.parameters(), list[Value])
for epoch in range(3):
    loss = nn.losses.binary_cross_entropy([model(p) for p in points], sides)
    assert_type(loss, Value)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model(points[0]) > 0, model([x, 1.0]) * 2.0)
step = nn.compile(model, nn.losses.mse)
assert_type(step(points, [0.0, 1.0, 1.0, 0.0]), float)
assert_type(nn.Neuron(2)([0.5, x]), Value)

training, validation = split(moons(60, seed=0), 0.3, seed=0)
classifier = nn.Sequential(nn.Layer(2, 4), nn.Elementwise("tanh"), nn.Dropout(0.1, seed=0), nn.Layer(4, 2))
history = nn.fit(
    classifier,
    training,
    validation,
    optimizer=nn.optim.SGD(classifier.parameters(), lr=0.1),
    epochs=2,
    schedule=nn.schedules.cosine(0.1, 4),
    progress=False,
)
assert_type(history, nn.History)
assert_type(history.seconds, float)
assert_type(nn.diagnose(history), nn.Diagnosis)
path = Path(mkdtemp()) / "model.json"
model.save(path)
loaded, _ = nn.load(path)
print(loaded.parameters())


class Line(nn.Module):
    """A module of the user's own."""

    def __init__(self) -> None:
        self.slope = nn.parameter(1.0)

    def __call__(self, v: Any) -> Any:
        return self.slope * v


print(Line().parameters())
way = nn.minimize(cube, 1.0, method="gd", lr=0.01, steps=3, stop=GradientNorm(1e-6))
assert_type(way.steps, int)
'''

WRONG = """
import autodiff
import nn
from autodiff import Value

x = Value(0.5)
model = nn.MLP(2, [1])
optimizer = nn.optim.SGD(model.parameters(), lr=0.1)


def cube(v: Value) -> Value:
    return v**3


@autodiff.compile
def compiled(v: Value) -> Value:
    return v**3


# MISTAKES: one a line from here on
x.tanhh()
x.tanh(3)
x.maximum()
x.maximum("a")
x.leaky_relu(slop=0.1)
x.lable
x.lable = "x"
x.backward("a")
x.data = "a"
print(x + "a")
print([1.0] * x)
Value("a")
Value(1.0, lable="x")
autodiff.tanhh(x)
autodiff.tanh("a")
autodiff.tanh(x, x)
autodiff.tanh([x])
autodiff.hypot(x)
autodiff.hypot(x, "a")
autodiff.elu(x, alpha="a")
autodiff.sum(x)
autodiff.dot([x], 1.0)
autodiff.softmax(["a"])
autodiff.clip(x, 0.0)
text: str = autodiff.tanh(0.5)
number: float = autodiff.tanh(x)
autodiff.grad(3.0)
autodiff.grad(cube, argnum=0)
autodiff.grad(cube)(2.0).spam
autodiff.compile(3.0)
autodiff.compile(cube, backends="c")
compiled.gradd(2.0)
autodiff.compile(cube).gradd(2.0)
autodiff.compile(cache_size=8)(cube).gradd(2.0)
autodiff.draw_forward("a")
autodiff.strikt()
nn.MLPP(2, [1])
nn.MLP("a", [1])
nn.MLP(2, [1], activations="tanh")
nn.Neuron(2)([1.0, 2.0]).tanhh()
model.parametrs()
model(3.0)
optimizer.stepp()
nn.optim.Adamm(model.parameters())
nn.optim.Adam(model.parameters(), lr="a")
nn.losses.msee([x], [1.0])
nn.compile(3.0, nn.losses.mse)
nn.compile(model, nn.losses.mse, reductions="sum")
nn.compile(model, nn.losses.mse).runn()
nn.fit(model, nn.data.iris(), 0.2, optimizer=optimizer, epochs="a")
nn.fit(model, nn.data.iris(), 0.2, optimizer=optimizer, epochs=1).bestt
nn.schedules.cosinus(0.1, 4)
nn.data.iriss()
"""

MORE_THAN_ANY = ["nn.MLP(2, [1])([0.5, 1.0])", "autodiff.compile(autodiff.tanh)", "autodiff.grad(autodiff.tanh)"]
"""Of these a checker knows something."""


class Finding(NamedTuple):
    """What a checker says: in which program, at which line (from 1)."""

    program: str
    line: int
    severity: str
    message: str


def calls(op: Op) -> list[str]:
    """How an operation is called on Values, as a function and as a method: each gives a Value."""
    if isinstance(op, Nary):
        return [f"autodiff.{op.name}({', '.join(['[x, x]'] * op.groups)})"]
    if isinstance(op, Unary):
        given = [""]
    elif isinstance(op, Tuned):
        given = ["", "0.5", "x", f"{op.parameter}=0.5"]
    else:
        assert isinstance(op, Binary)
        given = ["x", "0.5", "2"]
    methods = [f"x.{op.method}({more})" for more in given]
    return [*methods, *(f"autodiff.{op.name}({', '.join(filter(None, ('x', more)))})" for more in given)]


def every_operation() -> str:
    """A program that calls all of them."""
    public = [OPERATIONS[name] for name in ops.PUBLIC if getattr(ops, name) is OPERATIONS.get(name)]
    methods = [op for op in OPERATIONS.values() if op.method and not op.method.startswith("__")]
    assert {op.name for op in methods} <= {op.name for op in public}
    lines = [f"assert_type({call}, Value)" for op in public for call in calls(op)]
    head = ["from typing_extensions import assert_type", "import autodiff", "from autodiff import Value"]
    return "\n".join([*head, "x = Value(0.5)", *lines])


PROGRAMS = {
    "right.py": RIGHT.lstrip(),
    "wrong.py": WRONG.lstrip(),
    "operations.py": every_operation(),
    "known.py": "\n".join(["import autodiff, nn", *(f"reveal_type({text})" for text in MORE_THAN_ANY)]),
}


def by_mypy(folder: Path) -> list[Finding]:
    flags = ["--strict", "--config-file=", "--follow-imports=silent", "--ignore-missing-imports", "--output=json"]
    command = [sys.executable, "-m", "mypy", *flags, "--cache-dir=cache", *PROGRAMS]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 1), done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return [Finding(Path(t["file"]).name, t["line"], t["severity"], t["message"]) for t in told]


def by_basedpyright(folder: Path) -> list[Finding]:
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)], "pythonVersion": "3.10"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    told = json.loads(done.stdout)["generalDiagnostics"]
    return [Finding(Path(t["file"]).name, t["range"]["start"]["line"] + 1, t["severity"], t["message"]) for t in told]


@pytest.fixture(scope="module", params=[by_mypy, by_basedpyright], ids=["mypy", "basedpyright"])
def findings(request, tmp_path_factory):
    """To each program what the checker says."""
    checker = request.param.__name__.removeprefix("by_")
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    folder = tmp_path_factory.mktemp(checker)
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text, encoding="utf-8")
    found = request.param(folder)
    return {name: [f for f in found if f.program == name] for name in PROGRAMS}


def told(program: str, findings: list[Finding]) -> str:
    lines = PROGRAMS[program].splitlines()
    return "\n".join(f"{f.line}: {lines[f.line - 1].strip()}\n    {f.message}" for f in findings)


def test_a_right_program_passes_without_a_word(findings):
    assert not findings["right.py"], told("right.py", findings["right.py"])


def test_a_right_program_runs(tmp_path):
    for package in ("graphviz", "numpy"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    program = tmp_path / "right.py"
    program.write_text(PROGRAMS["right.py"], encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_mistake_is_flagged_at_its_line(findings):
    lines = PROGRAMS["wrong.py"].splitlines()
    start = next(k for k, line in enumerate(lines, 1) if line.startswith("# MISTAKES"))
    flagged = {f.line for f in findings["wrong.py"] if f.severity == "error"}
    missed = [lines[k - 1] for k in range(start + 1, len(lines) + 1) if k not in flagged]
    assert not missed, "\n".join(missed)
    assert min(flagged) > start, "what comes before the mistakes is right"


def test_every_operation_is_known_with_its_method(findings):
    assert not findings["operations.py"], told("operations.py", findings["operations.py"])


def test_the_types_of_models_and_functions_say_more_than_any(findings):
    told = [f for f in findings["known.py"] if f.message.startswith(("Revealed type", "Type of"))]
    revealed = {f.line: f.message.rpartition(" is ")[2].strip("\"'") for f in told}
    kinds = {text: revealed.get(k, "Any") for k, text in enumerate(MORE_THAN_ANY, 2)}
    assert "Any" not in kinds.values(), kinds
