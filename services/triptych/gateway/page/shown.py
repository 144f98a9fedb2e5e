"""How values are shown: pure functions for the templates."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from triptych.fusion.scores import Reason
from triptych.search.answer import Hit, Snippet

LABELS: Mapping[str, str] = {
    "keyword": "Words", "text": "Meaning", "image": "Picture", "audio": "Sound",
    "not": "Not", "not.text": "Not: words", "not.image": "Not: picture", "not.audio": "Not: sound",
    "tags": "Tags", "modalities": "Has", "language": "Language", "keywords": "Key words",
    "artist": "Artist", "camera": "Camera", "predictions.label": "Predicted",
}  # fmt: skip
"""What signals and facets are called."""
_UNITS = ("B", "KB", "MB", "GB", "TB")
_STEP = 1000
_MINUTE = 60
_KNOWN_ABOVE = {
    "id", "text", "caption", "title", "tags", "modalities", "errors", "notes", "status", "media",
    "transcript", "writing", "metadata", "names", "fingerprint", "content", "sequence", "batch",
}  # fmt: skip
"""What an item's page shows elsewhere, or not at all."""
BAR = 100.0
"""The width of a bar for a score of 1."""


def size(value: float) -> str:
    """Bytes for a person."""
    power = min(int(math.log(value, _STEP)), len(_UNITS) - 1) if value >= 1 else 0
    scaled = value / _STEP**power
    return f"{scaled:.0f} {_UNITS[power]}" if power == 0 else f"{scaled:.1f} {_UNITS[power]}"


def duration(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes}:{rest:02}"


def moment(value: str) -> str:
    """An ISO 8601 moment without its fractions of a second."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return value
    return found.strftime("%Y-%m-%d %H:%M")


def instant(seconds: float) -> str:
    """Seconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def count(value: int) -> str:
    """With a thin space between the thousands."""
    return f"{value:,}".replace(",", "\u202f")


def name_of(item: Mapping[str, Any], item_id: str) -> str:
    """What a person would call an item: its title, or the last part of its id."""
    return str(item.get("title") or item_id.rpartition("/")[2])


def marked(snippet: Snippet) -> Iterator[tuple[str, bool]]:
    """The pieces of a snippet, and whether each matches the query."""
    end = 0
    for begin, until in snippet.spans:
        if begin > end:
            yield snippet.text[end:begin], False
        yield snippet.text[begin:until], True
        end = until
    if end < len(snippet.text):
        yield snippet.text[end:], False


def coded(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a description, and whether each is code: between one or two backticks."""
    for place, piece in enumerate(re.split("`+", text)):
        if piece:
            yield piece, place % 2 == 1


@dataclass(frozen=True)
class Bar:
    """One piece of a bar: what one signal adds to the score, or takes from it."""

    signal: str
    contribution: float
    begin: float
    """Of ``BAR``."""
    width: float

    @property
    def kind(self) -> str:
        """The class of the piece: negative signals look alike."""
        return "not" if self.signal.startswith("not") else self.signal


def bars(hit: Hit) -> Sequence[Bar]:
    """The contributions of a hit as pieces of a bar, negative ones last, from the right end back.

    What is taken away covers what was added: the part of the bar that stays visible is the score.
    """
    why: Mapping[str, Reason] = hit.why or {}
    pieces, end = [], 0.0
    for signal, reason in sorted(why.items(), key=lambda one: one[1].contribution < 0):
        width = min(abs(reason.contribution) * BAR, BAR)
        begin = end if reason.contribution >= 0 else max(end - width, 0.0)
        end = begin + width if reason.contribution >= 0 else begin
        pieces.append(Bar(signal, reason.contribution + 0.0, begin, width))  # -0.0 is 0
    return pieces


def facts(item: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """The rows of what is known of an item: names and values."""
    rows = []
    for name, value in item.items():
        if name in _KNOWN_ABOVE or value is None or value in ([], {}):
            continue
        rows.append((name.replace("_", " "), _plain(name, value)))
    rows += [(str(name), _plain("", value)) for name, value in (item.get("metadata") or {}).items()]
    return rows


def _plain(name: str, value: Any) -> str:
    if name in _SHOWN_BY:
        return _SHOWN_BY[name](value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


_SHOWN_BY: Mapping[str, Callable[[Any], str]] = {
    "size": size,
    "duration": duration,
    "captured_at": moment,
    "place": lambda place: f"{place['latitude']:.5f}, {place['longitude']:.5f}",
    "predictions": lambda found: f"{found['label']} ({found['probability']:.0%})",
}
