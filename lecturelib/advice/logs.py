"""What runs of any framework have logged: tables whose columns are found by what they are called."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from lecturelib import datasets
from lecturelib.advice import norm_law, step_law

BATCH = ("batch", "batch_size", "global_batch_size", "train_batch_size", "batchsize", "bs", "gbs")
STEPS = ("steps", "steps_to_loss", "steps_to_target", "steps_to_goal", "num_steps", "step", "iterations")
WORK = ("examples", "samples", "tokens", "consumed_samples", "consumed_tokens", "num_tokens")
CURVE = ("loss", "val_loss", "train_loss", "validation_loss", "eval_loss")
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


class Log:
    r"""The columns of numbers of a file, found by their names: "Batch Size" and batch_size are one.

    Args:
        path: a file that `datasets.table` reads.

    Attributes:
        name: of the file.

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

    def __init__(self, path: str):
        self.path, self.name = path, Path(path).name
        self.columns = {_plain(name): column for name, column in datasets.numbers(path).items()}

    def find(self, names: tuple[str, ...]) -> np.ndarray | None:
        """The first column that is called so, None if there is none."""
        return next((self.columns[name] for name in names if name in self.columns), None)

    def column(self, what: str, names: tuple[str, ...]) -> np.ndarray:
        """The first column that is called so; ValueError with what is there if there is none."""
        found = self.find(names)
        if found is None:
            called, one = ", ".join(self.columns) or "none", ", ".join(names)
            raise ValueError(
                f"{self.path}: no column of numbers is called {what}, found: {called}; call it one of: {one}"
            )
        return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def steps(path: str, *, price: float = 2.0, seed: int = 0) -> step_law.StepLaw:
    """Fit the law to a table of runs, one a row: a column of batch sizes, and of steps or of examples.

    Args:
        path: a file that `datasets.table` reads, columns called as BATCH, and as STEPS or WORK, list.
        price: of the definition by efficiency.
        seed: of the bootstrap.

    Raises:
        ValueError: the columns are not there, or `step_law.fit` refuses them; it says what to write.
    """
    log = Log(path)
    batch_sizes, taken, loss = log.column("batch size", BATCH), log.find(STEPS), log.find(CURVE)
    if loss is not None and np.nanmax(loss) > np.nanmin(loss):
        what = "holds losses that differ: the rows are curves or several goals"
        raise ValueError(f"{path}: {what}; give the steps at which each run first comes to one loss")
    remarks = []
    if taken is None:
        taken = log.column("steps, or examples or tokens to the loss", WORK) / batch_sizes
        remarks.append("Steps are examples / batch; of tokens they are in tokens of an example.")
    kept = np.isfinite(batch_sizes) & np.isfinite(taken)
    if not kept.all():
        lost = f"{(~kept).sum()} of {len(kept)} runs have no steps and are left out"
        remarks.append(f"{lost}: if they never came to the loss, their batch is judged by the lucky ones.")
    law = step_law.fit(batch_sizes[kept], taken[kept], price=price, seed=seed, name=log.name)
    return replace(law, remarks=(*remarks, *law.remarks))


def norms(path: str) -> norm_law.NormLaw:
    """The noise scale from a log: one row a step with both norms, or one row a norm with its batch size.

    Args:
        path: a file that `datasets.table` reads. Either columns called as SMALL_BATCH, BIG_BATCH, SMALL and
            BIG list, or as BATCH and NORM do, with a column as STEP where norms of one step belong together
            (several micro-batches of a step are averaged). A norm's name ends or begins with "squared" or
            "sq" where it is a square.

    Raises:
        ValueError: the columns are not there, or `norm_law.fit` refuses them; it says what to write.
    """
    log = Log(path)
    small, big = (_squares(log, names) for names in (SMALL, BIG))
    if small is not None and big is not None:
        b, whole = log.column("small batch size", SMALL_BATCH), log.column("big batch size", BIG_BATCH)
        for what, sizes in (("small", b), ("big", whole)):
            if len(np.unique(sizes)) > 1:
                raise ValueError(f"{path}: the {what} batch size changes; give the steps of one")
        kept = np.isfinite(small) & np.isfinite(big)
        return norm_law.fit(small[kept], big[kept], b[0], whole[0], name=log.name)
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
