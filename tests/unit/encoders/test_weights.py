"""Weight files are verified, and a checkpoint can build tensors and nothing else."""

import hashlib
import io
import os
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from triptych.encoders.weights import WeightsError, read_torch_checkpoint, verified

MAGIC = 0x1950A86A20F9469CFC6C
VALUES = np.arange(6, dtype="<f4")


class Call:
    """Pickles as the call of a global with arguments."""

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name, self.arguments = name, arguments


class Storage:
    """Pickles as a persistent id."""

    def __init__(self, *pid: Any) -> None:
        self.pid = pid


class Writer(pickle._Pickler):
    """A pickler in pure Python that writes any global's name, whether it exists or not."""

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a storage."""
        return obj.pid if isinstance(obj, Storage) else None

    def save_name(self, name: str) -> None:
        """Write the module and name of a global."""
        self.write(pickle.GLOBAL + name.replace(" ", "\n").encode() + b"\n")

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:  # noqa: FBT001, FBT002
        """Write one object."""
        if isinstance(obj, Call):
            self.save_name(obj.name)
            super().save(obj.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(obj, Name):
            self.save_name(obj.name)
        else:
            super().save(obj, save_persistent_id)


class Name:
    """Pickles as a bare global."""

    def __init__(self, name: str) -> None:
        self.name = name


def pickled(value: Any) -> bytes:
    """One pickle of protocol 2, as PyTorch writes."""
    file = io.BytesIO()
    Writer(file, 2).dump(value)
    return file.getvalue()


def tensor(
    shape: tuple[int, ...] = (2, 3), strides: tuple[int, ...] = (3, 1), offset: int = 0
) -> Call:
    """A tensor over the storage "0"."""
    storage = Storage("storage", Name("torch FloatStorage"), "0", "cpu", 6)
    return Call("torch._utils _rebuild_tensor_v2", storage, offset, shape, strides, False, ())


def checkpoint(state: Any, *, magic: int = MAGIC, keys: Any = ("0",), count: int = 6) -> bytes:
    """A legacy checkpoint."""
    parts = [magic, 1001, {"little_endian": True}, state, list(keys)]
    return b"".join(map(pickled, parts)) + count.to_bytes(8, "little") + VALUES.tobytes()


def test_tensors_are_read():
    """Shapes, strides and offsets, also of a transposed view."""
    state = OrderedDict(
        whole=tensor(),
        turned=tensor((3, 2), (1, 3)),
        part=tensor((2,), (1,), 4),
        one=tensor((), ()),
    )
    tensors = read_torch_checkpoint(checkpoint(state))
    assert list(tensors) == ["whole", "turned", "part", "one"]
    assert np.array_equal(tensors["whole"], VALUES.reshape(2, 3))
    assert np.array_equal(tensors["turned"], VALUES.reshape(2, 3).T)
    assert tensors["part"].tolist() == [4, 5]
    assert tensors["one"] == 0


@pytest.mark.parametrize(
    "name",
    ["os system", "posix system", "builtins eval", "builtins getattr", "torch load",
     "torch._utils _rebuild_tensor", "collections Counter", "subprocess Popen"],
)  # fmt: skip
def test_any_other_global_is_refused(name, tmp_path):
    """And not called."""
    trace = tmp_path / "trace"
    state = {"weight": Call(name, f"touch {trace}")}
    with pytest.raises(WeightsError, match="is not allowed in a checkpoint"):
        read_torch_checkpoint(checkpoint(state))
    assert not trace.exists()


def test_the_test_can_fail(tmp_path):
    """The same bytes do run when they are unpickled without restriction."""
    trace = tmp_path / "trace"
    pickle.loads(pickled(Call("posix system", f"touch {trace}")))  # noqa: S301
    assert trace.exists() or os.name != "posix"


def test_a_persistent_id_of_another_kind_is_refused():
    """Only storages are known."""
    with pytest.raises(WeightsError, match="'module' is not allowed"):
        read_torch_checkpoint(checkpoint({"a": Storage("module", "x", "y")}))


@pytest.mark.parametrize(
    "bad",
    [tensor((2, 4)), tensor((2, 3), (4, 1)), tensor((1,), (1,), 6), tensor((7,), (1,)),
     tensor((2,), (-1,), 3), tensor((2,), (1,), -1)],
)  # fmt: skip
def test_a_tensor_outside_its_storage_is_refused(bad):
    """Memory beyond the file must not be read."""
    with pytest.raises(WeightsError, match="outside its storage"):
        read_torch_checkpoint(checkpoint({"a": bad}))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4 a zip", checkpoint({}, magic=1), checkpoint({"a": tensor()})[:-4],
     checkpoint({"a": tensor()}, keys=("1",)), checkpoint({"a": tensor()}, count=2**40)],
)  # fmt: skip
def test_other_bytes_are_refused(data):
    """Empty, another format, another magic, cut, a storage that is not there."""
    with pytest.raises(WeightsError):
        read_torch_checkpoint(data)


def test_a_file_is_verified(tmp_path):
    """The right digest gives the content; another one, or no file, an error with the name."""
    path = tmp_path / "weights.bin"
    with pytest.raises(WeightsError, match=r"weights\.bin can't be read"):
        verified(path, "0" * 64)
    path.write_bytes(b"weights")
    assert verified(path, hashlib.sha256(b"weights").hexdigest()) == b"weights"
    with pytest.raises(WeightsError, match=r"weights\.bin has sha256 \w+, expected 0000"):
        verified(path, "0" * 64)
