"""The web page: what it shows without any script, and what it never lets through."""

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser

import pytest
from werkzeug.datastructures import MultiDict

import learnt
from triptych.core.errors import Busy, FingerprintMismatch, IndexUnavailable, InvalidInput
from triptych.core.item import Note
from triptych.engine import Engine
from triptych.engine.learning import Gained
from triptych.fusion.scores import Reason
from triptych.fusion.strategies.comparison import Gain
from triptych.gateway.page import plots, reference, shown
from triptych.gateway.page.assets import assets, version
from triptych.gateway.page.state import FACETS, SHOWN, read_state
from triptych.ingest.collection_models import Verdict
from triptych.search.answer import Hit, Snippet
from unit.seeded import cats_and_others, document, vector

EVIL = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'
BUDGET = 100_000


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Note it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Note it."""
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind that have these."""
        return [
            one for name, one in self.found if name == tag and attributes.items() <= one.items()
        ]


@pytest.fixture
def client(make_client, index):
    """A gateway over thirty texts, and items with other parts."""
    index.add(*cats_and_others())
    return make_client()


def look(client, path: str, status: int = 200) -> Elements:
    """A page, which must be of the status."""
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.content_type == "text/html; charset=utf-8"
    return Elements(response.text)


PAGES = (
    "/collections",
    "/c/c",
    "/c/c?q=cat",
    "/c/c/items/all",
    "/c/nowhere",
    "/c/c?near=here",
    "/c/c/upload",
)


@pytest.mark.parametrize("path", PAGES)
def test_pages_allow_nothing_but_their_own_files(client, path):
    """By their headers, and they need no more: nothing inline, nothing foreign."""
    response = client.get(path)
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*", response.headers["Content-Security-Policy"])
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "microphone=(self)" in response.headers["Permissions-Policy"]
    page = Elements(response.text)
    for tag, attributes in page.found:
        assert tag != "style"
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert tag != "script" or attributes["src"]
        for name in ("src", "href", "action"):
            assert re.match(r"[/#](?!/)", attributes.get(name) or "/"), attributes


def test_its_files_are_kept_for_long_under_the_digest_of_all(client):
    """An address of another version is never kept, and what is not there is a 404."""
    page = look(client, "/c/c")
    (sheet,) = page.all("link", rel="stylesheet")
    response = client.get(sheet["href"])
    assert response.content_type == "text/css; charset=utf-8"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = client.get(sheet["href"], headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    old = client.get("/static/0123456789abcdef/page.css")
    assert old.headers["Cache-Control"] == "no-cache"
    assert old.data == response.data
    for name in ("nothing.js", "page.py", "..%2fviews.py"):
        assert client.get(f"/static/{version()}/{name}").status_code == 404
    assert {one.get("Content-Type") for one in [response.headers]} == {"text/css; charset=utf-8"}
    assert client.get(f"/static/{version()}/search.js").mimetype == "text/javascript"


def imported(name: str) -> set[str]:
    """A script, and all that it imports."""
    names = {name}
    for one in re.findall(rb'from "\./([\w.]+)"', assets()[name]):
        names |= imported(one.decode())
    return names


def test_the_first_page_is_light(client):
    """The page of a collection with all its files, as they are sent."""
    page = client.get("/c/c")
    names = {"page.css", "theme.js", "icon.svg", *imported("search.js")}
    assert {"rank.js", "state.js"} < names
    assert len(page.data) + sum(len(assets()[name]) for name in names) < BUDGET


def test_a_search_needs_no_script(client):
    """Its hits, bars and counts are those of the API."""
    page = look(client, "/c/c?q=cat+number3&not=whole&w=text:2&tags=all")
    body = {"text": "cat number3", "not": {"text": "whole"}, "weights": {"text": 2.0}}
    body |= {"limit": 24, "filter": {"tags": ["all"]}}
    answer = client.post("/v1/collections/c/search", json=body).json
    assert [one["data-id"] for one in page.all("li", **{"class": "hit"})] == [
        hit["id"] for hit in answer["hits"]
    ]
    shown_values = [
        (one["data-signal"], float(one["data-value"]))
        for one in page.all("li")
        if "data-value" in one
    ]
    assert sorted(shown_values) == sorted(
        (signal, reason["contribution"])
        for hit in answer["hits"]
        for signal, reason in hit["why"].items()
    )
    assert "30 items" in page.text
    assert page.all("input", id="q", value="cat number3")
    assert "checked" in page.all("input", name="tags", value="all")[0]
    assert look(client, "/c/c?q=number3").found.count(("mark", {})) == 1


def test_a_listing_begins_with_the_latest(client):
    """Without failed items."""
    page = look(client, "/c/c")
    ids = [one["data-id"] for one in page.all("li", **{"class": "hit"})]
    assert ids[:2] == ["all", "seen"]
    assert "none" not in ids
    assert not [one for one in page.all("li") if "data-value" in one]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("near=here", "near: 3 numbers are accepted, not 'here'"),
        ("near=1,2", "3 numbers"),
        ("near=nan,0,1", "3 numbers"),
        ("box=1,2,3", "box: 4 numbers"),
        ("w=smell:1", "weights: keyword, text"),
        ("q=x&w=text:1e9", "weights.text"),
        ("q=x&fusion=magic", "fusion"),
        ("since=yesterday", "captured_at"),
        ("sort=best", "sort: newest"),
        ("q=x&like=nobody", "nobody"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(client, query, reason):
    """On the page itself, where it can be put right."""
    status = 404 if "nobody" in query else 400
    assert reason in look(client, f"/c/c?{query}", status).text


def test_an_address_is_the_same_search_by_the_api():
    """Everything that it may have."""
    state = read_state(
        MultiDict(
            [
                ("q", " a cat "), ("not", "dog"), ("like", "a/b"), ("like", "c"), ("w", "not:0.2"),
                ("fusion", "product"), ("tags", "x"), ("tags", "y"), ("dated", "added"),
                ("since", "2026-01-01"), ("near", "48.8, 2.3, 5"), ("sort", "taken"),
            ]
        )
    )  # fmt: skip
    assert state.body() == {
        "text": "a cat", "like": ["a/b", "c"], "not": {"text": "dog"}, "weights": {"not": 0.2},
        "fusion": "product", "sort": [{"field": "captured_at", "order": "desc"}],
        "filter": {
            "tags": {"all": ["x", "y"]}, "added": {"gte": "2026-01-01"},
            "place": {"latitude": 48.8, "longitude": 2.3, "within": 5000.0},
        },
        "limit": 24, "facets": list(FACETS), "fields": list(SHOWN), "highlight": True,
        "cursor": "*",
    }  # fmt: skip
    assert state.request().limit == 24
    box = read_state(MultiDict([("box", "2,1,-3,4"), ("not", "alone")])).body()
    assert box["filter"]["place"] == {"north": 2.0, "south": 1.0, "west": -3.0, "east": 4.0}
    assert "not" not in box
    with pytest.raises(InvalidInput):
        read_state(MultiDict([("w", "text:x")]))


def test_an_item_has_its_page(client, index):
    """With what is known of it, and what is similar."""
    index.add(
        document(
            "photos/é?",
            text="cat\nsecond line",
            tags=["big one"],
            metadata={"year": 1999},
            notes={"image": [Note("its end is missing", lost=True)]},
            blocks={"visual": vector("all", 256)},
        )
    )
    page = look(client, "/c/c/items/photos/%C3%A9%3F?q=cat&tags=all")
    assert "é?" in page.text
    assert "second line" in page.text
    assert "its end is missing" in page.text
    assert "1999" in page.text
    address = "/v1/collections/c/items/photos/%C3%A9%3F"
    assert page.all("a", href=f"{address}/media/image")
    assert page.all("img", src=f"{address}/thumbnail?size=1024&digest={'0' * 64}")
    assert page.all("a", href="/c/c?tags=big+one")
    assert page.all("a", href="/c/c?q=cat&tags=all")
    assert page.all("a", href="/c/c?like=photos/%C3%A9?")
    assert "all" in [one["data-id"] for one in page.all("li", **{"class": "hit"})]
    for odd in ("collection=x", "endpoint=x", "_scheme=x", "_external=1", "_anchor=%22%3E"):
        page = look(client, f"/c/c/items/photos/%C3%A9%3F?q=cat&{odd}")
        assert page.all("a", href=f"/c/c?q=cat&{odd}")
    assert "no item 'x'" in look(client, "/c/c/items/x", 404).text


def test_nothing_that_was_sent_becomes_markup(client, index):
    """In whatever field it is."""
    index.add(
        document(
            EVIL,
            text=EVIL,
            tags=[EVIL],
            title=EVIL,
            caption=EVIL,
            artist=EVIL,
            metadata={EVIL: EVIL},
            errors={"image": EVIL},
            notes={"text": [Note(EVIL, lost=False)]},
            names={"image": EVIL},
            blocks={"visual": vector("all", 256)},
        )
    )
    quoted = EVIL.replace('"', "%22").replace("<", "%3C").replace(">", "%3E")
    for path in (
        "/c/c",
        "/c/c?q=img",
        f"/c/c?q={quoted}&not={quoted}&tags={quoted}&near={quoted}&box={quoted}&since={quoted}",
        f"/c/c?like={quoted}",
        f"/c/c?like={quoted}{quoted}",
        f"/c/c/items/{quoted}?q={quoted}",
        f"/c/c/items/no{quoted}",
        f"/c/{quoted.replace('/', '')}",
    ):
        response = client.get(path)
        assert response.status_code in {200, 400, 404}
        page = Elements(response.text)
        assert not page.all("img", src="x"), path
        assert all(one.get("src") for one in page.all("script")), path
        assert "alert(1)" in page.text or "alert(1)" in str(page.found)


def test_the_first_address_leads_on(make_client, index):
    """To the only collection, to a list of several, or to how to begin."""
    client = make_client()
    assert client.get("/").headers["Location"] == "/c/c"
    assert "Nothing is in here yet" in look(client, "/c/c").text
    index.ensure("d")
    assert [one["href"] for one in look(client, "/").all("a") if "/c/" in one["href"]] == [
        "/c/c",
        "/c/d",
    ]
    for name in ("c", "d"):
        index.drop(name)
    assert "No collection yet" in look(client, "/").text
    assert "no collection 'c'" in look(client, "/c/c", 404).text


def test_an_index_that_is_away_is_an_error_that_helps(http, nothing):
    """Not a problem document: a person reads it."""
    nothing.error = IndexUnavailable("the index does not answer")
    for path in ("/", "/c/c", "/c/c/items/x"):
        assert "triptych status" in look(http, path, 503).text
    nothing.error = RuntimeError("secret")
    page = look(http, "/c/c", 500)
    assert "secret" not in page.text
    unknown = http.get("/", headers={"Host": "evil.example"})
    assert unknown.status_code == 403
    assert "TRIPTYCH_TRUSTED_HOSTS" in unknown.text


@pytest.mark.parametrize(
    ("error", "status", "help_"),
    [
        (Busy("all encoders are busy"), 429, "try again in a few seconds"),
        (FingerprintMismatch("other encoders"), 409, "triptych rebuild"),
        (IndexUnavailable("away"), 503, "triptych status"),
    ],
)
def test_a_search_that_fails_is_not_called_wrong(client, error, status, help_, monkeypatch):
    """It says when to come again, or what helps."""

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Engine, "search", fails)
    assert help_ in look(client, "/c/c?q=cat", status).text
    wait = client.get("/c/c?q=cat").headers.get("Retry-After")
    assert wait == ("5" if status == 429 else None)


def test_bytes_in_an_address_break_nothing(client):
    """They need not be UTF-8."""
    raw = {"QUERY_STRING": "q=a+b&x=\xff"}
    response = client.get("/c/c/items/all", environ_overrides=raw)
    assert response.status_code == 200
    assert Elements(response.text).all("a", href="/c/c?q=a+b&x=%FF")


def test_adding_begins_with_a_name(client):
    """Of a collection, which need not exist."""
    assert client.get("/upload?collection=new").headers["Location"] == "/c/new/upload"
    assert "lower-case letters" in look(client, "/upload?collection=Ä", 400).text
    assert look(client, "/c/new/upload").all("section", **{"data-collection": "new"})


def test_bars_add_up():
    """Negative signals go back from the end of the positive ones."""
    values = {"text": 0.5, "not.text": -0.2, "keyword": 0.25}
    why = {name: Reason(0, 0, 1, 0, value) for name, value in values.items()}
    pieces = [asdict(bar) for bar in shown.bars(Hit("x", 0.55, {}, why=why))]
    assert pieces == [
        {"signal": "text", "contribution": 0.5, "begin": 0.0, "width": 50.0},
        {"signal": "keyword", "contribution": 0.25, "begin": 50.0, "width": 25.0},
        {"signal": "not.text", "contribution": -0.2, "begin": 55.0, "width": 20.0},
    ]


def test_values_are_shown_for_people():
    """As briefly as they can be read."""
    assert [shown.size(value) for value in (0, 999, 1500, 2e9)] == [
        "0 B", "999 B", "1.5 KB", "2.0 GB",
    ]  # fmt: skip
    assert [shown.duration(value) for value in (0.4, 59.6, 3601)] == ["0:00", "1:00", "60:01"]
    assert shown.moment("2026-01-31T12:05:07.25Z") == "2026-01-31 12:05"
    assert shown.moment("long ago") == "long ago"
    assert list(shown.coded("as ``x`` does")) == [("as ", False), ("x", True), (" does", False)]
    assert list(shown.marked(Snippet("a 🐈 cat", [(2, 3), (4, 7)]))) == [
        ("a ", False), ("🐈", True), (" ", False), ("cat", True),
    ]  # fmt: skip


def test_the_api_can_be_read(http):
    """Every operation with its parameters, bodies, answers and an example; every schema."""
    page = look(http, "/docs")
    document = http.get("/openapi.json").json
    found = {one["id"] for one in page.all("div", **{"class": "inside"})}
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert found == {one["operationId"] for one in operations} | {
        f"schema-{name}" for name in document["components"]["schemas"]
    }
    for one in operations:
        assert one["summary"].replace("`", "") in page.text
        for parameter in one.get("parameters", ()):
            assert parameter["name"] in page.text
    targets = {one["href"] for one in page.all("a") if one["href"].startswith("#")}
    ids = {f"#{attributes.get('id')}" for _, attributes in page.found}
    assert targets - {"#main"} <= ids
    assert "curl 'localhost:8080/v1/batches/{batch}/pause' -X POST" in page.text
    assert "urn:triptych:problem" not in page.text.partition("Schemas")[0]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer (≥ 1, ≤ 9)"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Hit"}}, "list of Hit"),
        ({"enum": ["a", 1]}, '"a", 1'),
        ({"enum": list(range(20))}, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (20 values)"),
        ({"const": 0}, "0"),
        ({"type": "string", "format": "binary"}, "bytes"),
        ({"type": "string", "pattern": "^a$"}, "string (as ^a$)"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object, by name number"),
        ({}, "anything"),
    ],
)
def test_kinds_are_told_in_words(schema, kind):
    """Of every shape that the description has."""
    assert reference.kind_of(schema) == kind


def test_examples_look_like_what_is_accepted(http):
    """Those of requests that have required fields, and of answers, fit their schema."""
    document = http.get("/openapi.json").json
    for name in ("Answer", "BatchState", "Collection", "CollectionSummary", "Problem"):
        schema = {"$ref": f"#/components/schemas/{name}"}
        value = reference.example(schema, document)
        for field in document["components"]["schemas"][name]["required"]:
            assert field in value
    circle = {"$ref": "#/components/schemas/A"}
    nested = {"type": "object", "properties": {"a": circle}, "required": ["a"]}
    endless = {"components": {"schemas": {"A": nested}}}
    assert reference.example(circle, endless) == {"a": {"a": {"a": {"a": {}}}}}


def test_what_a_collection_has_learnt_is_plotted(make_client, index, searching):
    """With intervals, which tell what is better, worse or open."""
    client = make_client()
    engine = client.application.extensions["triptych"].engine
    page = look(client, "/c/c/models")
    assert "Nothing yet" in page.text
    assert "semantic" in page.text
    models = engine.learnt_models
    entry = models.add("c", learnt.fusion(engine.layout), trained=1.0, seconds=1.0)
    found = [
        Gain(kind, old=0.5, new=0.5 + gain, gain=gain, low=gain - 0.1, high=gain + 0.1, queries=9)
        for kind, gain in (("words", 0.15), ("pictures", -0.2), ("all", 0.0))
    ]
    models.judge("c", entry, Verdict((), found, "it finds less", 5.0))
    page = look(client, "/c/c/models")
    assert "it finds less" in page.text
    assert [one["class"] for one in page.all("circle")] == ["better", "worse", "open"]
    assert "+0.150" in page.text
    look(client, "/c/nothing/models", 404)


def test_a_map_shows_what_lies_where(client, index):
    """Each item as a link, in the drawing and in a list; too few are none."""
    page = look(client, "/c/c/map")
    assert len(page.all("circle")) == 32
    assert len(page.all("a", href="/c/c/items/all")) == 2
    assert "33 items" not in page.text
    index.ensure("d")
    assert "Too few items" in look(client, "/c/d/map").text


def test_a_map_is_a_file_too(client):
    """With the places that the page shows, under a name that says what it is."""
    response = client.get("/c/c/map.jsonl")
    rows = [json.loads(line) for line in response.data.splitlines()]
    assert len(rows) == 32
    (found,) = [one for one in rows if one["id"] == "all"]
    assert found["parts"] == "image+text+audio"
    circles = {one["data-id"]: one["cx"] for one in look(client, "/c/c/map").all("circle")}
    assert {one["id"]: str(round(one["x"] * 1000, 1)) for one in rows} == circles
    assert response.headers["Content-Disposition"] == "attachment; filename=c-map.jsonl"
    assert client.get("/c/nothing/map.jsonl").status_code == 404


def test_gains_lie_where_they_should():
    """Zero in the middle, the farthest end of an interval at the end of the scale."""
    plot = plots.gains([Gained("a", 0.5, 0.6, 0.1, 0.05, 0.2, 9)])
    (row,) = plot.rows
    assert (plot.zero, plot.reach, plot.ends) == (380.0, 0.2, (190, 570))
    assert (row.x, row.x_low, row.x_high, row.verdict) == (475.0, 427.5, 570.0, "better")
    assert plots.gains([]).reach == 0.01
