"""How a collection is made: what its body may say."""

from dataclasses import replace

import pytest

from support import changed, layout
from triptych.core.errors import InvalidInput, NotFound
from triptych.index.origin import Origin

PATH = "/v1/collections/c"


class Index:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[dict] = []

    def ensure(self, _: str, **wanted) -> str:
        """Refuse more than four shards."""
        self.asked.append(wanted)
        if (wanted["shards"] or 0) > 4:
            raise InvalidInput("too many", field="shards")
        return "0" * 16

    def count(self, _: str) -> dict[str, int]:
        """One item."""
        return {"indexed": 1}

    def origin(self, name: str) -> Origin:
        """Of the encoders of this process; there is no index beside it."""
        if "." in name:
            raise NotFound(name)
        return Origin(layout().fingerprint, layout().encoders, layout())

    def advice(self, _: str) -> None:
        """None."""


@pytest.fixture
def index(app) -> Index:
    """The index that the application has."""
    found, index = app.extensions["triptych"], Index()
    app.extensions["triptych"] = replace(found, engine=changed(found.engine, index=index))
    return index


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (None, {"shards": None, "replicas": None}),
        ({}, {"shards": None, "replicas": None}),
        ({"shards": 3}, {"shards": 3, "replicas": None}),
        ({"shards": 2, "replicas": 0}, {"shards": 2, "replicas": 0}),
    ],
)
def test_what_is_asked_for_reaches_the_index(http, index: Index, body, wanted):
    """What is left out stays as it is; there need not be a body."""
    response = http.put(PATH) if body is None else http.put(PATH, json=body)
    assert (response.status_code, response.json["items"]["total"]) == (200, 1)
    assert index.asked == [wanted]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"shards": 0}, "shards"),
        ({"shards": "two"}, "shards"),
        ({"replicas": -1}, "replicas"),
        ({"colour": 1}, "colour"),
        ({"shards": 5}, "shards"),
    ],
)
def test_what_can_not_be_is_refused(http, index: Index, body, field: str):
    """By the name of the field, whether the gateway or the index says so."""
    response = http.put(PATH, json=body)
    assert response.status_code == 400
    assert field in str(response.json)


def test_a_form_is_refused(http, index: Index):
    """A collection has no files."""
    assert http.put(PATH, data={"shards": "2"}).status_code == 400
    assert index.asked == []
