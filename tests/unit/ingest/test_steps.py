"""What a step does with a chunk."""

import uuid
import weakref

import numpy as np
import pytest

from support import layout
from triptych.core.errors import MediaError, NotFound, StoreUnavailable, TooLarge
from triptych.core.item import Item, Note
from triptych.encoders.extractors import Extracted
from triptych.ingest.decoding import Decoded
from triptych.ingest.derived import DerivedMissing, DerivedStore, described, part_digest
from triptych.ingest.steps import Step
from triptych.media.store import MediaStore


def decode(item: Item) -> Decoded:
    """Texts are themselves; some words stand for an error."""
    errors = {
        "bad": MediaError("cut"),
        "big": TooLarge("too big"),
        "gone": NotFound("not there"),
        "away": StoreUnavailable("store is away"),
    }
    if item.text in errors:
        raise errors[item.text]
    return Decoded(item.text, {"language": "en"})


class Kept(DerivedStore):
    """Derived data in memory."""

    def __init__(self) -> None:
        super().__init__(MediaStore(f"memory://{uuid.uuid4().hex}"), {"text": "0" * 16})
        self.store.begin()


@pytest.fixture
def kept():
    """Nothing is kept yet."""
    return Kept()


@pytest.fixture
def describe(kept):
    """The chunk after its texts were described, and what it has then."""

    def run(chunk, decode, extract, **options):
        step = Step("text", decode, extract, layout(), kept, **{"seconds": 60.0, **options})
        return step(chunk)

    return run


def lengths(chunk, kept) -> dict[str, float]:
    """The one number of the block of each item that has it."""
    found = {item.id: blocks for item, blocks in described(chunk, kept)}
    return {name: float(b["semantic"][0]) for name, b in found.items() if b}


def extract(batch):
    """One block: the length of the text."""
    assert batch, "the models are not run for nothing"
    lengths = np.array([[len(text)] for text in batch], np.float32)
    return Extracted({"semantic": lengths}, [{"keywords": [str(text)]} for text in batch])


def test_one_bad_item_spoils_nothing(make_chunk, describe, kept):
    """It gets its reason; the others get their features, each its own."""
    texts = ["a", "bad", "ccc", None, "big", "gone", "dd"]
    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(texts)))
    after = describe(chunk, decode, extract).chunk
    assert lengths(after, kept) == {"0": 1, "2": 3, "6": 2}
    reasons = [item.errors.get("text") for item in after.items]
    assert reasons == [None, "cut", None, None, "too big", "not there", None]
    items = [item for item, _ in described(after, kept)]
    assert items[2].words == {"text": "ccc"}
    assert items[2].plain == {"text": "ccc"}
    assert [item.fields.get("keywords") for item in items[:3]] == [["a"], None, ["ccc"]]
    assert [item.id for item in after.items] == [item.id for item in chunk.items]
    assert after.slip == ("fusion",)


def test_an_item_that_failed_before_is_left_alone(make_chunk, describe, kept):
    """Its first reason stays."""
    chunk = make_chunk(Item("a", text="x").failing("text", "first"))
    after = describe(chunk, decode, extract).chunk
    assert after.items[0].errors == {"text": "first"}
    assert lengths(after, kept) == {}


def test_nothing_to_do_moves_on(make_chunk, describe, kept):
    """The models are not run, the slip gets shorter."""
    after = describe(make_chunk(Item("a", image="d")), decode, extract).chunk
    assert (after.slip, lengths(after, kept)) == (("fusion",), {})


def test_other_models_are_refused(make_chunk, describe):
    """Every item with the reason, no features."""
    chunk = make_chunk(Item("a", text="x"), Item("b", text="y"), fingerprint="other")
    after = describe(chunk, decode, extract).chunk
    assert after.derived == {}
    assert all("made for models other" in item.errors["text"] for item in after.items)
    assert after.slip == ("fusion",)


def test_a_store_that_is_away_is_not_the_items_fault(make_chunk, describe):
    """The chunk is to come again."""
    with pytest.raises(StoreUnavailable):
        describe(make_chunk(Item("a", text="away")), decode, extract)


def test_a_defect_of_one_item_is_its_own(make_chunk, describe, kept):
    """Media on which the models fail is found and named; its neighbours are encoded."""

    def fragile(batch):
        if "boom" in batch:
            raise ValueError("no such thing")
        return extract(batch)

    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(["a", "boom", "ccc"])))
    after = describe(chunk, decode, fragile).chunk
    assert lengths(after, kept) == {"0": 1, "2": 3}
    assert "ValueError: no such thing" in after.items[1].errors["text"]


def test_a_defect_in_decoding_one_item_is_its_own(make_chunk, describe, kept):
    """As with the models: the reason names the error, the neighbours are encoded."""

    def fragile(item: Item) -> tuple[dict, str]:
        if item.text == "boom":
            raise RuntimeError("no such thing")
        return decode(item)

    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(["a", "boom", "ccc"])))
    after = describe(chunk, fragile, extract).chunk
    assert lengths(after, kept) == {"0": 1, "2": 3}
    assert after.items[1].errors["text"] == "internal error: RuntimeError: no such thing"


def test_no_more_than_one_large_medium_is_held(make_chunk, describe, monkeypatch):
    """When the next is decoded, the one before is gone."""
    monkeypatch.setattr("triptych.ingest.steps._DECODED_BYTES", 100)
    alive: list[weakref.ref[np.ndarray]] = []

    def large(item: Item) -> Decoded:
        assert all(reference() is None for reference in alive)
        samples = np.zeros(100, np.float32)
        alive.append(weakref.ref(samples))
        return Decoded(samples, {"language": "en"})

    chunk = make_chunk(*(Item(str(i), text="x" * i) for i in range(1, 4)))
    describe(chunk, large, extract)
    assert len(alive) == 3


def test_decoded_media_is_dropped_before_it_is_too_much(make_chunk, describe, kept, monkeypatch):
    """Large media, and long texts, are encoded a few at a time, in order."""
    monkeypatch.setattr("triptych.ingest.steps._DECODED_CHARS", 100)
    batches = []

    def noting(batch):
        batches.append(len(batch))
        return extract(batch)

    texts = ["x" * size for size in (60, 61, 10, 200, 5)]
    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(texts)))
    after = describe(chunk, decode, noting).chunk
    assert batches == [2, 2, 1]
    assert list(lengths(after, kept).values()) == [60, 61, 10, 200, 5]


def test_long_texts_leave_time_for_others(make_chunk, describe):
    """Between them there is a look at the clock."""
    encoded = []

    def slow(batch):
        encoded.extend(map(len, batch))
        return extract(batch)

    texts = [str(number) * 90_000 for number in range(4)]
    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(texts)))
    stepped = describe(chunk, decode, slow, seconds=10.0, clock=lambda: 6.0 * len(encoded))
    assert encoded == [90_000] * 2
    assert [item.id for item in stepped.rest.items] == ["2", "3"]


def test_the_same_content_is_encoded_once(make_chunk, describe, kept):
    """In one chunk, in another one, under another id; an image of the same digest is not a text."""
    seen = []

    def noting(batch):
        seen.extend(batch)
        return extract(batch)

    describe(
        make_chunk(Item("a", text="x"), Item("b", text="yy"), Item("c", text="x")), decode, noting
    )
    after = describe(make_chunk(Item("d", text="yy"), Item("e", text="zzz")), decode, noting).chunk
    assert seen == ["x", "yy", "zzz"]
    assert lengths(after, kept) == {"d": 2, "e": 3}


def test_a_text_that_is_said_to_be_in_another_language_is_another(make_chunk, describe, kept):
    """Its words differ."""
    items = (Item("a", text="x", fields={"language": code}) for code in ("en", "de"))
    seen = []

    def noting(batch):
        seen.extend(batch)
        return extract(batch)

    describe(make_chunk(*items), decode, noting)
    assert seen == ["x", "x"]


def test_what_is_the_same_fails_for_the_same_reason(make_chunk, describe):
    """It is decoded once."""
    after = describe(
        make_chunk(Item("a", text="bad"), Item("b", text="bad")), decode, extract
    ).chunk
    assert [item.errors for item in after.items] == [{"text": "cut"}] * 2


def test_a_step_that_takes_long_lets_others_go_first(make_chunk, describe, kept):
    """What it has is passed on; the rest comes again, with the same slip."""
    ticks = iter(range(100))
    chunk = make_chunk(*(Item(str(i), text=text) for i, text in enumerate(["a", "bb", "ccc", "a"])))
    stepped = describe(chunk, decode, extract, seconds=1.5, clock=lambda: float(next(ticks)))
    assert lengths(stepped.chunk, kept) == {"0": 1, "1": 2, "3": 1}
    assert [item.id for item in stepped.rest.items] == ["2"]
    assert stepped.rest.slip == chunk.slip
    last = describe(stepped.rest, decode, extract, seconds=0.0)
    assert (lengths(last.chunk, kept), last.rest) == ({"2": 3}, None)


def test_derived_data_that_is_gone_or_damaged_is_made_again(make_chunk, describe, kept):
    """The chunk says which step has to be done."""
    after = describe(make_chunk(Item("a", text="x")), decode, extract).chunk
    digest = part_digest(after.items[0], "text")
    data = kept.store.get_derived("0" * 16, digest)
    for damaged in (b"", data[:-1], data[:20] + b"?" + data[21:]):
        kept.store.put_derived("0" * 16, digest, damaged)
        with pytest.raises(DerivedMissing) as missing:
            described(after, kept)
        assert missing.value.modalities == {"text"}
    again = describe(after.again({"text"}), decode, extract).chunk
    assert lengths(again, kept) == {"a": 1}


def test_notes_are_kept_with_what_was_made(make_chunk, describe, kept):
    """Those of the decoder come after those that an item had when it was accepted."""

    def noting(item: Item) -> Decoded:
        return Decoded(item.text, {"language": "en"}, (Note("cut off", lost=True),))

    early = Item("a", text="x").noted("text", [Note("one byte is not UTF-8")])
    for decoder in (noting, None):  # what is kept is not decoded again
        after = describe(make_chunk(early, Item("b", text="x")), decoder, extract).chunk
        first, second = (item.notes for item, _ in described(after, kept))
        assert first == {"text": [("one byte is not UTF-8", False), ("cut off", True)]}
        assert second == {"text": [("cut off", True)]}
