"""The steps of a chunk: each modality that its items have is described, then it is written.

A step makes derived data and keeps it; what is kept already it does not make again. So a step can
be done twice, and an item that fails fails alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from triptych.core.errors import InvalidInput, NotFound, Unavailable, internal
from triptych.core.item import Item, Modality, Words
from triptych.encoders.extractors import Extract
from triptych.fusion.blocks import Layout
from triptych.ingest.chunk import Chunk
from triptych.ingest.decoding import Decode
from triptych.ingest.derived import Derived, DerivedStore, part_digest
from triptych.text.analysis import analyse

_DECODED_BYTES = 64 * 2**20

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Stepped:
    """A chunk after a step."""

    chunk: Chunk
    """The items that were dealt with, on their way to the next queue."""
    rest: Chunk | None = None
    """The others, for which there was no time: they come again, after what waits."""


@dataclass(frozen=True)
class Step:
    """Decodes, encodes and analyses one modality."""

    modality: Modality
    decode: Decode
    extract: Extract
    layout: Layout
    kept: DerivedStore
    seconds: float
    """After so long it ends with what it has: a single item must not wait for hours of sound."""
    clock: Callable[[], float] = time.monotonic

    def __call__(self, chunk: Chunk) -> Stepped:
        """Describe the modality of each item that has it; an item that fails gets its reason.

        A chunk made for other models is passed on with every item failed: its vectors would not
        compare with those of the index.
        """
        ours = self.layout.fingerprint
        if chunk.fingerprint != ours:
            reason = f"made for models {chunk.fingerprint}, this worker has {ours}"
            return Stepped(chunk.failing(reason))
        kind = self.kept.kinds[self.modality]
        items = list(chunk.items)
        digests = {
            row: part_digest(item, self.modality)
            for row, item in enumerate(items)
            if item.has(self.modality)
        }
        known = self.kept.read(kind, digests.values())
        todo = {row: digest for row, digest in digests.items() if digest not in known}
        first = {digest: row for row, digest in reversed(todo.items())}  # the same twice is one
        twins = {row: first[digest] for row, digest in todo.items() if first[digest] != row}
        left = self._describe(items, kind, [row for row in todo if row not in twins], todo)
        for row, twin in twins.items():
            if twin in left:
                left.append(row)
            elif self.modality in items[twin].errors:
                reason = items[twin].errors[self.modality]
                items[row] = items[row].failing(self.modality, reason)
        done = chunk.of([item for row, item in enumerate(items) if row not in left])
        rest = chunk.of([items[row] for row in sorted(left)]) if left else None
        return Stepped(done.advance(kind), rest)

    def _describe(
        self, items: list[Item], kind: str, rows: Sequence[int], digests: Mapping[int, str]
    ) -> list[int]:
        """Describe these rows and keep what is made; returns those for which there was no time.

        Decoded media is dropped before too much of it is there: an hour of sound is 300 MB.
        """
        started = self.clock()
        media: dict[int, tuple[Mapping[str, Any], Any]] = {}
        size = 0
        waiting = list(rows)
        while waiting and (waiting[0] == rows[0] or self.clock() - started < self.seconds):
            row = waiting.pop(0)
            if (decoded := self._decoded(items, row)) is None:
                continue
            media[row] = decoded
            size += getattr(decoded[1], "nbytes", len(decoded[1]))
            del decoded  # nothing else holds what may be large
            if size >= _DECODED_BYTES:
                self._keep(items, kind, digests, media)
                media, size = {}, 0
        self._keep(items, kind, digests, media)
        return waiting

    def _decoded(self, items: list[Item], row: int) -> tuple[Mapping[str, Any], Any] | None:
        item = items[row]
        try:
            return self.decode(item)
        except (InvalidInput, NotFound) as error:
            items[row] = item.failing(self.modality, error.reason)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("item can't be decoded", id=item.id, modality=self.modality)
            items[row] = item.failing(self.modality, internal(error))
        return None

    def _keep(
        self,
        items: list[Item],
        kind: str,
        digests: Mapping[int, str],
        media: dict[int, tuple[Mapping[str, Any], Any]],
    ) -> None:
        made = dict(self._extract(items, media))
        self.kept.write(kind, {digests[row]: derived for row, derived in made.items()})

    def _extract(
        self, items: list[Item], media: Mapping[int, tuple[Mapping[str, Any], Any]]
    ) -> Iterator[tuple[int, Derived]]:
        """Encode some media together; if that fails, one by one, to find which it is."""
        if not media:
            return
        try:
            extracted = self.extract([decoded for _, decoded in media.values()])
            fields = [
                {**known, **note}
                for (known, _), note in zip(media.values(), extracted.notes, strict=True)
            ]
            words = [
                self._words(items[row], known) for row, known in zip(media, fields, strict=True)
            ]
        except Exception as error:
            if len(media) > 1:
                for row, decoded in media.items():
                    yield from self._extract(items, {row: decoded})
                return
            (row,) = media
            log.exception("item can't be encoded", id=items[row].id, modality=self.modality)
            items[row] = items[row].failing(self.modality, internal(error))
            return
        for position, row in enumerate(media):
            blocks = {name: vectors[position] for name, vectors in extracted.blocks.items()}
            yield row, Derived(blocks, fields[position], words[position])

    def _words(self, item: Item, fields: Mapping[str, Any]) -> dict[str, Words]:
        """The words of its text, or of the text that was recognised in its media."""
        if self.modality == "text":
            return {"text": analyse(str(item.text), fields["language"])}
        return {
            name: analyse(recognised["text"], recognised.get("language"))
            for name, recognised in fields.items()
        }
