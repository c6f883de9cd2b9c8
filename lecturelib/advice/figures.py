"""The figures of the advice: spectrum, largest rate, cost of a batch size, training against prediction."""

import numpy as np
from matplotlib.axes import Axes

from lecturelib import plots
from lecturelib.advice import Advice


def spectrum(axes: Axes, advice: Advice) -> None:
    """Eigenvalues of H by rank; those below a ten-millionth of the largest are cut off."""
    values = advice.spectrum
    if values is None:
        raise ValueError("advice for a model has no spectrum; draw the other figures")
    style = plots.series(1)[0]
    axes.loglog(np.arange(1, len(values) + 1), values, markevery=max(1, len(values) // 20), **style)
    axes.set_ylim(bottom=max(values[-1], 1e-7 * values[0]) / 2)
    axes.set(xlabel="direction $i$", ylabel="eigenvalue $\\lambda_i$ of $H$", title="spectrum")


def rates(axes: Axes, advice: Advice) -> None:
    """Largest stable rate and best constant rate against the batch size, and the critical batch size."""
    rows = advice.plan.rows
    largest, best = plots.series(2)
    if advice.plan.optimizer.name != "adam":  # whose largest rate nobody knows
        limits = [r.max_learning_rate for r in rows]
        axes.loglog([r.batch_size for r in rows], limits, label="largest stable", **largest)
    reached = advice.plan.reached
    if reached:
        label = "used, half of it" if advice.kind == "model" else f"best, to {advice.plan.goal:g}"
        axes.loglog([r.batch_size for r in reached], [r.learning_rate for r in reached], label=label, **best)
    plots.reference_line(axes, x=advice.plan.critical_batch_size, label="critical batch size")
    axes.set(xlabel="batch size $b$", ylabel="learning rate $\\eta$", title="learning rate")
    axes.legend()


def cost(axes: Axes, advice: Advice) -> None:
    """Predicted depth and work against the batch size, what is recommended, and what training measured."""
    plan = advice.plan
    rows = plan.reached
    depth, work, measured = plots.series(3)
    sizes = [r.batch_size for r in rows]
    axes.loglog(sizes, [r.steps for r in rows], label="depth (steps)", **depth)
    axes.loglog(sizes, [r.work for r in rows], label="work (examples)", **work)
    label: str | None = "depth, training run"
    for trial in advice.trials:
        if trial.label.startswith("batch") and np.isfinite(trial.measured_steps):
            style = measured | {"linestyle": "none", "markersize": 8, "fillstyle": "none"}
            axes.loglog(trial.batch_size, trial.measured_steps, label=label, **style)
            label = None
    what = "loss" if advice.kind == "model" else "excess loss"
    if plan.best is not None:
        plots.reference_line(axes, x=plan.best.batch_size, label="recommended")
    axes.set(xlabel="batch size $b$", title=f"to {plan.goal:g} of the first {what}")
    if rows:
        axes.legend()


def training(axes: Axes, advice: Advice) -> None:
    """Excess loss of the training runs, points with bars of two standard errors, on the predicted lines."""
    for style, trial in zip(plots.series(max(len(advice.trials), 1)), advice.trials, strict=False):
        shown = trial.checkpoints > 0
        steps, colour = trial.checkpoints[shown], style["color"]
        if trial.predicted is not None:
            axes.plot(steps, trial.predicted[shown], color=colour, linestyle=style["linestyle"])
        axes.errorbar(
            steps, trial.mean[shown], 2 * trial.error[shown], fmt=style["marker"], color=colour,
            label=trial.label
        )  # fmt: skip
    plots.reference_line(axes, y=advice.plan.goal, label="goal")
    axes.set(xscale="log", yscale="log", xlabel="steps", title="training: points; prediction: lines")
    axes.set_ylabel("loss / first loss" if advice.kind == "model" else "excess loss / first excess loss")
    axes.legend()
