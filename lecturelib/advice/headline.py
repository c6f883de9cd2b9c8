"""What an advice says first: its answer, its schedule, and what training has said of them."""

import itertools
import math

from lecturelib.advice.comparison import Trial
from lecturelib.advice.optimizer import SGD
from lecturelib.advice.planning import LONGEST_SEARCHED, Reached
from lecturelib.advice.result import Advice
from lecturelib.claims import number
from lecturelib.least_squares.schemes import Scheme


def standing(advice: Advice) -> str:
    """What became of the recommendation: "out of reach", "not tried", "confirmed", "undecided", "refuted"."""
    if advice.plan.best is None:
        return "out of reach"
    return _said(advice.trial_of(advice.plan.best.batch_size))


def _said(trial: Trial | None) -> str:
    if trial is None:
        return "not tried"
    return "confirmed" if trial.agrees else "refuted" if trial.refuted else "undecided"


def answer(advice: Advice) -> str:
    """The recommendation in a few sentences: where a run refutes the prediction, what was measured."""
    row = advice.plan.best
    if row is None:
        return "No batch size reaches this goal in the steps that are tried."
    trial = advice.trial_of(row.batch_size)
    if trial is not None and trial.refuted:
        return _instead(advice, row)
    least = min(advice.plan.reached, key=lambda row: row.work)
    text = _use(advice, row)
    if row.steps < least.steps:
        text += (
            f" That is {row.work / least.work:.2f} times the least work (batch {least.batch_size}), "
            f"in {number(least.steps / row.steps)} times fewer steps."
        )
    if advice.refuted:
        text += " But training refutes other rows of the table, or the schedule."
    return f"{text} {tried(trial)}"


def _use(advice: Advice, row: Reached) -> str:
    optimizer = advice.plan.optimizer
    use = "Use" if optimizer == SGD else f"With {optimizer.said}, use"
    return (
        f"{use} batches of {row.batch_size} at learning rate {number(row.learning_rate)}: about "
        f"{number(row.steps)} steps and {number(row.work)} examples to {advice.plan.goal:g} of the first "
        f"{'loss' if advice.kind == 'model' else 'excess loss'}."
    )


def _instead(advice: Advice, row: Reached) -> str:
    predicted = f"batch {row.batch_size}, rate {number(row.learning_rate)}, {number(row.steps)} steps"
    if advice.measured is None:
        return (
            f"NO ADVICE: training refutes the prediction ({predicted}), and no run reached the goal, nor at "
            "other rates. Raise the goal, or standardize the columns."
        )
    return f"MEASURED, for training refutes the prediction ({predicted}). {_use(advice, advice.measured)}"


def tried(trial: Trial | None) -> str:
    """Whether runs have tried a recommendation, and what they took; a sentence."""
    if trial is None:
        return "Not tried by a run."
    took = _took(trial)
    if trial.agrees:
        return f"Tried by {trial.runs} runs: {took}."
    return f"Tried by {trial.runs} runs, {took}: {'refuted' if trial.refuted else 'too few to decide'}."


def _took(trial: Trial) -> str:
    if trial.measured_steps == math.inf:
        return f"the goal not reached in {trial.checkpoints[-1]} steps"
    return f"{number(trial.measured_steps)} steps and {number(trial.samples)} examples"


def schedule(advice: Advice) -> str:
    """The schedule that doubles, in a few sentences; "" where the goal is out of reach."""
    row, scheme = advice.plan.best, advice.plan.schedule
    if row is None:
        return ""
    if scheme is None:
        if advice.plan.optimizer != SGD:
            return "A schedule that doubles the batch on the way is searched for plain SGD only."
        if row.steps > LONGEST_SEARCHED:
            return "Runs are too long here to search for a schedule that doubles the batch on the way."
        return "Doubling the batch on the way gains nothing here."
    trial = _doubling(advice)
    if trial is not None and offered(advice) is None:
        predicted = f"{number(scheme.steps)} steps predicted"
        return f"Doubling the batch on the way, {predicted}, is not advised. {tried(trial)}"
    stages = [(size, len(list(steps))) for size, steps in itertools.groupby(scheme.batch_sizes.tolist())]
    listed = ", ".join(f"{steps} step{'s' * (steps > 1)} of {int(size)}" for size, steps in stages)
    return (
        f"Or double on the way, always at rate {number(scheme.learning_rates[0])}: {listed}. "
        f"In all {scheme.steps:,} steps and {number(scheme.samples)} examples. {tried(trial)}"
    )


def offered(advice: Advice) -> Scheme | None:
    """The schedule that doubles, unless runs refute it or show that the recommended batch does as well."""
    trial, row = _doubling(advice), advice.plan.best
    if row is None:
        return None
    against = trial is not None and (trial.refuted or _dominated(trial, advice.trial_of(row.batch_size)))
    return None if against else advice.plan.schedule


def _doubling(advice: Advice) -> Trial | None:
    return next((each for each in advice.trials if each.label == "doubling"), None)


def _dominated(trial: Trial, constant: Trial | None) -> bool:
    """Whether the runs of the recommended batch needed no more steps, and no more examples, than these."""
    if constant is None:
        return False
    return constant.measured_steps <= trial.measured_steps and constant.samples <= trial.samples


def verdict(advice: Advice) -> str:
    """What the training runs say, one line each."""
    if not advice.trials:
        return "No training run has checked this."
    return "\n".join(_line(trial) for trial in advice.trials)


def _line(trial: Trial) -> str:
    says = {"refuted": "NOT CONFIRMED"}.get(_said(trial), _said(trial))
    if math.isfinite(trial.measured_steps):
        found = f"{number(trial.measured_steps)} measured, {trial.ratio:.2f} times as many"
    else:
        found = f"the goal was not reached in {trial.checkpoints[-1]}"
    line = f"{says}: {trial.label}, {number(trial.predicted_steps)} steps predicted, {found}"
    if trial.agrees:
        return line
    chance = "more than chance explains" if trial.differs else "chance may explain it, --runs more decide"
    return f"{line} ({trial.runs} runs: {chance})"
