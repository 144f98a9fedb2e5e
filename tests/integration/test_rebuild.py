"""The encoder of pictures changes between two starts of a stack: a rebuild, and the way back.

Real workers, on both indexes. The collection is searched all the time; items come and go; a worker
is killed in the middle.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import cv2
import httpx
import numpy as np
import pytest
import redis

import learnt
from support import ids, wait_for
from triptych.client import Client, ClientError
from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.fusion import models
from triptych.fusion.models import Model
from triptych.index.documents import unpack_features
from triptych.local import Stack, StackOptions, running_stack

OLD = {"TRIPTYCH_ENCODER_VISUAL": "hsv-histogram", "TRIPTYCH_ENCODER_CONCEPT": ""}
NEW = {"TRIPTYCH_ENCODER_VISUAL": "visual-projection", "TRIPTYCH_ENCODER_CONCEPT": ""}
COMMON = {"TRIPTYCH_RECONCILE_SECONDS": "2", "TRIPTYCH_CHUNK_ITEMS": "8"}
SHAPES = ("circle", "square", "cross")
NUMBER = 240
NAME = "shapes"
_STATISTICS = 0.005
"""How far scores may be apart on Elasticsearch, by what it has not merged away."""
BY_WORDS = {"text": 0, "image": 0, "audio": 0}

Start = Callable[[Mapping[str, str]], Any]


def draw(number: int) -> np.ndarray:
    """A shape in a colour of its own."""
    draws = np.random.default_rng(number)
    canvas = np.full((96, 96, 3), draws.integers(0, 255, 3), np.uint8)
    colour, size = draws.integers(0, 255, 3).tolist(), int(draws.integers(12, 40))
    shape = SHAPES[number % 3]
    if shape == "circle":
        cv2.circle(canvas, (48, 48), size, colour, -1)
    elif shape == "square":
        cv2.rectangle(canvas, (48 - size, 48 - size), (48 + size, 48 + size), colour, -1)
    else:
        cv2.line(canvas, (48 - size, 48), (48 + size, 48), colour, 9)
        cv2.line(canvas, (48, 48 - size), (48, 48 + size), colour, 9)
    return canvas


def line(number: int) -> dict[str, Any]:
    """An item, with its picture on the server."""
    shape = SHAPES[number % 3]
    text = f"a {shape} with number{number}"
    return {"id": f"i{number:03}", "text": text, "image": f"{number}.png", "tags": [shape]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(NUMBER + 60):
        cv2.imwrite(str(folder / f"{number}.png"), draw(number))
    return folder


@pytest.fixture(params=["embedded", "elastic"])
def start(request: pytest.FixtureRequest, tmp_path: Path, pictures: Path) -> Start:
    """Starts a stack over the same data, with these encoders."""

    def started(encoders: Mapping[str, str]) -> Any:
        return running_stack(
            StackOptions(
                name="rebuild",
                data=tmp_path / "data",
                port=0,
                index=request.param,
                import_roots=(pictures,),
                env={**COMMON, **encoders},
            )
        )

    return started


def add(client: Client, pictures: Path, numbers: range, name: str = NAME) -> None:
    """Add items, and wait for them."""
    lines = [{**line(n), "image": str(pictures / f"{n}.png")} for n in numbers]
    manifest = "\n".join(map(json.dumps, lines)).encode()
    status = wait_for(client, client.submit_manifest(name, manifest)["batch"])
    assert (status.done, status.failed) == (len(numbers), 0)


def queries(pictures: Path) -> list[tuple[dict[str, Any], Path | None]]:
    """By words, by pictures, by both, with a filter."""
    return [
        ({"text": "cross number17"}, None),
        ({"text": "a circle", "filter": {"tags": "circle"}}, None),
        ({"limit": 20}, pictures / "5.png"),
        ({"text": "square", "limit": 20}, pictures / "250.png"),
    ]


def ask(client: Client, pictures: Path, name: str = NAME) -> list[list[tuple[str, float]]]:
    """Ids and scores of all queries; what is sought is settled first."""
    client.collection(name)
    answers = []
    for query, picture in queries(pictures):
        media = {} if picture is None else {"image": picture.read_bytes()}
        found = client.search(name, query, media)
        answers.append([(hit["id"], round(hit["score"], 3)) for hit in found["hits"]])
    return answers


def assert_alike(
    ours: list[list[tuple[str, float]]], theirs: list[list[tuple[str, float]]]
) -> None:
    """The same hits; statistics of words have what was replaced and is not merged away yet."""
    for one, other in zip(ours, theirs, strict=True):
        assert dict(one) == pytest.approx(dict(other), abs=_STATISTICS)


def await_index(client: Client, state: str, name: str = NAME) -> dict[str, Any]:
    """How the index is as soon as it is in this state."""
    deadline = time.monotonic() + 240
    while (found := client.collection(name)["index"])["state"] != state:
        assert time.monotonic() < deadline, found
        assert found["state"] != "stopped", found
        time.sleep(0.1)
    return found


class Asking:
    """Somebody who searches all the time, and minds every error."""

    def __init__(self, url: str, pictures: Path) -> None:
        self._url, self._picture = url, (pictures / "5.png").read_bytes()
        self._over = threading.Event()
        self.errors: list[str] = []
        self.answers = 0
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        with Client(self._url) as client:
            while not self._over.is_set():
                try:
                    by_picture = client.search(NAME, {"limit": 5}, {"image": self._picture})
                    by_words = client.search(NAME, {"text": "circle", "weights": BY_WORDS})
                    if ids(by_picture)[0] != "i005" or len(ids(by_words)) != 10:
                        self.errors.append(f"{ids(by_picture)} {ids(by_words)}")
                    self.answers += 1
                except ClientError as error:
                    self.errors.append(str(error))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def begin(start: Start, pictures: Path) -> list[list[tuple[str, float]]]:
    """A collection by the old encoders, and what its queries find."""
    with start(OLD) as stack, Client(stack.gateway_url) as client:
        add(client, pictures, range(NUMBER))
        assert client.collection(NAME)["index"]["state"] == "current"
        return ask(client, pictures)


def rebuild(stack: Stack, client: Client, pictures: Path) -> None:
    """While items come and go, searches are answered, Redis forgets, and workers are killed."""
    with Asking(stack.gateway_url, pictures) as asking:
        client.rebuild(NAME)
        with pytest.raises(ClientError, match="being rebuilt already"):
            client.rebuild(NAME)
        with closing(redis.from_url(stack.redis_url)) as connected:
            connected.flushall()
        add(client, pictures, range(NUMBER, NUMBER + 20))
        stack.kill("worker-image")
        for number in range(0, 40, 4):
            client.delete_item(NAME, f"i{number:03}")
        stack.start("worker-image")
        stack.kill("worker-fusion", "worker-plan")
        stack.start("worker-fusion", "worker-plan")
        add(client, pictures, range(NUMBER + 20, NUMBER + 40))
        await_index(client, "current")
        deadline = time.monotonic() + 30
        so_far = asking.answers
        while asking.answers < so_far + 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert asking.errors == []
    assert asking.answers > 5


def test_a_change_of_encoders(start: Start, pictures: Path):
    """Ids and hits are those of a collection that was filled anew; and so after a rollback."""
    before = begin(start, pictures)
    with start(NEW) as stack, Client(stack.gateway_url) as client:
        ready = httpx.get(f"{stack.gateway_url}/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert NAME in ready.json()["parts"]["collections"]
        log = (stack.home / "logs/gateway.log").read_text()
        assert "collection needs a rebuild" in log
        assert [one["state"] for one in client.collections()] == ["outdated"]
        assert ask(client, pictures) == before  # by the encoders that built it
        rebuild(stack, client, pictures)
        kept = [n for n in range(NUMBER + 40) if not (n < 40 and n % 4 == 0)]
        held = [one["id"] for one in client.holdings(NAME)]
        assert held == [f"i{number:03}" for number in kept]
        add(client, pictures, range(NUMBER + 40), "fresh")
        for number in range(0, 40, 4):
            client.delete_item("fresh", f"i{number:03}")
        assert_alike(ask(client, pictures), ask(client, pictures, "fresh"))
        assert ask(client, pictures) != before
        assert client.collection(NAME)["index"]["previous"]
        with pytest.raises(ClientError, match="Set them back"):
            client.roll_back(NAME)
        add(client, pictures, range(NUMBER + 40, NUMBER + 50))
        client.delete_item(NAME, "i041")
        client.delete_collection("fresh")
    with start(OLD) as stack, Client(stack.gateway_url) as client:
        assert client.collection(NAME)["index"]["state"] == "outdated"
        client.roll_back(NAME)
        await_index(client, "current")
        add(client, pictures, range(NUMBER + 50), "fresh")
        for number in (*range(0, 40, 4), 41):
            client.delete_item("fresh", f"i{number:03}")
        assert_alike(ask(client, pictures), ask(client, pictures, "fresh"))
        assert [one["id"] for one in client.holdings(NAME)] == [
            one["id"] for one in client.holdings("fresh")
        ]
        client.delete_previous_index(NAME)
        assert "previous" not in client.collection(NAME)["index"]


def engine_of(stack: Stack) -> Engine:
    """An engine over the data of a stack with the old encoders."""
    encoders = Encoders(visual="hsv-histogram", concept="")
    urls = {"media_url": stack.media_url, "index_url": stack.index_url}
    return Engine.open(Settings(encoders=encoders, **urls))


def saved_models(engine: Engine) -> tuple[Model, Model]:
    """A fusion, and a classifier of circles and squares, in the store."""
    layout = engine.layout
    examples = {
        shape: unpack_features(engine.index.get(NAME, item)["features"], layout)
        for shape, item in (("circle", "i000"), ("square", "i001"))
    }
    made = learnt.fusion(layout), learnt.classifier(layout, examples)
    for model in made:
        models.save(engine.store, model)
    return made


def reasons(client: Client, **query: Any) -> list[set[str]]:
    """The blocks by which the hits of a search are explained."""
    hits = client.search(NAME, {"limit": 50, "fusion": "linear", **query})["hits"]
    for hit in hits:
        total = sum(reason["contribution"] for reason in hit["why"].values())
        assert hit["score"] == pytest.approx(total, abs=1e-5)
    return [set(hit["why"]["text"]["blocks"]) for hit in hits]


@pytest.mark.parametrize("start", ["elastic"], indirect=True)
def test_a_collection_learns(start: Start, pictures: Path):
    """Models come by a rebuild under load; without a file all waits; a rollback removes them."""
    with start(OLD) as stack, Client(stack.gateway_url) as client, engine_of(stack) as engine:
        add(client, pictures, range(60))
        client.collection(NAME)  # from now on searches see them all
        fusion, classifier = saved_models(engine)
        with Asking(stack.gateway_url, pictures) as asking:
            engine.rebuilder.ask(NAME, models=[fusion.reference, classifier.reference])
            add(client, pictures, range(60, 80))  # the sweep begins the rebuild
            stack.kill("worker-fusion", "worker-plan")
            stack.start("worker-fusion", "worker-plan")
            await_index(client, "current")
        assert asking.errors == []
        add(client, pictures, range(80, 90))
        found = client.collection(NAME)
        assert found["blocks"][-1]["model"] == fusion.reference
        assert found["index"]["encoders"]["predictions"] == classifier.reference
        assert all("joint" in blocks for blocks in reasons(client, text="a circle"))
        counted = client.search(NAME, {"facets": ["predictions.label"], "limit": 1})
        labels = {one["value"]: one["count"] for one in counted["facets"]["predictions.label"]}
        assert (set(labels), sum(labels.values())) == ({"circle", "square"}, 90)
        shown = client.search(NAME, {"filter": {"predictions.label": "square", "id": "i001"}})
        assert shown["hits"][0]["item"]["predictions"]["probability"] > 0.5

        name = f"attention-{fusion.fingerprint}.onnx"
        engine.store.write_document(models.FOLDER, name, fusion.data[:-9])
        stack.kill("worker-fusion", "gateway")
        stack.start("worker-fusion", "gateway")
        lines = json.dumps({"id": "late", "text": "a late circle"}).encode()
        with Client(stack.gateway_url) as fresh:
            batch = fresh.submit_manifest(NAME, lines)["batch"]
            log = stack.home / "logs/worker-fusion.log"
            deadline = time.monotonic() + 60
            while "was changed" not in log.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert fresh.batch(batch).state == "running"
            with pytest.raises(ClientError, match="was changed"):
                fresh.search(NAME, {"text": "late"})
            assert ids(fresh.search(NAME, {"text": "circle", "weights": BY_WORDS}))
            models.save(engine.store, fusion)
            assert wait_for(fresh, batch).done == 1
            fresh.collection(NAME)
            assert ids(fresh.search(NAME, {"text": "late"}))[0] == "late"
            fresh.roll_back(NAME)
            await_index(fresh, "current")
            add(fresh, pictures, range(90, 95))
            assert "predictions" not in fresh.item(NAME, "late")
            assert not any("joint" in blocks for blocks in reasons(fresh, text="a circle"))
            assert fresh.collection(NAME)["items"]["total"] == 96
