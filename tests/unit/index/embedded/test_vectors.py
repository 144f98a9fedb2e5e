"""Rows of vectors in files, and their products."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from support import layout
from triptych.index.embedded.vectors import VectorFiles, _File, runs

DIMS = layout().dims
FILLED = [0b0001, 0b1111, 0b0110, 0b1000, 0, 0b0001, 0b1001, 0b1110] * 5


def vectors(seed: int) -> list[np.ndarray | None]:
    """One for each of FILLED, zeros in the blocks that it lacks."""
    rng = np.random.default_rng(seed)
    found: list[np.ndarray | None] = []
    for mask in FILLED:
        vector = rng.standard_normal(DIMS).astype(np.float32)
        for number, where in enumerate(layout().slices.values()):
            vector[where] *= mask >> number & 1
        found.append(vector if mask else None)
    return found


@pytest.fixture
def files(tmp_path: Path) -> Iterator[VectorFiles]:
    """The files of a folder, as a store opens them."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    opened = VectorFiles(tmp_path, descriptor, layout())
    yield opened
    opened.close()
    os.close(descriptor)


@pytest.fixture
def written(files: VectorFiles) -> tuple[VectorFiles, np.ndarray]:
    """Rows that held others before, and the same as one array."""
    rows = range(len(FILLED))
    full = [np.full(DIMS, 7.0, np.float32)] * len(FILLED)
    files.write(rows, full, [0b1111] * len(FILLED))
    found = vectors(1)
    files.write(rows, found, FILLED)
    return files, np.stack([np.zeros(DIMS, np.float32) if v is None else v for v in found])


@pytest.mark.parametrize("wanted", [np.ones(40, bool), np.arange(40) % 9 == 3, np.arange(40) == 4])
def test_products_are_those_of_what_an_item_has(written, wanted: np.ndarray):
    """Whatever lay in its row before, for many rows and for few."""
    files, matrix = written
    queries = np.random.default_rng(2).standard_normal((3, DIMS)).astype(np.float32)
    queries[1, layout().slices["visual"]] = 0
    queries[2, layout().slices["semantic"]] = 0
    found = files.product(queries, np.array(FILLED), wanted)
    expected = queries @ matrix.T
    assert found.shape == (3, 40)
    assert found[:, wanted] == pytest.approx(expected[:, wanted], abs=1e-3)


def test_rows_come_back(written):
    """Bit by bit, and rounded to float16."""
    files, matrix = written
    rows = np.array([39, 0, 4, 17])
    filled = np.array(FILLED)[rows]
    assert (files.vectors(rows, filled) == matrix[rows]).all()
    features = files.features(rows, filled)
    assert features.dtype == np.float16
    assert (features == matrix[rows].astype(np.float16)).all()


def test_runs():
    """Numbers that follow each other are written at once."""
    assert runs([]) == []
    assert runs([1, 2, 3, 7, 9, 10]) == [range(1, 4), range(7, 8), range(9, 11)]


def test_a_map_that_another_thread_makes_is_never_too_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One thread maps a file before it grows, and keeps that map after another mapped it whole."""
    short_is_made, long_is_kept, short_is_kept = Event(), Event(), Event()

    def keep(file: _File, mapped: np.ndarray) -> None:
        if len(mapped) == 4096:
            short_is_made.set()
            assert long_is_kept.wait(30)
        vars(file)["kept"] = mapped
        if len(mapped) == 4096:
            short_is_kept.set()
        else:
            long_is_kept.set()
            assert short_is_kept.wait(30)

    kept = property(lambda file: vars(file).get("kept"), keep)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    file = _File(tmp_path / "a.f32", descriptor, 2, np.dtype("<f4"))
    file.write({4095: np.ones(2, np.float32)}, 0, 4096)
    monkeypatch.setattr(_File, "_mapped", kept, raising=False)
    del vars(file)["_mapped"]
    with ThreadPoolExecutor(2) as pool:
        short = pool.submit(file.read, 4096)
        assert short_is_made.wait(30)
        file.write({5000: np.ones(2, np.float32)}, 0, 5001)
        long = pool.submit(file.read, 5001)
        assert (len(short.result()), len(long.result())) == (4096, 5001)
    os.close(descriptor)
