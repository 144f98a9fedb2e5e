"""What a step does with a chunk."""

import weakref

import numpy as np
import pytest

from support import layout
from triptych.core.errors import MediaError, NotFound, StoreUnavailable, TooLarge
from triptych.core.item import Item
from triptych.encoders.extractors import Extracted
from triptych.ingest.steps import Step


def decode(item: Item) -> tuple[Item, str]:
    """Texts are themselves; some words stand for an error."""
    errors = {
        "bad": MediaError("cut"),
        "big": TooLarge("too big"),
        "gone": NotFound("not there"),
        "away": StoreUnavailable("store is away"),
    }
    if item.text in errors:
        raise errors[item.text]
    return item.noting({"language": "en"}), item.text


def describe(chunk, decode, extract):
    """The chunk after its texts were described."""
    return Step("text", decode, extract, layout())(chunk)


def extract(batch):
    """One block: the length of the text."""
    assert batch, "the models are not run for nothing"
    lengths = np.array([[len(text)] for text in batch], np.float32)
    return Extracted({"semantic": lengths}, [{"keywords": [str(text)]} for text in batch])


def test_one_bad_item_spoils_nothing(make_chunk):
    """It gets its reason; the others get their features, each its own."""
    texts = ["a", "bad", "ccc", None, "big", "gone", "dd"]
    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(texts)))
    after = describe(chunk, decode, extract)
    assert after.features["semantic"].rows == (0, 2, 6)
    assert after.features["semantic"].vectors.tolist() == [[1], [3], [2]]
    reasons = [item.errors.get("text") for item in after.items]
    assert reasons == [None, "cut", None, None, "too big", "not there", None]
    assert after.items[2].words == {"text": "ccc"}
    assert after.items[2].plain == {"text": "ccc"}
    assert [item.fields.get("keywords") for item in after.items[:3]] == [["a"], None, ["ccc"]]
    assert [item.id for item in after.items] == [item.id for item in chunk.items]
    assert after.slip == ("fusion",)


def test_an_item_that_failed_before_is_left_alone(make_chunk):
    """Its first reason stays."""
    chunk = make_chunk(Item("a", text="x").failing("text", "first"))
    after = describe(chunk, decode, extract)
    assert after.items[0].errors == {"text": "first"}
    assert after.features == {}


def test_nothing_to_do_moves_on(make_chunk):
    """The models are not run, the slip gets shorter."""
    after = describe(make_chunk(Item("a", image="d")), decode, extract)
    assert (after.slip, after.features) == (("fusion",), {})


def test_other_models_are_refused(make_chunk):
    """Every item with the reason, no features."""
    chunk = make_chunk(Item("a", text="x"), Item("b", text="y"), fingerprint="other")
    after = describe(chunk, decode, extract)
    assert after.features == {}
    assert all("made for models other" in item.errors["text"] for item in after.items)
    assert after.slip == ("fusion",)


def test_a_store_that_is_away_is_not_the_items_fault(make_chunk):
    """The chunk is to come again."""
    with pytest.raises(StoreUnavailable):
        describe(make_chunk(Item("a", text="away")), decode, extract)


def test_a_defect_of_one_item_is_its_own(make_chunk):
    """Media on which the models fail is found and named; its neighbours are encoded."""

    def fragile(batch):
        if "boom" in batch:
            raise ValueError("no such thing")
        return extract(batch)

    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(["a", "boom", "ccc"])))
    after = describe(chunk, decode, fragile)
    assert after.features["semantic"].rows == (0, 2)
    assert after.features["semantic"].vectors.tolist() == [[1], [3]]
    assert "ValueError: no such thing" in after.items[1].errors["text"]


def test_a_defect_in_decoding_one_item_is_its_own(make_chunk):
    """As with the models: the reason names the error, the neighbours are encoded."""

    def fragile(item: Item) -> tuple[Item, str]:
        if item.text == "boom":
            raise RuntimeError("no such thing")
        return decode(item)

    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(["a", "boom", "ccc"])))
    after = describe(chunk, fragile, extract)
    assert after.features["semantic"].rows == (0, 2)
    assert after.items[1].errors["text"] == "internal error: RuntimeError: no such thing"


def test_no_more_than_one_large_medium_is_held(make_chunk, monkeypatch):
    """When the next is decoded, the one before is gone."""
    monkeypatch.setattr("triptych.ingest.steps._DECODED_BYTES", 100)
    alive: list[weakref.ref[np.ndarray]] = []

    def large(item: Item) -> tuple[Item, np.ndarray]:
        assert all(reference() is None for reference in alive)
        samples = np.zeros(100, np.float32)
        alive.append(weakref.ref(samples))
        return item, samples

    chunk = make_chunk(*(Item(str(i), text="x") for i in range(3)))
    after = describe(chunk, large, extract)
    assert after.features["semantic"].vectors.tolist() == [[100], [100], [100]]


def test_decoded_media_is_dropped_before_it_is_too_much(make_chunk, monkeypatch):
    """Large media are encoded a few at a time, in order."""
    monkeypatch.setattr("triptych.ingest.steps._DECODED_BYTES", 100)
    batches = []

    def noting(batch):
        batches.append(len(batch))
        return extract(batch)

    texts = ["x" * size for size in (60, 60, 10, 200, 5)]
    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(texts)))
    after = describe(chunk, decode, noting)
    assert batches == [2, 2, 1]
    assert after.features["semantic"].vectors[:, 0].tolist() == [60, 60, 10, 200, 5]
