"""Collections of several shards on three real nodes: the same answers, and no loss with a node."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from threading import Event
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from contract.documents import PARTS, fuzzy, make, phrase, prefix, random_block, word, write
from nodes import NODES, Node, cluster
from support import layout
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.settings import Settings
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.fusion.scores import score
from triptych.index import SearchIndex, open_index
from triptych.index.model import (
    Condition,
    Facet,
    IndexQuery,
    Listing,
    Range,
    Results,
    Sort,
    Versioned,
    Words,
)
from triptych.local.process import stop

RNG = np.random.default_rng(5)
COUNTS = (1, 2, 4)
ITEMS = 400
PREFIX = "cluster"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Three nodes, all of which hold data and may lead."""
    with cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="module")
def index(nodes: list[Node]) -> Iterator[SearchIndex]:
    """An index on the first of them."""
    settings = Settings(index_url=nodes[0].url, index_prefix=PREFIX)
    with closing(open_index(settings, layout())) as opened:
        yield opened


def documents() -> list[Versioned]:
    """Items of every set of parts, whose words and tags are common, rare, or anything between."""
    made = []
    every = ["text", "text image", "image", "audio", "text image audio"]
    for n in range(ITEMS):
        parts = every[n % len(every)]
        words = " ".join(f"w{k}" for k in RNG.zipf(1.6, 12) if k < 60)
        text = {"words": {"text": words}, "text": words} if "text" in parts else {}
        tags = tuple(sorted({f"t{k}" for k in RNG.zipf(1.3, 3) if k < 300}))
        metadata = {"year": 1990 + n % 37, "name": f"n{n % 11}"}
        made.append(
            make(f"i{n:03}", parts=parts, version=n // 3 + 1, tags=tags, metadata=metadata, **text)
        )
    return made


@pytest.fixture(scope="module")
def spread(index: SearchIndex) -> Iterator[dict[int, str]]:
    """The same items in a collection for each number of shards; a few are deleted."""
    entries = documents()
    names = {shards: f"c{uuid.uuid4().hex[:10]}" for shards in COUNTS}
    for shards, name in names.items():
        index.ensure(name, shards=shards)
        for n in range(0, ITEMS, 40):
            with suppress(NotFound):
                index.delete(name, f"i{n:03}", 1000)
        index.bulk(name, entries)
        index.refresh(name)
    yield names
    for name in names.values():
        index.drop(name)


EVERY_PART = fuse_query(
    {part: {name: random_block(name) for name in names} for part, names in PARTS.items()},
    WEIGHTS,
    layout(),
)
TEXT = fuse_query({"text": {"semantic": random_block("semantic")}}, WEIGHTS, layout())
FACETS = [
    Facet("tags", size=7),
    Facet("metadata.year", size=5),
    Facet("metadata.name"),
    Facet("modalities"),
]
RANGES = [Facet("metadata.year", ranges=(Range(gte=2000), Range(lt=1995)))]
WORDS = Words([word("w1"), word("w2", "w3"), phrase("w1 w2"), prefix("w4"), fuzzy("w55", 1)])
SEARCHES = {
    "words": IndexQuery(WORDS, candidates=15, facets=FACETS),
    "vectors": IndexQuery(classes=EVERY_PART.presence_classes(), candidates=12, facets=FACETS),
    "one part": IndexQuery(classes=TEXT.presence_classes(), candidates=25, facets=FACETS),
    "both": IndexQuery(WORDS, EVERY_PART.presence_classes(), candidates=10, facets=FACETS),
    "filtered": IndexQuery(
        Words([word("w1")], must=[word("w2")], must_not=[word("w3")]),
        EVERY_PART.presence_classes(),
        filter=[Condition("metadata.year", within=Range(gte=1995, lt=2020))],
        candidates=8,
        facets=FACETS,
    ),
    "ranges": IndexQuery(WORDS, TEXT.presence_classes(), candidates=10, facets=RANGES),
    "nothing": IndexQuery(candidates=5, facets=FACETS),
    "all": IndexQuery(WORDS, EVERY_PART.presence_classes(), candidates=500, facets=FACETS),
}


def told(results: Results) -> dict[str, Any]:
    """All that a search says, in one order. Sums of float32 depend on their order a little."""
    matches = sorted(results.matches, key=lambda match: match.candidate.id)
    return {
        "total": (results.total, results.total_is_exact),
        "facets": results.facets,
        "documents": [match.document for match in matches],
        "words": {
            match.candidate.id: {label: round(v, 4) for label, v in match.candidate.words.items()}
            for match in matches
        },
        "features": {m.candidate.id: m.candidate.features.tobytes() for m in matches},
        "ranking": [
            (matches[scored.index].candidate.id, round(scored.score, 4))
            for scored in score(EVERY_PART, [match.candidate for match in matches], "linear")
        ],
    }


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("kind", SEARCHES)
def test_searches_are_the_same(
    index: SearchIndex, spread: dict[int, str], kind: str, *, frozen: bool
):
    """Candidates, scores, reasons, totals and facets, on however many shards; in snapshots too."""
    answers = {}
    for shards, name in spread.items():
        snapshot = index.freeze(name) if frozen else None
        answers[shards] = told(index.search(name, SEARCHES[kind], snapshot=snapshot))
    assert bool(answers[1]["documents"]) is (kind != "nothing")
    assert answers[2] == answers[1]
    assert answers[4] == answers[1]


@pytest.mark.parametrize(
    "listing",
    [
        Listing(limit=37, facets=FACETS),
        Listing(sort=[Sort("metadata.year"), Sort("added", descending=True)], limit=50),
        Listing(sort=[Sort("metadata.none")], limit=20, facets=RANGES),
        Listing([Condition("tags", any_of=("t1", "t5"))], [Sort("metadata.name")], limit=30),
    ],
)
def test_listings_are_the_same(index: SearchIndex, spread: dict[int, str], listing: Listing):
    """Page after page, with equals in the same order; counts and keys as well."""
    told = {}
    for shards, name in spread.items():
        first = index.list(name, listing)
        rest = index.list(name, Listing(listing.filter, listing.sort, limit=40, after=first.last))
        told[shards] = [
            *(first, rest, index.count(name), index.metadata(name)),
            index.tombstones(name, 5000, 7),
        ]
    assert told[1][0].documents
    assert told[2] == told[1]
    assert told[4] == told[1]


def test_a_facet_counts_what_is_rare_everywhere(index: SearchIndex):
    """Also what no shard has among its most frequent values."""
    name = f"c{uuid.uuid4().hex[:10]}"
    index.ensure(name, shards=4)
    tags = [(f"x{n}",) if n % 2 else ("common", f"y{n // 20}") for n in range(4000)]
    write(
        index, name,
        [make(f"{n}", parts="", tags=each, errors={"item": "x"}) for n, each in enumerate(tags)],
    )  # fmt: skip
    page = index.list(name, Listing(limit=1, facets=[Facet("tags", size=3)]))
    assert page.facets["tags"] == [
        {"value": "common", "count": 2000}, {"value": "y0", "count": 10},
        {"value": "y1", "count": 10},
    ]  # fmt: skip
    index.drop(name)


def while_writing(
    index: SearchIndex, name: str, work: Callable[[], Any], *, first: int = 10_000
) -> dict[str, int]:
    """Write, replace and delete items, from a version on, until the work is done.

    Returns the last version of each item, negative where that was a deletion.
    """
    over, written = Event(), dict[str, int]()
    identity = index.identity(name)

    def write_one(version: int) -> None:
        item = f"new{version % 60:02}"
        if version % 7 == 0:
            with suppress(NotFound):
                index.delete(name, item, version)
            written[item] = -version
        else:
            (outcome,) = index.bulk(name, [make(item, version=version)], identity=identity)
            assert outcome.result == "written", outcome
            written[item] = version

    def go_on() -> None:
        version = first
        while not over.is_set():
            try:
                write_one(version)
                version += 1
            except IndexUnavailable:
                time.sleep(0.05)  # and the same again, as a worker does

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(go_on)
        try:
            time.sleep(0.5)
            work()
            time.sleep(0.5)
        finally:
            over.set()
        writing.result()
    assert written
    return written


def assert_written(index: SearchIndex, name: str, written: dict[str, int]) -> None:
    """Every item is there as it was written last."""
    held = index.versions(name, written)
    found = {i: -h.version if h.status == "deleted" else h.version for i, h in held.items()}
    assert found == written


def shape(nodes: list[Node], name: str) -> tuple[int, int]:
    """The numbers of shards and replicas of a collection."""
    with Elasticsearch(nodes[0].url) as client:
        (entry,) = client.indices.get(index=f"{PREFIX}-{name}").values()
        settings = entry["settings"]["index"]
        return int(settings["number_of_shards"]), int(settings["number_of_replicas"])


def test_shards_change_while_items_are_written(index: SearchIndex, nodes: list[Node]):
    """Nothing is lost, nothing that was deleted comes back, and nothing is encoded again."""
    name = f"c{uuid.uuid4().hex[:10]}"
    identity = index.ensure(name)
    write(index, name, documents())
    index.delete(name, "i007", 1000)
    index.refresh(name)
    before = {entry.document["id"]: entry for entry in index.scan(name)}
    for first, shards, replicas in ((10_000, 3, 1), (30_000, 1, 0)):
        change = partial(index.ensure, name, shards=shards, replicas=replicas)
        written = while_writing(index, name, change, first=first)
        assert shape(nodes, name) == (shards, replicas)
        assert index.identity(name) == identity
        assert_written(index, name, written)
        index.refresh(name)
        after = {entry.document["id"]: entry for entry in index.scan(name)}
        for item, entry in before.items():
            assert after[item].version == entry.version
            for field in ("features", "text", "facts", "words"):
                assert after[item].document.get(field) == entry.document.get(field)
        assert "i007" not in after
        assert index.versions(name, ["i007"])["i007"].version == 1000
        for item in written:
            with suppress(NotFound):
                index.delete(name, item, first + 10_000)
        index.forget(name, dict.fromkeys(written, first + 10_000))
    index.drop(name)


def test_a_change_that_fails_leaves_all_as_it_was(
    index: SearchIndex, nodes: list[Node], spread: dict[int, str], monkeypatch: pytest.MonkeyPatch
):
    """The copy is gone, and items are written again."""

    def fail(*_: Any) -> None:
        raise IndexUnavailable("away")

    name = spread[2]
    monkeypatch.setattr("triptych.index.elastic.reshaping._swap", fail)
    with pytest.raises(IndexUnavailable, match="away"):
        index.ensure(name, shards=4)
    assert shape(nodes, name)[0] == 2
    with Elasticsearch(nodes[0].url) as client:
        assert len(client.indices.get(index=f"{PREFIX}-{name}.v*")) == 1
    assert index.bulk(name, [make("i001", version=1)])[0].result == "written"


def test_one_of_three_nodes_dies(index: SearchIndex, nodes: list[Node]):
    """With a replica, nothing that was reported as written is lost, and writing goes on."""
    name = f"c{uuid.uuid4().hex[:10]}"
    index.ensure(name, shards=3, replicas=1)
    with Elasticsearch(nodes[0].url) as client:
        client.cluster.health(index=f"{PREFIX}-{name}", wait_for_status="green", timeout="60s")
    write(index, name, documents())

    def kill() -> None:
        stop([nodes[2].process], grace=0)
        with Elasticsearch(nodes[0].url) as client:
            health = {"wait_for_nodes": f"{NODES - 1}", "wait_for_status": "yellow"}
            client.cluster.health(index=f"{PREFIX}-{name}", timeout="120s", **health)

    written = while_writing(index, name, kill)
    assert_written(index, name, written)
    assert len(index.versions(name, [f"i{n:03}" for n in range(ITEMS)])) == ITEMS
    index.refresh(name)
    alive_ones = sum(version > 0 for version in written.values())
    assert len(list(index.scan(name))) == ITEMS + alive_ones
