"""TensorFlow's checkpoints, read without it; written here by hand as their specification says."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.encoders.audio.tensor_bundle import read_bundle
from triptych.encoders.weights import WeightsError

MAGIC = bytes.fromhex("57fb808b247547db")
TENSORS = {
    "dense/bias": np.float32([1, 2, 3]),
    "dense/kernel": np.arange(600, dtype=np.float32).reshape(200, 3),
    "step": np.float32(7),
}


def varint(value: int) -> bytes:
    """Seven bits a byte."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def number(field: int, value: int) -> bytes:
    """A field of a message that is a number; zeros are left out."""
    return varint(field << 3) + varint(value) if value else b""


def message(field: int, value: bytes) -> bytes:
    """A field of a message that is a message."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def entry(tensor: np.ndarray, offset: int, kind: int = 1) -> bytes:
    """What the index says of a tensor."""
    shape = b"".join(message(2, number(1, size)) for size in tensor.shape)
    check_sum = varint(6 << 3 | 5) + bytes(4)
    return b"".join(
        [number(1, kind), message(2, shape), number(4, offset), number(5, tensor.nbytes), check_sum]
    )


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Sorted keys, each without what it shares with the one before."""
    encoded, before = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), 0)
        own = key[shared:]
        encoded += varint(shared) + varint(len(own)) + varint(len(value)) + own + value
        before = key
    return encoded + struct.pack("<II", 0, 1)


def bundle(kind: int = 1, compression: int = 0) -> tuple[bytes, bytes]:
    """Index and data of the tensors."""
    data, entries = b"", [(b"", b"\x08\x01")]
    for name, tensor in TENSORS.items():
        entries.append((name.encode(), entry(tensor, len(data), kind)))
        data += tensor.tobytes()
    trailer = bytes([compression, 0, 0, 0, 0])
    values = block(entries)
    index = values + trailer
    handles = block([(b"step", varint(0) + varint(len(values)))])
    footer = varint(0) + varint(0) + varint(len(index)) + varint(len(handles))
    return index + handles + trailer + footer.ljust(40, b"\0") + MAGIC, data


def test_tensors_are_read_by_their_names():
    """With their shapes, a scalar among them."""
    tensors = read_bundle(*bundle())
    assert list(tensors) == list(TENSORS)
    for name, tensor in TENSORS.items():
        assert np.array_equal(tensors[name], tensor)
        assert tensors[name].shape == tensor.shape


def test_what_is_no_bundle_is_refused():
    """Whatever is wrong with it."""
    index, data = bundle()
    with pytest.raises(WeightsError, match="not the index"):
        read_bundle(b"", data)
    with pytest.raises(WeightsError, match="can't be read"):
        read_bundle(index, data[:100])
    with pytest.raises(WeightsError, match="not of float32"):
        read_bundle(*bundle(kind=9))
    with pytest.raises(WeightsError, match="compressed"):
        read_bundle(*bundle(compression=1))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_hold_nothing(junk):
    """Nothing but the error of this module comes out."""
    try:
        read_bundle(junk + MAGIC, b"")
    except WeightsError:
        return
