"""The `lecture` command: list the notebooks and their parameters, run them, store them; grade homework."""

import signal
import sys
from pathlib import Path

import click
from tqdm import tqdm

from lecturelib import notebooks, running

OUT = notebooks.FOLDER.parent / "build" / "lectures"
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lecturelib")
@click.option(
    "--notebooks", "folder", type=FOLDER, default=notebooks.FOLDER, help="Another folder of notebooks."
)
@click.pass_context
def main(context, folder):
    """Optimization for Big Data: a lecture that proves its claims by running."""
    context.obj = folder
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a terminated run cleans up after itself


def _select(numbers) -> list[notebooks.Notebook]:
    try:
        return notebooks.select(numbers, click.get_current_context().obj)
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from None


@main.command("list")
@click.argument("numbers", nargs=-1, metavar="[NN]...")
def list_notebooks(numbers):
    """List the notebooks; with numbers, their parameters with defaults and units."""
    for notebook in _select(numbers):
        try:
            title, parameters = notebook.title(), notebook.parameters() if numbers else {}
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        click.echo(f"{notebook.number}  {title}")
        for parameter in parameters.values():
            click.echo(f"      {parameter}")


@main.command()
@click.argument("numbers", nargs=-1, metavar="[NN]...")
@click.option(
    "-p", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter; repeat for several."
)
@click.option("--out", type=FOLDER, default=OUT, help="Folder for the results.")
def run(numbers, assignments, out):
    """Run notebooks (all by default) and write executed copies and pages.

    \b
    lecture run 08
    lecture run 08 -p seeds=0,1,2 -p hidden=100
    """
    chosen = _select(numbers)
    try:  # every value is checked against every notebook before the first one starts
        values = [notebooks.parse_values(assignments, n.parameters(), n.name) for n in chosen]
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    failed = []
    with tqdm(total=len(chosen), unit="notebook", file=sys.stderr, disable=None) as bar:
        for notebook, overrides in zip(chosen, values, strict=True):
            bar.set_description(notebook.name)
            result = running.run(notebook, out, overrides)
            if result.error is not None:
                failed.append(result)
            state = "FAILED" if result.error is not None else "ran"
            held = len(set(result.claims))
            bar.write(
                f"{notebook.name:<32} {state:<6} {result.seconds:5.0f} s  {held:2d} claims hold",
                file=sys.stdout,
            )
            bar.update()

    for result in failed:
        kept = f"\n  see {result.files[0]}" if result.files else ""
        click.echo(f"\n{result.notebook.name} failed in {result.error}{kept}", err=True)
    click.echo(f"\nExecuted notebooks (.ipynb) and pages (.html) are in {out}")
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("numbers", nargs=-1, metavar="[NN]...")
def store(numbers):
    """Re-execute notebooks and store their outputs in notebooks/ (for authors)."""
    failed = 0
    for notebook in tqdm(_select(numbers), unit="notebook", disable=None):
        error = running.store(notebook)
        failed += error is not None
        tqdm.write(f"{notebook.name:<32} {'stored' if error is None else 'FAILED, left as it was: ' + error}")
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=FOLDER, required=True, help="Folder for marks, feedback and statistics.")
@click.option("--assignment", metavar="N", help="Number, name or path; by default what the notebooks say.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Students at a time.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the drawn inputs.")
@click.option(
    "--time-limit", type=click.FloatRange(0.1), default=1.0, help="Factor on each question's seconds."
)
@click.option("--memory", type=click.FloatRange(0.25), default=1.0, help="Factor on each question's memory.")
@click.option(
    "--gradebook",
    nargs=2,
    type=(click.Path(exists=True, dir_okay=False, path_type=Path), str),
    metavar="CSV COLUMN",
    help="A portal's exported gradebook, and its column to fill in.",
)
def grade(submissions, out, assignment, workers, seed, time_limit, memory, gradebook):
    """Grade notebooks of students, shut in; homework/README.md tells how.

    \b
    lecture grade submissions/ --out marks/
    """
    from lecturelib.grading import command  # here, for the other commands need none of it

    limits = {"seed": seed, "time_limit": time_limit, "memory": memory}
    try:
        status = command.run(list(submissions), out, assignment, workers, gradebook, **limits)
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from None
    sys.exit(status)


@main.command()
@click.argument("notebook", metavar="NOTEBOOK")
@click.option(
    "-p", "assignments", multiple=True, metavar="NAME=V1,V2,...", help="A parameter's values; repeatable."
)
@click.option("--out", type=FOLDER, required=True, help="Folder for the results.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes on this machine; else one a core.")
@click.option("--scheduler", metavar="ADDRESS", help="A dask scheduler to use instead, tcp://host:8786.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    help="Seconds that a run may take.",
)
@click.option("--budget", metavar="LIMIT", help="Start no more after 20runs, 90s, 30min or 2h.")
@click.option(
    "--figure", type=click.IntRange(min=1), default=1, show_default=True, help="Which figure the page shows."
)
@click.pass_obj
def sweep(folder, notebook, assignments, out, **options):
    """Run NOTEBOOK (a number, a name or a path) once for each combination of values.

    \b
    lecture sweep 04 -p seed=0:5 -p noise_variance=0.1,0.25 --out build/sweep

    Runs that are done are not repeated: the same command goes on after an end of any kind.
    """
    from lecturelib.sweep import command as sweep_command  # here, for the other commands need no dask

    sys.exit(sweep_command.sweep(notebook, assignments, out, folder=folder, **options))


@main.command("batch-size")
@click.argument("data", default="", metavar="[DATA]")
@click.option(
    "--target", default="", help="Column to predict, else the last; without DATA, a digit of MNIST."
)
@click.option("--loss", type=click.Choice(["squared", "logistic"]), default="squared", show_default=True)
@click.option("--model", default="", metavar="MODULE:FUNCTION", help="Your own JAX loss instead of DATA.")
@click.option("--goal", type=float, default=0.05, show_default=True, help="Excess loss to reach / the first.")
@click.option("--price", type=float, default=2.0, show_default=True, help="Most work / the least work.")
@click.option("--standardize", is_flag=True, help="Divide every column by its standard deviation.")
@click.option("--rows", type=click.IntRange(0), default=0, help="Most rows to use, drawn at random; 0: all.")
@click.option("--runs", type=click.IntRange(2), default=8, show_default=True, help="Training runs of a kind.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all random numbers.")
@click.option(
    "--out", type=FOLDER, default=OUT.parent / "batch-size", help="Folder for the page and numbers."
)
def batch_size(data, out, **options):
    """Which batch size, rate and schedule for DATA (.csv, .parquet, .npz, svmlight; MNIST if none is given).

    \b
    lecture batch-size houses.csv --target price
    lecture batch-size --model my_module:my_problem --goal 0.3
    """
    from lecturelib import advice
    from lecturelib.advice import page  # here, for the other commands need none of it

    try:
        found = advice.advise(data, **options)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        raise click.UsageError(str(error)) from None
    click.echo(page.text(found))
    click.echo("\nPage and numbers: " + ", ".join(str(path) for path in page.write(found, out)))


if __name__ == "__main__":
    main()
