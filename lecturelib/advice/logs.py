"""What runs of any framework have logged: tables whose columns are found by what they are called."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from lecturelib import datasets
from lecturelib.advice import curves, norm_law, step_law
from lecturelib.datasets.cells import number
from lecturelib.datasets.tables import AS_READ, read

BATCH = ("batch", "batch_size", "global_batch_size", "train_batch_size", "batchsize", "bs", "gbs")
STEPS = ("steps", "steps_to_loss", "steps_to_target", "steps_to_goal", "num_steps", "step", "iterations")
WORK = ("examples", "samples", "tokens", "consumed_samples", "consumed_tokens", "num_tokens")
SMALL_BATCH = ("small_batch", "batch_small", "b_small", "micro_batch", "micro_batch_size", "small_batch_size")
BIG_BATCH = ("big_batch", "batch_big", "b_big", "large_batch", "big_batch_size", *BATCH)
SMALL = ("small_norm", "norm_small", "g_small", "micro_norm", "micro_batch_norm", "small_grad_norm")
BIG = (
    "big_norm",
    "norm_big",
    "g_big",
    "large_norm",
    "whole_norm",
    "batch_norm",
    "big_grad_norm",
    "grad_norm",
)
NORM = ("norm", "grad_norm", "gradient_norm")
STEP = ("step", "iteration", "iter", "global_step")
COUNTS = frozenset([*BATCH, *STEPS, *WORK, *SMALL_BATCH, *BIG_BATCH])  # whole numbers


class Log:
    r"""The columns of numbers of a file, found by their names: "Batch Size" and batch_size are one.

    Args:
        path: a file that `datasets.table` reads.
        choices: how it is to be read where that is not plain.

    Attributes:
        name: of the file.
        columns: values by name; a word among numbers is NaN.
        remarks: sentences, how it was read.

    Raises:
        ValueError: a column of numbers has a cell such as "8k".

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from lecturelib.advice import logs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "steps.csv")
        ...     _ = path.write_text("Batch Size,steps\n8,900\n16,520\n")
        ...     log = logs.Log(str(path))
        >>> log.column("batch size", ("batch_size", "bs")).tolist()
        [8.0, 16.0]
    """

    def __init__(self, path: str, choices: datasets.Choices = AS_READ):
        self.path, self.name, self.remarks = path, Path(path).name, []
        found = read(path, choices)
        for j, (cell, decimal) in found.unclear.items():
            if decimal == "." in cell and not choices.decimal and _plain(found.names[j]) in COUNTS:
                found = read(path, replace(choices, decimal=","))
                whole = f"{cell.replace('.', '')}, for it is a count (else: --decimal .)."
                self.remarks.append(f"{found.names[j]}: {cell} is read as {whole}")
                break
        self.remarks += [step.replace(" (else: --category NAME)", "") for step in found.steps]
        self.columns = {_plain(name): found.column(j) for j, name in enumerate(found.names)}
        self.texts = {_plain(found.names[j]): texts for j, texts in found.source.labels.items()}

    def find(self, names: tuple[str, ...]) -> np.ndarray | None:
        """The first column that is called so, None if there is none."""
        name = next((name for name in names if name in self.columns), "")
        if texts := self.texts.pop(name, []):
            self._understand(name, texts)
        return self.columns.get(name)

    def _understand(self, name: str, texts: list[str]) -> None:
        """A column of words and numbers becomes one of numbers: words say that there is none."""
        values = [number(text) for text in texts]
        words = [text for text, value in zip(texts, values, strict=True) if value is None]
        if wrong := [text for text in words if re.search(r"\d", text) or len(words) == len(texts)]:
            raise ValueError(
                f"{self.path}: {name} holds {wrong[0]!r}; write the number in digits, such as 8192"
            )
        self.remarks.append(
            f"{name}: {', '.join(map(repr, words[:3]))} among numbers means that there is none."
        )
        table = np.array([*(math.nan if value is None else value for value in values), math.nan])
        positions = self.columns[name]
        self.columns[name] = table[np.where(np.isfinite(positions), positions, -1).astype(int)]

    def column(self, what: str, names: tuple[str, ...]) -> np.ndarray:
        """The first column that is called so; ValueError with what is there if there is none."""
        found = self.find(names)
        if found is None:
            called = ", ".join(name for name in self.columns if name not in self.texts) or "none"
            one = ", ".join(names)
            raise ValueError(
                f"{self.path}: no column of numbers is called {what}, found: {called}; call it one of: {one}"
            )
        return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def steps(
    path: str, *, price: float = 2.0, seed: int = 0, goal: float | None = None,
    choices: datasets.Choices = AS_READ,
) -> step_law.StepLaw:  # fmt: skip
    """Fit the law to a table of runs, one a row: a column of batch sizes, and of steps or of examples.

    Several rows a run are curves: with a goal, a run's steps are those at which its loss first comes to it.
    Of runs at several learning rates those at each batch size's best rate are taken (`curves.py`).

    Args:
        path: a file that `datasets.table` reads, columns called as BATCH, and as STEPS or WORK, list.
        price: of the definition by efficiency.
        seed: of the bootstrap.
        goal: loss to count steps to, None where each run has its steps to one loss.
        choices: how the file is to be read where that is not plain.

    Raises:
        ValueError: the columns are not there, losses differ, or `step_law.fit` refuses the runs; it says what
            to write.
    """
    log = Log(path, choices)
    batch_sizes, taken, remarks = log.column("batch size", BATCH), log.find(STEPS), []
    if taken is None:
        called = "steps, or examples or tokens to the loss"
        taken = log.column(called, WORK) / batch_sizes
        remarks.append("Steps are examples / batch; of tokens they are in tokens of an example.")
    used = {*BATCH, *STEPS, *WORK}
    others = {name: values for name, values in log.columns.items() if name not in used | set(log.texts)}
    try:
        runs = curves.to_one_loss(batch_sizes, taken, others, goal)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    law = step_law.fit(runs.batch_sizes, runs.steps, price=price, seed=seed, name=log.name)
    return replace(law, remarks=(*log.remarks, *remarks, *runs.remarks, *law.remarks))


def norms(path: str, *, choices: datasets.Choices = AS_READ) -> norm_law.NormLaw:
    """The noise scale from a log: one row a step with both norms, or one row a norm with its batch size.

    Args:
        path: a file that `datasets.table` reads. Either columns called as SMALL_BATCH, BIG_BATCH, SMALL and
            BIG list, or as BATCH and NORM do, with a column as STEP where norms of one step belong together
            (several micro-batches of a step are averaged). A norm's name ends or begins with "squared" or
            "sq" where it is a square.
        choices: how the file is to be read where that is not plain.

    Raises:
        ValueError: the columns are not there, or `norm_law.fit` refuses them; it says what to write.
    """
    log = Log(path, choices)
    law = _norms(log)
    return replace(law, remarks=(*log.remarks, *law.remarks))


def _norms(log: Log) -> norm_law.NormLaw:
    path = log.path
    small, big = (_squares(log, names) for names in (SMALL, BIG))
    if small is not None and big is not None:
        b, whole = log.column("small batch size", SMALL_BATCH), log.column("big batch size", BIG_BATCH)
        for what, sizes in (("small", b), ("big", whole)):
            if len(np.unique(sizes[np.isfinite(sizes)])) > 1:
                raise ValueError(f"{path}: the {what} batch size changes; give the steps of one")
        kept = np.isfinite(small) & np.isfinite(big)
        return norm_law.fit(small[kept], big[kept], np.nanmax(b), np.nanmax(whole), name=log.name)
    batches, squares, step = log.column("batch size", BATCH), _squares(log, NORM), log.find(STEP)
    if squares is None:
        squares = log.column("gradient norm", NORM)  # which says that there is none
    known = np.isfinite(squares) & np.isfinite(batches)
    sizes = np.unique(batches[known])
    if len(sizes) != 2:
        raise ValueError(f"{path}: norms at {len(sizes)} batch sizes; give those of two")
    at = [known & (batches == size) for size in sizes]
    both = np.zeros(0) if step is None else np.intersect1d(step[at[0]], step[at[1]])
    if step is None or len(both) == 0:  # as where B is made of the batches of several steps
        return norm_law.fit(squares[at[0]], squares[at[1]], *sizes, paired=False, name=log.name)
    means = [[squares[rows & (step == one)].mean() for one in both] for rows in at]
    return norm_law.fit(means[0], means[1], *sizes, name=log.name)


def _squares(log: Log, names: tuple[str, ...]) -> np.ndarray | None:
    """Squared norms, from a column of norms or of squares."""
    forms = "{}_squared", "squared_{}", "{}_sq", "sq_{}"
    found = log.find(tuple(form.format(name) for name in names for form in forms))
    if found is not None:
        return found
    norms = log.find(names)
    return None if norms is None else norms**2
