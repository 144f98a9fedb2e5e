"""The vectors of a collection, in files beside its database.

There is one of float32 rows per block of the layout, for searching, and one of whole vectors in
float16, for scoring. Rows are written before the transaction that says that they are there, so what
lies in other rows is never looked at. Files grow in large steps and never shrink: a map of one is
good until it is too short.
"""

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import IndexUnavailable
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.index.documents import Features

Matrix = NDArray[np.floating]

_STEP = 4096
_SEARCHED = np.dtype("<f4")
_SCORED = np.dtype("<f2")
_SPARSE = 4
"""Where fewer than one row in so many is needed, those are copied instead of reading all."""


class VectorFiles:
    """The files of one collection, and this process's maps of them. Safe for threads."""

    def __init__(self, folder: Path, descriptor: int, layout: Layout) -> None:
        """``descriptor``: of the folder; a collection that replaces this one has another."""
        self.layout = layout
        self._slices = layout.slices
        self._searched = {
            name: _File(folder / f"{name}.f32", descriptor, where.stop - where.start, _SEARCHED)
            for name, where in layout.slices.items()
        }
        self._scored = _File(folder / "features.f16", descriptor, layout.dims, _SCORED)

    @property
    def are_known(self) -> bool:
        """Whether it is known what lies in the files."""
        return bool(self._slices)

    @property
    def count(self) -> int:
        """The number of files, each of which takes a descriptor while it is mapped."""
        return len(self._searched) + 1

    def close(self) -> None:
        """Forget the maps; each lasts as long as an array that looks into it."""
        for file in (*self._searched.values(), self._scored):
            file.close()

    def make_room(self, count: int) -> None:
        """Let every file have at least so many rows."""
        for file in (*self._searched.values(), self._scored):
            file.write({}, 0, count)

    def write(
        self,
        rows: Sequence[int],
        vectors: Sequence[Vectors | None],
        filled: Sequence[int],
    ) -> None:
        """Write vectors to rows and make them durable.

        Args:
            rows: their numbers.
            vectors: for each row float32 (dims of the layout,), or None.
            filled: for each row the blocks that it has, a bit each; others are not written.
        """
        if not self.are_known:
            return
        start, count = min(rows), max(rows) + 1
        whole = {
            row: vector for row, vector in zip(rows, vectors, strict=True) if vector is not None
        }
        for number, (name, where) in enumerate(self._slices.items()):
            block = {
                row: whole[row][where]
                for row, mask in zip(rows, filled, strict=True)
                if mask >> number & 1
            }
            self._searched[name].write(block, start, count)
        self._scored.write(whole, start, count)

    def product(
        self, queries: Vectors, filled: NDArray[np.integer], wanted: NDArray[np.bool_]
    ) -> Vectors:
        """Inner products of vectors in fused space with items.

        Args:
            queries: float32 (queries, dims of the layout).
            filled: (n,) which blocks each row has.
            wanted: (n,) the rows whose products are needed.

        Returns:
            float32 (queries, n); zeros, or anything, where not wanted.
        """
        rows = np.flatnonzero(wanted)
        sparse = len(rows) * _SPARSE < len(wanted)
        masks = filled[rows] if sparse else filled
        total = np.zeros((len(queries), len(masks)), np.float32)
        for number, (name, where) in enumerate(self._slices.items()):
            has = (masks >> number & 1).astype(bool)
            if not queries[:, where].any() or not has.any():
                continue
            matrix = self._searched[name].read(len(wanted))
            block = matrix[rows] if sparse else matrix
            for query, sums in zip(queries, total, strict=True):
                # What lies in a row that lacks the block may be anything.
                np.add(sums, block @ query[where], out=sums, where=has)
        if not sparse:
            return total
        spread = np.zeros((len(queries), len(wanted)), np.float32)
        spread[:, rows] = total
        return spread

    def vectors(self, rows: NDArray[np.integer], filled: NDArray[np.integer]) -> Vectors:
        """The vectors of some rows, float32 (len(rows), dims of the layout)."""
        vectors = np.zeros((len(rows), self._scored.dims), np.float32)
        for number, (name, where) in enumerate(self._slices.items()):
            has = (filled >> number & 1).astype(bool)
            if has.any():
                matrix = self._searched[name].read(int(rows.max()) + 1)
                vectors[has, where] = matrix[rows[has]]
        return vectors

    def features(self, rows: NDArray[np.integer], filled: NDArray[np.integer]) -> Features:
        """The vectors of some rows as scores use them, float16 (len(rows), dims)."""
        features = np.zeros((len(rows), self._scored.dims), np.float16)
        has = filled != 0
        if self.are_known and has.any():
            features[has] = self._scored.read(int(rows.max()) + 1)[rows[has]]
        return features


class _File:
    """Rows of one width and type."""

    def __init__(self, path: Path, folder: int, dims: int, kind: np.dtype[np.floating]) -> None:
        self.dims = dims
        self._path = path
        self._folder = folder
        self._kind = kind
        self._size = dims * kind.itemsize
        self._mapped: Matrix | None = None

    def read(self, count: int) -> Matrix:
        """The first ``count`` rows, as they lie in the file."""
        # Read once: another thread may put a shorter or a longer map there at any time.
        mapped = self._mapped
        if mapped is None or len(mapped) < count:
            mapped = self._mapped = self._map(count)
        return mapped[:count]

    def _map(self, count: int) -> Matrix:
        """Map the whole file, which must have at least ``count`` rows."""
        with self._opened(os.O_RDONLY) as descriptor:
            size = os.fstat(descriptor).st_size
            # A row that the file lacks would end the process, not raise.
            if size < count * self._size:
                raise self._cut_off()
            length = size - size % self._size
            mapped = mmap.mmap(descriptor, length, access=mmap.ACCESS_READ)
        # A plain array: every operation on a numpy.memmap would make another of them.
        return np.frombuffer(mapped, self._kind).reshape(-1, self.dims)

    def close(self) -> None:
        """Forget the map."""
        self._mapped = None

    def write(self, vectors: Mapping[int, Vectors], start: int, count: int) -> None:
        """Write rows from ``start`` on, and make room for ``count``."""
        with self._opened(os.O_RDWR | os.O_CREAT) as descriptor:
            size = os.fstat(descriptor).st_size
            if size < start * self._size:  # zeros must not take the place of what was lost
                raise self._cut_off()
            grown = size < count * self._size
            if grown:
                os.truncate(descriptor, -(-count // _STEP) * _STEP * self._size)
            for run in runs(sorted(vectors)):
                data = np.stack([vectors[row] for row in run]).astype(self._kind)
                _write_all(descriptor, data.tobytes(), run.start * self._size)
            if vectors or grown:
                os.fdatasync(descriptor)

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        """A descriptor of the file in the folder of the store, whatever its path leads to now."""
        descriptor = os.open(self._path.name, flags, 0o644, dir_fd=self._folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _cut_off(self) -> IndexUnavailable:
        return IndexUnavailable(f"{self._path.parent.name}/{self._path.name} is cut off")


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def runs(numbers: Sequence[int]) -> list[range]:
    """Ascending numbers as the ranges that they make."""
    ranges: list[range] = []
    for number in numbers:
        if ranges and ranges[-1].stop == number:
            ranges[-1] = range(ranges[-1].start, number + 1)
        else:
            ranges.append(range(number, number + 1))
    return ranges
