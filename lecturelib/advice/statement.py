"""What is optimized, in one sentence, and whether the rate holds for the same data written differently."""

from dataclasses import dataclass

import numpy as np

from lecturelib.advice.optimizer import SGD, Optimizer
from lecturelib.advice.preparation import Data
from lecturelib.claims import number

ITERATIONS = 30  # of the power method
LOSS = {
    "squared": "1/2 (y - x'w)^2",
    "logistic": "log(1 + e^u) - y u with u = x'w and y 0 or 1",
    "model": "the loss as given, from the parameters given",
}


@dataclass(frozen=True)
class Stated:
    """The problem that an advice is for: training from w = 0 on the mean loss of a batch.

    Attributes:
        loss: of an example, as a formula.
        columns: what was done to them.
        bias: how the constant is learnt.
        average, draws: of the batch.
        decay: of the weights.
        raw_curvature: largest eigenvalue of E[xx'] on the columns as they came, with a column of ones, over
            that of what is trained; None where nothing was done to the columns.
    """

    loss: str
    columns: str
    bias: str
    average: str = "mean over the batch"
    draws: str = "rows drawn at random with replacement, w = 0 at the start"
    decay: str = "no weight decay"
    raw_curvature: float | None = None

    @property
    def sentence(self) -> str:
        """The problem in one line."""
        parts = f"{self.loss}, {self.average}", self.columns, self.bias, self.draws, self.decay
        return "; ".join(part for part in parts if part)


def of_data(data: Data) -> Stated:
    """The problem that `preparation.prepare` has made.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import preparation, statement
        >>> data = preparation.prepare(np.array([[1.0], [3.0], [5.0]]), [1.0, 2.0, 6.0])
        >>> statement.of_data(data).columns, round(statement.of_data(data).raw_curvature, 1)
        ('columns less their means, not scaled', 4.7)
    """
    if data.means is None:
        columns, bias = "columns as they are in the file, not scaled", "no bias"
        return Stated(LOSS[data.loss], columns, bias)
    scaled = "not scaled" if data.scales is None else "divided by their deviations"
    learnt = "no bias, for the target is less its mean" if data.loss == "squared" else "bias a column of ones"
    ratio = _top(data, raw=True) / _top(data, raw=False)
    return Stated(LOSS[data.loss], f"columns less their means, {scaled}", learnt, raw_curvature=ratio)


def of_model(optimizer: Optimizer = SGD) -> Stated:
    """The problem of a reader's own loss."""
    draws = f"{optimizer.said}, examples drawn at random with replacement"
    return Stated(LOSS["model"], "data as given", "", draws=draws, decay="")


def carried(
    stated: Stated, kind: str, rate: float, largest_eigenvalue: float | None, optimizer: Optimizer = SGD
) -> list[str]:
    """Whether a rate holds for the usual classes of PyTorch and for the columns as they came, a line each.

    Args:
        stated: the problem.
        kind: "squared", "logistic" or "model".
        rate: what was recommended.
        largest_eigenvalue: of H, where it is known and a rate above two over it diverges.
        optimizer: that the rate is for; with momentum 2 (1 + beta) stands for two.
    """
    if kind == "model":
        return []
    lines = [] if optimizer == SGD else [f"Trained by {optimizer.said}, which the rate is for."]
    if optimizer.name == "adam":
        which = "nn.MSELoss, which has no 1/2" if kind == "squared" else "nn.BCEWithLogitsLoss"
        lines.append(f"The rate is the same for {which}: Adam divides by the size of the gradient.")
        if stated.raw_curvature is None:
            return lines
        return [*lines, "On the columns as they came, with a bias, it is not tried."]
    if kind == "squared":
        lines += [f"For nn.MSELoss, which has no 1/2, take half the rate: {number(0.5 * rate)}."]
    else:
        lines += ["The rate is the same for nn.BCEWithLogitsLoss."]
    if stated.raw_curvature is None:
        return [*lines, "It holds for the columns as they are, without a bias."]
    if stated.raw_curvature <= 1.01:
        return [*lines, "On the columns as they came, with a bias, it is as stable; that is not tried."]
    times = f"the largest eigenvalue is {number(stated.raw_curvature)} times as large there"
    said = f"On the columns as they came, with a bias, the rate does not carry over: {times}"
    if kind == "squared" and largest_eigenvalue:
        most = 2.0 * (1.0 + optimizer.momentum) / (stated.raw_curvature * largest_eigenvalue)
        said += f", and rates above {number(most)} diverge"
    return [*lines, said + ". Do to the columns what is said here, and use the same means for new rows."]


def _top(data: Data, *, raw: bool) -> float:
    """Largest eigenvalue of E[xx'] by the power method, never above it: of what is trained, or of raw rows.

    A raw row is ``(scales x + means, 1)``, and x has mean zero; so E of its square is
    ``diag(scales) E[xx'] diag(scales)``, bordered by zeros, plus ``(means, 1) (means, 1)'``.
    """
    assert data.means is not None
    columns = len(data.means)
    features = data.features[:, :columns]  # without the column of ones
    scales = data.scales if raw and data.scales is not None else np.ones(columns)
    mean = np.append(data.means, 1.0) if raw else np.append(np.zeros(columns), data.loss == "logistic")
    vector, value = mean + np.random.default_rng(0).standard_normal(columns + 1), 0.0
    for _ in range(ITERATIONS):
        vector /= np.linalg.norm(vector)
        spread = scales * (features.T @ (features @ (scales * vector[:-1]))) / len(features)
        image = np.append(spread, 0.0) + mean * (mean @ vector)
        value, vector = float(vector @ image), image
    return value
