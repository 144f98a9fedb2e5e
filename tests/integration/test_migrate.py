"""A collection moves from one real index into the other, whole, whatever happens on the way."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import layout, make_item
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.settings import Settings, index_folder
from triptych.encoders.cards import unit_rows
from triptych.fusion.blocks import fuse
from triptych.index import SearchIndex, migration, open_index
from triptych.index.migration import Difference, compare, copy, prune
from triptych.index.model import Outcome, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document
from triptych.local import Stack, StackOptions

RNG = np.random.default_rng(11)
PREFIX = "migrate"
DIRECTIONS = pytest.mark.parametrize("direction", ["embedded to elastic", "elastic to embedded"])


def make(number: int, *, version: int = 1000, **fields: Any) -> Versioned:
    """A document; of eleven one has failed, and one in part."""
    item = make_item(
        f"folder/item {number:04}",
        text=f"item {number} wörd",
        words={"text": f"item {number} word"},
        tags=("even" if number % 2 == 0 else "odd",),
        metadata={"number": number, "half": number / 2, "name": f"n{number}", "big": number > 9},
        names={"text": "a.txt"},
        language="en",
    )
    vectors = {"semantic": random_block("semantic")[0]}
    if number % 11 == 3:
        item, vectors = replace(item, text=None, words={}).failing("text", "broken"), {}
    elif number % 11 == 5:
        item = replace(item, image="0" * 64).failing("image", "broken")
    chunk = Chunk("any", version, layout().fingerprint, (), (replace(item, **fields),), batch="b")
    return Versioned(document(chunk, chunk.items[0], fuse([vectors], layout())[0]), version)


def random_block(name: str) -> np.ndarray:
    where = layout().slices[name]
    return unit_rows(RNG.standard_normal((1, where.stop - where.start)))


def opened(url: str, **settings: str) -> closing[SearchIndex]:
    """An index that is closed in the end."""
    return closing(open_index(Settings(index_url=url, **settings), layout()))


@pytest.fixture(scope="module")
def folder_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for an embedded index."""
    return tmp_path_factory.mktemp("index").as_uri()


@pytest.fixture
def indexes(
    direction: str, stack: Stack, folder_url: str
) -> Iterator[tuple[SearchIndex, SearchIndex]]:
    """The source and the target."""
    urls = {"elastic": stack.index_url, "embedded": folder_url}
    with ExitStack() as exits:
        yield tuple(
            exits.enter_context(opened(urls[name], index_prefix=PREFIX))
            for name in direction.split(" to ")
        )


@pytest.fixture
def source(indexes: tuple[SearchIndex, SearchIndex]) -> SearchIndex:
    """Where the collection is."""
    return indexes[0]


@pytest.fixture
def target(indexes: tuple[SearchIndex, SearchIndex]) -> SearchIndex:
    """Where it goes."""
    return indexes[1]


@pytest.fixture
def name(
    source: SearchIndex, target: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A collection of 120 documents in the source, copied in chunks of 50."""
    monkeypatch.setattr(migration, "CHUNK", 50)
    monkeypatch.setattr(migration, "_PAGE", 50)
    name = f"m{uuid.uuid4().hex[:12]}"
    source.ensure(name)
    source.bulk(name, [make(number) for number in range(120)])
    yield name
    for index in (source, target):
        if name in index.collections():
            index.drop(name)


def migrate(source: SearchIndex, target: SearchIndex, name: str) -> list[migration.Copied]:
    """Copy it all; how far it was after each chunk."""
    return list(copy(source, target, name))


def vectors(index: SearchIndex, name: str) -> dict[str, tuple[int, bytes]]:
    """Version and features of each document."""
    return {
        entry.document["id"]: (entry.version, entry.document.get("features", ""))
        for entry in index.scan(name)
    }


@DIRECTIONS
def test_everything_arrives(source: SearchIndex, target: SearchIndex, name: str):
    """Failed and partial items too, every field, the bits of the features, and the versions."""
    steps = migrate(source, target, name)
    assert [step.done for step in steps] == [50, 100, 120]
    assert (steps[-1].newer, steps[-1].refused) == (0, ())
    difference = compare(source, target, name, sample=1000)
    assert difference == Difference()
    assert target.count(name) == {"indexed": 98, "failed": 11, "partial": 11}
    assert vectors(target, name) == vectors(source, name)
    late = make(0, version=999, text="late")
    assert target.bulk(name, [late])[0].result == "superseded"
    assert target.metadata(name) == source.metadata(name)


@DIRECTIONS
def test_an_interrupted_one_is_run_again(source: SearchIndex, target: SearchIndex, name: str):
    """What had arrived stays, the rest follows, and nothing is there twice."""
    bulk, calls = target.bulk, []

    class Failing:
        """The target, which is away from the second chunk on."""

        def __getattr__(self, name: str) -> Any:
            return getattr(target, name)

        def bulk(self, collection: str, documents: list[Versioned]) -> list[Outcome]:
            calls.append(len(documents))
            if len(calls) > 1:
                raise IndexUnavailable("away")
            return bulk(collection, documents)

    with pytest.raises(IndexUnavailable):
        migrate(source, Failing(), name)
    assert len(compare(source, target, name, sample=10).missing) == 70
    assert migrate(source, target, name)[-1].done == 120
    assert compare(source, target, name, sample=1000).lines == []


@DIRECTIONS
def test_a_source_that_is_written_to_is_caught_up_with(
    source: SearchIndex, target: SearchIndex, name: str
):
    """Items that came, changed or went during and after the first run are right after another."""
    steps = copy(source, target, name)
    next(steps)
    source.bulk(name, [make(1, version=2000, text="changed"), make(500, version=2000)])
    source.delete(name, "folder/item 0002", 2000)
    list(steps)
    difference = compare(source, target, name, sample=1000)
    assert difference.lines
    migrate(source, target, name)
    difference = compare(source, target, name, sample=1000)
    assert (difference.missing, difference.different) == ((), ())
    assert set(difference.strays) <= {"folder/item 0002"}
    prune(target, name, difference.strays, version=3000)
    assert compare(source, target, name, sample=1000) == Difference()
    assert target.get(name, "folder/item 0001")["text"] == "changed"


@DIRECTIONS
def test_what_is_newer_in_the_target_stays(source: SearchIndex, target: SearchIndex, name: str):
    """It is counted, and told as a difference; pruning does not touch what came since."""
    target.ensure(name)
    target.bulk(name, [make(7, version=5000, text="newer"), make(700, version=5000)])
    assert migrate(source, target, name)[-1].newer == 1
    difference = compare(source, target, name, sample=1000)
    assert difference.different == ("folder/item 0007",)
    assert difference.strays == ("folder/item 0700",)
    assert difference.counts == {"indexed": (98, 99)}
    assert difference.lines == [
        "indexed: 98 in the source, 99 in the target",
        "only in the target: 1 (folder/item 0700)",
        "not the same in both: 1 (folder/item 0007)",
    ]
    prune(target, name, difference.strays, version=4000)
    assert target.get(name, "folder/item 0700")
    prune(target, name, difference.strays, version=6000)
    with pytest.raises(NotFound):
        target.get(name, "folder/item 0700")


@DIRECTIONS
def test_what_is_refused_is_told(source: SearchIndex, target: SearchIndex, name: str):
    """With the reason; the others arrive."""

    class Refusing:
        """The target, which does not take one of the documents."""

        def __getattr__(self, name: str) -> Any:
            return getattr(target, name)

        def bulk(self, collection: str, documents: list[Versioned]) -> list[Outcome]:
            wrong = Outcome("folder/item 0042", "refused", "too large")
            good = [entry for entry in documents if entry.document["id"] != wrong.id]
            return target.bulk(collection, good) + [wrong] * (len(documents) - len(good))

    last = migrate(source, Refusing(), name)[-1]
    assert [(outcome.id, outcome.reason) for outcome in last.refused] == [
        ("folder/item 0042", "too large")
    ]
    assert compare(source, target, name, sample=10).missing == ("folder/item 0042",)


@DIRECTIONS
def test_a_collection_that_is_not_there(source: SearchIndex, target: SearchIndex):
    """Is an error, and does not come into being in the target."""
    with pytest.raises(NotFound):
        migrate(source, target, "nothing")
    assert "nothing" not in target.collections()


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``triptych migrate``."""
    return subprocess.run(
        [sys.executable, "-m", "triptych.cli.main", "migrate", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


def test_all_of_a_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``--stack`` and ``--all``: every collection of a local stack, whether or not it runs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    there = StackOptions(name="x").home
    with opened(index_folder(there).as_uri()) as source:
        for name in ("one", "two"):
            source.ensure(name)
            source.bulk(name, [make(number) for number in range(5)])
    url = (tmp_path / "copy").as_uri()
    done = command("--stack", "x", "--all", "--to", url)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["one", "two"]
    with opened(url) as target:
        assert target.collections() == ["one", "two"]
        assert target.count("two") == {"indexed": 4, "failed": 1}


def test_the_command(stack: Stack, stamp_collection: str, tmp_path: Path):
    """It copies real stamps out of Elasticsearch, and says when something is not as it was."""
    target = (tmp_path / "the index").as_uri()
    ways = ["--from", stack.index_url, "--to", target]
    done = command(stamp_collection, *ways, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["done"] > 150
    assert report["differences"] == []
    with opened(target) as index:
        index.delete(stamp_collection, "animals/birds/drake", 2**62)
    done = command(stamp_collection, *ways)
    assert done.returncode == 1, done.stdout
    assert "only in the source: 1 (animals/birds/drake)" in done.stderr
    assert "1 of them newer in the target" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--all"], "name collections, or give --all"),
        ([], "name collections, or give --all"),
        (["x", "--from", "http://127.0.0.1:9", "--stack", "y"], "give one"),
        (["x", "--from", "http://127.0.0.1:9"], "does not answer"),
        (["x", "--from", "ftp://x"], "ftp://x"),
        (["--all", "--stack", "typo"], "there is no stack 'typo' with an embedded index"),
    ],
)
def test_what_can_not_be_done_is_told(tmp_path: Path, arguments: list[str], message: str):
    """In one line, with exit code 2."""
    done = command(*arguments, "--to", tmp_path.as_uri(), XDG_DATA_HOME=str(tmp_path / "home"))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_other_encoders_are_refused(stack: Stack, stamp_collection: str, tmp_path: Path):
    """Vectors of other models must not get into an index that believes they are its own."""
    done = command(
        stamp_collection,
        *("--from", stack.index_url, "--to", (tmp_path / "index").as_uri()),
        TRIPTYCH_ENCODER_ACOUSTIC="",
    )
    assert done.returncode == 2
    assert "built with other encoders" in done.stderr
    with opened((tmp_path / "index").as_uri()) as index:
        assert index.collections() == []
