"""The problems of the lecture, and the one step of mini-batch SGD that everything exact is built on.

The loss is L(w) = 1/2 E (y - x'w)^2, the gradient is averaged over the batch, and the error is Delta = w -
w*. With H = E xx' = diag(eigenvalues) (every problem works in the eigenbasis of H), one step at rate eta
sends

    m   ->  (1 - eta H) m                                                     mean of the error: no b
    anywhere Phi ->  (1 - eta H) Phi (1 - eta H) + eta^2 c_b (E[gg'] - H Phi H)        its second moment,
    Phi = E Delta Delta'

where g is the gradient of one example and c_b = 1/b. The excess risk is 1/2 tr(H Phi), its bias 1/2 m'Hm.

A problem offers the same few members whatever its features are; `schemes.py` needs nothing else:

    problem.eigenvalues              of H, shape (d,)
    problem.start(start_error)       -> State(mean, second)
    problem.step(state, eta, b)      -> State after one step (arguments unchecked: this is the inner loop)
    problem.contract(second, eta)    -> (1 - eta H) second (1 - eta H), what two independent machines share
    problem.gradient_noise(state)    -> E[gg'] - H Phi H, of the shape of `second`
    problem.diagonal(second)         -> diagonal in the eigenbasis, shape (d,): all that a risk depends on
    problem.risk(state), problem.bias(state)        excess risk and its bias, floats

For Gaussian and one-hot features the diagonal of Phi does not depend on the rest of it, so there `second`
has shape (d,); for a data set (`finite_sample.py`) it has shape (d, d).
"""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from lecturelib.checks import as_number, check_array, check_nonnegative


class State(NamedTuple):
    """Mean and second moment of the error w_t - w*, in the eigenbasis of H.

    mean: shape (d,). second: E Delta Delta', shape (d,) (its diagonal) or (d, d), as the problem needs.
    """

    mean: np.ndarray
    second: np.ndarray


def check_batch_size(problem, batch_size):
    """Return batch_size if such a batch can be drawn (math.inf: full gradient), or raise ValueError."""
    number = as_number(batch_size)
    if not (number >= 1 and (math.isinf(number) or number.is_integer())):
        raise ValueError(
            f"batch_size = {batch_size!r} is refused; pass a whole number, 1 or more, or math.inf"
        )
    if problem.largest_batch_size < number < math.inf:
        raise ValueError(
            f"batch_size = {batch_size} is more than the {problem.largest_batch_size} examples to draw"
            " without replacement; pass a smaller one, or math.inf"
        )
    return batch_size


def check_start_error(problem, start_error):
    """Return start_error as a float64 array of shape (dimension,), or raise ValueError."""
    start_error = check_array("start_error", start_error, 1)
    if start_error.shape != (problem.dimension,):
        raise ValueError(
            f"start_error has shape {start_error.shape}, the problem has dimension {problem.dimension};"
            f" pass w_0 - w*, shape ({problem.dimension},)"
        )
    return start_error


@dataclass(frozen=True, eq=False)
class DiagonalProblem:
    """A problem whose fourth moment keeps diagonals diagonal: diag(E[xx' Phi xx']) = a phi + k H (H . phi).

    own (a, shape (d,)) is what coordinate i returns to itself, coupling (k) what it hands to all: every
    coordinate feels the same product of error and feature. Noise is independent of x, of variance
    `noise_variance`.
    """

    eigenvalues: np.ndarray
    noise_variance: float
    own: np.ndarray = field(repr=False)
    coupling: float = field(repr=False)

    largest_batch_size = math.inf

    @property
    def dimension(self):
        """Number of features d."""
        return len(self.eigenvalues)

    def noise_factor(self, batch_size):
        """c_b = 1 / b, by which averaging over a batch divides the covariance of the gradient."""
        return 1.0 / batch_size

    def without_noise(self):
        """The same problem with noise variance zero."""
        return replace(self, noise_variance=0.0)

    def start(self, start_error):
        """The state at w_0 = w* + start_error; start_error has shape (d,)."""
        start_error = check_start_error(self, start_error)
        return State(start_error, start_error**2)

    def gradient_moment(self, state):
        """Diagonal of E[gg'], g the gradient of one example: own phi + (coupling H.phi + s^2) H."""
        feedback = self.coupling * (self.eigenvalues @ state.second) + self.noise_variance
        return self.own * state.second + feedback * self.eigenvalues

    def gradient_noise(self, state):
        """Diagonal of the gradient's covariance given the iterate, E[gg'] - H Phi H, shape (d,)."""
        return self.gradient_moment(state) - self.eigenvalues**2 * state.second

    def step(self, state, learning_rate, batch_size):
        """The state after one step (the two lines at the top of this file); arguments are not checked."""
        mean = (1.0 - learning_rate * self.eigenvalues) * state.mean
        scale = learning_rate**2 * self.noise_factor(batch_size)
        return State(mean, self.contract(state.second, learning_rate) + scale * self.gradient_noise(state))

    def outer(self, mean):
        """What of mean mean' a second moment holds: here its diagonal, shape (d,)."""
        return mean**2

    def contract(self, second, learning_rate):
        """(1 - eta H) second (1 - eta H), for `second` of shape (d,)."""
        return (1.0 - learning_rate * self.eigenvalues) ** 2 * second

    def diagonal(self, second):
        """The diagonal of a second moment in the eigenbasis, shape (d,): here `second` itself."""
        return second

    def risk(self, state):
        """Excess risk 1/2 tr(H Phi) of a state, a float."""
        return 0.5 * float(self.eigenvalues @ state.second)

    def bias(self, state):
        """Excess risk 1/2 m'Hm of the mean iterate, a float: the slide's bias."""
        return 0.5 * float(self.eigenvalues @ state.mean**2)


@dataclass(frozen=True, eq=False)
class Gaussian(DiagonalProblem):
    """Made by `gaussian`; adds the kurtosis and the elliptical factor it was given."""

    kurtosis: float
    elliptical: float


@dataclass(frozen=True, eq=False)
class OneHot(DiagonalProblem):
    """Made by `one_hot`; its probabilities are its eigenvalues."""

    @property
    def probabilities(self):
        """How often each coordinate is drawn, shape (d,)."""
        return self.eigenvalues


def gaussian(eigenvalues, noise_variance=0.0, *, kurtosis=3.0, elliptical=1.0):
    """Least squares with features x ~ N(0, diag(eigenvalues)) and independent noise on the target.

        E[xx' Phi xx'] = 2 H Phi H + tr(H Phi) H      (the 2 is Gaussian; it is what makes iso50 give 52,
        not 50)

    eigenvalues: of H = E xx', shape (d,), nonnegative, in any order. noise_variance: of y - x'w*, a number
    >= 0. kurtosis: E z^4 of each coordinate z of x / sqrt(eigenvalues), >= 1; 3 is Gaussian. Other values
    mean independent symmetric coordinates. elliptical: E s^2 >= 1 for x = sqrt(s) z with one common scale
    s, E s = 1, for all coordinates; 1 is no tail at all. ValueError: empty, negative, all-zero or
    non-finite input.

    >>> problem = gaussian([1.0, 0.5], noise_variance=0.1)
    >>> problem.risk(problem.start([1.0, 1.0]))
    0.75

    Source: Isserlis' theorem; d = 1 is E x^4 = 3 (E x^2)^2.
    """
    eigenvalues = check_array("eigenvalues", eigenvalues, 1)
    if np.min(eigenvalues) < 0 or np.max(eigenvalues) == 0:
        raise ValueError(
            f"eigenvalues has minimum {np.min(eigenvalues):g} and maximum {np.max(eigenvalues):g};"
            " pass variances: none negative, one positive"
        )
    noise_variance = check_nonnegative("noise_variance", noise_variance)
    kurtosis = check_nonnegative("kurtosis", kurtosis, at_least=1.0)
    elliptical = check_nonnegative("elliptical", elliptical, at_least=1.0)
    own = elliptical * (kurtosis - 1.0) * eigenvalues**2
    return Gaussian(eigenvalues, noise_variance, own, elliptical, kurtosis, elliptical)


def one_hot(probabilities, noise_variance=0.0):
    """Least squares whose features are one unit vector, x = e_i with probability p_i: the sparsest data.

        E[xx' Phi xx'] = diag(p_i Phi_ii)      (coordinates never meet)

    probabilities: shape (d,), nonnegative, summing to one within 1e-9. noise_variance: of y - x'w*, a
    number >= 0. ValueError: anything else.

    >>> one_hot([0.5, 0.25, 0.25]).probabilities
    array([0.5 , 0.25, 0.25])
    """
    probabilities = check_array("probabilities", probabilities, 1)
    total = float(np.sum(probabilities))
    if np.min(probabilities) < 0:
        raise ValueError(f"probabilities has the entry {np.min(probabilities):g}; pass none below 0")
    if abs(total - 1.0) > 1e-9:
        raise ValueError(f"probabilities sums to {total:.12g}; divide it by its sum")
    noise_variance = check_nonnegative("noise_variance", noise_variance)
    return OneHot(probabilities, noise_variance, probabilities, 0.0)
