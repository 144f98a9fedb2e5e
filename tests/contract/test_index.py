"""What every search index must do alike."""

import numpy as np
import pytest

from triptych.shared.encoders.cards import unit_rows
from triptych.shared.errors import IndexUnavailable, NotFound
from triptych.shared.fusion.blocks import Rows, fuse
from triptych.shared.fusion.layout import layout
from triptych.shared.fusion.query import FusedQuery, fuse_query
from triptych.shared.fusion.scores import score
from triptych.shared.index import SearchIndex, open_index
from triptych.shared.index.protocol import IndexQuery, Versioned
from triptych.shared.item import Chunk, Item
from triptych.shared.mapping import document
from triptych.shared.settings import Settings

RNG = np.random.default_rng(7)
WEIGHTS = {"keyword": 1.0, "text": 1.0, "image": 1.0, "audio": 1.0}
PARTS = {"text": ("semantic",), "image": ("concept", "visual"), "audio": ("acoustic",)}


def random_block(name: str) -> np.ndarray:
    where = layout().slices[name]
    return unit_rows(RNG.standard_normal((1, where.stop - where.start)))[0]


def make(item_id: str, *, parts: str = "text", version: int = 1, **fields) -> Versioned:
    """A document with random features for some parts."""
    blocks = {
        name: Rows((0,), random_block(name)[None]) for part in parts.split() for name in PARTS[part]
    }
    media = {part: "0" * 64 for part in parts.split() if part != "text"}
    text = {"text": "words", "words": {"text": "word"}} if "text" in parts else {}
    item = Item(id=item_id, **{**text, **media, **fields})
    chunk = Chunk("any", version, layout().fingerprint, (), (item,), batch="b")
    return Versioned(document(chunk, item, fuse(blocks, 1, layout())[0]), version)


def features(entry: Versioned, block: str) -> np.ndarray:
    """The block of a document as it was made."""
    vector: np.ndarray = np.asarray(entry.document["vector"])[layout().slices[block]]
    return vector


def ask(index: SearchIndex, collection: str, query: FusedQuery, **fields) -> list[str]:
    """Ids by exact score, best first."""
    request = IndexQuery(classes=query.presence_classes(), **fields)
    found = index.search(collection, request).found
    return [
        found[s.index].candidate.id for s in score(query, [f.candidate for f in found], "linear")
    ]


def test_ensure_twice_is_once(index: SearchIndex, collection: str):
    """A collection that exists stays as it is."""
    index.bulk(collection, [make("a")])
    index.ensure(collection)
    assert index.count(collection) == {"indexed": 1}


def test_bulk_reports_each_document(index: SearchIndex, collection: str):
    """A refused document does not stop its neighbours, and the reason names the field."""
    index.bulk(collection, [make("first", metadata={"year": 1.0})])
    outcomes = index.bulk(collection, [make("a"), make("b", metadata={"year": "old"}), make("c")])
    assert [(o.id, o.result) for o in outcomes] == [
        ("a", "written"),
        ("b", "refused"),
        ("c", "written"),
    ]
    assert "metadata.year" in outcomes[1].reason
    with pytest.raises(NotFound):
        index.get(collection, "b")


def test_one_impossible_document_does_not_spoil_a_bulk(index: SearchIndex, collection: str):
    """An id that the server refuses the whole request for is found and refused alone."""
    documents = [make(f"good{n}") for n in range(5)]
    documents.insert(2, make("x" * 600))
    outcomes = index.bulk(collection, documents)
    assert [o.result for o in outcomes] == ["written"] * 2 + ["refused"] + ["written"] * 3
    assert "512" in outcomes[2].reason
    assert index.count(collection) == {"indexed": 5}


def test_a_very_long_query_is_answered(index: SearchIndex, collection: str):
    """A text of more words than the index takes clauses is asked by its beginning."""
    index.bulk(collection, [make("a", words={"text": "first"})])
    index.refresh(collection)
    terms = ["first", *(f"w{n}" for n in range(30_000))]
    results = index.search(collection, IndexQuery(terms=terms))
    assert [found.candidate.id for found in results.found] == ["a"]


def test_older_version_never_wins(index: SearchIndex, collection: str):
    """The same version may come again, an older one is superseded."""
    assert index.bulk(collection, [make("a", version=5, text="new")])[0].result == "written"
    assert index.bulk(collection, [make("a", version=5, text="new")])[0].result == "written"
    assert index.bulk(collection, [make("a", version=4, text="old")])[0].result == "superseded"
    assert index.get(collection, "a")["text"] == "new"


def test_get_sees_every_write(index: SearchIndex, collection: str):
    """A look-up by id needs no refresh."""
    index.bulk(collection, [make("x/y z", tags=("t",))])
    assert index.get(collection, "x/y z")["tags"] == ["t"]


def test_delete(index: SearchIndex, collection: str):
    """A deleted document is gone; one that is not there is NotFound."""
    index.bulk(collection, [make("a", version=1)])
    index.delete(collection, "a", 2)
    with pytest.raises(NotFound):
        index.get(collection, "a")
    with pytest.raises(NotFound):
        index.delete(collection, "a", 3)


def test_words_are_found_with_raw_scores(index: SearchIndex, collection: str):
    """Only documents with a word match it, and the rarer word weighs more."""
    texts = {"a": "cat dog", "b": "cat", "c": "cat bird", "d": "fish"}
    index.bulk(collection, [make(name, words={"text": words}) for name, words in texts.items()])
    index.refresh(collection)
    results = index.search(collection, IndexQuery(terms=["cat", "dog"]))
    scores = {f.candidate.id: f.candidate.keyword for f in results.found}
    assert set(scores) == {"a", "b", "c"}
    assert scores["a"] > scores["b"] > scores["c"] > 0
    assert (results.total, results.total_is_exact) == (3, True)


@pytest.mark.parametrize("parts", ["text", "image", "audio", "text image", "text image audio"])
def test_vectors_are_found(index: SearchIndex, collection: str, parts: str):
    """The features of a document as the query find it first, whichever parts are asked."""
    documents = [make(str(n), parts="text image audio") for n in range(60)]
    index.bulk(collection, documents)
    index.refresh(collection)
    wanted = documents[17]
    vectors = {p: {b: features(wanted, b) for b in PARTS[p]} for p in parts.split()}
    query = fuse_query(vectors, WEIGHTS, layout(), keyword=False)
    assert ask(index, collection, query, candidates=10)[0] == "17"


def test_poor_items_are_candidates(index: SearchIndex, collection: str):
    """Items that lack a part that is asked for come back by the others, unrelated ones do not."""
    both, poor, other = make("both", parts="text image"), make("poor"), make("other", parts="audio")
    index.bulk(collection, [both, poor, other])
    index.refresh(collection)
    vectors = {
        "text": {"semantic": features(poor, "semantic")},
        "image": {"visual": random_block("visual")},
    }
    query = fuse_query(vectors, WEIGHTS, layout(), keyword=False)
    assert ask(index, collection, query, candidates=10) == ["poor", "both"]


def test_features_survive(index: SearchIndex, collection: str):
    """What a search returns of a document's features is what was written, within float16."""
    entry = make("a", parts="text image audio")
    index.bulk(collection, [entry])
    index.refresh(collection)
    query = fuse_query(
        {"text": {"semantic": random_block("semantic")}}, WEIGHTS, layout(), keyword=False
    )
    found = index.search(collection, IndexQuery(classes=query.presence_classes())).found[0]
    expected = np.asarray(entry.document["vector"])
    assert found.candidate.features == pytest.approx(expected, abs=1e-3)
    assert found.candidate.parts == {"text", "image", "audio"}
    assert "vector" not in found.document


def test_both_lists_are_whole(index: SearchIndex, collection: str):
    """Many word matches do not push out the best by vector, nor the other way round."""
    near = [make(f"near{n}", words={"text": "none"}) for n in range(10)]
    far = [make(f"far{n:02}", words={"text": "common"}) for n in range(40)]
    index.bulk(collection, [*near, *far])
    index.refresh(collection)
    vector = sum(features(entry, "semantic") for entry in near)
    query = fuse_query(
        {"text": {"semantic": unit_rows(vector[None])[0]}}, WEIGHTS, layout(), keyword=True
    )
    request = IndexQuery(terms=["common"], classes=query.presence_classes(), candidates=10)
    found = {f.candidate.id for f in index.search(collection, request).found}
    assert {entry.document["id"] for entry in near} <= found
    assert sum(name.startswith("far") for name in found) >= 10


def test_tags_narrow_words_and_vectors(index: SearchIndex, collection: str):
    """Every candidate has all the tags, even when nearer ones do not."""
    documents = [make(str(n), tags=("even" if n % 2 == 0 else "odd", "all")) for n in range(40)]
    index.bulk(collection, documents)
    index.refresh(collection)
    vector = {"text": {"semantic": features(documents[3], "semantic")}}
    query = fuse_query(vector, WEIGHTS, layout(), keyword=True)
    request = IndexQuery(["word"], query.presence_classes(), tags=["even", "all"], candidates=30)
    found = index.search(collection, request).found
    assert {f.candidate.id for f in found} == {str(n) for n in range(0, 40, 2)}


def test_failures_and_counts(index: SearchIndex, collection: str):
    """Documents that are not whole are listed by batch and counted by status."""
    index.bulk(
        collection,
        [
            make("good"),
            make("partial", parts="text image", errors={"audio": "cut"}, audio="0" * 64),
            make("failed", parts="", errors={"item": "bad"}),
        ],
    )
    assert [d["id"] for d in index.failures(collection, "b", 10)] == ["failed", "partial"]
    assert index.failures(collection, "another", 10) == []
    assert index.count(collection) == {"indexed": 1, "partial": 1, "failed": 1}


def test_failed_documents_are_never_hits(index: SearchIndex, collection: str):
    """A document without features is not a candidate for any vector."""
    index.bulk(collection, [make("failed", parts="", errors={"item": "bad"}), make("good")])
    index.refresh(collection)
    query = fuse_query(
        {"text": {"semantic": random_block("semantic")}}, WEIGHTS, layout(), keyword=False
    )
    assert ask(index, collection, query) == ["good"]


def test_no_such_collection(index: SearchIndex):
    """Everything but ``ensure`` says so."""
    for call in (
        lambda: index.search("nowhere", IndexQuery(terms=["a"])),
        lambda: index.get("nowhere", "a"),
        lambda: index.bulk("nowhere", [make("a")]),
        lambda: index.drop("nowhere"),
        lambda: index.count("nowhere"),
    ):
        with pytest.raises(NotFound):
            call()


def test_unreachable_index():
    """An address where nothing listens is IndexUnavailable, with a reason."""
    index = open_index(Settings(index_url="http://127.0.0.1:9"))
    with pytest.raises(IndexUnavailable, match="does not answer"):
        index.ping()


def test_unknown_scheme():
    """A URL that no implementation knows is refused with those that are."""
    with pytest.raises(ValueError, match="http://"):
        open_index(Settings(index_url="ftp://example"))
