"""What `hogwild.train` accepts: every argument checked before anything is compiled or started."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from lecturelib.checks import check_count
from lecturelib.hogwild.kernels import LOSSES

SCHEMES = ("serial", "lock-free", "locked", "striped", "round-robin", "buffered")
COUNTABLE = SCHEMES[:-1]


@dataclass(frozen=True)
class Settings:
    """The checked arguments of a training; rates has one entry an epoch."""

    loss: str
    l2: float
    rates: np.ndarray
    epochs: int
    threads: int
    scheme: str
    shuffle: bool
    dtype: np.dtype
    merge_every: int | None
    stripes: int
    count: bool
    seed: int


def check_settings(
    loss, l2, learning_rate, epochs, threads, scheme, shuffle, dtype, merge_every, stripes, count, seed
):
    """Return Settings, or raise ValueError with the argument, its value and the remedy."""
    for name, value, allowed in (
        ("loss", loss, tuple(LOSSES)),
        ("scheme", scheme, SCHEMES),
        ("shuffle", shuffle, (True, False)),
        ("count", count, (True, False)),
    ):
        if not isinstance(value, (str, bool)) or value not in allowed:
            raise ValueError(f"{name} = {value!r} is unknown; pass one of {', '.join(map(repr, allowed))}")
    epochs, threads = check_count("epochs", epochs), check_count("threads", threads)
    stripes, seed = check_count("stripes", stripes), check_count("seed", seed, at_least=0)
    try:
        known = None if dtype is None else np.dtype(dtype)  # numpy takes None for float64
    except TypeError:
        known = None
    if known is None or known not in (np.dtype("float32"), np.dtype("float64")):
        raise ValueError(f"dtype = {dtype!r} is refused; pass 'float32' or 'float64'")
    dtype = known
    if scheme == "serial" and threads != 1:
        raise ValueError(f"threads = {threads} with scheme = 'serial'; pass threads=1, or another scheme")
    if merge_every is not None:
        merge_every = check_count("merge_every", merge_every)
        if scheme != "buffered":
            raise ValueError(f"merge_every is for scheme = 'buffered', not {scheme!r}; leave it out")
    if count and (scheme not in COUNTABLE or dtype != np.float32):
        raise ValueError(
            f"count = True with scheme = {scheme!r} and dtype = {dtype.name}: counting needs float32 weights"
            f" that all threads share; pass dtype='float32' and one of {', '.join(map(repr, COUNTABLE))}"
        )
    rates = _rates(learning_rate, epochs, dtype)
    if not _is_number(l2) or not 0 <= l2 <= np.finfo(dtype).max:
        raise ValueError(f"l2 = {l2!r} is refused; pass a finite number, 0 or more")
    return Settings(
        loss, float(l2), rates, epochs, threads, scheme, shuffle, dtype, merge_every, stripes, count, seed
    )


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _rates(learning_rate, epochs, dtype):
    try:
        rates = np.asarray(learning_rate, dtype=float)
    except (TypeError, ValueError):
        rates = np.full((0, 0), math.nan)
    limits = np.finfo(dtype)
    if rates.shape not in ((), (epochs,)) or not ((rates >= limits.tiny) & (rates <= limits.max)).all():
        raise ValueError(
            f"learning_rate = {learning_rate!r} is refused;"
            f" pass a positive finite number, or one for each of the {epochs} epochs"
        )
    return np.broadcast_to(rates, (epochs,))


def check_data(features, labels, settings):
    """Return labels; raise ValueError unless features is a sound CSR matrix and labels suit the loss."""
    if not sparse.issparse(features) or features.format != "csr" or features.ndim != 2:
        what = f"a {features.format} matrix" if sparse.issparse(features) else type(features).__name__
        raise ValueError(f"features is {what}; pass a scipy CSR matrix: scipy.sparse.csr_array(features)")
    rows, columns = features.shape
    if rows == 0 or not 0 < columns <= 2**32:
        raise ValueError(f"features has {rows} rows and {columns} columns; pass at least one of each")
    if features.dtype.kind not in "biuf":
        raise ValueError(f"features has entries of type {features.dtype}; pass real numbers")
    _check_structure(features)
    with np.errstate(over="ignore"):
        finite = np.isfinite(features.data.astype(settings.dtype))
    if not finite.all():
        bad = features.data[~finite][0]
        raise ValueError(
            f"features has the entry {bad}, not finite in {settings.dtype}; remove or rescale it"
        )
    try:
        labels = np.asarray(labels)
    except ValueError:
        labels = np.empty(0)
    if labels.shape != (rows,) or labels.dtype.kind not in "biuf":
        raise ValueError(
            f"labels is {labels.dtype} of shape {labels.shape}; pass numbers of shape ({rows},), one a row"
        )
    if settings.loss == "squared":
        with np.errstate(over="ignore"):
            wrong = labels[~np.isfinite(labels.astype(settings.dtype))]
        allowed = "finite numbers"
    else:
        wrong, allowed = (
            labels[(labels != 1) & (labels != -1)],
            "-1 and +1 (2 * labels - 1 makes them of 0 and 1)",
        )
    if wrong.size:
        raise ValueError(f"labels has the value {wrong[0]}; for the {settings.loss} loss pass {allowed}")
    return labels


def _check_structure(features):
    """Pointers that rise and end with the entries; columns that rise within each row."""
    starts, found = features.indptr, features.indices
    entries = len(found)
    sound = len(starts) == features.shape[0] + 1 and starts[0] == 0 and starts[-1] == entries
    if not sound or len(features.data) != entries or (np.diff(starts) < 0).any():
        raise ValueError("features.indptr does not match its entries; build the CSR matrix anew")
    if entries and not (found.min() >= 0 and found.max() < features.shape[1]):
        bad = found[(found < 0) | (found >= features.shape[1])][0]
        raise ValueError(f"features has the column index {bad}, but {features.shape[1]} columns; mend it")
    rising = np.diff(found.astype(np.int64)) > 0
    ends = starts[1:-1]
    rising[ends[(ends > 0) & (ends < entries)] - 1] = True  # from one row to the next it may fall
    if not rising.all():
        place = np.flatnonzero(~rising)[0]
        row = np.searchsorted(starts, place, side="right") - 1
        if found[place] == found[place + 1]:
            raise ValueError(
                f"features has column {found[place]} twice in row {row}; call features.sum_duplicates()"
            )
        raise ValueError(f"features has unsorted columns in row {row}; call features.sort_indices()")


def check_shrinkage(features, settings):
    """Rows over rows with each column, times l2, empty without l2; refuse steps that would overshoot zero."""
    if settings.l2 == 0:
        return np.empty(0)
    having = np.bincount(features.indices, minlength=features.shape[1])
    shrink = settings.l2 * features.shape[0] / np.maximum(having, 1) * (having > 0)
    rarest = np.argmax(shrink)
    if settings.rates.max() * shrink[rarest] > 1:
        raise ValueError(
            f"learning_rate * l2 * rows / (rows with column {rarest}) ="
            f" {settings.rates.max() * shrink[rarest]:.3g}, over 1: a step would carry that weight past zero;"
            " lower learning_rate or l2, or drop rare columns"
        )
    return shrink
