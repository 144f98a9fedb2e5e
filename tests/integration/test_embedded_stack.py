"""A whole stack without Elasticsearch: it ingests, searches, survives, and ranks alike."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import Lines, ids, settle, wait_for, wait_while_killing
from triptych.cli.variations import mirrored_crop, second_half
from triptych.client import Client
from triptych.local import Stack, StackOptions, running_stack
from triptych.local.process import members

Query = tuple[dict[str, Any], dict[str, str]]
Searched = tuple[Client, str]

CAT, DRAKE = "animals/mammals/cats/tiger", "animals/birds/drake"
QUERIES: dict[str, Query] = {
    "a word": ({"text": "elephant"}, {}),
    "a meaning": ({"text": "automobile"}, {}),
    "a sentence": ({"text": "a bird that can swim in the cold sea"}, {}),
    "a phrase": ({"text": '"fire engine" +a'}, {}),
    "a prefix and a fuzzy word": ({"text": "eleph* tigre~ -indian"}, {}),
    "another language": ({"text": "ein kleiner Vogel", "language": "de"}, {}),
    "a picture": ({}, {"image": CAT}),
    "a sound": ({}, {"audio": "animals/mammals/elephant"}),
    "words and a picture": ({"text": "penguin"}, {"image": DRAKE}),
    "everything": ({"text": "a car"}, {"image": CAT, "audio": "animals/mammals/elephant"}),
    "weights": ({"text": "red", "weights": {"keyword": 3, "text": 0.2}}, {"image": DRAKE}),
    "tags": ({"text": "water", "filter": {"tags": {"any": ["birds", "vehicles"]}}}, {}),
    "without a tag": ({"text": "water", "filter": {"tags": {"none": ["birds"]}}}, {}),
    "ranks": ({"text": "a big animal", "fusion": "rrf"}, {"image": CAT}),
    "distributions": ({"text": "a big animal", "fusion": "dbsf"}, {"image": CAT}),
    "unlike": ({"text": "a bird", "not": {"text": "penguin"}}, {}),
    "an item of the collection": ({"text": "night", "image": f"item:{DRAKE}"}, {}),
}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, stamps: Path) -> Iterator[Stack]:
    """Valkey, the workers and the gateway; the index is files in the stack's folder."""
    options = StackOptions(
        name="embedded", port=0, index="embedded", import_roots=(stamps,), keep=False
    )
    with ExitStack() as exits:
        # Only while it starts: other stacks of the tests have folders of their own.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("embedded")))
            running = exits.enter_context(running_stack(options))
        yield running
    assert not running.home.exists()


@pytest.fixture(scope="module")
def client_of_embedded(embedded: Stack) -> Iterator[Client]:
    """The Python client of that stack."""
    with Client(embedded.gateway_url) as connected:
        yield connected


@pytest.fixture(scope="module")
def http_of_embedded(embedded: Stack) -> Iterator[httpx.Client]:
    """Plain HTTP to that stack."""
    with httpx.Client(base_url=embedded.gateway_url, timeout=60) as connected:
        yield connected


@pytest.fixture(scope="module")
def embedded_collection(
    embedded: Stack, client_of_embedded: Client, http_of_embedded: httpx.Client, stamp_lines: Lines
) -> str:
    """The stamps, while the process that plans and writes them is killed again and again."""
    name = f"stamps-{uuid.uuid4().hex[:8]}"
    manifest = "\n".join(map(json.dumps, stamp_lines)).encode()
    batch = client_of_embedded.submit_manifest(name, manifest)["batch"]
    writer = embedded.running["worker-fusion"].process.pid
    status = wait_while_killing(client_of_embedded, batch, writer)
    assert (status.done, status.failed) == (len(stamp_lines), 0)
    assert settle(http_of_embedded, name) == {
        "total": len(stamp_lines),
        "indexed": len(stamp_lines),
    }
    return name


@pytest.fixture(scope="module")
def both(
    client: Client, stamp_collection: str, client_of_embedded: Client, embedded_collection: str
) -> list[Searched]:
    """The same stamps in Elasticsearch and in the embedded index."""
    return [(client, stamp_collection), (client_of_embedded, embedded_collection)]


def test_it_is_ready_without_elasticsearch(embedded: Stack, http_of_embedded: httpx.Client):
    """No part of the stack is a Java process, and every part that it needs answers."""
    assert set(http_of_embedded.get("/readyz").json()["parts"].values()) == {"ok"}
    assert "elasticsearch" not in embedded.running
    programs = {
        Path(f"/proc/{pid}/exe").resolve().name
        for part in embedded.running.values()
        for pid in members(part.process.pid)
    }
    assert programs
    assert not any("java" in program for program in programs)
    assert embedded.index_url == (embedded.home / "index").as_uri()


def test_a_killed_writer_loses_nothing(
    client_of_embedded: Client, embedded_collection: str, stamp_lines: Lines
):
    """Every item is there once, and found by its own words."""
    line = stamp_lines[len(stamp_lines) // 2]
    answer = client_of_embedded.search(embedded_collection, {"text": line["text"], "limit": 5})
    captions = {line["id"]: line["text"] for line in stamp_lines}
    assert captions[ids(answer)[0]] == line["text"]
    pages = list(client_of_embedded.pages(embedded_collection, {"limit": 50, "fields": []}))
    found = [item for page in pages for item in ids(page)]
    assert sorted(found) == sorted(captions)


@pytest.mark.parametrize("asked", QUERIES.values(), ids=QUERIES)
def test_ranking_identical_on_both_indexes(both: list[Searched], stamps: Path, asked: Query):
    """The same hits in the same order to the last one, and the same scores."""
    fields, files = asked
    change = {"image": (mirrored_crop, ".png"), "audio": (second_half, ".ogg")}
    media = {
        part: change[part][0]((stamps / f"{name}{change[part][1]}").read_bytes())
        for part, name in files.items()
    }
    request = {"limit": 100, **fields}
    theirs, ours = (c.search(name, request, media)["hits"] for c, name in both)
    assert len(ours) > 3
    assert [hit["id"] for hit in ours] == [hit["id"] for hit in theirs]
    assert [hit["score"] for hit in ours] == pytest.approx(
        [hit["score"] for hit in theirs], abs=1e-6
    )
    for our, their in zip(ours, theirs, strict=True):
        assert our["item"].keys() == their["item"].keys()
        assert our["why"].keys() == their["why"].keys()


def test_similar_and_lists_are_identical(both: list[Searched]):
    """Items like one, and those of a filter in an order with counts, are the same on both."""
    theirs, ours = (ids(c.similar(name, CAT, {"limit": 50})) for c, name in both)
    assert ours == theirs
    assert CAT not in ours
    listing = {
        "filter": {"tags": {"all": ["animals"]}},
        "sort": [{"field": "id", "order": "desc"}],
        "facets": ["tags", "modalities", "language"],
        "limit": 100,
    }
    theirs, ours = (c.search(name, listing) for c, name in both)
    assert ids(ours) == ids(theirs)
    assert len(ids(ours)) > 50
    assert ours["total"] == theirs["total"]
    assert ours["facets"] == theirs["facets"]


def test_dropped_collections_leave_no_descriptors(
    embedded: Stack, client_of_embedded: Client, http_of_embedded: httpx.Client
):
    """In the gateway, which searches and drops them, and in the process that writes them."""

    def fill_and_drop(number: int) -> None:
        name = f"dropped-{number}"
        line = json.dumps({"id": "a", "text": "a red bird"}).encode()
        wait_for(client_of_embedded, client_of_embedded.submit_manifest(name, line)["batch"])
        settle(http_of_embedded, name)
        assert ids(client_of_embedded.search(name, {"text": "bird"})) == ["a"]
        assert http_of_embedded.delete(f"/v1/collections/{name}").status_code == 204

    def held() -> list[str]:
        return [
            path
            for part in ("gateway", "worker-fusion")
            for pid in members(embedded.running[part].process.pid)
            for path in links(Path(f"/proc/{pid}/fd"))
            if "dropped-" in path
        ]

    for number in range(8):
        fill_and_drop(number)
    # A process that uses the index looks for dropped collections about once a second, so only the
    # last ones may be open.
    deadline = time.monotonic() + 60
    while True:
        number += 1
        fill_and_drop(number)
        left = [path for path in held() if f"dropped-{number}" not in path]
        if not left:
            break
        assert time.monotonic() < deadline, left


def links(folder: Path) -> list[str]:
    """What the links of a folder lead to."""
    targets = []
    for link in folder.iterdir():
        with suppress(FileNotFoundError):
            targets.append(str(link.readlink()))
    return targets


def test_everything_survives_a_power_cut(
    embedded: Stack,
    client_of_embedded: Client,
    http_of_embedded: httpx.Client,
    embedded_collection: str,
    stamp_lines: Lines,
):
    """After all processes were killed, what was answered as done is searchable again."""
    before = client_of_embedded.search(embedded_collection, {"text": "elephant", "limit": 20})
    lines = [{"id": str(number), "text": f"item {number}"} for number in range(40)]
    manifest = "\n".join(map(json.dumps, lines)).encode()
    batch = client_of_embedded.submit_manifest("late", manifest)["batch"]
    assert wait_for(client_of_embedded, batch).done == 40
    embedded.kill()
    assert not any(map(embedded.alive, ("valkey", "worker-fusion", "gateway")))
    embedded.start()
    assert settle(http_of_embedded, "late")["indexed"] == 40
    assert settle(http_of_embedded, embedded_collection)["indexed"] == len(stamp_lines)
    after = client_of_embedded.search(embedded_collection, {"text": "elephant", "limit": 20})
    assert after["hits"] == before["hits"]
