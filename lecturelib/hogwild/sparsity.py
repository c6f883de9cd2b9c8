"""How sparse are the rows? The three numbers of the Hogwild paper, and how often two rows meet.

::

    Omega = max_e |e|                                  most columns of a row
    Delta = max_c |{e : c in e}| / |E|                 share of the rows that have the commonest column
    rho   = max_e |{e' : e' meets e}| / |E|            share of the rows that one row shares a column with

They are worst cases. `meeting` is an average: the probability that two random rows share a column.

Source: F. Niu, B. Recht, C. Ré, S. Wright, Hogwild!: a lock-free approach to parallelizing stochastic
gradient descent, NeurIPS 24 (2011), section 2.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from lecturelib.checks import check_count

__all__ = ["Sparsity", "sparsity"]


class Sparsity(NamedTuple):
    """What `sparsity` finds: `omega` is a count of columns, the others are shares, 0 to 1."""

    omega: int
    delta: float
    rho: float
    meeting: float


def sparsity(features: sparse.csr_array, *, sample: int = 2000, seed: int = 0) -> Sparsity:
    """The sparsity of some rows; rho and the meetings over all pairs of a random sample of them.

    Args:
        features: shape (rows, columns), two rows or more; no entry stored twice.
        sample: most rows whose pairs are compared, 2 or more.
        seed: of the sample.

    Raises:
        ValueError: fewer than two rows, or a sample of fewer than two.

    >>> import numpy as np
    >>> from scipy import sparse
    >>> rows = sparse.csr_array(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]))
    >>> omega, delta, rho, meeting = sparsity(rows)
    >>> omega, float(delta), float(rho)
    (2, 0.5, 0.5)
    """
    rows = features.shape[0]
    if rows < 2:
        raise ValueError(f"features has {rows} rows; pass two or more")
    chosen = np.random.default_rng(seed).permutation(rows)[: check_count("sample", sample, at_least=2)]
    some = sparse.csr_array((features[chosen] != 0).astype(np.float32))
    meets = np.asarray((some @ some.T > 0).sum(axis=1))  # how many rows each row meets, itself included
    count = len(chosen)
    return Sparsity(
        int(np.diff(features.indptr).max()),
        float(np.bincount(features.indices).max() / rows),
        float(meets.max() / count),
        float((meets - 1).mean() / (count - 1)),
    )
