"""The bundled data: byte for byte what was published, with the facts the lecture uses."""

import dataclasses
import hashlib
import lzma

import numpy as np
import pytest
from scipy import optimize

from lecturelib import datasets
from tests.agree import agree
from tests.lecture.datasets.test_packing import pack_mnist
from tests.marks import first_quick

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
# Ordered pairs of rows that share a word, each row with itself included; the second takes minutes to count.
BAGS = {  # whether stop words are kept: digest of the bags that editions 1 and 2 carried as such
    False: "19e1a8f1823876ef891f6030e6d0dc7610d4332aad9b2bc1ff5e60c3c83b05de",
    True: "e0b45bfcfed97ea4dbab69c35ddd4f2dccbdefd4b338a4e64cff62a2c8a7eba6",
}
SHARING_PAIRS = {False: 276_524_381, True: 7_157_137_348}  # whether stop words are kept


def test_mnist_has_the_known_shapes_and_digit_counts():
    digits = datasets.mnist()
    assert digits.train_images.shape == (60_000, 28, 28)
    assert digits.test_images.shape == (10_000, 28, 28)
    assert np.bincount(digits.train_labels).tolist() == TRAIN_COUNTS
    assert np.bincount(digits.test_labels).tolist() == TEST_COUNTS
    for field in dataclasses.fields(digits):
        assert getattr(digits, field.name).dtype == np.uint8


def md5_of_idx(digits):
    return {name: hashlib.md5(content).hexdigest() for name, content in pack_mnist.idx_files(digits).items()}


def test_mnist_written_back_gives_the_published_files():
    assert md5_of_idx(datasets.mnist()) == pack_mnist.MD5


@pytest.fixture(scope="module")
def packed_mnist():
    return lzma.decompress((datasets.DATA / "mnist.xz").read_bytes())


def transposed(digits, packed):
    return dataclasses.replace(digits, train_images=digits.train_images.transpose(0, 2, 1))


def still_sorted_by_label(digits, packed):
    images = np.frombuffer(packed, np.uint8, offset=70_000).reshape(-1, 28, 28)
    return dataclasses.replace(digits, train_images=images[:60_000], test_images=images[60_000:])


def gathered_instead_of_scattered(digits, packed):
    images = np.frombuffer(packed, np.uint8, offset=70_000).reshape(-1, 28, 28)
    images = images[np.argsort(np.concatenate([digits.train_labels, digits.test_labels]), kind="stable")]
    return dataclasses.replace(digits, train_images=images[:60_000], test_images=images[60_000:])


def sorted_in_another_order_within_a_label(digits, packed):
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    images = np.empty((70_000, 28, 28), np.uint8)
    order = len(labels) - 1 - np.argsort(labels[::-1], kind="stable")  # sorted, but last examples first
    images[order] = np.frombuffer(packed, np.uint8, offset=70_000).reshape(-1, 28, 28)
    return dataclasses.replace(digits, train_images=images[:60_000], test_images=images[60_000:])


@pytest.mark.parametrize(
    "mutant",
    [
        transposed,
        still_sorted_by_label,
        gathered_instead_of_scattered,
        sorted_in_another_order_within_a_label,
    ],
)
def test_mutant_of_the_mnist_reader_is_caught(mutant, packed_mnist):
    assert md5_of_idx(mutant(datasets.mnist(), packed_mnist)) != pack_mnist.MD5


@pytest.mark.long
def test_wordnet_has_the_known_size():
    text = datasets.wordnet()
    assert text.features.shape == (117_659, 34_113)
    assert text.features.nnz == 777_104
    assert (text.labels == 1).sum() == 82_115
    assert (text.labels == -1).sum() == 13_767 + 18_156 + 3_621
    assert set(text.features.data) == {1}
    assert text.features.dtype == np.float32
    assert text.features.indices.dtype == np.int32
    assert text.labels.dtype == np.int8
    rows, words = np.diff(text.features.indptr), np.bincount(text.features.indices)
    assert words.min() == 2
    assert (text.words[words.argmax()], words.max()) == ("having", 5_835)  # 5 % of the rows
    assert (rows == 0).sum() == 268


@pytest.mark.long
def test_wordnet_with_stop_words_is_the_same_data_and_more_columns():
    text, whole = datasets.wordnet(), datasets.wordnet(keep_stop_words=True)
    assert whole.features.shape == (117_659, 34_407)
    assert whole.features.nnz == 1_250_449
    stop_words = datasets.stop_words()
    kept = [word not in stop_words for word in whole.words]
    assert text.words == tuple(np.array(whole.words)[kept])
    assert (whole.features[:, np.flatnonzero(kept)] != text.features).nnz == 0
    assert (text.labels == whole.labels).all()


@first_quick("keep_stop_words", [False, True])
def test_words_and_columns_are_sorted(keep_stop_words):
    text = datasets.wordnet(keep_stop_words)
    assert list(text.words) == sorted(set(text.words))
    inside = np.ones(text.features.nnz, bool)
    starts = text.features.indptr[:-1]
    inside[starts[starts < text.features.nnz]] = False
    assert (np.diff(text.features.indices)[inside[1:]] > 0).all()
    assert text.features.has_canonical_format


def test_known_definitions_are_in_their_rows():
    text = datasets.wordnet_text()
    assert text[0].startswith(
        "that which is perceived or known or inferred to have its own distinct existence"
    )
    assert text[82_115].startswith("draw air into, and expel out of, the lungs")  # after the last noun
    assert len(set("".join(text))) == 91
    assert sum(map(len, text)) == 8_845_632


def digest(text):
    """SHA-256 of all that a set of bags holds, to the bit."""
    arrays = text.features.data, text.features.indices, text.features.indptr, text.labels
    content = b"".join(array.tobytes() for array in arrays)
    return hashlib.sha256(content + "\n".join(text.words).encode()).hexdigest()


@pytest.mark.parametrize("keep_stop_words", [False, True])
def test_the_bags_are_those_that_were_once_packed_as_bags(keep_stop_words):
    text = datasets.wordnet(keep_stop_words)
    assert digest(text) == BAGS[keep_stop_words]
    others = (
        dataclasses.replace(text, labels=text.labels[::-1]),
        dataclasses.replace(text, words=text.words[1:]),
    )
    assert BAGS[keep_stop_words] not in map(digest, others)


def test_the_bags_agree_with_a_loop_over_the_text():
    text, definitions = datasets.wordnet(keep_stop_words=True), datasets.wordnet_text()
    assert len(definitions) == len(text.labels)
    checked, known = 0, set(text.words)
    for row in range(0, len(definitions), 997):
        lower = "".join(c if c.isalnum() or c == "_" else " " for c in definitions[row].lower())
        words = sorted({word for word in lower.split() if len(word) > 1} & known)
        found = text.features.indices[text.features.indptr[row] : text.features.indptr[row + 1]]
        assert [text.words[j] for j in found] == words
        checked += len(words)
    assert checked > 1_000


@pytest.mark.long
def test_how_often_two_rows_share_a_word():
    """Counted over all pairs, and estimated from random ones; with stop words, most pairs share one."""
    features = datasets.wordnet().features
    rows = features.shape[0]
    words = features.T.tocsr()
    sharing = sum((features[start : start + 2_000] @ words).nnz for start in range(0, rows, 2_000))
    assert sharing == SHARING_PAIRS[False]
    first, second = np.random.default_rng(0).integers(0, rows, (2, 100_000))
    different = first != second
    for keep_stop_words, pairs in SHARING_PAIRS.items():
        features = datasets.wordnet(keep_stop_words).features
        not_empty = (np.diff(features.indptr) > 0).sum()
        expected = (pairs - not_empty) / (rows * (rows - 1))
        assert round(expected, 3) == (0.517 if keep_stop_words else 0.020)
        shared = features[first[different]].multiply(features[second[different]]).sum(axis=1) > 0
        standard_error = np.sqrt(expected * (1 - expected) / different.sum())
        agree(shared.mean(), expected, standard_error=standard_error, factor=4)


@pytest.mark.long
def test_a_linear_classifier_tells_nouns_from_the_rest():
    """Logistic regression reaches about 85 %; the share of nouns is 70 %."""
    text = datasets.wordnet()
    shuffled = np.random.default_rng(0).permutation(len(text.labels))
    train, test = shuffled[:94_127], shuffled[94_127:]

    def accuracy(labels):
        inputs, signs = text.features[train].astype(np.float64), labels[train].astype(np.float64)

        def loss(weights):
            margins = signs * (inputs @ weights[1:] + weights[0])
            slopes = -signs / (1 + np.exp(np.clip(margins, -500, 500))) / len(train)
            gradient = np.concatenate([[slopes.sum()], inputs.T @ slopes]) + 1e-5 * weights
            return np.logaddexp(0, -margins).mean() + 0.5e-5 * weights @ weights, gradient

        start = np.zeros(inputs.shape[1] + 1)
        best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 40}).x
        return np.mean(np.sign(text.features[test] @ best[1:] + best[0]) == labels[test])

    standard_error = np.sqrt(0.85 * 0.15 / len(test))
    reached = accuracy(text.labels)
    agree(reached, 0.85, rounding=0.005 + 4 * standard_error)
    shifted = accuracy(np.roll(text.labels[shuffled], 1)[np.argsort(shuffled)])  # labels of other rows
    assert shifted < 0.70 + 4 * np.sqrt(0.7 * 0.3 / len(test))


def test_results_are_shared_and_cannot_be_changed():
    digits, text = datasets.mnist(), datasets.wordnet()
    assert datasets.mnist() is digits
    assert datasets.wordnet() is text
    features = text.features
    arrays = [getattr(digits, field.name) for field in dataclasses.fields(digits)]
    for array in [*arrays, text.labels, features.data, features.indices, features.indptr]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        text.labels = None


def test_stop_words_are_kept_by_true_or_false_only():
    with pytest.raises(ValueError, match="keep_stop_words must be True or False, not 'yes'"):
        datasets.wordnet("yes")
