"""Messages: what goes in comes out, and nothing else does."""

import pickle
import time

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from triptych.queues.codec import dumps, loads

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.binary()
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)
ARRAYS = arrays.arrays(
    st.sampled_from(["<f4", "<f2", "|i1", "|u1", "<i8"]),
    arrays.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=5),
)


@given(VALUES)
def test_plain_values_come_out_as_they_went_in(value):
    """Nested as they like."""
    assert loads(dumps(value)) == value


@given(ARRAYS)
def test_arrays_come_out_bit_by_bit(array):
    """Dtype and shape too, also of a transposed view, inside other values."""
    for sent in (array, array.T):
        found = loads(dumps({"features": [1, sent]}))["features"][1]
        assert (found.dtype, found.shape) == (sent.dtype, sent.shape)
        assert found.tobytes() == sent.tobytes()
        assert not found.flags.writeable


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, 1j, np.float32(1), dumps, np.array(["a", None], object), 2**64,
     np.zeros(2, ">f4"), np.zeros(2, "<f8"), np.zeros(2, "M8[s]"), np.array(["text"])],
)  # fmt: skip
def test_other_values_are_refused(value):
    """At the latest where they would be read, and arrays of objects never give away pointers."""
    with pytest.raises((TypeError, ValueError, OverflowError)):
        loads(dumps(value))


def extension(code: int, dtype: object, shape: object, data: bytes = bytes(8)) -> bytes:
    """A message that is one extension."""
    return msgpack.packb(msgpack.ExtType(code, msgpack.packb([dtype, shape]) + data))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        pickle.dumps([1]),
        pickle.dumps(time.time, 0),
        dumps([1, 2])[:-1],
        dumps(1) + b"more",
        extension(2, "<f4", [2]),
        extension(1, "|O", [1]),
        extension(1, "<f8", [1]),
        extension(1, "<f4", [3]),
        extension(1, "<f4", [-1, 0]),
        extension(1, "<f4", [2**40]),
        extension(1, "<f4", "ab"),
        extension(1, ["<f4"], [2]),
        extension(1, None, None),
        extension(1, "<f4", [2], b"odd"),
        msgpack.packb(msgpack.ExtType(1, b"")),
        msgpack.packb(msgpack.ExtType(1, b"\x93")),
        b"\x81\x90\x01",
        b"\x91" * 5000,
    ],
)
def test_malformed_messages_are_refused(message):
    """With an error of the one family that the docstring names."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads(message)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_value_error(message):
    """Random ones."""
    try:
        loads(message)
    except ValueError:
        return


@given(st.data())
def test_damaged_messages_are_a_value_or_a_value_error(data):
    """One byte of a real message changed."""
    message = bytearray(dumps({"rows": [0, 1], "vectors": np.ones((2, 3), np.float32)}))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] = data.draw(st.integers(0, 255))
    try:
        loads(bytes(message))
    except ValueError:
        return
