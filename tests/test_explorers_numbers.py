"""What an explorer shows in a real browser is what the library says, number by number.

`browser.find` says when these tests skip; `test_explorers_theory.py` compares the formulas more widely.
"""

import numpy as np
import pytest

from lecturelib import cost, explorers
from lecturelib import least_squares as ls
from lecturelib.explorers.tables import TABLES
from tests import browser
from tests.explorer_window import visit

RELATIVE = 1e-9


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorers")
    for name in TABLES:
        (folder / f"{name}.html").write_text(explorers.page(name), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile")) as window:
        yield window


def agree(found: dict, expected: dict) -> None:
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {
            "features": "onehot",
            "d": 30,
            "decay": 1,
            "noise": 0,
            "b": 64,
            "eta": 3.5,
            "t": 77,
            "target": 0.1,
        },
        {"d": 20, "decay": 0.5, "noise": 1, "b": 2, "eta": 0.05, "t": 200, "target": 0.05},
    ],
)
def test_batch_and_rate(setting, window, folder):
    default = {"features": "gaussian", "d": 50, "decay": 0, "noise": 0.1, "b": 16, "eta": 0.2, "t": 20}
    s = default | {"target": 0.01} | setting
    found = visit(window, folder, "batch_and_rate", **setting)
    values = np.arange(1, s["d"] + 1.0) ** -s["decay"]
    gaussian = s["features"] == "gaussian"
    problem = ls.gaussian(values, s["noise"]) if gaussian else ls.one_hot(values / values.sum(), s["noise"])
    start, largest = np.ones(s["d"]), ls.max_learning_rate(problem, s["b"])
    curve = ls.risk_curve(problem, start, s["eta"], s["b"], s["t"])
    single = ls.risk_curve(problem, start, s["eta"], 1, s["t"])
    depth = ls.depth(problem, start, s["target"], s["b"])
    expected = {
        "largest stable rate η_max(b)": largest,
        "critical batch size b̄": ls.critical_batch_size(problem),
        "bias after t steps": curve.bias[-1],
        "variance after t steps": curve.variance[-1],
        "excess risk after t steps": curve.risk[-1],
        "variance(1) / variance(b), same η": single.variance[-1] / curve.variance[-1],
        "work: gradients t b": s["t"] * s["b"],
        "steps to the target, best rate": depth.steps,
        "work to the target, best rate": depth.steps * s["b"],
    }
    assert s["eta"] < largest
    agree(found, expected | {"risk it settles at": ls.steady_risk(problem, s["eta"], s["b"])})


def test_one_hot(window, folder):
    found = visit(window, folder, "one_hot", d=16, decay=1, b=8, eta=3, t=12, seed=5)
    p = 1 / np.arange(1, 17)
    problem = ls.one_hot(p / p.sum())
    expected = ls.risk_curve(problem, np.ones(16), 3.0, 8, 12).risk[-1]
    agree(found, {"expected risk": expected, "largest stable rate": ls.max_learning_rate(problem, 8)})
    assert 0 < found["risk of this run"] != expected
    assert visit(window, folder, "one_hot", d=16, decay=1, b=8, eta=3, t=12, seed=5) == found  # same run
    other = visit(window, folder, "one_hot", d=16, decay=1, b=8, eta=3, t=12, seed=6)
    assert other["risk of this run"] != found["risk of this run"]


@pytest.mark.parametrize(("features", "d", "b", "delay"), [("onehot", 64, 1, 16), ("gaussian", 32, 4, 3)])
def test_delay(features, d, b, delay, window, folder):
    found = visit(window, folder, "delay", features=features, d=d, b=b, delay=delay, share=0.9)
    problem = ls.gaussian([1.0] * d) if features == "gaussian" else ls.one_hot([1 / d] * d)
    free, late = (ls.max_learning_rate(problem, b, delay=tau) for tau in (0, delay))
    expected = {
        "largest stable rate without delay": free,
        "largest stable rate with this delay": late,
        "your rate η": 0.9 * free,
        "the delay divides the rate by": free / late,
        "at this rate, SGD with old gradients": float(0.9 * free < late),
    }
    agree(found, expected)


@pytest.mark.parametrize(("machines", "b", "algorithm"), [(16, 64, "ring"), (64, 512, "tree")])
def test_cluster(machines, b, algorithm, window, folder):
    found = visit(window, folder, "cluster", machines=machines, b=b, algorithm=algorithm, alpha=2e-5)
    problem, sizes = ls.gaussian([1.0] * 50), [2**k for k in range(13)]
    depths = {size: ls.depth(problem, [1.0] * 50, 0.01, size).steps for size in sizes}
    terms = {
        "seconds_per_example": 1e-4,
        "network": cost.Network(alpha=2e-5, beta=4e-10),
        "size": 10**6,
        "algorithm": algorithm,
    }
    seconds = {size: cost.time_to_target(depths[size], size, machines, **terms) for size in sizes}
    alone = min(cost.time_to_target(depths[size], size, 1, **terms) for size in sizes)
    best = min(sizes, key=seconds.get)
    expected = {
        "steps to the target": depths[b],
        "seconds to the target": seconds[b],
        "best batch size for these machines": best,
        "seconds at the best batch size": seconds[best],
        "times faster than one machine at its best": alone / seconds[best],
    }
    agree(found, expected)
