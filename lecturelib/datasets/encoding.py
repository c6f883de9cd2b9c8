"""Columns made into features and a target, each step as a sentence with its numbers.

::

    text of two values    0 and 1
    text of a few values  a column of 0 and 1 for each, rare ones together as one
    missing values        the column's mean, and a column of 0 and 1 that says where
    left out              row numbers, identifiers, dates, free text, empty and duplicate columns
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lecturelib.datasets.columns import Columns, listed
from lecturelib.datasets.labels import two_values
from lecturelib.datasets.suspects import doubts, left_out, missing_codes

PLAIN = frozenset(["target", "y", "label", "labels", "class", "outcome", "response"])
MOST, RARE = 30, 0.01  # columns that one of text becomes; share of the rows below which a value is rare


@dataclass(frozen=True)
class Feature:
    """Columns of the features that one column of a file becomes: `make` gives them for one of its blocks."""

    names: list[str]
    make: Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Encoded:
    """The target's values and name, and what the columns `used` become."""

    target: np.ndarray
    target_name: str
    used: list[int]
    features: list[Feature]


def encode(columns: Columns, target: str | None) -> Encoded:
    """Choose the target, and say what each other column becomes; the steps are added to those of columns.

    Raises:
        ValueError: it is not plain what is predicted, or no feature is left; the message says what to type.
    """
    at = _target_position(columns, target)
    values = _target(columns, at)
    reasons: dict[str, list[str]] = {}
    seen = {columns.prints[at]: columns.names[at]}  # a copy of the target would foretell it
    used = []
    for j, name in enumerate(columns.names):
        if j != at and (reason := left_out(columns, j, seen)):
            reasons.setdefault(reason, []).append(name)
        elif j != at:
            seen.setdefault(columns.prints[j], name)
            used.append(j)
    imputed: list[str] = []
    features = [_feature(columns, j, imputed) for j in used]
    for reason, names in reasons.items():
        keep = " (--keep NAME takes one)" if reason.startswith("as ") else ""
        columns.steps.append(f"Left out {reason}: {listed(names)}{keep}.")
    if imputed:
        said = "Missing values are filled in by the mean, and a column says where"
        columns.steps.append(f"{said}: {listed(imputed)} (else: --missing leave-out).")
    columns.steps += [*doubts(columns, used), *missing_codes(columns, [*used, at])]
    if not features:
        first = shlex.quote(next(iter(reasons.values()))[0])
        why = " ".join(columns.steps[-2:])
        raise ValueError(f"{columns.place}: no feature is left ({why}) Take one: --keep {first}")
    return Encoded(values, columns.names[at], used, features)


def _target_position(columns: Columns, target: str | None) -> int:
    """The column that is named, or called as targets are; else ValueError asks for it."""
    index, given = columns.source.index, columns.missing < columns.rows
    usable = [name for j, name in enumerate(columns.names) if j not in index and given[j]]
    read = f" ({' '.join(columns.source.steps)})" if columns.source.steps else ""
    if len(usable) < 2:
        found = f"{len(usable)} column(s) found, 2 or more needed; add a feature{read}"
        raise ValueError(f"{columns.place}: {found}")
    if target in columns.choices.drop:
        raise ValueError(
            f"{columns.place}: --drop {target} leaves out what --target {target} predicts; drop one"
        )
    if target:
        return columns.position(target)
    called = [name for name in columns.names if name.lower().partition("[")[0] in PLAIN]
    plain = [name for name in called if name in usable]
    if len(plain) == 1:
        columns.steps.append(f"The target is {plain[0]}, by its name (else: --target NAME).")
        return columns.position(plain[0])
    usable = [name for name in usable if columns.position(name) not in columns.source.dates] or usable
    shown = ", ".join(usable[:20]) + (f", ... ({len(usable)} in all)" if len(usable) > 20 else "")
    likely = shlex.quote((plain or usable)[-1])
    if called and not plain:
        read = f" ({called[0]} has no value in any row){read}"
    others = f" or another of: {shown}" if len(usable) > 1 else ""
    asked = f"which column is predicted? Say it, --target {likely}{others}{read}"
    raise ValueError(f"{columns.place}: {asked}")


def _target(columns: Columns, j: int) -> np.ndarray:
    """The target's values; 0 and 1 for two classes, and for --positive against the rest."""
    place, name, positive = columns.place, columns.names[j], columns.choices.positive
    values, labels = columns.column(j), columns.source.labels.get(j)
    if j in columns.source.dates:
        raise ValueError(f"{place}: {name!r} holds dates; give a --target that holds numbers or classes")
    if labels and len(labels) == 2 and not positive:
        return _as_number(values, _one(columns, j))
    if labels and positive not in labels:
        positive = next((label for label in labels if label.casefold() == positive.casefold()), positive)
    if labels and positive not in labels:
        counts = columns.counts(j)
        classes = listed([f"{label} {count:,}" for label, count in zip(labels, counts, strict=True)])
        most = shlex.quote(labels[int(np.argmax(counts))])
        has = f"{name!r} has {len(labels)} classes ({classes})"
        raise ValueError(f"{place}: {has}; tell one from the rest: --positive {most}")
    if not positive:
        return values
    try:
        one = labels.index(positive) if labels else float(positive)
    except ValueError:
        one = np.nan
    found = _as_number(values, one)
    if not np.nansum(found):
        raise ValueError(f"{place}: --positive {positive} is no value of {name!r}; give one that is")
    columns.steps.append(f"{name}: {positive} is 1 ({np.nansum(found):,.0f} rows), every other class 0.")
    return found


def _feature(columns: Columns, j: int, imputed: list[str]) -> Feature:
    """What a column becomes; if missing values are filled in, a line for `imputed`."""
    name, labels = columns.names[j], columns.source.labels.get(j)
    many, rows = columns.missing[j], columns.rows
    if labels and len(labels) != 2:
        return _one_hot(columns, j)
    one = _one(columns, j) if labels else None
    if not many or columns.choices.missing == "leave-out":
        return Feature([name], lambda block: [_as_number(block[:, j], one)])
    mean = float(columns.sum[j] / (rows - many))
    if one == 0:
        mean = 1.0 - mean
    imputed.append(f"{name} {many:,} of {rows:,} (mean {mean:.4g})")

    def make(block: np.ndarray) -> list[np.ndarray]:
        missing = np.isnan(block[:, j])
        return [np.where(missing, mean, _as_number(block[:, j], one)), missing]

    return Feature([name, f"{name} is missing"], make)


def _one(columns: Columns, j: int) -> int:
    """The position of that one of two labels which is 1."""
    no, yes = two_values(columns.source.labels[j])
    columns.steps.append(f"{columns.names[j]}: {no} is 0, {yes} is 1.")
    return columns.source.labels[j].index(yes)


def _as_number(column: np.ndarray, one: float | None) -> np.ndarray:
    return column if one is None else np.where(np.isnan(column), np.nan, column == one)


def _one_hot(columns: Columns, j: int) -> Feature:
    """A column for each frequent value, one for the rare ones together, one for missing ones."""
    name, labels, counts = columns.names[j], columns.source.labels[j], columns.counts(j)
    order = np.argsort(-counts, kind="stable")
    often = [k for k in order[:MOST] if counts[k] >= max(2, RARE * columns.rows)]
    if len(labels) - len(often) == 1:
        often = list(order)  # nothing to pool
    often.sort()
    place = np.full(len(labels) + 1, len(often))  # the rare ones
    place[often] = np.arange(len(often))
    place[-1] = -1  # of a missing value
    names = [f"{name}={labels[k]}" for k in often]
    said = ""
    if rare := len(labels) - len(often):
        names.append(f"{name}=(rare)")
        said = f", {rare} rare ones together ({counts.sum() - counts[often].sum():,} rows)"
    if columns.missing[j]:
        said += f", {columns.missing[j]:,} missing"
        if columns.choices.missing == "impute":
            place[-1] = len(names)
            names.append(f"{name} is missing")
    kinds, many = ("y" if len(labels) == 1 else "ies"), ("" if len(names) == 1 else "s")
    columns.steps.append(
        f"{name}: {len(labels):,} categor{kinds}, {len(names)} column{many} of 0 and 1{said}."
    )

    def make(block: np.ndarray) -> list[np.ndarray]:
        at = place[np.where(np.isfinite(block[:, j]), block[:, j], -1).astype(int)]
        return [at == k for k in range(len(names))]

    return Feature(names, make)
