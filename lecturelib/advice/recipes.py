"""The schedule as code for optax, PyTorch, Megatron-LM and OLMo-core, counted in examples.

A schedule counted in steps promises nothing once the batch grows: it trains on more examples than was said,
and its decay of the rate ends elsewhere. Here a batch size begins when so many examples have been seen, and
the rate depends on them; training ends with the first step that reaches the total, so within a batch of it,
and a decay is then at zero.
"""

import itertools
import math
from dataclasses import dataclass

from lecturelib.advice.optimizer import SECOND, SGD, USUAL, Optimizer
from lecturelib.checks import check_choice
from lecturelib.least_squares.schemes import Scheme

DECAYS = {
    "none": "1.0",
    "linear": "1.0 - part",
    "cosine": "0.5 + 0.5 * {}cos({}pi * part)",
}
STYLES = {"none": "constant", "linear": "linear", "cosine": "cosine"}


@dataclass(frozen=True)
class Schedule:
    """Batch sizes and rates by the number of examples seen.

    Attributes:
        starts: examples seen when each stage begins, rising from 0; shape (k,).
        batch_sizes: of each stage, shape (k,).
        rates: of each stage, before the decay, shape (k,).
        examples: to train on.
        decay: "none", "linear" or "cosine", from all of the rate to none of it at the end.

    Raises:
        ValueError: starts that do not rise from 0 to below `examples`, sizes or rates that are not positive.

    Example:
        >>> from lecturelib.advice.recipes import Schedule
        >>> Schedule((0, 100), (8, 32), (0.1, 0.1), examples=300).stages()
        [(0, 0, 8, 0.1), (13, 104, 32, 0.1), (20, 328, 0, 0.0)]
    """

    starts: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    rates: tuple[float, ...]
    examples: int
    decay: str = "none"

    def __post_init__(self) -> None:
        check_choice("decay", self.decay, tuple(DECAYS))
        marks = *self.starts, self.examples
        if not self.starts or self.starts[0] != 0 or any(a >= b for a, b in itertools.pairwise(marks)):
            raise ValueError(
                f"starts = {self.starts} is refused; give rising numbers, from 0 to below examples"
            )
        if not len(self.starts) == len(self.batch_sizes) == len(self.rates):
            raise ValueError("starts, batch_sizes and rates differ in length; give one of each a stage")
        for name, values in (("batch_sizes", self.batch_sizes), ("rates", self.rates)):
            if bad := [value for value in values if not 0 < value < math.inf]:
                raise ValueError(f"{name} has {bad[0]}; give numbers above 0")

    def stages(self) -> list[tuple[int, int, int, float]]:
        """Steps done and examples seen when each stage really begins, its batch size and rate; then the end.

        A stage begins with the first step that starts at its mark or later; one that no step meets is out.
        """
        found, step, seen = [], 0, 0
        ends = *self.starts[1:], self.examples
        for end, size, rate in zip(ends, self.batch_sizes, self.rates, strict=True):
            if steps := max(0, -(-(end - seen) // size)):
                found.append((step, seen, size, rate))
                step, seen = step + steps, seen + steps * size
        return [*found, (step, seen, 0, 0.0)]


def of_scheme(scheme: Scheme, decay: str = "none") -> Schedule:
    """A schedule of the steps of a scheme, in examples.

    >>> import numpy as np
    >>> from lecturelib.advice import recipes
    >>> recipes.of_scheme(recipes.Scheme(np.full(5, 0.1), np.array([8, 8, 8, 16, 16]))).starts
    (0, 24)
    """
    starts, sizes, rates, seen = [], [], [], 0
    steps = zip(scheme.learning_rates.tolist(), scheme.batch_sizes.tolist(), strict=True)
    for (rate, size), same in itertools.groupby(steps):
        starts.append(seen)
        sizes.append(int(size))
        rates.append(rate)
        seen += int(size) * len(list(same))
    return Schedule(tuple(starts), tuple(sizes), tuple(rates), seen, decay)


def code(schedule: Schedule, optimizer: Optimizer = SGD) -> dict[str, str]:
    """The schedule for each framework, by its name, with the optimizer that its rates are for."""
    made = {
        "optax": _optax(schedule, optimizer),
        "PyTorch": _pytorch(schedule, optimizer),
        "Megatron-LM": _megatron(schedule, optimizer),
        "OLMo-core": _olmo(schedule),
    }
    if optimizer.name == "momentum":
        del made["OLMo-core"]  # it has no momentum
    return made


def _table(schedule: Schedule) -> str:
    """What optax and PyTorch, which count steps, need to know of examples."""
    steps, seen, sizes, rates = zip(*schedule.stages(), strict=True)
    return f"""\
steps = {list(steps)}  # done when each stage begins; the last: when training ends
seen = {list(seen)}  # examples seen then
sizes = {list(sizes[:-1])}  # batch size of each stage
rates = {list(rates[:-1])}  # learning rate of each stage{", before the decay" * (schedule.decay != "none")}
"""


def _optax(schedule: Schedule, optimizer: Optimizer) -> str:
    made = {"sgd": "sgd(rate)", "momentum": f"sgd(rate, momentum={optimizer.momentum})", "adam": "adam(rate)"}
    return f"""\
# Run in the tests with optax: the batch of step t is sizes[k] with k = bisect_right(steps, t) - 1.
import jax.numpy as jnp
import optax

{_table(schedule)}

def rate(step):  # optax counts steps; the rate depends on the examples seen
    part = jnp.minimum(jnp.interp(step, jnp.array(steps), jnp.array(seen)) / {schedule.examples}, 1.0)
    stage = jnp.searchsorted(jnp.array(steps[1:-1]), step, side="right")
    return jnp.array(rates)[stage] * ({DECAYS[schedule.decay].format("jnp.", "jnp.")})


optimizer = optax.{made[optimizer.name]}
"""


def _pytorch(schedule: Schedule, optimizer: Optimizer) -> str:
    made = f"{'Adam' if optimizer.name == 'adam' else 'SGD'}(model.parameters(), lr=rates[0]"
    made += f", momentum={optimizer.momentum})" if optimizer.name == "momentum" else ")"
    return f"""\
# Not run here with torch; in the tests with a stand-in for it. Rows are drawn with replacement, as tried.
import bisect
import math

import torch

{_table(schedule)}

def stage(step):
    return min(bisect.bisect_right(steps, step), len(sizes)) - 1


class Batches:  # DataLoader(data, batch_sampler=Batches(len(data)))
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        for step in range(steps[-1]):
            yield torch.randint(self.rows, (sizes[stage(step)],)).tolist()


def share(step):  # of rates[0]: LambdaLR counts steps, the rate depends on the examples seen
    k = stage(step)
    part = min((seen[k] + (step - steps[k]) * sizes[k]) / {schedule.examples}, 1.0)
    return rates[k] / rates[0] * ({DECAYS[schedule.decay].format("math.", "math.")})


# with optimizer = torch.optim.{made}, and scheduler.step() after each step:
# scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
"""


def _megatron(schedule: Schedule, optimizer: Optimizer) -> str:
    flags = {
        "sgd": "",
        "momentum": f"\n  --optimizer sgd --sgd-momentum {optimizer.momentum} --weight-decay 0",
        "adam": f"\n  --optimizer adam --adam-beta1 {USUAL} --adam-beta2 {SECOND} --weight-decay 0",
    }
    pairs = zip(schedule.starts, schedule.batch_sizes, strict=True)
    marks = " ".join(f"$(({start} * SEQ)):{size}" for start, size in pairs)
    return f"""\
# Not run here with Megatron-LM; in the tests by its rules: a mark counts tokens, so SEQ is --seq-length.
SEQ=1{_one_rate(schedule)}
ARGS=(
  --seq-length $SEQ --train-samples {schedule.examples}
  --step-batch-size-schedule "{marks}"
  --lr {schedule.rates[0]} --min-lr 0
  --lr-decay-style {STYLES[schedule.decay]} --lr-decay-samples {schedule.examples}{flags[optimizer.name]}
)
"""


def _olmo(schedule: Schedule) -> str:
    growth = [b / a for a, b in itertools.pairwise(schedule.batch_sizes)]
    if any(each == 1.0 or not (each.is_integer() or (1.0 / each).is_integer()) for each in growth):
        return "# OLMo-core takes batches that grow by whole factors only, and these do not.\n"
    sizes = ", ".join(f"{size} * SEQ" for size in schedule.batch_sizes)
    marks = ", ".join(f"Duration.tokens({start} * SEQ)" for start in schedule.starts)
    return f"""\
# Not run here with OLMo-core; in the tests by its rules. It takes Adam only, and multiplies the rate by the
# square root of each growth of the batch: divide the scheduler's rate where that is not wanted.
from olmo_core.train import Duration
from olmo_core.train.callbacks import BatchSizeSchedulerCallback

SEQ = 1  # tokens of an example
callback = BatchSizeSchedulerCallback(batch_sizes=[{sizes}], schedule=[{marks}])
max_duration = Duration.tokens({schedule.examples} * SEQ)  # of the trainer{_one_rate(schedule)}
"""


def _one_rate(schedule: Schedule) -> str:
    return "  # one rate only: that of the first stage" if len(set(schedule.rates)) > 1 else ""
