"""The answers below the explorers' questions: every number in them is the library's."""

import functools
import math
import re

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib.least_squares.noisy_quadratic import race
from lecturelib.parallel import cost
from tests.marks import first_quick
from workshop import checkout

PAGES = checkout.root() / "site" / "explorers"
ISO = ls.gaussian([1.0] * 50, 0.1)
POWER = 1 / np.arange(1.0, 101)
WORDS = np.arange(1.0, 33) ** -1.5 / (np.arange(1.0, 33) ** -1.5).sum()
ANSWER = re.compile(
    r"^\d\. (.+?)<details><summary>Answer</summary>(.+?)</details>$", re.MULTILINE | re.DOTALL
)


def half(b):
    return ls.max_learning_rate(ISO, b) / 2


def variances(rate):
    one, ten = (ls.risk_curve(ISO, [1.0] * 50, rate, b, 200).variance[-1] for b in (1, 10))
    return one / ten


def work(b):
    return b * ls.depth(ls.gaussian(POWER), [1.0] * 100, 0.01, b).steps


def depth(noise, b):
    return ls.depth(ls.gaussian(POWER[:50], noise), [1.0] * 50, 0.01, b).steps


def left(problem, b, delay):
    return ls.max_learning_rate(problem, b, delay=delay) / ls.max_learning_rate(problem, b)


def uniform(d):
    return ls.one_hot([1 / d] * d)


@functools.cache  # thirteen proofs each
def steps(noise):
    problem = ls.gaussian([1.0] * 50, noise)
    return {2**k: ls.depth(problem, [1.0] * 50, 0.01, 2**k).steps for k in range(13)}


def fastest(machines, noise=0.0, alpha=1e-5, beta=4e-10):
    """Seconds and batch size on so many machines."""
    terms = {"seconds_per_example": 1e-4, "network": cost.Network(alpha, beta), "size": 10**6}
    return min((cost.time_to_target(t, b, machines, **terms), b) for b, t in steps(noise).items())


def crossover(machines=16):
    """Numbers in the gradient from which on the ring is faster than the tree."""
    network = cost.Network(1e-5, 4e-10)
    ring, tree = (lambda n, a=a: cost.all_reduce(a, machines, n).seconds(network) for a in ("ring", "tree"))
    return next(n for n in range(10_000, 10**6, 1000) if ring(n) < tree(n))


def who(name, octaves, b, noise=1.0, **momenta):
    """Steps of one of the winner map's three."""
    return race(octaves, b, noise, 0.02, **momenta)[name].steps


FACTS = [  # page, words of its answers, the numbers in them
    ("batch_and_rate", "falls {} times as fast", lambda: math.log(1 - half(32)) / math.log(1 - half(16))),
    ("batch_and_rate", "grew by {} only", lambda: half(32) / half(16)),
    ("batch_and_rate", "goes from {} to", lambda: ls.steady_risk(ISO, half(16), 16)),
    ("batch_and_rate", "to {}: hardly", lambda: ls.steady_risk(ISO, half(32), 32)),
    ("batch_and_rate", "At 0.03 it is {} times", lambda: variances(0.03)),
    ("batch_and_rate", "at 0.01 {} times", lambda: variances(0.01)),
    ("batch_and_rate", "at 0.001 {} times", lambda: variances(0.001)),
    ("batch_and_rate", "at b = 8 it is {} times", lambda: work(8) / work(1)),
    ("batch_and_rate", "at 4096 {} times", lambda: work(4096) / work(1)),
    ("batch_and_rate", "With noise {} steps", lambda: depth(1.0, 8)),
    ("batch_and_rate", "become {} at 64", lambda: depth(1.0, 64)),
    ("batch_and_rate", "without, {} become", lambda: depth(0.0, 8)),
    ("batch_and_rate", "become {}. Noise", lambda: depth(0.0, 64)),
    ("one_hot", "= {} are left", lambda: 32 * (31 / 32) ** 60),
    ("one_hot", "the risk is {} of", lambda: 0.5 * (31 / 32) ** 60),
    ("one_hot", "stable rate is {}. The", lambda: ls.max_learning_rate(uniform(32), 64)),
    ("one_hot", "that is {} of the 32", lambda: 32 * (31 / 32) ** (6 * 64)),
    ("one_hot", "is drawn {} % of the time and", lambda: 100 * WORDS[0]),
    ("one_hot", "allows a rate of {} at", lambda: ls.max_learning_rate(ls.one_hot(WORDS), 64)),
    ("one_hot", "the rarest is drawn {} %", lambda: 100 * WORDS[-1]),
    ("one_hot", "batch size is {}.", lambda: ls.critical_batch_size(ls.one_hot(WORDS))),
    ("delay", "delay of 16 leaves {} % of the rate, 2", lambda: 100 * left(uniform(1), 1, 16)),
    ("delay", "{} % of the rate is left", lambda: 100 * left(uniform(1024), 1, 64)),
    ("delay", "the bound leaves {} %", lambda: 100 / (1 + 6 * 64 / 1024 + 4 * 64**2 / 32)),
    ("delay", "%, {} times less", lambda: left(uniform(1024), 1, 64) * (1 + 6 * 64 / 1024 + 4 * 64**2 / 32)),
    ("delay", "delay of 16 leaves {} % of the rate, at", lambda: 100 * left(uniform(64), 1, 16)),
    ("delay", "at b = 64 {} %", lambda: 100 * left(uniform(64), 64, 16)),
    ("delay", "keep {} % at", lambda: 100 * left(ls.gaussian([1.0] * 64), 1, 32)),
    ("cluster", "Up: {} on 16", lambda: fastest(16)[1]),
    ("cluster", "machines, {} on 32", lambda: fastest(32)[1]),
    ("cluster", "fastest, {} times one", lambda: fastest(1)[0] / fastest(64)[0]),
    ("cluster", "which are {} times", lambda: fastest(1)[0] / fastest(512, 0.0, 1e-7, 1e-11)[0]),
    ("cluster", "waits for {} messages", lambda: cost.all_reduce("ring", 16, 100).messages),
    ("cluster", "the tree for {}.", lambda: cost.all_reduce("tree", 16, 100).messages),
    ("cluster", "with {} seconds instead", lambda: fastest(1, 1.0)[0]),
    ("cluster", "instead of {}, but", lambda: fastest(1)[0]),
    ("cluster", "machines take {} in both", lambda: fastest(32, 1.0)[0]),
    ("winner_map", "or down: {} steps", lambda: who("sign descent", 0, 4096)),
    ("winner_map", "SGD takes {} steps", lambda: who("SGD", 8, 4096)),
    ("winner_map", "steps, heavy ball {}, sign", lambda: who("heavy ball", 8, 4096)),
    ("winner_map", "sign descent {}.", lambda: who("sign descent", 8, 4096)),
    ("winner_map", "It takes {} steps, where", lambda: who("heavy ball", 6, 4096, momenta=[0.9])),
    ("winner_map", "momentum takes {} and", lambda: who("heavy ball", 6, 4096)),
    ("winner_map", "and SGD {}.", lambda: who("SGD", 6, 4096)),
    ("winner_map", "ball, with {} steps against", lambda: who("heavy ball", 2, 1)),
    ("winner_map", "against {}: where", lambda: who("SGD", 2, 1)),
    ("winner_map", "and {} % are", lambda: 100 * (1 - who("heavy ball", 2, 1) / who("SGD", 2, 1))),
    ("winner_map", "now take the {} steps of SGD", lambda: who("SGD", 6, 256, 16.0)),
    ("winner_map", "the {} steps of SGD that", lambda: who("SGD", 6, 16)),
]  # fmt: skip


@pytest.mark.parametrize("page", ["batch_and_rate", "one_hot", "delay", "cluster", "winner_map"])
def test_every_question_has_an_answer(page):
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8").split("## Try")[1]
    assert len(ANSWER.findall(text)) == len(re.findall(r"^\d\. ", text, re.MULTILINE)) >= 4


@first_quick(("page", "words", "number"), FACTS, ids=[words for _, words, _ in FACTS])
def test_a_number_of_an_answer(page, words, number):
    answers = " ".join(
        answer for _, answer in ANSWER.findall((PAGES / f"{page}.md").read_text(encoding="utf-8"))
    )
    found = re.findall(re.escape(words).replace(r"\{\}", r"([\d.]*\d)"), answers)
    assert len(found) == 1
    digits = len(found[0].partition(".")[2])
    assert f"{number():.{digits}f}" == found[0]


def test_the_ring_is_better_from_where_the_answer_says():
    assert 0.8e5 < crossover() < 1.2e5
