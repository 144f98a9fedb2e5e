"""A collection gets another index, for other encoders, while it is used."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import numpy as np
import pytest

from contract.documents import by, make, others, word, write
from support import layout
from triptych.core.errors import FingerprintMismatch, IndexUnavailable, NotFound
from triptych.core.settings import Settings
from triptych.fusion.blocks import Layout
from triptych.fusion.query import PresenceClass
from triptych.index import SearchIndex, open_index
from triptych.index.generations import following, previous
from triptych.index.model import Condition, Facet, IndexQuery, Listing, Versioned, Words

WORDS = IndexQuery(Words([word("word")]))


def near(blocks: Layout) -> IndexQuery:
    """A search by vectors of these encoders."""
    query = np.full(blocks.dims, 0.1, np.float32)
    return IndexQuery(classes=[PresenceClass(("text",), (), query)])


@pytest.fixture(params=[{"version": 99}, {"dims": 100}], ids=["same width", "other width"])
def theirs(request: pytest.FixtureRequest, index_url: str) -> Iterator[SearchIndex]:
    """The same index, opened by a process with other encoders."""
    settings = Settings(index_url=index_url, index_prefix="contract")
    with closing(open_index(settings, others(**request.param))) as opened:
        yield opened


def test_what_built_an_index_is_in_it(index, collection, theirs):
    """Block by block, so that another process can read its vectors."""
    found = theirs.origin(collection)
    assert found.fingerprint == layout().fingerprint
    assert found.layout.slices == layout().slices
    assert found.layout.blocks[0].reference == "minilm"
    assert found.changes(theirs.layout)[0].startswith("semantic was minilm")
    assert theirs.origins()[collection] == found
    with pytest.raises(NotFound):
        index.origin("nothing")


def test_with_other_encoders_all_works_but_vectors(index, collection, theirs):
    """Look-up, listing, filters, facets, words, deletion."""
    write(index, collection, [make("a", tags=("x",)), make("b"), make("c", parts="text image")])
    assert theirs.get(collection, "a")["tags"] == ["x"]
    listing = Listing([Condition("tags", any_of=("x",))], facets=[Facet("modalities")])
    assert [one["id"] for one in theirs.list(collection, listing).documents] == ["a"]
    assert theirs.search(collection, WORDS).total == 3
    assert theirs.count(collection) == {"indexed": 3}
    assert theirs.ensure(collection) == index.identity(collection)
    theirs.delete(collection, "b", 9)
    theirs.refresh(collection)
    assert theirs.search(collection, WORDS).total == 2
    with pytest.raises(FingerprintMismatch, match="triptych rebuild"):
        theirs.search(collection, near(theirs.layout))
    with pytest.raises(FingerprintMismatch):
        theirs.search(collection, near(theirs.layout), snapshot=theirs.freeze(collection))
    told = replace(near(layout()), fingerprint=layout().fingerprint)
    assert theirs.search(collection, told).total == 2


def test_vectors_of_other_encoders_are_left_out(index, collection, theirs):
    """The item is there, found by its words; its version counts."""
    write(index, collection, [make("old")])
    write(theirs, collection, [by(theirs.layout, make("new", version=5))])
    assert index.search(collection, WORDS).total == 2
    found = index.search(collection, near(layout()))
    assert [match.candidate.id for match in found.matches] == ["old"]
    fetched = theirs.fetch(collection, ["old", "new", "none"])
    assert fetched.keys() == {"old", "new"}
    assert "features" in fetched["old"].document
    assert "features" not in fetched["new"].document
    assert (fetched["new"].version, fetched["old"].version) == (5, 1)
    held = theirs.versions(collection, ["old", "new"])
    assert held["old"].fingerprint == layout().fingerprint
    assert held["new"].fingerprint == theirs.layout.fingerprint


def test_the_next_index_takes_the_place_of_the_current_one(index, collection, theirs):
    """For every process at once; the other one is kept, and deletions reach it."""
    identity = index.identity(collection)
    entries = [make("a"), make("b"), make("c")]
    write(index, collection, entries)
    theirs.begin(collection, theirs.layout)
    write(theirs, following(collection), [by(theirs.layout, one) for one in entries])
    assert index.count(following(collection)) == {"indexed": 3}
    assert collection in index.collections()
    assert not [name for name in index.collections() if "." in name]
    with pytest.raises(NotFound):
        index.origin(previous(collection))
    theirs.swap(collection, lambda: None)
    assert theirs.search(collection, near(theirs.layout)).total == 3
    with pytest.raises(FingerprintMismatch):
        index.search(collection, near(layout()))
    assert index.search(collection, WORDS).total == 3
    assert index.origin(collection).fingerprint == theirs.layout.fingerprint
    assert index.identity(collection) == theirs.identity(collection) == identity
    assert theirs.origin(previous(collection)).fingerprint == layout().fingerprint
    with pytest.raises(NotFound):
        theirs.origin(following(collection))

    (outcome,) = index.bulk(collection, [make("d", version=7)], identity=identity)
    assert outcome.result == "written"
    assert "features" not in index.fetch(collection, ["d"])["d"].document
    (outcome,) = theirs.bulk(
        collection, [by(theirs.layout, make("e", version=8))], identity=identity
    )
    assert "features" in theirs.fetch(collection, ["e"])["e"].document
    index.delete(collection, "a", 9)
    assert theirs.versions(previous(collection), ["a"])["a"].status == "deleted"
    index.forget(collection, {"a": 9})
    assert theirs.versions(previous(collection), ["a"]) == {}

    theirs.discard(collection)
    with pytest.raises(NotFound):
        theirs.discard(collection)
    with pytest.raises(NotFound):
        index.origin(previous(collection))
    theirs.refresh(collection)
    assert theirs.search(collection, WORDS).total == 4


def test_a_tombstone_is_not_forgotten_before_the_item_is_gone_everywhere(index, collection, theirs):
    """A process may have been killed between two deletions."""
    write(index, collection, [make("a")])
    theirs.begin(collection, theirs.layout)
    write(theirs, following(collection), [by(theirs.layout, make("a"))])
    write(index, collection, [Versioned({"id": "a", "status": "deleted", "sequence": 4}, 4)])
    index.forget(collection, {"a": 4})
    assert theirs.count(following(collection)) == {}


def test_a_swap_that_fails_changes_nothing(index, collection, theirs):
    """And writes go on."""
    write(index, collection, [make("a")])
    with pytest.raises(NotFound):
        theirs.swap(collection, lambda: None)
    theirs.begin(collection, theirs.layout)

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        theirs.swap(collection, fail)
    write(index, collection, [make("b")])
    assert index.search(collection, near(layout())).total == 2
    theirs.abandon(collection)
    theirs.abandon(collection)
    with pytest.raises(NotFound):
        theirs.origin(following(collection))


def test_one_begins_again_where_one_was(index, collection, theirs):
    """The next index stays; that of a third kind of encoders is replaced."""
    write(index, collection, [make("a")])
    theirs.begin(collection, theirs.layout)
    write(theirs, following(collection), [by(theirs.layout, make("a"))])
    theirs.begin(collection, theirs.layout)
    assert theirs.count(following(collection)) == {"indexed": 1}
    index.begin(collection, index.layout)
    assert index.count(following(collection)) == {}
    assert index.origin(following(collection)).fingerprint == layout().fingerprint


def test_the_previous_index_may_come_back(index, collection, theirs):
    """With all that it had; what takes its place is kept in turn."""
    write(index, collection, [make("a")])
    theirs.begin(collection, theirs.layout)
    theirs.swap(collection, lambda: None)
    index.begin(collection, index.layout)
    assert index.count(following(collection)) == {"indexed": 1}
    index.abandon(collection)
    assert index.count(previous(collection)) == {"indexed": 1}
    index.begin(collection, index.layout)
    index.swap(collection, lambda: write(index, following(collection), [make("b", version=2)]))
    assert index.search(collection, near(layout())).total == 2
    assert index.origin(previous(collection)).fingerprint == theirs.layout.fingerprint
    theirs.begin(collection, theirs.layout)
    theirs.swap(collection, lambda: None)
    index.drop(collection)
    for name in (collection, previous(collection)):
        with pytest.raises(NotFound):
            index.origin(name)
    index.ensure(collection)
    assert index.count(collection) == {}


def test_a_third_index_takes_the_place_of_the_one_before(index, collection, theirs):
    """Only the last one is kept."""
    write(index, collection, [make("a")])
    theirs.begin(collection, theirs.layout)
    theirs.swap(collection, lambda: None)
    theirs.discard(collection)
    index.begin(collection, index.layout)
    index.swap(collection, lambda: None)
    theirs.begin(collection, theirs.layout)
    theirs.swap(collection, lambda: write(theirs, following(collection), [make("c")]))
    assert theirs.count(collection) == {"indexed": 1}
    assert index.origin(previous(collection)).fingerprint == layout().fingerprint


def test_what_changed_since_a_mark(index, collection, theirs):
    """Written items; after a swap all of them."""
    write(index, collection, [make("a"), make("b")])
    mark = index.mark(collection)
    assert list(index.changed(collection, mark)) == []
    write(index, collection, [make("b", version=2), make("c")])
    assert set(index.changed(collection, mark)) == {"b", "c"}
    theirs.begin(collection, theirs.layout)
    entries = [by(theirs.layout, make(name)) for name in "abc"]
    theirs.swap(collection, lambda: write(theirs, following(collection), entries))
    assert set(theirs.changed(collection, mark)) >= {"a", "b", "c"}


def test_nothing_that_is_written_meanwhile_is_lost(index, collection, theirs):
    """Whoever writes: each outcome is of the index that is current then, or copied to the next."""
    write(index, collection, [make("a")])
    theirs.begin(collection, theirs.layout)
    identity, stop, written = index.identity(collection), threading.Event(), []

    def keep_writing() -> None:
        while not stop.is_set():
            name = f"n{len(written)}"
            (outcome,) = index.bulk(collection, [make(name, version=3)], identity=identity)
            assert outcome.result == "written"
            written.append(name)

    def patiently() -> None:
        while not stop.is_set():
            with suppress(IndexUnavailable):  # writes wait while the index is swapped
                keep_writing()
            time.sleep(0.01)

    writer = threading.Thread(target=patiently)
    mark = theirs.mark(collection)
    writer.start()

    def finish() -> None:
        for item in ["a", *theirs.changed(collection, mark)]:
            (entry,) = theirs.fetch(collection, [item]).values()
            write(theirs, following(collection), [by(theirs.layout, entry)])

    deadline = time.monotonic() + 30
    while len(written) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    theirs.swap(collection, finish)
    before = len(written)
    while len(written) < before + 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    writer.join()
    assert len(written) >= before + 5
    assert theirs.versions(collection, ["a", *written]).keys() == {"a", *written}
