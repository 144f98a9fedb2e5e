"""The codec of messages: msgpack with one extension for numpy arrays.

Pickle is never read. An array travels as its dtype, shape and raw little-endian bytes, and only
the dtypes in ``_DTYPES`` are accepted back.
"""

from typing import Any

import msgpack
import numpy as np
from kombu.serialization import register

NAME = "triptych"
CONTENT_TYPE = "application/x-triptych-msgpack"

_NDARRAY = 1
_DTYPES = frozenset({"<f4", "<f2", "|i1", "|u1", "<i8"})


def _pack_array(value: Any) -> msgpack.ExtType:
    if isinstance(value, np.ndarray):
        if value.dtype.str not in _DTYPES:
            raise TypeError(f"an array of dtype {value.dtype} can't be sent in a message")
        header = [value.dtype.str, list(value.shape)]
        return msgpack.ExtType(_NDARRAY, msgpack.packb(header) + value.tobytes())
    raise TypeError(f"{type(value).__name__} can't be sent in a message")


def _unpack_array(code: int, data: bytes) -> np.ndarray[Any, Any]:
    if code != _NDARRAY:
        raise ValueError(f"unknown message extension {code}")
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    dtype, shape = unpacker.unpack()
    if dtype not in _DTYPES:
        raise ValueError(f"an array of dtype {dtype!r} is not accepted in a message")
    return np.frombuffer(data, dtype=dtype, offset=unpacker.tell()).reshape(shape)


def dumps(value: Any) -> bytes:
    """Encode plain values and numpy arrays. Raises TypeError for anything else."""
    packed: bytes = msgpack.packb(value, default=_pack_array, use_bin_type=True)
    return packed


def loads(data: bytes) -> Any:
    """Decode what ``dumps`` made; arrays are read-only views. Raises ValueError."""
    try:
        return msgpack.unpackb(data, ext_hook=_unpack_array, raw=False, strict_map_key=False)
    except (TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"message is damaged: {error}") from error


def register_codec() -> None:
    """Make the codec known to kombu, the message layer under Celery."""
    register(  # type: ignore[no-untyped-call]
        NAME, dumps, loads, content_type=CONTENT_TYPE, content_encoding="binary"
    )
