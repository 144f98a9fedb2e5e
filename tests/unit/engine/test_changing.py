"""Changes of items without their media, and deletion by a filter, in process."""

import pytest

from triptych.core.errors import IndexUnavailable, InvalidInput, NotFound, StoreUnavailable
from triptych.engine import Engine, deleting
from triptych.engine.deleting import Deleted
from triptych.index.model import Outcome
from triptych.ingest.changing import LINKS
from triptych.ingest.collecting import THINNED
from unit.engine.test_details import photo, song

SENT = {
    "id": "both",
    "text": "A small café by the sea.",
    "image": photo(),
    "audio": song(),
    "tags": ["old", "kept"],
    "metadata": {"year": 2020, "stars": 3},
    "source": "camera roll",
}


@pytest.fixture
def engine(tmp_path):
    """With one item that has everything."""
    with Engine.open(tmp_path) as opened:
        assert opened.add("c", [SENT], progress=False).failed == 0
        yield opened


def change(engine, item="both", **fields):
    """Make a change, and return the new document."""
    accepted = engine.change_item("c", item, fields)
    engine.process(accepted.chunk)
    engine.settle(accepted.chunk.batch)
    return engine.item("c", item)


def apart(document) -> dict:
    """What a change of nothing leaves as it is."""
    return {name: value for name, value in document.items() if name != "sequence"}


def found(engine, **query) -> list[str]:
    """The ids of the hits."""
    return [hit.id for hit in engine.search("c", **query).hits]


def test_no_change_changes_nothing(engine):
    """Fields of files, words, the batch, even the digest of the content are as before."""
    before, held = engine.item("c", "both"), engine.index.fetch("c", ["both"])["both"].document
    after = change(engine)
    assert apart(after) == apart(before)
    again = engine.index.fetch("c", ["both"])["both"].document
    assert {n: again[n] for n in ("words", "plain", "features", "digests")} == {
        n: held[n] for n in ("words", "plain", "features", "digests")
    }
    assert after["sequence"] > before["sequence"]


def test_fields_change_and_go(engine):
    """Lists as a whole, values by key one by one; what is removed is what the file says again."""
    after = change(
        engine,
        tags=["new"],
        metadata={"stars": None, "mood": "calm"},
        source=None,
        title="Mine",
        captured_at="2001-02-03T04:05:06+07:00",
        place={"latitude": 1, "longitude": 2},
    )
    assert after["tags"] == ["new"]
    assert after["metadata"] == {"year": 2020, "mood": "calm"}
    assert "source" not in after
    assert after["title"] == "Mine"
    assert (after["captured_at"], after["captured_at_zone"]) == ("2001-02-02T21:05:06Z", "+07:00")
    assert after["place"] == {"latitude": 1, "longitude": 2}
    assert found(engine, filter={"tags": "new", "metadata.mood": "calm"}) == ["both"]
    assert found(engine, text="mine", weights={"text": 0}) == ["both"]
    assert found(engine, text="calm", weights={"text": 0}) == ["both"]
    assert found(engine, filter={"tags": "old"}) == []
    after = change(engine, title=None, captured_at=None)
    assert (after["title"], after["captured_at_zone"]) == ("Zanzibar", "+02:00")


def test_media_that_are_gone_are_missed(engine):
    """Nothing is accepted that could not be described."""
    engine.store.collect_media(engine.item("c", "both")["media"]["image"], 2**40)
    with pytest.raises(StoreUnavailable, match="removed"):
        engine.change_item("c", "both", {"text": "A mountain in snow."})


def test_words_and_vectors_follow_the_text(engine):
    """The new text is found, the old one is not."""
    size = engine.item("c", "both")["size"]
    after = change(engine, text="Schnee auf den Bergen und Tälern im Winter.")
    assert after["language"] == "de"
    old, new = SENT["text"].encode(), after["text"].encode()
    assert after["size"] == size - len(old) + len(new)
    assert found(engine, text="Schnee", weights={"text": 0}) == ["both"]
    assert found(engine, text="café", weights={"text": 0}) == []
    after = change(engine, text=None)
    assert after["modalities"] == ["image", "audio"]
    assert "text" not in after


def test_changes_in_a_row_are_all_kept(engine):
    """Though none of them is indexed yet, and whichever is indexed first."""
    chunks = [
        engine.change_item("c", "both", fields).chunk
        for fields in ({"tags": ["a"]}, {"metadata": {"b": 1}}, {"text": "A third change."})
    ]
    for chunk in reversed(chunks):
        engine.process(chunk)
    document = engine.item("c", "both")
    assert (document["tags"], document["metadata"]["b"]) == (["a"], 1)
    assert document["text"] == "A third change."


def test_of_two_at_once_none_is_lost(engine, monkeypatch):
    """The second one begins again with what the first one made."""
    create, first = engine.store.create_document, []

    def overtaken(folder: str, name: str, data: bytes) -> bool:
        if folder == LINKS and not first:
            first.append(None)
            first[0] = engine.change_item("c", "both", {"tags": ["first"]}).chunk
        return create(folder, name, data)

    monkeypatch.setattr(engine.store, "create_document", overtaken)
    second = engine.change_item("c", "both", {"source": "second"}).chunk
    assert len(engine.ledger.open_batches()) == 2
    engine.process(second)
    engine.process(first[0])
    document = engine.item("c", "both")
    assert (document["tags"], document["source"]) == (["first"], "second")


def test_a_change_that_was_withdrawn_is_forgotten(engine):
    """As where no message could be sent."""
    accepted = engine.change_item("c", "both", {"tags": ["lost"]})
    engine.withdraw(accepted.chunk.batch)
    assert change(engine, source="new")["tags"] == ["old", "kept"]


def test_links_are_collected(engine):
    """Once their batch is closed and they are old."""
    change(engine, tags=["x"])
    pending = engine.change_item("c", "both", {"tags": ["y"]})
    assert len(engine.store.documents(LINKS)) == 2
    late = type(engine.settings)(**{**dict(engine.settings), "media_grace": 0})
    engine.settings = late
    engine.collect()
    assert len(engine.store.documents(LINKS)) == 1
    engine.process(pending.chunk)
    assert engine.item("c", "both")["tags"] == ["y"]


def test_what_can_not_be_changed(engine):
    """It says why."""
    with pytest.raises(NotFound, match="nobody"):
        engine.change_item("c", "nobody", {"tags": []})
    with pytest.raises(NotFound):
        engine.change_item("none", "both", {"tags": []})
    with pytest.raises(ValueError, match="image"):
        engine.change_item("c", "both", {"image": "…"})
    many = {f"k{n}": n for n in range(63)}
    with pytest.raises(InvalidInput, match="65 keys"):
        engine.change_item("c", "both", {"metadata": many})
    engine.add("c", [{"id": "t", "text": "Only a text."}], progress=False)
    with pytest.raises(InvalidInput, match="no image, text or audio"):
        engine.change_item("c", "t", {"text": None})
    engine.delete_item("c", "t")
    with pytest.raises(NotFound):
        engine.change_item("c", "t", {"tags": ["x"]})


def test_items_are_deleted_by_a_filter(engine, monkeypatch):
    """So many at once; a mistyped key deletes nothing."""
    monkeypatch.setattr(deleting, "MOST", 10)
    lines = [
        {"id": f"n{n}", "text": f"number {n}", "metadata": {"n": n}, "tags": ["many"]}
        for n in range(15)
    ]
    assert engine.add("c", lines, progress=False).failed == 0
    with pytest.raises(InvalidInput, match="nn"):
        engine.delete_items("c", {"not": {"metadata.nn": 3}})
    assert engine.delete_items("c", {"metadata.n": {"lt": 3}}) == Deleted(3, more=False)
    assert engine.collection("c").items.total == 13
    assert engine.delete_items("c", {"tags": "many"}) == Deleted(10, more=True)
    assert engine.delete_items("c", {"tags": "many"}) == Deleted(2, more=False)
    assert engine.delete_items("c", {"tags": "many"}) == Deleted(0, more=False)
    with pytest.raises(NotFound):
        engine.item("c", "n4")
    assert [one.id for one in engine.holdings("c").items] == ["both"]


@pytest.fixture
def numbered(engine, monkeypatch):
    """The engine with four items more, three of which are deleted at once."""
    monkeypatch.setattr(deleting, "MOST", 3)
    lines = [{"id": f"n{n}", "text": f"number {n}", "tags": ["many"]} for n in range(4)]
    assert engine.add("c", lines, progress=False).failed == 0
    return engine


def test_two_who_delete_at_once_both_hear_of_what_is_left(numbered, monkeypatch):
    """Though the other one was faster with all that was listed."""

    def late(collection, ids):
        for item in ids:
            numbered.delete_item(collection, item)
        return fetch(collection, ids)

    fetch = numbered.index.fetch
    monkeypatch.setattr(numbered.index, "fetch", late)
    assert numbered.delete_items("c", {"tags": "many"}) == Deleted(0, more=True)
    assert numbered.delete_items("c", {"tags": "many"}) == Deleted(0, more=False)


@pytest.mark.parametrize("step", ["fetch", "bulk"])
def test_what_changes_while_it_is_being_deleted_stays(numbered, monkeypatch, step):
    """It may not be what the filter finds; the next call looks again."""

    def late(*arguments, **more):
        monkeypatch.setattr(numbered.index, step, real)
        change(numbered, "n0", tags=["few"])
        return real(*arguments, **more)

    real = getattr(numbered.index, step)
    monkeypatch.setattr(numbered.index, step, late)
    monkeypatch.setattr(deleting, "MOST", 9)
    assert numbered.delete_items("c", {"tags": "many"}) == Deleted(3, more=True)
    assert numbered.delete_items("c", {"tags": "many"}) == Deleted(0, more=False)
    assert numbered.item("c", "n0")["tags"] == ["few"]


def test_a_deletion_that_is_refused_keeps_no_other_from_its_end(numbered, monkeypatch):
    """They go from other indexes, too, and so do their media: nobody finds them again."""

    def but_one(collection, documents, *, identity=None):
        kept = [one for one in documents if one.document["id"] != "n1"]
        outcomes = bulk(collection, kept, identity=identity)
        return [Outcome("n1", "refused", "no room"), *outcomes]

    bulk, buried = numbered.index.bulk, []
    monkeypatch.setattr(numbered.index, "bulk", but_one)
    monkeypatch.setattr(deleting, "bury_beside", lambda _, __, ones: buried.extend(ones))
    with pytest.raises(IndexUnavailable, match="no room"):
        numbered.delete_items("c", {"tags": "many"})
    assert [one.document["id"] for one in buried] == ["n0", "n2"]
    assert [one.name for one in numbered.store.documents(THINNED)] == ["c"]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"tags": []},
        {"tags": {"all": []}},
        {"tags": {"none": []}},
        {"and": [{}]},
        {"or": [{}]},
        {"or": [{}, {"id": "both"}]},
        {"not": {}},
        {"not": {"not": {}}},
        {"id": "both", "or": [{"tags": []}]},
        {"id": "both", "tags": []},
        {"tags": {"exists": True, "all": []}},
        {"tags": {"any": ["a"], "none": []}},
        {"id": "both", "not": {"tags": {"exists": True, "all": []}}},
    ],
)
def test_a_filter_with_nothing_in_it_deletes_nothing(engine, wanted):
    """As where a program fills in a list that is empty."""
    with pytest.raises(InvalidInput, match="empty"):
        engine.delete_items("c", wanted)
    assert engine.collection("c").items.total == 1


@pytest.mark.parametrize("text", [None, "Eine kleine Stadt am Meer.", "A small town."])
def test_what_was_sent_in_a_language_stays_so(engine, text):
    """With or without a text; and so do the words of what the file says."""
    item = {"id": "x", "image": photo(), "caption": "die Katze und der Hund", "language": "de"}
    spoken = {"id": "y", "image": photo(), "language": "de"}
    for one in (item, spoken):
        sent = {**one, **({"text": text} if text else {})}
        assert engine.add("c", [sent], progress=False).failed == 0
        before = engine.index.fetch("c", [one["id"]])[one["id"]].document
        change(engine, one["id"], metadata={"x": 1})
        after = engine.index.fetch("c", [one["id"]])[one["id"]].document
        assert after["language"] == before["language"] == "de"
        for kind in ("words", "plain"):
            kept = {name: each for name, each in after[kind].items() if name != "metadata"}
            assert kept == before[kind]


def test_a_listing_by_prefix_has_no_others(engine):
    """Wherever it is to begin."""
    items = [{"id": name, "text": "x"} for name in ("a1", "dog", "dog2", "e1")]
    assert engine.add("c", items, progress=False).failed == 0
    for after, expected in (("a", ["dog", "dog2"]), ("dog", ["dog2"]), ("e", [])):
        assert [one.id for one in engine.holdings("c", "dog", after).items] == expected
