"""Values cross as data: what goes in comes out, what is not data is refused, hostile text included."""

import base64
import json

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from lecturelib.grading.inside import transfer

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
    np.testing.assert_array_equal(transfer.decode(transfer.encode(array)), array)
    np.testing.assert_array_equal(transfer.decode(transfer.encode(jnp.arange(3))), [0, 1, 2])


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
        json.dumps({"array": ["<f8", [1], "***"]}),
        b"\xff\xfe\x00",
    ],
)
def test_hostile_text_is_refused(text):
    with pytest.raises(transfer.NotData):
        transfer.decode(text)
