"""The data of the lecture: two bundled sets, and the doors to the reader's own.

::

    mnist()      70,000 handwritten digits, dense
    wordnet()    117,659 dictionary definitions as bags of words, sparse
    wordnet_text()  the same as they were written
    table()      the reader's table: text, JSON, parquet, feather or NumPy's own, read with Choices
    svmlight()   the reader's sparse file
    numbers()    the columns of numbers of a table as they are, such as a log

Nothing here touches a network. `data/README.md` says where the bundled files come from, under which licence,
and how they were packed; every read compares their SHA-256 with the one below.
"""

import functools
import hashlib
import lzma
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from lecturelib.datasets.columns import Choices
from lecturelib.datasets.svmlight import SparseTable, svmlight
from lecturelib.datasets.tables import Table, numbers, table

__all__ = [
    "Choices",
    "Mnist",
    "SparseTable",
    "Table",
    "Text",
    "mnist",
    "numbers",
    "svmlight",
    "table",
    "wordnet",
    "wordnet_text",
]

LEAST_ROWS = 2  # a word in a single definition says nothing about any other
DATA = Path(__file__).parents[1] / "data"
SHA256 = {
    "mnist.xz": "cf64e59d28f4e5ef7c4edf6ef23db2e88152f61e38b161c4116723198783665b",
    "wordnet.xz": "73e61d793186bb0911e1ab49af7ae5a9089500f771823d318efef471eaa03a34",
}


@dataclass(frozen=True, eq=False)
class Mnist:
    """Handwritten digits: grey values 0 (paper) to 255 (ink), labels 0 to 9; uint8 arrays, read-only.

    Attributes:
        train_images: shape (60000, 28, 28): example, row from the top, column from the left.
        train_labels: shape (60000,).
        test_images: shape (10000, 28, 28).
        test_labels: shape (10000,).
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Text:
    """Short texts as bags of words: entry (i, j) is 1 where text i has word j, else 0; read-only.

    Attributes:
        features: scipy CSR array, float32, shape (rows, words), column indices sorted within each row.
        labels: int8, shape (rows,): +1 for a noun, -1 for a verb, an adjective or an adverb.
        words: the word of each column, in alphabetical order.
    """

    features: sparse.csr_array
    labels: np.ndarray
    words: tuple[str, ...]


@functools.cache
def mnist() -> Mnist:
    """Read MNIST, complete and in its original order; the first call takes a second, later ones are free.

    Returns:
        Mnist, with 60,000 images to train on and 10,000 to test on. The record is shared by all callers.

    Raises:
        FileNotFoundError: the bundled file is missing.
        ValueError: the bundled file is damaged.

    Example:
        >>> from lecturelib import datasets
        >>> digits = datasets.mnist()
        >>> digits.train_images.shape, digits.train_labels[:5].tolist()
        ((60000, 28, 28), [5, 0, 4, 1, 9])

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86 (1998) 2278-2324.
    """
    return unpack_mnist(lzma.decompress(_read_bundled("mnist.xz")))


def unpack_mnist(packed: bytes) -> Mnist:
    """Undo `data/pack_mnist.py`: n labels, then n images of 28 x 28 bytes, stably sorted by label.

    Args:
        packed: 785 n bytes; the first six sevenths of the labels belong to the training set.

    Returns:
        Mnist, its examples back in their original order.
    """
    examples = len(packed) // 785
    labels = np.frombuffer(packed, np.uint8, examples)
    images = np.empty((examples, 28, 28), np.uint8)
    order = np.argsort(labels, kind="stable")
    images[order] = np.frombuffer(packed, np.uint8, offset=examples).reshape(examples, 28, 28)
    images.setflags(write=False)
    train = examples * 6 // 7
    return Mnist(images[:train], labels[:train], images[train:], labels[train:])


@functools.cache
def wordnet(keep_stop_words: bool = False) -> Text:
    """Read the definitions of WordNet 3.0 as bags of words, to tell nouns from the rest.

    A column is a word that occurs in at least two definitions. Rows come in the order of the dictionary, all
    nouns (82,115 of 117,659, or 69.8 %) first: shuffle before you split. Rows without any word are kept, so
    that row i is the same definition whether stop words are kept or not.

    Args:
        keep_stop_words: keep the commonest English words ("of", "the", ...). Without them two random rows
            share a word with probability 0.020 (34,113 words), with them 0.517 (34,407 words).

    Returns:
        Text, with features of shape (117659, words). The record is shared by all callers.

    Raises:
        FileNotFoundError: the bundled file is missing.
        ValueError: the bundled file is damaged, or keep_stop_words is not True or False.

    Example:
        >>> from lecturelib import datasets
        >>> text = datasets.wordnet()
        >>> text.features.shape, text.features.nnz, text.words[-1]
        ((117659, 34113), 777104, 'zygote')

    Source: G. A. Miller, WordNet: a lexical database for English, Communications of the ACM 38 (1995) 39-41.
    """
    if not isinstance(keep_stop_words, bool):
        raise ValueError(f"keep_stop_words must be True or False, not {keep_stop_words!r}")
    return bags(lzma.decompress(_read_bundled("wordnet.xz")).decode("ascii"), keep_stop_words)


def bags(glosses: str, keep_stop_words: bool) -> Text:
    r"""The glosses of `wordnet.xz` as bags of words: a row a line, the nouns before the first form feed.

    A word is a run of two or more letters, digits or underscores, in lower case.

    >>> from lecturelib import datasets
    >>> text = datasets.bags("the cat\n\fcat-like\n\f\flike the cat\n", keep_stop_words=False)
    >>> text.words, text.features.toarray().tolist(), text.labels.tolist()
    (('cat', 'like'), [[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]], [1, -1, -1])
    """
    tokens = re.findall(r"\w{2,}|\n", glosses.lower(), re.ASCII)
    number = {word: i for i, word in enumerate(sorted({"\n", *tokens}))}  # that of the line's end is 0
    numbers = np.fromiter(map(number.__getitem__, tokens), np.int64, len(tokens))
    ends = numbers == 0
    pairs = np.sort(np.cumsum(ends)[~ends] * len(number) + numbers[~ends])  # by line, then by word
    rows, found = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], len(number))  # each word of a line once
    kept = np.bincount(found, minlength=len(number)) >= LEAST_ROWS
    if not keep_stop_words:
        kept &= ~np.isin(list(number), sorted(stop_words()))
    rows, found = rows[kept[found]], found[kept[found]]
    starts = np.concatenate([[0], np.bincount(rows, minlength=ends.sum()).cumsum()])
    entries = np.ones(len(rows), np.float32), (np.cumsum(kept) - 1)[found].astype(np.int32)
    features = sparse.csr_array((*entries, starts.astype(np.int32)), shape=(ends.sum(), kept.sum()))
    nouns = glosses.partition("\f")[0].count("\n")
    labels = np.where(np.arange(ends.sum()) < nouns, 1, -1).astype(np.int8)
    for array in (features.data, features.indices, features.indptr, labels):
        array.setflags(write=False)
    return Text(features, labels, tuple(word for word, stays in zip(number, kept, strict=True) if stays))


def stop_words() -> set[str]:
    """The commonest English words, as scikit-learn lists them."""
    lines = (DATA / "stop_words.txt").read_text(encoding="ascii").splitlines()
    return {word for line in lines if not line.startswith("#") for word in line.split()}


@functools.cache
def wordnet_text() -> tuple[str, ...]:
    """Read the glosses of WordNet 3.0, definitions and examples, as they were written.

    Returns:
        117,659 texts of 75 characters on average, of 91 ASCII characters; text i is row i of `wordnet()`.

    Raises:
        FileNotFoundError: the bundled file is missing.
        ValueError: the bundled file is damaged.

    Example:
        >>> from lecturelib import datasets
        >>> text = datasets.wordnet_text()
        >>> len(text), text[82_115][:28]  # the first verb
        (117659, 'draw air into, and expel out')

    Source: as for `wordnet`.
    """
    glosses = lzma.decompress(_read_bundled("wordnet.xz")).decode("ascii")
    return tuple(glosses.replace("\f", "").splitlines())


def _read_bundled(name: str) -> bytes:
    path = DATA / name
    remedy = f"Restore it with `git checkout -- lecturelib/data/{name}`, or reinstall lecturelib."
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; it belongs to lecturelib. {remedy}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{path} is damaged: {len(content)} bytes with SHA-256 {found}, not {SHA256[name]}. {remedy}"
        )
    return content
