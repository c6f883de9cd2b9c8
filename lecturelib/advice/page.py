"""The advice as text, as JSON, and as one HTML page that can be printed and needs no network."""

import base64
import html
import io
import itertools
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lecturelib import plots
from lecturelib.advice import figures
from lecturelib.advice.planning import LONGEST_SEARCHED
from lecturelib.claims import number
from lecturelib.running import written

STYLE = """
@page { size: A4; margin: 12mm }
body { font: 13px/1.4 system-ui, sans-serif; max-width: 46em; margin: 1.5em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin: 0 } h2 { font-size: 1.1em; margin: 1em 0 .3em } p, ul { margin: .4em 0 }
.answer { border: 2px solid #1b2157; border-radius: 6px; padding: .5em 1em; margin: .8em 0; font-size: 1.1em }
table { border-collapse: collapse; width: 100% } th, td { text-align: right; padding: .1em .6em }
th { border-bottom: 1px solid #22252b } tr.recommended { background: #e7ecf7; font-weight: bold }
img { width: 100% }
@media print { body { margin: 0; max-width: none; font-size: 11px } }
"""


LOSS = {"squared": "square loss with its one half", "logistic": "logistic loss", "model": "the loss as given"}


def answer(advice) -> str:
    """The recommendation in one or two sentences."""
    plan = advice.plan
    if plan.recommended is None:
        return "No batch size reaches this goal in a million steps."
    row, least = plan.rows[plan.recommended], plan.rows[plan.cheapest]
    text = (
        f"Use batches of {row.batch_size} at learning rate {number(row.learning_rate)}: about "
        f"{number(row.steps)} steps and {number(row.work)} examples to {plan.goal:g} of the first "
        f"{'loss' if advice.kind == 'model' else 'excess loss'}."
    )
    if row.steps < least.steps:
        text += (
            f" That is {row.work / least.work:.2f} times the least work (batch {least.batch_size}), "
            f"in {number(least.steps / row.steps)} times fewer steps."
        )
    return text


def schedule(advice) -> str:
    """The schedule that doubles, in a sentence or two; "" where the goal is out of reach."""
    scheme = advice.plan.schedule
    if scheme is None:
        if advice.plan.recommended is None:
            return ""
        if advice.plan.rows[advice.plan.recommended].steps > LONGEST_SEARCHED:
            return "Runs are too long here to search for a schedule that doubles the batch on the way."
        return "Doubling the batch on the way gains nothing here."
    stages = [(size, len(list(steps))) for size, steps in itertools.groupby(scheme.batch_sizes.tolist())]
    listed = ", ".join(f"{steps} step{'s' * (steps > 1)} of {int(size)}" for size, steps in stages)
    return (
        f"Or double on the way, always at rate {number(scheme.learning_rates[0])}: {listed}. "
        f"In all {scheme.steps} steps and {number(scheme.samples)} examples."
    )


def verdict(advice) -> str:
    """What the training runs say, one line each."""
    if not advice.trials:
        return "No training run has checked this."
    lines = []
    for trial in advice.trials:
        says = "confirmed" if trial.agrees else "NOT CONFIRMED"
        if math.isfinite(trial.measured_steps):
            found = f"{number(trial.measured_steps)} measured, {trial.ratio:.2f} times as many"
        else:
            found = f"the goal was not reached in {trial.checkpoints[-1]}"
        lines.append(f"{says}: {trial.label}, {number(trial.predicted_steps)} steps predicted, {found}")
    return "\n".join(lines)


def facts(advice) -> list[tuple[str, str]]:
    """Names and values of the numbers that describe the data."""
    plan, found = advice.plan, []
    found.append(
        (
            "examples, parameters" if advice.kind == "model" else "rows, columns",
            f"{advice.rows:,}, {advice.columns:,}",
        )
    )
    if advice.rank is not None:
        found.append(("rank of the features", f"{advice.rank:,}"))
    if advice.spectrum is not None:
        found.append(
            ("largest eigenvalue; trace of H", f"{number(advice.spectrum[0])}; {number(advice.trace)}")
        )
    rule = "rule of thumb" if advice.kind == "model" else "exact" if plan.rates_exact else "reduced moments"
    found.append(
        ("critical batch size (of the largest rates)", f"{number(plan.critical_batch_size)} ({rule})")
    )
    found.append(("noise scale now", number(plan.noise_scale_start)))
    if plan.noise_scale_goal is not None:
        found.append(("noise scale at the goal", number(plan.noise_scale_goal)))
    return found


def table(advice) -> list[list[str]]:
    """Header and rows: batch size, largest and best rate, steps, work, and work over the least work."""
    plan = advice.plan
    rows = [["batch", "largest rate", "rate", "steps", "work", "work/least"]]
    for row in plan.rows:
        cells = [f"{row.batch_size:,}", number(row.max_learning_rate)]
        if row.steps is None:
            cells += ["-", "out of reach", "-", "-"]
        else:
            least = plan.rows[plan.cheapest].work
            cells += [
                number(row.learning_rate),
                number(row.steps),
                number(row.work),
                f"{row.work / least:.2f}",
            ]
        rows.append(cells)
    return rows


def text(advice) -> str:
    """The whole page as plain text."""
    lines = [advice.name, *(f"  {name}: {value}" for name, value in facts(advice)), ""]
    for at, cells in enumerate(table(advice), -1):
        mark = " <- recommended" if at == advice.plan.recommended and at >= 0 else ""
        lines.append("".join(f"{cell:>13}" for cell in cells) + mark)
    lines += ["", answer(advice), schedule(advice), "", verdict(advice), advice.heuristic, *advice.remarks]
    return "\n".join(line for line in lines if line is not None)


def as_json(advice) -> str:
    """All numbers of the advice; what is infinite or missing is null."""

    def plain(value):
        if hasattr(value, "__dataclass_fields__"):
            return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        if isinstance(value, tuple | list | np.ndarray):
            return [plain(item) for item in value]
        if isinstance(value, np.generic):
            value = value.item()
        return None if isinstance(value, float) and not math.isfinite(value) else value

    found = plain(advice) | {"confirmed": advice.confirmed, "answer": answer(advice)}
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def page(advice) -> str:
    """One self-contained HTML page."""

    def line(value):
        return f"<p>{html.escape(value)}</p>" if value else ""

    header, *body = table(advice)
    rows = "".join(
        f"<tr{' class=recommended' if at == advice.plan.recommended else ''}>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
        for at, cells in enumerate(body)
    )  # fmt: skip
    listed = "".join(
        f"<li>{html.escape(name)}: <b>{html.escape(value)}</b></li>" for name, value in facts(advice)
    )
    remarks = "".join(f"<li>{html.escape(remark)}</li>" for remark in advice.remarks)
    why = (
        f"Recommended is the largest batch whose work is at most {advice.plan.price:g} times the least work. "
        "If your machine takes fewer examples at once for the price of one, use as many as it takes: up "
        "to there work is nearly level."
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Batch size for {html.escape(advice.name)}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>Which batch size?</h1><p>{html.escape(advice.name)} ({LOSS[advice.kind]}, mean over the batch)</p>
<div class="answer">{line(answer(advice))}{line(schedule(advice))}</div>
<h2>Does it come true?</h2>{"".join(line(each) for each in verdict(advice).splitlines())}
{line(advice.heuristic)}
<h2>The data</h2><ul>{listed}{remarks}</ul>
<h2>The choice</h2><table><tr>{"".join(f"<th>{name}</th>" for name in header)}</tr>{rows}</table>{line(why)}
<img alt="{html.escape(ALT)}" src="data:image/png;base64,{_picture(advice)}">
</body></html>
"""


ALT = (
    "Spectrum of the data; learning rates against the batch size; predicted depth and work against the "
    "batch size with the recommended batch; loss of the training runs against the prediction."
)


def _picture(advice) -> str:
    plots.use("light")
    axes = plots.figure(2, 2, width=9.6, height=3.2).ravel()
    if advice.spectrum is None:
        axes[0].set_axis_off()
    else:
        figures.spectrum(axes[0], advice)
    figures.rates(axes[1], advice)
    figures.cost(axes[2], advice)
    figures.training(axes[3], advice)
    figure, png = plt.gcf(), io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    plt.close(figure)
    return base64.b64encode(png.getvalue()).decode()


def write(advice, out: Path) -> tuple[Path, Path]:
    """Write batch-size.html and batch-size.json into the folder `out` (made if missing); their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = out / "batch-size.html", out / "batch-size.json"
    for path, content in zip(paths, (page(advice), as_json(advice)), strict=True):
        with written(path) as part:
            part.write_text(content, encoding="utf-8")
    return paths
