"""What a least-squares problem is, and the one step of mini-batch SGD that everything exact is built on.

The loss is L(w) = 1/2 E (y - x'w)^2, the gradient is averaged over the batch, the error is Delta = w - w*.
Every problem works in the eigenbasis of H = E xx' = diag(eigenvalues). With the mean m = E Delta and the
second moment Phi = E Delta Delta' of the error, one step at learning rate eta sends ::

    m    ->  (1 - eta H) m                                                    no b anywhere
    Phi  ->  (1 - eta H) Phi (1 - eta H) + eta^2 c_b (E[gg'] - H Phi H)

where g is the gradient of one example and c_b = 1/b. The excess risk is 1/2 tr(H Phi), its bias 1/2 m'Hm.

`Problem` declares what the exact functions use. `diagonal.py` (Gaussian and one-hot features) keeps of Phi
its diagonal, shape (d,), for nothing else acts on it; `finite_sample.py` (a data set) keeps all, (d, d).
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from lecturelib.checks import as_number
from lecturelib.least_squares.recursion import MatrixRisk, RisksOverTime


class State(NamedTuple):
    """Mean and second moment of the error w_t - w*, in the eigenbasis of H.

    Attributes:
        mean: E Delta, shape (d,).
        second: E Delta Delta', as much of it as the problem needs: its diagonal, shape (d,), or all, (d, d).
    """

    mean: np.ndarray
    second: np.ndarray


class Problem(Protocol):
    """The members of a problem: those with a body serve every problem, the others have a formula for each.

    Attributes:
        eigenvalues: of H, shape (d,); of a data set those that are not zero.
    """

    eigenvalues: np.ndarray

    @property
    def dimension(self) -> int:
        """Entries of a start error."""
        return len(self.eigenvalues)

    @property
    def largest_batch_size(self) -> float:
        """Largest batch that can be drawn, math.inf if there is no limit."""
        return math.inf

    @property
    def diagonal_suffices(self) -> bool:
        """Whether the noise is independent of x, and the diagonal of Phi determines its own next step."""
        return False

    @property
    def left(self) -> np.ndarray:
        """The first eigenvalue of every entry of a second moment, of a shape that broadcasts to it."""
        return self.eigenvalues

    @property
    def right(self) -> np.ndarray:
        """The second eigenvalue of every entry."""
        return self.eigenvalues

    def noise_factor(self, batch_size: float) -> float:
        """c_b = 1 / b, by which averaging over a batch divides the covariance of the gradient."""
        return 1.0 / batch_size

    @abstractmethod
    def without_noise(self) -> Self:
        """The same features with targets that fit exactly."""
        ...

    @abstractmethod
    def start(self, start_error: ArrayLike) -> State:
        """The state at w_0 = w* + start_error, shape (dimension,). ValueError: another shape, not finite."""
        ...

    @abstractmethod
    def gradient_moment(self, state: State) -> np.ndarray:
        """Diagonal of E[gg'], g the gradient of one example, shape (d,)."""
        ...

    @abstractmethod
    def gradient_noise(self, state: State) -> np.ndarray:
        """The gradient's covariance given the iterate, E[gg'] - H Phi H, of the shape of `second`."""
        ...

    def contract(self, second: np.ndarray, learning_rate: float) -> np.ndarray:
        """(1 - eta H) second (1 - eta H): what two independent machines share."""
        return (1.0 - learning_rate * self.left) * (1.0 - learning_rate * self.right) * second

    @abstractmethod
    def outer(self, mean: np.ndarray) -> np.ndarray:
        """What of mean mean' a second moment holds, of the shape of `second`."""
        ...

    @abstractmethod
    def diagonal(self, second: np.ndarray) -> np.ndarray:
        """The diagonal of a second moment, shape (d,): all that a risk depends on."""
        ...

    def step(self, state: State, learning_rate: float, batch_size: float) -> State:
        """The state after one step, the two lines at the top of this file; arguments are not checked."""
        mean = (1.0 - learning_rate * self.eigenvalues) * state.mean
        second = self.contract(state.second, learning_rate)
        scale = learning_rate * learning_rate * self.noise_factor(batch_size)
        return State(mean, second + scale * self.gradient_noise(state) if scale > 0.0 else second)

    def covariance_step(
        self, learning_rate: float, scale: float
    ) -> Callable[[State, np.ndarray], np.ndarray]:
        """The step (m, Phi), C -> (1 - eta H) C (1 - eta H) + scale (E[gg'] - H Phi H), Phi = C + m m'."""

        def step(state: State, covariance: np.ndarray) -> np.ndarray:
            return self.contract(covariance, learning_rate) + scale * self.gradient_noise(state)

        return step

    def risk(self, state: State) -> float:
        """Excess risk 1/2 tr(H Phi) of a state."""
        return 0.5 * float(self.eigenvalues @ self.diagonal(state.second))

    @abstractmethod
    def pencil_tops(self, factors: np.ndarray) -> np.ndarray:
        """1 / eta_max for each c_b in `factors`, shape (k,): the top eigenvalues of `stability.py`."""
        ...

    @abstractmethod
    def pencil_top(self, factor: float, drift: np.ndarray) -> float:
        """lambda_max( L^(-1/2) (c_b (M - H . H) + drift) L^(-1/2) ), drift an entry by entry multiplier."""
        ...

    @abstractmethod
    def steady_risk(self, learning_rate: float, factor: float) -> float:
        """The excess risk at which SGD with a stable rate and this c_b > 0 settles."""
        ...

    @abstractmethod
    def matrix_risk(self, start: State, batch_size: float, goal: float) -> MatrixRisk:
        """The risk as a function of rate and step, by powers of one matrix."""
        ...

    def risks_over_time(self, start: State, batch_size: float, goal: float) -> RisksOverTime:
        """The risk as a function of rate and step, and its search: what `depth` stands on."""
        return self.matrix_risk(start, batch_size, goal)

    def delayed_rate(self, factor: float, delay: int) -> float:
        """eta_max for gradients that are `delay` steps old. ValueError: not known for such a problem."""
        raise ValueError(
            f"delay = {delay} is refused for {_kind(self)}; pass 0, or a gaussian or one_hot problem"
        )

    def norm_constant(self) -> float:
        """R^2, the least number with ``E[|x|^2 xx'] <= R^2 H``. ValueError: not known for such a problem."""
        raise ValueError(f"E[|x|^2 xx'] of {_kind(self)} is not known; pass a finite_sample of the data")

    def largest_norm(self) -> float:
        """The least bound on ``|x|^2``. ValueError: not known for such a problem, or there is none."""
        raise ValueError(
            f"|x|^2 of {_kind(self)} has no known bound; pass a one_hot or finite_sample problem"
        )


def _kind(problem: Problem) -> str:
    return {"FiniteSample": "a data set"}.get(type(problem).__name__, f"a {type(problem).__name__}")


def check_diagonal(problem: Problem) -> None:
    """Raise ValueError unless the diagonal of the second moment suffices."""
    if not problem.diagonal_suffices:
        raise ValueError(f"problem is {_kind(problem)}; pass a gaussian or one_hot problem")


def check_batch_size(problem: Problem, batch_size: Any) -> float:
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


def inf_beyond(risks: ArrayLike) -> np.ndarray:
    """Risks with inf wherever they are not finite: past float64 a recursion meets inf - inf, which is NaN."""
    return np.where(np.isfinite(risks), risks, np.inf)
