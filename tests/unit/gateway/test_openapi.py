"""The description of the interface says what the interface is."""

import json
import re
from pathlib import Path

import pytest
import schemathesis
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from support import layout
from triptych.core import errors
from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS
from triptych.gateway.access import needed_by
from triptych.gateway.keyring import SCOPES
from triptych.index.elastic.mapping import properties
from triptych.ingest.sent import ItemLine, ItemRequest
from triptych.search.filtering import read_facets, read_filter, read_sort
from triptych.search.request import SearchRequest

METHODS = {"GET", "PUT", "POST", "DELETE", "PATCH"}
OPERATION_IDS = [
    "activate_model", "cancel_batch", "cancel_rebuild", "cancel_training", "change_item",
    "create_batch", "create_collection", "create_item", "create_key", "create_token",
    "create_upload",
    "deactivate_model", "delete_collection",
    "delete_item", "delete_items", "delete_model", "delete_previous_index", "delete_upload",
    "find_known_items",
    "get_batch", "get_collection", "get_health", "get_item", "get_limits",
    "get_media", "get_metrics",
    "get_model", "get_openapi", "get_readiness", "get_thumbnail", "get_training",
    "get_upload_offset", "get_waveform",
    "list_batch_failures", "list_batches", "list_collections", "list_items", "list_keys",
    "list_models",
    "list_similar_items", "pause_batch", "rebuild_collection", "reconcile", "resume_batch",
    "retry_batch", "revoke_key", "roll_back_collection", "search",
    "send_upload_part", "similar_items", "train_model", "watch_batch",
]  # fmt: skip


@pytest.fixture
def document(http):
    """As it is served."""
    response = http.get("/openapi.json")
    assert response.content_type == "application/json"
    return response.json


def test_it_is_a_valid_document(document):
    """By the specification's own schema; every reference leads somewhere, nothing is left over."""
    schemathesis.openapi.from_dict(document).validate()
    schemas = document["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    parameters = {"BatchQuery", "BatchesQuery", "FailuresQuery", "HoldingsQuery"}
    parameters |= {
        "PreviewQuery",
        "SimilarQuery",
        "ThumbnailQuery",
        "WaitQuery",
        "TusHeaders",
        "CreationHeaders",
        "PartHeaders",
    }
    assert named | parameters == set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def operations(document):
    """Every operation."""
    return [one for path in document["paths"].values() for one in path.values()]


def test_every_route_is_in_it(app, document):
    """With an id, a summary, and every path parameter described; pages are for people."""
    routes = {
        (re.sub(r"<(?:\w+(?:\(.*?\))?:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("page.")
        for method in rule.methods & METHODS or rule.methods & {"HEAD"}
    }
    described = {(path, method) for path, one in document["paths"].items() for method in one}
    assert described == routes
    ids = [one["operationId"] for one in operations(document)]
    assert sorted(ids) == sorted(OPERATION_IDS)
    assert all(one["summary"] for one in operations(document))


def test_every_route_says_what_a_key_needs_for_it(app, document):
    """A view that says nothing is for keys that may do everything; the description is of these."""
    undeclared = {name for name, view in app.view_functions.items() if needed_by(view) is None}
    assert undeclared == set()
    free = {one["operationId"] for one in operations(document) if not one["security"]}
    assert free == {"get_health", "get_openapi", "get_readiness"}
    for one in operations(document):
        named = [scope for way in one["security"] for scope in way["key"]]
        assert set(named) <= set(SCOPES)
        assert ({"401", "403"} <= set(one["responses"])) is bool(named)
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_route_is_in_the_docs(document):
    """A row of the table for each, with the name of its operation; and no other row."""
    page = (Path(__file__).parents[3] / "docs/api.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/[^`]*)` \| `(\w+)` \|", page, re.MULTILINE)
    assert sorted((method, without_names(path), name) for method, path, name in rows) == sorted(
        (method.upper(), without_names(path), one["operationId"])
        for path, entry in document["paths"].items()
        for method, one in entry.items()
        if method.upper() in METHODS | {"HEAD"}
    )


def without_names(path: str) -> str:
    """A path whose variables are called nothing."""
    return re.sub(r"\{\w+\}", "{}", path)


def test_the_webhook_is_described(document):
    """Its body is what a look at the batch answers."""
    sent = document["webhooks"]["batch_ended"]["post"]["requestBody"]["content"]
    shown = document["paths"]["/v1/batches/{batch}"]["get"]["responses"]["200"]["content"]
    assert sent == shown == {
        "application/json": {"schema": {"$ref": "#/components/schemas/BatchState"}}
    }  # fmt: skip


def test_ids_are_names_of_methods(document):
    """Of Python and of everything else."""
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in OPERATION_IDS)
    assert len(set(OPERATION_IDS)) == len(OPERATION_IDS)


def test_every_answer_has_a_type(document):
    """But for empty ones; errors are problem documents."""
    for one in operations(document):
        assert {"200", "201", "202", "204"} & set(one["responses"])
        for status, answer in one["responses"].items():
            content = answer.get("content", {})
            empty = status in {"201", "204", "304"} and one["operationId"] not in {
                "create_key", "create_token"
            }  # fmt: skip
            if empty or one["operationId"] == "get_upload_offset":
                assert not content
            elif int(status) < 400 or (one["operationId"] == "get_readiness" and status == "503"):
                types = {
                    "get_metrics": {"text/plain"},
                    "watch_batch": {"text/event-stream"},
                    "get_media": {"application/octet-stream", "*/*"},
                    "get_thumbnail": {"image/webp", "application/octet-stream"},
                }
                assert set(content) == types.get(one["operationId"], {"application/json"})
            else:
                assert content == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }


def test_requests_are_the_models_that_check_them(document):
    """Names, bounds and patterns are theirs."""
    schemas = document["components"]["schemas"]
    search = schemas["SearchRequest"]["properties"]
    assert search["limit"]["maximum"] == 100
    assert {"text", "image", "audio", "not", "cursor", "facets"} <= set(search)
    path = document["paths"]["/v1/collections/{collection}/search"]["post"]
    assert not path["requestBody"]["required"]
    assert path["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/SearchRequest"
    }
    assert path["requestBody"]["content"]["multipart/form-data"]["schema"] == {
        "$ref": "#/components/schemas/SearchForm"
    }
    form = schemas["SearchForm"]["properties"]
    assert list(form) == [*search, "not.image", "not.audio"]
    assert form["limit"]["contentSchema"]["maximum"] == 100
    (name,) = path["parameters"]
    assert name["schema"]["pattern"] == r"^[a-z0-9][a-z0-9_-]{0,63}$"


def test_errors_are_problem_documents(http, document):
    """With every type there is."""
    schema = document["components"]["schemas"]["Problem"]
    types = schema["properties"]["type"]["enum"]
    slugs = set(re.findall(r'slug(?:: .+?)? = "(.+)"', Path(errors.__file__).read_text("utf-8")))
    assert {f"urn:triptych:problem:{slug}" for slug in {*slugs, "http"}} == set(types)
    for path in ("/v1/collections/NO", "/nowhere", "/v1/batches/x"):
        response = http.get(path)
        assert response.content_type == "application/problem+json"
        Draft202012Validator(schema).validate(response.json)


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"filter": {"tags": ["a", "b"], "status": "failed", "id": {"any": ["x"]}}}, True),
        ({"filter": {"tags": []}}, True),
        ({"filter": {"id": []}}, False),
        ({"filter": {"status": "lost"}}, False),
        ({"filter": {"modalities": ["smell"]}}, False),
        ({"filter": {"tags": 1}}, False),
        ({"filter": {"tags": ""}}, False),
        ({"filter": {"tags": {"gte": "a"}}}, False),
        ({"filter": {"colour": "red"}}, False),
        ({"filter": {"metadata.": 1}}, False),
        ({"filter": {"metadata.x": 1, "metadata.y": True, "metadata.z": ["a", 2]}}, True),
        ({"filter": {"metadata.x": {"gte": 1, "lt": 2, "none": [1.5]}}}, True),
        ({"filter": {"metadata.x": {"gte": 1, "lt": "b"}}}, False),
        ({"filter": {"metadata.x": {"gte": True}}}, False),
        ({"filter": {"metadata.x": {}}}, False),
        ({"filter": {"metadata.x": None}}, True),
        ({"filter": {"metadata.x": 2**64}}, False),
        ({"filter": {"added": {"gte": "2026-01-31", "lt": "2026-01-31T12:00:00Z"}}}, True),
        ({"filter": {"added": {"gte": 1}}}, False),
        ({"filter": {"added": "2026-01-31"}}, False),
        ({"facets": ["tags", "keywords", "modalities", "status", "language"]}, True),
        ({"facets": ["metadata.x", {"field": "added", "ranges": [{"gte": "2026-01-31"}]}]}, True),
        ({"facets": [{"field": "metadata.x", "ranges": [{"gte": 1}, {"lt": "b"}]}]}, True),
        ({"facets": [{"field": "metadata.x", "ranges": [{}]}]}, False),
        ({"facets": ["id"]}, False),
        ({"facets": ["colour"]}, False),
        ({"sort": ["id", {"field": "added", "order": "desc"}, "metadata.x", "score"]}, True),
        ({"sort": ["tags"]}, False),
        ({"sort": ["id"] * 5}, False),
        ({"text": ["a"] * 8, "not": {"image": "item:x"}, "limit": 100}, True),
        ({"text": ["a"] * 9}, False),
        ({"text": []}, False),
        ({"not": {"text": None}, "image": None}, True),
        ({"limit": 101}, False),
        ({"colour": 1}, False),
    ],
)  # fmt: skip
def test_the_description_of_a_search_is_what_is_accepted(document, body, accepted):
    """Also where code decides, and no model."""
    schema = {"$ref": "#/components/schemas/SearchRequest", "components": document["components"]}
    assert Draft202012Validator(schema).is_valid(body) is accepted
    assert is_accepted(body) is accepted


def is_accepted(body) -> bool:
    """Whether the code takes it."""
    try:
        request = SearchRequest.model_validate(body)
        read_filter(request.filter)
        read_facets(request.facets)
        read_sort(request.sort, scored=True)
    except (InvalidInput, ValidationError):
        return False
    return True


@pytest.mark.parametrize(
    ("metadata", "accepted"),
    [
        ({"a-1_B": "x", "n": 1, "f": 0.5, "b": True, "nothing": None}, True),
        ({"n": 2**63 - 2**10, "m": -(2**63), "s": "x" * 1024}, True),
        ({"n": 2**63}, False),
        ({"n": -(2**64)}, False),
        ({"s": "x" * 1025}, False),
        ({"l": ["x"]}, False),
        ({"o": {}}, False),
        ({"Exif.Image.Make": "x", "Camera Model": 1, "Größe": 3, "ä": None}, True),
        ({" a": 1}, False),
        ({"a ": 1}, False),
        ({"a\x07b": 1}, False),
        ({"": 1}, False),
        ({"x" * 65: 1}, False),
        ({f"k{n}": n for n in range(65)}, False),
    ],
)
def test_the_description_of_metadata_is_what_is_accepted(document, metadata, accepted):
    """In items and in lines."""
    for model in (ItemRequest, ItemLine):
        schema = document["components"]["schemas"][model.__name__]
        assert Draft202012Validator(schema).is_valid({"metadata": metadata}) is accepted
        try:
            model(metadata=metadata)
        except ValidationError:
            assert not accepted
        else:
            assert accepted


def test_an_item_is_what_the_index_has_of_it(document):
    """Without what clients never see."""
    fields = set(properties(layout())) - set(FIELDS.hidden)
    schemas = document["components"]["schemas"]
    assert set(schemas["ItemDocument"]["properties"]) == fields
    returned = {"$ref": "#/components/schemas/SearchRequest", "components": {"schemas": schemas}}
    validator = Draft202012Validator(returned)
    assert validator.is_valid({"fields": [*fields, "metadata.x"]})
    assert not any(validator.is_valid({"fields": [name]}) for name in FIELDS.hidden)
