"""Many answers in one process, for tests of right and wrong ones; hostile ones run in the real sandbox."""

import json
import subprocess

from workshop.grading import assignment, marking, sandbox, source

RUNNER = """
import json, signal, sys, time
from {package} import child, limits
child.hide_library()
limits.allow_cpu = lambda seconds: None  # the limits are of a whole process, and here many share one
signal.signal(signal.SIGALRM, child._time_up)
results = []
for job in json.load(sys.stdin):
    start = time.process_time()
    signal.alarm(int(job["wall_seconds"]))
    try:
        result = dict(outputs=child.outputs(job, lambda **line: None))
    except child.Problem as problem:
        result = dict(problem="time" if "TimeUp" in problem.text else problem.kind, text=problem.text)
    signal.alarm(0)
    results.append(result | dict(seconds=time.process_time() - start))
sys.__stdout__.write("\\n" + json.dumps(results))
"""


def run(cases: list[dict], folder, files=()) -> list[tuple[sandbox.Outcome, float]]:
    """The outcome of each job and the processor seconds it took, in one process without lecturelib."""
    for file in files:
        (folder / file.name).symlink_to(file)
    paths = [str(sandbox.INSIDE.parent), *sandbox.libraries()]
    code = f"import sys; sys.path[:0] = {paths!r}\n" + RUNNER.format(package=sandbox.INSIDE.name)
    done = subprocess.run(
        [sandbox.python(), "-I", "-S", "-B", "-c", code],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        cwd=folder,
        env=sandbox.environment(1, folder),
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.rsplit("\n", 1)[1])
    return [(sandbox.Outcome(**r), seconds) for r in results for seconds in [r.pop("seconds")]]


def solved(work: assignment.Assignment, replaced: dict[str, str]) -> marking.Code:
    """The cells of a submission that is the solution, the answers to some questions replaced."""
    return tuple(enumerate(replaced.get(item.id, item.answer) for item in work.coded))


def edited(item: assignment.Coded, wrong) -> str:
    """An item's answer cell with one of its typical mistakes in it; ValueError if it does not fit."""
    solution = source.solution_text(item.answer)
    return wrong.answer or item.answer.replace(solution, wrong.applied(solution))


def marks(work: assignment.Assignment, answers: list[tuple[str, str]], folder, files=(), seed=0) -> list:
    """The mark of each (question, text of the answer cell), all else being the solution, and the seconds."""
    cases, drawn = [], []
    for id, text in answers:
        item = work.item(id)
        drawn.append(marking.draw(item, "student", seed))
        cases.append(marking.job(work, item, solved(work, {id: text}), drawn[-1]))
    outcomes = run(cases, folder, files)
    return [
        (marking.mark(work.item(id), outcome, calls), seconds)
        for (id, _), calls, (outcome, seconds) in zip(answers, drawn, outcomes, strict=True)
    ]
