"""Answers as Python and as JSON have them."""

import orjson
import pytest
from pydantic import TypeAdapter

from triptych.fusion.scores import Reason
from triptych.search.answer import Answer, FacetCount, Hit, PackedReasons, Snippet, Total, dumps

BY_IMAGE = Reason(0.5, 0.4, 1, 0.3, 0.12, blocks={"visual": 0.5})
BY_WORDS = Reason(1.5, 1.0, 2, 0.7, 0.7, words={"cat": 1.5})
WHY = {"image": BY_IMAGE, "keyword": BY_WORDS}
SNIPPET = Snippet("A cat.", [(2, 5)])


def as_json(value: object) -> object:
    """What a client reads."""
    return orjson.loads(dumps(value))


def test_what_is_absent_is_left_out_of_json():
    """Only the score is null where there is none."""
    answer = Answer([Hit("a", None, {"id": "a"})], Total(1, "eq"), {"total": 1.5})
    assert orjson.loads(answer.to_json()) == {
        "hits": [{"id": "a", "score": None, "item": {"id": "a"}}],
        "total": {"value": 1, "relation": "eq"},
        "took_ms": {"total": 1.5},
    }


def test_what_is_there_is_in_json():
    """Also where it is zero or empty."""
    hit = Hit("a", 0.82, {}, {"text": [SNIPPET]}, WHY, 0)
    nothing = Hit("b", 0.0, {}, {}, {})
    counts = [FacetCount(3, value=False), FacetCount(0, gte=0, lt="x")]
    answer = Answer([hit, nothing], Total(9, "gte"), {}, {"tags": counts, "status": []}, "next")
    assert as_json(answer) == {
        "hits": [
            {
                "id": "a",
                "score": 0.82,
                "item": {},
                "highlights": {"text": [{"text": "A cat.", "spans": [[2, 5]]}]},
                "why": {
                    "image": {
                        "raw": 0.5,
                        "normalised": 0.4,
                        "rank": 1,
                        "weight": 0.3,
                        "contribution": 0.12,
                        "blocks": {"visual": 0.5},
                    },
                    "keyword": {
                        "raw": 1.5,
                        "normalised": 1.0,
                        "rank": 2,
                        "weight": 0.7,
                        "contribution": 0.7,
                        "words": {"cat": 1.5},
                    },
                },
                "inliers": 0,
            },
            {"id": "b", "score": 0.0, "item": {}, "highlights": {}, "why": {}},
        ],
        "total": {"value": 9, "relation": "gte"},
        "took_ms": {},
        "facets": {
            "tags": [{"count": 3, "value": False}, {"count": 0, "gte": 0, "lt": "x"}],
            "status": [],
        },
        "cursor": "next",
    }


def test_packed_reasons_are_reasons():
    """They can be read, and their JSON is that of the reasons."""
    packed = PackedReasons(WHY)
    assert packed == WHY
    assert list(packed) == ["image", "keyword"]
    assert len(packed) == 2
    assert packed["keyword"] == BY_WORDS
    assert as_json({"why": packed}) == as_json({"why": WHY})


def test_only_dataclasses_become_json():
    """What orjson does not know is an error, not an empty object."""
    with pytest.raises(TypeError):
        dumps(object())


def test_the_schema_knows_no_null_for_what_is_left_out():
    """Every field without a default is required, every other one is of its own type."""
    schema = TypeAdapter(Answer).json_schema(mode="serialization")
    assert schema["required"] == ["hits", "total", "took_ms"]
    assert "default" not in schema["properties"]["cursor"]
    assert schema["properties"]["cursor"]["type"] == "string"
    assert "the next page" in schema["properties"]["cursor"]["description"]
    assert schema["$defs"]["Hit"]["required"] == ["id", "score", "item"]
    assert schema["$defs"]["Hit"]["properties"]["inliers"]["type"] == "integer"
