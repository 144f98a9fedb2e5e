"""Documents: one per item, also for those that failed."""

import numpy as np
import pytest

from triptych.shared.fusion.layout import layout
from triptych.shared.item import Chunk, Item
from triptych.shared.mapping import (
    document,
    mapping,
    pack_features,
    parts,
    public,
    refused,
    status,
    unpack_features,
)

FUSED = np.random.default_rng(0).uniform(-1, 1, layout().dims).astype(np.float32)
WHOLE = Item(
    "a", text="A cat", image="d1", words={"text": "cat"}, tags=("t",), metadata={"n": 0, "b": False}
)


def document_of(item: Item) -> dict[str, object]:
    """The document of an item of some batch."""
    chunk = Chunk("c", 7, "print", ("fusion",), (item,), batch="b1")
    return document(chunk, item, FUSED)


def test_a_whole_item():
    """With everything that is known, and nothing that is empty."""
    found = document_of(WHOLE)
    assert found["status"] == "indexed"
    assert found["modalities"] == ["image", "text"]
    assert found["media"] == {"image": "d1"}
    assert found["metadata"] == {"n": 0, "b": False}
    assert (found["batch"], found["sequence"], found["fingerprint"]) == ("b1", 7, "print")
    assert found["vector"] is FUSED
    assert not {"errors", "source", "names"} & set(found)
    assert set(found) <= set(mapping(layout())["properties"])


def test_an_item_with_a_broken_part_is_partial():
    """Searchable by the others, and the reason is kept."""
    found = document_of(WHOLE.failing("image", "cut"))
    assert found["status"] == "partial"
    assert found["modalities"] == ["text"]
    assert found["errors"] == {"image": "cut"}
    assert "vector" in found


def test_an_item_of_which_nothing_is_left_is_failed():
    """It has a document without a vector."""
    found = document_of(Item("a", image="d1").failing("image", "cut"))
    assert found["status"] == "failed"
    assert not {"vector", "features", "modalities"} & set(found)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Item("a", text="x"), "indexed"),
        (Item("a", text="x", image="d").failing("image", "why"), "partial"),
        (Item("a", text="x").failing("item", "why"), "failed"),
        (Item("a").failing("item", "why"), "failed"),
    ],
)
def test_the_status_follows_from_the_errors(item, expected):
    """Three of them."""
    assert status(item) == expected


def test_what_the_index_refused_becomes_a_failure():
    """Without what it may have choked on."""
    found = refused(document_of(WHOLE), "number expected")
    assert found["status"] == "failed"
    assert found["errors"] == {"index": "number expected"}
    assert set(found) == {"id", "batch", "sequence", "fingerprint", "status", "errors"}


def test_features_are_packed_within_a_thousandth():
    """As half the bytes; none are zeros."""
    packed = pack_features(FUSED)
    assert np.abs(unpack_features(packed, layout()) - FUSED).max() < 1e-3
    assert len(packed) == -(-layout().dims * 2 // 3) * 4
    assert unpack_features(None, layout()).shape == (layout().dims,)
    assert not unpack_features(None, layout()).any()


def test_clients_see_no_vectors():
    """Neither vector nor features nor index words."""
    found = public(document_of(WHOLE))
    assert not {"vector", "features", "words"} & set(found)
    assert found["text"] == "A cat"


def test_the_parts_of_a_document_are_what_was_found_in_it():
    """Its modalities, and speech and writing only where there are any."""
    plain = document_of(Item("a", text="x", audio="d"))
    assert parts(plain) == {"text", "audio"}
    found = Item("a", image="d1", audio="d2").noting({"transcript": {"text": "Hello."}})
    assert parts(document_of(found)) == {"image", "audio", "speech"}
    assert parts(document_of(found.noting({"writing": {"text": "Exit"}}))) == {
        "image", "audio", "speech", "writing",
    }  # fmt: skip
    assert parts({}) == frozenset()
