"""A change of encoders in process: the collection is used all the time, and built anew."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import learnt
from triptych.core.errors import (
    Conflict,
    FingerprintMismatch,
    IndexUnavailable,
    InvalidInput,
    NotFound,
)
from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.fusion import models
from triptych.index.documents import unpack_features
from triptych.index.generations import following, previous
from triptych.index.model import Versioned

OLD = {"visual": "hsv-histogram", "concept": ""}
NEW = {"visual": "visual-projection", "concept": ""}
LESS = {"visual": "hsv-histogram", "concept": "", "acoustic": ""}
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
WORDS = {"weights": {"text": 0, "image": 0, "audio": 0}}


def picture(*colour: int) -> bytes:
    """A PNG of some noise around one colour."""
    noise = np.random.default_rng(sum(colour)).integers(-40, 40, (64, 64, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(file, "png")
    return file.getvalue()


def tone(pitch: int) -> bytes:
    """A second of a tone."""
    file = io.BytesIO()
    seconds = np.arange(22_050) / 22_050
    wavfile.write(file, 22_050, (8000 * np.sin(2 * np.pi * pitch * seconds)).astype(np.int16))
    return file.getvalue()


ITEMS: list[Mapping[str, Any]] = [
    *({"id": name, "image": picture(*colour), "text": f"a {name} square", "tags": [name]}
      for name, colour in COLOURS.items()),
    {"id": "loud", "audio": tone(440), "text": "ein lauter Ton und sonst gar nichts",
     "metadata": {"year": 1999}},
    {"id": "said", "text": "chien", "language": "fr"},
    {"id": "still", "audio": tone(0)},
    {"id": "broken", "image": b"no picture", "text": "a broken one"},
]  # fmt: skip


@pytest.fixture
def open_with(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Engines over one folder, whatever their encoders are."""
    engines: list[Engine] = []

    def make(encoders: Mapping[str, str], name: str = "data") -> Engine:
        settings = Settings.of_folder(tmp_path / name).model_copy(
            update={"encoders": Encoders(**encoders), "chunk_items": 2}
        )
        engine = Engine.open(settings)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def old(open_with) -> Engine:
    """An engine with the encoders that the collection is built by."""
    engine = open_with(OLD)
    engine.add("c", ITEMS, progress=False)
    return engine


def documents(engine: Engine, collection: str = "c") -> dict[str, dict[str, Any]]:
    """Everything that scores and filters depend on, by id; vectors with what they have."""
    found = {}
    for entry in engine.index.scan(collection):
        body = dict(entry.document)
        body["features"] = unpack_features(body.get("features"), engine.layout).tolist()
        for name in ("vector", "batch", "sequence"):
            body.pop(name, None)
        found[body["id"]] = body
    return found


def hits(engine: Engine, **query: Any) -> list[tuple[str, float]]:
    """Ids and scores of a search."""
    return [(hit.id, round(hit.score, 4)) for hit in engine.search("c", **query).hits]


QUERIES: list[dict[str, Any]] = [
    {"text": "red square"},
    {"image": picture(190, 40, 35)},
    {"audio": tone(450)},
    {"text": "ton", "image": picture(30, 30, 190)},
    {"text": "dog", "filter": {"tags": "red"}},
]


def assert_like_fresh(engine: Engine, fresh: Engine) -> None:
    """The collection is as one that was filled with these encoders."""
    ours, theirs = documents(engine), documents(fresh)
    assert ours.keys() == theirs.keys()
    for name in ours:
        # A network's last bit may depend on what it is run with.
        left, right = ours[name].pop("features"), theirs[name].pop("features")
        assert np.abs(np.subtract(left, right)).max() < 1e-3, name
    assert ours == theirs
    for query in QUERIES:
        if "audio" not in query or "acoustic" in engine.layout.slices:
            assert hits(engine, **query) == hits(fresh, **query), query


def test_a_rebuilt_collection_is_like_a_fresh_one(old: Engine, open_with):
    """In every document and every hit; the media are encoded where an encoder is another one."""
    new, fresh = open_with(NEW), open_with(NEW, "fresh")
    fresh.add("c", ITEMS, progress=False)
    reports = []
    assert new.collection("c").index.state == "outdated"
    assert new.waiting() == ["c"]
    report = new.rebuild("c", progress=reports.append)
    assert (report.done, report.total, report.failed) == (7, 7, 0)
    assert reports[-1] == report
    assert_like_fresh(new, fresh)
    found = new.collection("c").index
    assert (found.state, found.fingerprint) == ("current", new.layout.fingerprint)
    assert found.previous.fingerprint == old.layout.fingerprint
    assert new.waiting() == []
    with pytest.raises(Conflict, match="nothing to do"):
        new.rebuild("c", progress=False)
    with pytest.raises(NotFound):
        new.rebuild("none", progress=False)


def test_models_of_other_encoders_are_dropped(old: Engine, open_with):
    """The report says so before; what they were trained on is gone with the encoders."""
    model = learnt.fusion(old.layout)
    models.save(old.store, model)
    old.rebuild("c", models=[model.reference], progress=False)
    assert old.collection("c").index.state == "current"
    asked = old.search("c", text="red square", explain=True).hits
    assert all("joint" in hit.why["text"].blocks for hit in asked)
    new, fresh = open_with(NEW), open_with(NEW, "fresh")
    fresh.add("c", ITEMS, progress=False)
    report = new.collection("c").index
    assert report.state == "outdated"
    assert f"({model.reference}) is of other encoders: train anew" in report.problem
    # The old encoders and the model are loaded for queries until then.
    assert [hit.score for hit in new.search("c", text="red square").hits] == pytest.approx(
        [hit.score for hit in asked], abs=1e-6
    )
    with pytest.raises(FingerprintMismatch, match="train it anew"):
        new.rebuild("c", models=[model.reference], progress=False)
    new.rebuild("c", progress=False)
    assert_like_fresh(new, fresh)
    assert new.index.origin("c").layout.models == ()
    assert "was" not in (new.collection("c").index.problem or "")
    old.rebuild("c", rollback=True, progress=False)
    assert old.index.origin("c").layout.models == (model.reference,)


def test_what_is_stored_serves_again(old: Engine, open_with, monkeypatch):
    """Where a block goes, nothing is described: neither media nor texts are read."""
    less, fresh = open_with(LESS), open_with(LESS, "fresh")
    fresh.add("c", ITEMS, progress=False)

    def refuse(*_: object) -> None:
        raise AssertionError("a step is taken")

    monkeypatch.setattr(less, "step", refuse)
    less.rebuild("c", progress=False)
    monkeypatch.undo()
    assert_like_fresh(less, fresh)


def test_derived_data_serves_again(old: Engine, open_with, monkeypatch):
    """What the same encoders have described in another collection is not described again."""
    new = open_with(NEW)
    new.add("other", ITEMS, progress=False)
    for extractor in ("image", "text", "audio"):
        monkeypatch.setitem(new.extractors._loaded, extractor, None)  # would break when called
    new.rebuild("c", progress=False)
    assert {name: body["features"] for name, body in documents(new).items()} == {
        name: body["features"] for name, body in documents(new, "other").items()
    }


def test_while_it_waits_all_works_but_new_vectors(old: Engine, open_with):
    """Queries are encoded by the encoders that built it; new items are found by their words."""
    before = {str(query): hits(old, **query) for query in QUERIES}
    new = open_with(NEW)
    for query in QUERIES:
        assert hits(new, **query) == before[str(query)]
    assert hits(new, text="square", **WORDS)
    new.add(
        "c", [{"id": "late", "text": "a late square", "image": picture(9, 9, 9)}], progress=False
    )
    assert new.item("c", "late")["status"] == "indexed"
    assert "late" in dict(hits(new, text="late"))
    assert "late" not in dict(hits(new, image=picture(9, 9, 9), limit=3))
    with pytest.raises(FingerprintMismatch, match="late"):
        new.similar("c", "late")
    assert [hit.id for hit in new.similar("c", "red", limit=1).hits] == ["green"]
    new.delete_item("c", "blue")
    assert new.collections()[0].state == "outdated"
    assert new.collections()[0].items.total == 7
    new.rebuild("c", progress=False)
    assert hits(new, image=picture(9, 9, 9), limit=1)[0][0] == "late"
    assert "blue" not in documents(new)


def test_a_batch_that_was_accepted_before_the_change(old: Engine, open_with):
    """It is described by the encoders that there are now."""
    accepted = old.accept_items("c", [{"id": "late", "image": picture(9, 9, 9)}])
    new = open_with(NEW)
    for chunk in new.plan(accepted.manifest).chunks:
        assert new.process(chunk).failed == frozenset()
    assert new.item("c", "late")["status"] == "indexed"
    assert not new.settle(accepted.manifest.batch).missing
    new.rebuild("c", progress=False)
    assert hits(new, image=picture(9, 9, 9), limit=1)[0][0] == "late"


def test_pages_of_a_collection_of_other_encoders(old: Engine, open_with):
    """Whichever process answers; after the swap one begins anew."""
    new, another = open_with(NEW), open_with(NEW)
    query = {"text": "square", "limit": 2}
    first = new.search("c", cursor="*", **query)
    second = another.search("c", cursor=first.cursor, **query)
    assert {hit.id for hit in first.hits} & {hit.id for hit in second.hits} == set()
    new.rebuild("c", progress=False)
    for engine in (new, another, open_with(NEW)):
        with pytest.raises(InvalidInput) as refused:
            engine.search("c", cursor=first.cursor, **query)
        assert refused.value.field == "cursor"
        assert engine.search("c", cursor="*", **query).hits


def test_the_encoders_of_before_go_after_the_swap(old: Engine, open_with):
    """They take memory."""
    new = open_with(NEW)
    assert hits(new, image=picture(1, 2, 3))
    assert len(new.searchers._searchers) == 2
    new.rebuild("c", progress=False)
    assert hits(new, image=picture(1, 2, 3))
    assert list(new.searchers._searchers) == [new.layout.fingerprint]


def test_an_encoder_that_is_not_installed(old: Engine, open_with, monkeypatch):
    """Is named; the old index goes on, and so does the rebuild when it is there."""
    new = open_with(NEW)

    def missing(_: object) -> None:
        raise InvalidInput("visual-projection needs an extra")

    with monkeypatch.context() as broken:
        broken.setattr(new.extractors, "_load", missing)
        with pytest.raises(InvalidInput, match="needs an extra"):
            new.rebuild("c", progress=False)
    assert hits(new, **QUERIES[1]) == hits(old, **QUERIES[1])
    new.rebuild("c", progress=False)
    assert new.collection("c").index.state == "current"


def test_encoders_that_can_not_be_loaded(old: Engine, open_with, monkeypatch):
    """Words are searched if only they are asked for; anything else is refused."""
    new = open_with(NEW)
    monkeypatch.setattr("triptych.engine.searchers.make_layout", lambda *_: new.layout)
    with pytest.raises(FingerprintMismatch, match=r"visual was hsv-histogram.*triptych rebuild c"):
        new.search("c", text="red square")
    with pytest.raises(FingerprintMismatch):
        new.search("c", image=picture(1, 2, 3))
    assert hits(new, text="red square", **WORDS)[0][0] == "red"
    assert "red" not in dict(hits(new, text="square -red", **WORDS))
    assert len(new.search("c").hits) == 7


def test_it_goes_on_where_it_was_interrupted(old: Engine, open_with):
    """Nothing is written twice; what came meanwhile is in both."""
    new = open_with(NEW)

    def interrupt(report) -> None:
        if report.done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        new.rebuild("c", progress=interrupt)
    part = new.collection("c").index
    assert part.state == "rebuilding"
    assert 3 <= part.done < part.total == 7
    assert hits(new, **QUERIES[1]) == hits(old, **QUERIES[1])
    changed = {**ITEMS[0], "text": "a crimson square"}
    new.add("c", [changed], progress=False)
    old.add("c", [{"id": "older", "image": picture(70, 10, 10)}], progress=False)
    new.delete_item("c", "green")
    new = open_with(NEW)
    begun: list[int] = []
    new.rebuild("c", progress=lambda report: begun.append(report.done))
    assert begun[0] >= 2
    fresh = open_with(NEW, "fresh")
    items = [changed, *ITEMS[2:], {"id": "older", "image": picture(70, 10, 10)}]
    fresh.add("c", items, progress=False)
    assert_like_fresh(new, fresh)


def test_an_older_copy_never_wins(old: Engine, open_with, monkeypatch):
    """An item is sent anew, or deleted, between the look at it and the write of its copy."""
    new = open_with(NEW)
    write = new.rebuilder.index.bulk
    done = []

    def bulk(collection, entries, **options):
        if collection == following("c") and not done:
            done.append(1)
            new.add("c", [{**ITEMS[0], "text": "anew"}], progress=False)
            new.delete_item("c", "green")
        return write(collection, entries, **options)

    monkeypatch.setattr(new.index, "bulk", bulk)
    new.rebuild("c", progress=False)
    assert new.item("c", "red")["text"] == "anew"
    assert dict(hits(new, text="anew"))["red"]
    with pytest.raises(NotFound):
        new.item("c", "green")


def test_the_last_changes_are_copied_while_nobody_writes(old: Engine, open_with, monkeypatch):
    """An item that comes, or goes, after everything was verified."""
    new = open_with(NEW)
    late = {"id": "late", "text": "a late square", "image": picture(90, 90, 0)}
    is_ready = new.rebuilder.__class__._is_ready

    def ready_and_changed(rebuilder, rebuild) -> bool:
        found = is_ready(rebuilder, rebuild)
        if late:
            new.add("c", [dict(late)], progress=False)
            new.delete_item("c", "green")
            late.clear()
        return found

    monkeypatch.setattr(new.rebuilder.__class__, "_is_ready", ready_and_changed)
    new.rebuild("c", progress=False)
    assert hits(new, image=picture(90, 90, 0), limit=1)[0][0] == "late"
    assert "green" not in documents(new)


def test_what_was_deleted_before_stays_so(old: Engine, open_with):
    """The new index knows of deletions, too: an older version that comes late has lost."""
    old.delete_item("c", "green")
    new = open_with(NEW)
    new.rebuild("c", progress=False)
    held = new.index.versions("c", ["green"])["green"]
    assert held.status == "deleted"
    older = Versioned({"id": "green", "status": "indexed"}, held.version - 1)
    assert new.index.bulk("c", [older])[0].result == "superseded"


def test_media_that_are_gone(old: Engine, open_with):
    """The item keeps its text and says what is missing; one of nothing else fails."""
    red = old.item("c", "red")["media"]["image"]
    assert old.store.collect_media(red, 2**62)
    new = open_with(NEW)
    assert new.rebuild("c", progress=False).failed == 0
    found = new.item("c", "red")
    assert found["status"] == "partial"
    assert found["errors"]["image"].startswith("visual can't be made anew: ")
    assert found["modalities"] == ["text"]
    assert hits(new, text="red square")[0][0] == "red"
    # Where they are there again, the next rebuild takes them.
    assert old.store.put(picture(*COLOURS["red"])) == red
    less = open_with(LESS)
    assert less.rebuild("c", progress=False).failed == 0
    again = less.item("c", "red")
    assert (again["status"], again["modalities"]) == ("indexed", ["image", "text"])
    assert "errors" not in again
    assert "image" in less.search("c", like=["red"]).hits[0].why


def test_what_was_written_in_the_middle_of_a_swap_is_taken_over(
    old: Engine, open_with, monkeypatch: pytest.MonkeyPatch
):
    """Though the old index was to take nothing; it lacks its vectors until the next rebuild."""
    new = open_with(NEW)
    (late,) = old.index.fetch("c", ["red"]).values()
    swap = new.index.swap

    def interrupted(name: str, finish: Callable[[], None]) -> None:
        swap(name, finish)
        new.index.bulk(previous(name), [Versioned({**late.document, "text": "late"}, 2**60)])
        new.index.delete(previous(name), "blue", 2**60)

    monkeypatch.setattr(new.index, "swap", interrupted)
    new.rebuild("c", progress=False)
    assert new.item("c", "red")["text"] == "late"
    with pytest.raises(NotFound):
        new.item("c", "blue")
    assert new.collection("c").index.state == "incomplete"
    new.rebuild("c", progress=False)
    assert new.collection("c").index.state == "current"
    assert "image" in new.search("c", image="item:red").hits[0].why


def test_it_can_be_rolled_back(old: Engine, open_with):
    """By a process with the encoders of before; what was written since goes along."""
    new = open_with(NEW)
    with pytest.raises(Conflict, match="no previous index"):
        old.rebuild("c", progress=False, rollback=True)
    # The old index has this one without its vectors, in the very version of the new index.
    waited = {"id": "waited", "text": "a square that waited", "image": picture(0, 90, 90)}
    new.add("c", [waited], progress=False)
    new.rebuild("c", progress=False)
    late = {"id": "late", "text": "a late square", "image": picture(90, 90, 0)}
    new.add("c", [late, {**ITEMS[0], "text": "scarlet"}], progress=False)
    new.delete_item("c", "blue")
    with pytest.raises(Conflict, match="visual was hsv-histogram"):
        new.rebuild("c", progress=False, rollback=True)
    assert old.collection("c").index.state == "outdated"
    old.rebuild("c", progress=False, rollback=True)
    assert old.collection("c").index.state == "current"
    fresh = open_with(OLD, "fresh")
    kept = [item for item in ITEMS[1:] if item["id"] != "blue"]
    fresh.add("c", [{**ITEMS[0], "text": "scarlet"}, *kept, waited, late], progress=False)
    assert_like_fresh(old, fresh)
    assert old.collection("c").index.previous.fingerprint == new.layout.fingerprint
    old.index.discard("c")
    assert old.collection("c").index.previous is None


def test_an_index_that_is_not_as_it_should_be_is_not_swapped(old: Engine, open_with, monkeypatch):
    """The old one goes on; the reason is told until it is asked for again."""
    new = open_with(NEW)
    write = new.rebuilder.index.bulk

    def bulk(collection, entries, **options):
        if collection == following("c"):
            for entry in entries:
                entry.document.pop("tags", None)
        return write(collection, entries, **options)

    with monkeypatch.context() as broken:
        broken.setattr(new.index, "bulk", bulk)
        with pytest.raises(Conflict, match="has another tags"):
            new.rebuild("c", progress=False)
    assert new.collection("c").index.state == "stopped"
    assert "tags" in new.collection("c").index.problem
    assert new.waiting() == ["c"]
    assert hits(new, **QUERIES[1]) == hits(old, **QUERIES[1])
    new.rebuilder.cancel("c")
    with pytest.raises(NotFound):
        new.rebuilder.cancel("c")
    new.rebuild("c", progress=False)
    assert new.item("c", "red")["tags"] == ["red"]


def test_a_vector_that_does_not_find_itself(old: Engine, open_with, monkeypatch):
    """Is a reason not to swap."""
    new = open_with(LESS)
    monkeypatch.setattr(new.rebuilder.__class__, "_finds_itself", lambda *_: False)
    with pytest.raises(Conflict, match="not found by their own vector"):
        new.rebuild("c", progress=False)


def test_a_full_disk_stops_it_and_it_goes_on(old: Engine, open_with, monkeypatch):
    """The old index serves meanwhile."""
    new = open_with(NEW)

    def full(*_: object, **__: object) -> None:
        raise IndexUnavailable("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(new.index, "bulk", full)
        with pytest.raises(IndexUnavailable):
            new.rebuild("c", progress=False)
    assert hits(new, **QUERIES[0]) == hits(old, **QUERIES[0])
    new.rebuild("c", progress=False)
    assert new.collection("c").index.state == "current"


def test_it_may_wait_for_its_swap(old: Engine, open_with):
    """Until it is asked for again."""
    new = open_with(NEW)
    asked = new.rebuilder.ask("c", swap=False)
    with pytest.raises(Conflict, match="being rebuilt already"):
        new.rebuilder.ask("c")
    from triptych.engine.rebuilding import rebuilding

    list(rebuilding(new, asked))
    ready = new.collection("c").index
    assert (ready.state, ready.done, ready.total) == ("ready", 7, 7)
    new.add("c", [{"id": "late", "text": "late"}], progress=False)
    list(rebuilding(new, new.rebuilder.ask("c")))
    assert new.collection("c").index.state == "current"
    assert new.item("c", "late")


def test_what_processes_with_other_encoders_have_written_is_completed(old: Engine, open_with):
    """As where the encoders were changed in some processes only, and set back."""
    new = open_with(NEW)
    late = {"id": "late", "text": "a late square", "image": picture(90, 90, 0)}
    new.add("c", [late], progress=False)
    found = old.collection("c").index
    assert (found.state, old.waiting()) == ("incomplete", ["c"])
    assert "triptych rebuild c" in found.problem
    old.rebuilder.ask("c")
    assert (old.collection("c").index.state, old.waiting()) == ("rebuilding", [])
    old.rebuilder.cancel("c")
    assert old.collection("c").index.state == "incomplete"
    assert old.rebuild("c", progress=False).failed == 0
    assert (old.collection("c").index.state, old.waiting()) == ("current", [])
    fresh = open_with(OLD, "fresh")
    fresh.add("c", [*ITEMS, late], progress=False)
    assert_like_fresh(old, fresh)
    with pytest.raises(Conflict, match="nothing to do"):
        old.rebuild("c", progress=False)


def test_deleted_is_deleted_in_every_index(old: Engine, open_with):
    """Also in the one that is kept for going back."""
    new = open_with(NEW)
    new.rebuild("c", progress=False)
    new.delete_item("c", "red")
    assert "red" not in old.index.fetch(previous("c"), ["red"])
    new.delete_collection("c")
    assert list(new.index.collections()) == []
