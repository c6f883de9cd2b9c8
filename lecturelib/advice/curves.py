"""Steps of each run to one loss, from what a log has beside batch sizes and steps: losses, goals, rates."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lecturelib.datasets.columns import listed

LOSSES = frozenset(
    ["loss", "ppl", "perplexity", "error", "err", "nll", "bpb", "bpc", "mse", "rmse", "mae", "elbo"]
)
SCORES = frozenset(
    ["acc", "accuracy", "top1", "top5", "f1", "auc", "bleu", "rouge", "score", "reward", "return"]
)
GOALS = frozenset(["goal", "target", "threshold"])
RATES = frozenset(["lr", "rate", "eta", "lrs"])
RUNS = ("run", "run_id", "seed", "name", "trial", "id")
HELD_OUT = frozenset(["val", "valid", "validation", "eval", "test", "dev"])
CURVE = 3  # rows of a run from which on they may be a curve
WIDE = 2.0  # ratio of the steps of runs at one batch size above which they are doubted
EVEN = 0.02  # relative range of the steps from row to row of a curve without a known loss
ONE = 0.05  # relative range of losses that count as one: a run is looked at from time to time only


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs to one loss.

    Attributes:
        batch_sizes, steps: shape (runs,).
        remarks: sentences.
    """

    batch_sizes: np.ndarray
    steps: np.ndarray
    remarks: tuple[str, ...]


def to_one_loss(
    batch_sizes: np.ndarray, steps: np.ndarray, others: dict[str, np.ndarray], goal: float | None = None
) -> Runs:
    """The steps of each run to one loss, of each batch size at its best learning rate.

    Args:
        batch_sizes: of each row, shape (n,).
        steps: of each row, shape (n,), NaN where a run never came to the loss.
        others: other columns by name, in small letters: what LOSSES, SCORES, GOALS, RATES and RUNS call.
        goal: loss (or score) to count steps to, between two rows on a straight line; None if each row has
            its steps to the same loss.

    Raises:
        ValueError: losses differ and there is no goal, or no run comes to it.

    Example:
        >>> import numpy as np
        >>> from lecturelib.advice import curves
        >>> loss = np.array([3.0, 2.0, 1.0, 3.0, 1.0, 0.5])
        >>> steps = np.array([100.0, 200.0, 300.0] * 2)
        >>> runs = curves.to_one_loss(np.array([8, 8, 8, 16, 16, 16]), steps, {"loss": loss}, goal=1.5)
        >>> runs.batch_sizes.tolist(), runs.steps.tolist()
        ([8, 16], [250.0, 175.0])
    """
    remarks: list[str] = []
    goals = [name for name in others if _called(name, GOALS) and _range(others[name]) > 0.0]
    measured = [name for name in others if _called(name, LOSSES | SCORES) and not _called(name, GOALS)]
    measured.sort(key=lambda name: (_called(name, SCORES), not _called(name, HELD_OUT)))
    runs = list(_runs(batch_sizes, steps, others))
    if goals:
        kept = _of_goal(goals[0], others[goals[0]], goal)
        remarks.append(f"The rows whose {goals[0]} is {goal:g} are taken.")
    elif goal is None:
        kept = np.arange(len(steps))
        for name in measured:
            remarks += _one_loss(name, others[name], runs)
        if not measured:
            _refuse_curves(steps, runs)
    elif not measured:
        raise ValueError("no column of numbers is called as a loss is, such as val_loss; leave out --goal")
    else:
        name, kept = measured[0], np.array([run[0] for run in runs])
        firsts = np.array(
            [_first(steps[run], others[name][run], goal, _called(name, SCORES)) for run in runs]
        )
        if not np.isfinite(firsts).any():
            raise ValueError(
                f"no run comes to {name} {goal:g}; give --goal {_reached(name, others[name], runs)}"
            )
        steps = np.full(len(steps), math.nan)
        steps[kept] = firsts
        remarks.append(f"{len(runs)} runs, each until its {name} first comes to {goal:g}.")
    for name in others:
        if _called(name, RATES) and not _called(name, LOSSES | SCORES | GOALS):
            kept, said = _at_best(name, others[name], batch_sizes, steps, kept)
            remarks += said
    remarks += _spread(batch_sizes[kept], steps[kept])
    known = kept[np.isfinite(batch_sizes[kept]) & np.isfinite(steps[kept])]
    if lost := len(kept) - len(known):
        runs_lost = f"{lost} of {len(kept)} runs have no steps and are left out"
        remarks.append(
            f"{runs_lost}: if they never came to the loss, their batch is judged by the lucky ones."
        )
    return Runs(batch_sizes[known], steps[known], tuple(remarks))


def _spread(batch_sizes: np.ndarray, steps: np.ndarray) -> Iterator[str]:
    """A doubt, if runs of one batch size take steps that differ by more than a factor of WIDE."""
    for size in np.unique(batch_sizes):
        found = steps[(batch_sizes == size) & (steps > 0.0)]
        if len(found) and found.max() > WIDE * found.min():
            ends = f"{found.min():,.6g} to {found.max():,.6g} steps"
            yield f"Runs at batch {size:g} take {ends}: are they to one loss, of one learning rate?"
            return


def _called(name: str, words: frozenset[str]) -> bool:
    return not words.isdisjoint(name.split("_"))


def _range(values: np.ndarray) -> float:
    """Greatest less least, as a share of the larger in size."""
    values = values[np.isfinite(values)]
    return float(np.ptp(values) / np.abs(values).max()) if values.any() else 0.0


def _runs(batch_sizes: np.ndarray, steps: np.ndarray, others: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """The rows of each run: of one batch size and one name or seed, and of steps that rise."""
    keys = np.column_stack([batch_sizes, *(others[name] for name in RUNS if name in others)])
    for key in np.unique(keys, axis=0):
        rows = np.flatnonzero((keys == key).all(axis=1))
        yield from np.split(rows, 1 + np.flatnonzero(~(np.diff(steps[rows]) > 0.0)))


def _of_goal(name: str, values: np.ndarray, goal: float | None) -> np.ndarray:
    """The rows of a goal; ValueError: there are several, and none is chosen."""
    known = np.unique(values[np.isfinite(values)])
    kept = np.flatnonzero(values == goal)
    if not len(kept):
        shown = listed([f"{value:g}" for value in known])
        raise ValueError(f"{name} has {len(known)} values, {shown}; choose one: --goal {known[0]:g}")
    return kept


def _one_loss(name: str, values: np.ndarray, runs: list[np.ndarray]) -> Iterator[str]:
    """That the losses of a column count as one; ValueError: they differ too much."""
    if not _range(values):
        return
    low, high = np.nanmin(values), np.nanmax(values)
    if _range(values) > ONE:
        differs = f"{name} is not one loss, it goes from {low:.4g} to {high:.4g}"
        if max(map(len, runs)) < CURVE:
            raise ValueError(f"{differs}; write the steps at which each run first comes to one loss")
        raise ValueError(f"{differs}; to count steps to one: --goal {_reached(name, values, runs)}")
    yield f"{name} from {low:.6g} to {high:.6g} counts as one."


def _refuse_curves(steps: np.ndarray, runs: list[np.ndarray]) -> None:
    """Raise ValueError if the steps of each run rise evenly, as those of a curve do."""
    rises = [np.diff(steps[run]) for run in runs if len(run) >= CURVE]
    if len(rises) == len(runs) and all(np.ptp(rise) <= EVEN * rise.max() for rise in rises):
        remedy = "call the column of its losses loss"
        raise ValueError(f"steps rise evenly, by {rises[0][0]:g} from row to row: a curve; {remedy}")


def _reached(name: str, values: np.ndarray, runs: list[np.ndarray]) -> str:
    """The best loss that every run reaches, rounded so that it does."""
    sign = -1.0 if _called(name, SCORES) else 1.0
    worst = max(float(np.nanmin(sign * values[run])) for run in runs if np.isfinite(values[run]).any())
    unit = 10.0 ** (math.floor(math.log10(abs(worst) or 1.0)) - 2)
    return f"{sign * math.ceil(worst / unit) * unit:.4g}"


def _first(steps: np.ndarray, values: np.ndarray, goal: float, rises: bool) -> float:
    """Steps at which the values first come to the goal; NaN if they never do."""
    known = np.isfinite(values)
    steps, above = steps[known], (goal - values[known]) if rises else (values[known] - goal)
    there = np.flatnonzero(above <= 0.0)
    if not len(there):
        return math.nan
    at = int(there[0])
    if at == 0:
        return float(steps[0])
    return float(steps[at] - (steps[at] - steps[at - 1]) * above[at] / (above[at] - above[at - 1]))


def _at_best(
    name: str, rates: np.ndarray, batch_sizes: np.ndarray, steps: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Of the rows those at the rate whose runs take the fewest steps, for each batch size."""
    best: list[np.ndarray] = []
    said: list[str] = []
    for size in np.unique(batch_sizes[kept]):
        rows = kept[batch_sizes[kept] == size]
        tried = [rows[rates[rows] == rate] for rate in np.unique(rates[rows])]
        tried = [each for each in tried if np.isfinite(steps[each]).all()] or [rows]
        best.append(min(tried, key=lambda each: float(np.log(np.abs(steps[each])).mean())))
        said += [f"{size:g} at {rates[best[-1][0]]:g}"] if len(best[-1]) < len(rows) else []
    chosen = [f"Of each batch size the runs at its best {name} are taken: {listed(said)}."] if said else []
    return np.sort(np.concatenate(best)), chosen
