"""What `hogwild.train` accepts: every argument checked before anything is compiled or started."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy import sparse

from lecturelib.checks import check_choice, check_count, check_nonnegative
from lecturelib.hogwild.kernels import LOSSES

SCHEMES = ("serial", "lock-free", "locked", "striped", "round-robin", "buffered")
COUNTABLE = SCHEMES[:-1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """The arguments of `train` but for the data, checked: its docstring says what they are.

    Attributes:
        rates: the learning rate of each epoch, (epochs,).

    Raises:
        ValueError: one of them is refused; the message has its name, its value and the remedy.
    """

    learning_rate: ArrayLike
    epochs: int
    seed: int
    loss: str
    l2: float
    threads: int
    scheme: str
    shuffle: bool
    dtype: np.dtype
    merge_every: int | None
    stripes: int
    count: bool
    rates: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_choice("scheme", self.scheme, SCHEMES)
        for name, least in (("epochs", 1), ("threads", 1), ("stripes", 1), ("seed", 0)):
            self._set(name, check_count(name, getattr(self, name), at_least=least))
        for name in ("shuffle", "count"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} = {getattr(self, name)!r} is refused; pass True or False")
        self._set("l2", check_nonnegative("l2", self.l2))
        self._set("rates", self._rates())
        if self.scheme == "serial" and self.threads != 1:
            raise ValueError(
                f"threads = {self.threads} with scheme = 'serial'; pass threads=1, or another scheme"
            )
        if self.merge_every is not None:
            self._set("merge_every", check_count("merge_every", self.merge_every))
            if self.scheme != "buffered":
                raise ValueError(f"merge_every is for scheme = 'buffered', not {self.scheme!r}; leave it out")
        if self.count and (self.scheme not in COUNTABLE or self.dtype != np.float32):
            raise ValueError(
                f"count = True with scheme = {self.scheme!r} and dtype = {self.dtype}: counting needs float32"
                f" weights that all threads share; pass dtype='float32' and one of {', '.join(COUNTABLE)}"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the record is frozen once it is made

    def _rates(self) -> np.ndarray:
        try:
            rates = np.asarray(self.learning_rate, dtype=float)
        except (TypeError, ValueError):
            rates = np.empty((0, 0))
        limits = np.finfo(self.dtype)
        if (
            rates.shape not in ((), (self.epochs,))
            or not ((rates >= limits.tiny) & (rates <= limits.max)).all()
        ):
            raise ValueError(
                f"learning_rate = {self.learning_rate!r} is refused;"
                f" pass a positive finite number, or one for each of the {self.epochs} epochs"
            )
        return np.broadcast_to(rates, (self.epochs,))


def float_type(dtype: DTypeLike) -> np.dtype:
    """Return float32 or float64, or raise ValueError."""
    try:
        known = np.dtype(dtype)
    except TypeError:
        known = np.dtype(object)
    if dtype is None or known not in (np.float32, np.float64):  # numpy takes None for float64
        raise ValueError(f"dtype = {dtype!r} is refused; pass 'float32' or 'float64'")
    return known


def check_data(features: sparse.csr_array, labels: ArrayLike, settings: Settings) -> np.ndarray:
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
    if not (finite := _is_finite(features.data, settings)).all():
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
        good, allowed = _is_finite(labels, settings), "finite numbers"
    else:
        good, allowed = np.abs(labels) == 1, "-1 and +1 (2 * labels - 1 makes them of 0 and 1)"
    if not good.all():
        raise ValueError(
            f"labels has the value {labels[~good][0]}; for the {settings.loss} loss pass {allowed}"
        )
    return labels


def _is_finite(values: np.ndarray, settings: Settings) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.isfinite(values.astype(settings.dtype))


def _check_structure(features: sparse.csr_array) -> None:
    """Pointers that rise and end with the entries; columns that rise within each row."""
    try:
        checked = sparse.csr_array(features)  # shares the entries; scipy mends a matrix that it checks
        checked.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"features is no sound CSR matrix ({error}); build it anew") from error
    if len(checked.indices) != len(features.indices) or (np.diff(checked.indptr) < 0).any():
        raise ValueError(
            "features is no sound CSR matrix (indptr does not end with the entries); build it anew"
        )
    if not checked.has_canonical_format:
        raise ValueError(
            "features has unsorted or repeated columns in a row; call features.sum_duplicates(), which sorts"
        )


def check_shrinkage(features: sparse.csr_array, settings: Settings) -> np.ndarray:
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
