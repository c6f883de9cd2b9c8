"""Values cross as data: what goes in comes out, what is not data is refused, hostile text included."""

import base64
import json

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from workshop.grading.inside import transfer

DTYPES = st.sampled_from(["f4", "f8", "i4", "i8", "u1", "b1"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_plain_values_come_back_as_they_were(value):
    back = transfer.decode(transfer.encode(value))
    assert back == value
    assert type(back) is type(value)


@given(arrays.arrays(DTYPES, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0)))
def test_arrays_come_back_bit_by_bit(array):
    back = transfer.decode(transfer.encode([array]))[0]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_jax_and_numpy_scalars_become_numbers_and_a_strided_array_is_right():
    assert transfer.decode(transfer.encode((np.float64(0.5), jnp.int32(3), np.bool_(True)))) == (0.5, 3, True)
    array = np.arange(12.0).reshape(3, 4)[:, ::2].T
    assert transfer.decode(transfer.encode(array)).tolist() == [[0.0, 4.0, 8.0], [2.0, 6.0, 10.0]]
    assert transfer.decode(transfer.encode(jnp.arange(3))).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, np.array([object()]), 1j, np.array(["text"]), b"bytes", {1, 2}, len]
)
def test_what_is_not_data_is_refused(value):
    with pytest.raises(transfer.NotData):
        transfer.encode([value])


def test_a_list_within_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(transfer.NotData, match="nested"):
        transfer.encode(value)


def array_of(dtype, shape, data=b"\0" * 8):
    return json.dumps({"array": [dtype, shape, base64.b64encode(data).decode()]})


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[" * 100_000,
        "9" * 10_000,
        '{"array": 3}',
        '{"array": []}',
        '{"tuple": 3}',
        '{"dict": []}',
        '{"pickle": "gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAVlY2hvIJSFlFKULg=="}',
        '{"list": [], "dict": {}}',
        "{}",
        array_of("<f8", [10**12]),
        array_of("<f8", [-1]),
        array_of("<f8", [2]),
        array_of("<f8", [True]),
        array_of("|O8", [1]),
        array_of("<f8,<f8", [1]),
        array_of("(1000000000,)f8", [1]),
        array_of("<M8", [1]),
        array_of("<f9", [1]),
        array_of("<f8", [0, 2**62], b""),
        array_of("<f8", [0, 2**20, 2**20], b""),
        array_of("<f8", [1] * 9),
        json.dumps({"array": ["<f8", [1], "***"]}),
        b"\xff\xfe\x00",
    ],
)
def test_hostile_text_is_refused(text):
    with pytest.raises(transfer.NotData):
        transfer.decode(text)


@pytest.mark.parametrize("dtype", ["u1", "u4", "u8", "i1", "i4", "i8"])
def test_whole_numbers_of_a_reply_are_the_graders(dtype):
    falling = transfer.decode_reply(transfer.encode({"starts": (np.array([3, 1], dtype),)}))["starts"][0]
    assert falling.dtype == np.int64
    assert np.diff(falling).tolist() == [-2]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g"])
def test_floats_of_a_reply_are_the_graders_if_they_cross_at_all(dtype):
    array = np.array([0.5, 0.25], dtype)
    if array.itemsize > 8:
        array = array.astype("f8")
    back = transfer.decode_reply(transfer.encode([array]))[0]
    assert (back.dtype, back.tolist()) == (np.float64, [0.5, 0.25])


@pytest.mark.parametrize(
    "value",
    [
        np.array([2**62] * 4),
        np.array([2**63], np.uint64),
        np.array([-(2**63)]),
        [2**62] * 4,
        [[2**61], {"a": (-(2**61),)}],
        10**1000,
        np.full(2**12, 2**50, np.uint64),
    ],
)
def test_whole_numbers_whose_sum_would_wrap_are_refused(value):
    with pytest.raises(transfer.TooLarge):
        transfer.decode_reply(transfer.encode(value))


def test_large_numbers_that_add_up_cross():
    value = [2**60, np.array([2**53, -(2**53)]), True, np.array([True, False])]
    back = transfer.decode_reply(transfer.encode(value))
    assert (back[0], back[1].tolist(), back[2], back[3].dtype) == (2**60, [2**53, -(2**53)], True, bool)
