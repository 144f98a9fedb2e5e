"""Documents: one per item, also for those that failed."""

import numpy as np
import pytest

from support import layout, make_item
from triptych.core.item import Item, Words
from triptych.index.documents import (
    exact,
    facts,
    fitting,
    kept,
    kind,
    pack_features,
    parts,
    public,
    returned,
    unpack_features,
)
from triptych.index.elastic.mapping import mapping, properties
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document, failure, status

FUSED = np.random.default_rng(0).uniform(-1, 1, layout().dims).astype(np.float32)
WHOLE = make_item(
    "a", text="A cat", image="d1", words={"text": "cat"}, tags=("t",), metadata={"n": 0, "b": False}
)


def document_of(item: Item, fused: np.ndarray = FUSED) -> dict[str, object]:
    """The document of an item of some batch."""
    chunk = Chunk("c", 7, "print", ("fusion",), (item,), batch="b1")
    return document(chunk, item, fused)


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
    assert set(found) <= set(properties(layout()))


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


def test_silence_has_no_vector():
    """It is indexed, but nothing is near to it."""
    found = document_of(Item("a", audio="d1"), np.zeros_like(FUSED))
    assert (found["status"], found["modalities"]) == ("indexed", ["audio"])
    assert not {"vector", "features"} & set(found)


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
    chunk = Chunk("c", 7, "print", ("fusion",), (WHOLE,), batch="b1")
    found = failure(chunk, WHOLE, "number expected")
    assert found["status"] == "failed"
    assert found["errors"] == {"index": "number expected"}
    known = {"id", "batch", "sequence", "digests", "fingerprint", "status", "errors"}
    assert set(found) == known


def test_features_are_packed_within_a_thousandth():
    """As half the bytes; none are zeros."""
    packed = pack_features(FUSED)
    assert np.abs(unpack_features(packed, layout()) - FUSED).max() < 1e-3
    assert len(packed) == -(-layout().dims * 2 // 3) * 4
    assert unpack_features(None, layout()).shape == (layout().dims,)
    assert not unpack_features(None, layout()).any()


def test_clients_see_no_vectors():
    """Nor what there is only to search by."""
    found = public(document_of(WHOLE))
    assert not {"vector", "features", "words", "plain", "facts"} & set(found)
    assert found["text"] == "A cat"
    assert found["metadata"] == {"n": 0, "b": False}


def test_plain_words_are_those_of_every_part():
    """Text, speech and writing; none of a text that can't be used, or that has no words."""
    item = Item("a", text="The Cats", image="d1").with_words("text", Words("cat", "the cats"))
    assert document_of(item)["words"] == {"text": "cat"}
    assert document_of(item)["plain"] == {"text": "the cats"}
    both = item.with_words("writing", Words("exit", "no exit"))
    assert document_of(both)["plain"] == {"text": "the cats", "writing": "no exit"}
    assert "plain" not in document_of(Item("a", image="d1"))
    known = properties(layout())
    assert set(known["plain"]["properties"]) == set(known["words"]["properties"])


def test_facts_are_the_metadata_by_kind():
    """True is not 1, null says nothing, zero has no sign, and the metadata stay as they are."""
    metadata = {"n": 1, "x": 2.5, "s": "1", "t": True, "f": False, "none": None, "z": -0.0}
    assert facts({"metadata": metadata}) == [
        {"key": "n", "number": 1},
        {"key": "x", "number": 2.5},
        {"key": "s", "string": "1"},
        {"key": "t", "boolean": True},
        {"key": "f", "boolean": False},
        {"key": "z", "number": 0},
    ]
    assert str(facts({"metadata": {"z": -0.0}})[0]["number"]) == "0"
    found = kept(document_of(make_item("a", text="x", metadata=metadata)))
    assert found["metadata"] == metadata
    assert found["facts"] == facts({"metadata": metadata})
    assert "facts" not in kept(document_of(Item("a", text="x")))


def test_large_numbers_and_dates_are_facts_twice():
    """As whole numbers, and as instants: float64 and strings can't tell them apart, or meet."""
    large, when = -(2**53), "1970-01-01T01:00:00.5+01:00"
    assert facts({"metadata": {"last": 2**63 - 1, "odd": large - 1}}) == [
        {"key": "last", "number": 2**63 - 1024, "whole": 2**63 - 1},
        {"key": "odd", "number": large - 2, "whole": large - 1},
    ]
    assert facts({"metadata": {"a": large, "b": 1e300, "c": 2.0**53, "d": when}}) == [
        {"key": "a", "number": large, "whole": large},
        {"key": "b", "number": 1e300},
        {"key": "c", "number": 2**53, "whole": 2**53},
        {"key": "d", "string": when, "instant": 500_000},
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1), (1.0, 1), (-0.0, 0), (0.5, 0.5), (2**63 - 1, 2**63 - 1), (2**63, 2.0**63),
        (2.0**63, 2.0**63), (-(2.0**63), -(2**63)), (1e308, 1e308),
    ],
)  # fmt: skip
def test_numbers_are_exact(value, expected):
    """Whole ones of 64 bits are whole, all others are float64."""
    found = exact(value)
    assert (found, type(found)) == (expected, type(expected))


def test_an_index_keeps_what_it_looks_up():
    """Beside what is shown, made anew by each index."""
    shown = {"id": "a", "tags": ["Beach", "beach", "Cafe\u0301"], "media": {"image": "d"},
             "place": {"latitude": 52.5, "longitude": -13.4}}  # fmt: skip
    found = kept({**shown, "facts": [{"key": "gone"}], "point": [0, 0]})
    assert found == {
        **shown, "digests": ["d"], "folded_tags": ["beach", "caf\u00e9"], "point": [-13.4, 52.5],
    }  # fmt: skip
    assert kept({"id": "a"}) == {"id": "a"}
    assert kept(found) == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", "string"), ("", "string"), (1, "number"), (0.0, "number"), (True, "boolean")],
)
def test_values_have_kinds(value, expected):
    """Those of JSON, and each has its field in the mapping."""
    assert kind(value) == expected
    found = properties(layout())["facts"]["properties"]
    assert set(found) == {"key", "string", "number", "boolean", "whole", "instant"}


def test_the_mapping_does_not_grow():
    """However many keys the metadata of a collection have, and of whatever types."""
    found = mapping(layout(), "0" * 16)
    assert found["dynamic"] is False
    assert "dynamic_templates" not in found
    assert found["properties"]["metadata"] == {"type": "object", "enabled": False}
    assert found["properties"]["facts"]["type"] == "nested"


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


def test_a_selection_leaves_the_document_as_it_is():
    """It is another one."""
    document = {"id": "a", "metadata": {"x": 1, "y": 2}, "features": "…", "text": "t"}
    assert returned(document, ["metadata.x"]) == {"id": "a", "metadata": {"x": 1}}
    assert returned(document, None) == {"id": "a", "metadata": {"x": 1, "y": 2}, "text": "t"}
    assert returned({"id": "a"}, ["metadata.x", "text"]) == {"id": "a"}
    assert set(document) == {"id", "metadata", "features", "text"}


def test_a_document_of_another_layout_loses_what_models_made():
    """Vector, features and predictions, and so how these are looked up; the metadata stay."""
    made = {"id": "a", "fingerprint": "theirs", "metadata": {"n": 1}, "features": "…",
            "predictions": {"label": "cat", "probability": 0.5}}  # fmt: skip
    assert [fact["key"] for fact in kept(made)["facts"]] == [
        "n", "predictions.label", "predictions.probability",
    ]  # fmt: skip
    assert fitting(made, "theirs") == made
    fits = {"id": "a", "fingerprint": "theirs", "metadata": {"n": 1}}
    assert fitting(made, "ours") == fits
    assert kept(fitting(kept(made), "ours")) == {**fits, "facts": [{"key": "n", "number": 1}]}


def test_keys_of_metadata_meet_no_field_of_ours():
    """Those without a dot stand alone, as they always did."""
    known = facts({"metadata": {"predictions.label": 1, "label": 2}, "predictions": {"label": 3}})
    assert {one["key"]: one["number"] for one in known} == {
        "metadata.predictions.label": 1,
        "label": 2,
        "predictions.label": 3,
    }
