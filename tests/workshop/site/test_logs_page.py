"""The page on logs: its code is read by `lecture batch-size`, and runs where PyTorch is installed."""

import ast
import csv
import itertools
import re

import numpy as np
import pytest

from lecturelib.advice import logs
from workshop import checkout

NORMS, STEPS = re.findall(
    r"```python\n(.*?)```", (checkout.root() / "site" / "logs.md").read_text(encoding="utf-8"), re.DOTALL
)


def columns(code) -> list[str]:
    """The names that the code writes over its log."""
    (found,) = (
        [part.value for part in node.args[0].elts]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.args[:1][0] if node.args else None, ast.List)
        if all(isinstance(part, ast.Constant) for part in node.args[0].elts)
    )
    return found


def test_the_columns_are_those_that_are_read(tmp_path):
    rng = np.random.default_rng(0)
    norms, steps = tmp_path / "norms.csv", tmp_path / "steps.csv"
    with norms.open("w", newline="") as file:
        log = csv.writer(file)
        log.writerow(columns(NORMS))
        for step in range(50):
            parts = 0.1 + rng.normal(size=(4, 200)) / np.sqrt(8)
            log.writerows([step, 8, np.sum(part**2)] for part in parts)
            log.writerow([step, 32, np.sum(parts.mean(axis=0) ** 2)])
    found = logs.norms(str(norms))
    assert found.interval[0] < 200 / (200 * 0.1**2) < found.interval[1]
    with steps.open("w", newline="") as file:
        log = csv.writer(file)
        log.writerow(columns(STEPS))
        log.writerows([b, round(900 * (1 + 64 / b))] for b in (8, 8, 32, 32, 128, 128, 512, 512))
    assert 60 < logs.steps(str(steps)).critical[0].batch_size < 68


def test_the_code_runs_in_pytorch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not among the lecture's packages")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    dimension, noise = 20, 0.5
    truth = torch.randn(dimension)

    def draw(count):
        x = torch.randn(count, dimension)
        return x, (x @ truth + noise * torch.randn(count))[:, None]

    def loss(guess, y):
        return 0.5 * (guess - y).square().mean()

    def fresh(batch=8, seed=0, rate=1e-9):
        torch.manual_seed(seed)
        model = torch.nn.Linear(dimension, 1, bias=False)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        return model, optimizer, (draw(batch) for _ in itertools.count())

    model, optimizer, _ = fresh()
    loader = [[draw(8) for _ in range(4)] for _ in range(400)]
    exec(NORMS, {"model": model, "optimizer": optimizer, "loader": loader, "loss": loss})
    error = model.weight.detach()[0] - truth
    # Gaussian features, H = 1: E|g|^2 = (d + 2)|error|^2 + d noise^2, and the mean gradient is the error.
    square = error.square().sum().item()
    exact = ((dimension + 1) * square + dimension * noise**2) / square
    low, high = logs.norms("norms.csv").interval
    assert low < exact < high

    def held_out(model):
        return (model.weight.detach()[0] - truth).square().sum().item()

    def tuned(batch, seed):
        return fresh(batch, seed, rate=batch / (batch + dimension + 1) / 2)

    names = {"fresh": tuned, "loss": loss, "held_out": held_out, "goal": 1.0, "seeds": range(3)}
    exec(STEPS, names | {"batch_sizes": (4, 16, 64, 256)})
    assert 10 < logs.steps("steps.csv").critical[0].batch_size < 60
