"""Pages through real indexes that are written to meanwhile, by gateways that share nothing else."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from support import changed, ids, layout, make_item
from triptych.core.errors import NotFound
from triptych.core.settings import Settings
from triptych.fusion.blocks import fuse
from triptych.gateway.app import create_app
from triptych.gateway.services import Services, make_services
from triptych.index import SearchIndex, open_index
from triptych.index.model import Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document
from triptych.local import Stack
from triptych.media.signing import MAC_BYTES
from triptych.search.paging import Cursor
from triptych.text.analysis import terms

KINDS = ("cat", "dog", "horse", "red house", "blue boat", "green garden")
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """A gateway's parts, with real models; nothing is sent to queues."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = Settings(media_url=folder.as_uri(), index_url=folder.as_uri())
    return make_services(settings)


@pytest.fixture(scope="module", params=["elastic", "embedded"])
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SearchIndex]:
    """An open index of each kind."""
    if request.param == "elastic":
        stack: Stack = request.getfixturevalue("stack")
        url = stack.index_url
    else:
        url = tmp_path_factory.mktemp("index").as_uri()
    settings = Settings(index_url=url, index_prefix="paging")
    with closing(open_index(settings, layout())) as opened:
        yield opened


@pytest.fixture
def gateways(services: Services, index: SearchIndex) -> list[FlaskClient]:
    """Three gateways that remember nothing of each other's."""
    return [
        create_app(replace(services, engine=changed(services.engine, index=index))).test_client()
        for _ in range(3)
    ]


Write = Callable[..., None]


@pytest.fixture
def name(index: SearchIndex) -> Iterator[str]:
    """A fresh, existing collection, dropped afterwards."""
    made = f"p{uuid.uuid4().hex[:12]}"
    index.ensure(made)
    yield made
    with suppress(NotFound):
        index.drop(made)


@pytest.fixture
def write(services: Services, index: SearchIndex, name: str) -> Write:
    """Writes items of these texts under a version."""

    def send(texts: dict[str, str], version: int) -> None:
        vectors = services.engine.extractors["text"](list(texts.values())).blocks["semantic"]
        blocks = [{"semantic": vector} for vector in vectors]
        items = tuple(
            make_item(
                item,
                text=text,
                tags=("all",),
                words={"text": " ".join(terms(text, "en"))},
                metadata={"number": number % 5},
            )
            for number, (item, text) in enumerate(texts.items())
        )
        chunk = Chunk("any", version, layout().fingerprint, (), items)
        fused = fuse(blocks, layout())
        index.bulk(
            name,
            [
                Versioned(document(chunk, item, row), version)
                for item, row in zip(items, fused, strict=True)
            ],
        )
        index.refresh(name)

    send({f"i{n:03}": f"a {KINDS[n % len(KINDS)]} number {n}" for n in range(150)}, 1)
    return send


@pytest.fixture
def disturb(index: SearchIndex, name: str, write: Write) -> Callable[[], None]:
    """Deletes, overwrites and adds, differently each time."""
    version = 1

    def now() -> None:
        nonlocal version
        version += 1
        for number in range(version, 150, 10):
            with suppress(NotFound):
                index.delete(name, f"i{number:03}", version)
        changed = {f"i{n:03}": "an old shoe" for n in range(version + 1, 150, 10)}
        added = {f"n{version}x{n}": "a cat, a cat, a cat number 1" for n in range(5)}
        write({**changed, **added}, version)

    return now


QUERIES: list[dict[str, Any]] = [
    {"text": "a cat"},
    {"text": "a cat", "fusion": "rrf", "filter": {"tags": "all"}},
    {"text": "+house", "sort": ["metadata.number", {"field": "score", "order": "desc"}]},
    {"text": "item:i000", "not": {"text": "dog"}},
    {},
    {"sort": [{"field": "metadata.number", "order": "desc"}], "filter": {"tags": ["all"]}},
]


@pytest.mark.parametrize("body", QUERIES)
def test_nothing_twice_nothing_lost(
    gateways: list[FlaskClient], name: str, disturb: Callable[[], None], body: dict[str, Any]
):
    """Every page from another gateway, between them writes, updates and deletes."""
    path = f"/v1/collections/{name}/search"
    whole = gateways[0].post(path, json={**body, "limit": 100, "cursor": "*"}).json
    first: list[Answer] = list(whole["hits"])
    if "cursor" in whole:
        more = {**body, "limit": 100, "cursor": whole["cursor"]}
        first += gateways[0].post(path, json=more).json["hits"]
    hits: list[Answer] = []
    cursor, turn = "*", 0
    while cursor:
        asked = {**body, "limit": 23, "cursor": cursor}
        response = gateways[turn % 3].post(path, json=asked)
        assert response.status_code == 200, response.text
        answer = response.json
        hits += answer["hits"]
        cursor, turn = answer.get("cursor"), turn + 1
        if turn < 4:
            disturb()
    assert [hit["id"] for hit in hits] == [hit["id"] for hit in first]
    assert len({hit["id"] for hit in hits}) == len(hits)
    assert hits == first


def test_a_page_is_the_beginning_of_the_search(
    gateways: list[FlaskClient], name: str, write: Write
):
    """The same hits in the same order, with the same scores and reasons."""
    path = f"/v1/collections/{name}/search"
    body = {"text": "a cat number 12", "limit": 20}
    plain = gateways[0].post(path, json=body).json
    paged = gateways[1].post(path, json={**body, "cursor": "*"}).json
    assert ids(plain)[:5] == ids(paged)[:5]
    assert plain["hits"][0] == paged["hits"][0]


def test_what_was_removed_is_gone_for_new_pagings(
    gateways: list[FlaskClient], name: str, disturb: Callable[[], None]
):
    """A snapshot is one of its paging alone."""
    path = f"/v1/collections/{name}/search"
    old = gateways[0].post(path, json={"cursor": "*", "limit": 100, "fields": []}).json
    disturb()
    new = gateways[0].post(path, json={"cursor": "*", "limit": 100, "fields": []}).json
    assert "i002" in ids(old)
    assert "i002" not in ids(new)


def test_a_collection_that_is_gone_ends_the_paging(
    gateways: list[FlaskClient], index: SearchIndex, name: str, write: Write
):
    """With an error that says so, not with pages of nothing."""
    path = f"/v1/collections/{name}/search"
    for body in ({"text": "a cat"}, {}):
        write({f"i{n:03}": "a cat" for n in range(30)}, 5)
        cursor = gateways[0].post(path, json={**body, "cursor": "*"}).json["cursor"]
        index.drop(name)
        response = gateways[1].post(path, json={**body, "cursor": cursor})
        assert response.status_code in {404, 410}, response.text
        index.ensure(name)


@pytest.mark.parametrize("body", [{"text": "a cat"}, {}])
def test_a_forged_cursor_is_the_callers_mistake(
    gateways: list[FlaskClient], name: str, write: Write, body: dict[str, Any]
):
    """Whoever knows how to write one gets an error for a snapshot and a place that are none."""
    path = f"/v1/collections/{name}/search"
    written = gateways[0].post(path, json={**body, "cursor": "*"}).json["cursor"]
    secret = gateways[0].application.extensions["triptych"].engine.searcher.secret
    cursor = Cursor(*json.loads(base64.urlsafe_b64decode(written + "==")[MAC_BYTES:]))
    places = ["x", [], [1, 2, 3], {}, -5, 2.5, None, "1" * 100]
    forged = [replace(cursor, snapshot=one) for one in ("", "x", "..", "AAAA", 5, None)]
    for one in [*forged, *(replace(cursor, position=place) for place in places)]:
        response = gateways[1].post(path, json={**body, "cursor": one.write(secret)})
        assert 400 <= response.status_code < 500, (one, response.text)
        assert response.json["field"] == "cursor", (one, response.text)
