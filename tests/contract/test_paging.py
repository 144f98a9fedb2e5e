"""What every search index must do alike: pages of a collection as it was, and all of it."""

import json

import numpy as np
import pytest

from contract.documents import features, make, random_block, word, write
from support import layout
from triptych.core.errors import CursorExpired, NotFound
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.index import SearchIndex
from triptych.index.model import Condition, Facet, IndexQuery, Listing, Page, Sort, Words


def documents(count: int = 30, **fields):
    """Some documents, named by numbers."""
    return [
        make(f"{n:02}", metadata={"n": n % 4}, words={"text": f"word w{n % 3}"}, **fields)
        for n in range(count)
    ]


def disturb(index: SearchIndex, collection: str) -> None:
    """Change the first ten, delete the next ten, and add some."""
    for number in range(10, 20):
        index.delete(collection, f"{number:02}", 5)
    changed = [make(f"{n:02}", version=5, metadata={"n": 9}, tags=("new",)) for n in range(10)]
    write(index, collection, [*changed, *(make(f"0{n}x", version=5) for n in range(10))])


def pages(index: SearchIndex, collection: str, snapshot: str, **listing):
    """Every page, with a disturbance after the first."""
    after, first = None, True
    while True:
        page = index.list(collection, Listing(after=after, **listing), snapshot=snapshot)
        yield page
        if page.last is None:
            return
        after = json.loads(json.dumps(page.last))
        if first:
            disturb(index, collection)
        first = False


@pytest.mark.parametrize("sort", [(), (Sort("metadata.n", descending=True),), (Sort("added"),)])
def test_a_snapshot_stays_as_it_was(index: SearchIndex, collection: str, sort: tuple[Sort, ...]):
    """Nothing comes twice, is lost, or has changed, whatever is written between the pages."""
    before = documents()
    write(index, collection, before)
    whole = index.list(collection, Listing(sort=sort, limit=100))
    snapshot = index.freeze(collection)
    facets = [Facet("metadata.n"), Facet("tags")]
    found: list[Page] = list(pages(index, collection, snapshot, sort=sort, limit=7, facets=facets))
    assert [d for page in found for d in page.documents] == list(whole.documents)
    assert {page.total for page in found} == {30}
    assert {json.dumps(page.facets) for page in found} == {json.dumps(found[0].facets)}
    assert list(found[0].facets["tags"]) == []
    now = index.list(collection, Listing(limit=100))
    assert now.total == 30
    assert "00x" in [document["id"] for document in now.documents]


def test_a_search_in_a_snapshot_stays_as_it_was(index: SearchIndex, collection: str):
    """Words, vectors, filters, scores, totals and documents."""
    before = documents()
    write(index, collection, before)
    query = fuse_query({"text": {"semantic": random_block("semantic")}}, WEIGHTS, layout())
    request = IndexQuery(
        Words([word("w1"), word("word")]),
        query.presence_classes(),
        [Condition("metadata.n", any_of=(1, 2, 3))],
        facets=[Facet("metadata.n")],
    )
    snapshot = index.freeze(collection)
    first = index.search(collection, request, snapshot=snapshot)
    disturb(index, collection)
    second = index.search(collection, request, snapshot=snapshot)
    ours, theirs = (
        {f.candidate.id: (f.candidate.keyword, f.candidate.words, f.document) for f in r.matches}
        for r in (first, second)
    )
    assert ours == theirs
    assert len(ours) == 22
    assert (first.total, first.facets) == (second.total, second.facets)
    assert len(index.search(collection, request).matches) < 22


def test_snapshots_do_not_disturb_each_other(index: SearchIndex, collection: str):
    """Each is of its own time."""
    write(index, collection, documents(3))
    one = index.freeze(collection)
    write(index, collection, documents(5))
    other = index.freeze(collection)
    write(index, collection, documents(8))
    totals = [index.list(collection, Listing(), snapshot=s).total for s in (one, other, one, None)]
    assert totals == [3, 5, 3, 8]


def test_a_snapshot_sees_what_was_made_visible(index: SearchIndex, collection: str):
    """And is of an empty collection, too."""
    empty = index.freeze(collection)
    write(index, collection, documents(2))
    assert index.list(collection, Listing(), snapshot=empty).total == 0
    assert index.list(collection, Listing(), snapshot=index.freeze(collection)).total == 2


def test_what_is_no_snapshot_is_over(index: SearchIndex, collection: str):
    """Made up, cut, changed, or of another collection."""
    write(index, collection, documents(3))
    rng = np.random.default_rng(0)
    snapshot = index.freeze(collection)
    made_up = ["", "x", "AAAA", "é\0", "a/b?c=d#e", "x" * 100_000, snapshot[:-7], "[]"]
    made_up += ["".join(rng.permutation(list(snapshot))) for _ in range(20)]
    for place in rng.integers(len(snapshot), size=20):
        letter = "A" if snapshot[place] != "A" else "B"
        made_up.append(snapshot[:place] + letter + snapshot[place + 1 :])
    request = IndexQuery(Words([word("word")]))
    for text in made_up:
        for call in (
            lambda text=text: index.list(collection, Listing(), snapshot=text).total,
            lambda text=text: index.search(collection, request, snapshot=text).total,
        ):
            try:
                assert call() == 3, "a letter that makes no difference"
            except CursorExpired:
                continue
            assert len(text) == len(snapshot)


def test_a_snapshot_belongs_to_its_collection(index: SearchIndex, collection: str):
    """Nothing of another one is shown."""
    other = f"{collection}-other"
    index.ensure(other)
    try:
        write(index, other, documents(3))
        write(index, collection, documents(2))
        theirs, request = index.freeze(other), IndexQuery(Words([word("word")]))
        with pytest.raises(CursorExpired):
            index.list(collection, Listing(), snapshot=theirs)
        with pytest.raises(CursorExpired):
            index.search(collection, request, snapshot=theirs)
    finally:
        index.drop(other)


def test_a_snapshot_of_what_was_dropped_is_over(index: SearchIndex, collection: str):
    """Whether or not there is a new collection of that name."""
    write(index, collection, documents(3))
    snapshot = index.freeze(collection)
    index.drop(collection)
    with pytest.raises((CursorExpired, NotFound)):
        index.list(collection, Listing(), snapshot=snapshot)
    index.ensure(collection)
    with pytest.raises(CursorExpired):
        index.list(collection, Listing(), snapshot=snapshot)


def test_the_last_page_says_so(index: SearchIndex, collection: str):
    """Also one that is just full, and one of nothing."""
    write(index, collection, documents(6))
    for limit, expected in ((6, True), (5, False), (7, True)):
        assert (index.list(collection, Listing(limit=limit)).last is None) == expected
    nothing = index.list(collection, Listing([Condition("tags", any_of=("none",))]))
    assert (list(nothing.documents), nothing.total, nothing.last) == ([], 0, None)


def test_every_document_can_be_moved(index: SearchIndex, collection: str):
    """With its version and a vector that finds it; failed ones, too; what is newer stays."""
    entries = [
        *documents(450),
        make("whole", parts="text image audio", version=9, tags=("t",), metadata={"a": [1][0]}),
        make("failed", parts="", errors={"item": "bad"}, version=3),
    ]
    write(index, collection, entries)
    index.delete(collection, "07", 2)
    index.refresh(collection)
    target = f"{collection}-target"
    index.ensure(target)
    try:
        write(index, target, [make("whole", version=10)])
        scanned = list(index.scan(collection))
        assert {entry.document["id"] for entry in scanned} == {
            entry.document["id"] for entry in entries if entry.document["id"] != "07"
        }
        assert len(scanned) == len(entries) - 1
        assert {e.document["id"]: e.version for e in scanned}["failed"] == 3
        for entry in scanned:
            vector = entry.document.get("vector")
            assert (vector is None) == (entry.document["id"] == "failed")
            assert vector is None or (vector.dtype, vector.shape) == (np.float32, (layout().dims,))
        outcomes = index.bulk(target, scanned)
        assert {o.id for o in outcomes if o.result != "written"} == {"whole"}
        index.refresh(target)
        for name in ("failed", "03", "449"):
            assert index.get(target, name) == index.get(collection, name)
        wanted = next(entry for entry in entries if entry.document["id"] == "123")
        query = fuse_query({"text": {"semantic": features(wanted, "semantic")}}, WEIGHTS, layout())
        request = IndexQuery(Words([word("w0")]), query.presence_classes(), candidates=1)
        moved = index.search(target, request).matches
        assert "123" in {f.candidate.id for f in moved}
    finally:
        index.drop(target)


def test_a_scan_is_of_one_time(index: SearchIndex, collection: str):
    """What is written meanwhile neither comes twice nor makes anything be left out."""
    write(index, collection, documents(450))
    scan = index.scan(collection)
    found = [next(scan).document["id"]]
    write(index, collection, [make(f"{n:02}", version=5) for n in range(0, 500, 3)])
    found += [entry.document["id"] for entry in scan]
    assert sorted(found) == sorted(entry.document["id"] for entry in documents(450))


def test_a_scan_may_be_left(index: SearchIndex, collection: str):
    """Before its end, and an empty collection has none."""
    assert list(index.scan(collection)) == []
    write(index, collection, documents(3))
    scan = index.scan(collection)
    next(scan)
    scan.close()
