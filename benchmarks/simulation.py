"""A figure's worth of simulated SGD, compiled against a NumPy loop, and what the exact curve saves over both.

    python benchmarks/simulation.py           # --brief: one round in place of three; --json FILE

The figure: 13 batch sizes x 16 learning rates x 8 seeds, d = 100, once with as many steps for every size
(risk against depth) and once with as many samples (risk against work). NumPy draws a batch for every rate and
seed, one matrix-vector product at a time. Both run in turn, after the compiled one has been compiled, and the
ratio is the median of the rounds. Measure on an otherwise idle machine.
"""

import argparse
import math
import statistics
import time

import jax
import numpy as np
from record import record, save

from lecturelib import least_squares as ls
from lecturelib import simulate

SIZES = (2 ** np.arange(13)).tolist()
FRACTIONS = np.geomspace(0.05, 0.9, 16)
SEEDS = 8
PROBLEM = ls.gaussian(1.0 / np.arange(1, 101), noise_variance=1.0)
START = np.ones(100)
RATES = {size: FRACTIONS * ls.max_learning_rate(PROBLEM, size) for size in SIZES}


def numpy_figure(steps, seed):
    """Final excess risks, shape (13, 16, 8), by the loop one writes first."""
    scale = np.sqrt(PROBLEM.eigenvalues)
    risks = np.empty((len(SIZES), len(FRACTIONS), SEEDS))
    for i, size in enumerate(SIZES):
        for j, rate in enumerate(RATES[size]):
            for run in range(SEEDS):
                rng = np.random.default_rng([seed, i, j, run])
                error = START.copy()
                for _ in range(steps[size]):
                    features = rng.standard_normal((size, 100)) * scale
                    noise = rng.standard_normal(size)
                    error -= rate / size * (features.T @ (features @ error - noise))
                risks[i, j, run] = 0.5 * error**2 @ PROBLEM.eigenvalues
    return risks


def compiled_figure(steps, seed):
    """The same by `simulate.sgd`, one call a batch size."""
    curves = [
        simulate.sgd(PROBLEM, START, RATES[size], size, steps[size], SEEDS, key=jax.random.key(seed))
        for size in SIZES
    ]
    return np.stack([np.asarray(curve[..., -1], dtype=np.float64) for curve in curves])


def timed(call, *arguments):
    begin = time.perf_counter()
    return call(*arguments), time.perf_counter() - begin


def figure(name, steps, rounds):
    """Time both in turn and say how far apart their mean risks are, cell by cell."""
    _, compiling = timed(compiled_figure, steps, 0)
    plain, compiled = [], []
    seconds = {"compiled": [], "NumPy loop": []}
    for seed in range(1, rounds + 1):
        slow, slow_seconds = timed(numpy_figure, steps, seed)
        fast, fast_seconds = timed(compiled_figure, steps, seed)
        plain.append(slow)
        compiled.append(fast)
        seconds["compiled"].append(fast_seconds)
        seconds["NumPy loop"].append(slow_seconds)
    record(f"13 batch sizes x 16 rates x 8 seeds, d = 100, {name}", seconds)
    ratios = [slow / fast for fast, slow in zip(*seconds.values(), strict=True)]
    plain, compiled = np.concatenate(plain, axis=-1), np.concatenate(compiled, axis=-1)
    runs = plain.shape[-1]
    error = np.sqrt((plain.var(-1, ddof=1) + compiled.var(-1, ddof=1)) / runs)
    distance = (plain.mean(-1) - compiled.mean(-1)) / error
    print(
        f"{name}: NumPy {slow_seconds:.1f} s, compiled {fast_seconds:.2f} s (at first, with compilation,"
        f" {compiling:.0f} s), {statistics.median(ratios):.1f} times as fast;"
        f" {runs} seeds a cell, mean risks differ by"
        f" {np.sqrt(np.mean(distance**2)):.2f} standard errors (root mean square over {distance.size} cells)",
        flush=True,
    )


def exact_curve(rounds):
    """One exact risk curve against simulating it, compiled, until its end has a standard error of 1 %."""
    size, steps, runs = 8, 1000, 64
    rate = float(0.5 * ls.max_learning_rate(PROBLEM, size))

    def simulated(seed):
        arguments = (PROBLEM, START, rate, size, steps, runs)
        return np.asarray(simulate.sgd(*arguments, key=jax.random.key(seed)), dtype=np.float64)

    def exact():
        return ls.risk_curve(PROBLEM, START, rate, size, steps).risk

    simulated(0)
    exact()
    needed = []
    seconds = {"risk_curve": [], "compiled simulation to 1 % standard error, scaled": []}
    for seed in range(1, 2 * rounds + 2):
        risks, simulating = timed(simulated, seed)
        curve, computing = timed(exact)
        last = simulate.estimate(risks)
        relative = last.standard_error[-1] / last.mean[-1]
        needed.append(runs * (relative / 0.01) ** 2)
        seconds["risk_curve"].append(computing)
        seconds["compiled simulation to 1 % standard error, scaled"].append(simulating * needed[-1] / runs)
    record(f"risk of {steps:,} steps, d = 100, b = {size}, against compiled simulation", seconds)
    ratios = [slow / fast for fast, slow in zip(*seconds.values(), strict=True)]
    print(
        f"risk_curve, b = {size}, {steps} steps: {statistics.median(ratios):.0f} times as fast as a compiled"
        f" simulation to 1 % ({math.ceil(statistics.median(needed))} runs); the last one differs by"
        f" {abs(last.mean[-1] - curve[-1]) / last.standard_error[-1]:.1f} standard errors",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--brief", action="store_true", help="one round in place of three")
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    rounds = 1 if options.brief else 3
    exact_curve(rounds)
    figure("same depth, 10 steps", dict.fromkeys(SIZES, 10), rounds)
    figure("same work, 4,096 samples", {size: 4096 // size for size in SIZES}, rounds)
    save(options.json)
