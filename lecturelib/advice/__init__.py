"""Which batch size and which learning rate for your data: the prediction, and a training run that checks it.

::

    advise(path, target, loss, ...)      a table or a sparse file, squared or logistic loss
    advise(model="module:function")      your own JAX loss, parameters and data
    logs.steps(path), step_law.fit(...)  steps to one loss that runs of any framework have logged
    logs.norms(path), norm_law.fit(...)  gradient norms at two batch sizes that they have logged
    recipes.code(schedule)               a schedule as code for optax, PyTorch, Megatron-LM and OLMo-core

This module brings theory (`planning`, `search`, `reduction`, `logistic`) and experiment (`trial`, `pilot`,
`ladder`, `model`) together. Where a run refutes the prediction, what was measured is the advice.
"""

from pathlib import Path
from typing import Any

from lecturelib.advice import preparation
from lecturelib.advice.of_data import of_data
from lecturelib.advice.result import Advice as Advice
from lecturelib.advice.result import Options
from lecturelib.datasets import Choices


def advise(
    path: str | Path = "", target: str = "", loss: str = "squared", *, model: str = "",
    goal: float | None = None, price: float = 2.0, standardize: bool = False, rows: int | None = 0,
    runs: int = 8, seed: int = 0, optimizer: str = "sgd", momentum: float | None = None,
    choices: Choices = preparation.AS_READ,
) -> Advice:  # fmt: skip
    """Advice for a file, for MNIST (no path), or for the reader's own JAX model.

    Args:
        path: a table or a svmlight file, see `preparation.load`; "" for the digits of MNIST.
        target: the column to predict, "" for the one that is called so; for MNIST the digit to tell from the
            others, "" for 0.
        loss: "squared" or "logistic".
        model: "module:function", instead of a path; the function takes no arguments and returns (loss,
            params, data), as `from_model` takes them.
        goal: excess loss to reach, as a fraction of the excess loss at the start, in (0, 1), 0.05 if None;
            for a model the loss, as a fraction of the first one, 0.5 if None.
        price: most work, as a multiple of the least work, 1 or more.
        standardize: divide every column by its standard deviation.
        rows: most rows to use, drawn at random; 0 for all, None for as many as are answered soon.
        runs: training runs of each kind, 2 or more.
        seed: of all random numbers.
        optimizer: "sgd", "momentum" (heavy ball) or "adam" (decays 0.9 and 0.999), which the rates are for.
        momentum: of "momentum", above 0 and below 1; chosen among `optimizer.MOMENTA` if None.
        choices: how the file is to be read where that is not plain.

    Raises:
        ValueError: an option out of range, a path and a model, or data that no advice can be given for.
        FileNotFoundError: there is no such file.
        ImportError: the file needs a library that is not installed.

    Example:
        >>> from lecturelib import advice
        >>> found = advice.advise(rows=200, goal=0.3, runs=2)
        >>> found.name, found.plan.rows[found.plan.recommended].batch_size > 1
        ('MNIST pixels, is it a 0?', True)
    """
    goal = (0.5 if model else 0.05) if goal is None else goal
    options = Options(goal, price, runs, seed, optimizer, momentum)
    if not model:
        data = preparation.load(
            path, target, loss, standardize=standardize, rows=rows, seed=seed, choices=choices
        )
        return of_data(data, options)
    if path or target:
        raise ValueError("give a path or a model, not both")
    from lecturelib.advice.model import load  # here: the rest needs no JAX

    return from_model(*load(model), name=model, **vars(options))


def from_data(data: preparation.Data, *, goal: float = 0.05, **options: Any) -> Advice:
    """Advice for data that `preparation.load` or `preparation.prepare` has made.

    Args:
        data: made so.
        goal: excess loss to reach, as a fraction of the first one, in (0, 1).
        options: price, runs, seed, optimizer and momentum, as for `advise`.
    """
    return of_data(data, Options(goal, **options))


def from_model(
    loss: Any, params: Any, data: Any, *, name: str = "model", goal: float = 0.5, **options: Any
) -> Advice:
    """Advice for a JAX loss, by the rules at the top of `model.py`.

    Args:
        loss: loss(params, batch) is the mean of a loss over the batch, a scalar.
        params: a pytree of floating-point arrays.
        data: a pytree of arrays with all examples on the leading axis, of which a batch takes some.
        name: for the page.
        goal: loss to reach, as a fraction of the first loss, in (0, 1).
        options: price, runs, seed, optimizer and momentum, as for `advise`.

    Raises:
        ValueError: an option out of range, no learning rate trains the model, or none reaches the goal.
    """
    from lecturelib.advice.of_model import of_model  # here: the rest needs no JAX

    return of_model(loss, params, data, name=name, options=Options(goal, **options))
