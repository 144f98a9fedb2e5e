"""Several processes at one collection, and some that die."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from contract.documents import features, look_up, make, word
from support import layout
from triptych.fusion.query import PresenceClass
from triptych.index.embedded import EmbeddedIndex, writer
from triptych.index.model import IndexQuery, Listing

SPAWN = get_context("spawn")
FORK = get_context("fork")


def every(index: EmbeddedIndex) -> dict[str, dict]:
    """All documents by id, each as its scan has it."""
    return {entry.document["id"]: dict(entry.document) for entry in index.scan("c")}


def near(entry) -> IndexQuery:
    """A search for the vector of a document."""
    return IndexQuery(
        classes=[PresenceClass(("text",), (), entry.document["vector"])], candidates=1
    )


def write_forever(folder: Path, name: str, start: int, answers) -> None:
    """Bulks of three, each of which is reported when it is written; no old versions are kept."""
    writer.KEPT_SECONDS = -1.0
    index = EmbeddedIndex(folder, layout=layout())
    n = start
    while True:
        entries = [make(f"{name}{n + k}", text=f"{n}", words={"text": f"w{n}"}) for k in range(3)]
        # The same item in every bulk, too, so that rows are emptied and used again.
        entries.append(make("shared", version=n, words={"text": f"w{n}"}))
        index.bulk("c", entries)
        answers.put((n, [np.asarray(entry.document["vector"]) for entry in entries[:3]]))
        n += 3


def test_what_a_killed_writer_reported_is_there(index: EmbeddedIndex, tmp_path: Path):
    """Documents, words and vectors, however often it is killed in the middle."""
    vectors: dict[str, np.ndarray] = {}
    start, draw = 0, np.random.default_rng(1)
    for turn in range(4):
        answers = SPAWN.SimpleQueue()
        process = SPAWN.Process(target=write_forever, args=(tmp_path, "a", start, answers))
        process.start()
        n, found = answers.get()
        until = time.monotonic() + float(draw.uniform(0.0, 0.5))
        while True:
            vectors |= {f"a{n + k}": vector for k, vector in enumerate(found)}
            start = n + 3
            if answers.empty():
                if time.monotonic() > until:
                    break
                time.sleep(0.001)
                continue
            n, found = answers.get()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        while not answers.empty():
            n, found = answers.get()
            vectors |= {f"a{n + k}": vector for k, vector in enumerate(found)}
        there = every(index)
        assert vectors.keys() <= there.keys(), f"turn {turn}"
        for name, vector in vectors.items():
            assert (there[name]["vector"] == vector).all()
        start = 3 * len(there)
    name, vector = next(iter(vectors.items()))
    query = IndexQuery(classes=[PresenceClass(("text",), (), vector)], candidates=1)
    assert [f.candidate.id for f in index.search("c", query).matches] == [name]
    assert len(look_up(index, "c", word(f"w{start - 3}"))) in {0, 4}
    with index._read("c") as view:
        assert view.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for strays in (
            "SELECT count(*) FROM postings WHERE place NOT IN (SELECT place FROM documents)",
            "SELECT count(*) FROM facts WHERE place NOT IN (SELECT place FROM documents)",
            "SELECT count(*) FROM rows WHERE place NOT IN (SELECT place FROM documents)",
            "SELECT count(*) FROM free WHERE place IN (SELECT place FROM documents)",
        ):
            assert view.connection.execute(strays).fetchone() == (0,)


def write_some(folder: Path, name: str, count: int) -> None:
    """So many bulks of two."""
    with closing(EmbeddedIndex(folder, layout=layout())) as index:
        for n in range(count):
            entries = [make(f"{name}{n}{k}", words={"text": f"{name}w common"}) for k in "xy"]
            assert {o.result for o in index.bulk("c", entries)} == {"written"}


def test_two_writers_and_a_reader(index: EmbeddedIndex, tmp_path: Path):
    """A reader sees bulks whole, never fewer than before, and at last everything."""
    writers = [SPAWN.Process(target=write_some, args=(tmp_path, n, 15)) for n in "ab"]
    for process in writers:
        process.start()
    last, turns = 0, 0
    while any(process.is_alive() for process in writers):
        total = index.search("c", IndexQuery(words=_common(), candidates=100)).total
        assert total >= last
        assert total % 2 == 0
        assert index.list("c", Listing(limit=0)).total >= total
        last, turns = total, turns + 1
    assert [process.exitcode for process in writers] == [0, 0]
    assert len(every(index)) == 60
    assert index.search("c", IndexQuery(words=_common(), candidates=100)).total == 60
    assert turns > 1


def _common():
    from triptych.index.model import Words

    return Words([word("common")])


def use_inherited(index: EmbeddedIndex, answers) -> None:
    """Read and write with what the parent process opened."""
    index.bulk("c", [make("child", words={"text": "child"})])
    answers.put(sorted(every(index)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_opens_its_own_files(index: EmbeddedIndex):
    """Parent and children go on with one index at once."""
    index.bulk("c", [make("parent")])
    for n in range(3):
        answers = FORK.SimpleQueue()
        process = FORK.Process(target=use_inherited, args=(index, answers))
        process.start()
        index.bulk("c", [make(f"parent{n}")])
        assert {"parent", "child"} <= set(answers.get())
        process.join()
        assert process.exitcode == 0
    assert sorted(every(index)) == ["child", "parent", "parent0", "parent1", "parent2"]
    assert len(look_up(index, "c", word("child"))) == 1


def test_threads_read_and_write_at_once(index: EmbeddedIndex):
    """Each finds what it wrote at once, by its words and by its vector."""

    def work(n: int) -> None:
        for k in range(6):
            entry = make(f"{n}-{k}", words={"text": f"w{n}k{k}"})
            index.bulk("c", [entry])
            assert [f.candidate.id for f in look_up(index, "c", word(f"w{n}k{k}"))] == [f"{n}-{k}"]
            (found,) = index.search("c", near(entry)).matches
            assert found.candidate.id == f"{n}-{k}"
            assert found.candidate.features[layout().slices["semantic"]] == pytest.approx(
                features(entry, "semantic"), abs=1e-3
            )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert index.count("c") == {"indexed": 96}
