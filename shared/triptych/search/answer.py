"""The answer to a search, as Python has it and as JSON has it.

In Python, an optional field that an answer lacks is None (or empty). In JSON it is left out; a
field without a default is always there, so the score of a hit of a listing is null.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, cached_property
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter

from triptych.core.answers import Described, Omissible
from triptych.fusion.scores import Fused, Reason
from triptych.index.item_document import ItemDocument

_SHOWN_CHARS = 60
"""Of a text where a hit is one line."""


@dataclass(frozen=True)
class Snippet(Described):
    """A piece of a text with the words that match the query."""

    text: str
    spans: Sequence[tuple[int, int]]
    """Start and end of each match, in code points of ``text``."""


@dataclass(frozen=True)
class Hit(Described):
    """An item that matches."""

    id: str
    score: float | None
    """Null in a listing, which ranks nothing."""
    item: ItemDocument
    """The fields of the item: those that were requested, or all."""
    highlights: Omissible[Mapping[str, Sequence[Snippet]]] = None
    """With ``highlight``: by field, where the words of the query are."""
    why: Omissible[Mapping[str, Reason]] = None
    """With ``explain``: by signal, what it adds to the score. The contributions add up to it."""
    inliers: Omissible[int] = None
    """With ``verify``: the number of keypoints that agree on how the image fits the query's."""

    def __str__(self) -> str:
        """One line: the score, the item, the beginning of its text, and what made the score."""
        score = [] if self.score is None else [f"{self.score:.3f}"]
        text = " ".join(str(self.item.get("text", "")).split())
        shown = text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
        why = [f"{name} {reason.contribution:.3f}" for name, reason in (self.why or {}).items()]
        reasons = [f"({', '.join(why)})"] if why else []
        return "  ".join(filter(None, [*score, self.id, shown, *reasons]))


@dataclass(frozen=True)
class Total(Described):
    """The number of items that match: of a search, those that the query ranks."""

    value: int
    relation: Literal["eq", "gte"]
    """Whether ``value`` is exact, or a lower bound."""


@dataclass(frozen=True)
class FacetCount(Described):
    """The number of matching items with one value, or with a value in one range."""

    count: int
    value: Omissible[str | float | bool] = None
    gte: Omissible[str | float] = None
    gt: Omissible[str | float] = None
    lte: Omissible[str | float] = None
    lt: Omissible[str | float] = None


@dataclass(frozen=True)
class Answer(Described):
    """One page of hits, best first."""

    hits: Sequence[Hit]
    total: Total
    took_ms: Mapping[str, float]
    """Milliseconds by stage, and in ``total``."""
    facets: Omissible[Mapping[str, Sequence[FacetCount]]] = None
    """With ``facets``: by field, its most frequent values or the requested ranges."""
    cursor: Omissible[str] = None
    """With ``cursor``: that of the next page; left out on the last one."""
    fusion: Omissible[Fused] = None
    """How the hits were scored, where there are any: for ``auto`` what was chosen."""

    def __str__(self) -> str:
        """A line per hit, best first, and how many there are."""
        least = "at least " if self.total.relation == "gte" else ""
        return "\n".join([*map(str, self.hits), f"{least}{self.total.value} items match"])

    def to_json(self) -> bytes:
        """The answer as JSON."""
        return dumps(self)


class PackedReasons(Mapping[str, Reason]):
    """The reasons of a hit, kept as JSON: a tenth of what they take as objects."""

    def __init__(self, reasons: Mapping[str, Reason]) -> None:
        self.json = dumps(reasons)

    @cached_property
    def _reasons(self) -> Mapping[str, Reason]:
        return _REASONS.validate_json(self.json)

    def __getitem__(self, signal: str) -> Reason:
        return self._reasons[signal]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reasons)

    def __len__(self) -> int:
        return len(self._reasons)


_REASONS = TypeAdapter(Mapping[str, Reason])


def dumps(value: object) -> bytes:
    """JSON of a value that may hold answers."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _plain(value: Any) -> object:
    """What orjson writes for a dataclass: its fields, but for optional ones that are absent.

    Raises:
        TypeError: no dataclass.
    """
    if isinstance(value, PackedReasons):
        return orjson.Fragment(value.json)
    body = dict(vars(value))
    with_none, with_empty = _optional(type(value))  # type: ignore[arg-type]  # classes are hashable
    for name in with_none:
        if body[name] is None:
            del body[name]
    for name in with_empty:
        if not body[name]:
            del body[name]
    return body


@cache
def _optional(kind: type[Any]) -> tuple[list[str], list[str]]:
    """The optional fields of a dataclass: those that may be None, and those that may be empty."""
    return (
        [field.name for field in fields(kind) if field.default is None],
        [field.name for field in fields(kind) if field.default_factory is not MISSING],
    )
