"""The explorers' theory in JavaScript equals the library's, to 1e-9 relative, on random problems.

Chromium runs the very module that the pages carry; `browser.find` says when these tests skip.
"""

import json
import math
import sys

import numpy as np
import pytest

from lecturelib import least_squares as ls
from lecturelib.hogwild.delayed_risk import delayed_risk
from lecturelib.parallel import cost
from tests.agree import agree
from workshop.site import explorers

SOURCE = (explorers.FOLDER / "theory.js").read_text(encoding="utf-8")
RUN = (explorers.FOLDER / "one_hot_run.js").read_text(encoding="utf-8")
RELATIVE = 1e-9
PROGRAM = """
const [source, text, done] = arguments;
const special = (x) => x === "inf" ? Infinity : x;
const written = (x) => JSON.stringify(x, (_, v) => v === Infinity ? "inf" : Number.isNaN(v) ? "nan" : v);
const answer = (theory) => written(JSON.parse(text).map(({ kind, values, noise, name, args }) => {
  const first = kind ? [theory[kind](values, noise)] : [];
  try { return theory[name](...first, ...args.map(special)); }
  catch (error) { return { error: error.message }; }
}));
const module = "data:text/javascript," + encodeURIComponent(source);
import(module).then(answer).then(done, (error) => done("!" + error));
"""
WINDOW = []


@pytest.fixture(scope="module", autouse=True)
def engine(both):
    """The browser that runs the very module that the pages carry."""
    both["light"].get("about:blank")
    WINDOW.append(both["light"])
    yield
    WINDOW.clear()


def javascript(calls: list[dict], source: str | None = None) -> list:
    """What functions of theory.js return; a call: {kind, values, noise: of the problem; name, args}."""
    text = json.dumps(calls).replace("Infinity", '"inf"')
    answer = WINDOW[0].execute_async_script(PROGRAM, source or SOURCE, text)
    assert not answer.startswith("!"), answer
    return json.loads(answer)


def numbers(x) -> np.ndarray:
    return np.array(x, dtype=float)  # takes "inf" and "nan" too


def random_problem(rng):
    """A problem of the library and what tells JavaScript the same; equal eigenvalues and zeros included."""
    d = int(rng.integers(1, 9))
    values = rng.choice([rng.uniform(0.05, 2, d), np.ones(d), 1 / np.arange(1, d + 1)])
    if d > 2 and rng.random() < 0.3:
        values[rng.integers(1, d)] = 0.0
    noise = float(rng.choice([0.0, 0.3, 2.0]))
    if rng.random() < 0.5:
        values = values / values.sum()
        return ls.one_hot(values, noise), {"kind": "oneHot", "values": values.tolist(), "noise": noise}
    return ls.gaussian(values, noise), {"kind": "gaussian", "values": values.tolist(), "noise": noise}


def random_cases(seed: int, count: int):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        problem, told = random_problem(rng)
        b = float(rng.choice([1, 2, 7, 64, 1000, math.inf]))
        start = rng.normal(size=problem.dimension) * (rng.random(problem.dimension) < 0.9)
        start[0] = 1.0
        yield rng, problem, told, b, start


def compare(name: str, cases, of_library, least: int):
    """Call a function for every (problem, told, args): all agree, and `least` are finite and not zero."""
    cases = list(cases)
    found = javascript([told | {"name": name, "args": args} for _, told, args in cases])
    expected = [numbers(of_library(problem, *args)) for problem, _, args in cases]
    assert sum(bool((np.isfinite(e) & (e != 0)).any()) for e in expected) >= least
    for ours, theirs in zip(found, expected, strict=True):
        agree(numbers(ours), theirs, relative=RELATIVE)


def rate_cases(count=150, delays=(0,), seed=1):
    for rng, problem, told, b, _ in random_cases(seed, count):
        yield problem, told, [b, int(rng.choice(delays))]


def test_largest_rate():
    compare("maxLearningRate", rate_cases(), ls.max_learning_rate, least=150)


def test_largest_rate_with_delay():
    compare("maxLearningRate", rate_cases(delays=(1, 2, 8, 33), seed=2), ls.max_learning_rate, least=150)


def test_critical_batch_size():
    compare("criticalBatchSize", ((p, t, []) for p, t, _ in rate_cases()), ls.critical_batch_size, least=150)


def test_risk_curve():
    cases = []
    for rng, problem, told, b, start in random_cases(3, 60):
        rate = float(rng.uniform(0.05, 1.05)) * ls.max_learning_rate(problem, b)
        cases.append((problem, told, [start.tolist(), rate, b, 40]))
    found = javascript([told | {"name": "riskCurve", "args": args} for _, told, args in cases])
    for (problem, _, args), curve in zip(cases, found, strict=True):
        exact = ls.risk_curve(problem, *args)
        for name in ("bias", "variance"):
            agree(numbers(curve[name]), getattr(exact, name), relative=RELATIVE)


def test_steady_risk():
    def cases():
        for rng, problem, told, b, _ in random_cases(4, 100):
            yield problem, told, [float(rng.uniform(0.01, 0.99)) * ls.max_learning_rate(problem, b), b]

    compare("steadyRisk", cases(), ls.steady_risk, least=30)


def test_delayed_risk():
    def cases():
        for rng, problem, told, b, start in random_cases(5, 40):
            delay = int(rng.choice([0, 1, 5]))
            rate = float(rng.uniform(0.1, 1.1)) * ls.max_learning_rate(problem, b, delay)
            yield problem, told, [start.tolist(), rate, b, 30, delay]

    compare("delayedRisk", cases(), lambda p, s, r, b, t, k: delayed_risk(p, s, r, b, t, delay=k), least=40)


@pytest.mark.long
def test_depth_is_the_proven_one():
    """The page searches, the library proves: the same steps, and the page's rate gets there."""
    cases = []
    for rng, problem, told, b, start in random_cases(6, 40):
        start = np.where(start == 0, 1.0, start)
        target = float(rng.choice([0.3, 0.1, 0.01]))
        cases.append((problem, told, [start.tolist(), target, b]))
    for kind, values in (
        ("gaussian", np.ones(50)),
        ("oneHot", np.ones(64) / 64),
        ("gaussian", 1 / np.arange(1, 11)),
    ):
        for b in (1, 8, 64, 512):
            for noise in (0.0, 1.0):
                told = {"kind": kind, "values": values.tolist(), "noise": noise}
                problem = (ls.gaussian if kind == "gaussian" else ls.one_hot)(values, noise)
                cases.append((problem, told, [[1.0] * len(values), 0.01, b]))
    found = javascript([told | {"name": "depth", "args": args} for _, told, args in cases])
    for (problem, told, args), ours in zip(cases, found, strict=True):
        start, target, b = args
        assert ours["steps"] == ls.depth(problem, start, target, b).steps, (told, args)
        reached = ls.risk_curve(problem, start, ours["rate"], b, ours["steps"]).risk
        assert reached[-1] <= target * reached[0] * (1 + RELATIVE)


def test_cost_of_a_cluster():
    rng = np.random.default_rng(7)
    network = cost.Network(alpha=3e-5, beta=7e-10)
    terms = {"secondsPerExample": 2e-4, "alpha": network.alpha, "beta": network.beta, "size": 12345}
    calls, expected = [], []
    for algorithm in cost.ALGORITHMS:
        for machines in (1, 2, 8, 64, *(() if algorithm == "halving-doubling" else (3, 100))):
            b = int(rng.integers(1, 500))
            calls.append({"name": "stepSeconds", "args": [b, machines, terms | {"algorithm": algorithm}]})
            seconds = {"seconds_per_example": 2e-4, "network": network, "size": 12345, "algorithm": algorithm}
            expected.append(cost.step_seconds(b, machines, **seconds))
    found = [step["compute"] + step["communicate"] for step in javascript(calls)]
    agree(found, expected, relative=RELATIVE)


@pytest.mark.parametrize("b", [1, 12])
def test_runs_of_the_one_hot_example_have_the_expected_risk(b):
    p, steps, runs = np.array([0.5, 0.3, 0.15, 0.05]), 6, 4000
    setting = {"probabilities": p.tolist(), "rate": 0.8, "b": b, "steps": steps, "update": "mean"}
    calls = [{"name": "oneRun", "args": [setting | {"seed": seed}]} for seed in range(runs)]
    risks = np.array([run["risks"] for run in javascript(calls, RUN)])
    exact = ls.risk_curve(ls.one_hot(p), np.ones(4), 0.8, b, steps).risk
    error = risks.std(axis=0, ddof=1) / np.sqrt(runs)
    assert error[-1] > 0
    agree(risks.mean(axis=0), exact, standard_error=error)
    with pytest.raises(AssertionError):
        agree(risks.mean(axis=0), 1.1 * exact, standard_error=error)


def test_each_coordinate_of_a_run_goes_by_its_hits():
    setting = {"probabilities": [0.25] * 4, "rate": 0.6, "b": 8, "steps": 1, "seed": 3}
    mean, once = javascript(
        [{"name": "oneRun", "args": [setting | {"update": u}]} for u in ("mean", "once")], RUN
    )
    hits = np.array(mean["hits"])
    assert hits.sum() == 8
    assert once["hits"] == mean["hits"]
    agree(mean["errors"], 1 - 0.6 * hits / 8, relative=RELATIVE)
    assert once["errors"] == [0.0 if n else 1.0 for n in hits]


def test_the_best_rate_of_the_one_hot_example():
    for p, b in (([0.25] * 4, 3), ([0.7, 0.2, 0.1], 1), ([0.7, 0.2, 0.1], 50)):
        (rate,) = javascript([{"name": "bestRate", "args": [p, b]}], RUN)
        q = np.array(p)

        def slowest(rate, q=q, b=b):
            return np.max(1 - 2 * rate * q + rate**2 * (q / b + (1 - 1 / b) * q**2))

        assert all(slowest(rate) <= slowest(rate * f) for f in (0.99, 0.999, 1.001, 1.01))


def test_bad_input_is_refused_with_its_value():
    told = {"kind": "gaussian", "values": [1.0], "noise": 0.0}
    calls = [
        (told | {"name": "maxLearningRate", "args": [1.5]}, "batch size = 1.5"),
        (told | {"name": "maxLearningRate", "args": [1, -1]}, "delay = -1"),
        (told | {"name": "riskCurve", "args": [[1.0], -1, 1, 3]}, "learning rate = -1"),
        (told | {"name": "depth", "args": [[1.0], 2, 1]}, "target = 2"),
        ({"name": "oneHot", "args": [[0.5, 0.4]]}, "= 0.9 is refused"),
        ({"name": "gaussian", "args": [[-1]]}, "eigenvalues = -1"),
        ({"name": "allReduce", "args": ["star", 4, 1]}, "algorithm = star"),
    ]
    for (_, message), answer in zip(calls, javascript([call for call, _ in calls]), strict=True):
        assert message in answer["error"]


@pytest.mark.parametrize(
    ("right", "wrong", "test"),
    [
        ("(l) => 2 * l * l, 1)", "(l) => l * l, 1)", test_largest_rate),  # Gaussian without Isserlis' 2
        ("2 * delay - 1", "2 * delay + 1", test_largest_rate_with_delay),
        ("problem.coupling * spread", "0 * spread", test_steady_risk),
        ("rate * rate / b;", "rate * rate;", test_risk_curve),
    ],
)
def test_a_wrong_formula_is_found(right, wrong, test, monkeypatch):
    assert SOURCE.count(right) == 1
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", SOURCE.replace(right, wrong))
    with pytest.raises(AssertionError):
        test()
