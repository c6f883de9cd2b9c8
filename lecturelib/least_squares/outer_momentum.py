"""Local SGD with an outer momentum (DiLoCo), exactly: a linear recursion from round to round."""

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import check_count, check_nonnegative
from lecturelib.least_squares.momentum import Momentum, check_momentum
from lecturelib.least_squares.problems import Problem, State, check_batch_size, inf_beyond


def outer_momentum_risk(
    problem: Problem,
    start_error: ArrayLike,
    learning_rate: float,
    batch_size: float,
    machines: int,
    sync_every: int,
    rounds: int,
    *,
    outer_rate: float = 1.0,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> np.ndarray:
    """Expected excess risk of the shared weights after each round of K machines that run SGD apart.

    In a round each machine takes tau steps from the shared weights w, and u is the mean of what they moved::

        v  ->  beta v + alpha u,     w  ->  w + v  (heavy ball)  or  w + beta v + alpha u  (Nesterov)

    Given w the mean of u is (F - 1) Delta, F = (1 - eta H)^tau, and its covariance is that of one machine
    over K; so the second moments of Delta and v follow as in `momentum.py`. A round costs K tau b examples.

    Args:
        problem: from `least_squares`.
        start_error: w_0 - w*, shape (d,); the velocity starts at 0.
        learning_rate: eta of the machines, >= 0.
        batch_size: b of each machine, whole number >= 1 or math.inf.
        machines: K, whole number >= 1.
        sync_every: tau, whole number >= 1.
        rounds: whole number >= 0.
        outer_rate: alpha, >= 0; with 1, and momentum 0, this is `local_sgd_risk`.
        momentum: beta, from 0 to below 1.
        nesterov: as PyTorch has it: w is where the machines start, which looks one velocity ahead.

    Returns:
        Excess risks, shape (rounds + 1,); inf past the range of float64.

    Raises:
        ValueError: an argument out of range, or of another shape.

    >>> from lecturelib import least_squares as ls, schemes
    >>> ball = {"machines": 4, "sync_every": 1, "rounds": 3, "momentum": 0.5}
    >>> schemes.outer_momentum_risk(ls.gaussian([1.0]), [1.0], 0.5, float("inf"), **ball)
    array([0.5    , 0.125  , 0.     , 0.03125])

    Source: Douillard et al., "DiLoCo: distributed low-communication training of language models" (2023),
    algorithm 1, with SGD as the inner optimizer; exact for least squares.
    """
    rate = check_nonnegative("learning_rate", learning_rate)
    alpha = check_nonnegative("outer_rate", outer_rate)
    check_batch_size(problem, batch_size)
    machines, sync_every = check_count("machines", machines), check_count("sync_every", sync_every)
    rounds, start = check_count("rounds", rounds, at_least=0), problem.start(start_error)
    beta = (check_momentum(momentum, nesterov) or Momentum(0.0, 0.0)).beta
    ahead = beta if nesterov else 0.0

    def advance(pair: np.ndarray, eigenvalues: np.ndarray) -> np.ndarray:
        """(Delta, v) after a round without noise, along the first axis."""
        moved = alpha * ((1.0 - rate * eigenvalues) ** sync_every - 1.0) * pair[0]
        velocity = beta * pair[1] + moved
        return np.stack([pair[0] + (ahead * velocity + moved if nesterov else velocity), velocity])

    mean = np.stack([start.mean, np.zeros_like(start.mean)])
    second = np.zeros((2, 2, *start.second.shape))
    second[0, 0] = start.second
    kick = alpha * np.array([1.0 + ahead, 1.0])
    risks = [problem.risk(start)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(rounds):
            one, two = State(mean[0], second[0, 0]), second[0, 0]  # a machine, and what two of them share
            for _ in range(sync_every):
                one, two = problem.step(one, rate, batch_size), problem.contract(two, rate)
            half = advance(second, problem.left).swapaxes(0, 1)
            noise = np.multiply.outer(np.outer(kick, kick), (one.second - two) / machines)
            second = advance(half, problem.right).swapaxes(0, 1) + noise
            mean = advance(mean, problem.eigenvalues)
            risks.append(problem.risk(State(mean[0], second[0, 0])))
    return inf_beyond(np.array(risks))
