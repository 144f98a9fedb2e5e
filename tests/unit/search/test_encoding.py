"""A query is encoded once."""

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from support import layout
from triptych.core.errors import Busy, FingerprintMismatch, InvalidInput, MediaError, TooLarge
from triptych.encoders.extractors import Extractor
from triptych.fusion.query import WEIGHTS
from triptych.search.encoding import encode
from triptych.search.parts import EncodedPart, Items, all_words, mean, stored_part
from triptych.search.request import SearchRequest
from triptych.search.syntax import parse
from unit.seeded import Seeded, document, numbered, vector


@pytest.fixture
def searcher(engine, index):
    """That of an engine with three cats."""
    index.add(*numbered(3))
    return engine.searcher


def png(value: int, size: int = 8) -> str:
    """A picture, as JSON has it."""
    data = cv2.imencode(".png", np.full((size, size, 3), value, np.uint8))[1]
    return base64.b64encode(data.tobytes()).decode()


def ask(searcher, **body):
    """The encoded query."""
    request = SearchRequest.model_validate(body)
    return encode(searcher, Items(searcher.index, searcher.layout, "c"), request)


def test_equal_queries_are_encoded_once(searcher, seeded):
    """Whatever else they ask for; another text, language or syntax is another one."""
    for filters in ({}, {"tags": "all"}, {"tags": "none"}):
        ask(searcher, text="cat", image=png(5), filter=filters, limit=5, weights={"text": 2})
    assert (seeded["text"].seen, len(seeded["image"].seen)) == (["cat"], 1)
    ask(searcher, text="cat", language="en")
    ask(searcher, text="cat", syntax="none")
    ask(searcher, text="dog", image=png(6))
    assert seeded["text"].seen == ["cat", "cat", "cat", "dog"]
    assert len(seeded["image"].seen) == 2


def test_uploads_and_base64_are_the_same(searcher, seeded):
    """The bytes count, not how they came; a picture as a sound is something else."""
    data = base64.b64decode(png(5))
    ask(searcher, image=png(5))
    ask(searcher, image=[data, png(5)], **{"not": {"image": data}}, text="cat")
    assert len(seeded["image"].seen) == 1
    with pytest.raises(MediaError) as caught:
        ask(searcher, audio=data)
    assert caught.value.field == "audio"


def test_queries_at_the_same_time_are_encoded_once(engine):
    """Eight clients with one picture wait for the first."""

    class Slow(Seeded):
        def encode(self, batch):
            began.set()
            assert go_on.wait(30)
            return super().encode(batch)

    began, go_on = threading.Event(), threading.Event()
    slow = Slow(256)
    made = engine.searcher
    extractors = {**made.extractors, "image": Extractor({"visual": slow})}
    searcher = replace(made, extractors=extractors)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(ask, searcher, image=png(5)) for _ in range(8)]
        assert began.wait(30)
        go_on.set()
        keys = [one.result(30).keys["image"] for one in found]
    assert len(slow.seen) == 1
    assert keys == keys[:1] * 8


def test_no_more_are_encoded_at_once_than_slots(searcher):
    """Others wait; an error gives its slot back."""

    class Counted(Seeded):
        most = now = 0

        def encode(self, batch):
            with lock:
                self.now += 1
                self.most = max(self.most, self.now)
            together.wait(0.2)
            with lock:
                self.now -= 1
            return super().encode(batch)

    lock, together = threading.Lock(), threading.Event()
    counted = Counted(256)
    extractors = {**searcher.extractors, "image": Extractor({"visual": counted})}
    slots = {**searcher.slots, "image": threading.Semaphore(2)}
    searcher = replace(searcher, extractors=extractors, slots=slots)
    for _ in range(3):
        with pytest.raises(MediaError):
            ask(searcher, image="aGVsbG8=")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda value: ask(searcher, image=png(value)), range(1, 7)))
    assert (len(counted.seen), counted.most) == (6, 2)


def test_a_text_does_not_wait_for_pictures(searcher):
    """Nor a picture for sounds: all slots of one kind may be taken for long."""
    taken = {**searcher.slots, "image": threading.Semaphore(0), "audio": threading.Semaphore(0)}
    with ThreadPoolExecutor(1) as pool:
        searcher = replace(searcher, slots=taken)
        assert pool.submit(ask, searcher, text="quick").result(30).keys["text"]


def test_nobody_waits_for_long(searcher, monkeypatch):
    """The thread is needed by others."""
    monkeypatch.setattr("triptych.search.searcher._SLOT_SECONDS", 0.01)
    searcher = replace(searcher, slots={**searcher.slots, "image": threading.Semaphore(0)})
    with pytest.raises(Busy, match="other image queries take too long"):
        ask(searcher, image=png(1))


def test_pictures_are_decoded_in_the_memory_that_there_is(searcher, monkeypatch):
    """For all queries together; who finds none is told to come again."""
    monkeypatch.setattr("triptych.search.searcher._SLOT_SECONDS", 0.01)
    with searcher.room(searcher.settings.query_memory):
        with pytest.raises(Busy, match="memory"):
            ask(searcher, image=png(1))
        assert ask(searcher, text="cat").keys
    assert ask(searcher, image=png(1)).keys


def test_errors_name_their_own_field(searcher):
    """Though what failed was the same picture."""
    broken = base64.b64encode(b"no picture").decode()
    for body, field in (
        ({"image": broken}, "image"),
        ({"image": [png(1), broken]}, "image.1"),
        ({"image": png(1), "not": {"image": broken}}, "not.image"),
    ):
        with pytest.raises(MediaError) as caught:
            ask(searcher, **body)
        assert caught.value.field == field


def _somebody_waits(searcher) -> bool:
    """Whether a thread waits for what another one encodes."""
    return any(future._condition._waiters for future in searcher.encoded._futures.values())


def test_an_error_of_two_at_once_has_the_field_of_each(engine):
    """Though the second one waits for what the first finds out."""

    class Broken(Seeded):
        def encode(self, _):
            began.set()
            deadline = time.monotonic() + 30
            while not _somebody_waits(searcher) and time.monotonic() < deadline:
                time.sleep(0.01)
            raise MediaError("no good")

    began = threading.Event()
    made = engine.searcher
    extractors = {**made.extractors, "image": Extractor({"visual": Broken(256)})}
    searcher = replace(made, extractors=extractors)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, searcher, image=png(5))
        assert began.wait(30)
        second = pool.submit(ask, searcher, text="cat", **{"not": {"image": png(5)}})
        errors = [first.exception(30), second.exception(30)]
    assert [error.field for error in errors] == ["image", "not.image"]
    assert errors[0].__cause__ is errors[1].__cause__


def test_limits(searcher):
    """A picture of many pixels, a file of many bytes, a text of many letters."""
    bytes_ = searcher.settings.limits.file_bytes
    limits = searcher.settings.limits.model_copy(update={"image_pixels": 100, "text_chars": 10})
    searcher = replace(searcher, settings=searcher.settings.model_copy(update={"limits": limits}))
    for body, field in (
        ({"image": png(1, size=11)}, "image"),
        ({"image": b"x" * (bytes_ + 1)}, "image"),
        ({"audio": base64.b64encode(b"x" * (bytes_ + 1)).decode()}, "audio"),
        ({"text": "x" * 11}, "text"),
        ({"text": ["x" * 6, "y" * 5]}, "text"),
        ({"text": "x" * 6, "not": {"text": "y" * 5}}, "text"),
    ):
        with pytest.raises((MediaError, TooLarge)) as caught:
            ask(searcher, **body)
        assert caught.value.field == field
    assert ask(searcher, text="x" * 10, image=png(1, size=10)).keys


def test_a_part_without_encoder_is_refused(searcher):
    """Unless an item is the query: what it has was encoded before."""
    extractors = {**searcher.extractors, "audio": Extractor({})}
    searcher = replace(searcher, extractors=extractors)
    with pytest.raises(InvalidInput, match="no encoder") as caught:
        ask(searcher, audio="AAAA")
    assert caught.value.field == "audio"


def test_an_item_of_other_encoders_is_no_query(searcher, index):
    """Its vectors can't be compared."""
    index.add({**document("old", text="cat"), "fingerprint": "0" * 16})
    with pytest.raises(FingerprintMismatch):
        ask(searcher, text="item:old")


def test_an_item_is_read_anew(searcher, index):
    """What it has may change, so it is not remembered."""
    first = ask(searcher, text="item:i001").keys
    assert ask(searcher, text="item:i001").keys == first
    index.add(document("i001", text="dog"))
    assert ask(searcher, text="item:i001").keys != first


def test_items_have_the_blocks_of_the_part_alone(searcher, index):
    """A picture does not bring the text along."""
    index.add(document("both", text="cat", blocks={"visual": vector("x", 256)}))
    query = ask(searcher, image="item:both")
    assert {term.signal for term in query.weighted(WEIGHTS).fused.terms} == {"image"}
    stored = stored_part(index.get("c", "both"), "image", layout())
    assert set(stored.blocks) == {"concept", "visual"}
    (term,) = query.weighted(WEIGHTS).fused.terms
    assert np.linalg.norm(term.vector) == pytest.approx(1, abs=1e-6)
    assert query.words.should == ()


def test_the_mean_is_over_what_was_found():
    """Zeros and blocks that are not there do not count."""
    one, other = np.float32([1, 0]), np.float32([0, 1])
    parts = [
        EncodedPart("a", {"v": one, "w": np.zeros(2, np.float32)}),
        EncodedPart("b", {"v": other, "w": np.zeros(2, np.float32)}),
        EncodedPart("c", {"v": np.zeros(2, np.float32)}),
        EncodedPart("d", {}),
    ]
    found = mean(parts)
    assert found["v"].tolist() == [0.5, 0.5]
    assert found["w"].tolist() == [0, 0]
    assert found["v"].dtype == np.float32


def test_the_words_of_several_texts():
    """Each once, what is required and excluded too; too many are refused."""

    def part(text: str) -> EncodedPart:
        return EncodedPart(text, {}, parse(text, "en").words)

    found = all_words([part("cat +dog -cow"), part("cat horse -cow -pig")])
    assert [clause.label for clause in found.should] == ["dog", "cat", "horse"]
    assert [clause.label for clause in found.must] == ["dog"]
    assert [clause.label for clause in found.must_not] == ["cow", "pig"]
    many = [part(" ".join(f"-w{place}x{n}" for n in range(50))) for place in range(3)]
    with pytest.raises(InvalidInput, match="more than 128 words"):
        all_words(many)
