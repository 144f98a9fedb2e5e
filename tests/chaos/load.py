"""The load: items of every kind, sent again until they are accepted, and what was accepted."""

import io
import json
import time
import uuid
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import cv2
import httpx
import numpy as np

from chaos.expected import DELETED, Expected
from triptych.core.errors import TriptychError

_PATIENCE = 180.0
_PAUSE = 0.3
_AGAIN = frozenset({429, 503})
_WORDS = ("boat", "bird", "lamp", "river", "stone", "cloud", "apple", "horse", "tower", "glass")


class NotAccepted(TriptychError):
    """The gateway refuses what should be accepted, or takes too long."""


@dataclass(frozen=True)
class Sent:
    """One version of an item."""

    id: str
    text: str
    image: bytes | None = None
    audio: bytes | None = None

    def line(self) -> dict[str, Any]:
        """Its line of a manifest beside its files."""
        line = {"id": self.id, "text": self.text}
        return line | {part: name for part, name, _ in self.files()}

    def files(self) -> Iterator[tuple[str, str, bytes]]:
        """Its parts with the names and bytes of their files."""
        if self.image is not None:
            yield "image", f"{self.id}.png", self.image
        if self.audio is not None:
            yield "audio", f"{self.id}.wav", self.audio


def make(number: int, version: int = 0, *, media: bool = False) -> Sent:
    """An item whose text tells its number and version; with media every second has a part more."""
    rng = np.random.default_rng((number, version))
    words = " ".join(rng.choice(_WORDS, 12))
    item = Sent(f"item-{number}", f"item {number} in version {version}: {words}")
    if media and number % 2 == 0:
        return Sent(item.id, item.text, image=picture(rng))
    if media and number % 9 == 0:
        return Sent(item.id, item.text, audio=sound(rng))
    return item


def picture(rng: np.random.Generator, side: int = 48) -> bytes:
    """A small PNG that is like no other."""
    coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
    pixels = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".png", pixels)[1])


def sound(rng: np.random.Generator, seconds: float = 0.4) -> bytes:
    """A short WAV that is like no other."""
    rate = 8000
    times = np.arange(int(rate * seconds)) / rate
    samples = np.sin(2 * np.pi * rng.uniform(200, 2000) * times) + rng.normal(0, 0.1, times.size)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((samples * 9000).astype("<i2").tobytes())
    return file.getvalue()


@dataclass
class Load:
    """Sends items to one collection of a gateway, each with a key, until they are accepted."""

    url: str
    collection: str
    expected: Expected = field(default_factory=Expected)
    batches: list[str] = field(default_factory=list)
    """Those that were accepted."""

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.url, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, first: int, count: int, *, version: int = 0, media: bool = True) -> None:
        """Send items: every tenth alone, the others as a batch."""
        items = [make(number, version, media=media) for number in range(first, first + count)]
        self.batch([item for n, item in enumerate(items) if n % 10])
        for item in items[::10]:
            self.single(item)

    def send_all(self, numbers: range, *, version: int = 0, size: int = 100) -> None:
        """Send many items, some at a time."""
        for first in numbers[::size]:
            self.send(first, min(size, numbers.stop - first), version=version)

    def batch(self, items: Sequence[Sent]) -> str:
        """Send a batch; its id."""
        lines = "\n".join(json.dumps(item.line()) for item in items).encode()
        files = [("files", (name, data)) for item in items for _, name, data in item.files()]
        files.append(("manifest", ("manifest.jsonl", lines)))
        versions = self._versions(items)
        self.expected.sent(versions)
        accepted = self._post("batches", files=files)
        self.expected.acknowledged(versions)
        self.batches.append(accepted["batch"])
        return str(accepted["batch"])

    def lines(self, items: Sequence[Sent]) -> str:
        """Send texts as a manifest alone; the id of the batch."""
        versions = self._versions(items)
        self.expected.sent(versions)
        accepted = self._post(
            "batches",
            content="\n".join(json.dumps(item.line()) for item in items).encode(),
            headers={"content-type": "application/x-ndjson"},
        )
        self.expected.acknowledged(versions)
        self.batches.append(accepted["batch"])
        return str(accepted["batch"])

    def single(self, item: Sent) -> None:
        """Send an item alone."""
        versions = self._versions([item])
        self.expected.sent(versions)
        files = {part: (name, data) for part, name, data in item.files()}
        fields = {"id": (None, item.id), "text": (None, item.text)}
        self._post("items", files={**fields, **files})
        self.expected.acknowledged(versions)

    def delete(self, item: str) -> None:
        """Delete an item, also one that is still on its way."""
        key = {(self.collection, item): DELETED}
        self.expected.sent(key)
        path = f"/v1/collections/{self.collection}/items/{quote(item)}"
        self._until_accepted("DELETE", path, taken={204, 404})
        self.expected.acknowledged(key)

    def drop(self) -> None:
        """Delete the collection; what was sent to it is not expected any more."""
        self._until_accepted("DELETE", f"/v1/collections/{self.collection}")
        self.expected.dropped(self.collection)
        self.batches.clear()

    def _versions(self, items: Sequence[Sent]) -> dict[tuple[str, str], str | None]:
        return {(self.collection, item.id): item.text for item in items}

    def _post(self, what: str, *, headers: Mapping[str, str] = {}, **body: Any) -> dict[str, Any]:
        key = {"idempotency-key": uuid.uuid4().hex}
        path = f"/v1/collections/{self.collection}/{what}"
        answer = self._until_accepted("POST", path, headers={**key, **headers}, **body)
        return dict(answer.json())

    def _until_accepted(
        self, method: str, path: str, *, taken: frozenset[int] | set[int] = frozenset(), **body: Any
    ) -> httpx.Response:
        """Send again while no answer comes, or one that says "later"."""
        deadline = time.monotonic() + _PATIENCE
        reason = ""
        while time.monotonic() < deadline:
            try:
                answer = self._http.request(method, path, **body)
            except httpx.HTTPError as error:
                reason = repr(error)
            else:
                if answer.is_success or answer.status_code in taken:
                    return answer
                reason = answer.text
                if answer.status_code not in _AGAIN:
                    break
            time.sleep(_PAUSE)
        raise NotAccepted(f"{method} {path} is not accepted: {reason}")
