"""Predict, then look: questions to answer before the figure, with the truth from the exact theory.

A curve to draw is given by its first points, an answer to pick by its rivals. `predict.js` shows them.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lecturelib import least_squares as ls
from lecturelib.claims import number
from lecturelib.least_squares.noisy_quadratic import race
from lecturelib.parallel import cost
from workshop.site.explorer_tables import isotropic_steps

SIZES = [2**k for k in range(11)]


@dataclass(frozen=True)
class Curve:
    """A curve to draw: `truth` at each `x`, of which the first `given` points are shown beforehand.

    domain: lowest and highest value of the y axis, which must hold the tempting wrong curves too.
    """

    question: str
    xLabel: str
    yLabel: str
    x: Sequence[float]
    truth: Sequence[float]
    explanation: str
    domain: tuple[float, float]
    logX: bool = True
    logY: bool = True
    given: int = 1

    def rows(self) -> list[tuple[str, ...]]:
        """The truth as a table, header first."""
        body = [(number(x), number(y)) for x, y in zip(self.x, self.truth, strict=True)]
        return [(self.xLabel, self.yLabel), *body]


@dataclass(frozen=True)
class Choice:
    """An answer to pick: the `right`-th of `answers`, counted from 0."""

    question: str
    answers: list[str]
    right: int
    explanation: str

    def rows(self) -> list[tuple[str, ...]]:
        """The right answer as a table, header first."""
        return [("answer",), (self.answers[self.right],)]


def _isotropic(noise: float = 0.0) -> ls.Gaussian:
    return ls.gaussian([1.0] * 50, noise)


def depth() -> Curve:
    """Steps to the target against the batch size, without noise."""
    truth = [isotropic_steps(b) for b in SIZES]
    return Curve(
        f"Without label noise, SGD on 50 equal directions needs {truth[0]} steps of one example to 1 % of "
        "its first risk. How many steps with batches of b, each at its best rate?",
        "batch size b",
        "steps",
        SIZES,
        truth,
        "Depth falls in proportion to 1/b only up to the critical batch size, "
        f"{number(ls.critical_batch_size(_isotropic()))}; then it falls more and more slowly.",
        (0.2, 500),
    )


def noisy_depth() -> Curve:
    """The same with label noise: the knee moves."""
    problem = ls.one_hot([1 / 64] * 64, 1.0)
    truth = [ls.depth(problem, [1.0] * 64, 0.01, b).steps for b in SIZES]
    return Curve(
        f"64 one-hot coordinates have a critical batch size of {number(ls.critical_batch_size(problem))}. "
        f"With label noise of variance 1 they need {number(truth[0])} steps of one example to 1 % of the "
        "first risk. Where does depth stop falling?",
        "batch size b",
        "steps",
        SIZES,
        truth,
        f"Not here: at b = {SIZES[-1]} it is still {number(truth[0] / (SIZES[-1] * truth[-1]), digits=2)} of "
        "perfect. Noise must be averaged away, and a large batch does that as well as many steps.",
        (1, 30_000),
    )


def efficiency() -> Curve:
    """Share of the work that is useful, against the batch size."""
    depths = [isotropic_steps(b) for b in SIZES]
    truth = [depths[0] / (b * steps) for b, steps in zip(SIZES, depths, strict=True)]
    near = SIZES.index(64)
    return Curve(
        "Work is steps times batch size. For 50 equal directions without noise, how much of it is useful, "
        "work(1) / work(b)?",
        "batch size b",
        "efficiency",
        SIZES,
        truth,
        f"Near the critical batch size, at b = {SIZES[near]}, {number(100 * truth[near], digits=2)} % is "
        f"useful; at b = 8 it is {number(100 * truth[3], digits=2)} %, at b = {SIZES[-1]} "
        f"{number(100 * truth[-1], digits=2)} %.",
        (0.0, 1.05),
        logY=False,
    )


def largest_rate() -> Curve:
    """Largest stable learning rate against the batch size."""
    problem = _isotropic()
    truth = ls.max_learning_rate(problem, SIZES).tolist()
    return Curve(
        f"The largest stable learning rate for single examples in 50 equal directions is {number(truth[0])}. "
        "What is it for batches of b?",
        "batch size b",
        "largest rate η",
        SIZES,
        truth,
        "It rises in proportion to b, then saturates at 2 / λ, gradient descent's limit; the corner is at b "
        f"= {number(ls.critical_batch_size(problem))}.",
        (0.02, 60),
    )


def variance_ratio() -> Curve:
    """Variance of single examples over that of batches of ten, against the rate."""
    problem = _isotropic(1.0)
    rates = [0.001, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035]
    truth = [ls.steady_risk(problem, rate, 1) / ls.steady_risk(problem, rate, 10) for rate in rates]
    return Curve(
        "The slide: the variance with batches of 10 is always 10 times lower. At which rates is that so, in "
        "the end?",
        "learning rate η",
        "variance(1) / variance(10)",
        rates,
        truth,
        "Ten times is the least. Near the largest rate of single examples, "
        f"{number(ls.max_learning_rate(problem, 1))}, their variance explodes and the ratio with it.",
        (1, 300),
        logX=False,
    )


def hogwild_rate() -> Curve:
    """Share of the largest rate that a delay leaves."""
    problem, delays = ls.one_hot([1 / 64] * 64), [0, 1, 2, 4, 8, 16, 24, 32, 48, 64]
    rates = np.array([ls.max_learning_rate(problem, 1, delay=delay) for delay in delays])
    dense = ls.max_learning_rate(ls.one_hot([1.0]), 1, delay=16) / ls.max_learning_rate(ls.one_hot([1.0]), 1)
    return Curve(
        "Hogwild: gradients are τ updates old. On 64 one-hot coordinates, what share of the largest rate is "
        "left?",
        "delay τ",
        "share of the rate left",
        delays,
        (rates / rates[0]).tolist(),
        "An old gradient only hurts if its coordinate moved meanwhile, which on sparse data is rare. On "
        f"dense data a delay of 16 leaves {number(100 * dense, digits=2)} %.",
        (0.0, 1.05),
        logX=False,
        logY=False,
    )


def cluster() -> Curve:
    """How many times faster more machines are."""
    depths = {b: isotropic_steps(b) for b in SIZES}
    network = cost.Network(alpha=1e-5, beta=4e-10)
    step = {"seconds_per_example": 1e-4, "network": network, "size": 10**6}
    fastest = [min(cost.time_to_target(depths[b], b, k, **step) for b in SIZES) for k in SIZES]
    gains = [fastest[0] / seconds for seconds in fastest]
    most = max(gains)
    return Curve(
        "Ring all-reduce, a million parameters, 0.1 ms an example, the best batch size each time: how many "
        "times faster than one machine are K?",
        "machines K",
        "times faster",
        SIZES,
        gains,
        f"Never more than {number(most)} times, with {SIZES[gains.index(most)]} machines: depth stops "
        "falling, and a ring of more machines only takes longer to sum up.",
        (0.05, 1024),
    )


def distinct() -> Choice:
    """How many coordinates a batch hits."""
    d = 64
    seen = d * (1 - (1 - 1 / d) ** d)
    return Choice(
        f"A batch of {d} examples draws each of {d} coordinates with the same chance. How many different "
        "ones does it hit, on average?",
        [f"all {d}", f"about {round(seen)}", f"about {d // 2}", f"about {d // 4}"],
        1,
        f"d (1 − (1 − 1/d)^b) = {number(seen, digits=4)}: the rest of the batch hits what was hit already, "
        "and that is the work a large batch wastes.",
    )


def one_hot_scaling() -> Choice:
    """What a rate scaled linearly with the batch does to one-hot coordinates."""
    problem, b = ls.one_hot([1 / 64] * 64), 128
    curve = ls.risk_curve(problem, [1.0] * 64, b, b, 1).risk
    return Choice(
        f"64 one-hot coordinates, batches of b = {b}, and the rate scaled linearly, η = b. What does the "
        "expected risk do?",
        [
            "it falls, as fast as for b = 1 in the same work",
            "it falls, but more slowly",
            "it settles",
            "it grows",
        ],
        3,
        f"Each step multiplies it by {number(curve[1] / curve[0])}: the largest stable rate is "
        f"{number(ls.max_learning_rate(problem, b))}. And yet every single run ends at exactly zero: see the "
        "explorer.",
    )


def winner_without_noise() -> Choice:
    """Who is fastest where hardly any noise is left."""
    found = {name: one.steps for name, one in race(8, 4096, 1.0, 0.02).items()}
    return Choice(
        "A noisy quadratic of condition number 256, batches so large that hardly any noise is left, each "
        "method at its best rate. Which needs the fewest steps to 2 % of the first risk?",
        list(found),
        list(found).index("sign descent"),
        f"{number(found['sign descent'])} steps, heavy ball at its best momentum "
        f"{number(found['heavy ball'])}, SGD {number(found['SGD'])}: a sign moves flat directions as fast as "
        "steep ones.",
    )


_ALL: tuple[Callable[[], Curve | Choice], ...] = (
    depth, noisy_depth, efficiency, largest_rate, variance_ratio, hogwild_rate, cluster, distinct,
    one_hot_scaling, winner_without_noise,
)  # fmt: skip
PREDICTIONS: dict[str, Callable[[], Curve | Choice]] = {one.__name__: functools.cache(one) for one in _ALL}


def data(name: str) -> dict:
    """One prediction as the dictionary that predict.js reads.

    Raises:
        ValueError: no prediction of that name.

    >>> data("largest_rate")["truth"][0]
    0.038461538461538464
    """
    if name not in PREDICTIONS:
        raise ValueError(f"no prediction {name!r}; there are {', '.join(PREDICTIONS)}")
    return asdict(PREDICTIONS[name]())
