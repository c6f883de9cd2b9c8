"""The critical batch size from runs of any framework: batch sizes, and the steps that each took to one loss.

The law of McCandlish et al. is fitted to logarithms, as replicates scatter by a factor::

    log S(b) = log S_min + log(1 + B / b) + noise,      examples b S(b) = E_min (1 + b / B),   E_min = B S_min

Three things are called the critical batch size, and need not agree where the law does not fit::

    bend          B, where steps and examples are both twice their least            arXiv:1812.06162
    20 % rule     the largest b with b S(b) <= 1.2 b_0 S(b_0), b_0 the smallest     arXiv:2410.21676
    efficiency    the largest b with b S(b) <= price min b' S(b'); such curves      arXiv:1811.03600

The last two are read off the measurements, straight lines between them in logarithms, and know no law.

The bend's interval holds each B that a test with the bootstrap's limit does not refuse, 0 and infinity too.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.stats import f as f_distribution

from lecturelib.checks import check_between, check_count, check_nonnegative
from lecturelib.claims import number

OVERHEAD = 1.2  # examples, against linear scaling from the smallest batch
BEYOND = 1e3  # how far outside the batches that were run a bend is looked for
GRID = 161  # values of B tried, and as many again near the best
MISFIT = 0.01  # chance of a law that holds to be called wrong


@dataclass(frozen=True)
class Critical:
    """A batch size called critical: by which definition, and where 95 in 100 repetitions would have it.

    Attributes:
        name: "bend", "20 % rule" or "efficiency".
        says: the definition, a sentence.
        batch_size: math.inf, or 0 for the bend, where it lies beyond the runs.
        interval: for it, (low, high).
    """

    name: str
    says: str
    batch_size: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class StepLaw:
    """What logged runs say of the batch size.

    Attributes:
        name: of the file.
        least_steps, least_examples: S_min and E_min; S_min is 0 where steps still fall as 1 / b.
        critical: by each definition, the bend first.
        scatter: standard deviation of a run's steps about the law, as a factor: 0.1 is about a tenth.
        misfit: chance of such departures from a law that holds; None without replicates.
        batch_sizes, steps: of the runs, shape (n,).
        remarks: sentences.
    """

    name: str
    least_steps: float
    least_examples: float
    critical: tuple[Critical, ...]
    scatter: float
    misfit: float | None
    batch_sizes: np.ndarray = field(repr=False)
    steps: np.ndarray = field(repr=False)
    remarks: tuple[str, ...] = ()

    @property
    def refuted(self) -> bool:
        """Whether the runs refute the law."""
        return self.misfit is not None and self.misfit < MISFIT

    @property
    def bend(self) -> float:
        """B."""
        return self.critical[0].batch_size


def fit(
    batch_sizes: ArrayLike, steps: ArrayLike, *, price: float = 2.0, confidence: float = 0.95,
    resamples: int = 999, seed: int = 0, name: str = "runs",
) -> StepLaw:  # fmt: skip
    """The critical batch size by three definitions, see above, with bootstrap intervals.

    Args:
        batch_sizes: of each run, shape (n,), three or more that differ; replicates are welcome.
        steps: to the loss, shape (n,), above 0; of any unit that is the same for all.
        price: of the definition by efficiency, 1 or more: 2 is half of the best.
        confidence: of the intervals, in (0, 1).
        resamples: of the bootstrap, 99 or more.
        seed: of the bootstrap.
        name: of the runs.

    Raises:
        ValueError: fewer than three batch sizes or four runs, or numbers that are not positive.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import step_law
        >>> b = np.array([8, 8, 32, 32, 128, 128, 512, 512])
        >>> law = step_law.fit(b, 100 * (1 + 64 / b) * np.tile([1.02, 0.98], 4))
        >>> round(law.bend), [round(end) for end in law.critical[0].interval]
        (64, [59, 69])

    Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, 2018, equation
    2.11; H. Zhang et al., How does critical batch size scale in pre-training?, 2024; C. Shallue et al.,
    Measuring the effects of data parallelism on neural network training, 2018.
    """
    sizes, wanted = np.asarray(batch_sizes, dtype=float), np.asarray(steps, dtype=float)
    check_nonnegative("price", price, at_least=1.0)
    check_between("confidence", confidence, 0.0, 1.0, ends="()")
    check_count("resamples", resamples, at_least=99)
    for what, values in (("batch size", sizes), ("number of steps", wanted)):
        if bad := [value for value in values.tolist() if not 0.0 < value < math.inf]:
            raise ValueError(f"{name}: a {what} of {bad[0]:g} is refused; give numbers above 0")
    different, place = np.unique(sizes, return_inverse=True)
    if len(different) < 3 or len(sizes) < 4:
        raise ValueError(
            f"{name}: {len(sizes)} runs at {len(different)} batch sizes; give 4 or more, at 3 or more"
        )
    logs, random = np.log(wanted), np.random.default_rng(seed)
    tried = _tried(logs, sizes)
    curves = _curves(tried, sizes)
    misfits = _squares(logs, curves)
    best = int(np.argmin(misfits))
    bend = {0: 0.0, len(tried) - 1: math.inf}.get(best, float(tried[best]))
    fitted = logs.mean() + curves[best]
    residuals, freedom = logs - fitted, len(sizes) - 2
    signs = random.choice([-1.0, 1.0], (resamples, len(sizes)))
    drawn = residuals[random.integers(len(sizes), size=signs.shape)] * signs
    again = _squares(fitted + drawn, curves)
    limit = float(np.quantile(again[:, best] / np.maximum(again.min(axis=1), 1e-300), confidence))
    inside = np.flatnonzero(misfits <= misfits[best] * limit + 1e-24)
    ends = _ends(tried, misfits, inside, misfits[best] * limit)
    least_steps, least_examples = _least(logs, sizes, bend)
    chance = _misfit(logs, place, misfits[best])
    measured = _measured(different, place, logs, drawn * math.sqrt(len(sizes) / freedom), price, confidence)
    says, said = "steps and examples are both twice their least, by the law", []
    if chance is not None and chance < MISFIT:
        said.append(f"The law does not fit (chance {chance:.1g}): believe the definitions that know no law.")
    if not different[0] <= bend <= different[-1]:
        said.append("The bend lies outside the batches that were run: run larger or smaller ones.")
    return StepLaw(
        name=name,
        least_steps=least_steps,
        least_examples=least_examples,
        critical=(Critical("bend", says, bend, ends), *measured),
        scatter=float(math.sqrt(misfits[best] / freedom)),
        misfit=chance,
        batch_sizes=sizes,
        steps=wanted,
        remarks=tuple(said),
    )


def _squares(logs: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Squared residuals about each curve at its best height; (..., n) and (k, n) to (..., k)."""
    centred = logs - logs.mean(axis=-1, keepdims=True)
    products = (centred**2).sum(axis=-1, keepdims=True) - 2.0 * centred @ curves.T
    return np.maximum(products + (curves**2).sum(axis=1), 0.0)


def _tried(logs: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Values of B: a wide grid, and a fine one about the best, eight standard errors to either side."""
    wide = np.geomspace(sizes.min() / BEYOND, sizes.max() * BEYOND, GRID)
    best = int(np.argmin(_squares(logs, _curves(wide, sizes))))
    if best in (0, GRID - 1):
        return wide
    centre = minimize_scalar(
        lambda place: float(_squares(logs, _curves(np.exp([place]), sizes))[0]),
        bounds=np.log(wide[[best - 1, best + 1]]), method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    share = np.exp(centre.x) / (sizes + np.exp(centre.x))  # the slope of a curve in log B
    error = math.sqrt(centre.fun / (len(sizes) - 2) / ((share - share.mean()) ** 2).sum())
    fine = np.exp(np.clip(centre.x + error * np.linspace(-8.0, 8.0, GRID), *np.log(wide[[0, -1]])))
    return np.unique(np.append(wide, fine))


def _curves(tried: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """log(1 + B / b) less its mean, shape (k, n)."""
    curves = np.log1p(tried[:, None] / sizes)
    return curves - curves.mean(axis=1, keepdims=True)


def _ends(tried: np.ndarray, misfits: np.ndarray, inside: np.ndarray, limit: float) -> tuple[float, float]:
    """First and last B that are not refused, between grid points; 0 and inf where the grid ends."""

    def crossing(within: int, outside: int) -> float:
        part = (limit - misfits[within]) / max(misfits[outside] - misfits[within], 1e-300)
        part = min(max(part, 0.0), 1.0)
        return float(tried[within] * (tried[outside] / tried[within]) ** part)

    first, last = int(inside[0]), int(inside[-1])
    low = 0.0 if first == 0 else crossing(first, first - 1)
    return low, math.inf if last == len(tried) - 1 else crossing(last, last + 1)


def _least(logs: np.ndarray, sizes: np.ndarray, bend: float) -> tuple[float, float]:
    """S_min and E_min at this bend."""
    if bend == math.inf:
        return 0.0, float(np.exp((logs + np.log(sizes)).mean()))
    least = float(np.exp((logs - np.log1p(bend / sizes)).mean()))
    return least, least * bend


def _misfit(logs: np.ndarray, place: np.ndarray, squares: float) -> float | None:
    """Chance of so bad a fit where the law holds, from how replicates scatter; None without any."""
    counts = np.bincount(place)
    within = logs - (np.bincount(place, logs) / counts)[place]
    pure, own, lack = float(within @ within), len(logs) - len(counts), len(counts) - 2
    if own == 0 or pure == 0.0:
        return None
    ratio = max(squares - pure, 0.0) / lack / (pure / own)
    return float(f_distribution.sf(ratio, lack, own))


def _measured(
    different: np.ndarray, place: np.ndarray, logs: np.ndarray, drawn: np.ndarray, price: float,
    confidence: float,
) -> list[Critical]:  # fmt: skip
    """The definitions that know no law, and intervals from measurements drawn about those made."""
    counts = np.bincount(place)
    means = np.bincount(place, logs) / counts + np.log(different)
    spread = np.stack([drawn[:, place == k].mean(axis=1) for k in range(len(counts))], axis=1)
    found = []
    for name, anchor, most, says in (
        ("20 % rule", np.s_[:1], math.log(OVERHEAD), f"examples {OVERHEAD:g} times the smallest batch's"),
        ("efficiency", np.s_[:], math.log(price), f"examples {number(price)} times the fewest"),
    ):
        at, *again = (_reach(different, w - w[anchor].min() - most) for w in [means, *means + spread])
        ends = np.quantile(again, (0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence), method="nearest")
        found.append(Critical(name, f"{says}, between runs", at, (float(ends[0]), float(ends[1]))))
    return found


def _reach(different: np.ndarray, excess: np.ndarray) -> float:
    """The batch from which on the excess stays above 0, on straight lines in log b; inf if it ends below."""
    below = int(np.flatnonzero(excess <= 0.0)[-1])
    if below == len(different) - 1:
        return math.inf
    part = -excess[below] / (excess[below + 1] - excess[below])
    return float(different[below] * (different[below + 1] / different[below]) ** part)
