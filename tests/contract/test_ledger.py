"""What the ledger of batches needs of every index: identities, tombstones, versions, digests."""

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from contract.documents import bm25, look_up, make, prefix, word, write
from support import layout
from triptych.core.errors import NotFound
from triptych.core.settings import Settings
from triptych.fusion.query import PresenceClass
from triptych.index import SearchIndex, open_index
from triptych.index.documents import tombstone
from triptych.index.migration import compare, copy
from triptych.index.model import (
    Condition,
    Facet,
    Held,
    IndexQuery,
    Listing,
    Sort,
    Versioned,
    Words,
)

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def results(index: SearchIndex, collection: str, versions: Sequence[Versioned]) -> list[str]:
    """What became of each document of a bulk."""
    return [outcome.result for outcome in index.bulk(collection, versions)]


def test_a_collection_has_an_identity(index: SearchIndex, collection: str):
    """Sixteen hex digits, which stay as long as it does."""
    identity = index.ensure(collection)
    assert len(identity) == 16
    assert int(identity, 16) >= 0
    assert index.ensure(collection) == index.identity(collection) == identity
    index.drop(collection)
    with pytest.raises(NotFound):
        index.identity(collection)
    assert index.ensure(collection) != identity


def test_whoever_makes_a_collection_first_gives_it_its_identity(index: SearchIndex):
    """All that try at once get the same."""
    for _ in range(3):
        name = f"c{uuid.uuid4().hex[:12]}"
        with ThreadPoolExecutor(8) as pool:
            identities = set(pool.map(index.ensure, [name] * 8))
        assert identities == {index.identity(name)}
        assert results(index, name, [make("a")]) == ["written"]
        index.drop(name)


def test_a_copy_keeps_its_identity(index: SearchIndex):
    """Unless there is a collection already."""
    name, identity = f"c{uuid.uuid4().hex[:12]}", "0123456789abcdef"
    assert index.ensure(name, identity=identity) == identity
    assert index.ensure(name, identity="f" * 16) == identity
    assert name in index.collections()
    assert not [other for other in index.collections() if identity in other]
    index.drop(name)


def test_what_was_meant_for_another_collection_is_not_written(index: SearchIndex, collection: str):
    """One that was dropped, also where there is a new one of its name."""
    old = index.identity(collection)
    (outcome,) = index.bulk(collection, [make("a")], identity=old)
    assert outcome.result == "written"
    index.drop(collection)
    with pytest.raises(NotFound):
        index.bulk(collection, [make("b")], identity=old)
    assert collection not in index.collections(), "a late write makes no collection"
    new = index.ensure(collection)
    with pytest.raises(NotFound):
        index.bulk(collection, [make("b")], identity=old)
    assert index.count(collection) == {}
    assert index.bulk(collection, [make("b")], identity=new)[0].result == "written"


def test_a_deletion_comes_before_what_it_deletes(index: SearchIndex, collection: str):
    """An item that is not there is NotFound, and an older version of it never appears."""
    with pytest.raises(NotFound):
        index.delete(collection, "a", 5)
    assert results(index, collection, [make("a", version=4)]) == ["superseded"]
    with pytest.raises(NotFound):
        index.get(collection, "a")
    with pytest.raises(NotFound):
        index.delete(collection, "a", 7)
    assert results(index, collection, [make("a", version=6)]) == ["superseded"]
    assert results(index, collection, [make("a", version=8)]) == ["written"]
    assert index.get(collection, "a")["id"] == "a"


def test_an_older_deletion_of_what_was_deleted_is_not_found(index: SearchIndex, collection: str):
    """The newer tombstone stays."""
    write(index, collection, [make("a", version=1)])
    index.delete(collection, "a", 9)
    with pytest.raises(NotFound):
        index.delete(collection, "a", 5)
    assert index.versions(collection, ["a"]) == {"a": Held(9, "deleted")}


def test_nothing_shows_tombstones(index: SearchIndex, collection: str):
    """Neither searches and their statistics nor listings, counts, facets, keys or scans."""
    entries = [
        make(f"{n}", parts="text image", words={"text": f"common w{n}"}, metadata={"year": n})
        for n in range(8)
    ]
    write(index, collection, entries[:5])
    query = IndexQuery(
        Words([word("common"), prefix("w")]),
        [PresenceClass((), (), np.asarray(entries[0].document["vector"]))],
        facets=[Facet("status")],
        candidates=50,
    )
    before = index.search(collection, query)
    listing = Listing(limit=50, sort=[Sort("added")], facets=[Facet("status")])
    listed = index.list(collection, listing)
    deleted = [f"t{n}" for n in range(20)]
    index.bulk(collection, [Versioned(tombstone(name, 3, None), 3) for name in deleted])
    for entry in entries[5:]:
        with suppress(NotFound):
            index.delete(collection, entry.document["id"], 7)
    index.refresh(collection)
    after = index.search(collection, query)
    assert (after.total, after.facets) == (before.total, before.facets) == (
        5, {"status": [{"value": "indexed", "count": 5}]},
    )  # fmt: skip
    scores = {f.candidate.id: f.candidate.words for f in before.matches}
    assert {f.candidate.id: f.candidate.words for f in after.matches} == scores
    assert index.list(collection, listing) == listed
    snapshot = index.freeze(collection)
    assert index.list(collection, listing, snapshot=snapshot) == listed
    assert index.search(collection, query, snapshot=snapshot).total == 5
    first = index.list(collection, Listing(limit=4))
    assert len(index.list(collection, Listing(limit=4, after=first.last)).documents) == 1
    assert index.list(collection, Listing([Condition("status", any_of=("deleted",))])).total == 0
    none_of = Listing([Condition("status", none_of=("indexed",))])
    assert index.list(collection, none_of).total == 0
    assert index.count(collection) == {"indexed": 5}
    assert index.metadata(collection) == {"year": {"number"}}
    assert index.failures(collection, "b", 50).total == 0
    assert len(list(index.scan(collection))) == 5
    assert len(list(index.scan(collection, tombstones=True))) == 28


def test_deleting_leaves_statistics_as_if_it_had_never_been(index: SearchIndex, collection: str):
    """A tombstone has no words, so those of the others score as among themselves."""
    texts = {f"{n}": ["common"] * (n + 1) for n in range(6)}
    write(
        index, collection,
        [make(name, words={"text": " ".join(words)}) for name, words in texts.items()],
    )  # fmt: skip
    for n in range(30):
        with suppress(NotFound):
            index.delete(collection, f"never{n}", 2)
    index.refresh(collection)
    found = {
        f.candidate.id: f.candidate.keyword for f in look_up(index, collection, word("common"))
    }
    assert found == pytest.approx(bm25(["common"], texts), rel=1e-5)


def test_a_tombstone_tells_what_was_deleted(index: SearchIndex, collection: str):
    """Its batch and media, but no contents; older ones come first."""
    write(index, collection, [make("a", parts="text image", image=ONE), make("b"), make("c")])
    for version, name in [(9, "c"), (8, "a"), (7, "b")]:
        index.delete(collection, name, version)
    found = index.tombstones(collection, 9, 10)
    assert found == [
        {"id": "b", "status": "deleted", "sequence": 7, "batch": "b"},
        {
            "id": "a", "status": "deleted", "sequence": 8, "batch": "b",
            "media": {"image": ONE}, "digests": [ONE],
        },
    ]  # fmt: skip
    assert [body["id"] for body in index.tombstones(collection, 100, 2)] == ["b", "a"]
    with pytest.raises(NotFound):
        index.delete(collection, "a", 12)
    (again,) = [body for body in index.tombstones(collection, 100, 9) if body["id"] == "a"]
    assert (again["sequence"], again["media"]) == (12, {"image": ONE})


def test_forgetting_loses_nothing_that_came_since(index: SearchIndex, collection: str):
    """Tombstones go for good; an item that was added again stays, and so does a newer tombstone."""
    write(index, collection, [make(name) for name in "abcd"])
    for name in "abc":
        index.delete(collection, name, 5)
    versions = {body["id"]: body["sequence"] for body in index.tombstones(collection, 6, 10)}
    assert versions == dict.fromkeys("abc", 5)
    assert results(index, collection, [make("b", version=6, text="again")]) == ["written"]
    with pytest.raises(NotFound):
        index.delete(collection, "c", 7)
    index.forget(collection, {**versions, "d": 5, "nothing": 5})
    assert index.versions(collection, "abcd") == {
        "b": Held(6, "indexed"), "c": Held(7, "deleted"), "d": Held(1, "indexed"),
    }  # fmt: skip
    assert index.get(collection, "b")["text"] == "again"
    index.forget(collection, {})
    assert results(index, collection, [make("a", version=6)]) == ["written"]


def test_versions_are_those_of_the_latest_write(index: SearchIndex, collection: str):
    """Of thousands of ids at once, before any refresh; what is no id has none."""
    entries = [make(f"i{n}", version=n + 1, parts="", errors={"item": "x"}) for n in range(2500)]
    index.bulk(collection, entries)
    with suppress(NotFound):
        index.delete(collection, "gone", 9)
    index.bulk(collection, [make("i0", version=77)])
    ids = [*(f"i{n}" for n in range(2500)), "gone", "never", "", "x" * 9000, "i0"]
    assert index.versions(collection, ids) == {
        **{f"i{n}": Held(n + 1, "failed") for n in range(2500)},
        "i0": Held(77, "indexed"),
        "gone": Held(9, "deleted"),
    }
    assert index.versions(collection, []) == {}


def test_which_media_are_referred_to(index: SearchIndex, collection: str):
    """By any document of any collection, written just now too; tombstones refer to nothing."""
    other = f"{collection}-other"
    index.ensure(other)
    index.bulk(collection, [make("a", parts="text image audio", image=ONE, audio=TWO)])
    index.bulk(other, [make("a", parts="", image=THREE, errors={"image": "broken"})])
    many = [f"{n:064x}" for n in range(1200)]
    assert index.referenced([*many, ONE, TWO, THREE]) == {ONE, TWO, THREE}
    assert index.referenced([TWO]) == {TWO}
    assert index.referenced([]) == set()
    index.delete(collection, "a", 2)
    assert index.referenced([ONE, TWO, THREE]) == {THREE}
    index.bulk(other, [make("a", version=2)])
    assert index.referenced([ONE, TWO, THREE]) == set()
    index.bulk(other, [make("a", version=3, parts="image", image=ONE)])
    assert index.referenced([ONE]) == {ONE}
    index.drop(other)
    assert index.referenced([ONE]) == set()


def test_quarantined_items_are_failures(index: SearchIndex, collection: str):
    """Beside those that failed by themselves."""
    quarantined = {
        **make("q", parts="", errors={"item": "kills"}).document,
        "status": "quarantined",
    }
    elsewhere = Versioned({**make("e").document, "batch": "other"}, 1)
    index.bulk(
        collection,
        [make("a"), make("c"), make("f", parts="", errors={"item": "bad"}), elsewhere,
         Versioned(quarantined, 1)],
    )  # fmt: skip
    assert index.count(collection) == {"indexed": 3, "failed": 1, "quarantined": 1}
    page = index.failures(collection, "b", 10)
    assert [body["id"] for body in page.documents] == ["f", "q"]


def test_failures_have_pages_without_an_end(index: SearchIndex, collection: str):
    """More than a thousand, each once, by id."""
    entries = [make(f"{n:04}", parts="", errors={"item": "bad"}) for n in range(1150)]
    index.bulk(collection, [*entries, make("fine")])
    found: list[str] = []
    after = None
    while True:
        page = index.failures(collection, "b", 500, after)
        assert page.total == 1150
        found += [body["id"] for body in page.documents]
        if page.last is None:
            break
        after = page.last
    assert found == [f"{n:04}" for n in range(1150)]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[SearchIndex]:
    """Another index, to copy into."""
    with closing(open_index(Settings(index_url=tmp_path.as_uri()), layout())) as opened:
        yield opened


def test_a_migration_copies_deletions(index: SearchIndex, collection: str, embedded: SearchIndex):
    """With the identity; and back."""
    write(index, collection, [make("a", image=ONE), make("b"), make("c")])
    embedded.ensure(collection, identity=index.identity(collection))
    embedded.bulk(collection, [make("b"), make("late", version=2)])
    index.delete(collection, "b", 4)
    with suppress(NotFound):
        index.delete(collection, "late", 4)
    assert list(copy(index, embedded, collection))[-1].done == 2
    assert compare(index, embedded, collection, sample=10).lines == []
    assert embedded.identity(collection) == index.identity(collection)
    assert embedded.tombstones(collection, 9, 9) == index.tombstones(collection, 9, 9)
    assert results(embedded, collection, [make("late", version=3)]) == ["superseded"]
    identity = index.identity(collection)
    index.drop(collection)
    list(copy(embedded, index, collection))
    assert index.identity(collection) == identity
    assert index.versions(collection, ["a", "b"]) == {
        "a": Held(1, "indexed"), "b": Held(4, "deleted"),
    }  # fmt: skip
    assert index.referenced([ONE]) == embedded.referenced([ONE]) == {ONE}
