"""What is asked of an advice, and all that it says."""

from dataclasses import dataclass, field

import numpy as np

from lecturelib.advice.comparison import Trial, of_batch
from lecturelib.advice.optimizer import chosen
from lecturelib.advice.planning import Plan, Reached, check_plan
from lecturelib.advice.statement import Stated
from lecturelib.checks import check_count


@dataclass(frozen=True)
class Options:
    """What is asked of an advice, as `advise` says it; ValueError: out of range."""

    goal: float
    price: float = 2.0
    runs: int = 8
    seed: int = 0
    optimizer: str = "sgd"
    momentum: float | None = None

    def __post_init__(self) -> None:
        check_plan(self.goal, self.price)
        check_count("runs", self.runs, at_least=2)  # for a standard error
        check_count("seed", self.seed, at_least=0)
        chosen(self.optimizer, self.momentum)


@dataclass(frozen=True, eq=False)
class Advice:
    """All that the page says.

    Attributes:
        name: of the data, and what is predicted.
        kind: "squared", "logistic" or "model".
        problem: what is optimized, and how the data were changed for it.
        rows, columns: examples; features, or parameters of a model.
        rank: of the features, None for a model or where not all eigenvalues are known.
        spectrum, trace: of H, None for a model.
        plan: what each batch size costs, and which to take.
        trials: training runs beside their predictions.
        measured: the recommended batch as training has it, where a run refutes its prediction: best rate
            and steps; None if none does, or if no run reached the goal.
        remarks: what is odd about the data, and training runs left out because they would take too long.
        heuristic: why the advice is a rule of thumb, "" where it is theory.
    """

    name: str
    kind: str
    problem: Stated
    rows: int
    columns: int
    rank: int | None
    spectrum: np.ndarray | None = field(repr=False)
    trace: float | None
    plan: Plan
    trials: tuple[Trial, ...]
    measured: Reached | None
    remarks: tuple[str, ...]
    heuristic: str

    @property
    def confirmed(self) -> bool | None:
        """Whether every training run agrees with its prediction; None if there was none."""
        return all(each.agrees for each in self.trials) if self.trials else None

    @property
    def refuted(self) -> bool:
        """Whether some training run refutes its prediction."""
        return any(each.refuted for each in self.trials)

    @property
    def advised(self) -> Reached | None:
        """The batch to use: as measured where a run refutes its prediction; None where there is no advice."""
        best = self.plan.best
        tried = None if best is None else self.trial_of(best.batch_size)
        return self.measured if tried is not None and tried.refuted else best

    def trial_of(self, batch_size: int) -> Trial | None:
        """The training run of a constant batch, None if there was none."""
        return of_batch(self.trials, batch_size)
