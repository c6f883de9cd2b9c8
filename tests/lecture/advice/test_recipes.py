"""A schedule as code: by each framework's own rules the promised examples are kept and the decay ends."""

import bisect
import itertools
import math
import re
import subprocess
import sys
import types

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lecturelib.advice import recipes
from lecturelib.advice.recipes import Schedule
from tests.agree import FLOAT32, agree

MOST = 200  # steps of a random schedule


def random_schedule(seed, growing=False):
    """One of up to five stages, whose marks fit no batch size; where it grows, by whole factors."""
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(1, 6))
    if growing:
        sizes = np.cumprod([rng.integers(1, 40), *rng.integers(2, 5, stages - 1)])
    else:
        sizes = np.unique(rng.integers(1, 300, stages))
        rng.shuffle(sizes)
    lengths = [max(1, int(size * rng.uniform(0.3, MOST / stages - 1))) for size in sizes]
    marks = np.cumsum([0, *lengths])
    rates = rng.uniform(0.01, 1.0, len(sizes)) if rng.random() < 0.5 else np.full(len(sizes), 0.1)
    decay = str(rng.choice(list(recipes.DECAYS)))
    return Schedule(
        tuple(marks[:-1].tolist()), tuple(sizes.tolist()), tuple(rates.tolist()), int(marks[-1]), decay
    )


def trained(schedule):
    """Batch sizes and rates step by step, as plainly as it can be said, and the rate after the end."""
    share = {"none": lambda part: 1.0, "linear": lambda part: 1.0 - part,
             "cosine": lambda part: 0.5 + 0.5 * math.cos(math.pi * part)}[schedule.decay]  # fmt: skip
    sizes, rates, seen = [], [], 0
    while seen < schedule.examples:
        k = bisect.bisect_right(schedule.starts, seen) - 1
        sizes.append(schedule.batch_sizes[k])
        rates.append(schedule.rates[k] * share(seen / schedule.examples))
        seen += sizes[-1]
    return sizes, rates, schedule.rates[k] * share(1.0)


def by_optax(text, compiled):
    """Batch sizes and rates: the snippet is run, and asked for all its steps and one more.

    Compiling takes a second a schedule; where it is not asked for, NumPy stands for jax.numpy.
    """
    scope = {}
    exec(text if compiled else text.replace("import jax.numpy as jnp", "import numpy as jnp"), scope)
    rates = np.asarray(scope["rate"](np.arange(MOST * 2)))
    if compiled:
        updates, _ = scope["optimizer"].update(jnp.ones(1), scope["optimizer"].init(jnp.zeros(1)))
        agree(-float(updates[0]), float(rates[0]), relative=4 * FLOAT32)
    steps = scope["steps"][-1]
    sizes = [scope["sizes"][bisect.bisect_right(scope["steps"], step) - 1] for step in range(steps)]
    return sizes, rates[: steps + 1]


def by_pytorch(text, monkeypatch):
    """The same, run with what stands for torch: randint, and LambdaLR's factor of the first rate."""
    torch, random = types.ModuleType("torch"), np.random.default_rng(0)
    torch.randint = lambda rows, shape: random.integers(rows, size=shape)
    monkeypatch.setitem(sys.modules, "torch", torch)
    scope = {}
    exec(text, scope)
    sizes = [len(batch) for batch in scope["Batches"](1000)]
    return sizes, [scope["rates"][0] * scope["share"](step) for step in range(len(sizes) + 1)]


def by_megatron(text, length):
    """Batch sizes, samples of training and of the decay, by the rules of its batch-size calculator.

    A mark is in tokens, floor(tokens / length) samples; a batch has the size of the last mark that the
    samples consumed have come to. The rate's decay counts samples as well.
    """
    lines = text.replace("SEQ=1", f"SEQ={length}") + '\nprintf "%s\\n" "${ARGS[@]}"\n'
    words = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    said = dict(zip(words[::2], words[1::2], strict=False))
    marks = [entry.split(":") for entry in said["--step-batch-size-schedule"].split()]
    starts, sizes = [int(float(mark)) // length for mark, _ in marks], [int(size) for _, size in marks]
    total, consumed, made = int(said["--train-samples"]), 0, []
    assert starts == sorted(set(starts))
    while consumed < total:
        made.append(sizes[bisect.bisect_right(starts, consumed) - 1])
        consumed += made[-1]
    return made, int(said["--lr-decay-samples"]), said["--lr-decay-style"]


class Duration:
    """OLMo-core's, of tokens."""

    tokens = staticmethod(int)


def by_olmo(text, length, monkeypatch):
    """Tokens of each batch by the rules of its callback: it waits until the batches done are a multiple."""
    given, train, callbacks = {}, types.ModuleType("train"), types.ModuleType("callbacks")
    train.Duration, callbacks.BatchSizeSchedulerCallback = Duration, lambda **said: given.update(said)
    for name, module in (("olmo_core", types.ModuleType("olmo_core")), ("olmo_core.train", train),
                         ("olmo_core.train.callbacks", callbacks)):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    scope = {}
    exec(text.replace("SEQ = 1 ", f"SEQ = {length} "), scope)
    sizes, starts, total = given["batch_sizes"], given["schedule"], scope["max_duration"]
    assert starts[0] == 0
    assert all(a < b for a, b in itertools.pairwise(starts))
    assert all(b % a == 0 and b > a for a, b in itertools.pairwise(sizes))
    current, seen, batches, made = sizes[0], 0, 0, []
    while seen < total:
        wanted = sizes[bisect.bisect_right(starts, seen) - 1]
        if wanted > current and batches % (wanted // current) == 0:
            batches, current = batches // (wanted // current), wanted
        made.append(current)
        seen, batches = seen + current, batches + 1
    return made, total


def check(seed, monkeypatch, slow):
    """A random schedule, through all four."""
    schedule = random_schedule(seed)
    sizes, rates, last = trained(schedule)
    assert 0 <= sum(sizes) - schedule.examples < sizes[-1]
    made = recipes.code(schedule)
    for got_sizes, got_rates in (by_optax(made["optax"], slow), by_pytorch(made["PyTorch"], monkeypatch)):
        assert got_sizes == sizes
        agree(np.asarray(got_rates)[:-1] - rates, 0.0, rounding=8e-7)  # float32 of rates up to 1
        agree(float(got_rates[-1]) - last, 0.0, rounding=8e-7)  # after the last step: the decay has ended
        assert schedule.decay == "none" or abs(float(got_rates[-1])) < 8e-7
    if slow:  # so is a shell
        length = 1 + seed % 5000
        got_sizes, decayed, style = by_megatron(made["Megatron-LM"], length)
        assert (got_sizes, decayed) == (sizes, schedule.examples)
        assert style == {"none": "constant"}.get(schedule.decay, schedule.decay)
    grows = random_schedule(seed, growing=True)
    batches, total = by_olmo(recipes.code(grows)["OLMo-core"], 7, monkeypatch)
    assert total == 7 * grows.examples
    assert 0 <= sum(batches) - total < batches[-1]


@pytest.mark.long
@pytest.mark.parametrize("schedules", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_promised_examples_are_kept_and_the_decay_ends(schedules, monkeypatch):
    for seed in range(schedules):
        check(seed, monkeypatch, slow=seed % 199 == 1)


def test_a_schedule_counted_in_steps_would_not_keep_its_promise():
    schedule = Schedule((0, 1000), (10, 40), (0.1, 0.1), 3000, "linear")
    naive = optax.linear_schedule(0.1, 0.0, schedule.examples // 10)  # as if the batch did not grow
    sizes, rates, _ = trained(schedule)
    assert float(naive(len(sizes))) > 0.04  # half of the rate is left when training ends
    assert rates[-1] < 0.1 * 41 / 3000


def test_what_olmo_cannot_do_is_said():
    assert "whole factors only" in recipes.code(Schedule((0, 100), (8, 12), (0.1, 0.1), 300))["OLMo-core"]
    assert "one rate only" in recipes.code(Schedule((0, 100), (8, 16), (0.1, 0.2), 300))["Megatron-LM"]


def test_each_snippet_says_whether_it_was_run():
    for name, text in recipes.code(random_schedule(1, growing=True)).items():
        assert re.match(r"# (Run in the tests|Not run here) with ", text), name


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"starts": (1, 100)}, "starts = "),
        ({"starts": (0, 0)}, "starts = "),
        ({"examples": 100}, "starts = "),
        ({"batch_sizes": (8,)}, "differ in length"),
        ({"rates": (0.1, -0.1)}, "rates has -0.1"),
        ({"decay": "step"}, "decay = 'step' is refused"),
    ],
)
def test_schedules_that_cannot_be_are_refused(change, says):
    fields = {"starts": (0, 100), "batch_sizes": (8, 16), "rates": (0.1, 0.1), "examples": 300}
    with pytest.raises(ValueError, match=says):
        Schedule(**fields | change)
