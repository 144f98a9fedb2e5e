"""Models of collections as an engine searches with them, builds by them and compares them."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

import learnt
from meanings import fill, made
from triptych.core.errors import Conflict
from triptych.core.settings import Settings
from triptych.engine import Engine, learning, searchers
from triptych.engine.rebuilding import rebuilding
from triptych.fusion import models
from triptych.fusion.blocks import JOINT
from triptych.fusion.extended import Learnt
from triptych.fusion.models import Runner
from triptych.index.documents import unpack_features
from triptych.ingest import indexing
from triptych.ingest.activating import Comparing


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """With two collections, each with a fusion of its own, and one without."""
    with Engine.open(Settings.of_folder(tmp_path)) as opened:
        for seed, name in enumerate(("a", "b")):
            model = learnt.fusion(opened.layout, seed=seed)
            fill(opened, name, [made(number, opened.layout) for number in range(6)])
            opened.learnt_models.add(name, model, trained=1.0, seconds=1.0)
            opened.rebuild(name, models=[model.reference], progress=False)
        fill(opened, "plain", [made(number, opened.layout) for number in range(6)])
        yield opened


def test_a_network_runs_once_for_many_items(engine, monkeypatch):
    """Item by item it would take several times as long."""
    sizes, run = [], Runner.__call__
    monkeypatch.setattr(Runner, "__call__", lambda self, of: sizes.append(len(of)) or run(self, of))
    other = learnt.fusion(engine.layout, seed=7)
    models.save(engine.store, other)
    engine.rebuild("a", models=[other.reference], progress=False)
    assert sizes == [6]


def test_an_item_that_a_swap_overtakes_gets_the_models_of_the_new_index(engine, monkeypatch):
    """Nothing has to be completed afterwards."""
    (model,), bulk, swapped = engine.index.origin("a").layout.models, indexing._bulk, []

    def overtaken(*args: object) -> object:
        if not swapped:
            swapped.append(engine.rebuild("plain", models=[model], progress=False))
        return bulk(*args)

    monkeypatch.setattr(indexing, "_bulk", overtaken)
    engine.add("plain", [{"id": "late", "text": "a late caption"}], progress=False)
    document, built = engine.index.get("plain", "late"), engine.index.origin("plain")
    assert document["fingerprint"] == built.fingerprint
    assert unpack_features(document["features"], built.layout)[built.layout.slices[JOINT]].any()
    assert engine.collection("plain").index.state == "current"


def test_searchers_of_few_collections_are_kept(engine, monkeypatch):
    """Each has a model in memory; one that has gone comes back when it is asked for."""
    monkeypatch.setattr(searchers, "_KEPT", 1)
    first = [[hit.score for hit in engine.search(one, text="caption").hits] for one in "ab"]
    assert len(engine.searchers._searchers) == 2
    again = [[hit.score for hit in engine.search(one, text="caption").hits] for one in "ab"]
    assert again == first


def test_a_model_that_takes_long_to_come_stops_no_other_collection(engine, monkeypatch):
    """As from a store that does not answer."""
    opened, ended = Learnt.open, []

    def slow(*args: object) -> Learnt:
        thread = Thread(target=engine.search, args=("plain",), kwargs={"text": "c"}, daemon=True)
        thread.start()
        thread.join(60)
        ended.append(not thread.is_alive())
        return opened(*args)

    monkeypatch.setattr(Learnt, "open", slow)
    assert engine.search("a", text="caption").hits
    assert ended == [True]


def test_a_comparison_with_what_no_longer_serves_does_not_count(engine, monkeypatch):
    """Somebody else has changed the models meanwhile; their change stays."""
    other = learnt.fusion(engine.layout, seed=7)
    engine.learnt_models.add("a", other, trained=2.0, seconds=1.0)

    def meanwhile(*_: object) -> list[object]:
        engine.deactivate("a", engine.index.origin("a").layout.models[0], progress=False)
        return []

    monkeypatch.setattr(Comparing, "gains", meanwhile)
    monkeypatch.setattr(learning, "check_gains", lambda *_: None)
    with pytest.raises(Conflict, match="no longer serve"):
        engine.activate("a", other.reference, progress=False)
    assert engine.index.origin("a").layout.models == ()


def test_a_model_that_another_collection_uses_stays(engine):
    """Although the collection that has learnt it is gone."""
    (model,) = engine.index.origin("a").layout.models
    engine.rebuild("b", models=[model], progress=False)
    engine.index.discard("b")
    identity = engine.index.identity("a")
    engine.delete_collection("a")
    engine.learnt_models.forget(identity)
    assert models.load(engine.store, model)


def test_a_new_index_that_is_ready_is_not_thrown_away(engine):
    """Somebody wanted to look before it is swapped; other models would need another index."""
    other = learnt.fusion(engine.layout, seed=7)
    models.save(engine.store, other)
    list(rebuilding(engine, engine.rebuilder.ask("a", swap=False, models=[other.reference])))
    with pytest.raises(Conflict, match="is ready"):
        engine.rebuilder.ask("a", models=[])
    engine.rebuild("a", progress=False)
    assert engine.index.origin("a").layout.models == (other.reference,)
