"""Risk as a function of the step, without running the steps between; and the search for the best rate.

Two forms of one linear recursion. Where it is symmetric it has eigenvectors, and the risk is a sum of powers
(`PowerSum`). In general the second moment of the error, its mean and the number one form a vector v, a step
at rate eta is v -> B v, and the risk after i L + j steps is (h B^j) (B^(i L) v): L vectors to the left, L to
the right, all L^2 risks as one product (`MatrixRisk`).
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize_scalar

BLOCK = 32  # a span of up to BLOCK^2 steps of a PowerSum is evaluated step by step, as one matrix product
HUGE = 1e200  # what stands for a risk past float64


@dataclass(frozen=True)
class Depth:
    """Fewest steps to the target, and a constant learning rate that gets there in so many."""

    steps: int
    learning_rate: float


class RisksOverTime(Protocol):
    """The risk of one problem, start and batch size after any number of steps at any rate."""

    @property
    def goal(self) -> float:
        """The risk to be reached."""
        ...

    @property
    def most_steps(self) -> int:
        """As far as it is followed."""
        ...

    def risk(self, rate: float, step: int) -> float:
        """The risk after `step` steps at this rate."""
        ...

    def first_hit(self, rate: float, last: int) -> int | None:
        """First step in 1 .. last at which the risk at this rate is at most the goal, or None."""
        ...

    def fewest_steps(self, stable_rate: float, slowest: float) -> Depth:
        """Fewest steps to the goal over all rates; in t steps only rates of slowest / t or more get there."""
        ...


class PowerSum(NamedTuple):
    """level + sum_k weights_k powers_k^t; powers and weights have shape (k,)."""

    level: float
    powers: np.ndarray
    weights: np.ndarray

    def at(self, step: int) -> float:
        """The value at one step, at most HUGE: a search over rates, which subtracts values, may pass it."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(self.level + self.weights @ self.powers ** float(step))
        return value if value < HUGE else HUGE

    def minus(self, scale: float, other: "PowerSum") -> "PowerSum":
        """The sum minus scale * other."""
        powers = np.concatenate([self.powers, other.powers])
        weights = np.concatenate([self.weights, -scale * other.weights])
        return PowerSum(self.level - scale * other.level, powers, weights)

    def first_hit(self, goal: float, last: int) -> int | None:
        """First step in 1 .. last at which the value is at most goal, or None; no step is skipped unproven.

        A term with a power >= 0 is monotone in t, so over a long span each is at least the lower of its two
        ends; a span whose sum of those exceeds the goal is passed over, another is halved until it can be
        evaluated whole. A sum that overflows has no hit there.
        """
        used = self.weights != 0.0
        powers, weights = self.powers[used], self.weights[used]
        spans: list[tuple[int, int]] = []
        early = 1
        while early <= last:  # spans that double, the earliest on top of the stack
            spans.insert(0, (early, min(2 * early + BLOCK**2 - 2, last)))
            early = spans[0][1] + 1
        with np.errstate(over="ignore", invalid="ignore"):
            near = powers[:, None] ** np.arange(BLOCK)
            far = (near[:, -1] * powers)[:, None] ** np.arange(BLOCK)
            while spans:
                early, late = spans.pop()
                first = weights * powers ** float(early)
                if late - early < BLOCK**2:
                    values = self.level + (far.T @ (first[:, None] * near)).ravel()
                    hits = np.flatnonzero(values[: late - early + 1] <= goal)
                    if hits.size:
                        return early + int(hits[0])
                    continue
                lowest = np.minimum(first, weights * powers ** float(late))
                lowest = np.where(powers < 0.0, -np.abs(first), lowest)
                if not self.level + np.sum(lowest) > goal:
                    middle = (early + late) // 2
                    spans += [(middle + 1, late), (early, middle)]
        return None


@dataclass(frozen=True, eq=False)
class MatrixRisk:
    """The risk over time where the second moment is a vector p of e entries, at any learning rate eta.

    ::

        p  ->  (1 - eta left)(1 - eta right) p + eta^2 c_b (fourth p - left right p + cross m + noise)
        m  ->  (1 - eta eigenvalues) m                                     risk = reads' p

    Attributes:
        mean, second: m and p at the start, shapes (d,) and (e,).
        eigenvalues: of H, shape (d,).
        left, right: the two eigenvalues of every entry of p, shape (e,).
        fourth, cross, noise: what p, m and the label noise add to E[gg'], shapes (e, e), (e, d), (e,).
        reads: what a risk reads of p, shape (e,).
        factor: c_b.
        goal: the risk to be reached.
        most_steps: as far as it is followed.
    """

    mean: np.ndarray
    second: np.ndarray
    eigenvalues: np.ndarray
    left: np.ndarray
    right: np.ndarray
    fourth: np.ndarray
    cross: np.ndarray
    noise: np.ndarray
    reads: np.ndarray
    factor: float
    goal: float = 0.0
    most_steps: int = 10**7

    def matrix(self, rate: float) -> np.ndarray:
        """B, one step of SGD at this rate, shape (e + d + 1, e + d + 1)."""
        entries, scale = len(self.second), rate**2 * self.factor
        step = np.zeros((entries + len(self.mean) + 1,) * 2)
        step[:entries, :entries] = scale * self.fourth
        drift = (1.0 - rate * self.left) * (1.0 - rate * self.right) - scale * self.left * self.right
        step[np.diag_indices(entries)] += drift
        step[:entries, entries:-1] = scale * self.cross
        step[:entries, -1] = scale * self.noise
        step[entries:-1, entries:-1] = np.diag(1.0 - rate * self.eigenvalues)
        step[-1, -1] = 1.0
        return step

    def steady(self, rate: float) -> float:
        """The risk that a stable rate settles at."""
        entries, step = len(self.second), self.matrix(rate)
        second = np.linalg.solve(np.eye(entries) - step[:entries, :entries], step[:entries, -1])
        return float(self.reads @ second)

    def after(self, rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """What m and p are after so many steps at this rate, shapes (d,) and (e,)."""
        vector, leap = self._start(), self.matrix(rate)
        while steps:
            vector = leap @ vector if steps & 1 else vector
            steps >>= 1
            leap = leap @ leap if steps else leap
        return vector[len(self.second) : -1], vector[: len(self.second)]

    def risk(self, rate: float, step: int) -> float:
        """The risk after `step` steps at this rate."""
        return float(self.reads @ self.after(rate, step)[1])

    def first_hit(self, rate: float, last: int) -> int | None:
        """First step in 1 .. last at which the risk at this rate is at most the goal, or None."""
        step = leap = self.matrix(rate)
        left = np.zeros((1, len(step)))
        left[0, : len(self.reads)] = self.reads
        while True:
            left = np.concatenate([left, left @ leap])  # rows h B^j, j below a length that doubles
            leap = leap @ leap
            right = [step @ self._start()]
            while len(right) < len(left):
                right.append(leap @ right[-1])
            values = (np.array(right) @ left.T).ravel()[:last]
            hits = np.flatnonzero(values <= self.goal)
            if hits.size:
                return 1 + int(hits[0])
            if len(left) ** 2 >= last:
                return None

    def fewest_steps(self, stable_rate: float, slowest: float) -> Depth:
        """The best of a grid of stable rates, each refined; what settles below the goal limits the rest."""
        settles = 0.95 * stable_rate
        while self.steady(settles) > 0.9 * self.goal and settles * self.most_steps > slowest:
            settles *= 0.8
        best = reached(improved(self, settles, None, stable_rate), self.most_steps)
        rate = 0.95 * stable_rate
        while rate * best.steps > slowest:
            best = reached(improved(self, rate, best, stable_rate), self.most_steps)
            rate *= 0.8
        return best

    def _start(self) -> np.ndarray:
        return np.concatenate([self.second, self.mean, [1.0]])


def improved(risks: RisksOverTime, rate: float, best: Depth | None, largest_rate: float) -> Depth | None:
    """The better of `best` and what is found near `rate`, minimising the risk one step before the best."""
    while best is None or best.steps > 1:
        hit = risks.first_hit(rate, best.steps - 1 if best else risks.most_steps)
        if hit is None:
            break
        best, window = Depth(hit, rate), (rate / 1.5, min(rate * 1.5, largest_rate))
        found = minimize_scalar(risks.risk, args=(max(hit - 1, 1),), bounds=window, method="bounded")
        rate = float(found.x)
    return best


def reached(best: Depth | None, most_steps: int) -> Depth:
    """Return `best`, or raise ValueError if there is none."""
    if best is None:
        raise ValueError(f"target is not reached in {most_steps} steps; raise target, or batch_size")
    return best
