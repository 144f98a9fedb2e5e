"""Changes of items, and deletion by a filter, are the same on each index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import layout
from triptych.core.errors import NotFound
from triptych.core.settings import Encoders, Settings
from triptych.encoders.extractors import Extractors
from triptych.engine import Engine, deleting
from triptych.engine.deleting import Deleted
from triptych.index import SearchIndex
from triptych.index.generations import following
from triptych.media.store import MediaStore
from unit.engine.test_details import photo, song

SENT = {
    "id": "both",
    "text": "A small café by the sea.",
    "image": photo(),
    "audio": song(),
    "tags": ["Old", "kept"],
    "metadata": {"year": 2020, "big": 2**60 + 1, "when": "2024-05-01", "yes": True},
    "source": "camera roll",
}


@pytest.fixture
def engine(index: SearchIndex, collection: str, tmp_path: Path) -> Iterator[Engine]:
    """With an item that has everything, and some that have little."""
    settings = Settings.of_folder(tmp_path)
    store = MediaStore(settings.media_url)
    extractors = Extractors(Encoders(), threads=1, store=store)
    engine = Engine(settings, store=store, layout=layout(), extractors=extractors, index=index)
    others = [{"id": f"n{n}", "text": f"number {n}", "metadata": {"n": n}} for n in range(7)]
    assert engine.add(collection, [SENT, *others], progress=False).failed == 0
    return engine


def change(engine: Engine, collection: str, **fields: object) -> dict:
    """Make a change, and return all that the index has then."""
    engine.process(engine.change_item(collection, "both", fields).chunk)
    return whole(engine, collection)


def whole(engine: Engine, collection: str) -> dict:
    """All that the index has of the item, but for the number of the submission."""
    found = engine.index.fetch(collection, ["both"])["both"].document
    return {name: value for name, value in found.items() if name not in {"sequence", "vector"}}


def test_a_change_leaves_the_rest_as_it_is(engine, collection):
    """Of every kind of field."""
    before = whole(engine, collection)
    assert change(engine, collection) == before
    after = change(engine, collection, tags=["new"], metadata={"year": None, "more": 0.5})
    assert after["tags"] == ["new"]
    kept = {name: SENT["metadata"][name] for name in ("big", "when", "yes")}
    assert after["metadata"] == {**kept, "more": 0.5}
    changed = {"tags", "folded_tags", "metadata", "facts", "words", "plain"}
    assert {name: before[name] for name in before.keys() - changed} == {
        name: after[name] for name in after.keys() - changed
    }
    engine.index.refresh(collection)
    wanted = {"tags": "NEW", "metadata.big": 2**60 + 1}
    assert [hit.id for hit in engine.search(collection, filter=wanted).hits] == ["both"]


def test_what_a_filter_finds_is_deleted(engine, collection, monkeypatch):
    """So many at once; from an index that is being built, too."""
    monkeypatch.setattr(deleting, "MOST", 3)
    assert engine.index.bulk(collection, []) == []
    engine.index.begin(collection, layout())
    engine.index.refresh(collection)
    held = [one for one in engine.index.scan(collection) if one.document["id"] in {"n0", "n6"}]
    assert {one.result for one in engine.index.bulk(following(collection), held)} == {"written"}
    wanted = {"metadata.n": {"lt": 5}}
    assert engine.delete_items(collection, wanted) == Deleted(3, more=True)
    assert engine.delete_items(collection, wanted) == Deleted(2, more=False)
    assert engine.delete_items(collection, wanted) == Deleted(0, more=False)
    assert [one.id for one in engine.holdings(collection).items] == ["both", "n5", "n6"]
    assert engine.index.get(following(collection), "n6")["id"] == "n6"
    with pytest.raises(NotFound):
        engine.index.get(following(collection), "n0")
    engine.index.abandon(collection)
