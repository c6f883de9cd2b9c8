"""SGD on a small data set as one matrix: every step of the risk for the price of its square root.

The second moment of the error, its mean and the number one form a vector v, and a step at rate eta is v ->
B v. The risk after i L + j steps is (h B^j) (B^(i L) v): L vectors to the left, L to the right, all L^2
risks as one product.
"""

import math

import numpy as np

from lecturelib.theory.finite_sample import ROWS_AT_ONCE

LARGEST_RANK = 60  # the second moment then has 1,830 entries, and B^2 takes about a second


class LiftedRisk:
    """The risk of SGD on a data set over time, at any learning rate, from one start and one batch size."""

    most_steps = 10**7

    def __init__(self, problem, start, batch_size, goal):
        self.goal = goal
        self.eigenvalues = problem.eigenvalues
        self.factor = problem.noise_factor(batch_size)
        self.first, self.second = np.triu_indices(len(self.eigenvalues))
        # Upper triangles, off-diagonal entries times sqrt(2): then x'Phi x and tr(H Phi) are inner products.
        self.weight = np.where(self.first == self.second, 1.0, math.sqrt(2.0))
        self.fourth, self.cross, self.noise = 0.0, 0.0, 0.0
        rows = len(problem.rotated)
        for begin in range(0, rows, ROWS_AT_ONCE):
            block = slice(begin, begin + ROWS_AT_ONCE)
            x, residuals = problem.rotated[block], problem.residuals[block]
            z = x[:, self.first] * x[:, self.second] * self.weight
            self.fourth += z.T @ z / rows
            self.cross += -2.0 * z.T @ (residuals[:, None] * x) / rows
            self.noise += z.T @ residuals**2 / rows
        self.start = np.concatenate([self.flat(start.second), start.mean, [1.0]])
        self.reads = np.zeros_like(self.start)
        self.reads[: len(self.first)] = 0.5 * self.flat(np.diag(self.eigenvalues))

    def flat(self, matrix):
        """The scaled upper triangle of a symmetric matrix, a vector."""
        return matrix[self.first, self.second] * self.weight

    def matrix(self, rate):
        """B, one step of SGD at this rate."""
        entries, rank = len(self.first), len(self.eigenvalues)
        shrink, scale = 1.0 - rate * self.eigenvalues, rate**2 * self.factor
        step = np.zeros((entries + rank + 1,) * 2)
        moment = scale * self.fourth
        drift = scale * self.eigenvalues[self.first] * self.eigenvalues[self.second]
        moment[np.diag_indices(entries)] += shrink[self.first] * shrink[self.second] - drift
        step[:entries, :entries] = moment
        step[:entries, entries:-1] = scale * self.cross
        step[:entries, -1] = scale * self.noise
        step[entries:-1, entries:-1] = np.diag(shrink)
        step[-1, -1] = 1.0
        return step

    def steady(self, rate):
        """The risk that a stable rate settles at."""
        entries = len(self.first)
        step = self.matrix(rate)
        second = np.linalg.solve(np.eye(entries) - step[:entries, :entries], step[:entries, -1])
        return float(self.reads[:entries] @ second)

    def first_hit(self, rate, last):
        """First step in 1 .. last at which the risk at this rate is at most the goal, or None."""
        step = leap = self.matrix(rate)
        left = self.reads[None]
        while True:
            left = np.concatenate([left, left @ leap])  # rows h B^j, j below a length that doubles
            leap = leap @ leap
            right = [step @ self.start]
            while len(right) < len(left):
                right.append(leap @ right[-1])
            values = (np.array(right) @ left.T).ravel()[:last]
            hits = np.flatnonzero(values <= self.goal)
            if hits.size:
                return 1 + int(hits[0])
            if len(left) ** 2 >= last:
                return None

    def risk(self, rate, step):
        """The risk after `step` steps at this rate."""
        state, leap = self.start, self.matrix(rate)
        while step:
            state = leap @ state if step & 1 else state
            step >>= 1
            leap = leap @ leap if step else leap
        return float(self.reads @ state)
