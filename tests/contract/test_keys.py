"""Keys of metadata as other programs name them: with dots, spaces and any letters."""

import uuid

import pytest
from pydantic import ValidationError

from contract.documents import make, write
from triptych.index import SearchIndex
from triptych.index.model import Condition, Facet, Listing, Range, Sort
from triptych.ingest.sent import ItemLine

KEYS = ("Exif.Image.Make", "Camera Model", "Größe", "a..b", ".", ".a", "*", "a:b",
        "predictions.label", "x" * 64)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_looked_up(index: SearchIndex, key: str):
    """And meets no other one, nor a field of ours."""
    name = f"c{uuid.uuid4().hex[:12]}"
    index.ensure(name)
    try:
        documents = [make(f"i{number}", metadata={key: number}) for number in range(3)]
        documents.append(make("other", metadata={f"{key[:63]}-": 1}))
        documents[1].document["predictions"] = {"label": 2}
        write(index, name, documents)

        def listed(**request) -> list[str]:
            return [one["id"] for one in index.list(name, Listing(**request)).documents]

        field = f"metadata.{key}"
        assert listed(filter=[Condition(field, any_of=(2,))]) == ["i2"]
        assert listed(filter=[Condition(field, within=Range(gte=1))]) == ["i1", "i2"]
        assert listed(sort=[Sort(field, descending=True)])[:3] == ["i2", "i1", "i0"]
        page = index.list(name, Listing(facets=[Facet(field, 5)]))
        assert {entry["value"]: entry["count"] for entry in page.facets[field]} == {
            0: 1,
            1: 1,
            2: 1,
        }
        (only,) = index.list(
            name, Listing(filter=[Condition("id", any_of=("i1",))], fields=[field])
        ).documents
        assert only == {"id": "i1", "metadata": {key: 1}}
        assert index.get(name, "i1")["metadata"] == {key: 1}
    finally:
        index.drop(name)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_may_be_sent(key: str):
    """In a line of a manifest."""
    assert ItemLine(text="x", metadata={key: 1}).values()["metadata"] == {key: 1}


def test_a_key_has_one_form():
    """A Mac writes two characters for one."""
    assert ItemLine(text="x", metadata={"Gro\u0308ße": 1}).values()["metadata"] == {"Größe": 1}


@pytest.mark.parametrize("key", ["", " a", "a ", "a\n", "\x07", "a\x7fb", "x" * 65])
def test_what_is_no_key(key: str):
    """What nobody would see, or could type."""
    with pytest.raises(ValidationError):
        ItemLine(text="x", metadata={key: 1})
