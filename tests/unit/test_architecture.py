"""docs/architecture.md lists the modules that an upload and a query pass: those that run."""

import io
import re
import sys
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import numpy as np
import pytest

from triptych.core.item import MODALITIES
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.gateway.app import create_app
from triptych.gateway.services import Services
from triptych.queues import codec, jobs
from triptych.queues.progress import Progress
from triptych.workers.worker import Worker

PAGE = (Path(__file__).parents[2] / "docs/architecture.md").read_text("utf-8")
KINDS = ("image", "text", "audio", "fusion", "plan")


class Queues:
    """Celery's side of the queues: a list of messages, which pass the codec."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, dict[str, Any]]] = []

    def send_task(self, name: str, arguments: tuple[dict[str, Any]], **_: object) -> None:
        """Put a message into its queue."""
        self.waiting.append((name, codec.loads(codec.dumps(arguments[0]))))


class Pipeline:
    """Redis's side: takes every command, and answers each with 0; it knows no hashes."""

    def __init__(self) -> None:
        self._answers: list[Any] = []

    def pipeline(self, **_: object) -> "Pipeline":
        """A new one."""
        return Pipeline()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: self._answers.append({} if name == "hgetall" else 0)

    def info(self, _: str) -> dict[str, Any]:
        """Its memory."""
        return {"used_memory": 0}

    def register_script(self, _: str) -> Callable[..., Any]:
        """A script that finds nothing."""
        return lambda keys: ([[0, 0, "", 0, 0] for _ in keys], b"0")

    def execute(self) -> list[Any]:
        """The answers."""
        return self._answers


class System:
    """A gateway and one worker of each kind, over one engine in this process."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(
            media_url=(folder / "media").as_uri(), index_url=(folder / "index").as_uri()
        )
        self.engine = Engine.open(settings)
        self.engine.load(*MODALITIES)
        self._queues = Queues()
        progress = Progress(Pipeline(), ttl=60)
        services = Services(self.engine, self._queues, Pipeline(), progress, threading.Semaphore(1))
        self._client = create_app(services).test_client()
        self._tasks = {}
        for kind in KINDS:
            worker = Worker(kind, settings)
            worker.app, worker.engine, worker.progress = self._queues, self.engine, progress
            worker.client = Pipeline()
            tasks = {"fusion": worker.write, "plan": worker.plan}
            self._tasks[jobs.task_name(kind)] = tasks.get(kind, worker.describe)

    def upload(self, number: int) -> None:
        """Send a picture, a text and a sound of one stem, and work them off."""
        parts = {
            "png": picture(number),
            "txt": f"A red circle, number {number}.".encode(),
            "wav": sound(number),
        }
        files = [(io.BytesIO(data), f"{number}.{kind}") for kind, data in parts.items()]
        response = self._client.post("/v1/collections/c/batches", data={"files": files})
        assert response.status_code == 202, response.text
        while self._queues.waiting:
            name, message = self._queues.waiting.pop(0)
            self._tasks[name](message)

    def query(self, number: int) -> None:
        """Search by a text and a picture that were not asked before, with a filter."""
        form = {
            "text": f"red circle {number}",
            "image": (io.BytesIO(picture(100 + number)), "query.png"),
            "filter": '{"modalities": ["image"]}',
        }
        response = self._client.post("/v1/collections/c/search", data=form)
        assert response.status_code == 200, response.text
        assert response.json["hits"]

    def ask(self) -> None:
        """Let the gateway look up its keys, which it does every two seconds."""
        assert self._client.get("/v1/limits").status_code == 200

    def has_indexed(self, number: int) -> bool:
        """Whether an upload is searchable with all of its parts."""
        document = self.engine.index.get("c", str(number))
        return (document["status"], len(document["modalities"])) == ("indexed", 3)


def picture(number: int) -> bytes:
    """A circle somewhere."""
    canvas = np.full((160, 160, 3), 255, np.uint8)
    cv2.circle(canvas, (60 + number % 40, 80), 30, (0, 0, 200), -1)
    return cv2.imencode(".png", canvas)[1].tobytes()


def sound(number: int) -> bytes:
    """A second of a tone."""
    samples = np.sin(np.arange(22_050) * (0.05 + number / 1000)) * 12_000
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def passed(work: Callable[[], None]) -> list[str]:
    """The modules of ours of which a function runs, in the order of the first."""
    modules: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("triptych.") and "<" not in frame.f_code.co_filename:
            modules[f"{name.removeprefix('triptych.').replace('.', '/')}.py"] = None

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return list(modules)


def listed(way: str) -> list[str]:
    """The modules that the page lists."""
    (section,) = re.findall(rf"<!-- way: {way} -->(.+?)<!-- end -->", PAGE, re.DOTALL)
    return re.findall(r"^\d+\. `(.+?)`", section, re.MULTILINE)


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """Warm: what loads or connects at its first use has done so."""
    made = System(tmp_path_factory.mktemp("system"))
    with made.engine:
        made.upload(0)
        made.query(0)
        assert made.has_indexed(0)
        yield made


@pytest.mark.parametrize("way", ["upload", "query"])
def test_the_modules_on_the_way_are_listed(system, way):
    """None is missing, none is listed that does not run, none stands twice."""
    system.ask()
    modules = passed(lambda: getattr(system, way)(1))
    assert sorted(listed(way)) == sorted(modules), "\n".join(modules)
