"""The `lecture` command: list the notebooks and their parameters, run them, store them; grade homework."""
# ruff: noqa: D301  (click reads \b as "wrap no lines here", so it cannot stand in a raw docstring)

import errno
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from workshop import checkout, notebooks, running
from workshop.interrupts import nothing_begun
from workshop.values import parse_values

FOLDER = click.Path(file_okay=False, path_type=Path)
BYTES_A_SECOND = 1e7  # of a text file that are read, at least
NOTEBOOKS = click.argument("wanted", nargs=-1, metavar="[NN | PATH.ipynb]...")


@contextmanager
def _usage(*mistakes: type[Exception]) -> Iterator[None]:
    """Show these exceptions as what is wrong with the command."""
    try:
        yield
    except mistakes as error:
        raise click.UsageError(str(error)) from None


class _Commands(click.Group):
    """Commands that say in a sentence of a folder or disk that it takes nothing, and stop at Ctrl-C."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("\nStopped.", err=True)
            sys.exit(130)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT):
                raise
            raise click.ClickException(
                f"{error.strerror}: {error.filename}; give another folder, --out, that can be written"
            ) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lecturelib")
@click.option("--notebooks", "folder", type=FOLDER, help="Another folder of notebooks.")
@click.pass_context
def main(context: click.Context, folder: Path | None) -> None:
    """Optimization for Big Data: a lecture that proves its claims by running.

    NN is the number or name of one of the lecture's notebooks, found from within a checkout; PATH.ipynb is
    any other notebook, wherever it lies.
    """
    context.obj = folder
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal sends SIGHUP, which Windows lacks
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            # So that a run that is ended cleans up after itself.
            signal.signal(number, lambda number, _: sys.exit(128 + number))


@main.command("list")
@NOTEBOOKS
@click.pass_obj
def list_notebooks(folder: Path | None, wanted: tuple[str, ...]) -> None:
    """List the notebooks; those named, with their parameters, defaults and units."""
    with _usage(ValueError, FileNotFoundError):
        for notebook in notebooks.select(wanted, folder):
            title, parameters = notebook.title(), notebook.parameters() if wanted else {}
            click.echo("\n      ".join([f"{notebook.number}  {title}", *map(str, parameters.values())]))


@main.command()
@NOTEBOOKS
@click.option(
    "-p", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter; repeat for several."
)
@click.option("--out", type=FOLDER, help="Folder for the results.")
@click.option("--strict", is_flag=True, help="Stop a notebook at a claim that does not hold.")
@click.pass_obj
def run(
    folder: Path | None,
    wanted: tuple[str, ...],
    assignments: tuple[str, ...],
    out: Path | None,
    strict: bool,
) -> None:
    """Run notebooks (all by default) and write executed copies and pages.

    \b
    lecture run 09
    lecture run 09 -p seeds=0,1,2 -p hidden=100
    lecture run my_notebook.ipynb

    A claim that does not hold at other parameters is shown, and the notebook goes on; not with --strict, and
    not where the environment has LECTURE_STRICT=1.

    Results are in build/lectures; outside of a checkout in lectures, of the current folder.
    """
    out = out or checkout.results("lectures")
    with _usage(ValueError, FileNotFoundError):  # all is checked before the first notebook starts
        chosen = [notebook.kept() for notebook in notebooks.select(wanted, folder)]
        (name, times) = Counter(notebook.name for notebook in chosen).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} notebooks are called {name}: run each with an --out of its own")
        values = [parse_values(assignments, n.parameters(), n.name) for n in chosen]
        for notebook, given in zip(chosen, values, strict=True):
            notebooks.check_ranges(notebook, [given])
    results = []
    with tqdm(total=len(chosen), unit="notebook", file=sys.stderr, disable=None) as bar:
        for notebook, overrides in zip(chosen, values, strict=True):
            bar.set_description(notebook.name)
            result = running.run(notebook, out, overrides, strict=strict)
            results.append(result)
            state = "FAILED" if result.error is not None else "ran"
            held = f"{sum(claim.verdict for claim in result.claims):2d} of {len(result.claims)} claims hold"
            bar.write(f"{notebook.name:<32} {state:<6} {result.seconds:5.0f} s  {held}", file=sys.stdout)
            bar.update()
    failed = [result for result in results if result.error is not None]
    for result in results:
        for claim in result.claims if result.error is None else ():
            if not claim.verdict:
                click.echo(f"\n{claim.line}")
    for result in failed:
        kept = f"\n  see {result.files[0]}" if result.files else ""
        click.echo(f"\n{result.notebook.name} failed in {result.error}{kept}", err=True)
    click.echo(f"\nExecuted notebooks (.ipynb) and pages (.html) are in {out}")
    sys.exit(1 if failed else 0)


@main.command()
@NOTEBOOKS
@click.pass_obj
def store(folder: Path | None, wanted: tuple[str, ...]) -> None:
    """Re-execute notebooks and store their outputs in them (for authors)."""
    with _usage(ValueError, FileNotFoundError):
        chosen = notebooks.select(wanted, folder)
    failed = 0
    for notebook in tqdm(chosen, unit="notebook", disable=None):
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
@click.option("--identity", metavar="COLUMN", help="The gradebook's column that tells students apart.")
@click.option(
    "--groups",
    "together",
    nargs=3,
    type=(click.Path(exists=True, dir_okay=False, path_type=Path), str, str),
    metavar="CSV IDENTITY GROUP",
    help="Who is in which group, and its columns of identities and of groups.",
)
@click.option(
    "--without-walls",
    is_flag=True,
    help="Run submitted code even where it can read, change and delete your files.",
)
def grade(
    submissions: tuple[Path, ...],
    out: Path,
    assignment: str | None,
    workers: int,
    gradebook: tuple[Path, str] | None,
    **limits: Any,
) -> None:
    """Grade notebooks of students, each answer in a sandbox; homework/README.md tells how.

    \b
    lecture grade submissions/ --out marks/
    """
    from workshop.grading import grade as grading  # here, for the other commands need none of it

    with _usage(ValueError, FileNotFoundError):
        status = grading.command(submissions, out, assignment, workers, gradebook, **limits)
    sys.exit(status)


@main.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(notebook: Path) -> None:
    """Say whether a homework NOTEBOOK is read as it will be graded, before it is handed in.

    \b
    lecture check 1_adaptive_methods.ipynb

    It runs your cells as the grader will, in a sandbox and within its limits, and looks for each function and
    each written answer. It knows no solutions, and says nothing of what is right.
    """
    from workshop.grading import precheck, sandbox  # here, for the other commands need none of it

    with _usage(ValueError, sandbox.SandboxBroken):
        status = precheck.command(notebook)
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
@click.option("--anew", is_flag=True, help="Run again what was made with other versions than those here.")
@click.option(
    "--search", metavar="NAME", help="Run only what finds the least NAME recorded; max:NAME, greatest."
)
@click.option("--against", type=FOLDER, help="Another sweep's folder, to compare with on the page.")
@click.pass_obj
def sweep(
    folder: Path | None, notebook: str, assignments: tuple[str, ...], out: Path, **options: Any
) -> None:
    """Run NOTEBOOK (a number, a name or a path) once for each combination of values.

    \b
    lecture sweep 04 -p seed=0:5 -p noise_variance=0.1,0.25 --out build/sweep
    lecture sweep mine.ipynb -p rate=0.1,0.2,0.4 -p seed=0:10 --search final_risk --out build/search

    Runs that are done are not repeated: the same command goes on after an end of any kind.
    """
    with nothing_begun():
        from workshop.sweep import command as sweep_command  # here, for the other commands need no dask

    sys.exit(sweep_command.sweep(notebook, assignments, out, folder=folder, **options))


@contextmanager
def _bar(size: int) -> Iterator[None]:
    """A bar on standard error of what takes over two seconds; first, how long so many bytes take to read."""
    from lecturelib.advice import progress

    if size > 3 * BYTES_A_SECOND:
        click.echo(f"Reading {size / 1e6:,.0f} MB takes about {size / BYTES_A_SECOND:,.0f} s.", err=True)
    form = "{desc}: {percentage:3.0f}% |{bar}| about {remaining} left"
    named, bar = "", tqdm(disable=True)

    def draw(what: str, share: float) -> None:
        nonlocal named, bar
        if what != named or share < bar.n:
            bar.close()
            named = what
            bar = tqdm(desc=what, total=1.0, delay=2.0, leave=False, bar_format=form, file=sys.stderr)
        bar.update(share - bar.n)

    try:
        with progress.heard(draw):
            yield
    finally:
        bar.close()


@main.command("batch-size", context_settings={"max_content_width": 100})  # one screen, held by a test
@click.argument("data", default=None, required=False, metavar="[DATA]")
@click.option("--target", default="", help="Column to predict; of MNIST, a digit.")
@click.option("--positive", default="", metavar="CLASS", help="Tell this class from the rest.")
@click.option("--loss", type=click.Choice(["squared", "logistic"]), default="squared", help="[squared]")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out; may be given again.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Take a column that would be left out.")
@click.option("--category", multiple=True, metavar="COLUMN", help="Its numbers are codes; again.")
@click.option("--missing", multiple=True, metavar="HOW", help="impute, leave-out, or a code, -999 [impute].")
@click.option("--header/--no-header", default=None, help="If text has a line of names [found out].")
@click.option("--delimiter", default="", metavar="CHAR", help="Between a text file's cells [found out].")
@click.option("--decimal", default="", metavar="MARK", help="Decimal mark of texts, . or , [found out].")
@click.option("--zero-based", is_flag=True, help="svmlight: the first column is 0, not 1.")
@click.option("--ignore-qid", is_flag=True, help="svmlight: leave out the groups for ranking.")
@click.option("--any-order", is_flag=True, help="svmlight: indices may fall, repeats add up.")
@click.option("--dry-run", is_flag=True, help="Say how DATA is read and prepared, and stop.")
@click.option("--model", default="", metavar="MODULE:FUNCTION", help="Your own JAX loss instead of DATA.")
@click.option("--steps", default="", metavar="FILE", help="Logged runs: batch, steps to one loss.")
@click.option("--norms", default="", metavar="FILE", help="Logged gradient norms at two batch sizes.")
@click.option("--optimizer", metavar="NAME", default="sgd", help="sgd, momentum, or adam (0.9, 0.999) [sgd].")
@click.option("--momentum", type=float, metavar="BETA", help="Of --optimizer momentum, below 1; else chosen.")
@click.option("--goal", type=float, help="Excess/first [0.05]; loss, MODEL [0.5], steps.")
@click.option("--price", type=float, default=2.0, help="Most work / the least work [2].")
@click.option("--standardize", is_flag=True, help="Divide every column by its standard deviation.")
@click.option("--rows", type=click.IntRange(0), metavar="N", help="Most rows, at random; 0: all [enough].")
@click.option("--runs", type=click.IntRange(2), default=8, metavar="N", help="Training runs of a kind [8].")
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Of all random numbers [0].")
@click.option("--out", type=FOLDER, help="Folder for the page and numbers.")
def batch_size(data: str | None, out: Path | None, dry_run: bool, **options: Any) -> None:
    """Batch size for DATA (else MNIST), --model, --steps, --norms; see README.md."""
    from lecturelib import advice, datasets  # here, for the other commands need none of it
    from lecturelib.advice import logged, logs, page, preparation

    if data == "":
        raise click.UsageError("DATA is an empty name; name a file, or leave it out for MNIST")
    steps, norms = options.pop("steps"), options.pop("norms")
    given = [name for name, value in (("DATA", data), ("--model", options["model"])) if value]
    given += [name for name, value in (("--steps", steps), ("--norms", norms)) if value]
    if len(given) > 1 and given != ["DATA", "--model"]:
        raise click.UsageError(f"{' and '.join(given)}: give one of them")
    if dry_run and given not in ([], ["DATA"]):
        raise click.UsageError(f"--dry-run says how DATA is read; with {given[-1]} leave out --dry-run")
    said = {
        name: options.pop(name) for name in tuple(options) if name in datasets.Choices.__dataclass_fields__
    }
    how = [each for each in said["missing"] if each in ("impute", "leave-out")]
    codes = tuple(each for each in said["missing"] if each not in how)
    said |= {"missing": how[-1] if how else "impute", "codes": codes}
    folder = out or checkout.results("batch-size")
    try:
        choices = datasets.Choices(**said)
        if dry_run:
            names = ("target", "loss", "standardize", "rows", "seed")
            prepared = preparation.load(
                data or "", choices=choices, **{name: options[name] for name in names}
            )
            rows, columns = prepared.features.shape
            shape = f"{rows:,} rows, {columns:,} column{'' if columns == 1 else 's'}"
            lines = [f"{prepared.name}: {shape}", *prepared.remarks]
            return click.echo("\n  ".join(lines))
        with tempfile.TemporaryDirectory(
            dir=next(each for each in [folder, *folder.parents] if each.exists())
        ):
            pass  # what could not be written is known before the work
        if steps or norms:
            asked = {name: options[name] for name in ("price", "seed", "goal")}
            log = logs.steps(steps, **asked, choices=choices) if steps else logs.norms(norms, choices=choices)
            files = logged.write(log, folder)
            click.echo(logged.text(log) + "\n\nPage and numbers: " + ", ".join(map(str, files)))
            sys.exit(logged.status(log))
        with _bar(Path(data).stat().st_size if data and Path(data).exists() else 0):
            found = advice.advise(data or "", choices=choices, **options)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        raise click.UsageError(str(error)) from None
    files = page.write(found, folder)
    click.echo(page.text(found) + "\n\nPage and numbers: " + ", ".join(map(str, files)))
    sys.exit({"refuted": 3, "out of reach": 4}.get(page.standing(found), 0))


if __name__ == "__main__":
    main()
