"""Queries that are never the very file that was indexed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.setting import Line, Setting

from triptych.cli.variations import mirrored_crop, second_half
from triptych.index.model import IndexQuery
from triptych.media.audio import decode_audio
from triptych.search import encoding
from triptych.search.encoding import encode
from triptych.search.parts import Items
from triptych.search.planning import plan
from triptych.search.ranking import candidates_for, index_query
from triptych.search.request import SearchRequest

MIXES: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "image": ("image",),
    "audio": ("audio",),
    "text+image": ("text", "image"),
    "text+image+audio": ("text", "image", "audio"),
}

_AUDIBLE = 1e-3
_VARY: Mapping[str, Callable[[bytes], bytes]] = {"image": mirrored_crop, "audio": second_half}


@dataclass(frozen=True)
class Query:
    """A search request: its fields, and its media as bytes."""

    fields: Mapping[str, Any]
    media: Mapping[str, bytes]

    def request(self) -> SearchRequest:
        """The request as the gateway reads it."""
        return SearchRequest.model_validate({**self.fields, **self.media})

    def encoded(self, setting: Setting, collection: str) -> encoding.Query:
        """The query as the gateway encodes it."""
        searcher, request = setting.services.engine.searcher, self.request()
        items = Items(searcher.index, searcher.layout, collection)
        return encode(searcher, items, request).weighted(request.weights.by_signal)

    def asked(self, setting: Setting, collection: str) -> IndexQuery:
        """What the gateway asks the index."""
        request = self.request()
        query = self.encoded(setting, collection)
        return index_query(query, plan(request, lambda _: ()), candidates_for(request))


def _is_audible(setting: Setting, line: Line) -> bool:
    half = second_half((setting.root / line["audio"]).read_bytes())
    return bool(decode_audio(half, max_seconds=3600).max() > _AUDIBLE)


def make_queries(setting: Setting, parts: Sequence[str], count: int, **fields: Any) -> list[Query]:
    """Queries from items that have all these parts, evenly picked: caption, crop, half a sound.

    A caption is asked plainly: what looks like an operator in it is none.
    """
    able = [line for line in setting.lines if all(part in line for part in parts)]
    if "audio" in parts:  # of some sounds the second half is silence, which finds nothing
        able = [line for line in able if _is_audible(setting, line)]
    chosen = [able[i * len(able) // count] for i in range(count)]
    return [
        Query(
            {**fields, "syntax": "none", **({"text": line["text"]} if "text" in parts else {})},
            {
                part: vary((setting.root / line[part]).read_bytes())
                for part, vary in _VARY.items()
                if part in parts
            },
        )
        for line in chosen
    ]
