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
from triptych.core.fields import FIELDS, Kind, strings
from triptych.core.item import Item, Modality, Words
from triptych.encoders.extractors import Extract
from triptych.fusion.blocks import Layout
from triptych.ingest.chunk import Chunk
from triptych.ingest.decoding import Decode, Decoded
from triptych.ingest.derived import Derived, DerivedStore, part_digest
from triptych.ingest.words import LANGUAGE
from triptych.text.analysis import analyse, analyse_each

_DECODED_BYTES = 64 * 2**20
_DECODED_CHARS = 2**16
"""Of texts: encoding them takes seconds."""

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

        Decoded media is dropped before too much of it is there: an hour of sound is 300 MB. Long
        texts are encoded a few at a time, so that there is a look at the clock in between.
        """
        started = self.clock()
        media: dict[int, Decoded] = {}
        full = 0.0
        waiting = list(rows)
        while waiting and (waiting[0] == rows[0] or self.clock() - started < self.seconds):
            row = waiting.pop(0)
            if (decoded := self._decoded(items, row)) is None:
                continue
            media[row] = decoded
            full += _share(decoded.media)
            del decoded  # nothing else holds what may be large
            if full >= 1:
                self._keep(items, kind, digests, media)
                media, full = {}, 0.0
        self._keep(items, kind, digests, media)
        return waiting

    def _decoded(self, items: list[Item], row: int) -> Decoded | None:
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
        media: dict[int, Decoded],
    ) -> None:
        made = dict(self._extract(items, media))
        self.kept.write(kind, {digests[row]: derived for row, derived in made.items()})

    def _extract(
        self, items: list[Item], media: Mapping[int, Decoded]
    ) -> Iterator[tuple[int, Derived]]:
        """Encode some media together; if that fails, one by one, to find which it is."""
        if not media:
            return
        try:
            extracted = self.extract([decoded.media for decoded in media.values()])
            words = [
                self._words(items[row], decoded, found)
                for (row, decoded), found in zip(media.items(), extracted.notes, strict=True)
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
        for position, (row, decoded) in enumerate(media.items()):
            blocks = {name: vectors[position] for name, vectors in extracted.blocks.items()}
            fields = {**decoded.fields, **extracted.notes[position]}
            yield row, Derived(blocks, fields, words[position], tuple(decoded.notes))

    def _words(self, item: Item, decoded: Decoded, found: Mapping[str, Any]) -> dict[str, Words]:
        """The words of its text, or of what its media say and of the text recognised in them."""
        if self.modality == "text":
            return {"text": analyse(str(item.text), decoded.fields["language"])}
        said = {
            name: _words_of(name, value)
            for name, value in decoded.fields.items()
            if FIELDS[name].searchable
        }
        recognised = {
            name: analyse(each["text"], each.get("language")) for name, each in found.items()
        }
        return said | recognised


def _words_of(name: str, value: Any) -> Words:
    """The words of what a file says of itself; only a text is long enough to tell its language."""
    if FIELDS[name].kind is Kind.TEXT:
        return analyse(value)
    return analyse_each(strings(value), LANGUAGE)


def _share(media: Any) -> float:
    """How much of what is encoded together one medium is."""
    if isinstance(media, str):
        return len(media) / _DECODED_CHARS
    return float(getattr(media, "nbytes", len(media))) / _DECODED_BYTES
