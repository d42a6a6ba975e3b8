"""PyTorch, batched, in double precision, on one thread."""

from __future__ import annotations

import math

import torch
from problems import POINT, Letters, Moons, Racer, unblocked
from vectorised import document_loss, moons_layers, moons_loss, split
from workloads import expression

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def _expression() -> Racer:
    def step() -> tuple[torch.Tensor, ...]:
        a, b = (torch.tensor(x, requires_grad=True) for x in POINT)
        g = expression(a, b)
        g.backward()
        return g, a.grad, b.grad

    return Racer(step, lambda y: [x.item() for x in y])


def _moons(problem: Moons) -> Racer:
    points, sides = torch.tensor(problem.points), torch.tensor(problem.sides)
    layers = moons_layers(problem.start, lambda x: torch.tensor(x, requires_grad=True))
    parameters = [p for layer in layers for p in layer]

    def step() -> float:
        loss = moons_loss(layers, points, sides, problem.penalty, torch.relu)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradients, alpha=-problem.rate)
        return loss.item()

    return Racer(step, parameters=lambda: unblocked(layers))


def _letters(problem: Letters) -> Racer:
    x = torch.tensor(problem.start)
    p = {name: matrix.requires_grad_() for name, matrix in split(x, problem.sizes).items()}  # in the memory of x
    betas = problem.beta1, problem.beta2
    optimizer = torch.optim.Adam(p.values(), problem.rate, betas, problem.eps, fused=True)
    one_hot, documents = torch.eye(problem.sizes.letters), problem.documents()

    def step() -> float:
        document = next(documents)
        n = len(document) - 1
        mask = torch.full((n, n), -math.inf).triu(1)
        loss = document_loss(p, one_hot[document[:-1]], one_hot[document[1:]], mask, problem.sizes.heads, torch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Racer(step, parameters=x.tolist)


EXPRESSION = {"PyTorch": _expression}
MOONS = {"PyTorch": _moons}
LETTERS = {"PyTorch": _letters}
