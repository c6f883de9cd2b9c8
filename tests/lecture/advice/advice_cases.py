"""For the tests of the advice: moments that are known, data sets that are held, a slow exact search."""

import numpy as np

from lecturelib import datasets
from lecturelib import least_squares as ls
from lecturelib.advice import preparation
from lecturelib.advice.reduction import Moments


def gaussian_moments(eigenvalues, noise_variance, start_error):
    """The reduced moments of Gaussian features, exactly: no data, no sampling error."""
    eigenvalues = np.asarray(eigenvalues, dtype=float)
    return Moments(
        eigenvalues=eigenvalues,
        pairs=np.zeros((0, 2), dtype=int),
        multiplicity=np.ones_like(eigenvalues),
        fourth=np.outer(eigenvalues, eigenvalues) + 2.0 * np.diag(eigenvalues**2),
        cross=np.zeros((len(eigenvalues),) * 2),
        residual_noise=noise_variance * eigenvalues,
        start_error=np.asarray(start_error, dtype=float),
        solution=-np.asarray(start_error, dtype=float),
        spectrum=eigenvalues,
        trace=float(eigenvalues.sum()),
        whole=True,
    )


def held(name, directions=10):
    """(features, targets) of a data set that has few enough directions for the exact second moment."""
    rng = np.random.default_rng(5)
    if name in ("mnist-0", "mnist-7"):
        data = preparation.load(target=name[-1], rows=1500, seed=2, standardize=name == "mnist-7")
        vectors = np.linalg.eigh(data.features.T @ data.features)[1][:, ::-1]
        return data.features @ vectors[:, :directions], data.targets
    if name == "wordnet":
        text = datasets.wordnet()
        rows = rng.choice(len(text.labels), 30_000, replace=False)
        some = text.features[np.sort(rows)]
        common = np.argsort(-np.asarray(some.sum(axis=0)).ravel())[:directions]
        features = some[:, common].toarray().astype(float)
        used = features.any(axis=1)
        return features[used], text.labels[np.sort(rows)][used].astype(float)
    white = rng.standard_normal((3000, directions))
    if name == "isotropic":
        return white, white @ np.ones(directions) + rng.standard_normal(3000)
    if name == "doubling pays":
        features = white / np.sqrt(np.arange(1, directions + 1))
        return features, features @ np.ones(directions) + rng.standard_normal(3000)
    if name == "heavy tails":
        features = white**3 / np.arange(1, directions + 1)
        return features, features @ np.ones(directions) + 0.3 * rng.standard_normal(3000)
    raise ValueError(name)


HELD = ("mnist-0", "mnist-7", "wordnet", "isotropic", "heavy tails")


class Truth:
    """What the advice promises, by the exact second moment: slow, independent of `advice/reduction.py`."""

    def __init__(self, features, targets, goal):
        self.problem = ls.finite_sample(features, targets, on_range=True)
        self.start, self.goal = -self.problem.solution, goal

    def steps(self, batch_size, rate):
        """Steps to the goal at this batch size and rate."""
        state = self.problem.start(self.start)
        risks = self.problem.risks_over_time(state, batch_size, self.goal * self.problem.risk(state))
        with np.errstate(over="ignore", invalid="ignore"):  # a rate that diverges never arrives
            return risks.first_hit(rate, 10**6)

    def least_steps(self, batch_size):
        """Fewest steps at this batch size, over all constant rates."""
        return ls.depth(self.problem, self.start, self.goal, batch_size).steps
