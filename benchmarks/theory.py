"""The exact theory against the ways around it: dense eigenvalues, simulation, and a data set of real pixels.

    python benchmarks/theory.py           # --brief leaves the MNIST pixels out; --json FILE keeps the figures

Times are medians over repetitions on an otherwise idle machine; the simulation to one per cent is measured
on a few hundred runs and scaled by the number of runs that one per cent of standard error takes.
"""

import argparse
import math
import statistics
import time

import numpy as np
from record import in_turn, record, save

from lecturelib import datasets
from lecturelib import least_squares as ls

SIZES = 2 ** np.arange(13)


def dense_rates(eigenvalues, sizes):
    """The same rates by NumPy's eigenvalues of the full pencil on diagonal matrices."""
    coupling = np.sqrt(np.outer(eigenvalues, eigenvalues))
    return [2 / np.linalg.eigvalsh(np.diag((1 + 1 / b) * eigenvalues) + coupling / b)[-1] for b in sizes]


def curves():
    for dimension, rounds in ((100, 11), (1000, 3)):
        eigenvalues = 1.0 / np.arange(1, dimension + 1)
        problem = ls.gaussian(eigenvalues)
        calls = {
            "max_learning_rate": lambda p=problem: ls.max_learning_rate(p, SIZES),
            "dense eigenvalues": lambda e=eigenvalues: dense_rates(e, SIZES),
        }
        seconds = in_turn(calls, rounds)
        record(f"largest rates, 13 batch sizes, d = {dimension}", seconds)
        ours, dense = map(statistics.median, seconds.values())
        difference = np.max(
            np.abs(ls.max_learning_rate(problem, SIZES) / dense_rates(eigenvalues, SIZES) - 1)
        )
        print(
            f"max_learning_rate, 13 batch sizes, d = {dimension}: {1e3 * ours:.2f} ms; dense eigenvalues"
            f" {1e3 * dense:.1f} ms, {dense / ours:.0f} times as long; they differ by {difference:.1e}"
        )


def simulated(problem, rate, batch_size, steps, runs, rng):
    """Excess risks at the end of `runs` runs of SGD, side by side, and the seconds they took."""
    scale = np.sqrt(problem.eigenvalues)
    begin = time.perf_counter()
    error = np.ones((runs, problem.dimension))
    for _ in range(steps):
        x = rng.standard_normal((runs, batch_size, problem.dimension)) * scale
        noise = rng.standard_normal((runs, batch_size)) * math.sqrt(problem.noise_variance)
        slope = np.einsum("rbd,rd->rb", x, error) - noise
        error -= rate / batch_size * np.einsum("rbd,rb->rd", x, slope)
    return 0.5 * error**2 @ problem.eigenvalues, time.perf_counter() - begin


def risk(rounds):
    problem = ls.gaussian(1.0 / np.arange(1, 101), noise_variance=1.0)
    rate, batch_size, steps, runs = 0.5 * ls.max_learning_rate(problem, 8), 8, 1000, 64
    exact = ls.risk_curve(problem, np.ones(100), rate, batch_size, steps).risk[-1]
    seconds = {"risk_curve": [], "NumPy simulation to 1 % standard error, scaled": []}
    for seed in range(rounds):
        call = {"ours": lambda: ls.risk_curve(problem, np.ones(100), rate, batch_size, steps)}
        seconds["risk_curve"] += in_turn(call, 1)["ours"]
        rng = np.random.default_rng(seed)
        risks, took = simulated(problem, rate, batch_size, steps, runs, rng)
        error = np.std(risks, ddof=1) / math.sqrt(runs)
        needed = runs * (error / np.mean(risks) / 0.01) ** 2
        seconds["NumPy simulation to 1 % standard error, scaled"].append(took * needed / runs)
    record("risk of 1,000 steps, d = 100, b = 8", seconds)
    ours, theirs = map(statistics.median, seconds.values())
    print(
        f"risk_curve, d = 100, b = 8, 1,000 steps: {1e3 * ours:.1f} ms; NumPy simulation to 1 % error"
        f" ({needed:.0f} runs) {theirs:.0f} s, {theirs / ours:.0f} times as long;"
        f" they differ by {abs(np.mean(risks) - exact) / error:.1f} standard errors"
    )


def depths():
    problem = ls.gaussian(1.0 / np.arange(1, 101), noise_variance=1.0)
    for target, size in ((1e-2, 1), (1e-2, 64), (1e-3, 1), (1e-3, 64)):
        steps = ls.depth(problem, np.ones(100), target, size).steps
        seconds = in_turn({"depth": lambda t=target, b=size: ls.depth(problem, np.ones(100), t, b)}, 3)
        record(f"depth, {steps:,} steps, d = 100, target {target:g}, b = {size}", seconds)
        took = statistics.median(seconds["depth"])
        print(f"depth, d = 100, noise 1, target {target:g}, b = {size}: {steps} steps, {took:.2f} s")


def pixels():
    images = datasets.mnist().train_images.reshape(60000, -1)
    features = images[:, images.max(axis=0) > images.min(axis=0)] / 255.0
    begin = time.perf_counter()
    problem = ls.finite_sample(features, datasets.mnist().train_labels, on_range=True)
    made = time.perf_counter()
    rates = ls.max_learning_rate(problem, SIZES)
    rated = time.perf_counter()
    critical = ls.critical_batch_size(problem)
    done = time.perf_counter()
    record("MNIST pixels: problem, 13 rates, critical batch size", {"ours": [done - begin]})
    print(
        f"MNIST pixels, {features.shape[0]} x {features.shape[1]}, rank {len(problem.eigenvalues)}:"
        f" problem {made - begin:.1f} s, max_learning_rate at 13 batch sizes {rated - made:.1f} s,"
        f" critical_batch_size then {done - rated:.1f} s"
    )
    print(f"  rates {np.array2string(rates, precision=8)}, critical batch size {critical:.8f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--brief", action="store_true", help="leave the MNIST pixels out")
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    curves()
    risk(1 if options.brief else 3)
    depths()
    if not options.brief:
        pixels()
    save(options.json)
