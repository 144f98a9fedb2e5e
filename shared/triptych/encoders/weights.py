"""Weight files: read from their package, verified before use, unpickled only with restrictions."""

import hashlib
import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


class WeightsError(RuntimeError):
    """A weight file is missing, or is not the one that the card names."""


def verified(path: Path, sha256: str) -> bytes:
    """Return the content of a weight file. Raises WeightsError unless its digest is right."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"weight file {path.name} can't be read: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise WeightsError(f"weight file {path.name} has sha256 {digest}, expected {sha256}")
    return data


def read_torch_checkpoint(data: bytes) -> dict[str, NDArray[Any]]:
    """Read a state dict in PyTorch's legacy (pre-1.6) format, without PyTorch.

    The file is four pickles (magic number, protocol, system, state dict), a pickled list of
    storage keys, then each storage as an int64 count and its little-endian values. The
    unpickler knows four names and refuses any other.

    Raises:
        WeightsError: the bytes are something else.
    """
    stream = io.BytesIO(data)
    try:
        magic, protocol = (_StateDict(stream).load() for _ in range(2))
        if (magic, protocol) != (_LEGACY_MAGIC, _LEGACY_PROTOCOL):
            raise WeightsError("not a legacy PyTorch checkpoint")
        _StateDict(stream).load()
        reader = _StateDict(stream)
        tensors = reader.load()
        keys = _StateDict(stream).load()
        storages = {key: _read_storage(stream, reader.storages[key]) for key in keys}
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"checkpoint can't be read: {error}") from error
    return {name: tensor.array(storages) for name, tensor in tensors.items()}


def _read_storage(stream: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(stream.read(8), "little")
    return np.frombuffer(stream.read(count * dtype.itemsize), dtype=dtype, count=count)


class _Tensor:
    """A tensor whose storage comes later in the file."""

    def __init__(
        self, storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
    ) -> None:
        self._storage, self._offset, self._shape, self._strides = storage, offset, shape, strides

    def array(self, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
        flat = storages[self._storage][self._offset :]
        last = sum((n - 1) * step for n, step in zip(self._shape, self._strides, strict=True))
        if min(self._strides, default=0) < 0 or not 0 <= last < flat.size:
            raise WeightsError("checkpoint holds a tensor outside its storage")
        strides = tuple(step * flat.itemsize for step in self._strides)
        return np.ascontiguousarray(as_strided(flat, self._shape, strides, writeable=False))


class _StateDict(pickle.Unpickler):
    """An unpickler that can build tensors in a dict, and nothing else."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a checkpoint")

    def persistent_load(self, pid: Any) -> str:
        kind, storage, key, *_ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"{kind!r} is not allowed in a checkpoint")
        self.storages[key] = _DTYPES[storage]
        return str(key)
