"""Single items: what is refused at once, and waiting for the document."""

import io
import json
import time
from dataclasses import replace

import pytest

from support import changed
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.settings import Limits
from triptych.engine import waiting
from triptych.gateway import batches, items
from triptych.queues import jobs
from unit.seeded import document

PATH = "/v1/collections/c/items"


class Index:
    """Gives what it was told to, in order; the last for ever."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked = 0

    def ensure(self, _: str) -> None:
        """There already."""

    def get(self, _: str, item_id: str):
        """The next answer."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"id": item_id, **answer}


@pytest.fixture
def sent(monkeypatch) -> list:
    """The chunks that were sent."""
    chunks: list = []
    monkeypatch.setattr(jobs, "send", lambda _, chunk: chunks.append(chunk))
    return chunks


def use(app, index: Index) -> Index:
    """Let the application ask this index."""
    found = app.extensions["triptych"]
    app.extensions["triptych"] = replace(found, engine=changed(found.engine, index=index))
    return index


def test_an_index_that_is_away_is_waited_for(app, http, sent):
    """The item is accepted already: a shard that is still starting is no failure."""
    old, new = {"sequence": 0}, {"sequence": 2**62}
    use(app, Index(IndexUnavailable("no shard"), NotFound("not yet"), old, new))
    response = http.post(f"{PATH}?wait=5", json={"text": "x", "id": "a"})
    assert (response.status_code, response.json["id"]) == (200, "a")


def test_waiting_ends(app, http, sent):
    """With 202, when the time is over; and whoever waited makes room for the next."""
    index = use(app, Index(IndexUnavailable("no shard")))
    for _ in range(3):
        assert http.post(f"{PATH}?wait=0.05", json={"text": "x"}).status_code == 202
    assert index.asked >= 3


def test_when_too_many_wait_nobody_else_does(app, http, sent):
    """202 at once, without a look at the index."""
    index = use(app, Index(NotFound("not yet")))
    assert app.extensions["triptych"].waiters.acquire(blocking=False)
    started = time.monotonic()
    response = http.post(f"{PATH}?wait=30", json={"text": "x"})
    assert (response.status_code, index.asked) == (202, 0)
    assert time.monotonic() - started < 5


def test_pauses_grow(app, http, sent, monkeypatch):
    """From 20 ms to a quarter of a second."""
    now = [0.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(waiting.time, "sleep", sleep)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    use(app, Index(NotFound("not yet")))
    assert http.post(f"{PATH}?wait=5", json={"text": "x"}).status_code == 202
    assert (pauses[0], max(pauses)) == (0.02, 0.25)
    assert sum(pauses) == pytest.approx(5)


def test_a_text_above_the_limit_is_cut(app, http, sent):
    """As a field and as a file, with a note."""
    found = app.extensions["triptych"]
    limits = found.engine.settings.limits.model_copy(update={"text_chars": 5})
    settings = found.engine.settings.model_copy(update={"limits": limits})
    app.extensions["triptych"] = replace(found, engine=changed(found.engine, settings=settings))
    use(app, Index(NotFound("not yet")))
    file = {"text": (io.BytesIO(b"123456"), "a.txt")}
    for arguments in ({"json": {"text": "123456"}}, {"data": file}):
        response = http.post(PATH, **arguments)
        assert response.status_code == 202
    for chunk in sent:
        (item,) = chunk.items
        assert item.text == "12345"
        assert [note.lost for note in item.notes["text"]] == [True]
    assert len(sent) == 2


def test_half_a_character_costs_a_character(app, http, sent):
    """The rest of the text and the item go on, with a note."""
    body = json.dumps({"text": "\ud800", "image": "AAAA"})
    use(app, Index(NotFound("not yet")))
    assert http.post(PATH, data=body, content_type="application/json").status_code == 202
    (chunk,) = sent
    assert chunk.items[0].text == "\ufffd"
    assert [note.lost for note in chunk.items[0].notes["text"]] == [False]
    assert chunk.slip == ("image", "text", "fusion")


def test_a_full_collection_takes_no_more(make_client, index, monkeypatch):
    """Neither an item nor a batch; another collection, and one that is new, does."""
    limits = Limits(file_bytes=2**20, body_bytes=2**24, collection_items=2)
    client = make_client(limits=limits)
    for module in (items, batches):
        monkeypatch.setattr(module, "refuse_when_busy", lambda: None)
    path = "/v1/collections/c/items"
    index.add(document("a", text="a"))
    accepted = []
    monkeypatch.setattr(items, "enqueue_item", lambda _, chunk, **__: accepted.append(chunk))
    assert client.post(path, json={"text": "b"}).status_code == 202
    index.add(document("b", text="b"))
    for answer in (
        client.post(path, json={"text": "c"}),
        client.post("/v1/collections/c/batches", data=b"{}", content_type="application/x-ndjson"),
    ):
        assert (answer.status_code, answer.json["type"]) == (
            507,
            "urn:triptych:problem:quota-reached",
        )
    assert client.post("/v1/collections/new/items", json={"text": "c"}).status_code == 202
    assert len(accepted) == 2
