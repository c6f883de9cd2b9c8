"""The instructor's kit: plans with measured times, live demos, misconceptions, exam questions, slides."""

import tomllib
from pathlib import Path

from lecturelib import notebooks
from tools import cell_times


def read(root: Path, name: str) -> list[dict]:
    """site/teaching/NAME.toml, its tables in order."""
    (tables,) = tomllib.loads(
        (root / "site" / "teaching" / f"{name}.toml").read_text(encoding="utf-8")
    ).values()
    return tables


def pages(root: Path) -> dict[str, str]:
    """The pages of teaching/ that are made from data; index and summary sheet are written by hand."""
    return {
        "teaching/plans.md": _plans(root),
        "teaching/demos.md": _demos(read(root, "demos")),
        "teaching/misconceptions.md": _misconceptions(read(root, "misconceptions")),
        "teaching/exam.md": _exam(read(root, "exam")),
        "teaching/slides.md": _slides(root),
    }


def seconds(times: dict, cells: list[str]) -> float:
    """Measured seconds of cells given as "NN:id"."""
    return sum(times[tuple(cell.split(":"))] for cell in cells)


def _plans(root: Path) -> str:
    where, times = cell_times.read(root / "site" / "teaching" / "cell_times.csv")
    titles = {
        f"{notebook.number}:{cell.id}": cell.source.splitlines()[0].strip("#>* ")
        for notebook in notebooks.find(root / "notebooks")
        for cell in notebook.read().cells
        if cell.source
    }
    parts = [
        "# Plans",
        "Each line: when, the section to open, the cells to run live and the seconds "
        "they took, what to say, and what to ask before the answer is on the screen. Run what stands above "
        "these cells before the class.",
        f"Seconds were measured on {where['date']}, {where['cores']} cores, Python {where['python']}, other "
        f"programs running (load {where['load']}); a quiet laptop is faster. `python -m tools.cell_times` "
        "measures yours.",
    ]
    for plan in read(root, "plans"):
        rows, clock = [], 0
        for block in plan["blocks"]:
            number, title = block["start"][:2], titles[block["start"]]
            begin, clock = clock, clock + block["minutes"]
            run = ", ".join(f"{{cell}}`{cell[3:]} <{cell}>`" for cell in block["run"]) or "none"
            took = f"{seconds(times, block['run']):.1f}" if block["run"] else ""
            rows.append(
                f"| {begin} to {clock} | {{cell}}`{number} {title} <{block['start']}>` "
                f"| {run} | {took} | {block['say']} | *{block['ask']}* |"
            )
        head = "| minutes | section | run live | seconds | say | ask first |\n|---|---|---|---|---|---|"
        parts += [f"## {plan['title']}", plan["about"], "\n".join([head, *rows])]
    return "\n\n".join(parts) + "\n"


def _demos(demos: list[dict]) -> str:
    parts = [
        "# Live demos",
        "Type the cell after the one named, in its notebook or in an empty one. A test runs them all.",
    ]
    for demo in demos:
        parts += [
            f"## {demo['title']}",
            f"After {{cell}}`{demo['cell']}`. **Ask:** {demo['ask']}",
            f"```python\n{demo['code'].strip()}\n```",
            f"```text\n{demo['prints'].strip()}\n```",
            f"**Say:** {demo['say']}",
        ]
    return "\n\n".join(parts) + "\n"


def _misconceptions(entries: list[dict]) -> str:
    rows = [f"| {e['believed']} | {e['true']} | {_cells(e['cells'])} |" for e in entries]
    head = "| believed | true | shown by |\n|---|---|---|"
    return "\n".join(
        ["# Misconceptions", "", "What students believe, and the cell that dispels it.", "", head, *rows, ""]
    )


def _exam(questions: list[dict]) -> str:
    parts = [
        "# Oral exam",
        "From warm-up to hard. An answer says what a good one contains; the links lead to where it is shown.",
    ]
    for number, question in enumerate(questions, 1):
        answer = f"{question['answer']} Shown in {_cells(question['cells'])}."
        parts += [f"**{number}.** {question['ask']}", f":::{{dropdown}} Answer {number}\n{answer}\n:::"]
    return "\n\n".join(parts) + "\n"


def _slides(root: Path) -> str:
    rows = "\n".join(
        f'- <a href="../slides/{n.name}.html">{n.number} {n.title()}</a>'
        for n in notebooks.find(root / "notebooks")
    )
    return f"""# Slides

Each notebook as slides: arrow keys or space to go on, `S` for the speaker's view, `F` for full screen,
`Esc` for the overview. They need no network. A slide that is longer than the screen scrolls. `make slides`
builds them alone, into `build/slides/`.

{rows}
"""


def _cells(cells: list[str]) -> str:
    return ", ".join(f"{{cell}}`{cell}`" for cell in cells)
