"""Gaussian and one-hot features: problems for which the diagonal of the error's second moment is enough.

With phi the diagonal of Phi and l the eigenvalues of H, the fourth moment keeps diagonals diagonal::

    diag(E[xx' Phi xx'])_i = own_i phi_i + coupling l_i (l . phi)

`own` is what coordinate i returns to itself, `coupling` what all hand to it: every coordinate feels the same
product of error and feature. The noise of the target is independent of x.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from lecturelib.checks import check_array, check_distribution, check_nonnegative
from lecturelib.least_squares.depth import Decomposed
from lecturelib.least_squares.problems import Problem, State
from lecturelib.least_squares.recursion import MatrixRisk
from lecturelib.least_squares.stability import delay_slowing, top_of_diagonal_plus_rank_one


@dataclass(frozen=True, eq=False)
class DiagonalProblem(Problem):
    """A problem of independent noise whose fourth moment keeps diagonals diagonal.

    Attributes:
        eigenvalues: of H, shape (d,).
        noise_variance: of y - x'w*.
        own, coupling: see the top of this file; shape (d,), and a number.
    """

    eigenvalues: np.ndarray
    noise_variance: float
    own: np.ndarray = field(repr=False)
    coupling: float = field(repr=False)

    @property
    def diagonal_suffices(self) -> bool:
        """True."""
        return True

    def without_noise(self) -> Self:
        """The same problem with noise variance zero."""
        return replace(self, noise_variance=0.0)

    def start(self, start_error: ArrayLike) -> State:
        """The state at w_0 = w* + start_error, shape (d,)."""
        start_error = check_array("start_error", start_error, 1, self.dimension)
        return State(start_error, start_error**2)

    def gradient_moment(self, state: State) -> np.ndarray:
        """Diagonal of E[gg'], g the gradient of one example: own phi + (coupling l.phi + s^2) l."""
        feedback = self.coupling * (self.eigenvalues @ state.second) + self.noise_variance
        return self.own * state.second + feedback * self.eigenvalues

    def gradient_noise(self, state: State) -> np.ndarray:
        """Diagonal of the gradient's covariance given the iterate, E[gg'] - H Phi H, shape (d,)."""
        return self.gradient_moment(state) - self.eigenvalues**2 * state.second

    def outer(self, mean: np.ndarray) -> np.ndarray:
        """The diagonal of mean mean', shape (d,)."""
        return mean**2

    def diagonal(self, second: np.ndarray) -> np.ndarray:
        """`second` itself, shape (d,)."""
        return second

    def covariance_step(
        self, learning_rate: float, scale: float
    ) -> Callable[[State, np.ndarray], np.ndarray]:
        """The same step with what does not change from step to step computed once: 2.4 times as fast."""
        eigenvalues, coupling, noise = self.eigenvalues, self.coupling, self.noise_variance
        kept = (1.0 - learning_rate * eigenvalues) ** 2
        own, force = scale * (self.own - eigenvalues**2), scale * eigenvalues

        def step(state: State, covariance: np.ndarray) -> np.ndarray:
            phi, moved = state.second, kept * covariance
            moved += own * phi
            moved += (coupling * (eigenvalues @ phi) + noise) * force
            return moved

        return step

    def pencil_tops(self, factors: np.ndarray, slowing: np.ndarray | None = None) -> np.ndarray:
        """1 / eta_max for each c_b in `factors`, shape (k,).

        slowing: shape (d,), divides row and column i of the pencil (the factor s of a delay); by default 1.
        """
        used, eigenvalues, own = self._felt
        slowing = np.ones_like(eigenvalues) if slowing is None else slowing[used]
        factors = factors[:, None]
        own = factors * (own / eigenvalues) + (1.0 - factors) * eigenvalues
        coupled = self.coupling * factors * eigenvalues
        return top_of_diagonal_plus_rank_one(0.5 * own / slowing, 0.5 * coupled / slowing)

    def pencil_top(self, factor: float, drift: np.ndarray) -> float:
        """The top of c_b (M - H . H) + drift against L, drift of shape (d,): again diagonal plus rank one."""
        used, eigenvalues, own = self._felt
        own = factor * (own / eigenvalues - eigenvalues) + drift[used] / eigenvalues
        coupled = self.coupling * factor * eigenvalues
        return float(top_of_diagonal_plus_rank_one(0.5 * own[None], 0.5 * coupled[None])[0])

    def delayed_rate(self, factor: float, delay: int) -> float:
        """The largest stable rate: the root of an increasing function, below the limit without noise."""
        limit = 2.0 * math.sin(math.pi / (2 * (2 * delay + 1))) / float(np.max(self.eigenvalues))

        def excess(rate: float) -> float:
            slowing = delay_slowing(rate * self.eigenvalues, delay)
            return rate * float(self.pencil_tops(np.array([factor]), slowing)[0]) - 1.0

        if factor == 0.0 or excess(limit) <= 0.0:
            return limit
        return float(brentq(excess, 0.0, limit, xtol=1e-300, rtol=1e-15))

    def steady_risk(self, learning_rate: float, factor: float) -> float:
        """1/2 s^2 Q / (1 - coupling Q), Q the sum in `risk.steady_risk`."""
        _, eigenvalues, own = self._felt
        own = factor * own / eigenvalues + (1.0 - factor) * eigenvalues
        spread = float(np.sum(learning_rate * factor * eigenvalues / (2.0 - learning_rate * own)))
        return 0.5 * self.noise_variance * spread / (1.0 - self.coupling * spread)

    def risks_over_time(self, start: State, batch_size: float, goal: float) -> Decomposed:
        """The risk as a sum of powers, with the bounds that prove a depth."""
        (used, eigenvalues, own), factor = self._felt, self.noise_factor(batch_size)
        coupling = factor * self.coupling
        square = (1.0 - factor) * eigenvalues**2 + factor * own + coupling * eigenvalues**2
        noise = factor * self.noise_variance
        return Decomposed(eigenvalues, start.second[used], square, coupling, noise, goal)

    def matrix_risk(self, start: State, batch_size: float, goal: float) -> MatrixRisk:
        """The risk by powers of one matrix, for recursions without eigenvectors; the mean plays no part."""
        (used, eigenvalues, own), nothing = self._felt, np.zeros(0)
        return MatrixRisk(
            mean=nothing,
            second=start.second[used],
            eigenvalues=nothing,
            left=eigenvalues,
            right=eigenvalues,
            fourth=np.diag(own) + self.coupling * np.outer(eigenvalues, eigenvalues),
            cross=np.zeros((len(eigenvalues), 0)),
            noise=self.noise_variance * eigenvalues,
            reads=0.5 * eigenvalues,
            factor=self.noise_factor(batch_size),
            goal=goal,
        )

    def norm_constant(self) -> float:
        """R^2, the least number with ``E[|x|^2 xx'] <= R^2 H``: Gaussian tr H + 2 lambda_max, one-hot 1."""
        _, eigenvalues, own = self._felt
        return float(np.max(own / eigenvalues) + self.coupling * np.sum(eigenvalues))

    @property
    def _felt(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where eigenvalues are positive, shape (d,); there the eigenvalues and `own`."""
        used = self.eigenvalues > 0
        return used, self.eigenvalues[used], self.own[used]


@dataclass(frozen=True, eq=False)
class Gaussian(DiagonalProblem):
    """Made by `gaussian`; adds the kurtosis and the elliptical factor it was given."""

    kurtosis: float
    elliptical: float


@dataclass(frozen=True, eq=False)
class OneHot(DiagonalProblem):
    """Made by `one_hot`; its probabilities are its eigenvalues."""

    @property
    def probabilities(self) -> np.ndarray:
        """How often each coordinate is drawn, shape (d,)."""
        return self.eigenvalues

    def largest_norm(self) -> float:
        """The bound on ``|x|^2``: 1."""
        return 1.0


def gaussian(
    eigenvalues: ArrayLike, noise_variance: float = 0.0, *, kurtosis: float = 3.0, elliptical: float = 1.0
) -> Gaussian:
    """Least squares with features x ~ N(0, diag(eigenvalues)) and independent noise on the target.

    ::

        E[xx' Phi xx'] = 2 H Phi H + tr(H Phi) H

    The 2 is Gaussian: it makes the critical batch size of 50 equal eigenvalues 52, not 50.

    Args:
        eigenvalues: of H = E xx', shape (d,), none negative, one positive, in any order.
        noise_variance: of y - x'w*, >= 0.
        kurtosis: E z^4 of each coordinate z of x / sqrt(eigenvalues), >= 1; 3 is Gaussian. Other values mean
            independent symmetric coordinates.
        elliptical: E s^2 >= 1 for x = sqrt(s) z with one common scale s, E s = 1, for all coordinates; 1 is
            no tail at all.

    Raises:
        ValueError: empty, negative, all-zero or non-finite eigenvalues; another number out of range.

    >>> from lecturelib import least_squares as ls
    >>> problem = ls.gaussian([1.0, 0.5], noise_variance=0.1)
    >>> problem.risk(problem.start([1.0, 1.0]))
    0.75

    Source: Isserlis' theorem; d = 1 is E x^4 = 3 (E x^2)^2.
    """
    eigenvalues = check_array("eigenvalues", eigenvalues, 1, at_least=0.0)
    if np.max(eigenvalues) == 0:
        raise ValueError("eigenvalues are all zero; pass variances, at least one positive")
    noise_variance = check_nonnegative("noise_variance", noise_variance)
    kurtosis = check_nonnegative("kurtosis", kurtosis, at_least=1.0)
    elliptical = check_nonnegative("elliptical", elliptical, at_least=1.0)
    own = elliptical * (kurtosis - 1.0) * eigenvalues**2
    return Gaussian(eigenvalues, noise_variance, own, elliptical, kurtosis, elliptical)


def one_hot(probabilities: ArrayLike, noise_variance: float = 0.0) -> OneHot:
    """Least squares whose features are one unit vector, x = e_i with probability p_i: the sparsest data.

    ::

        E[xx' Phi xx'] = diag(p_i Phi_ii)      (coordinates never meet)

    Args:
        probabilities: shape (d,), none negative, summing to one within 1e-9.
        noise_variance: of y - x'w*, >= 0.

    Raises:
        ValueError: probabilities that are none; a negative or non-finite noise variance.

    >>> from lecturelib import least_squares as ls
    >>> ls.one_hot([0.5, 0.25, 0.25]).probabilities
    array([0.5 , 0.25, 0.25])
    """
    probabilities = check_distribution("probabilities", probabilities)
    noise_variance = check_nonnegative("noise_variance", noise_variance)
    return OneHot(probabilities, noise_variance, probabilities, 0.0)
