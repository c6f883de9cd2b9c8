"""The optimizer that an advice is for, and a step of it: plain SGD, heavy-ball momentum, Adam.

With the gradient g of a batch and the rate eta ::

    SGD:       w <- w - eta g
    momentum:  v <- beta v - eta g,    w <- w + v         (torch.optim.SGD and optax.sgd, with momentum=beta)
    Adam:      m <- beta m + (1 - beta) g,    s <- beta_2 s + (1 - beta_2) g^2,
               w <- w - eta m' / (sqrt(s') + 1e-8),       m' = m / (1 - beta^t),  s' = s / (1 - beta_2^t)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lecturelib.checks import check_between, check_choice

NAMES = ("sgd", "momentum", "adam")
USUAL = 0.9  # momentum, and Adam's
MOMENTA = (0.5, 0.8, 0.9, 0.95, 0.98)  # from which the advice chooses where none is given
SECOND, EPSILON = 0.999, 1e-8  # of Adam

Change = Callable[[np.ndarray, float], np.ndarray]  # of a gradient and a rate: what is added to the weights


@dataclass(frozen=True)
class Optimizer:
    """How gradients become steps.

    Attributes:
        name: "sgd", "momentum" or "adam".
        momentum: beta, 0 for plain SGD.
        second: beta_2, 0 for all but Adam.
    """

    name: str
    momentum: float = 0.0
    second: float = 0.0

    @property
    def said(self) -> str:
        """Its name and numbers."""
        if self.name == "adam":
            return f"Adam (decays {self.momentum:g} and {self.second:g}, epsilon {EPSILON:g})"
        return f"SGD with momentum {self.momentum:g} (heavy ball)" if self.momentum else "plain SGD"

    def begin(self) -> Change:
        """The change of the weights at each step of a run, from its first on.

        Example:
            >>> import numpy as np
            >>> from lecturelib.advice import optimizer
            >>> step = optimizer.chosen("momentum", 0.5).begin()
            >>> [float(step(np.ones(1), 0.1)[0]) for _ in range(2)]
            [-0.1, -0.15000000000000002]
        """
        velocity = spread = np.zeros(1)
        beta, second, time = self.momentum, self.second, 0

        def heavy_ball(gradient: np.ndarray, rate: float) -> np.ndarray:
            nonlocal velocity
            velocity = beta * velocity - rate * gradient
            return velocity

        def adam(gradient: np.ndarray, rate: float) -> np.ndarray:
            nonlocal velocity, spread, time
            time += 1
            velocity = beta * velocity + (1.0 - beta) * gradient
            spread = second * spread + (1.0 - second) * gradient**2
            deviation = np.sqrt(spread / (1.0 - second**time)) + EPSILON
            return -rate * (velocity / (1.0 - beta**time)) / deviation

        return adam if self.name == "adam" else heavy_ball


SGD = Optimizer("sgd")


def chosen(name: str, momentum: float | None = None) -> Optimizer:
    """The optimizer of a name.

    Args:
        name: "sgd", "momentum" or "adam".
        momentum: beta of "momentum", above 0 and below 1; USUAL if None.

    Raises:
        ValueError: another name, a momentum out of range, or one that the optimizer does not take.
    """
    check_choice("optimizer", name, NAMES)
    if name != "momentum" and momentum is not None:
        raise ValueError(f'momentum = {momentum!r} is refused with optimizer = {name!r}; pass "momentum"')
    if name == "momentum":
        beta = USUAL if momentum is None else momentum
        return Optimizer(name, check_between("momentum", beta, 0.0, 1.0, ends="()"))
    return Optimizer(name, USUAL, SECOND) if name == "adam" else SGD
