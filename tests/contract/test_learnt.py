"""What a collection has learnt, on both indexes: rebuilt, searched, predicted, rolled back."""

import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import learnt
from support import layout
from triptych.core.errors import Conflict, InvalidInput, ModelUnavailable, NotFound
from triptych.core.settings import Encoders, Settings
from triptych.encoders.extractors import Extractors
from triptych.engine import Engine
from triptych.fusion import extended as module
from triptych.fusion import models
from triptych.fusion.blocks import JOINT
from triptych.fusion.extended import Learnt
from triptych.fusion.features import Features
from triptych.fusion.models import Model
from triptych.fusion.strategies.block import BlockFusion
from triptych.index import SearchIndex, migration
from triptych.index.documents import unpack_features
from triptych.index.embedded import EmbeddedIndex
from triptych.index.generations import following
from triptych.index.origin import Origin
from triptych.media.store import MediaStore

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
NAME = f"learnt{uuid.uuid4().hex[:8]}"


def picture(*colour: int) -> bytes:
    """A PNG of some noise around one colour."""
    noise = np.random.default_rng(sum(colour)).integers(-40, 40, (64, 64, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(file, "png")
    return file.getvalue()


ITEMS: list[dict[str, Any]] = [
    *({"id": name, "image": picture(*colour), "text": f"a {name} square", "tags": ["square"]}
      for name, colour in COLOURS.items()),
    {"id": "loud", "text": "a loud noise", "metadata": {"year": 1999}},
    {"id": "picture", "image": picture(190, 40, 35)},
]  # fmt: skip


@pytest.fixture(scope="module")
def engine(index: SearchIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """With a collection of some items that has learnt nothing yet."""
    home = tmp_path_factory.mktemp("learnt")
    settings = Settings.of_folder(home).model_copy(update={"chunk_items": 2})
    store = MediaStore(settings.media_url)
    extractors = Extractors(Encoders(), threads=1, store=store)
    made = Engine(settings, store=store, layout=layout(), extractors=extractors, index=index)
    made.add(NAME, ITEMS, progress=False)
    index.refresh(NAME)
    yield made
    index.drop(NAME)


def features(engine: Engine, *items: str) -> Features:
    """What the index keeps of some items."""
    found = engine.index.origin(NAME).layout
    packed = [engine.index.get(NAME, item)["features"] for item in items]
    return Features.of(np.stack([unpack_features(one, found) for one in packed]), found)


@pytest.fixture(scope="module")
def fusion(engine: Engine) -> Model:
    """A saved fusion."""
    return saved(engine, learnt.fusion(layout()))


@pytest.fixture(scope="module")
def classifier(engine: Engine) -> Model:
    """A saved classifier: whether something is like the red square, or like the noise."""
    red, loud = features(engine, "red", "loud").base.vectors
    return saved(engine, learnt.classifier(layout(), {"square": red, "sound": loud}))


def saved(engine: Engine, model: Model) -> Model:
    """A model in the store of the engine."""
    models.save(engine.store, model)
    return model


@pytest.fixture
def active(engine: Engine, fusion: Model, classifier: Model) -> tuple[str, ...]:
    """The references of both models, which the collection has now."""
    references = (fusion.reference, classifier.reference)
    if engine.index.origin(NAME).layout.models != references:
        engine.rebuild(NAME, models=references, progress=False)
        engine.index.refresh(NAME)
    return references


def search(engine: Engine, **query: Any) -> Any:
    """Every hit, explained."""
    return engine.search(NAME, limit=50, explain=True, fusion="linear", **query)


def test_a_collection_gets_what_it_has_learnt(engine, fusion, classifier):
    """In a rebuild that describes nothing; what is added meanwhile, and later, has it, too."""
    late = {"id": "late", "image": picture(30, 190, 40), "text": "a late square"}
    plain = {hit.id: hit.score for hit in search(engine, text="red square").hits}
    sent = []

    def progress(report):
        if not sent:
            sent.append(engine.add(NAME, [late], progress=False))
            assert engine.collection(NAME).index.state == "rebuilding"
            assert engine.index.origin(following(NAME)).layout.models

    engine.rebuild(NAME, models=[fusion.reference, classifier.reference], progress=progress)
    engine.add(NAME, [{"id": "later", "text": "a later noise"}], progress=False)
    engine.index.refresh(NAME)
    report = engine.collection(NAME)
    assert (report.index.state, report.index.problem) == ("current", None)
    assert report.blocks[-1].name == JOINT
    assert (report.blocks[-1].share, report.blocks[-1].model) == (0.4, fusion.reference)
    assert report.index.encoders["predictions"] == classifier.reference
    everything = features(engine, *(item["id"] for item in ITEMS), "late", "later")
    opened = Learnt.of(layout(), [fusion, classifier])
    expected = opened.extend(everything.base.vectors)
    assert np.abs(everything.vectors - expected).max() < 1e-3
    for item, label in (
        ("red", "square"),
        ("late", "square"),
        ("loud", "sound"),
        ("later", "sound"),
    ):
        document = engine.item(NAME, item)
        assert document["predictions"]["label"] == label
        assert document["fingerprint"] == opened.layout.fingerprint
    answer = search(engine, text="red square")
    assert {hit.id for hit in answer.hits} >= {"red", "picture", "late", "later"}
    assert any(hit.score != pytest.approx(plain[hit.id]) for hit in answer.hits if hit.id in plain)
    with pytest.raises(Conflict, match="nothing to do"):
        engine.rebuild(NAME, models=[fusion.reference, classifier.reference], progress=False)
    with pytest.raises(Conflict, match="nothing to do"):
        engine.rebuild(NAME, progress=False)


def test_reasons_name_the_joint_block(engine, active):
    """They add up, and scores are those of the served strategy."""
    answer = search(engine, text="red square", image=picture(190, 40, 35), weights={"keyword": 0})
    assert len(answer.hits) >= len(ITEMS)
    for hit in answer.hits:
        assert all(JOINT in reason.blocks for reason in hit.why.values())
        total = sum(reason.contribution for reason in hit.why.values())
        assert hit.score == pytest.approx(total, abs=1e-6)
    items = [hit.id for hit in answer.hits]
    opened = Learnt.of(layout(), [models.load(engine.store, one) for one in active])
    asked = engine.extractors["text"](["red square"]).blocks
    words = np.zeros((1, layout().dims), np.float32)
    words[0, layout().slices["semantic"]] = asked["semantic"][0]
    served = BlockFusion(opened.layout, opened)
    expected = served.scores(Features.of(words, layout()), features(engine, *items))[0]
    alone = search(engine, text="red square", weights={"keyword": 0}).hits
    scores = {hit.id: hit.score for hit in alone}
    assert [scores[item] for item in items] == pytest.approx(expected.tolist(), abs=2e-3)


def test_an_item_is_compared_part_by_part(engine, active):
    """By the network's vector of each part alone; two examples by the mean of theirs."""
    answer = search(engine, image="item:red", weights={"keyword": 0})
    (hit,) = (hit for hit in answer.hits if hit.id == "picture")
    opened = Learnt.of(layout(), [models.load(engine.store, one) for one in active])
    part = features(engine, "red").base.only(["image"])
    whole = features(engine, "picture").block(JOINT)[0]
    expected = float(opened.extend(part.vectors)[0, layout().dims :] @ whole)
    assert hit.why["image"].blocks[JOINT] == pytest.approx(expected, abs=2e-3)
    cosines = {}
    for name in ("red", "blue", "both"):
        image = ["item:red", "item:blue"] if name == "both" else f"item:{name}"
        hits = search(engine, image=image, weights={"keyword": 0}).hits
        (found,) = (hit for hit in hits if hit.id == "picture")
        cosines[name] = found.why["image"].blocks[JOINT]
    assert cosines["both"] == pytest.approx((cosines["red"] + cosines["blue"]) / 2, abs=1e-5)
    assert engine.similar(NAME, "red", limit=1).hits[0].id != "red"


def test_predictions_are_filtered_counted_and_sorted_by(engine, active):
    """As metadata are; keys that there are not are refused."""
    answer = engine.search(
        NAME,
        filter={"predictions.label": "square", "predictions.probability": {"gte": 0.5}},
        facets=[
            {"field": "predictions.label"},
            {"field": "predictions.probability", "ranges": [{"lt": 0.5}, {"gte": 0.5}]},
        ],
        sort=[{"field": "predictions.probability", "order": "desc"}],
        limit=50,
    )
    found = [hit.item["predictions"] for hit in answer.hits]
    assert {one["label"] for one in found} == {"square"}
    assert [one["probability"] for one in found] == sorted(
        (one["probability"] for one in found), reverse=True
    )
    assert [(one.value, one.count) for one in answer.facets["predictions.label"]] == [
        ("square", len(found))
    ]
    assert [one.count for one in answer.facets["predictions.probability"]] == [0, len(found)]
    shown = engine.search(NAME, filter={"id": "red"}, fields=["predictions.label"]).hits[0].item
    assert shown == {"predictions": {"label": "square"}}
    with pytest.raises(InvalidInput, match=r"predictions\.label, predictions\.probability"):
        engine.search(NAME, filter={"predictions.other": 1})
    assert "predictions.label" not in engine.index.metadata(NAME)
    engine.search(NAME, filter={"metadata.year": 1999})


def test_a_model_that_can_not_be_run_is_told(engine, active):
    """By searches and writes, which go on when it can; words and fields are found all the same."""
    fusion = models.load(engine.store, active[0])
    file = f"attention-{fusion.fingerprint}.onnx"
    engine.store.write_document(models.FOLDER, file, fusion.data[:-40])
    module._OPEN.clear()
    fresh = Engine(
        engine.settings, store=engine.store, layout=layout(), extractors=engine.extractors,
        index=engine.index,
    )  # fmt: skip
    added = {"id": "patient", "text": "a patient noise"}
    with pytest.raises(ModelUnavailable, match=f"{active[0]}.*was changed"):
        fresh.search(NAME, text="noise")
    with pytest.raises(ModelUnavailable, match=active[0]):
        fresh.add(NAME, [added], progress=False)
    with pytest.raises(NotFound):
        fresh.item(NAME, "patient")
    words = fresh.search(NAME, text="noise", weights={"text": 0, "image": 0, "audio": 0})
    assert {hit.id for hit in words.hits} >= {"loud"}
    with pytest.raises(InvalidInput, match="was changed"):
        fresh.rebuilder.ask(NAME, models=[active[0]])
    models.save(engine.store, fusion)
    fresh.add(NAME, [added], progress=False)
    engine.index.refresh(NAME)
    assert "features" in engine.index.get(NAME, "patient")
    assert fresh.search(NAME, text="noise").hits
    fresh.delete_item(NAME, "patient")


def test_an_item_that_fails_is_whole_all_the_same(engine, active):
    """Its document is of the layout of the index, so that nothing has to be completed."""
    engine.add(NAME, [{"id": "broken", "image": b"no picture"}], progress=False)
    found = engine.item(NAME, "broken")
    assert (found["status"], found["fingerprint"]) == (
        "failed", engine.index.origin(NAME).fingerprint,
    )  # fmt: skip
    assert engine.collection(NAME).index.state == "current"
    engine.delete_item(NAME, "broken")


def test_an_item_that_a_swap_overtakes_is_completed(engine, active, monkeypatch):
    """Its writer still saw the index of before, which had no models."""
    plain = Origin(layout().fingerprint, layout().encoders, layout())
    with monkeypatch.context() as patch:
        patch.setattr(engine.index, "origin", lambda _: plain)
        engine.add(NAME, [{"id": "overtaken", "text": "an overtaken noise"}], progress=False)
        patch.undo()
        engine.rebuilder.note_incomplete(NAME)  # which asked the index of before, too
    assert "features" not in engine.index.get(NAME, "overtaken")
    assert engine.collection(NAME).index.state == "incomplete"
    engine.rebuild(NAME, progress=False)
    assert engine.collection(NAME).index.state == "current"
    assert features(engine, "overtaken").block(JOINT).any()
    assert engine.item(NAME, "overtaken")["predictions"]["label"] == "sound"
    engine.delete_item(NAME, "overtaken")


def test_it_goes_along_to_another_index(engine, active, tmp_path: Path):
    """With the layout that it has."""
    target = EmbeddedIndex(tmp_path, layout=layout())
    try:
        *_, last = migration.copy(engine.index, target, NAME)
        assert not last.refused
        assert target.origin(NAME).layout == engine.index.origin(NAME).layout
        assert migration.compare(engine.index, target, NAME, sample=10).lines == []
    finally:
        target.close()


def test_another_model_waits_its_turn(engine, active):
    """While one rebuild is under way; a model that is not there is not found."""
    other = saved(engine, learnt.fusion(layout(), seed=1))
    asked = engine.rebuilder.ask(NAME, models=[other.reference])
    assert engine.collection(NAME).index.state == "rebuilding"
    with pytest.raises(Conflict, match="to other models"):
        engine.rebuilder.ask(NAME, models=[])
    with pytest.raises(Conflict, match="being rebuilt already"):
        engine.rebuilder.ask(NAME)
    assert engine.rebuilder.ask(NAME, again=True).id == asked.id
    engine.rebuilder.cancel(NAME)
    assert engine.collection(NAME).index.state == "current"
    with pytest.raises(NotFound, match="attention@0123456789abcdef"):
        engine.rebuilder.ask(NAME, models=["attention@0123456789abcdef"])


def test_a_rollback_takes_the_models_away_and_back(engine, active):
    """What was written since goes along, with joint vectors and predictions or without."""
    engine.rebuild(NAME, models=[], progress=False)
    plain = engine.index.origin(NAME)
    assert plain.fingerprint == layout().fingerprint
    engine.add(NAME, [{"id": "since", "text": "since then"}], progress=False)
    assert "predictions" not in engine.item(NAME, "since")
    assert "predictions" not in engine.item(NAME, "red")
    engine.rebuild(NAME, rollback=True, progress=False)
    engine.index.refresh(NAME)
    assert engine.index.origin(NAME).layout.models == active
    assert engine.item(NAME, "since")["predictions"]["label"]
    assert features(engine, "since").block(JOINT).any()
    engine.rebuild(NAME, rollback=True, progress=False)
    assert engine.index.origin(NAME).fingerprint == plain.fingerprint
    assert "predictions" not in engine.item(NAME, "since")
    assert not [hit for hit in search(engine, text="since").hits if JOINT in hit.why["text"].blocks]
