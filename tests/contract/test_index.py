"""What every search index must do alike: collections, writes, look-ups, vectors."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from contract.documents import PARTS, features, look_up, make, random_block, word, write
from support import layout
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.fields import FIELDS
from triptych.core.settings import Settings
from triptych.encoders.cards import unit_rows
from triptych.fusion.query import WEIGHTS, FusedQuery, PresenceClass, fuse_query
from triptych.fusion.scores import score
from triptych.index import SearchIndex, open_index
from triptych.index.model import Condition, Facet, IndexQuery, Listing, Versioned, Words


def ask(index: SearchIndex, collection: str, query: FusedQuery, **fields) -> list[str]:
    """Ids by exact score, best first."""
    request = IndexQuery(classes=query.presence_classes(), **fields)
    found = index.search(collection, request).matches
    return [
        found[s.index].candidate.id for s in score(query, [f.candidate for f in found], "linear")
    ]


def by_vector(**blocks: np.ndarray) -> FusedQuery:
    """A query that has these blocks, each of the part that it belongs to."""
    vectors = {
        part: {name: blocks[name] for name in names if name in blocks}
        for part, names in PARTS.items()
    }
    return fuse_query({part: found for part, found in vectors.items() if found}, WEIGHTS, layout())


def test_an_index_answers(index: SearchIndex):
    """When it is reachable."""
    index.ping()


def test_ensure_twice_is_once(index: SearchIndex, collection: str):
    """A collection that exists stays as it is."""
    index.bulk(collection, [make("a")])
    index.ensure(collection)
    assert index.count(collection) == {"indexed": 1}


def test_collections_are_listed(index: SearchIndex, collection: str):
    """By name, sorted, until they are dropped."""
    index.ensure(f"{collection}-0")
    names = index.collections()
    assert names == sorted(names)
    assert {collection, f"{collection}-0"} <= set(names)
    index.drop(f"{collection}-0")
    assert f"{collection}-0" not in index.collections()
    assert index.advice(collection) is None


def test_bulk_reports_each_document(index: SearchIndex, collection: str):
    """In order; one that can't be stored does not stop its neighbours, wherever it stands."""
    documents = [make(f"good{n}") for n in range(5)]
    documents.insert(2, make("x" * 600))
    documents.insert(4, make("surrogate", tags=("\ud800",)))
    outcomes = index.bulk(collection, documents)
    assert [o.id for o in outcomes] == [entry.document["id"] for entry in documents]
    assert [o.result for o in outcomes] == [
        "written", "written", "refused", "written", "refused", "written", "written",
    ]  # fmt: skip
    assert all(o.reason for o in outcomes if o.result == "refused")
    assert max(len(o.reason) for o in outcomes) < 1000
    with pytest.raises(NotFound):
        index.get(collection, "surrogate")
    assert index.count(collection) == {"indexed": 5}


def test_metadata_of_any_type_is_taken(index: SearchIndex, collection: str):
    """A key may have a number here and a string there."""
    values = [1, 1.5, "old", True, None, -(2**63), "x" * 40_000]
    write(index, collection, [make(str(n), metadata={"year": v}) for n, v in enumerate(values)])
    found = [index.get(collection, str(n))["metadata"]["year"] for n in range(len(values))]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


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


def test_a_replaced_document_is_found_as_it_is(index: SearchIndex, collection: str):
    """By its new words and tags alone."""
    write(index, collection, [make("a", words={"text": "old"}), make("b")])
    write(index, collection, [make("a", words={"text": "new"}, version=2)])
    assert not look_up(index, collection, word("old"))
    assert [f.candidate.id for f in look_up(index, collection, word("new"))] == ["a"]
    assert index.count(collection) == {"indexed": 2}


def test_delete(index: SearchIndex, collection: str):
    """A deleted document is gone; one that is not there is NotFound."""
    write(index, collection, [make("a", version=1), make("b", version=7)])
    index.delete(collection, "a", 2)
    index.refresh(collection)
    with pytest.raises(NotFound):
        index.get(collection, "a")
    with pytest.raises(NotFound):
        index.delete(collection, "a", 3)
    assert [f.candidate.id for f in look_up(index, collection, word("word"))] == ["b"]


def test_a_newer_document_survives_a_delete(index: SearchIndex, collection: str):
    """What was written after the deletion was asked for stays."""
    write(index, collection, [make("b", version=7)])
    index.delete(collection, "b", 6)
    assert index.get(collection, "b")["id"] == "b"


def test_what_was_deleted_does_not_come_back(index: SearchIndex, collection: str):
    """A late delivery of an older version is superseded; a newer one is written."""
    write(index, collection, [make("a", version=1)])
    index.delete(collection, "a", 5)
    assert index.bulk(collection, [make("a", version=1)])[0].result == "superseded"
    with pytest.raises(NotFound):
        index.get(collection, "a")
    assert index.bulk(collection, [make("a", version=6)])[0].result == "written"


@pytest.mark.parametrize("item_id", ["", "x" * 600, "..", "a\ud800", "\0", "x" * 100_000])
def test_what_is_no_id_is_not_found(index: SearchIndex, collection: str, item_id: str):
    """Whatever is asked for."""
    with pytest.raises(NotFound):
        index.get(collection, item_id)
    with pytest.raises(NotFound):
        index.delete(collection, item_id, 1)


@pytest.mark.parametrize("parts", ["text", "image", "audio", "text image", "text image audio"])
def test_vectors_are_found(index: SearchIndex, collection: str, parts: str):
    """The features of a document as the query find it first, whichever parts are asked."""
    documents = [make(str(n), parts="text image audio") for n in range(60)]
    write(index, collection, documents)
    wanted = documents[17]
    blocks = [block for part in parts.split() for block in PARTS[part]]
    query = by_vector(**{block: features(wanted, block) for block in blocks})
    assert ask(index, collection, query, candidates=10)[0] == "17"


def test_poor_items_are_candidates(index: SearchIndex, collection: str):
    """Items that lack a part that is asked for come back by the others, unrelated ones do not."""
    both, poor, other = make("both", parts="text image"), make("poor"), make("other", parts="audio")
    write(index, collection, [both, poor, other])
    query = by_vector(semantic=features(poor, "semantic"), visual=random_block("visual"))
    assert ask(index, collection, query, candidates=10) == ["poor", "both"]


def test_what_has_no_vector_is_near_to_nothing(index: SearchIndex, collection: str):
    """Silence is an item with a sound, but no hit of a search by sound."""
    silence = make("silence", parts="", audio="0" * 64)
    write(index, collection, [silence, make("sound", parts="audio")])
    assert index.get(collection, "silence")["modalities"] == ["audio"]
    assert ask(index, collection, by_vector(acoustic=random_block("acoustic"))) == ["sound"]


def test_features_survive(index: SearchIndex, collection: str):
    """What a search returns of a document's features is what was written, within float16."""
    entry = make("a", parts="text image audio")
    write(index, collection, [entry])
    query = by_vector(semantic=random_block("semantic"))
    found = index.search(collection, IndexQuery(classes=query.presence_classes())).matches[0]
    expected = np.asarray(entry.document["vector"])
    assert found.candidate.features == pytest.approx(expected, abs=1e-3)
    assert found.candidate.features.dtype == np.float16
    assert found.candidate.parts == {"text", "image", "audio"}


def test_speech_and_writing_are_parts(index: SearchIndex, collection: str):
    """Whichever fields of the document are asked for."""
    heard = {"transcript": {"text": "hello", "language": None, "segments": []}}
    read = {"writing": {"text": "exit", "lines": []}}
    words = {"words": {"text": "word"}}
    write(index, collection, [make("a", **heard, **words), make("b", **read, **words)])
    for fields in (None, [], ["text"], ["transcript"]):
        found = look_up(index, collection, word("word"), fields=fields)
        assert [f.candidate.parts for f in found] == [{"text", "speech"}, {"text", "writing"}]
        assert ("transcript" in found[0].document) == (fields in (None, ["transcript"]))


def test_both_lists_are_whole(index: SearchIndex, collection: str):
    """Many word matches do not push out the best by vector, nor the other way round."""
    near = [make(f"near{n}", words={"text": "none"}) for n in range(30)]
    far = [make(f"far{n:02}", words={"text": "common"}) for n in range(40)]
    write(index, collection, [*near, *far])
    vector = sum(features(entry, "semantic") for entry in near)
    query = by_vector(semantic=unit_rows(vector[None])[0])
    request = IndexQuery(Words([word("common")]), query.presence_classes(), candidates=10)
    results = index.search(collection, request)
    by_words = {f.candidate.id for f in results.matches if f.candidate.keyword is not None}
    others = {f.candidate.id for f in results.matches} - by_words
    assert others <= {entry.document["id"] for entry in near}
    assert len(others) >= 10
    assert by_words == {f"far{n:02}" for n in range(10)}, "equals by id, and no more than asked for"
    bound = (results.total, results.total_is_exact)
    assert bound in {(70, True), (40 + len(others), False)}


def test_the_total_is_what_the_query_ranks(index: SearchIndex, collection: str):
    """However many candidates are asked for: what has a word, or a block that is compared.

    A text is compared with pictures, too.
    """
    entries = [
        *(make(f"text{n}", tags=("even",) if n % 2 == 0 else ()) for n in range(30)),
        *(make(f"both{n}", parts="text image") for n in range(10)),
        *(make(f"image{n}", parts="image") for n in range(7)),
        *(make(f"sound{n}", parts="audio", words={"names": "owl"}) for n in range(5)),
        Versioned({"id": "failed", "status": "failed", "modalities": []}, 1),
    ]
    write(index, collection, entries)
    index.delete(collection, "text1", 2)
    index.refresh(collection)
    text = by_vector(semantic=features(entries[0], "semantic")).presence_classes()
    picture = by_vector(visual=features(entries[31], "visual"))
    owl = Words([word("owl")])
    even, no_owl = [Condition("tags", any_of=("even",))], Words(must_not=[word("owl")])
    for request, total in (
        (IndexQuery(classes=text), 46),
        (IndexQuery(owl, text), 51),
        (IndexQuery(owl, text, even), 15),
        (IndexQuery(no_owl, text), 46),
        (IndexQuery(classes=picture.presence_classes()), 17),
        (IndexQuery(owl), 5),
    ):
        for candidates in (1, 3, 100):
            asked = replace(request, candidates=candidates, exact_total=True)
            results = index.search(collection, asked)
            assert (results.total, results.total_is_exact) == (total, True)
            quick = index.search(collection, replace(asked, exact_total=False))
            assert quick.total == total if quick.total_is_exact else quick.total <= total
    facets = index.search(collection, IndexQuery(owl, facets=[Facet("modalities")])).facets
    assert facets["modalities"] == [{"value": "audio", "count": 5}]


def test_of_equally_good_words_the_lowest_ids_come_back(index: SearchIndex, collection: str):
    """In whichever order they were written, and with worse ones among them."""
    names = [f"{number:03}" for number in range(150)]
    equal = [make(name, words={"text": "cat"}) for name in reversed(names)]
    worse = [make(f"worse{n}", words={"text": "cat and others"}) for n in range(5)]
    write(index, collection, [*equal[:100], *worse, *equal[100:]])
    for candidates, expected in ((5, names[:5]), (152, [*names, "worse0", "worse1"])):
        query = IndexQuery(Words([word("cat")]), candidates=candidates, fields=())
        found = index.search(collection, query).matches
        assert sorted(match.candidate.id for match in found) == expected


def test_hits_show_fields(index: SearchIndex, collection: str):
    """Those that are asked for, or all that are public; nothing of what is gone."""
    write(index, collection, [make("a"), make("b")])
    index.delete(collection, "b", 9)
    index.refresh(collection)
    found = index.shown(collection, ["a", "b", "c"], ["text"])
    assert found == {"a": {"id": "a", "text": "words"}}
    (whole,) = index.shown(collection, ["a"], None).values()
    assert {"id", "status", "text"} <= whole.keys()
    assert whole.keys().isdisjoint(FIELDS.hidden)


def test_dislikes_outweigh_nothing_else(index: SearchIndex, collection: str):
    """A vector far against all items still returns as many as asked, and words beside them."""
    documents = [make(f"{n:02}", words={"text": f"w{n % 2}"}) for n in range(30)]
    write(index, collection, documents)
    query = fuse_query(
        {"text": {"semantic": random_block("semantic")}},
        {**WEIGHTS, "not": 1000.0},
        layout(),
        negative={"text": {"semantic": features(documents[3], "semantic")}},
    )
    request = IndexQuery(Words([word("w0")]), query.presence_classes(), candidates=20)
    found = {f.candidate.id for f in index.search(collection, request).matches}
    assert len(found) >= 20
    scored = ask(index, collection, query, candidates=30)
    assert scored[-1] == "03"
    assert set(scored[:20]) <= found


def test_items_with_all_the_words_are_ranked_by_a_vector(index: SearchIndex, collection: str):
    """Though neither the words nor the presence classes have them in their lists."""
    near = make("near", parts="image")
    where = layout().slices["visual"]
    visual = np.asarray(near.document["vector"])[where]
    copies = [replace(near, document={**near.document, "id": f"near{n}"}) for n in range(9)]
    short = [make(f"short{n}", words={"text": "red blue"}) for n in range(3)]
    text = {"text": f"red blue {'x ' * 90}"}
    long = [make(f"long{n}", parts="text image", words=text) for n in range(8)]
    half = make("half", parts="text image", words={"text": f"red {'x ' * 90}"})
    write(index, collection, [*copies, *short, *long, half])
    query = by_vector(visual=visual)
    words = Words([word("red"), word("blue")])
    request = IndexQuery(words, query.presence_classes(), candidates=3)

    def found(asked: IndexQuery) -> set[str]:
        return {match.candidate.id for match in index.search(collection, asked).matches}

    listed = found(request)
    assert listed <= {entry.document["id"] for entry in (*copies, *short)}
    long.sort(key=lambda entry: -float(np.asarray(entry.document["vector"])[where] @ visual))
    best = {entry.document["id"] for entry in long[:3]}
    worded = replace(request, worded=query.vector())
    assert listed | best <= found(worded)
    assert "half" not in found(worded)
    assert index.search(collection, worded).total == index.search(collection, request).total
    nowhere = replace(worded, words=Words([word("red"), word("nowhere")]))
    assert found(nowhere) == found(replace(nowhere, worded=None))


def test_the_length_of_a_query_does_not_count(index: SearchIndex, collection: str):
    """Whatever the weights, and though all is unlike it: the nearest are found beside the words."""
    entries = [make(f"v{n}", parts="text image") for n in range(6)]
    write(index, collection, [*entries, make("w", words={"text": "rare"})])
    towards = sum(np.asarray(entry.document["vector"]) for entry in entries)
    classes = [PresenceClass(("image",), (), -np.float32(1e8) * towards)]
    query = IndexQuery(classes=classes, words=Words((word("rare"),)), candidates=5)
    found = {entry.candidate.id for entry in index.search(collection, query).matches}
    assert len(found) >= 6
    assert "w" in found


def test_documents_have_the_fields_that_are_asked_for(index: SearchIndex, collection: str):
    """All that clients may see by default; some, with their id; keys of the metadata."""
    metadata = {"year": 1, "name": "x", "a.b": True, "*": 2}
    write(index, collection, [make("a", parts="text image", tags=("t",), metadata=metadata)])
    whole = look_up(index, collection, word("word"))[0].document
    assert whole["metadata"] == metadata
    assert {"id", "status", "modalities", "tags", "text", "media", "batch"} <= set(whole)
    for fields, expected in [
        ([], {}),
        (["text", "tags", "source"], {"text": "words", "tags": ["t"]}),
        (["metadata"], {"metadata": metadata}),
        (["metadata.year", "metadata.none"], {"metadata": {"year": 1}}),
        (["metadata.a.b"], {"metadata": {"a.b": True}}),
        (["metadata.*"], {"metadata": {"*": 2}}),
        (["metadata.none"], {}),
        (["metadata", "metadata.year"], {"metadata": metadata}),
        (None, {name: value for name, value in whole.items() if name != "id"}),
    ]:
        document = {"id": "a", **expected}
        assert look_up(index, collection, word("word"), fields=fields)[0].document == document
        assert list(index.list(collection, Listing(fields=fields)).documents) == [document]
    assert not {"vector", "features", "words", "plain", "facts", "digests"} & set(whole)


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
    failures = index.failures(collection, "b", 10)
    assert [d["id"] for d in failures.documents] == ["failed", "partial"]
    assert failures.documents[0]["errors"] == {"item": "bad"}
    assert (failures.total, failures.last) == (2, None)
    first = index.failures(collection, "b", 1)
    assert [d["id"] for d in first.documents] == ["failed"]
    rest = index.failures(collection, "b", 1, first.last)
    assert [d["id"] for d in rest.documents] == ["partial"]
    assert rest.last is None
    assert index.failures(collection, "another", 10).documents == []
    assert index.count(collection) == {"indexed": 1, "partial": 1, "failed": 1}


def test_failed_documents_are_never_hits(index: SearchIndex, collection: str):
    """A document without features is not a candidate for any vector."""
    write(index, collection, [make("failed", parts="", errors={"item": "bad"}), make("good")])
    assert ask(index, collection, by_vector(semantic=random_block("semantic"))) == ["good"]


def test_one_index_serves_many_threads(index: SearchIndex, collection: str):
    """They read and write at once, and each gets its own answer."""
    write(index, collection, [make(f"a{n}", words={"text": f"w{n}"}) for n in range(16)])

    def work(n: int) -> list[str]:
        index.bulk(collection, [make(f"b{n}", words={"text": "later"})])
        return [f.candidate.id for _ in range(5) for f in look_up(index, collection, word(f"w{n}"))]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [[f"a{n}"] * 5 for n in range(16)]
    index.refresh(collection)
    assert len(look_up(index, collection, word("later"))) == 16


def test_no_such_collection(index: SearchIndex):
    """Everything but ``ensure`` says so."""
    index.ensure("somewhere")
    index.drop("somewhere")
    for call in (
        lambda: index.search("nowhere", IndexQuery(Words([word("a")]))),
        lambda: index.list("nowhere", Listing()),
        lambda: index.get("nowhere", "a"),
        lambda: index.delete("nowhere", "a", 1),
        lambda: index.bulk("nowhere", [make("a")]),
        lambda: index.drop("nowhere"),
        lambda: index.count("nowhere"),
        lambda: index.metadata("nowhere"),
        lambda: index.failures("nowhere", "b", 1),
        lambda: index.identity("nowhere"),
        lambda: index.bulk("nowhere", [make("a")], identity="0" * 16),
        lambda: index.versions("nowhere", ["a"]),
        lambda: index.tombstones("nowhere", 1, 1),
        lambda: index.forget("nowhere", {"a": 1}),
        lambda: index.freeze("nowhere"),
        lambda: list(index.scan("nowhere")),
        lambda: index.refresh("nowhere"),
    ):
        with pytest.raises(NotFound):
            call()
    assert "nowhere" not in index.collections()


def test_unreachable_index():
    """An address where nothing listens is IndexUnavailable, with a reason."""
    index = open_index(Settings(index_url="http://127.0.0.1:9"), layout())
    with closing(index), pytest.raises(IndexUnavailable, match="does not answer"):
        index.ping()


def test_unknown_scheme():
    """A URL that no implementation knows is refused with those that are."""
    with pytest.raises(ValueError, match="http://"):
        open_index(Settings(index_url="ftp://example"), layout())
