"""What each stage of an item costs, in one process: the next thing to make cheaper is on top."""

import random
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from kombu.simple import SimpleQueue
from tests.bench.figures import Floats, emit, resampled, say
from tests.bench.setting import Line, Setting
from tests.support import layout

from triptych.core.item import Item, Modality
from triptych.encoders.encoder import Headed
from triptych.fusion.blocks import fuse
from triptych.index.model import Versioned
from triptych.ingest.chunk import FUSION, Chunk
from triptych.ingest.derived import Derived, DerivedStore, described, part_digest
from triptych.ingest.documents import document
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.store import MediaStore
from triptych.media.text import clean_text
from triptych.queues import codec
from triptych.text.analysis import analyse
from triptych.text.languages import detect

_TOGETHER = 32
_NO_LIMIT = 10**9
_COLLECTION = "stages"


@dataclass
class Clock:
    """Seconds per stage, one entry per chunk that was measured."""

    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wall: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block, by this process's processor time and by the wall."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu[name].append(time.process_time() - cpu)
        self.wall[name].append(time.perf_counter() - wall)


def run(setting: Setting) -> None:
    """Put every item through all stages, a mixed chunk at a time; report the mean item."""
    lines = random.Random(1).sample(setting.lines, len(setting.lines))  # noqa: S311
    groups = [lines[i : i + _TOGETHER] for i in range(0, len(lines), _TOGETHER)]
    setting.client.create_collection(_COLLECTION)
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=setting.stack.home) as folder:
        steps = _Steps(setting, MediaStore(Path(folder).as_uri()))
        steps.run(Clock(), groups[0])
        for number, group in enumerate(groups):
            if number % 5 == 0:
                say(f"stages: chunk {number} of {len(groups)}")
            steps.run(clock, group)
    setting.drop(_COLLECTION)
    _report(clock, [len(group) for group in groups])


def _report(clock: Clock, sizes: Sequence[int]) -> None:
    inside = {"json"}  # is part of bulk, and shown beside it
    total = np.sum([v for name, v in clock.cpu.items() if name not in inside], axis=0)
    whole = {**clock.cpu, "all": total}
    for name, seconds in sorted(whole.items(), key=lambda entry: -sum(entry[1])):
        emit(resampled(f"stages.{name}.cpu", _per_item, (seconds, sizes), "ms/item"))
        if name in clock.cpu:
            emit(resampled(f"stages.{name}.share", _percent, (seconds, total), "%"))
    for name in ("store", "queue", "bulk"):
        emit(resampled(f"stages.{name}.wall", _per_item, (clock.wall[name], sizes), "ms/item"))


def _per_item(seconds: Floats, sizes: Floats) -> float:
    return float(1000 * seconds.sum() / sizes.sum())


def _percent(part: Floats, whole: Floats) -> float:
    return float(100 * part.sum() / whole.sum())


class _Steps:
    """The stages of the pipeline in one process, in the order an item meets them."""

    def __init__(self, setting: Setting, store: MediaStore) -> None:
        self._setting = setting
        self._store = store
        self._kept = DerivedStore.of(store, setting.services.engine.settings, layout())
        extractors = setting.services.engine.extractors.values()
        encoders = {block: e for found in extractors for block, e in found.encoders.items()}
        concept, visual = encoders["concept"], encoders["visual"]
        assert isinstance(concept, Headed)
        assert isinstance(visual, Headed)
        self._concept, self._visual = concept, visual
        self._text, self._audio = encoders["semantic"], encoders["acoustic"]
        connection = setting.services.queue.connection_for_write()
        self._queue: Any = SimpleQueue(  # type: ignore[no-untyped-call]
            connection, f"bench-{uuid.uuid4().hex}"
        )

    def run(self, clock: Clock, lines: Sequence[Line]) -> None:
        """All stages over one chunk."""
        items = self._stored(clock, lines)
        made = self._encoded(clock, items)
        with clock.stage("keep"):
            for modality, derived in made.items():
                found = {part_digest(items[row], modality): one for row, one in derived.items()}
                self._kept.write(self._kept.kinds[modality], found)
        chunk = Chunk(
            collection=_COLLECTION,
            sequence=time.time_ns() // 1000,
            fingerprint=layout().fingerprint,
            slip=("image", "text", "audio", FUSION),
            items=tuple(items),
            batch="stages",
            derived=self._kept.kinds,
        )
        self._travel(clock, chunk)
        self._index(clock, chunk)

    def _stored(self, clock: Clock, lines: Sequence[Line]) -> list[Item]:
        items = [
            Item(
                id=line["id"],
                ordinal=row,
                text=line.get("text"),
                fields={"tags": line["tags"], "source": line["source"]},
                names={p: Path(line[p]).name for p in ("image", "audio") if p in line},
            )
            for row, line in enumerate(lines)
        ]
        with clock.stage("store"):
            for row, line in enumerate(lines):
                for part in ("image", "audio"):
                    if part in line:
                        digest = self._store.put((self._setting.root / line[part]).read_bytes())
                        items[row] = items[row].with_media(part, digest)
        return items

    def _encoded(self, clock: Clock, items: Sequence[Item]) -> dict[Modality, dict[int, Derived]]:
        """What the steps of each modality make of the items, by their rows."""
        pictures = {row: item for row, item in enumerate(items) if item.image}
        texts = {row: item for row, item in enumerate(items) if item.text}
        sounds = {row: item for row, item in enumerate(items) if item.audio}
        with clock.stage("load"):
            data = {
                part: self._loaded(part, found)
                for part, found in (("image", pictures), ("audio", sounds))
            }
        with clock.stage("image_decode"):
            pixels = [
                decode_image(d, side=self._visual.side, max_pixels=_NO_LIMIT) for d in data["image"]
            ]
        with clock.stage("cnn"):
            pooled = self._visual.backbone.encode(pixels)
        with clock.stage("heads"):
            concept, visual = self._concept.head(pooled), self._visual.head(pooled)
        with clock.stage("terms"):
            clean = [clean_text(str(i.text), max_chars=_NO_LIMIT) for i in texts.values()]
            languages = [detect(text) for text in clean]
            words = [analyse(*pair) for pair in zip(clean, languages, strict=True)]
        with clock.stage("minilm"):
            semantic = self._text.encode(clean)
        with clock.stage("audio_decode"):
            samples = [decode_audio(d, max_seconds=_NO_LIMIT) for d in data["audio"]]
        with clock.stage("mfcc"):
            acoustic = self._audio.encode(samples)
        return {
            "image": {
                row: Derived({"concept": one, "visual": other})
                for row, one, other in zip(pictures, concept, visual, strict=True)
            },
            "text": {
                row: Derived({"semantic": one}, {"language": language}, {"text": found})
                for row, one, language, found in zip(texts, semantic, languages, words, strict=True)
            },
            "audio": {
                row: Derived({"acoustic": one}) for row, one in zip(sounds, acoustic, strict=True)
            },
        }

    def _loaded(self, part: str, items: Mapping[int, Item]) -> list[bytes]:
        return [self._store.get(getattr(item, part)) for item in items.values()]

    def _travel(self, clock: Clock, chunk: Chunk) -> None:
        """To every queue of the slip; items without a part do not visit its queue."""
        codec_cpu = codec_wall = queue_cpu = queue_wall = 0.0
        for queue in chunk.slip:
            hop = Clock()
            part = replace(chunk.of([i for i in chunk.items if _visits(i, queue)]), slip=(queue,))
            with hop.stage("codec"):
                data = codec.dumps(part.to_message())
            with hop.stage("queue"):
                self._queue.put(data)
                message = self._queue.get(timeout=10)
                received = message.body
                message.ack()
            with hop.stage("codec"):
                Chunk.from_message(codec.loads(received))
            codec_cpu += sum(hop.cpu["codec"])
            codec_wall += sum(hop.wall["codec"])
            queue_cpu += sum(hop.cpu["queue"])
            queue_wall += sum(hop.wall["queue"])
            chunk = chunk.advance("0" * 16)
        for name, cpu, wall in (
            ("codec", codec_cpu, codec_wall),
            ("queue", queue_cpu, queue_wall),
        ):
            clock.cpu[name].append(cpu)
            clock.wall[name].append(wall)

    def _index(self, clock: Clock, chunk: Chunk) -> None:
        """Derived data that the steps kept is read, and the documents are written."""
        with clock.stage("derived"):
            described_items = described(chunk, self._kept)
        with clock.stage("fuse"):
            fused = fuse([blocks for _, blocks in described_items], layout())
        with clock.stage("document"):
            documents: list[dict[str, Any]] = [
                document(chunk, item, vector)
                for (item, _), vector in zip(described_items, fused, strict=True)
            ]
        with clock.stage("json"):
            for body in documents:
                orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        with clock.stage("bulk"):
            self._setting.services.engine.index.bulk(
                chunk.collection, [Versioned(body, chunk.sequence) for body in documents]
            )


def _visits(item: Item, queue: str) -> bool:
    return queue == FUSION or getattr(item, queue) is not None
