"""`lecture sweep` and `sweep.run` as they are called: what is refused, what is said, what is run anew."""

import re
import socket
import time

import pytest
from click.testing import CliRunner

from lecturelib import sweep
from tests.workshop.sweep import sweep_cases
from tests.workshop.sweep.sweep_cases import at_once
from tests.workshop.test_notebooks import write
from workshop.cli import main
from workshop.sweep import command as sweep_command
from workshop.sweep import execute, remote
from workshop.sweep import parameters as sweep_grid
from workshop.sweep.folder import Folder, Result
from workshop.sweep.options import Budget
from workshop.sweep.plan import Sweep


def test_parameters_called_as_our_columns_hide_no_failure(tmp_path, monkeypatch):
    own = {"run": "0", "status": "a,b", "seconds": "5", "error": "mine", "claims_held": "7"}
    defaults = {"run": 1, "status": "x", "seconds": 1, "error": "e", "claims_held": 2}
    write(tmp_path, "01_names", "\n".join(f"{name} = {value!r}  # any" for name, value in defaults.items()))
    at_once(monkeypatch, lambda _: {}, error="cell [2]: ZeroDivisionError: division by zero")
    options = [word for name, value in own.items() for word in ("-p", f"{name}={value}")]
    command = ["--notebooks", str(tmp_path), "sweep", "01", *options, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == sweep_command.FAILED_STATUS
    assert "0 of 2 runs are done, 2 failed" in result.output
    assert (
        "failed: run=0 status=b seconds=5 error=mine claims_held=7\n  cell [2]: ZeroDivisionError"
        in result.output
    )
    rows = sweep_cases.rows(tmp_path / "out")
    assert [(row["status"], row["status (parameter)"], row["run (parameter)"]) for row in rows] == [
        ("failed", "a", 0),
        ("failed", "b", 0),
    ]
    assert rows[0]["error (parameter)"] == "mine"
    assert "ZeroDivisionError" in rows[0]["error"]
    assert "status (parameter) = b" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("error", "status"),
    [(FileNotFoundError("out/runs"), 3), (PermissionError("out"), 3), (ValueError("ours"), 1)],
)
def test_what_goes_wrong_later_is_no_mistake_in_the_arguments(tmp_path, monkeypatch, error, status):
    def fails(*_):
        raise error

    monkeypatch.setattr(execute, "run", fails)
    write(tmp_path, "01_first", "seed = 0  # any")
    command = ["--notebooks", str(tmp_path), "sweep", "01", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == status
    assert "Usage" not in result.output


@pytest.mark.parametrize("moment", ["select", "namer", "connected", "_tasks"])
def test_what_ran_is_what_is_named_whenever_the_notebook_is_saved(tmp_path, monkeypatch, moment):
    notebook = write(tmp_path, "01_first", "seed = 0  # any", "print('old')")
    old, sent = sweep_grid.namer(notebook)({}), at_once(monkeypatch)

    def saved_first(*_, **__):
        write(tmp_path, "01_first", "seed = 0  # any\nother = 1  # any", "print('new')")

    for module, name in ((execute.sweep_grid, "namer"), (execute.loop, "connected"), (execute, "_tasks")):
        if name == moment:
            original = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *a, f=original: saved_first() or f(*a))
    if moment == "select":
        saved_first()
    table = sweep.run(notebook, {"seed": [0]}, tmp_path / "out", workers=1)
    (task,) = sent
    assert [task.name] == table["run"].to_pylist()
    new = moment == "select"
    assert ("print('old')" in task.notebook, "other = 1" in task.notebook) == (not new, new)
    assert (task.name == old) == (not new)


def test_a_mixture_of_versions_is_said(capsys):
    made = [{"jax": "1", "numpy": "2"}, {"jax": "1", "numpy": "3"}, {}, {"jax": "1", "numpy": "3"}]
    results = {f"a-{i}": Result(f"a-{i}", {}, 1.0, made_with=versions) for i, versions in enumerate(made)}
    runs = {name: {} for name in [*results, "a-9"]}
    assert sweep_command._summary(Sweep(runs, results, None), "out") == sweep_command.STOPPED_STATUS
    said = capsys.readouterr().out
    assert "Made with different versions of numpy: 2 in 1 run, 3 in 2 runs." in said
    assert "jax" not in said
    assert "The same command with --anew runs those once more that are not made with what is here." in said


@pytest.mark.long
def test_runs_made_with_other_versions_are_run_anew_where_it_is_asked_for(tmp_path, monkeypatch):
    notebook = write(tmp_path, "01_first", "seed = 0  # any\nmine_path = ''  # any", "import mine")
    (tmp_path / "own.csv").write_text("1")
    (tmp_path / "mine.py").write_text("import scipy")
    folder, sent = Folder(tmp_path / "out"), at_once(monkeypatch)
    grid = {"seed": [0, 1, 2], "mine_path": ["own.csv"]}

    def todo(**options):
        sent.clear()
        sweep.run(notebook, grid, folder.path, workers=1, **options)
        return [task.name for task in sent]

    names = todo()
    assert {"own.csv (file)", "mine (beside the notebook)", "scipy", "jax"} <= sent[0].made_with().keys()
    for number, task in enumerate(sent):
        made = task.made_with() | ({"jax": "0.1"} if number == 1 else {})
        folder.keep(Result(task.name, task.values, 1.0, made_with=made), "{}")
    assert todo() == []
    assert todo(anew=True) == [names[1]]
    (tmp_path / "mine.py").write_text("import scipy  # and more")
    assert (todo(), todo(anew=True)) == ([], names)
    (tmp_path / "own.csv").write_text("2")  # other data is another run
    assert len(todo()) == 3
    assert not {*todo()} & {*names}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["01", "-p", "sed=1"], "no parameter 'sed'"),
        (["01", "-p", "seed=a"], "not a value of type int"),
        (["07", "-p", "seed=1"], "no notebook '07'"),
        (["none/x.ipynb"], "there is no file none/x.ipynb"),
        (["01", "--budget", "3"], "budget='3': write 20runs, 90s, 30min or 2h"),
        (["01", "--workers", "0"], "0 is not in the range x>=1"),
        (["01", "--timeout", "0"], "0.0 is not in the range x>0"),
        (["01", "--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], "workers=1 and a scheduler"),
    ],
)
def test_mistakes_are_refused_before_anything_is_started_or_written(tmp_path, arguments, message):
    write(tmp_path, "01_first", "seed = 0  # any")
    out = tmp_path / "out"
    command = ["--notebooks", str(tmp_path), "sweep", *arguments, "--out", str(out)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert message in result.output
    assert not out.exists()


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:1", "127.0.0.1:1", "http://127.0.0.1:1", "", "tcp://", "tcp://127.0.0.1:x", "silent"],
)
def test_a_scheduler_that_is_not_there_is_said_at_once(tmp_path, monkeypatch, address):
    monkeypatch.setattr("workshop.sweep.loop.ANSWER_SECONDS", 0.5)
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # as a web server, which waits to be asked
        if address == "silent":
            address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ValueError, match=f"scheduler='{address}': no dask scheduler answers there"):
            sweep.run(notebook, {"seed": [1]}, tmp_path / "out", scheduler=address)
        assert time.monotonic() - began < 5


class Workers:
    """What a client says of its workers: address -> threads, and what each answers."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def nthreads(self):
        return dict.fromkeys(self.answers, 2)

    def run(self, function, expression, *, workers, on_error):
        self.asked += workers
        return {address: self.answers[address] for address in workers}


def test_each_worker_is_asked_once_and_those_without_this_package_are_told_apart():
    ours, refused = remote.library(), []
    client = Workers(a=ours, b="another", c=ModuleNotFoundError("No module named 'workshop'"), d=OSError())
    crew = remote.Crew(client, False, lambda *said: refused.append(said))
    assert [crew.threads(), crew.threads()] == [{"a": 2}] * 2
    assert crew.mixed
    assert client.asked == ["a", "b", "c", "d", "d"]  # d had just gone
    assert refused == [
        ("b", "it has another version of lecturelib: install this one there"),
        ("c", "No module named 'workshop': install this lecturelib there, with [workshop]"),
    ]
    del client.answers["a"]  # there was one, and may be again
    assert crew.threads() == {}
    client.answers = {"e": ours}
    assert crew.threads() == {"e": 2}
    assert not crew.mixed
    with pytest.raises(remote.NoWorkers, match=r"none of the scheduler's 1 workers can run this; it has"):
        remote.Crew(Workers(b="another"), False, lambda *_: None).threads()


def test_that_no_worker_is_there_is_said_with_the_time_waited(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(sweep_command.time, "monotonic", lambda: now)
    bar = sweep_command._Bar()
    for now in range(100):
        bar.waited(workers=0 if 10 <= now < 90 else 2)
    assert capsys.readouterr().out.splitlines() == [
        *(f"No workers are there: waited {n} s so far." for n in (5, 10, 20, 40, 80)),
        "Workers are there again, after 81 s.",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout = 0 is refused"),
        ({"timeout": float("nan")}, "timeout = nan is refused"),
        ({"budget": "1.5runs"}, "budget='1.5runs'"),
        ({"budget": "0s"}, "budget='0s'"),
        ({"figure": 0}, "figure = 0 is refused"),
        ({"workers": 0}, "workers = 0 is refused"),
    ],
)
def test_the_function_refuses_what_makes_no_sense(tmp_path, options, message):
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    with pytest.raises(ValueError, match=re.escape(message)):
        sweep.run(notebook, {}, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_system_without_process_groups_is_told_what_to_use(tmp_path, monkeypatch):
    monkeypatch.delattr("os.killpg")  # Windows has none
    notebook = write(tmp_path, "01_first", "seed = 0  # any")
    with pytest.raises(ValueError, match="use Linux, macOS or WSL"):
        sweep.run(notebook, {}, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("20runs", Budget(runs=20)),
        ("1 run", Budget(runs=1)),
        ("1.5h", Budget(seconds=5400)),
        (None, Budget()),
    ],
)
def test_budgets_are_read(text, budget):
    assert Budget.parse(text) == budget
