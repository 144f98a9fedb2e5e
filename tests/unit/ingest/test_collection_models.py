"""The models of a collection: listed, in use, and deleted only when nobody needs them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import learnt
from triptych.core.errors import IndexUnavailable, InvalidInput, NotFound, StoreUnavailable
from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.fusion import models
from triptych.fusion.models import Model
from triptych.fusion.strategies.comparison import Gain
from triptych.ingest.collecting import ERASED
from triptych.ingest.collection_models import LEARNT, Verdict


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """With two empty collections."""
    settings = Settings.of_folder(tmp_path).model_copy(update={"media_grace": 0})
    with Engine.open(settings) as opened:
        opened.create_collection("c")
        opened.create_collection("d")
        yield opened


def add(engine: Engine, model: Model, *, trained: float = 1.0, collection: str = "c") -> str:
    """Keep a model; its reference."""
    entry = engine.learnt_models.add(collection, model, trained=trained, seconds=2.5)
    return entry.reference


def test_models_are_listed_the_latest_first(engine):
    """With what there is to say of each; the card of one that is asked for."""
    assert engine.models("c") == []
    first = add(engine, learnt.fusion(engine.layout))
    classes = learnt.classifier(engine.layout, {"a": np.eye(1, engine.layout.dims)[0]})
    card = replace(classes.card, data={"labels_of": "tags"}, metrics={"accuracy": 0.75})
    second = add(engine, Model.of(card, classes.data), trained=2.0)
    assert [one.reference for one in engine.models("c")] == [second, first]
    whole, fusion = engine.model("c", second), engine.model("c", first)
    assert (whole.kind, whole.labels, whole.classes) == ("classifier", "tags", ["a"])
    assert (whole.card["metrics"], whole.active) == ({"accuracy": 0.75}, False)
    assert (fusion.share, fusion.trained) == (0.4, "1970-01-01T00:00:01+00:00")
    assert engine.models("d") == []
    for reference, error in (("attention@0123456789abcdef", NotFound), ("../x", InvalidInput)):
        with pytest.raises(error):
            engine.model("c", reference)


def test_a_verdict_is_kept(engine):
    """With the figures of each kind of trials."""
    reference = add(engine, learnt.fusion(engine.layout))
    entry = engine.learnt_models.get("c", reference)
    gain = Gain("text → image", old=0.5, new=0.4, gain=-0.1, low=-0.2, high=-0.05, queries=9)
    engine.learnt_models.judge("c", entry, Verdict((), [gain], "finds less", 5.0))
    told = engine.model("c", reference).comparison
    assert (told.problem, told.gains[0].kind, told.gains[0].high) == (
        "finds less", "text → image", -0.05,
    )  # fmt: skip
    assert engine.learnt_models.get("c", reference).card == entry.card


def test_a_deleted_model_takes_its_file_along(engine):
    """Unless another collection has learnt the very same."""
    model = learnt.fusion(engine.layout)
    reference = add(engine, model)
    add(engine, model, collection="d")
    engine.delete_model("c", reference)
    with pytest.raises(NotFound):
        engine.delete_model("c", reference)
    assert models.load(engine.store, reference) == model
    engine.delete_collection("d")
    engine.collect()
    with pytest.raises(NotFound):
        models.load(engine.store, reference)
    assert engine.store.documents(f"{LEARNT}/{engine.index.identity('c')}") == []


def test_what_could_not_be_deleted_is_deleted_the_next_time(engine, monkeypatch):
    """The file goes first, so that its entry still tells of it."""
    kept, gone = (learnt.fusion(engine.layout, seed=seed) for seed in (0, 1))
    for model in (kept, gone):
        add(engine, model)

    def away(*_: object) -> None:
        raise StoreUnavailable("the disk is away")

    for delete in (
        lambda: engine.delete_model("c", gone.reference),
        lambda: (engine.delete_collection("c"), engine.collect()),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(models, "delete", away)
            with pytest.raises(StoreUnavailable):
                delete()
    engine.collect()
    for model in (kept, gone):
        with pytest.raises(NotFound):
            models.load(engine.store, model.reference)


def test_a_collection_that_could_not_be_deleted_keeps_what_it_has(engine, monkeypatch):
    """Its note was written first; whoever collects sees that it lives."""
    model = learnt.fusion(engine.layout)
    reference = add(engine, model)

    def refused(_: str) -> None:
        raise IndexUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(engine.index, "drop", refused)
        with pytest.raises(IndexUnavailable):
            engine.delete_collection("c")
    engine.collect()
    assert models.load(engine.store, reference) == model
    assert engine.store.documents(ERASED) == []
    engine.delete_collection("c")
    engine.collect()
    with pytest.raises(NotFound):
        models.load(engine.store, reference)


def test_a_model_is_not_of_a_collection_that_was_made_anew(engine):
    """What it has learnt from was deleted meanwhile."""
    identity, model = engine.index.identity("c"), learnt.fusion(engine.layout)
    engine.delete_collection("c")
    engine.create_collection("c")
    with pytest.raises(NotFound, match="made anew"):
        engine.learnt_models.add("c", model, trained=1.0, seconds=1.0, identity=identity)
    assert engine.models("c") == []
    with pytest.raises(NotFound):
        models.load(engine.store, model.reference)


def test_a_model_that_can_not_serve_says_why(engine, tmp_path):
    """Its file is damaged or gone, or the encoders are others."""
    model = learnt.fusion(engine.layout)
    reference = add(engine, model)
    other = Settings.of_folder(tmp_path).model_copy(update={"encoders": Encoders(acoustic="")})
    with Engine.open(other) as changed:
        assert "other encoders" in changed.models("c")[0].problem
        assert "acoustic" in changed.model("c", reference).problem
    assert engine.model("c", reference).problem is None
    engine.store.write_document(models.FOLDER, reference.replace("@", "-") + ".onnx", b"cut")
    assert "digest is another" in engine.model("c", reference).problem
    models.delete(engine.store, reference)
    assert "not in this media store" in engine.model("c", reference).problem
