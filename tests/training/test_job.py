"""A collection learns: from what its index keeps, to searches that find more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meanings import fill, fused, made
from triptych.core.errors import Conflict, InvalidInput, NotFound
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.fusion import models
from triptych.fusion.examples import Examples
from triptych.fusion.extended import Learnt
from triptych.fusion.features import Features
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.fusion.scores import score
from triptych.index.model import Condition, IndexQuery
from triptych.ingest.examples import HELD, SPLIT, study
from triptych.ingest.trainings import Cancelled
from triptych.training import classifier, fusion, job, train
from triptych.training.classifier import ClassifierOptions
from triptych.training.fusion import Options

PAIRS, APART = 300, 40
SHOWN = {"progress": False}


@pytest.fixture(autouse=True)
def brief(monkeypatch) -> None:
    """A small network, and few epochs."""
    options = Options(width=64, hidden=8, batch=64, epochs=3, patience=3)
    monkeypatch.setattr(fusion.train_fusion, "__kwdefaults__",
                        {**fusion.train_fusion.__kwdefaults__, "options": options})  # fmt: skip
    monkeypatch.setattr(job, "ClassifierOptions",
                        lambda **given: ClassifierOptions(epochs=15, **given))  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Captioned pictures; and captions and their pictures as items apart."""
    with Engine.open(Settings.of_folder(tmp_path)) as opened:
        layout = opened.layout
        apart = range(1000, 1000 + APART)
        pictures = [{**made(n, layout, ("image",), tags=["picture"]), "id": f"p{n}"} for n in apart]
        captions = [{**made(n, layout, ("text",), tags=["caption"]), "id": f"c{n}"} for n in apart]
        fill(opened, "c", [*(made(n, layout) for n in range(PAIRS)), *pictures, *captions])
        yield opened


def found(engine: Engine) -> float:
    """The mean reciprocal rank of the picture of a caption that is searched for.

    As search does it, but for the encoders and the analysis of words, which are not installed here.
    """
    layout = engine.index.origin("c").layout
    learnt, where = Learnt.open(layout, engine.store), engine.layout.slices["semantic"]
    values = []
    for number in range(1000, 1000 + APART):
        caption = fused(number, ("text",), engine.layout)[where]
        query = fuse_query({"text": learnt.completed({"semantic": caption})}, WEIGHTS, layout)
        wanted = IndexQuery(
            classes=query.presence_classes(),
            filter=[Condition("tags", any_of=("picture",))],
            fingerprint=layout.fingerprint,
        )
        candidates = [one.candidate for one in engine.index.search("c", wanted).matches]
        ids = [candidates[one.index].id for one in score(query, candidates, "linear")]
        values.append(1 / (1 + ids.index(f"p{number}")) if f"p{number}" in ids else 0.0)
    return float(np.mean(values))


def test_a_collection_learns_and_searches_find_more(engine):
    """Pictures by captions that no encoder compares them with; and the way back."""
    before = found(engine)
    assert before < 0.2
    epochs = []
    model = train(engine, "c", progress=lambda epoch, figures: epochs.append((epoch, figures)))
    assert [epoch for epoch, _ in epochs[:3]] == [1, 2, 3]
    assert {"loss", "MRR"} == set(epochs[0][1])
    assert 0 < model.share <= 1
    assert model.card["data"]["collection_items"] == PAIRS + 2 * APART
    assert not model.card["data"]["refitted"]
    assert found(engine) == before
    assert engine.models("c")[0].reference == model.reference
    engine.activate("c", model.reference, progress=False)
    assert engine.models("c")[0].active
    assert found(engine) > 0.7
    told = engine.model("c", model.reference).comparison
    assert {one.kind: one.low > 0.5 for one in told.gains}["text → image"]
    with pytest.raises(Conflict, match="is active"):
        engine.activate("c", model.reference, progress=False)
    with pytest.raises(Conflict, match="is used by c"):
        engine.delete_model("c", model.reference)
    engine.rebuild("c", rollback=True, progress=False)
    assert found(engine) == before


def test_a_model_that_finds_less_is_refused(engine):
    """Unless it is forced; what serves stays."""
    good = train(engine, "c", **SHOWN).reference
    engine.activate("c", good, progress=False)
    read = study(engine.index, "c", engine.layout, most=1000)
    training, held = read.examples.split(HELD, seed=SPLIT)
    mixed = training.rows(np.random.default_rng(0).permutation(len(training)))
    vectors = training.features.vectors.copy()
    text = engine.layout.slices["semantic"]
    vectors[:, text] = mixed.features.vectors[:, text]  # captions of other pictures
    features = Features.of(vectors, engine.layout)
    wrong = fusion.train_fusion(
        "attention", Examples(features, training.contents), validation=held, refit=False
    )
    data = models.Model.of(replace(wrong.model.card, share=1.0), wrong.model.data)
    entry = engine.learnt_models.add("c", data, trained=1.0, seconds=1.0)
    with pytest.raises(Conflict, match=r"finds surely less.*text → image"):
        engine.activate("c", entry.reference, progress=False)
    assert "surely less" in engine.model("c", entry.reference).comparison.problem
    assert engine.learnt_models.active("c") == (good,)
    engine.activate("c", entry.reference, force=True, progress=False)
    assert engine.learnt_models.active("c") == (entry.reference,)


def test_a_classifier_fills_the_predictions(engine):
    """Also those of items without a label; a second one beside it is compared with it."""
    model = train(engine, "c", labels="metadata.half", **SHOWN)
    assert (model.kind, model.labels, model.classes) == (
        "classifier", "metadata.half", ["left", "right"],
    )  # fmt: skip
    engine.activate("c", model.reference, progress=False)
    (gain,) = engine.model("c", model.reference).comparison.gains
    assert (gain.kind, gain.low > 0) == ("accuracy", True)
    predicted = engine.item("c", "i0000")["predictions"]
    assert predicted["label"] in {"left", "right"}
    other = train(engine, "c", labels="metadata.half", seed=1, **SHOWN)
    engine.activate("c", other.reference, progress=False)
    (gain,) = engine.model("c", other.reference).comparison.gains
    assert gain.old > 0.8
    assert engine.learnt_models.active("c") == (other.reference,)


def test_rare_labels_are_left_out(engine, monkeypatch):
    """And the card says so, of the commonest by name; one class alone is nothing to learn."""
    monkeypatch.setattr(job, "_TOLD", 1)
    layout = engine.layout
    rare = [made(n, layout, metadata={"half": "middle"}) for n in range(2000, 2004)]
    fill(engine, "c", [*rare, made(2004, layout, metadata={"half": "above"})])
    model = train(engine, "c", labels="metadata.half", **SHOWN)
    data = model.card["data"]
    assert (data["left_out"], data["labels_left_out"]) == ({"middle": 4}, 2)
    assert model.classes == ["left", "right"]
    fill(engine, "d", [made(n, layout, metadata={"half": "one"}) for n in range(40)])
    with pytest.raises(InvalidInput, match="a second class is needed"):
        train(engine, "d", labels="metadata.half", **SHOWN)
    with pytest.raises(InvalidInput, match="no item has a label"):
        train(engine, "d", labels="metadata.other", **SHOWN)


def test_duplicates_do_not_cross_the_split(engine):
    """Every picture is there twice, under other captions."""
    copies = [made(n, engine.layout, text=f"copy {n}", image=f"{n - 5000:064x}")
              for n in range(5000, 5000 + PAIRS)]  # fmt: skip
    fill(engine, "c", copies)
    read = study(engine.index, "c", engine.layout, most=1000)
    training, held = read.examples.split(HELD, seed=SPLIT)
    assert len(held) > 30
    seen = {key for content in training.contents for key in content}
    assert not seen & {key for content in held.contents for key in content}


def test_one_that_is_given_up_leaves_nothing(engine):
    """At the next epoch."""

    def stop(epoch: int, _: object) -> None:
        if epoch == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(engine, "c", progress=stop)
    assert engine.models("c") == []
    assert engine.store.documents(models.FOLDER) == []


def test_what_can_not_be_learnt_is_refused(engine):
    """With the numbers."""
    layout = engine.layout
    fill(engine, "few", [made(n, layout) for n in range(30)])
    with pytest.raises(InvalidInput, match="needs 64 items with two parts or more"):
        train(engine, "few", **SHOWN)
    fill(engine, "one", [made(n, layout, ("text",)) for n in range(100)])
    with pytest.raises(InvalidInput, match=r"one each \(text\)"):
        train(engine, "one", **SHOWN)
    for wrong in ({"strategy": "mean"}, {"strategy": "attention", "labels": "tags"}):
        with pytest.raises(InvalidInput):
            train(engine, "c", **wrong, **SHOWN)
    with pytest.raises(NotFound):
        train(engine, "none", **SHOWN)


def test_a_worker_trains_what_was_asked_for(engine):
    """The request ends with the model and its figures; who begins anew makes the same one."""
    requests = engine.training_requests
    asked = requests.train("c", "recurrent", seed=2)
    course = requests.carry_out(asked, lambda note: job.work(engine, asked, note))
    assert (course.state, course.problem) == ("done", "")
    assert course.model == engine.models("c")[0].reference
    assert engine.models("c")[0].name == "recurrent"
    assert engine.training("c").figures["MRR, all"] > 0
    assert train(engine, "c", "recurrent", seed=2, **SHOWN).reference == course.model
    assert len(engine.models("c")) == 1


def test_classifiers_set_the_same_items_aside(engine):
    """As fusions do, whatever the seed."""
    read = study(engine.index, "c", engine.layout, most=1000, labels="metadata.half")
    has = np.array([label is not None for label in read.held.labels])
    _, _, test = classifier._thirds(read.examples, read.examples.places(SPLIT), ClassifierOptions())
    assert sorted(map(tuple, test.contents)) == sorted(map(tuple, read.held.rows(has).contents))
