"""Items and chunks survive their journey."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.item import Item
from triptych.fusion.blocks import Rows
from triptych.ingest.chunk import Chunk
from triptych.queues.codec import dumps, loads

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
METADATA = st.dictionaries(TEXT, TEXT | st.integers(-9, 9) | st.booleans(), max_size=3)
ITEMS = st.builds(
    Item,
    id=TEXT,
    ordinal=st.integers(0, 10**6),
    text=st.none() | TEXT,
    image=st.none() | TEXT,
    fields=st.dictionaries(TEXT, st.lists(TEXT, max_size=3) | METADATA, max_size=3),
    errors=st.dictionaries(st.sampled_from(["image", "text"]), TEXT),
)


def chunk(*items: Item, **options: object) -> Chunk:
    """A chunk with a visit to the text queue ahead."""
    facts = {"collection": "c", "sequence": 7, "fingerprint": "f", "slip": ("text", "fusion")}
    return Chunk(**{**facts, "items": items, **options})


@given(st.lists(ITEMS, max_size=4))
def test_a_chunk_comes_out_as_it_went_in(items):
    """Through the codec, its features bit by bit."""
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    sent = chunk(*items, batch="b", priority=0, features={"semantic": Rows((0, 3), vectors)})
    found = Chunk.from_message(loads(dumps(sent.to_message())))
    assert found.items == sent.items
    assert {**vars(found), "features": 0, "items": 0} == {**vars(sent), "features": 0, "items": 0}
    assert found.features["semantic"].rows == (0, 3)
    assert np.array_equal(found.features["semantic"].vectors, vectors)


def test_a_step_takes_one_queue_from_the_slip():
    """And adds its features to those of earlier steps; the chunk before is not changed."""
    rows = Rows((0,), np.zeros((1, 2), np.float32))
    before = chunk(Item("a"), features={"old": rows})
    after = before.advance([Item("b")], {"new": rows})
    assert after.slip == ("fusion",)
    assert [item.id for item in after.items] == ["b"]
    assert set(after.features) == {"old", "new"}
    assert (before.slip, set(before.features)) == (("text", "fusion"), {"old"})


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
