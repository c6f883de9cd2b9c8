"""The ledger of parallelism: work, depth, communication, memory, error, and seconds in the alpha-beta model.

A network is two numbers: alpha, the seconds that any message takes, and beta, the seconds that each number in
it adds. What is sent at the same time counts once. Numbers, not bytes: with float32, beta is 4 / (bytes a
second).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from lecturelib.checks import check_array, check_between, check_choice, check_count, check_nonnegative

ALGORITHMS = ("ring", "tree", "halving-doubling")


@dataclass(frozen=True)
class Network:
    """The two numbers of a network.

    Attributes:
        alpha: seconds a message, 0 or more, or ValueError.
        beta: seconds a number, 0 or more, or ValueError.
    """

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        check_nonnegative("alpha", self.alpha)
        check_nonnegative("beta", self.beta)


@dataclass(frozen=True)
class Traffic:
    """What is sent, one after another.

    Attributes:
        messages: rounds, in each of which every machine may send one.
        numbers: of the longest message of each round, added up.
    """

    messages: float
    numbers: float

    def seconds(self, network: Network) -> float:
        """The time it takes, messages * alpha + numbers * beta.

        >>> from lecturelib.parallel.cost import Network, Traffic
        >>> Traffic(messages=2, numbers=1e6).seconds(Network(alpha=1e-5, beta=1e-9))
        0.00102
        """
        return self.messages * network.alpha + self.numbers * network.beta


@dataclass(frozen=True)
class Entry:
    """One row of the ledger: the five issues of the slide, for one method.

    All are of the whole run; NaN stands for what does not apply.

    Attributes:
        method: what the row is called.
        work: example gradients computed, by all machines together.
        depth: steps that come one after another.
        messages, numbers: as in `Traffic`.
        memory: numbers the fullest machine holds.
        error: what is left at the end, in the unit of the loss.
    """

    method: str
    work: float = math.nan
    depth: float = math.nan
    messages: float = math.nan
    numbers: float = math.nan
    memory: float = math.nan
    error: float = math.nan


def table(entries: Sequence[Entry]) -> str:
    """The ledger as text, one line a method; four significant digits.

    >>> from lecturelib.parallel import cost
    >>> print(cost.table([cost.Entry("one machine", work=1e6, depth=1e6, messages=0, numbers=0, memory=50)]))
    method            work      depth   messages    numbers     memory      error
    one machine  1,000,000  1,000,000          0          0         50          -
    """
    names = ("work", "depth", "messages", "numbers", "memory", "error")
    width = max(len("method"), *(len(entry.method) for entry in entries))
    lines = ["method".ljust(width) + "".join(name.rjust(11) for name in names)]
    for entry in entries:
        cells = (_cell(getattr(entry, name)).rjust(11) for name in names)
        lines.append(entry.method.ljust(width) + "".join(cells))
    return "\n".join(lines)


def _cell(value: float) -> str:
    if math.isnan(value):
        return "-"
    if value == int(value) and abs(value) < 1e8:
        return f"{int(value):,}"
    return f"{value:,.4g}"


def all_reduce(algorithm: str, machines: int, size: int) -> Traffic:
    """What it takes until each of K machines holds the sum of all K vectors of N numbers.

    ::

        ring              2 (K - 1) messages,     2 (K - 1) / K * N numbers
        tree              2 ceil(log2 K),         2 ceil(log2 K) * N
        halving-doubling  2 log2 K,               2 (K - 1) / K * N            (K a power of two)

    A ring and halving cut the vector into K parts; where K does not divide N the longest parts are rounded
    up, and the numbers here are too low by less than one a message.

    Args:
        algorithm: one of these.
        machines: K, 1 or more.
        size: N, 0 or more.

    Raises:
        ValueError: if an argument is none of these, or halving-doubling has no power of two machines.

    >>> from lecturelib.parallel import cost
    >>> cost.all_reduce("ring", machines=4, size=1000)
    Traffic(messages=6, numbers=1500.0)

    Source: Thakur, Rabenseifner and Gropp (2005), section 4; `allreduce.py` sends the messages one by one.
    """
    machines, size = check_count("machines", machines), check_count("size", size, at_least=0)
    check_choice("algorithm", algorithm, ALGORITHMS)
    rounds = math.ceil(math.log2(machines))
    if algorithm == "ring":
        return Traffic(2 * (machines - 1), 2 * (machines - 1) / machines * size)
    if algorithm == "tree":
        return Traffic(2 * rounds, 2.0 * rounds * size)
    if machines & (machines - 1):
        raise ValueError(
            f"machines = {machines} is no power of two, as halving-doubling needs; pass ring or tree"
        )
    return Traffic(2 * rounds, 2 * (machines - 1) / machines * size)


def amdahl(serial_fraction: float, machines: int) -> float:
    """How many times faster K machines are when a fraction s of the work cannot be shared.

    ::

        1 / (s + (1 - s) / K),    at most 1 / s

    Args:
        serial_fraction: s, from 0 to 1.
        machines: K, 1 or more.

    Raises:
        ValueError: if an argument is outside its range.

    >>> from lecturelib.parallel import cost
    >>> round(cost.amdahl(0.05, 64), 8)
    15.42168675

    Source: Amdahl, Validity of the single processor approach (1967).
    """
    check_between("serial_fraction", serial_fraction, 0, 1)
    return 1.0 / (serial_fraction + (1.0 - serial_fraction) / check_count("machines", machines))


def step_seconds(
    batch_size: int,
    machines: int,
    *,
    seconds_per_example: float,
    network: Network,
    size: int,
    algorithm: str = "ring",
) -> float:
    """Seconds of one step of mini-batch SGD on K machines: compute, then sum the gradients.

    ::

        ceil(b / K) t_s + [all-reduce of N numbers]

    Args:
        batch_size: b, of all machines together, 1 or more.
        machines: K, 1 or more.
        seconds_per_example: t_s, for one example's gradient on one machine.
        network: between the machines.
        size: N, parameters.
        algorithm: of `all_reduce`.

    Raises:
        ValueError: if an argument is outside its range.

    >>> from lecturelib.parallel import cost
    >>> network = cost.Network(alpha=1e-5, beta=4e-10)
    >>> round(cost.step_seconds(64, 4, seconds_per_example=1e-4, network=network, size=10**6), 6)
    0.00226
    """
    check_nonnegative("seconds_per_example", seconds_per_example)
    share = -(-check_count("batch_size", batch_size) // check_count("machines", machines))
    return share * seconds_per_example + all_reduce(algorithm, machines, size).seconds(network)


def time_to_target(depth: float, batch_size: int, machines: int, **step: Any) -> float:
    """Seconds until the target is reached: depth(b) * (compute + communication).

    ::

        T(K, b) = depth(b) * step_seconds(b, K)

    The depth is that at this batch size, such as `least_squares.depth(...).steps`; other arguments and errors
    are those of `step_seconds`.

    >>> from lecturelib.parallel import cost
    >>> network = cost.Network(alpha=1e-5, beta=4e-10)
    >>> step = {"seconds_per_example": 1e-4, "network": network, "size": 10**6}
    >>> round(cost.time_to_target(238, 1, 1, **step), 6), round(cost.time_to_target(6, 64, 4, **step), 6)
    (0.0238, 0.01356)
    """
    return check_nonnegative("depth", depth) * step_seconds(batch_size, machines, **step)


def fit_network(traffic: Sequence[Traffic], seconds: ArrayLike) -> Network:
    """The alpha and beta, neither negative, that explain measured times with the least relative error.

    ::

        minimise  sum_i ((messages_i alpha + numbers_i beta) / seconds_i - 1)^2

    Args:
        traffic: of each measurement, two or more.
        seconds: measured, positive, one each.

    Raises:
        ValueError: if there are fewer, or they cannot tell alpha from beta.

    >>> from lecturelib.parallel import cost
    >>> true = cost.Network(alpha=2e-5, beta=1e-9)
    >>> sent = [cost.all_reduce("ring", 2, size) for size in (1, 10**4, 10**6)]
    >>> found = cost.fit_network(sent, [one.seconds(true) for one in sent])
    >>> round(found.alpha, 9), round(found.beta, 13)
    (2e-05, 1e-09)
    """
    times = check_array("seconds", seconds, 1, length=len(traffic))
    if len(times) < 2 or not (times > 0).all():
        raise ValueError(
            f"seconds = {times.tolist()} is refused; pass two measurements or more, all positive"
        )
    rows = np.array([[one.messages, one.numbers] for one in traffic], dtype=float) / times[:, None]
    scale = np.linalg.norm(rows, axis=0)
    if not scale.all() or np.linalg.matrix_rank(rows / scale, tol=1e-9) < 2:
        raise ValueError("traffic has one shape only: measure small and large vectors, on 2 machines or more")
    alpha, beta = nnls(rows / scale, np.ones(len(times)))[0] / scale
    return Network(float(alpha), float(beta))
