"""A lower bound on the risk in a box of learning rates and momenta, and the proof that stands on it.

The risk after t steps is a polynomial in eta and beta. Expand it around the middle of a box of rates and
momenta, and let F_n be a bound on its terms of degree n anywhere in the box: the majorant F = F_0 + F_1 + ...
is computed with every term taken by its modulus (`Plane.majorant`). What is linear in each of the two is at
least its lowest corner, so in the whole box ::

    risk  >=  lowest corner - 2 (F_2 + F_3 + ...)

Shrinking the box to its part s turns F into F(s) = F_0 + s F_1 + s^2 F_2 + ..., which is at most
F_0 + s F_1 + s^2 (F_2 + F_3 + ...). With that for F_1 in F(1) = F_0 + F_1 + (F_2 + F_3 + ...) ::

    F_2 + F_3 + ...  <=  (F(1) - F_0 - (F(s) - F_0) / s) / (1 - s)

A box whose bound stays above the target at every step is dropped; the others are halved, until none is left.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lecturelib.least_squares.depth import Decomposed

BOXES_AT_ONCE, SHRINK = 64, 0.125


class Pair(NamedTuple):
    """A rate and a momentum, and the steps that they need."""

    steps: int
    rate: float
    beta: float


@dataclass(frozen=True, eq=False)
class Plane:
    """The risk over time at many pairs of rate and momentum at once, arrays of shape (k,).

    Attributes:
        moments: of a gaussian or one_hot problem at one batch size, with start and goal.
        nesterov: whether the gradient is taken ahead.
    """

    moments: Decomposed
    nesterov: bool

    def kicks(self, rates: np.ndarray, second: np.ndarray) -> np.ndarray:
        """eta^2 c_b (E[gg'] - H Y H) of second moments Y, shape (k, d)."""
        fed_back = self.moments.coupling * (second @ self.moments.eigenvalues) + self.moments.noise
        noise = self._own * second + fed_back[:, None] * self.moments.eigenvalues
        return rates[:, None] ** 2 * noise

    def risks(self, rates: np.ndarray, betas: np.ndarray, steps: int) -> np.ndarray:
        """The risk after 0 .. steps steps, shape (steps + 1, k); the recursion of `momentum.py`."""
        pull, look, keep = self._factors(rates, betas)
        error = np.tile(self.moments.second, (len(rates), 1))
        cross = velocity = np.zeros_like(error)
        reads = 0.5 * self.moments.eigenvalues
        risks = [error @ reads]
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                kick = self.kicks(rates, error + 2.0 * look * cross + look**2 * velocity)
                moved = keep * cross - pull * error  # E Delta (v' - its noise)
                velocity = keep * (keep * velocity - pull * cross) - pull * moved + kick
                error, cross = error + 2.0 * moved + velocity, moved + velocity
                risks.append(error @ reads)
        return np.where(np.isfinite(risks), risks, np.inf)

    def majorant(
        self,
        rates: np.ndarray,
        betas: np.ndarray,
        rate_widths: np.ndarray,
        beta_widths: np.ndarray,
        steps: int,
    ) -> np.ndarray:
        """F after 0 .. steps steps, shape (steps + 1, k), for boxes of these middles and half widths.

        A change of eta and beta kicks a run as noise does, by at most ``near |v| + far |Delta|`` a step; so
        moduli of responses follow from the middle's by convolutions in which every term is positive.
        """
        pull, look, keep = self._factors(rates, betas)
        far, ahead = rate_widths[:, None] * self.moments.eigenvalues, float(self.nesterov)
        near = beta_widths[:, None] * (np.abs(1.0 - ahead * pull) + ahead * far) + look * far
        shape = (*pull.shape, steps + 1)

        def response(error: np.ndarray, velocity: np.ndarray) -> np.ndarray:
            """|Delta|, |v| and |y| after 0 .. steps steps without noise, shape (3, k, d, steps + 1)."""
            runs = np.empty((3, *shape))
            for step in range(steps + 1):
                runs[..., step] = error, velocity, error + look * velocity
                velocity = keep * velocity - pull * error
                error = error + velocity
            return np.abs(runs)

        def follow(kernel: np.ndarray, kicks: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
            """Sums over s < t of kernel_(t-1-s) kicks_s; given `first`, the x = first + such sums of x."""
            late, found = kernel[..., ::-1].copy(), np.zeros(shape) if first is None else first.copy()
            kicks = kicks if first is None else found
            for step in range(1, steps + 1):
                found[..., step] += np.einsum("kds,kds->kd", late[..., -step:], kicks[..., :step])
            return found

        unit, nothing = np.ones_like(pull), np.zeros_like(pull)
        kicked, start = response(unit, unit), response(unit, nothing)
        kernel = near[..., None] * kicked[1] + far[..., None] * kicked[0]

        def moduli(run: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Bounds on Delta and y anywhere in the box."""
            changes = follow(kernel, kernel, near[..., None] * run[1] + far[..., None] * run[0])
            error = run[0] + follow(kicked[0], changes)
            if not self.nesterov:
                return error, error
            velocity = run[1] + follow(kicked[1], changes)
            return error, run[2] + follow(kicked[2], changes) + beta_widths[:, None, None] * velocity

        error, at = moduli(start)
        second = self.moments.second[:, None]
        total = error**2 * second
        if self.moments.noise or self.moments.coupling or np.any(self._own):
            noisy, noisy_at = moduli(kicked)
            kicks, at, late = np.empty(shape), at**2 * second, noisy_at[..., ::-1] ** 2
            for step in range(steps + 1):
                past = np.einsum("kds,kds->kd", late[..., steps + 1 - step :], kicks[..., :step])
                kicks[..., step] = self.kicks(rates + rate_widths, at[..., step] + past)
            total += follow(noisy**2, kicks)
        return np.einsum("d,kdt->tk", 0.5 * self.moments.eigenvalues, total)

    def lower_bounds(self, boxes: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Of boxes (rate from, to, momentum from, to), shape (k, 4), the risks at corners and below all.

        Shapes (steps, 4, k) and (steps, k), after 1 .. steps steps.
        """
        low, high, least, most = boxes.T
        rates, betas = 0.5 * (low + high), 0.5 * (least + most)
        wide, tall = 0.5 * (high - low), 0.5 * (most - least)
        corners = self.risks(np.r_[low, low, high, high], np.r_[least, most, least, most], steps)
        with np.errstate(over="ignore", invalid="ignore"):
            at = self.risks(rates, betas, steps)
            whole = self.majorant(rates, betas, wide, tall, steps) - at
            small = self.majorant(rates, betas, SHRINK * wide, SHRINK * tall, steps) - at
            rest = (whole - small / SHRINK) / (1.0 - SHRINK)
        corners = corners.reshape(steps + 1, 4, len(boxes))[1:]
        return corners, np.min(corners, axis=1) - 2.0 * rest[1:]

    def earlier(self, steps: int) -> Pair | None:
        """A pair that reaches the target in so many steps, or None, which is then proven.

        Left out are rates too small for so many steps, ``risk >= (1 - 2 eta lambda_max t s) risk_0`` with s
        the sum of beta^k or (t + 1) / 2, and rates at which enough directions never get below their start:
        those with eta l >= 2 (1 + beta), or 2 for Nesterov.
        """
        eigenvalues, goal = self.moments.eigenvalues, self.moments.goal
        order = np.argsort(-eigenvalues)
        weights = (0.5 * eigenvalues * self.moments.second)[order]
        edge = eigenvalues[order][np.argmax(np.cumsum(weights) > goal)]
        distance = (1.0 - goal / np.sum(weights)) / (2.0 * np.max(eigenvalues) * steps) if steps else 0.0
        whole = [2.0 * distance / (steps + 1), 4.0 / edge, 0.0, 1.0]
        boxes = np.array([whole] if steps else np.empty((0, 4)))
        while len(boxes):
            now, boxes = boxes[-BOXES_AT_ONCE:], boxes[:-BOXES_AT_ONCE]
            low, high, least, most = now.T
            slow = distance * np.maximum(1.0 - most, 2.0 / (steps + 1))
            fast = 2.0 / edge * (1.0 if self.nesterov else 1.0 + most)
            wide = (high > low * (1.0 + 1e-12)) | (most > least + 1e-12)
            now = now[(high >= slow) & (low < fast) & wide]
            corners, below = self.lower_bounds(now, steps)
            hits = np.argwhere((corners <= goal) & (now[:, [2, 3, 2, 3]].T < 1.0))
            if len(hits):
                step, corner, box = hits[0]
                return Pair(int(step) + 1, float(now[box, corner // 2]), float(now[box, 2 + corner % 2]))
            boxes = np.concatenate([boxes, _halves(now[~np.all(below > goal, axis=0)], steps)])
        return None

    @property
    def _own(self) -> np.ndarray:
        """What Y_ii adds to its own kick beyond the coupling, shape (d,): c_b (own - l^2)."""
        squared = self.moments.eigenvalues**2
        return self.moments.square - squared - self.moments.coupling * squared

    def _factors(self, rates: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eta l, how far ahead the gradient is taken, and beta_l, shapes (k, d), (k, 1) and (k, d)."""
        pull, look = rates[:, None] * self.moments.eigenvalues, betas[:, None] * self.nesterov
        return pull, look, betas[:, None] - pull * look


def _halves(boxes: np.ndarray, steps: int) -> np.ndarray:
    """Each box in two, across the side that is longer on the scale of the risk."""
    low, high, least, most = boxes.T
    rate, beta = np.sqrt(low * high), 0.5 * (least + most)
    across = (high - low) / rate > (most - least) / (1.0 - beta + 1.0 / steps)
    first, second = boxes.copy(), boxes.copy()
    first[across, 1] = second[across, 0] = rate[across]
    first[~across, 3] = second[~across, 2] = beta[~across]
    return np.concatenate([first, second])
