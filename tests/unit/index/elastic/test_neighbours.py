"""How vectors lie in fields of bytes, and which lists a query asks for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from support import layout
from triptych.core.item import MODALITIES
from triptych.fusion.blocks import Layout
from triptych.fusion.query import PresenceClass
from triptych.index.documents import pack_features
from triptych.index.elastic.neighbours import (
    divided,
    is_pair,
    joined,
    lists,
    undivided,
    vector_properties,
)
from triptych.index.elastic.queries import search_body
from triptych.index.model import IndexQuery

SLICES = layout().slices


def fused(**lengths: float) -> np.ndarray:
    """A vector with blocks of these lengths, each along its first axis."""
    vector = np.zeros(layout().dims, np.float32)
    for name, length in lengths.items():
        vector[SLICES[name].start] = length
    return vector


def fields(*classes: PresenceClass) -> list[str]:
    """The fields of the lists, without their common beginning."""
    return [near.field.removeprefix("vector.") for near in lists(classes, layout())]


def test_a_document_is_divided_and_joined_again():
    """Zeros are left out, every number stays to the bit, and bytes are near the numbers."""
    draw = np.random.default_rng(3)
    vector = fused()
    for name in ("semantic", "concept"):
        block = draw.standard_normal(SLICES[name].stop - SLICES[name].start)
        vector[SLICES[name]] = block / np.linalg.norm(block)
    features = pack_features(vector)
    document = {"id": "a", "modalities": ["image", "text"], "vector": vector, "features": features}
    kept = divided({**document, "transcript": {"text": "x"}}, layout())
    assert set(kept["features"]) == set(kept["vector"]["block"]) == {"semantic", "concept"}
    assert set(kept["vector"]["kind"]) == {"image_text"}
    assert kept["vector"]["parts"] == ["image", "speech", "text"]
    found = undivided({**kept, "vector": vector}, layout())
    assert found == {**document, "transcript": {"text": "x"}}
    assert pack_features(joined([kept["features"]], layout())[0]) == features
    quantised = np.frombuffer(bytes.fromhex(kept["vector"]["block"]["semantic"]), np.int8)
    exact = vector[SLICES["semantic"]]
    cosine = quantised @ exact / np.linalg.norm(quantised.astype(float))
    assert cosine == pytest.approx(1, abs=1e-3)
    assert "features" not in undivided(kept, None)


def test_what_has_no_vector_has_parts_all_the_same():
    """Words count only for items that have some; a tombstone has nothing."""
    assert divided({"modalities": ["text"]}, layout())["vector"] == {"parts": ["text"]}
    assert divided({"status": "deleted"}, layout()) == {"status": "deleted"}


def test_one_block_has_one_list():
    """No item has several blocks that the query asks for."""
    assert fields(PresenceClass(("audio",), (), fused(acoustic=1))) == ["block.acoustic"]
    light = fused(visual=1, concept=0.1)
    assert fields(PresenceClass(("image",), (), light)) == ["block.visual"]


def test_blocks_of_one_modality_have_lists_of_their_own_alone():
    """The best of one are near the best of their sum."""
    picture = fused(visual=1, concept=0.5)
    assert fields(PresenceClass(("image",), (), picture)) == ["block.concept", "block.visual"]
    assert "image" not in vector_properties(layout())["kind"]["properties"]


def test_a_pair_of_blocks_is_found_without_sums():
    """In a collection that is not large; where more are compared, sums are sought."""
    text = PresenceClass(("image", "text"), (), fused(semantic=1, concept=0.3))
    both = PresenceClass(("image", "text"), (), fused(semantic=1, concept=0.3, visual=0.5))
    assert is_pair([text], layout())
    assert not is_pair([text, both], layout())
    assert lists([text], layout(), summed=False) == []
    assert [near.summed for near in lists([text], layout())] == [True, True]


def test_in_a_large_collection_a_text_is_sought_in_sums_too():
    """A list of a block is longer where it has to do without them."""
    vector = fused(semantic=1, concept=0.3)
    text = [
        PresenceClass(("image", "text"), (), vector),
        PresenceClass(("text",), ("image",), vector),
    ]
    query = IndexQuery(classes=text, candidates=20, of_one_part=True)

    def asked(one: IndexQuery, documents: int) -> list[dict[str, Any]]:
        body = search_body(one, layout(), documents=documents)
        return [clause["knn"] for clause in body["query"]["bool"]["should"]]

    small, large = asked(query, 20_000), asked(query, 20_001)
    several = asked(replace(query, of_one_part=False), 20_000)
    assert {near["field"].split(".")[1] for near in several} == {"kind", "block"}
    assert [(near["field"], near["k"]) for near in small] == [("vector.block.semantic", 40)]
    assert {(near["field"].split(".")[1], near["k"]) for near in large} == {
        ("kind", 20),
        ("block", 31),
    }


def test_a_sum_is_sought_in_each_kind_of_item_that_has_it():
    """Each list once, though several classes have it; kinds that a class excludes stay out."""
    vector = fused(semantic=1, visual=1)
    both = PresenceClass(("image", "text"), (), vector)
    parts = [
        PresenceClass(("image",), ("text",), 2 * vector),
        PresenceClass(("text",), ("image",), vector),
    ]
    kinds = ["kind.image_text", "kind.image_text_audio"]
    assert fields(both) == kinds
    assert sorted(fields(both, both, *parts)) == ["block.semantic", "block.visual", *kinds]
    assert set(fields(PresenceClass((), (), vector))) == {"block.semantic", "block.visual", *kinds}
    without_sound = replace(both, absent=("audio",))
    assert fields(without_sound) == ["kind.image_text"]


def test_the_length_of_a_query_does_not_count():
    """The numbers are stretched to the whole range."""
    vector = fused(semantic=1, concept=0.5)
    long, short = (
        lists([PresenceClass(("image", "text"), (), np.float32(factor) * vector)], layout())
        for factor in (1e8, 1e-8)
    )
    assert long == short
    assert max(bytes.fromhex(long[0].vector)) == 127


def test_a_computed_block_is_in_every_kind():
    """Then an item of one modality has several blocks, too."""
    first, *_ = layout().blocks
    computed = replace(first, name="joint", modality=None, part=None)
    extended = Layout((*layout().blocks, computed))
    kinds = vector_properties(extended)["kind"]["properties"]
    assert set(MODALITIES) < set(kinds)
    assert (
        kinds["audio"]["dims"]
        == first.dims + extended.slices["acoustic"].stop - extended.slices["acoustic"].start
    )
