"""What the study of the transformer runs, how it looks for a rate, and the plan that is stored."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lecturelib.networks.transformer import METHODS

BEHIND = 1.25  # a run that tunes stops at so many times the steps of the best one so far
LATE = 6.0  # a run that is judged, at so many times the steps of the tuning runs
SPACING = 1.1  # of measurements, the ratio of their steps


@dataclass(frozen=True)
class TextPlan:
    """What a study runs.

    Attributes:
        batch_sizes: windows a step, increasing.
        goals: held-out losses to reach, decreasing, in nats a character.
        first_rates: of each method, where the search begins at the first batch size; powers of 2.
        tuning_seeds: of the runs that choose the rates.
        seeds: of the runs that are judged; none of them tunes.
        windows: most that a run processes, unless that makes fewer than `updates` steps.
        updates: steps that a run may make in any case.
        first_windows: of a run, before which nothing is measured.
        noise_batch: batch size of the runs along which the noise scale is measured.
        noise_seeds: of these runs, among `seeds`.
        noise_losses: held-out losses at which it is measured, decreasing, besides the start.
        noise_windows: windows that measure it.
        context: characters of a window, without the last to guess.
        width: as `transformer.initial_params` takes it.
        layers: the same.

    Raises:
        ValueError: a method that does not exist; a seed that tunes and is judged too.

    Example:
        >>> from lecturelib.networks.text_study_plan import PLAN
        >>> PLAN.most_steps(1), PLAN.most_steps(128), PLAN.checkpoints(128)[:5]
        (40000, 1500, [7, 8, 9, 10, 11])
    """

    batch_sizes: tuple[int, ...]
    goals: tuple[float, ...]
    first_rates: dict[str, float]
    tuning_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    windows: int = 40_000
    updates: int = 1500
    first_windows: int = 1000
    noise_batch: int = 16
    noise_seeds: tuple[int, ...] = ()
    noise_losses: tuple[float, ...] = ()
    noise_windows: int = 2048
    context: int = 32
    width: int = 64
    layers: int = 2

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # lists, as JSON has them, become tuples
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, tuple(value) if isinstance(value, list) else value)
        unknown = set(self.first_rates) - set(METHODS)
        if unknown:
            raise ValueError(f"first_rates has {sorted(unknown)}; choose among {', '.join(METHODS)}")
        both = set(self.tuning_seeds) & set(self.seeds)
        if both:
            raise ValueError(f"seeds has {sorted(both)}, which tune the rate too: judge on fresh seeds")

    def most_steps(self, batch_size: int) -> int:
        """Steps after which a run gives up."""
        return max(self.windows // batch_size, self.updates)

    def checkpoints(self, batch_size: int) -> list[int]:
        """When a run is measured, if it goes on so far: each time about a tenth later than before."""
        first, steps = max(self.first_windows // batch_size, 1), self.most_steps(batch_size)
        count = 1 + math.ceil(math.log(steps / first) / math.log(SPACING))
        return np.unique(np.geomspace(first, steps, count).round().astype(int)).tolist()


def climb(steps_at: Callable[[float, float], float], rate: float, most: float) -> float:
    """The rate, first times a power of 2, with the fewest steps: uphill until both neighbours are no better.

    Args:
        steps_at: function of a rate and of the steps after which to give up; infinite for a run that did.
        rate: the first to try.
        most: steps after which the first run gives up.

    Returns:
        The best rate; the lowest tried if none arrived.

    Example:
        >>> from lecturelib.networks.text_study_plan import climb
        >>> climb(lambda rate, limit: abs(rate - 4.0) + 1.0, 0.5, 100.0)
        4.0
    """
    found = {rate: steps_at(rate, most)}
    while True:
        best = min(sorted(found), key=found.__getitem__)
        untried = [beside for beside in (2 * best, best / 2) if beside not in found]
        if math.isinf(found[best]):
            untried = (
                untried[-1:] if len(found) < 8 else []
            )  # no rate arrives: downhill only, and not for ever
        if not untried:
            return best
        found[untried[0]] = steps_at(untried[0], min(most, BEHIND * found[best]))


PLAN = TextPlan(
    batch_sizes=tuple(2**k for k in range(7)),
    goals=(2.5,),
    first_rates={"SGD": 2.0**-6, "momentum": 2.0**-9, "Adam": 2.0**-10},
    tuning_seeds=(0,),
    seeds=(1, 2, 3),
    noise_seeds=(1,),
    noise_losses=(3.0, 2.85, 2.7, 2.6, 2.5),
)
