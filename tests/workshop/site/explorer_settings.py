"""Settings of the explorers: random ones, and what the library says of each of them, number by number."""

import functools
import math

import numpy as np

from lecturelib import least_squares as ls
from lecturelib.least_squares import noisy_quadratic
from lecturelib.parallel import cost

STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
DELAYS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]


def between(rng, low: float, high: float) -> float:
    """A number of three digits, in equal ratios as the sliders have them."""
    return float(f"{low * (high / low) ** rng.random():.3g}")


class BatchAndRate:
    @staticmethod
    def draw(rng) -> dict:
        return {
            "features": rng.choice(["gaussian", "onehot"]),
            "d": rng.choice([1, 2, 5, 10, 20, 30, 50, 64, 100]),
            "decay": rng.choice([0, 0.25, 0.5, 0.75, 1, 1.5, 2]),
            "noise": rng.choice([0, between(rng, 0.001, 10)]),
            "b": rng.choice([*(2**k for k in range(13)), math.inf]),
            "eta": between(rng, 0.0001, 200),
            "t": rng.choice(STEPS),
            "target": rng.choice([0.5, 0.2, 0.1]),  # lower ones take minutes to prove
        }

    @staticmethod
    def expected(s: dict, found: dict) -> dict:
        values = np.arange(1, s["d"] + 1.0) ** -s["decay"]
        gaussian = s["features"] == "gaussian"
        problem = (
            ls.gaussian(values, s["noise"]) if gaussian else ls.one_hot(values / values.sum(), s["noise"])
        )
        start, b = np.ones(s["d"]), float(s["b"])
        largest, alone = ls.max_learning_rate(problem, b), s["eta"] < ls.max_learning_rate(problem, 1)
        curve, single = (ls.risk_curve(problem, start, s["eta"], size, s["t"]) for size in (b, 1))
        ratio = single.variance[-1] / curve.variance[-1] if curve.variance[-1] and alone else math.inf
        steps = found["steps to the target, best rate"]
        if math.isfinite(steps):
            assert steps == ls.depth(problem, start, s["target"], b).steps
        return {
            "largest stable rate η_max(b)": largest,
            "critical batch size b̄": ls.critical_batch_size(problem),
            "bias after t steps": curve.bias[-1],
            "variance after t steps": curve.variance[-1],
            "excess risk after t steps": curve.risk[-1],
            "variance(1) / variance(b), same η": ratio,
            "work: gradients t b": s["t"] * b,
            "risk it settles at": ls.steady_risk(problem, s["eta"], b) if s["eta"] < largest else math.inf,
            "work to the target, best rate": steps * b,
        }


class OneHot:
    @staticmethod
    def draw(rng) -> dict:
        return {
            "d": rng.choice([2, 4, 8, 16, 32, 64]),
            "decay": rng.choice([0, 0.5, 1, 1.5, 2]),
            "b": 2 ** rng.integers(10),
            "eta": between(rng, 0.1, 512),
            "update": rng.choice(["mean", "once"]),
            "t": rng.integers(201),
            "seed": rng.integers(100),
        }

    @staticmethod
    def expected(s: dict, found: dict) -> dict:
        p = np.arange(1.0, s["d"] + 1) ** -s["decay"]
        problem, t = ls.one_hot(p / p.sum()), s["t"]
        start, low, high, b = np.ones(s["d"]), p.min() / p.sum(), p.max() / p.sum(), int(s["b"])
        best = (
            b / (1 + (b - 1) * low) if (b - 1) * (high - low) <= 1 else 2 * b / (1 + (b - 1) * (low + high))
        )
        mean = ls.risk_curve(problem, start, s["eta"], b, t).risk[-1]
        once = (p / p.sum() * (1 - p / p.sum()) ** (b * t)).sum() / 2
        assert 0 <= found["coordinates hit by the last batch"] <= min(s["d"], b)
        return {
            "largest stable rate": ls.max_learning_rate(problem, b),
            "best rate": best,
            "examples read, t b": t * b,
            "expected risk": once if s["update"] == "once" else mean,
        }


class Delay:
    @staticmethod
    def draw(rng) -> dict:
        return {
            "features": rng.choice(["gaussian", "onehot"]),
            "d": 2 ** rng.integers(11),
            "b": rng.choice([*(2**k for k in range(11)), math.inf]),
            "delay": rng.choice(DELAYS),
            "share": between(rng, 0.01, 1.2),
            "noise": rng.choice([0, between(rng, 0.001, 10)]),
        }

    @staticmethod
    def expected(s: dict, found: dict) -> dict:
        d, b = int(s["d"]), float(s["b"])
        problem = ls.gaussian([1.0] * d) if s["features"] == "gaussian" else ls.one_hot([1 / d] * d)
        free, late = (ls.max_learning_rate(problem, b, delay=int(tau)) for tau in (0, s["delay"]))
        return {
            "largest stable rate without delay": free,
            "largest stable rate with this delay": late,
            "your rate η": s["share"] * free,
            "the delay divides the rate by": free / late,
            "budget used, x = τ λ η_max(b)": s["delay"] * problem.eigenvalues.max() * free,
            "at this rate, SGD with old gradients": float(s["share"] * free < late),
        }


class Cluster:
    @staticmethod
    @functools.cache  # a proof each, of a dozen in all
    def depths(name: str, noise: float, target: float) -> dict[int, int]:
        eigenvalues = [1 / (i + 1) if name == "power" else 1.0 for i in range(50)]
        problem = ls.one_hot([1 / 64] * 64, noise) if name == "onehot" else ls.gaussian(eigenvalues, noise)
        start = [1.0] * problem.dimension
        return {2**k: ls.depth(problem, start, target, 2**k).steps for k in range(13)}

    @staticmethod
    def draw(rng) -> dict:
        return {
            "problem": rng.choice(["isotropic", "power", "onehot"]),
            "noise": rng.choice([0, 0.01]),
            "target": rng.choice([0.1, 0.05]),
            "machines": 2 ** rng.integers(11),
            "b": 2 ** rng.integers(13),
            "algorithm": rng.choice(["ring", "tree", "halving-doubling"]),
            "example": between(rng, 1e-7, 0.1),
            "alpha": between(rng, 1e-7, 0.01),
            "beta": between(rng, 1e-11, 1e-6),
            "size": between(rng, 100, 1e10),
        }

    @staticmethod
    def expected(s: dict, found: dict) -> dict:
        depths = Cluster.depths(s["problem"], s["noise"], s["target"])
        terms = {
            "seconds_per_example": s["example"],
            "network": cost.Network(alpha=s["alpha"], beta=s["beta"]),
            "size": s["size"],
            "algorithm": s["algorithm"],
        }
        seconds = {b: cost.time_to_target(depths[b], b, int(s["machines"]), **terms) for b in depths}
        alone = min(cost.time_to_target(depths[b], b, 1, **terms) for b in depths)
        best = min(depths, key=seconds.get)
        return {
            "steps to the target": depths[s["b"]],
            "seconds to the target": seconds[s["b"]],
            "best batch size for these machines": best,
            "seconds at the best batch size": seconds[best],
            "times faster than one machine at its best": alone / seconds[best],
        }


class WinnerMap:
    BATCHES, OCTAVES = [2**k for k in range(13)], range(9)

    @staticmethod
    def draw(rng) -> dict:
        return {
            "b": 2 ** rng.integers(13),
            "kappa": 2 ** rng.integers(9),
            "noise": 4.0 ** rng.integers(-3, 3),
            "target": rng.choice([0.2, 0.1, 0.05, 0.02, 0.01, 0.005]),
            "momenta": rng.choice(["tuned", "habit"]),
            "lead": rng.choice([0, 0.05, 0.1, 0.2]),
        }

    @staticmethod
    def cells(s: dict) -> list[dict[str, noisy_quadratic.Arrival]]:
        """Row by row, from condition number 1 up, and in a row from b = 1 up."""
        momenta = noisy_quadratic.MOMENTA if s["momenta"] == "tuned" else [0.9]
        terms = float(s["noise"]), float(s["target"])
        return [
            noisy_quadratic.race(octaves, b, *terms, momenta=momenta)
            for octaves in WinnerMap.OCTAVES
            for b in WinnerMap.BATCHES
        ]

    @staticmethod
    def expected(s: dict, found: dict) -> dict:
        cells = WinnerMap.cells(s)
        here = cells[int(math.log2(s["kappa"])) * 13 + int(math.log2(s["b"]))]
        winners = [noisy_quadratic.winner(cell, float(s["lead"])) for cell in cells]
        own, beta = noisy_quadratic.winner(here, float(s["lead"])), here["heavy ball"].momentum
        return {
            **{f"steps of {name}": one.steps for name, one in here.items()},
            "momentum that heavy ball takes": math.inf if math.isnan(beta) else beta,
            "winner in this cell": -1 if own is None else list(here).index(own),
            **{f"cells that {name} wins": winners.count(name) for name in here},
        }


USUAL = {
    "batch_and_rate": {
        "features": "gaussian",
        "d": 50,
        "decay": 0,
        "noise": 0.1,
        "b": 16,
        "eta": 0.2,
        "t": 20,
        "target": 0.01,
    },
    "one_hot": {"d": 32, "decay": 0, "b": 16, "eta": 10.8, "update": "mean", "t": 3, "seed": 1},
    "delay": {"features": "onehot", "d": 64, "b": 1, "delay": 16, "share": 0.5, "noise": 0.1},
    "cluster": {"problem": "isotropic", "noise": 0, "target": 0.01, "machines": 16, "b": 64,
                "algorithm": "ring", "example": 1e-4, "alpha": 1e-5, "beta": 4e-10, "size": 1e6},
    "winner_map": {"b": 64, "kappa": 64, "noise": 1, "target": 0.02, "momenta": "tuned", "lead": 0.05},
}  # fmt: skip
EXPLORERS = {
    "batch_and_rate": BatchAndRate,
    "one_hot": OneHot,
    "delay": Delay,
    "cluster": Cluster,
    "winner_map": WinnerMap,
}
