"""The advice as text, as JSON, and as one HTML page that can be printed and needs no network."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from lecturelib import plots
from lecturelib.advice import Advice, figures, recipes
from lecturelib.advice.headline import answer, offered, schedule, standing, verdict
from lecturelib.advice.planning import Reached
from lecturelib.advice.statement import carried
from lecturelib.claims import number
from lecturelib.files import render, written
from lecturelib.plots.outputs import Figure

SCHEMA = 1  # version of the numbers; it rises when a name changes its meaning or goes


def facts(advice: Advice) -> list[tuple[str, str]]:
    """Names and values of the numbers that describe the data."""
    plan, model = advice.plan, advice.kind == "model"
    stand_in = ", that of the stand-in" if advice.kind == "logistic" else ""
    scale = "tr(S) / |G|^2" if model else "tr(H S) / G'HG"
    size = "examples, parameters" if model else "rows, columns"
    found = [(size, f"{advice.rows:,}, {advice.columns:,}")]
    if advice.rank is not None:
        found.append(("rank of the features", f"{advice.rank:,}"))
    if advice.spectrum is not None:
        largest = f"{number(advice.spectrum[0])}; {number(advice.trace)}"
        found.append((f"largest eigenvalue; trace of H{stand_in}", largest))
    plain = " of plain SGD" if plan.optimizer.name == "adam" else ""
    rule = "rule of thumb" if model or stand_in else "exact" if plan.rates_exact else "reduced moments"
    critical = f"{number(plan.critical_batch_size)} ({rule})"
    found.append((f"critical batch size (of the largest rates{plain})", critical))
    found.append((f"noise scale now, {scale}", number(plan.noise_scale_start)))
    if plan.noise_scale_goal is not None:
        found.append(("noise scale at the goal", number(plan.noise_scale_goal)))
    return found


def table(advice: Advice) -> list[list[str]]:
    """Header and rows: batch size, largest and best rate, steps, work, work over least, measured steps."""
    rows = [["batch", "largest rate", "rate", "steps", "work", "work/least", "measured"]]
    least = min((row.work for row in advice.plan.reached), default=0)
    for row in advice.plan.rows:
        known = advice.kind != "logistic" and math.isfinite(row.max_learning_rate)
        largest = number(row.max_learning_rate) if known else "-"
        cells, trial = [f"{row.batch_size:,}", largest], advice.trial_of(row.batch_size)
        if isinstance(row, Reached):
            numbers = number(row.learning_rate), number(row.steps), number(row.work)
            cells += [*numbers, f"{row.work / least:.2f}"]
        else:
            cells += ["-", "out of reach", "-", "-"]
        if trial is None:
            cells.append("not tried")
        else:
            cells.append(number(trial.measured_steps) if math.isfinite(trial.measured_steps) else "never")
        rows.append(cells)
    return rows


def holds_for(advice: Advice) -> list[str]:
    """What is optimized, and whether the rate holds for it written otherwise; a line each."""
    row, top = advice.measured or advice.plan.best, advice.spectrum
    lines = ["Optimized: " + advice.problem.sentence + "."]
    if row is None:
        return lines
    largest = None if top is None else float(top[0])
    return lines + carried(advice.problem, advice.kind, row.learning_rate, largest, advice.plan.optimizer)


def text(advice: Advice) -> str:
    """The whole page as plain text; what training says of the prediction comes first where it refutes it."""
    lines = [advice.name, *holds_for(advice), *(f"  {name}: {value}" for name, value in facts(advice)), ""]
    if standing(advice) == "refuted":
        lines[:0] = [answer(advice), ""]
    rows = table(advice)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for at, cells in enumerate(rows, -1):
        mark = " <- recommended" if at == advice.plan.recommended and at >= 0 else ""
        lines.append("  ".join(map(str.rjust, cells, widths)) + mark)
    lines += ["", answer(advice), schedule(advice), "", verdict(advice), advice.heuristic, *advice.remarks]
    return "\n".join(lines)


def as_numbers(record: Any, **more: Any) -> dict[str, Any]:
    """A record as JSON has it, with the version of its schema; what is infinite or missing is None."""

    def plain(value: Any) -> Any:
        if hasattr(value, "__dataclass_fields__"):
            return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
        if isinstance(value, tuple | list | np.ndarray):
            return [plain(item) for item in value]
        if isinstance(value, np.generic):
            value = value.item()
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {"schema": SCHEMA} | plain(record) | more


def as_json(advice: Advice) -> str:
    """All numbers of the advice; `templates/advice.schema.json` says what each is."""
    found = as_numbers(
        advice,
        standing=standing(advice),
        confirmed=advice.confirmed,
        refuted=advice.refuted,
        answer=answer(advice),
        optimized=holds_for(advice),
        code=snippets(advice),
    )
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def snippets(advice: Advice) -> dict[str, str]:
    """The schedule that is offered, else the batch that is, as code by framework; nothing without advice."""
    if advice.advised is None:
        return {}
    scheme = offered(advice) or advice.advised.scheme()
    return recipes.code(recipes.of_scheme(scheme), advice.plan.optimizer)


def page(advice: Advice) -> str:
    """One self-contained HTML page, light or dark as its reader has it."""
    header, *rows = table(advice)
    return render(
        "advice.html.j2",
        title=f"Batch size for {advice.name}",
        advice=advice,
        holds_for=holds_for(advice),
        answer=answer(advice),
        schedule=schedule(advice),
        verdict=verdict(advice).splitlines(),
        facts=facts(advice),
        header=header,
        rows=rows,
        snippets=snippets(advice),
        figure=_figure(advice),
    )


def _figure(advice: Advice) -> Figure:
    """Whichever of the four figures this advice has, as panels of one."""
    panels = {
        figures.spectrum: "spectrum of the data",
        figures.rates: "learning rates against the batch size",
        figures.cost: "predicted depth and work against the batch size, with the recommended batch",
        figures.training: "loss of the training runs against the prediction",
    }
    if advice.spectrum is None:
        del panels[figures.spectrum]
    if not advice.trials:
        del panels[figures.training]
    axes = plots.figure(2, 2, width=9.6, height=3.2).ravel()
    for one, draw in zip(axes, panels, strict=False):
        draw(one, advice)
    for empty in axes[len(panels) :]:
        empty.remove()
    alt = "; ".join(panels.values())
    return plots.for_page(axes[0].figure, alt=f"{alt[0].upper()}{alt[1:]}.")


def write(advice: Advice, out: Path) -> tuple[Path, Path]:
    """Write batch-size.html and batch-size.json into the folder `out` (made if missing); their paths."""
    return save(out, page(advice), as_json(advice))


def save(out: Path, *contents: str) -> tuple[Path, Path]:
    """A page and its numbers, written whole into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    paths = out / "batch-size.html", out / "batch-size.json"
    for path, content in zip(paths, contents, strict=True):
        with written(path) as part:
            part.write_text(content, encoding="utf-8")
    return paths
