"""What logged runs say, as text, as JSON, and as one HTML page: of steps to a loss, or of gradient norms."""

import json
import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from lecturelib import plots
from lecturelib.advice.norm_law import NormLaw
from lecturelib.advice.page import as_numbers, save
from lecturelib.advice.step_law import StepLaw
from lecturelib.claims import number
from lecturelib.files import render

Found = StepLaw | NormLaw
LAW = "steps = S (1 + B / b), fitted to logarithms; intervals hold the number in 95 of 100 repetitions."
NOISE = "B = tr(S) / |G|^2 in examples; the interval holds it in 95 of 100 logs whose steps are alike."


def answer(found: Found) -> str:
    """The result in a sentence or two."""
    if isinstance(found, StepLaw):
        bend = found.critical[0]
        warning = "NOT CONFIRMED, the law does not fit: " if found.refuted else ""
        return (
            f"{warning}Steps and examples are both twice their least at batch {number(bend.batch_size)} "
            f"{_ends(bend.interval)}: at least {number(found.least_steps)} steps with large batches, "
            f"{number(found.least_examples)} examples with small ones."
        )
    said = f"The gradient noise scale is {number(found.noise_scale)} examples {_ends(found.interval)}."
    return said if found.trusted else f"NOT TO BE TRUSTED: {said}"


def status(found: Found) -> int:
    """Of the command: 0 a number, 3 one that its own data speak against, 4 none within what was logged."""
    if isinstance(found, StepLaw):
        refuted = found.refuted
        beyond = not found.batch_sizes.min() <= found.bend <= found.batch_sizes.max()
    else:
        refuted, beyond = not found.trusted, found.noise_scale == math.inf
    return 3 if refuted else 4 if beyond else 0


def facts(found: Found) -> list[tuple[str, str]]:
    """Names and values."""
    if isinstance(found, StepLaw):
        runs = f"{len(found.steps)}; {len(np.unique(found.batch_sizes))}"
        rows = [("runs; batch sizes", runs)]
        rows += [(f"{each.name}: {each.says}", f"{number(each.batch_size)} {_ends(each.interval)}")
                 for each in found.critical]  # fmt: skip
        misfit = "no replicates" if found.misfit is None else number(found.misfit)
        return [
            *rows,
            ("scatter of a run about the law; chance of the misfit", f"{found.scatter:.1%}; {misfit}"),
        ]
    return [
        ("steps; batch sizes", f"{found.steps}; {found.batch_sizes[0]:g} and {found.batch_sizes[1]:g}"),
        ("|G|^2, without noise", number(found.squared_norm)),
        ("tr(S), noise of one example", number(found.variance)),
    ]


def _ends(interval: tuple[float, float]) -> str:
    low, high = interval
    if low == math.inf:
        return "(beyond the runs)"
    return f"(above {number(low)})" if high == math.inf else f"({number(low)} to {number(high)})"


def text(found: Found) -> str:
    """The page as plain text."""
    law = LAW if isinstance(found, StepLaw) else NOISE
    lines = [answer(found), "", found.name, *(f"  {name}: {value}" for name, value in facts(found))]
    return "\n".join([*lines, "", law, *found.remarks])


def as_json(found: Found) -> str:
    """All numbers; what is infinite or missing is null. `templates/advice.schema.json` says what each is."""
    kind = "steps" if isinstance(found, StepLaw) else "norms"
    return json.dumps(as_numbers(found, kind=kind, answer=answer(found)), indent=1, allow_nan=False) + "\n"


def draw(axes: Axes, found: Found) -> None:
    """Runs on the fitted law, or the squared norms of the steps at both batch sizes."""
    first, second = plots.series(2)
    if isinstance(found, StepLaw):
        sizes = np.geomspace(found.batch_sizes.min(), found.batch_sizes.max(), 200)
        law = first | {"marker": ""}
        axes.loglog(sizes, found.least_steps + found.least_examples / sizes, label="S (1 + B / b)", **law)
        axes.loglog(found.batch_sizes, found.steps, label="runs", **(second | {"linestyle": "none"}))
        if sizes[0] < found.bend < sizes[-1]:
            plots.reference_line(axes, x=found.bend, label="bend B")
        axes.set(xlabel="batch size $b$", ylabel="steps to the loss", title="steps")
    else:
        for style, values, size in zip(
            (first, second), (found.small, found.big), found.batch_sizes, strict=True
        ):
            points = style | {"linestyle": "none", "markersize": 3}
            axes.semilogy(np.arange(len(values)), values, label=f"batch {size:g}", **points)
        if found.squared_norm > 0.0:
            plots.reference_line(axes, y=found.squared_norm, label="$|G|^2$")
        axes.set(xlabel="step of the log", ylabel="squared gradient norm", title="norms")
    axes.legend()


def page(found: Found) -> str:
    """One self-contained HTML page, light or dark as its reader has it."""
    axes = plots.figure(height=3.2)
    draw(axes, found)
    return render(
        "logged.html.j2",
        title=f"Batch size for {found.name}",
        name=found.name,
        answer=answer(found),
        facts=facts(found),
        law=LAW if isinstance(found, StepLaw) else NOISE,
        remarks=found.remarks,
        figure=plots.for_page(
            axes.figure,
            alt="Steps of the logged runs against the batch size, on the fitted law."
            if isinstance(found, StepLaw)
            else "Squared gradient norms of two batch sizes by step, above that of the mean gradient.",
        ),
    )


def write(found: Found, out: Path) -> tuple[Path, Path]:
    """Write batch-size.html and batch-size.json into the folder `out` (made if missing); their paths."""
    return save(out, page(found), as_json(found))
