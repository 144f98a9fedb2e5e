"""What a process has open is bounded, and what is dropped is freed."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from contract.documents import look_up, make, word
from triptych.core.errors import NotFound
from triptych.index.embedded import EmbeddedIndex, stores

FORK = get_context("fork")
ONE_STORE = 2 + 2 + 5
"""Folder and shared memory, a connection, and as many maps as there are files of vectors."""


def descriptors(root: Path) -> list[str]:
    """What this process has open below a folder."""
    paths = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            paths.append(str(entry.readlink()))
        except FileNotFoundError:  # that of the iteration itself
            continue
    return [path for path in paths if path.startswith(str(root))]


def fill(index: EmbeddedIndex, collection: str) -> None:
    """Write an item and find it, by its words and by its vector."""
    index.ensure(collection)
    index.bulk(collection, [make(collection, words={"text": "w"})])
    assert len(look_up(index, collection, word("w"))) == 1


def test_dropped_collections_leave_nothing_open(index: EmbeddedIndex, tmp_path: Path):
    """However many were made, searched and dropped; there is no deleted file on the disk."""
    before = descriptors(tmp_path)
    for number in range(12):
        fill(index, f"c{number}")
        index.drop(f"c{number}")
        assert descriptors(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("use", ["same", "another", "ping"])
def test_other_processes_close_what_was_dropped(index, anew, tmp_path: Path, monkeypatch, use):
    """With the next thing that they do."""
    monkeypatch.setattr(stores, "_SWEEP_SECONDS", -1.0)
    other = anew()
    fill(index, "d")
    before = len(descriptors(tmp_path))
    assert other.count("d") == {"indexed": 1}
    assert len(descriptors(tmp_path)) > before
    index.drop("d")
    if use == "ping":
        other.ping()
    elif use == "same":
        with pytest.raises(NotFound):
            other.count("d")
    else:
        other.count("c")
    assert not [path for path in descriptors(tmp_path) if "(deleted)" in path]


def test_a_successor_keeps_what_was_written(index, anew, tmp_path: Path, monkeypatch):
    """Closing the files of a dropped collection does not touch those of the next of its name."""
    monkeypatch.setattr(stores, "_SWEEP_SECONDS", -1.0)
    other = anew()
    fill(index, "d")
    assert other.count("d") == {"indexed": 1}
    index.drop("d")
    fill(index, "d")
    log = tmp_path / "d" / "index.db-wal"
    assert log.stat().st_size > 0
    other.ping()
    assert log.stat().st_size > 0
    shutil.copytree(tmp_path / "d", tmp_path / "copy")  # as a crash would leave it
    assert other.get("copy", "d")["id"] == "d"


def test_hundreds_of_collections_are_searched(index, tmp_path: Path):
    """In turn by many threads, with a bounded number of descriptors."""
    fill(index, "c")
    index.close()
    names = [f"n{number}" for number in range(300)]
    for name in names:
        shutil.copytree(tmp_path / "c", tmp_path / name)
    most = 0

    def search(name: str) -> int:
        nonlocal most
        count = len(look_up(index, name, word("w")))
        most = max(most, len(descriptors(tmp_path)))
        return count

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(search, names * 2)) == {1}
    assert most <= stores.DESCRIPTORS + 8 * ONE_STORE
    assert len(descriptors(tmp_path)) <= stores.DESCRIPTORS
    index.close()
    assert descriptors(tmp_path) == []


def test_what_is_in_use_is_closed_afterwards(index: EmbeddedIndex, tmp_path: Path, monkeypatch):
    """A store that a thread reads stays whole when there is no room, or when it is dropped."""
    monkeypatch.setattr(stores, "DESCRIPTORS", 0)
    fill(index, "c")
    fill(index, "d")
    with index._read("c") as view:
        assert index.count("d") == {"indexed": 1}
        index.drop("c")
        index.close()
        assert view.connection.execute("SELECT count(*) FROM items").fetchone() == (1,)
        assert descriptors(tmp_path) != []
    assert descriptors(tmp_path) == []


def search_and_close(index: EmbeddedIndex, root: Path, answers) -> None:
    """In a forked process: what is open before, the matches, and what is open afterwards."""
    inherited = descriptors(root)
    matches = len(look_up(index, "c", word("w")))
    index.close()
    answers.put((inherited, matches, descriptors(root)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_inherits_nothing(index: EmbeddedIndex, tmp_path: Path):
    """SQLite believes that a child has the locks of its parent: that closes its files before."""
    fill(index, "c")
    answers = FORK.SimpleQueue()
    process = FORK.Process(target=search_and_close, args=(index, tmp_path, answers))
    process.start()
    assert answers.get() == ([], 1, [])
    process.join()
    assert process.exitcode == 0
    index.bulk("c", [make("later", words={"text": "w"})])
    assert len(look_up(index, "c", word("w"))) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_leaves_alone_what_another_thread_uses(index: EmbeddedIndex, tmp_path: Path):
    """It uses and closes only what it opened itself."""
    fill(index, "c")
    with index._read("c"):
        answers = FORK.SimpleQueue()
        process = FORK.Process(target=search_and_close, args=(index, tmp_path, answers))
        process.start()
        before, matches, after = answers.get()
        process.join()
    assert matches == 1
    assert len(before) > 2
    assert not Counter(before) - Counter(after)
