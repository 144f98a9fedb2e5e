"""What a request may hold."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from triptych.core.errors import InvalidInput
from triptych.fusion.query import WEIGHTS
from triptych.ingest.sent import ItemRequest
from triptych.search.request import SearchRequest, decode_base64


def test_a_search_has_defaults():
    """Linear, ten hits, the default weights."""
    found = SearchRequest(text="cat")
    assert (found.fusion, found.limit, found.filter.given(), found.text) == (
        "auto",
        10,
        {},
        ("cat",),
    )
    assert found.by_modality == {"text": ("cat",)}
    assert found.weights.by_signal == WEIGHTS


def test_given_weights_replace_the_defaults():
    """The others stay."""
    given = {"text": 0, "image": 2.5, "not": 1}
    assert SearchRequest(weights=given).weights.by_signal == {**WEIGHTS, **given}


@pytest.mark.parametrize(
    "bad",
    [
        {"limit": 0}, {"limit": 101}, {"fusion": "borda"}, {"weights": {"smell": 1}},
        {"weights": {"text": -1}}, {"weights": {"text": float("nan")}},
        {"weights": {"text": float("inf")}}, {"weights": {"text": 5e-324}},
        {"filter": [""]}, {"txt": "x"}, {"text": 5},
        {"image": []}, {"audio": ["a"] * 9}, {"against": {"text": "x"}}, {"cursor": ""},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(bad):
    """Each with its field."""
    with pytest.raises(ValidationError) as caught:
        SearchRequest(**bad)
    assert caught.value.errors()[0]["loc"][0] == next(iter(bad))


@pytest.mark.parametrize(
    "bad",
    [{"id": ""}, {"id": "a\nb"}, {"id": "é" * 257}, {"tags": ["t"] * 257},
     {"metadata": {"a": [1]}}, {"metadata": {"a": float("nan")}}, {"source": "x" * 2049},
     {"metadata": {"a": 2**63}}, {"metadata": {"a": -(2**63) - 1}}, {"metadata": {"a": 10**400}},
     {"metadata": {"a": "x" * 1025}}, {"metadata": {"a": "\ud800"}}, {"tags": ["\ud800"]},
     {"source": "\ud800"}, {"id": "\ud800"}, {"id": "a/../b"}],
)  # fmt: skip
def test_items_are_bounded(bad):
    """In every field."""
    with pytest.raises(ValidationError):
        ItemRequest(text="x", **bad)


def test_values_keep_their_type():
    """Whole numbers of 64 bits stay whole, and true is no number."""
    values = {"a": 2**63 - 1, "b": -(2**63), "c": True, "d": 1.5, "e": "5", "f": None}
    found = ItemRequest(text="x", metadata=values).metadata
    assert {name: (type(value), value) for name, value in found.items()} == {
        name: (type(value), value) for name, value in values.items()
    }


@given(st.binary(max_size=50))
def test_base64_is_decoded(data):
    """Whatever the bytes."""
    assert decode_base64(base64.b64encode(data).decode(), "image") == data


@pytest.mark.parametrize("value", ["a", "a=b", "aGk", "aGk=\n", "data:image/png;base64,aGk=", "é"])
def test_what_is_not_base64_is_refused(value):
    """With the field; nothing is skipped over."""
    with pytest.raises(InvalidInput, match="image is not base64") as caught:
        decode_base64(value, "image")
    assert caught.value.field == "image"
