"""What only Elasticsearch can get wrong."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from contract.documents import by, look_up, make, others, word, write
from support import layout
from triptych.core.errors import (
    FingerprintMismatch,
    IndexUnavailable,
    InvalidInput,
    NotFound,
)
from triptych.core.settings import Settings
from triptych.fusion.blocks import Layout
from triptych.fusion.query import PresenceClass
from triptych.index import SearchIndex, open_index
from triptych.index.elastic.index import ElasticIndex
from triptych.index.elastic.mapping import SINGLE
from triptych.index.generations import following, previous
from triptych.index.model import (
    Circle,
    Condition,
    Facet,
    Held,
    IndexQuery,
    Listing,
    Range,
    Sort,
    Versioned,
    Words,
)

VECTOR = np.full(layout().dims, 0.1, np.float32)
KINDS = ("words", "plain")
CLASS = PresenceClass(("text",), (), VECTOR)


@pytest.fixture(scope="module")
def index(elastic_url: str) -> Iterator[SearchIndex]:
    """In place of one of each implementation."""
    settings = Settings(index_url=elastic_url, index_prefix="contract")
    with closing(open_index(settings, layout())) as opened:
        yield opened


@pytest.fixture
def client(elastic_url: str) -> Iterator[Elasticsearch]:
    """The plain client."""
    with Elasticsearch(elastic_url) as connected:
        yield connected


def test_other_versions_are_refused(index: SearchIndex, client: Elasticsearch):
    """A collection that another version of Triptych built is neither written to nor read."""
    name, fingerprint, reason = "contract-old-v1-x", layout().fingerprint, "another version"
    meta = {"_meta": {"schema": 2, "fingerprint": fingerprint}, "dynamic": False}
    client.indices.create(index=name, aliases={"contract-old": {}}, mappings=meta)
    try:
        client.index(index=name, id="a", document={"id": "a"}, refresh=True)
        for call in (
            lambda: index.ensure("old"),
            lambda: index.list("old", Listing()),
            lambda: index.count("old"),
            lambda: next(index.scan("old")),
        ):
            with pytest.raises(FingerprintMismatch, match=reason):
                call()
    finally:
        client.indices.delete(index=name)


@pytest.mark.parametrize("change", [{"version": 99}, {"dims": 100}])
def test_vectors_of_other_models_are_never_compared(
    index: SearchIndex, collection: str, elastic_url: str, change: dict[str, int]
):
    """A process with other models is refused when it searches, whatever their width."""
    document = {"id": "a", "status": "indexed", "modalities": ["text"], "vector": VECTOR}
    write(index, collection, [Versioned(document, 1)])
    first, *others = layout().blocks
    other = Layout((replace(first, card=replace(first.card, **change)), *others))
    theirs = ElasticIndex(elastic_url, layout=other, prefix="contract")
    query = np.full(other.dims, 0.1, np.float32)
    request = IndexQuery(classes=[PresenceClass(("text",), (), query)])
    with pytest.raises(FingerprintMismatch, match="semantic was minilm"):
        theirs.search(collection, request)
    snapshot = index.freeze(collection)
    with pytest.raises(FingerprintMismatch, match="semantic was minilm"):
        theirs.search(collection, request, snapshot=snapshot)


def test_a_restored_index_of_another_name_is_as_good(
    index: SearchIndex, collection: str, client: Elasticsearch
):
    """What built it is in it; its name only saves the look."""
    (made,) = client.indices.get(index=f"contract-{collection}").values()
    index.drop(collection)
    name = f"restored-{collection}"
    aliases = {f"contract-{collection}": {}}
    client.indices.create(index=name, aliases=aliases, mappings=made["mappings"])
    write(index, collection, [make("a")])
    snapshot = index.freeze(collection)
    request = IndexQuery(Words([word("word")]), [CLASS])
    assert index.search(collection, request, snapshot=snapshot).total == 1
    assert [entry.version for entry in index.scan(collection)] == [1]


def test_the_widest_search_is_accepted(index: SearchIndex, collection: str):
    """A thousand of each list of the most classes there can be, in full."""
    write(index, collection, [make(f"{n}", words={"text": "word"}) for n in range(30)])
    classes = [CLASS] * 7
    request = IndexQuery(Words([word("word")]), classes, candidates=1000)
    for snapshot in (None, index.freeze(collection)):
        assert len(index.search(collection, request, snapshot=snapshot).matches) == 30


def test_a_search_that_finds_nothing_is_sent_once(
    index: SearchIndex, collection: str, monkeypatch: pytest.MonkeyPatch
):
    """Hits tell of which schema an index is; where there are none it is looked up."""
    write(index, collection, [make("a", words={"text": "word"})])
    asked, ask = [], ElasticIndex._ask
    monkeypatch.setattr(ElasticIndex, "_ask", lambda *a, **k: asked.append(a) or ask(*a, **k))
    assert not index.search(collection, IndexQuery(Words([word("other")]))).matches
    assert len(asked) == 1


def test_of_very_many_hits_the_total_is_a_bound(index: SearchIndex, collection: str):
    """Counting them all would take longer than finding the best; who asks for it gets it."""
    words = {"status": "failed", "words": {"text": "word"}}
    write(index, collection, [Versioned({"id": f"{n}", **words}, 1) for n in range(10_100)])
    results = index.search(collection, IndexQuery(Words([word("word")]), candidates=3))
    assert (results.total, results.total_is_exact) == (10_000, False)
    assert len(results.matches) == 3
    exact = IndexQuery(Words([word("word")]), candidates=3, exact_total=True)
    results = index.search(collection, exact)
    assert (results.total, results.total_is_exact) == (10_100, True)
    assert index.list(collection, Listing()).total == 10_100


def test_a_scan_leaves_nothing_open(index: SearchIndex, collection: str, client: Elasticsearch):
    """Whether it is read to its end or left."""

    def contexts() -> int:
        stats = client.indices.stats(index=f"contract-{collection}", metric="search")
        return int(stats["_all"]["total"]["search"]["open_contexts"])

    write(index, collection, [make("a"), make("b")])
    scan = index.scan(collection)
    next(scan)
    assert contexts() == 1
    scan.close()
    assert contexts() == 0
    assert len(list(index.scan(collection))) == 2
    assert contexts() == 0


def test_a_name_that_the_server_refuses_is_the_callers_mistake(index: SearchIndex):
    """With its reason."""
    with pytest.raises(InvalidInput, match="lowercase"):
        index.ensure("Zoo")


@pytest.fixture
def old(index: SearchIndex, collection: str, client: Elasticsearch) -> str:
    """A collection as it was made before there were identities and digests, with one item.

    All blocks of a vector are in one field.
    """
    alias = f"contract-{collection}"
    (made,) = client.indices.get(index=alias).values()
    index.drop(collection)
    mappings = made["mappings"]
    for name in ("identity", "digests"):
        del mappings["_meta"][name]
    del mappings["properties"]["digests"]
    mappings["_meta"]["schema"] = SINGLE
    vector = {"type": "dense_vector", "dims": layout().dims, "similarity": "max_inner_product"}
    mappings["properties"] |= {"vector": vector, "features": {"type": "binary"}}
    name = f"{alias}.v{SINGLE}.{layout().fingerprint}"
    client.indices.create(index=name, aliases={alias: {}}, mappings=mappings)
    document = {"id": "a", "status": "indexed", "media": {"image": "1" * 64}, "batch": "b"}
    client.index(index=alias, id="a", document=document, version=3, version_type="external_gte")
    return collection


@pytest.fixture
def exact(index: SearchIndex, collection: str, client: Elasticsearch) -> str:
    """A collection as it was made when numbers were float64, and dates and tags strings."""
    alias = f"contract-{collection}"
    ((name, made),) = client.indices.get(index=alias).items()
    index.drop(collection)
    declared = made["mappings"]["properties"]
    for field in ("folded_tags", "point"):
        del declared[field]
    for part in ("whole", "instant"):
        del declared["facts"]["properties"][part]
    aliases = {alias: {"is_write_index": True}, **{a: {} for a in made["aliases"] if a != alias}}
    client.indices.create(index=name, aliases=aliases, mappings=made["mappings"])
    document = {
        "id": "old", "status": "indexed", "tags": ["Beach", "x"],
        "metadata": {"n": LARGE, "when": "2025-01-01T00:30:00+02:00"},
        "facts": [
            {"key": "n", "number": LARGE}, {"key": "when", "string": "2025-01-01T00:30:00+02:00"},
        ],
    }  # fmt: skip
    client.index(
        index=alias, id="old", document=document, version=1, version_type="external", refresh=True
    )
    return collection


LARGE = 2**53 + 1


def test_a_collection_of_less_exact_facts_goes_on(index: SearchIndex, exact: str):
    """What it has is found as before, what is added exactly; a copy has all of it so."""

    def found(*conditions: Condition, **more: object) -> list[str]:
        page = index.list(exact, Listing(conditions, **more))
        return [document["id"] for document in page.documents]

    def meta(key: str, **asked: object) -> Condition:
        return Condition(f"metadata.{key}", **asked)

    same_day = Range(gte="2025-01-01", lt="2025-01-02")
    assert found(meta("n", any_of=(LARGE,))) == ["old"]
    assert found(meta("n", within=Range(gte=LARGE))) == ["old"]
    assert found(meta("when", within=same_day)) == ["old"]
    assert found(Condition("tags", any_of=("Beach",))) == ["old"]
    assert found(Condition("place", area=Circle(0, 0, 2e7))) == []
    assert found(sort=[Sort("metadata.n"), Sort("metadata.when")]) == ["old"]
    for n, when in enumerate(("2025-01-01T01:00:00+02:00", "2025-01-01", "soon")):
        fields = {"place": {"latitude": 0, "longitude": 0}}
        metadata = {"n": LARGE - 1 + n, "when": when}
        write(index, exact, [make(f"{n}", tags=("beach",), metadata=metadata, fields=fields)])
    assert found(meta("n", any_of=(LARGE,))) == ["1", "old"]
    assert found(meta("n", within=Range(gt=LARGE))) == ["2"]
    assert found(meta("when", within=same_day)) == ["1", "old"]
    assert found(meta("when", any_of=("2024-12-31T23:00:00Z",))) == ["0"]
    assert found(Condition("tags", any_of=("Beach",))) == ["0", "1", "2", "old"]
    assert found(Condition("tags", any_of=("BEACH",))) == ["0", "1", "2"]
    assert found(Condition("place", area=Circle(0, 0, 2e7))) == ["0", "1", "2"]
    facets = index.list(exact, Listing(facets=[Facet("tags"), Facet("metadata.n")])).facets
    assert facets["tags"] == [{"value": "beach", "count": 4}, {"value": "x", "count": 1}]
    assert {one["value"]: one["count"] for one in facets["metadata.n"]} == {
        LARGE - 1: 2, LARGE: 1, LARGE + 1: 1,
    }  # fmt: skip
    index.ensure(exact, shards=2)
    assert found(meta("n", any_of=(LARGE,))) == ["1", "old"]
    assert found(meta("n", any_of=(LARGE - 1,))) == ["0"]
    assert found(meta("when", within=same_day)) == ["1"]
    assert found(Condition("tags", any_of=("BEACH",))) == ["0", "1", "2", "old"]
    assert found(sort=[Sort("metadata.when")]) == ["old", "0", "1", "2"]


def test_an_old_collection_gets_an_identity(index: SearchIndex, old: str, client: Elasticsearch):
    """On first use, the same for all; nothing is encoded or written again."""
    before = index.identity(old)
    assert index.bulk(old, [make("b")], identity=before)[0].result == "written"
    assert index.ensure(old) == index.identity(old) == before
    (now,) = client.indices.get_mapping(index=f"contract-{old}").values()
    assert now["mappings"]["_meta"]["identity"] == before
    assert index.count(old) == {"indexed": 2}
    index.delete(old, "a", 5)
    assert index.versions(old, ["a"]) == {"a": Held(5, "deleted")}
    index.drop(old)
    assert index.ensure(old) != before
    with pytest.raises(NotFound):
        index.bulk(old, [make("c")], identity=before)


def test_an_old_collection_is_searched_and_copied(index: SearchIndex, old: str, elastic_url: str):
    """It works as before; a copy has other fields, and processes that knew the old one go on."""
    entries = [make(f"v{n}", parts="text image") for n in range(30)]
    vector = np.asarray(entries[7].document["vector"])
    classes = (PresenceClass(("image", "text"), (), vector),)
    by_words = IndexQuery(Words([word("word")]), fields=[])
    with closing(ElasticIndex(elastic_url, layout=layout(), prefix="contract")) as another:

        def found(one: SearchIndex, request: IndexQuery) -> dict[str, bytes]:
            matches = one.search(old, request).matches
            return {m.candidate.id: m.candidate.features.tobytes() for m in matches}

        both = (index, another)
        before = index.identity(old)
        for one, some in zip(both, (entries[:15], entries[15:]), strict=True):
            write(one, old, some)
            assert found(one, IndexQuery(classes=classes, fields=[]))
        kept = index.fetch(old, ["v7"])
        advice = index.advice(old) or ""
        assert "--shards 1" in advice
        index.ensure(old, shards=1)
        assert (index.advice(old), index.identity(old)) == (None, before)
        write(another, old, [make("late", parts="text image")])
        for one in both:
            near = found(one, IndexQuery(classes=classes, candidates=40, fields=[]))
            assert near["v7"] == vector.astype("<f2").tobytes()
            assert len(near) == 31
            assert set(found(one, by_words)) >= {"late"}
            assert one.fetch(old, ["v7"]) == kept
            assert one.get(old, "v7")["features"] == entries[7].document["features"]
        assert {e.document["id"] for e in index.scan(old) if "vector" in e.document} == set(near)


def test_while_an_old_collection_is_there_all_media_are_kept(index: SearchIndex, old: str):
    """Its documents don't tell which they refer to; those of a copy do."""
    assert index.referenced(["1" * 64, "2" * 64]) == {"1" * 64, "2" * 64}
    index.ensure(old)
    assert index.referenced(["2" * 64]) == {"2" * 64}
    index.drop(old)
    assert index.referenced(["2" * 64]) == set()


@pytest.mark.parametrize("block", ["write", "read_only_allow_delete"])
def test_a_block_against_writing_is_not_final(
    collection: str, client: Elasticsearch, elastic_url: str, block: str
):
    """As a server sets one when its disk is full: no document is refused for it.

    A server that finds enough room takes the second kind away by itself, at any moment. Then it is
    set again.
    """

    def put(value: str | None) -> None:
        settings = {f"blocks.{block}": value}
        client.indices.put_settings(index=f"contract-{collection}", settings=settings)

    def again(_: float) -> None:
        put("true")

    with closing(
        ElasticIndex(elastic_url, layout=layout(), prefix="contract", sleep=again)
    ) as index:
        write(index, collection, [make("a")])
        for call in (
            lambda: index.bulk(collection, [make("b")]),
            lambda: index.delete(collection, "a", 5),
        ):
            put("true")
            with pytest.raises(IndexUnavailable):
                call()
        assert index.count(collection) == {"indexed": 1}
        put(None)
        write(index, collection, [make("b")])
        assert index.count(collection) == {"indexed": 2}


def test_a_swap_is_refused_if_writes_went_on(
    index: SearchIndex, collection: str, client: Elasticsearch, elastic_url: str
):
    """Somebody has lifted the block in the middle, so nobody knows what was written since."""
    write(index, collection, [make("a")])
    with closing(ElasticIndex(elastic_url, layout=others(version=99), prefix="contract")) as theirs:
        theirs.begin(collection, theirs.layout)

        def lift() -> None:
            settings = {"blocks.write": None}
            client.indices.put_settings(index=f"contract-{collection}", settings=settings)

        with pytest.raises(IndexUnavailable, match="went on"):
            theirs.swap(collection, lift)
        assert theirs.origin(collection).fingerprint == layout().fingerprint
        theirs.swap(collection, lambda: None)
        assert theirs.origin(collection).fingerprint == theirs.layout.fingerprint
        write(theirs, collection, [by(theirs.layout, make("b"))])


def test_a_block_on_the_previous_index_delays_a_deletion_there(
    index: SearchIndex, collection: str, client: Elasticsearch, elastic_url: str
):
    """A swap that was killed has left it; the item is deleted all the same."""
    write(index, collection, [make("a"), make("b")])
    with closing(ElasticIndex(elastic_url, layout=others(version=99), prefix="contract")) as theirs:
        theirs.begin(collection, theirs.layout)
        entries = [by(theirs.layout, make("a")), by(theirs.layout, make("b"))]
        theirs.swap(collection, lambda: write(theirs, following(collection), entries))
        old = f"contract-{collection}.previous"
        client.indices.put_settings(index=old, settings={"blocks.write": True})
        theirs.delete(collection, "a", 5)
        assert theirs.count(collection) == {"indexed": 1}
        assert theirs.count(previous(collection)) == {"indexed": 2}
        client.indices.put_settings(index=old, settings={"blocks.write": None})
        theirs.forget(collection, {"a": 5})
        theirs.refresh(previous(collection))
        assert theirs.count(previous(collection)) == {"indexed": 1}


def test_a_closed_collection_is_away(index: SearchIndex, collection: str, client: Elasticsearch):
    """It is neither gone, nor are its media without a reader."""
    write(index, collection, [make("a", parts="image", image="1" * 64)])
    identity = index.identity(collection)
    client.indices.close(index=f"contract-{collection}")
    for call in (
        lambda: index.bulk(collection, [make("b")], identity=identity),
        lambda: index.versions(collection, ["a"]),
        lambda: index.get(collection, "a"),
        lambda: index.list(collection, Listing()),
        lambda: index.referenced(["1" * 64]),
    ):
        with pytest.raises(IndexUnavailable):
            call()
    client.indices.open(index=f"contract-{collection}")
    assert index.referenced(["1" * 64]) == {"1" * 64}


def test_a_deletion_outlives_what_the_server_remembers(
    index: SearchIndex, collection: str, client: Elasticsearch
):
    """It is a document, so neither time nor a restart brings an older version back."""
    client.indices.put_settings(index=f"contract-{collection}", settings={"gc_deletes": "0s"})
    write(index, collection, [make("a")])
    index.delete(collection, "a", 9)
    client.indices.flush(index=f"contract-{collection}", force=True)
    client.indices.close(index=f"contract-{collection}")
    client.indices.open(index=f"contract-{collection}")
    time.sleep(0.2)
    assert index.bulk(collection, [make("a", version=8)])[0].result == "superseded"


def test_a_collection_takes_fields_that_are_declared_later(
    index: SearchIndex, collection: str, client: Elasticsearch
):
    """They are mapped before the first item that may have them."""
    alias = f"contract-{collection}"
    (made,) = client.indices.get(index=alias).values()
    index.drop(collection)
    mappings = made["mappings"]
    tags = mappings["properties"].pop("tags")
    names = {kind: mappings["properties"][kind]["properties"].pop("names") for kind in KINDS}
    client.indices.create(index=f"{alias}.old", aliases={alias: {}}, mappings=mappings)
    index.ensure(collection)
    (now,) = client.indices.get_mapping(index=alias).values()
    for kind in KINDS:
        mappings["properties"][kind]["properties"]["names"] = names[kind]
    assert now["mappings"]["properties"] == {**mappings["properties"], "tags": tags}
    named = {"words": {"names": "beach"}, "plain": {"names": "beach"}}
    write(index, collection, [make("a", tags=("new",), **named), make("b")])
    page = index.list(collection, Listing([Condition("tags", any_of=("new",))]))
    assert [document["id"] for document in page.documents] == ["a"]
    assert [match.candidate.id for match in look_up(index, collection, word("beach"))] == ["a"]
