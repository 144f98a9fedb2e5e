"""Every field of the catalogue does what it declares: on both indexes, through every way in."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from contract.documents import make
from support import ids, layout, settle, wait_for
from triptych.cli.main import app
from triptych.client import Client
from triptych.core.fields import FIELDS, Field, Kind, strings
from triptych.core.instants import iso, microseconds
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.index import SearchIndex, migration, open_index
from triptych.index.model import Listing, Versioned
from triptych.local import Stack, StackOptions, running_stack
from triptych.search.filtering import read_facets, read_filter, read_sort
from triptych.search.request import SearchRequest

COUNT = 6
FIRST = 1_700_000_000_000_000
LANGUAGES = ("de", "en", "fr")


def key(field: Field) -> str:
    """A key of a field with keys."""
    return next(iter(field.keys), "key")


def each(fields: tuple[Field, ...]) -> pytest.MarkDecorator:
    """A test for each of these fields, by name."""
    return pytest.mark.parametrize("field", fields, ids=lambda field: field.name)


def named(field: Field) -> str:
    """A field as a request names it."""
    return f"{field.name}.{key(field)}" if field.keyed else field.name


def value(field: Field, number: int) -> Any:
    """A value that a document, or a client, gives a field; some items share it."""
    if field.kind in {Kind.WHOLE, Kind.INSTANT}:
        return FIRST + number // 2
    if field.kind is Kind.NUMBER:
        return number // 2 + 0.25
    if field.keyed:
        more = {} if field.keys else {"words": f"words-{number // 2}"}
        return {key(field): number // 2, **more}
    if field.kind is Kind.PLACE:
        return {"latitude": number // 2, "longitude": -0.5}
    if field.kind is not Kind.KEYWORD:
        return f"words {number}"
    choices = field.choices or (LANGUAGES if field.name == "language" else ())
    one = choices[number // 2 % len(choices)] if choices else f"{field.name}-{number // 2}"
    if field.name == "id":
        one = f"item-{number}"
    return [one] if field.many else one


def compared(field: Field, document: dict[str, Any]) -> Any:
    """The one value of a document that filters, facets and sorts of a field look at."""
    found = document[field.path]
    if field.many:
        (found,) = found
    return found[key(field)] if field.keyed else found


def as_sent(field: Field, found: Any) -> Any:
    """A compared value as a request writes it."""
    return iso(found) if field.kind is Kind.INSTANT and isinstance(found, int) else found


def equal_to(field: Field, found: Any) -> Any:
    """A condition on a field: that it has this value."""
    sent = as_sent(field, found)
    if field.kind is Kind.PLACE:
        return {**sent, "within": 1}
    return {"gte": sent, "lte": sent} if field.kind is Kind.INSTANT else sent


# Both indexes


def documents() -> list[Versioned]:
    """Items that have a value in every field that is public or compared."""
    made = []
    for number in range(COUNT):
        document = dict(make(f"item-{number}", version=FIRST + number // 2).document)
        for field in FIELDS.stored:
            if field.public and field.kind is not Kind.OBJECT and field.name != "fingerprint":
                document[field.name] = value(field, number)
        document |= {
            field.name: {"text": "words"} for field in FIELDS.stored if field.kind is Kind.OBJECT
        }
        made.append(Versioned(document, FIRST + number // 2))
    return made


DOCUMENTS = documents()


def listed(index: SearchIndex, name: str, **request: Any) -> Listing:
    """The page of a listing as a client asks for it."""
    asked = SearchRequest.model_validate(request)
    return index.list(
        name,
        Listing(
            filter=read_filter(asked.filter),
            sort=read_sort(asked.sort, scored=False),
            facets=read_facets(asked.facets),
            fields=asked.fields,
            limit=100,
        ),
    )


@pytest.fixture(scope="module")
def filled(index: SearchIndex) -> Iterator[str]:
    """A collection of the documents."""
    name = f"c{uuid.uuid4().hex[:12]}"
    index.ensure(name)
    assert {outcome.result for outcome in index.bulk(name, DOCUMENTS)} == {"written"}
    index.refresh(name)
    yield name
    index.drop(name)


@each(FIELDS.filterable)
def test_a_filter_finds(index: SearchIndex, filled: str, field: Field):
    """The items that have a value, and no others."""
    for entry in DOCUMENTS:
        wanted = compared(field, entry.document)
        page = listed(index, filled, filter={named(field): equal_to(field, wanted)})
        assert [document["id"] for document in page.documents] == [
            other.document["id"] for other in DOCUMENTS if compared(field, other.document) == wanted
        ]


@each(FIELDS.facetable)
def test_a_facet_counts(index: SearchIndex, filled: str, field: Field):
    """Values, or ranges where values are too many."""
    counts = Counter(compared(field, entry.document) for entry in DOCUMENTS)
    facet: dict[str, Any] = {"field": named(field)}
    if field.kind is Kind.INSTANT:
        facet["ranges"] = [equal_to(field, each) for each in counts]
    page = listed(index, filled, facets=[facet])
    found = page.facets[named(field)]
    if field.kind is Kind.INSTANT:
        assert [entry["count"] for entry in found] == list(counts.values())
    else:
        assert {entry["value"]: entry["count"] for entry in found} == dict(counts)


@each(FIELDS.sortable)
def test_a_sort_orders(index: SearchIndex, filled: str, field: Field):
    """Both ways; equals by id."""
    for order, reverse in (("asc", False), ("desc", True)):
        page = listed(index, filled, sort=[{"field": named(field), "order": order}])
        by_value = sorted(
            DOCUMENTS, key=lambda entry: compared(field, entry.document), reverse=reverse
        )
        assert [document["id"] for document in page.documents] == [
            entry.document["id"] for entry in by_value
        ]


@each(FIELDS.stored)
def test_what_is_public_comes_back(index: SearchIndex, filled: str, field: Field):
    """In full, and alone; what is hidden never does."""
    whole = {document["id"]: document for document in listed(index, filled).documents}
    for entry in DOCUMENTS:
        item = entry.document["id"]
        assert (field.name in whole[item]) is field.public
        if field.public:
            wanted = as_sent(field, entry.document[field.name])
            assert whole[item][field.name] == wanted
            alone = listed(index, filled, filter={"id": item}, fields=[field.name]).documents
            assert alone == [{"id": item, field.name: wanted}]


@pytest.mark.parametrize("embedded_first", [True, False], ids=["to elastic", "to embedded"])
def test_a_migration_keeps_every_field(elastic_url: str, tmp_path: Path, *, embedded_first: bool):
    """From one index into the other; what is filtered, counted and sorted by stays so."""
    urls = (tmp_path.as_uri(), elastic_url) if embedded_first else (elastic_url, tmp_path.as_uri())
    name = f"c{uuid.uuid4().hex[:12]}"
    with ExitStack() as opened:
        source, target = (
            opened.enter_context(
                closing(open_index(Settings(index_url=url, index_prefix="fields"), layout()))
            )
            for url in urls
        )
        source.ensure(name)
        opened.callback(source.drop, name)
        source.bulk(name, DOCUMENTS)
        assert [copied.done for copied in migration.copy(source, target, name)] == [COUNT]
        opened.callback(target.drop, name)
        assert migration.compare(source, target, name, sample=COUNT).lines == []
        for field in FIELDS.filterable:
            wanted = compared(field, DOCUMENTS[0].document)
            request: dict[str, Any] = {"filter": {named(field): equal_to(field, wanted)}}
            here, there = (listed(index, name, **request) for index in (source, target))
            assert here.documents == there.documents
            assert here.documents


# Every way in

WAYS = ("json", "form", "manifest", "upload", "command")
SENT = {
    way: {field.name: as_sent(field, value(field, number)) for field in FIELDS.sendable}
    | {"id": way}
    for number, way in enumerate(WAYS)
}


@pytest.fixture(scope="module", params=["stack_on_elastic", "stack_on_embedded"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """The address of a gateway with workers: real processes."""
    if request.param == "stack_on_elastic":
        yield request.getfixturevalue("stack").gateway_url
        return
    options = StackOptions(name="fields", port=0, index="embedded", image_workers=1, keep=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("fields")))
        with running_stack(options) as running:
            running_one: Stack = running
            yield running_one.gateway_url


@pytest.fixture(scope="module")
def sent(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A collection with an item by each way in."""
    name = f"fields-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=gateway, timeout=120) as http, Client(gateway) as client:
        items = f"/v1/collections/{name}/items?wait=60"
        http.post(items, json=SENT["json"]).raise_for_status()
        form = {
            key: (None, each if isinstance(each, str) else json.dumps(each))
            for key, each in SENT["form"].items()
        }
        http.post(items, files=form).raise_for_status()
        wait_for(client, client.submit_manifest(name, line("manifest"))["batch"])
        files = {"manifest": ("manifest.jsonl", line("upload"))}
        batch = http.post(f"/v1/collections/{name}/batches", files=files).raise_for_status()
        wait_for(client, batch.json()["batch"])
        manifest = tmp_path_factory.mktemp("add") / "items.jsonl"
        manifest.write_bytes(line("command"))
        run("add", str(manifest), "--url", gateway, "-c", name)
        assert settle(http, name) == {"total": len(WAYS), "indexed": len(WAYS)}
        yield name
        client.delete_collection(name)


def line(way: str) -> bytes:
    """A manifest of one line."""
    return json.dumps(SENT[way]).encode()


def run(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


@pytest.mark.parametrize("way", WAYS)
@each(FIELDS.sendable)
def test_what_is_sent_arrives(gateway: str, sent: str, field: Field, way: str):
    """As it was sent."""
    with Client(gateway) as client:
        assert client.item(sent, way)[field.name] == SENT[way][field.name]


@each(FIELDS.sendable)
def test_the_command_line_searches_by_what_was_sent(gateway: str, sent: str, field: Field):
    """With a filter, a facet and a sort, as far as the field has them."""
    values = {way: compared(field, SENT[way]) for way in WAYS}
    search = ("search", "--url", gateway, "-c", sent, "--json")
    if field.filterable:
        for wanted in values.values():
            signs = (">=", "<=") if field.kind is Kind.INSTANT else ("=",)
            filters = [f"--filter={named(field)}{sign}{wanted}" for sign in signs]
            if field.kind is Kind.PLACE:
                filters = ["--filter", json.dumps({field.name: equal_to(field, wanted)})]
            answer = json.loads(run(*search, *filters))
            assert set(ids(answer)) == {way for way in WAYS if values[way] == wanted}
    if field.facetable and field.kind is not Kind.INSTANT:
        answer = json.loads(run(*search, "--facet", named(field)))
        counts = {entry["value"]: entry["count"] for entry in answer["facets"][named(field)]}
        assert counts == Counter(values.values())
    if field.sortable:
        answer = json.loads(run(*search, "--sort", f"{named(field)}:desc"))
        order = microseconds if field.kind is Kind.INSTANT else None
        by_value = sorted(values.values(), key=order, reverse=True)
        assert [values[way] for way in ids(answer)] == by_value


@each(tuple(field for field in FIELDS.sendable if field.searchable))
def test_words_of_what_was_sent_are_found(gateway: str, sent: str, field: Field):
    """In this field, and in this field alone."""
    search = ("search", "--url", gateway, "-c", sent, "--json", "--weight", "text=0")
    for way in WAYS:
        (words,) = strings(SENT[way][field.name])
        answer = json.loads(run(*search, f'{field.name}:"{words}"', "--highlight"))
        found = {other for other in WAYS if strings(SENT[other][field.name]) == [words]}
        assert set(ids(answer)) == found
        assert {tuple(hit["highlights"]) for hit in answer["hits"]} == {(field.name,)}


def test_an_engine_adds_and_searches_by_every_field(tmp_path: Path):
    """In process, without a server."""
    with Engine.open(tmp_path) as engine:
        report = engine.add("c", [dict(SENT[way]) for way in WAYS])
        assert (report.done, report.failed) == (len(WAYS), 0)
        for field in FIELDS.sendable:
            values = {way: compared(field, SENT[way]) for way in WAYS}
            assert {way: engine.item("c", way)[field.name] for way in WAYS} == {
                way: SENT[way][field.name] for way in WAYS
            }
            if field.filterable:
                wanted = values[WAYS[0]]
                answer = engine.search("c", filter={named(field): equal_to(field, wanted)})
                found = {hit.id for hit in answer.hits}
                assert found == {way for way in WAYS if values[way] == wanted}


def test_openapi_describes_every_field(gateway: str):
    """What may be sent, what is answered, and what a filter may name."""
    schemas = httpx.get(f"{gateway}/openapi.json").json()["components"]["schemas"]
    sendable = {field.name for field in FIELDS.sendable}
    for model, files in (
        ("ItemRequest", {"image", "audio"}),
        ("ItemLine", {"image", "audio", "text_file"}),
    ):
        assert sendable | files == set(schemas[model]["properties"])
    filterable = {field.name for field in FIELDS.filterable if not field.keyed}
    assert filterable | {"and", "or", "not"} == set(schemas["Filter"]["properties"])
    item = schemas.get("Item") or schemas["ItemDocument"]
    assert set(item["properties"]) == set(FIELDS.public)
