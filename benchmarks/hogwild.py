"""Hogwild against scikit-learn on one thread, and against the machine's ceiling on several.

    pip install -e . scikit-learn     # in an environment of its own; the project does not need scikit-learn
    python benchmarks/hogwild.py      # --brief for a look in a minute or two; --json FILE

One thread: seconds an epoch of logistic regression on the same rows, float32, constant learning rate, with
and without a fresh shuffle each epoch, and the mean loss that the same number of epochs leads to.

Several threads: updates a second over those of one thread. The ceiling is what the cores give to threads that
share nothing: the same kernel on as many separate copies of weights and rows. Cores that are two threads of
one processor give less than twice of one, whatever the program. Each turn repeats its epoch for a tenth of a
second: two threads that have just been woken may share a core for some milliseconds.

The cost of merging, by a model of two times::

    seconds of an epoch = rows/threads * r + (rows/threads/every + 2) * m

r, of a row, is that of threads that share nothing; m, of a merge, is found where merges are four times as
frequent, and what it is more than on one thread is the hand-over of cache lines between cores.

Rounds alternate between the contenders; all figures are medians over the rounds, and each ratio is the median
of the ratios within a round, so that a busy spell strikes both sides. The load is printed first and last.
"""

import argparse
import math
import os
import statistics
import threading
import time
import warnings

import numpy as np
from record import record, save
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier

from lecturelib import datasets, hogwild
from lecturelib.hogwild.rows import draw_order, make_rows
from lecturelib.hogwild.settings import Settings
from lecturelib.hogwild.threads import Team

RATE = 0.02
TURN = 0.1  # seconds


def zipf(rows, columns, entries, seed=0):
    """Rows of `entries` draws, column c with probability proportional to 1/c; entries even on 0 to 1."""
    generator = np.random.default_rng(seed)
    cumulative = np.cumsum(1 / np.arange(1, columns + 1))
    drawn = np.searchsorted(cumulative, generator.random((rows, entries)) * cumulative[-1])
    features, labels = one_each(drawn, columns, generator)
    features.data[:] = generator.random(features.nnz)
    return features, labels


def spread(rows, columns, entries, seed=0):
    """Rows with `entries` columns drawn evenly: weights larger than any cache."""
    generator = np.random.default_rng(seed)
    return one_each(generator.integers(columns, size=(rows, entries)), columns, generator)


def one_each(drawn, columns, generator):
    rows, entries = drawn.shape
    coordinates = (np.repeat(np.arange(rows, dtype=np.int32), entries), drawn.ravel().astype(np.int32))
    features = sparse.coo_array((np.ones(drawn.size, np.float32), coordinates), shape=(rows, columns)).tocsr()
    features.data[:] = 1
    return features, generator.choice([-1, 1], rows)


def scikit_learn(features, labels, epochs, shuffle):
    model = SGDClassifier(
        loss="log_loss",
        alpha=0,
        fit_intercept=False,
        learning_rate="constant",
        eta0=RATE,
        max_iter=epochs,
        tol=None,
        shuffle=shuffle,
        random_state=0,
    )
    started = time.perf_counter()
    model.fit(features, labels)
    seconds = (time.perf_counter() - started) / epochs
    return seconds, np.logaddexp(0, -labels * (features @ model.coef_[0])).mean()


def ours(features, labels, epochs, shuffle):
    run = hogwild.train(
        features,
        labels,
        learning_rate=RATE,
        epochs=epochs,
        scheme="serial",
        shuffle=shuffle,
        seed=0,
    )
    return run.seconds.mean(), run.loss[-1]


def one_thread(name, features, labels, rounds, epochs):
    wide = features.astype(np.float64)  # what most people pass; scikit-learn then computes in float64
    contenders = {
        "ours, shuffled": lambda: ours(features, labels, epochs, True),
        "ours, unshuffled": lambda: ours(features, labels, epochs, False),
        "scikit-learn, shuffled, float64": lambda: scikit_learn(wide, labels, epochs, True),
        "scikit-learn, shuffled": lambda: scikit_learn(features, labels, epochs, True),
        "scikit-learn, unshuffled": lambda: scikit_learn(features, labels, epochs, False),
    }
    ours(features, labels, 1, True)  # compiles
    found = [{key: run() for key, run in contenders.items()} for _ in range(rounds)]
    rows = f"{name}, {features.shape[0]:,} rows, {features.nnz / features.shape[0]:.1f} entries a row"
    for kind in ("unshuffled", ", shuffled"):
        record(
            f"an epoch, one thread, {kind.strip(' ,')}: {rows}",
            {key: [one[key][0] for one in found] for key in contenders if kind in key},
        )
    print(f"\n{name}: {features.shape[0]} rows, {features.nnz / features.shape[0]:.1f} entries a row")
    for key in contenders:
        seconds = statistics.median(one[key][0] for one in found)
        against = "ours, unshuffled" if "unshuffled" in key else "ours, shuffled"
        ratio = statistics.median(one[key][0] / one[against][0] for one in found)
        print(
            f"  {key:32s} {seconds * 1e3:8.1f} ms an epoch  {seconds / features.nnz * 1e9:6.2f} ns an entry"
            f"  {ratio:5.2f} x ours  loss {found[0][key][1]:.5f}"
        )


class Runner:
    """A team of threads that can be asked for one epoch at a time."""

    def __init__(self, features, labels, scheme, threads, merge_every=None):
        rest = {
            "loss": "logistic",
            "l2": 0,
            "learning_rate": RATE,
            "epochs": 1,
            "shuffle": True,
            "dtype": np.dtype("float32"),
        }
        rest |= {"merge_every": merge_every, "stripes": 1024, "count": False, "seed": 0}
        settings = Settings(scheme=scheme, threads=threads, **rest)
        self.rows = make_rows(features, labels, np.float32)
        self.team = Team(self.rows, features.shape[1], settings)
        self.generator = np.random.default_rng(0)
        self.repeats = 1
        seconds = self.seconds(2)  # the first turns compile, and touch the memory
        if scheme != "round-robin":  # whose turns begin anew with each epoch
            self.repeats = math.ceil(TURN / seconds)

    def epoch(self, count=None):
        """The calls of one epoch, one for each thread."""
        count = len(self.rows.labels) if count is None else count
        rows, jobs = draw_order(self.rows, self.generator), self.team.jobs(RATE, np.empty(0), count)
        self.team.turn[0] = 0
        calls = zip(self.team.calls, jobs, strict=True)
        return [lambda call=call, job=job: call(rows, job) for call, job in calls]

    def seconds(self, turns=1):
        """Of one epoch, in the last of so many turns."""
        return [together(self.epoch(), self.repeats) for _ in range(turns)][-1]


def together(calls, repeats):
    """Seconds until the last thread has made its call so often, all let go at once; over the repeats."""
    gate = threading.Barrier(len(calls) + 1)

    def wait_and(call):
        gate.wait()
        for _ in range(repeats):
            call()

    threads = [threading.Thread(target=wait_and, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    gate.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - started) / repeats


def apart(runners):
    """Seconds of an epoch of each of them, all at once, nothing shared."""
    return together([call for runner in runners for call in runner.epoch()], runners[0].repeats)


def scaling(name, features, labels, rounds, threads, schemes):
    one = Runner(features, labels, "lock-free", 1)
    separate = [Runner(features, labels, "lock-free", 1) for _ in range(threads)]
    teams = {scheme: Runner(features, labels, scheme, threads) for scheme in schemes}
    found = []
    for _ in range(rounds):
        alone = one.seconds()
        found.append({"ceiling": threads * alone / apart(separate), "one thread, s": alone})
        found[-1] |= {scheme: alone / team.seconds() for scheme, team in teams.items()}
    speeds = {key: [one[key] for one in found] for key in (*teams, "ceiling")}
    record(f"{threads} threads, {name}: speed over that of one thread", speeds, unit="times")
    print(f"\n{name}: {features.shape[0]} rows, {features.shape[1]} weights, {threads} threads")
    for key in found[0]:
        median = statistics.median(one[key] for one in found)
        share = statistics.median(one[key] / one["ceiling"] for one in found)
        tail = "" if key in ("ceiling", "one thread, s") else f"   {share:5.0%} of the ceiling"
        print(f"  {key:16s} {median:8.3f}{tail}", flush=True)


def merging(name, features, labels, rounds, threads):
    """What the model of two times predicts of "buffered", and what is measured."""
    rows, lines = features.shape[0], features.shape[1] * 4 / 64
    separate = [Runner(features, labels, "lock-free", 1) for _ in range(threads)]
    every = Runner(features, labels, "buffered", threads).team.merge_every
    teams = {
        (count, often): Runner(features, labels, "buffered", count, every // often)
        for count in (1, threads)
        for often in (1, 4)
    }
    found, merges = [], []
    for _ in range(rounds):
        seconds = {key: team.seconds() for key, team in teams.items()}
        row = {1: separate[0].seconds() / rows, threads: apart(separate) / rows}
        found.append({})
        merges.append({})
        for count in (1, threads):
            work = rows / count * row[count]
            merges[-1][count] = (seconds[count, 4] - work) / (4 * rows / count / every + 2)
            predicted = work + (rows / count / every + 2) * merges[-1][count]
            found[-1][f"{count} thread{'s' * (count > 1)}"] = seconds[count, 1] / predicted
    record(
        f"buffered, {name}, a merge every {every:,} rows: time over the cost model's",
        {key: [one[key] for one in found] for key in found[0]},
        unit="times",
    )
    each = {count: statistics.median(one[count] for one in merges) for count in (1, threads)}
    print(f"  a merge every {every} rows: {1e6 * each[1]:.0f} us alone, {1e6 * each[threads]:.0f} us shared,")
    print(f"  so {1e9 * (each[threads] - each[1]) / lines:.0f} ns a cache line handed over")
    for key in found[0]:
        print(
            f"  time over the model's, {key}: {statistics.median(one[key] for one in found):.3f}", flush=True
        )


def equal_loss(name, features, labels, threads, epochs):
    print(f"\n{name}: loss after {epochs} epochs, rate {RATE}")
    for scheme, count in (("serial", 1), ("lock-free", threads), ("buffered", threads)):
        run = hogwild.train(
            features, labels, learning_rate=RATE, epochs=epochs, scheme=scheme, threads=count, seed=0
        )
        print(f"  {scheme:10s} {count} threads: {run.loss[-1]:.5f}")


def load():
    print("load average over 1, 5, 15 minutes: " + " ".join(f"{value:.2f}" for value in os.getloadavg()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brief", action="store_true", help="fewer rows and rounds")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    rounds, size = (5, 1) if options.brief else (11, 4)
    warnings.simplefilter("ignore", ConvergenceWarning)
    load()
    text = datasets.wordnet()
    frequent = zipf(50_000 * size, 50_000, 100)
    one_thread("WordNet", text.features, text.labels, rounds, epochs=5)
    binary = frequent[0].copy()
    binary.data[:] = 1  # ones need not be read
    one_thread("Zipf", *frequent, rounds, epochs=2)
    one_thread("Zipf, all entries 1", binary, frequent[1], rounds, epochs=2)
    schemes = ("lock-free", "buffered")
    for threads in range(2, options.threads + 1):
        every = (*schemes, "locked", "striped", "round-robin")
        scaling("WordNet, in cache", text.features, text.labels, rounds, threads, every)
        scaling("Zipf, in cache", *frequent, rounds, threads, schemes)
        merging("WordNet", text.features, text.labels, rounds, threads)
        merging("Zipf", *frequent, rounds, threads)
        equal_loss("WordNet", text.features, text.labels, threads, epochs=5)
        equal_loss("Zipf", *frequent, threads, epochs=2)
        for millions in (16,) if options.brief else (16, 64):
            large = spread(250_000 * size, millions * 2**20, 20)
            scaling(f"beyond cache, {millions} million", *large, rounds, threads, ("lock-free",))
    load()
    save(options.json)


if __name__ == "__main__":
    main()
