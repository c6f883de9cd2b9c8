"""What an explorer shows where JavaScript is off: a table of the library's numbers at its usual setting."""

import functools
import math
from collections.abc import Callable

from lecturelib import least_squares as ls
from lecturelib.claims import number
from lecturelib.least_squares.noisy_quadratic import race, winner
from lecturelib.parallel import cost

Table = tuple[str, list[tuple[str, ...]]]  # caption; rows, the header first


@functools.cache
def isotropic_steps(batch_size: int) -> int:
    """Fewest steps to 0.01 of the first risk on 50 equal directions without noise; four tables need them."""
    return ls.depth(ls.gaussian([1.0] * 50), [1.0] * 50, 0.01, batch_size).steps


def batch_and_rate() -> Table:
    """Batch sizes at the usual setting of the first explorer."""
    d, rate, steps, target = 50, 0.2, 20, 0.01
    problem, start = ls.gaussian([1.0] * d, 0.1), [1.0] * d
    rows: list[tuple[str, ...]] = [
        ("b", "largest stable rate", "bias", "variance", "settles at", "steps to target", "work to target")
    ]
    for b in (1, 4, 16, 64, 256, 1024):
        largest, curve = ls.max_learning_rate(problem, b), ls.risk_curve(problem, start, rate, b, steps)
        depth = ls.depth(problem, start, target, b).steps
        settles = number(ls.steady_risk(problem, rate, b)) if rate < largest else "never"
        ends = number(curve.bias[-1]), number(curve.variance[-1])
        rows.append((number(b), number(largest), *ends, settles, number(depth), number(b * depth)))
    caption = (
        f"Gaussian features, {d} equal eigenvalues 1, noise variance 0.1, learning rate {rate}; bias and"
        " variance after"
        f" {steps} steps; target: {target} of the first risk at the best rate. Critical batch size"
        f" {number(ls.critical_batch_size(problem))}."
    )
    return caption, rows


def one_hot() -> Table:
    """Batch sizes at the usual setting of the second explorer."""
    d, steps = 32, 3
    problem, start = ls.one_hot([1 / d] * d), [1.0] * d
    rows: list[tuple[str, ...]] = [
        ("b", "largest stable rate", "best rate", "distinct coordinates hit", "risk at the best rate")
    ]
    for b in (1, 4, 16, 64, 256):
        best = b * d / (d + b - 1)
        risk = ls.risk_curve(problem, start, best, b, steps).risk[-1]
        hit = d * (1 - (1 - 1 / d) ** b)
        rows.append(tuple(map(number, (b, ls.max_learning_rate(problem, b), best, hit, risk))))
    return f"{d} coordinates drawn equally often, risk after {steps} steps; it starts at 0.5.", rows


def delay() -> Table:
    """Delays at the usual setting of the third explorer."""
    sparse, dense = ls.one_hot([1 / 64] * 64), ls.gaussian([1.0] * 64)
    rows: list[tuple[str, ...]] = [
        ("delay", "one-hot: largest rate", "share left", "the paper's bound leaves", "Gaussian: share left")
    ]
    for tau in (0, 1, 2, 4, 8, 16, 32, 64):
        rate = ls.max_learning_rate(sparse, 1, delay=tau)
        left = [ls.max_learning_rate(p, 1, delay=tau) / ls.max_learning_rate(p, 1) for p in (sparse, dense)]
        paper = 1 / (1 + 6 * tau / 64 + 4 * tau**2 / math.sqrt(64))
        rows.append(tuple(map(number, (tau, rate, left[0], paper, left[1]))))
    return "64 dimensions, single examples; delay: updates between reading the weights and writing.", rows


def cluster() -> Table:
    """Numbers of machines at the usual setting of the fourth explorer."""
    sizes = [2**k for k in range(13)]
    depths = {b: isotropic_steps(b) for b in sizes}
    network = cost.Network(alpha=1e-5, beta=4e-10)
    step = {"seconds_per_example": 1e-4, "network": network, "size": 10**6}
    rows: list[tuple[str, ...]] = [
        ("machines", "best batch size", "seconds to target", "communicating", "times faster")
    ]
    alone = min(cost.time_to_target(depths[b], b, 1, **step) for b in sizes)
    for k in (1, 4, 16, 64, 256, 1024):
        seconds, best = min((cost.time_to_target(depths[b], b, k, **step), b) for b in sizes)
        sending = depths[best] * cost.all_reduce("ring", k, 10**6).seconds(network) / seconds
        share = f"{number(100 * sending, digits=2)} %"
        rows.append((number(k), number(best), number(seconds), share, number(alone / seconds)))
    caption = (
        "50 equal eigenvalues, no noise, to 0.01 of the first risk; ring all-reduce of a million numbers,"
        " 0.1 ms an"
        " example, 10 µs a message, 0.4 ns a number."
    )
    return caption, rows


def winner_map() -> Table:
    """Batch sizes at the usual setting of the fifth explorer."""
    rows: list[tuple[str, ...]] = [("b", "SGD", "heavy ball", "its momentum", "sign descent", "winner")]
    for b in (1, 4, 16, 64, 256, 1024, 4096):
        found = race(6, b, 1.0, 0.02)
        sgd, ball, sign = found.values()
        steps = [number(one.steps) if one.steps < math.inf else "over 500" for one in (sgd, ball, sign)]
        beta = f"{ball.momentum:g}" if ball.steps < math.inf else "-"
        rows.append((number(b), *steps[:2], beta, steps[2], winner(found) or "nobody"))
    caption = (
        "Noisy quadratic of condition number 64 with label noise 1: fewest steps to 0.02 of the first risk,"
        " each at its best rate; a later method wins by more than 5 % only."
    )
    return caption, rows


TABLES: dict[str, Callable[[], Table]] = {
    one.__name__: functools.cache(one) for one in (batch_and_rate, one_hot, delay, cluster, winner_map)
}
