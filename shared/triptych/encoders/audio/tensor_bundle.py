"""TensorFlow checkpoints (tensor bundles), read without TensorFlow.

A bundle is an index and a data file. The index is a table of LevelDB (its doc/table_format.md): at
its end a footer that points to the block of blocks; a block is a run of sorted keys, each without
what it shares with the one before. A value is a ``BundleEntryProto`` (TensorFlow,
core/protobuf/tensor_bundle.proto): type, shape, offset and size of a tensor in the data file.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from triptych.encoders.cards import Vectors
from triptych.encoders.weights import WeightsError

_FOOTER = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_FLOAT32 = 1
# Numbers of the fields of BundleEntryProto, of TensorShapeProto, and of its Dim.
_TYPE, _SHAPE, _OFFSET, _SIZE = 1, 2, 4, 5
_DIM = 2
_DIM_SIZE = 1
_CONTINUES = 0x80


def read_bundle(index: bytes, data: bytes) -> dict[str, Vectors]:
    """Read every tensor of a bundle of float32 and of one data file, by name.

    Raises:
        WeightsError: the bytes are something else.
    """
    if index[-len(_MAGIC) :] != _MAGIC:
        raise WeightsError("not the index of a tensor bundle")
    try:
        # The entry without a name is the header of the bundle.
        return {name.decode(): _tensor(value, data) for name, value in _table(index) if name}
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"tensor bundle can't be read: {error}") from error


def _tensor(entry: bytes, data: bytes) -> Vectors:
    fields = dict(_fields(entry))
    if fields[_TYPE] != _FLOAT32:
        raise ValueError("a tensor is not of float32")
    dims = [value for number, value in _fields(fields.get(_SHAPE, b"")) if number == _DIM]
    shape = [dict(_fields(dim)).get(_DIM_SIZE, 0) for dim in dims]
    start = fields.get(_OFFSET, 0)
    return np.frombuffer(data[start : start + fields[_SIZE]], "<f4").reshape(shape)


def _table(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table."""
    at = len(index) - _FOOTER
    _, at = _handle(index, at)  # skip the metadata, of which a bundle has none
    blocks, _ = _handle(index, at)
    for _, value in _block(index, *blocks):
        handle, _ = _handle(value, 0)
        yield from _block(index, *handle)


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block."""
    if index[offset + size] != 0:
        raise ValueError("the index is compressed")
    block = index[offset : offset + size]
    end = size - 4 - 4 * int.from_bytes(block[-4:], "little")  # the offsets of full keys follow
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own + length
        yield key, block[at - length : at]


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the offset after them."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the fields of a protocol buffer message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
            case 2:
                size, at = _varint(message, at)
                at += size
                yield tag >> 3, message[at - size : at]
            case 5:  # a check sum; the whole file has a better one
                at += 4
            case kind:
                raise ValueError(f"a field is of kind {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, low ones first, and the offset after it."""
    value = shift = 0
    while True:
        value |= (data[at] & ~_CONTINUES) << shift
        if data[at] < _CONTINUES:
            return value, at + 1
        at, shift = at + 1, shift + 7
