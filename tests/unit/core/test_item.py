"""Items and chunks survive their journey."""

from hypothesis import given
from hypothesis import strategies as st

from triptych.core.item import Item
from triptych.ingest.chunk import Chunk
from triptych.queues.codec import dumps, loads

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ITEMS = st.builds(
    Item,
    id=st.just(""),
    ordinal=st.integers(0, 10**6),
    image=st.none() | TEXT,
    errors=st.dictionaries(st.sampled_from(["image", "text"]), TEXT),
    place=st.tuples(st.integers(0, 10**9), st.integers(1, 10**6)),
    size=st.integers(0, 10**9),
)
"""Items as messages carry them: references alone."""


def chunk(*items: Item, **options: object) -> Chunk:
    """A chunk with a visit to the text queue ahead."""
    facts = {"collection": "c", "sequence": 7, "fingerprint": "f", "slip": ("text", "fusion")}
    return Chunk(**{**facts, "items": items, **options})


@given(st.lists(ITEMS, max_size=4))
def test_a_chunk_comes_out_as_it_went_in(items):
    """Through the codec."""
    sent = chunk(*items, batch="b", identity="id", priority=0, derived={"image": "kind"})
    assert Chunk.from_message(loads(dumps(sent.to_message()))) == sent


def test_a_message_carries_references_alone():
    """Neither texts nor fields, however long."""
    item = Item("a", text="long", fields={"tags": ["t"]}, words={"text": "w"}, place=(3, 4))
    (found,) = Chunk.from_message(chunk(item).to_message()).items
    assert found == Item("", place=(3, 4))


def test_a_step_takes_one_queue_from_the_slip():
    """And says which derived data it made; the chunk before is not changed."""
    before = chunk(Item("a"), derived={"image": "old"})
    after = before.advance("new")
    assert after.slip == ("fusion",)
    assert after.derived == {"image": "old", "text": "new"}
    assert (before.slip, before.derived) == (("text", "fusion"), {"image": "old"})
    assert after.again({"text", "image"}).slip == ("image", "text", "fusion")


def test_a_part_that_failed_is_not_had():
    """An error of one part leaves the others alone."""
    item = Item("a", text="t").with_media("image", "d1").with_media("audio", "d2")
    assert (item.image, item.audio) == ("d1", "d2")
    failed = item.failing("image", "cut")
    assert [failed.has(part) for part in ("image", "text", "audio")] == [False, True, True]
    assert failed.failing("text", "empty").errors == {"image": "cut", "text": "empty"}
    assert item.errors == {}
    assert not any(item.failing("item", "why").has(part) for part in ("image", "text", "audio"))
    assert Item("b", text="").has("text"), "an empty text is a text, and will be refused as such"
