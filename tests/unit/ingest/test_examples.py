"""What a collection has to learn from: features, contents and labels, as its index keeps them."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import learnt
from meanings import fill, fused, made
from triptych.core.errors import Conflict, InvalidInput, NotFound
from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.fusion.examples import Examples
from triptych.index.documents import pack_features
from triptych.ingest import examples
from triptych.ingest.examples import contents, label_of, study


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Thirty captioned pictures, some of them twice, and a caption."""
    with Engine.open(Settings.of_folder(tmp_path)) as opened:
        layout = opened.layout
        documents = [made(number, layout) for number in range(30)]
        documents[7] = made(7, layout, text="Caption   3")
        documents[8] = made(8, layout, image=f"{4:064x}")
        fill(opened, "c", [*documents, made(30, layout, ("text",))])
        yield opened


def read(engine: Engine, **options: object) -> Examples:
    """The examples of the collection."""
    return study(engine.index, "c", engine.layout, **{"most": 1000, **options}).examples


def test_features_come_page_by_page(engine, monkeypatch):
    """In float16, as they are stored, of every item in the order of ids."""
    monkeypatch.setattr(examples, "_WINDOW", 7)
    monkeypatch.setattr(examples, "_AT_ONCE", 4)
    found = read(engine)
    expected = np.stack([fused(n, ("text", "image"), engine.layout) for n in range(30)])
    np.testing.assert_array_equal(
        found.features.vectors[:30], expected.astype(np.float16).astype(np.float32)
    )
    assert found.features.has("image").tolist() == [True] * 30 + [False]


def test_texts_are_not_kept(tmp_path, monkeypatch):
    """A book in each of many items would fill the memory."""
    monkeypatch.setattr(examples, "_AT_ONCE", 1)
    monkeypatch.setattr(examples, "_WINDOW", 5)
    with Engine.open(Settings.of_folder(tmp_path)) as engine:
        texts = [f"{number}" * 10**5 for number in range(100, 200)]  # 30 MB
        fill(engine, "c", [made(row, engine.layout, text=text) for row, text in enumerate(texts)])
        tracemalloc.start()
        try:
            assert len(read(engine)) == 100
            assert tracemalloc.get_traced_memory()[1] < 12e6
        finally:
            tracemalloc.stop()


def test_equal_items_are_one_group(engine):
    """A caption with other blanks and capitals, or the same picture."""
    groups = read(engine).groups
    assert groups[7] == groups[3]
    assert groups[8] == groups[4]
    assert len(set(groups.tolist())) == 29


def test_too_many_items_are_drawn(engine):
    """The same ones each time, whatever came since; and how many there are is told."""
    few = study(engine.index, "c", engine.layout, most=10)
    assert (len(few.examples), few.total) == (10, 31)
    engine.index.bulk("c", [])
    again = study(engine.index, "c", engine.layout, most=10)
    assert again.examples.contents == few.examples.contents
    more = study(engine.index, "c", engine.layout, most=20).examples.contents
    assert {tuple(one) for one in few.examples.contents} < {tuple(one) for one in more}


def test_what_is_set_aside_stays_so(engine):
    """Whatever items come later, so that no model learns from what measures another."""
    before = {key for content in _held(engine) for key in content}
    fill(engine, "c", [made(number, engine.layout) for number in range(100, 160)])
    after = _held(engine)
    assert before
    assert before <= {key for content in after for key in content}
    trained = read(engine).split(examples.HELD, seed=examples.SPLIT)[0].contents
    assert not before & {key for content in trained for key in content}


def _held(engine: Engine) -> list[list[str]]:
    return list(study(engine.index, "c", engine.layout, most=1000).held.contents)


@pytest.mark.parametrize("field", ["tags", "metadata.half"])
def test_labels_come_from_a_field(engine, field):
    """Of tags, those of items with one."""
    fill(engine, "c", [made(40, engine.layout, tags=["a", "b"], metadata={})])
    labels = read(engine, labels=field).labels
    assert labels[-1] is None
    assert set(labels[:-1]) == {"left", "right"}


def test_values_that_are_no_strings_are_labels_too():
    """As JSON writes them; what is not there is none."""
    label = label_of("metadata.x")
    told = [label({"metadata": {"x": value}}) for value in (True, 3, 3.0, 0.5, "", None)]
    assert told == ["true", "3", "3", "0.5", None, None]
    assert label({}) is None
    assert label_of("language")({"language": "de"}) == "de"


@pytest.mark.parametrize("field", ["text", "metadata", "tags.a", "nothing", "batch", "keywords"])
def test_a_field_without_labels_is_refused(field):
    """With those that have them."""
    with pytest.raises(InvalidInput, match=r"there are tags, language, .*metadata\.KEY"):
        label_of(field)


def test_items_that_others_described_are_left_out(engine):
    """Their features are not those of the index."""
    strange = {**made(50, engine.layout), "fingerprint": "0" * 16}
    fill(engine, "c", [strange])
    assert len(read(engine)) == 31


def test_what_a_collection_has_learnt_is_no_example(tmp_path):
    """Only the blocks of the encoders are."""
    with Engine.open(Settings.of_folder(tmp_path)) as engine:
        joint = learnt.fusion(engine.layout)
        from triptych.fusion.extended import Learnt

        whole = Learnt.of(engine.layout, [joint])
        vector = whole.extend(fused(1, ("text", "image"), engine.layout)[None])[0]
        document = {**made(1, engine.layout), "features": pack_features(vector)}
        found = examples._base(document, whole.layout)
    np.testing.assert_allclose(found, vector[: engine.layout.dims], atol=1e-3)


def test_a_collection_of_other_encoders_is_refused(engine, tmp_path):
    """Its vectors would teach what nobody can ask for; so is one that is not there, or empty."""
    other = Settings.of_folder(tmp_path).model_copy(update={"encoders": Encoders(acoustic="")})
    with Engine.open(other) as changed, pytest.raises(Conflict, match="triptych rebuild c"):
        read(changed)
    with pytest.raises(NotFound):
        study(engine.index, "none", engine.layout, most=10)
    engine.create_collection("empty")
    with pytest.raises(InvalidInput, match="'empty' has a vector"):
        study(engine.index, "empty", engine.layout, most=10)


def test_an_item_is_told_by_its_parts():
    """By its id only where it has none."""
    assert contents({"id": "a"}) == ["id a"]
    told = contents({"id": "a", "text": " A  cat", "media": {"image": "1", "audio": "2"}})
    assert told[:2] == ["image 1", "audio 2"]
    assert told[2:] == contents({"id": "b", "text": "a cat"})
