"""Momentum, exactly: heavy ball and Nesterov on every problem, batch size and rate.

With the velocity v, at rest before the first step, and the gradient g of a batch, a step is ::

    v  ->  beta v - eta g(y),     w  ->  w + v,     y = w  (heavy ball)  or  w + beta v  (Nesterov)

The error and the velocity have one mean and three second moments a direction (four a pair of directions)::

    m = E (Delta, v),    S = E (Delta, v)(Delta, v)',    A_l = [[1 - eta l, beta_l], [-eta l, beta_l]]

    m  ->  A m,     S  ->  A S A' + eta^2 c_b (E[gg'] - H Y H) [[1, 1], [1, 1]],     Y = E yy',  g taken at y

with beta_l = beta, for Nesterov beta (1 - eta l). The noise of a step is made of Y alone, so S is bounded
exactly if what Y makes of itself shrinks. For two directions l, r a kick of variance one that is repeated
every step leaves the variance 1 / (eta D) in Y (a geometric series of A_l . A_r), and ::

    D = (1 - beta)(l + r) - eta drift
    heavy ball:  drift = ((1 + beta)^2 l r - beta (l + r)^2) / (1 - beta^2)
    Nesterov:    drift = l r + beta^2 (2 (1 + beta) l r - (1 + beta - beta^2) (l + r)^2
                                       - beta (1 + 2 beta) eta l r (l + r)) / N
                 N = 1 - beta^2 + beta (1 + beta - beta^2) eta (l + r) + beta^2 (1 + 2 beta) eta^2 l r

    stable:  (1 - beta) L  >  eta (c_b (M - H . H) + drift),        L Phi = H Phi + Phi H

All of it is self-adjoint, and D / eta falls with eta (of Nesterov seen on a grid, not proven), so there is
one largest rate, and up to it all are stable.
Against `stability.py`, which is beta = 0, the noise acts as at the rate eta / (1 - beta), and only the drift,
which limits full gradients, is weaker: momentum moves the limit of large batches and not that of small ones.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from lecturelib.checks import check_between
from lecturelib.least_squares.problems import Problem, State
from lecturelib.least_squares.recursion import MatrixRisk

MOST_ROWS = 2000  # of the matrix of one step: its square takes about a second


class Momentum(NamedTuple):
    """How a velocity is kept, and where the gradient is taken.

    Attributes:
        beta: share of the velocity that is kept.
        look: how many velocities ahead the gradient is taken: 0 for heavy ball, beta for Nesterov.
    """

    beta: float
    look: float

    def drift(self, left: np.ndarray, right: np.ndarray, rate: float) -> np.ndarray:
        """(l + r) (1 - beta) / eta - D / eta for eigenvalues l and r, of the shape that they broadcast to."""
        beta, both, product = self.beta, left + right, left * right
        if not self.look:
            return ((1.0 + beta) ** 2 * product - beta * both**2) / (1.0 - beta**2)
        less, more = 1.0 + beta - beta**2, beta * (1.0 + 2.0 * beta) * rate * product
        scale = 1.0 - beta**2 + beta * rate * (less * both + more)
        return product + beta**2 * (2.0 * (1.0 + beta) * product - less * both**2 - more * both) / scale

    def limit(self, largest: float) -> float:
        """The largest stable rate of full gradients; largest: lambda_max."""
        return 2.0 * (1.0 + self.beta) / ((1.0 + 2.0 * self.look) * largest)

    def advance(self, pair: np.ndarray, eigenvalues: np.ndarray, rate: float) -> np.ndarray:
        """A_l applied to (error, velocity) along the first axis, shape (2, ...)."""
        pull = rate * eigenvalues
        velocity = (self.beta - pull * self.look) * pair[1] - pull * pair[0]
        return np.stack([pair[0] + velocity, velocity])


def check_momentum(momentum: float, nesterov: bool) -> Momentum | None:
    """The momentum as asked for, None for 0, which is plain SGD; or ValueError."""
    beta = check_between("momentum", momentum, 0.0, 1.0, ends="[)")
    if not isinstance(nesterov, bool | np.bool_):
        raise ValueError(f"nesterov = {nesterov!r} is refused; pass True, or False for the heavy ball")
    return Momentum(beta, beta if nesterov else 0.0) if beta else None


def largest_rate(problem: Problem, factor: float, momentum: Momentum) -> float:
    """eta_max for this c_b: of heavy ball an eigenvalue, of Nesterov the root of an increasing function."""
    limit = momentum.limit(float(np.max(problem.eigenvalues)))
    if factor == 0.0:
        return limit

    def tops(rate: float) -> float:
        drift = momentum.drift(problem.left, problem.right, rate)
        return problem.pencil_top(factor, drift) / (1.0 - momentum.beta)

    if not momentum.look:
        return 1.0 / tops(0.0)
    if limit * tops(limit) <= 1.0:
        return limit
    return float(brentq(lambda rate: rate * tops(rate) - 1.0, 0.0, limit, xtol=1e-300, rtol=1e-15))


def split_risks(
    problem: Problem, start: State, rate: float, batch_size: float, steps: int, momentum: Momentum
) -> tuple[np.ndarray, np.ndarray]:
    """Bias and variance after 0 .. steps steps, both of shape (steps + 1,), as in `risk.risk_curve`."""
    look, scale = momentum.look, rate * rate * problem.noise_factor(batch_size)
    mean = np.stack([start.mean, np.zeros_like(start.mean)])
    covariance = np.zeros((2, 2, *start.second.shape))
    bias, variance = np.empty(steps + 1), np.empty(steps + 1)
    for step in range(steps + 1):
        bias[step] = problem.risk(State(mean[0], problem.outer(mean[0])))
        variance[step] = problem.risk(State(mean[0], covariance[0, 0]))
        if scale > 0.0 and step < steps:
            (error, cross), (other, velocity) = covariance
            ahead = mean[0] + look * mean[1]
            spread = error + look * (cross + other) + look**2 * velocity
            noise = problem.gradient_noise(State(ahead, spread + problem.outer(ahead)))
            half = momentum.advance(covariance, problem.left, rate).swapaxes(0, 1)
            covariance = momentum.advance(half, problem.right, rate).swapaxes(0, 1) + scale * noise
        mean = momentum.advance(mean, problem.eigenvalues, rate)
    return bias, variance


@dataclass(frozen=True, eq=False)
class MomentumRisk(MatrixRisk):
    """The risk over time with momentum, as powers of one matrix: `MatrixRisk` with four blocks for p.

    `mean` and `second` are (E Delta, E v) and the entries of S one after the other; the other attributes are
    those of one block. Where every entry has left = right, the two cross moments are equal, and one is kept.

    Attributes:
        momentum: heavy ball or Nesterov.
    """

    momentum: Momentum = field(kw_only=True)

    def matrix(self, rate: float) -> np.ndarray:
        """One step at this rate, blocks of S, then of m, then the number one."""
        entries, size, scale = len(self.left), len(self.second), rate**2 * self.factor
        blocks = size // entries
        one, two = (self._block(eigenvalues, rate) for eigenvalues in (self.left, self.right))
        moves = np.einsum("ace,bde->abcde", one, two).reshape(4, 4, entries)
        reads = np.outer([1.0, self.momentum.look], [1.0, self.momentum.look]).ravel()
        if blocks == 3:
            merge = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]])
            moves, reads = np.einsum("xye,yz->xze", moves[[0, 1, 3]], merge), reads @ merge
        scatter = scale * (self.fourth - np.diag(self.left * self.right))
        step = np.zeros((size + len(self.mean) + 1,) * 2)
        for row in range(blocks):
            rows = slice(row * entries, (row + 1) * entries)
            for column in range(blocks):
                part = np.diag(moves[row, column]) + reads[column] * scatter
                step[rows, column * entries : (column + 1) * entries] = part
            step[rows, size:-1] = scale * np.hstack([self.cross, self.momentum.look * self.cross])
            step[rows, -1] = scale * self.noise
        mean = self._block(self.eigenvalues, rate)
        step[size:-1, size:-1] = np.block([[np.diag(part) for part in row] for row in mean])
        step[-1, -1] = 1.0
        return step

    def _block(self, eigenvalues: np.ndarray, rate: float) -> np.ndarray:
        """A_l of every eigenvalue, shape (2, 2, e)."""
        unit = np.eye(2)[:, :, None] * np.ones_like(eigenvalues)
        return self.momentum.advance(unit, eigenvalues, rate)


def over_time(
    problem: Problem, start: State, batch_size: float, goal: float, momentum: Momentum
) -> MomentumRisk:
    """The risk as a function of rate and step; ValueError: a matrix of more than MOST_ROWS rows."""
    plain = problem.matrix_risk(start, batch_size, goal)
    entries = len(plain.second)
    blocks = 3 if np.array_equal(plain.left, plain.right) else 4
    rows = blocks * entries + 2 * len(plain.mean) + 1
    if rows > MOST_ROWS:
        raise ValueError(
            f"problem has {len(problem.eigenvalues)} directions: with momentum one step is a matrix of {rows}"
            f" rows, more than {MOST_ROWS}; pass a problem with fewer"
        )
    parts = {
        **vars(plain),
        "mean": np.append(plain.mean, np.zeros_like(plain.mean)),
        "second": np.append(plain.second, np.zeros((blocks - 1) * entries)),
        "reads": np.append(plain.reads, np.zeros((blocks - 1) * entries)),
    }
    return MomentumRisk(**parts, momentum=momentum)
