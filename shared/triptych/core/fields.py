"""The catalogue of fields: each field of an item is declared here, once.

The mapping of Elasticsearch, the tables of the embedded index, the models of items and manifest
lines, forms, filters, facets, sorts, OpenAPI, the command line and ``docs/fields.md`` are derived
from it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from keyword import iskeyword
from typing import Any, NamedTuple

from triptych.core.item import MODALITIES
from triptych.core.values import (
    Caption,
    ItemId,
    Keyword,
    Language,
    MetadataName,
    Moment,
    Place,
    Scalar,
    Source,
    Tag,
    Text,
    Whole,
)


class Kind(StrEnum):
    """What the values of a field are, and so how they are indexed and compared."""

    KEYWORD = "keyword"
    """A string that is compared as a whole."""
    TEXT = "text"
    """A string of words; the index looks at its words only."""
    WHOLE = "whole number"
    """Of 64 bits."""
    NUMBER = "number"
    """A float64."""
    INSTANT = "instant"
    """A moment: ISO 8601 in requests and answers, microseconds since 1970 in documents."""
    SCALARS = "values by key"
    """A string, number, boolean or null for each key; clients name ``FIELD.KEY``."""
    PLACE = "place"
    """A point on the earth: ``latitude`` and ``longitude`` in degrees (WGS 84)."""
    OBJECT = "object"
    """JSON that is stored as it is."""
    WORDS = "words"
    """The words of each searchable field, separated by spaces."""
    FACTS = "facts"
    """The values by key, each with its key and kind, as Elasticsearch looks them up."""
    FOLDED = "folded keywords"
    """Keywords that are compared regardless of case, as Elasticsearch looks them up."""
    POINT = "point"
    """A place as Elasticsearch looks it up: longitude and latitude."""
    VECTOR = "vector"
    """The fused vector, float32 (layout.dims,)."""
    PACKED = "packed vector"
    """The fused vector as base64 of little-endian float16."""


_VALUES = {
    Kind.KEYWORD: ("string",),
    Kind.WHOLE: ("number",),
    Kind.NUMBER: ("number",),
    Kind.INSTANT: ("number",),
    Kind.SCALARS: ("number", "string", "boolean"),
    Kind.PLACE: ("latitude", "longitude"),
}
"""The kinds of values that are compared, in the order in which they are sorted."""
_CHECKS: dict[Kind, Any] = {
    Kind.KEYWORD: Keyword,
    Kind.TEXT: Text,
    Kind.WHOLE: Whole,
    Kind.INSTANT: Moment,
    Kind.SCALARS: dict[MetadataName, Scalar],
    Kind.PLACE: Place,
}
_ORDERED = frozenset({Kind.WHOLE, Kind.NUMBER, Kind.INSTANT, Kind.SCALARS})


@dataclass(frozen=True)
class Field:
    """One field of an item. Raises ValueError for flags that don't go with its kind."""

    name: str
    kind: Kind
    description: str
    many: bool = False
    """Whether an item has a list of values; a list in a filter then asks for all of them."""
    filterable: bool = False
    facetable: bool = False
    sortable: bool = False
    searchable: bool = False
    """Whether queries look up its words: of values by key those of the strings."""
    weight: float = 1.0
    """How much a word or phrase found in it counts, in comparison to one in a text. Halves and
    quarters leave scores of both indexes the same to the last bit."""
    indexed: bool = False
    """Whether indexes look up its values though clients can't: for ourselves."""
    public: bool = True
    """Whether clients see it in documents."""
    sendable: bool = False
    """Whether clients may send it with an item."""
    choices: tuple[str, ...] = ()
    """The only values that there are."""
    case_folded: bool = False
    """Whether its values are case-folded, so that those of filters are, too."""
    folded_in: str = ""
    """The hidden field with its values, folded (``names.folded``), if they are compared regardless
    of case and Unicode form and shown as they were sent."""
    stored_in: str = ""
    """The field of the document that has its values, if that is another."""
    check: Any = None
    """What Pydantic checks a value by that clients send; by default that of the kind."""
    most: int = 256
    """The most values, or keys, that clients may send."""
    keys: tuple[str, ...] = ()
    """Of values by key: the only keys that there are; none: any."""

    def __post_init__(self) -> None:
        compared = self.filterable or self.facetable or self.sortable or self.indexed
        if not self.name.isidentifier() or iskeyword(self.name):  # as the groups of filters are
            raise ValueError(f"{self.name!r} is not a valid field name")
        if compared and not self.kinds_of_values:
            raise ValueError(f"{self.name}: the values of {self.kind} are not compared")
        if self.sortable and self.many:
            raise ValueError(f"{self.name}: lists of values have no order")
        if self.sendable and self.value_check is None:
            raise ValueError(f"{self.name}: clients can't send {self.kind}")

    @property
    def path(self) -> str:
        """The field of the document that has its values."""
        return self.stored_in or self.name

    @property
    def kinds_of_values(self) -> tuple[str, ...]:
        """The kinds of values that it is compared by, in their order; empty: by none."""
        return _VALUES.get(self.kind, ())

    @property
    def ordered(self) -> bool:
        """Whether filters and facets may have ranges of it."""
        return self.kind in _ORDERED

    @property
    def keyed(self) -> bool:
        """Whether clients name ``FIELD.KEY`` instead of the field."""
        return self.kind is Kind.SCALARS

    @property
    def labels(self) -> tuple[str, ...]:
        """How clients name it, or its values by key."""
        keys = self.keys or ("KEY",)
        return tuple(f"{self.name}.{key}" for key in keys) if self.keyed else (self.name,)

    @property
    def value_check(self) -> Any:
        """What Pydantic checks a value by that clients send, or all values by key."""
        return self.check or _CHECKS.get(self.kind)


def strings(value: Any) -> list[str]:
    """The strings of a field's value, be it one, a list or values by key; each once."""
    values = value.values() if isinstance(value, Mapping) else value
    every = [values] if isinstance(values, str) else values or ()
    return list(dict.fromkeys(each for each in every if isinstance(each, str)))


class Target(NamedTuple):
    """A field as a filter, facet or sort names it."""

    field: Field
    key: str | None = None
    """Of a field with keys."""


class Catalogue:
    """Fields, in the order in which documents have them. Raises ValueError for a name twice."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = tuple(fields)
        self._by_name = {field.name: field for field in self._fields}
        if len(self._by_name) < len(self._fields):
            raise ValueError("two fields have one name")

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def target(self, name: str) -> Target:
        """What ``tags`` or ``metadata.year`` names. Raises KeyError for what is no field."""
        base, dot, key = name.partition(".")
        field = self._by_name.get(base)
        if field is None or field.keyed is not bool(dot) or (field.keys and key not in field.keys):
            raise KeyError(name)
        return Target(field, key if dot else None)

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        """The fields of documents."""
        return tuple(field for field in self if not field.stored_in)

    @cached_property
    def public(self) -> tuple[str, ...]:
        """What clients see of a document."""
        return tuple(field.name for field in self.stored if field.public)

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """What clients never see of a document."""
        return tuple(field.name for field in self.stored if not field.public)

    @cached_property
    def looked_up(self) -> frozenset[str]:
        """What an index makes of other fields, to look them up."""
        kinds = {Kind.FACTS, Kind.FOLDED, Kind.POINT}
        return frozenset(field.name for field in self.stored if field.kind in kinds)

    @cached_property
    def filterable(self) -> tuple[Field, ...]:
        """Those that a filter may name."""
        return tuple(field for field in self if field.filterable)

    @cached_property
    def facetable(self) -> tuple[Field, ...]:
        """Those whose values may be counted."""
        return tuple(field for field in self if field.facetable)

    @cached_property
    def sortable(self) -> tuple[Field, ...]:
        """Those that items may be ordered by."""
        return tuple(field for field in self if field.sortable)

    @cached_property
    def compared(self) -> tuple[Field, ...]:
        """Those whose values indexes look up, but for values by key."""
        return tuple(
            field
            for field in self
            if (field.filterable or field.facetable or field.sortable or field.indexed)
            and not field.keyed
        )

    @cached_property
    def searchable(self) -> tuple[str, ...]:
        """Those whose words are searched."""
        return tuple(field.name for field in self if field.searchable)

    @cached_property
    def sendable(self) -> tuple[Field, ...]:
        """Those that clients may send with an item."""
        return tuple(field for field in self if field.sendable)


FIELDS = Catalogue(
    [
        Field(
            "id", Kind.KEYWORD, "The sender's; without one it is made from the content.",
            filterable=True, sortable=True, sendable=True, check=ItemId,
        ),
        Field(
            "status", Kind.KEYWORD, "Whether all is searchable, some, or nothing.",
            filterable=True, facetable=True,
            choices=("indexed", "partial", "failed", "quarantined"),
        ),
        Field(
            "modalities", Kind.KEYWORD, "The parts that are searchable.",
            many=True, filterable=True, facetable=True, choices=MODALITIES,
        ),
        Field(
            "tags", Kind.KEYWORD, "Labels. `Beach` and `beach` are one.",
            many=True, filterable=True, facetable=True, searchable=True, weight=0.5,
            sendable=True, check=Tag, folded_in="folded_tags",
        ),
        Field("folded_tags", Kind.FOLDED, "The tags as Elasticsearch looks them up.", public=False),
        Field(
            "batch", Kind.KEYWORD, "The batch that it came with.", filterable=True, facetable=True
        ),
        Field(
            "sequence", Kind.WHOLE,
            "When it was submitted, in microseconds since 1970; the latest version wins.",
        ),
        Field(
            "added", Kind.INSTANT, "When it was submitted: `sequence` as a date and time.",
            filterable=True, facetable=True, sortable=True, stored_in="sequence",
        ),
        Field("text", Kind.TEXT, "Its text.", searchable=True, sendable=True, check=str),
        Field(
            "language", Kind.KEYWORD, "The text's language (ISO 639-1); detected if not sent.",
            filterable=True, facetable=True, sendable=True, check=Language,
        ),
        Field(
            "keywords", Kind.KEYWORD, "The most characteristic words of the text.",
            many=True, filterable=True, facetable=True, case_folded=True,
        ),
        Field(
            "transcript", Kind.OBJECT,
            "The speech in the audio: text, language, and segments with their seconds.",
            searchable=True,
        ),
        Field(
            "writing", Kind.OBJECT,
            "The writing in the image: text, and lines with their positions.",
            searchable=True,
        ),
        Field(
            "title", Kind.KEYWORD, "What it is called.",
            filterable=True, sortable=True, searchable=True, sendable=True,
        ),
        Field(
            "artist", Kind.KEYWORD, "Who made it.",
            filterable=True, facetable=True, sortable=True, searchable=True, weight=0.5,
            sendable=True,
        ),
        Field(
            "album", Kind.KEYWORD, "The album that the sound is of.",
            filterable=True, facetable=True, sortable=True, searchable=True, weight=0.5,
            sendable=True,
        ),
        Field(
            "caption", Kind.TEXT, "What somebody wrote about the image or the sound.",
            searchable=True, sendable=True, check=Caption,
        ),
        Field("words", Kind.WORDS, "The stems of the searchable fields.", public=False),
        Field("plain", Kind.WORDS, "Their words in order, not stemmed.", public=False),
        Field("media", Kind.OBJECT, "The SHA-256 of the image and of the audio."),
        Field("content", Kind.KEYWORD, "The SHA-256 of all that was sent of it, but for the id."),
        Field(
            "digests", Kind.KEYWORD, "Those in `media`, as indexes look them up.",
            many=True, indexed=True, public=False,
        ),
        Field(
            "metadata", Kind.SCALARS, "Any other values, by key.",
            filterable=True, facetable=True, sortable=True, searchable=True, weight=0.5,
            sendable=True, most=64,
        ),
        Field(
            "predictions", Kind.SCALARS,
            "By a classifier that the collection has learnt: the likeliest class, and how likely "
            "it is (0 to 1).",
            filterable=True, facetable=True, sortable=True, keys=("label", "probability"),
        ),
        Field(
            "captured_at", Kind.INSTANT, "When it was taken or recorded.",
            filterable=True, facetable=True, sortable=True, sendable=True,
        ),
        Field(
            "captured_at_zone", Kind.KEYWORD,
            "The zone of `captured_at`, as `+02:00` or `Z`; absent if nobody says it.",
        ),
        Field(
            "camera", Kind.KEYWORD, "Maker and model of the camera.",
            filterable=True, facetable=True, sortable=True, sendable=True,
        ),
        Field(
            "lens", Kind.KEYWORD, "Its lens.",
            filterable=True, facetable=True, sortable=True, sendable=True,
        ),
        Field(
            "width", Kind.WHOLE, "Of the upright image, in pixels.",
            filterable=True, facetable=True, sortable=True,
        ),
        Field(
            "height", Kind.WHOLE, "Of the upright image, in pixels.",
            filterable=True, facetable=True, sortable=True,
        ),
        Field(
            "duration", Kind.NUMBER, "Of the sound, in seconds.",
            filterable=True, facetable=True, sortable=True,
        ),
        Field(
            "format", Kind.KEYWORD, "What its media are, by their content: `jpeg`, `mp3` …",
            many=True, filterable=True, facetable=True,
        ),
        Field(
            "size", Kind.WHOLE, "Bytes of its media and text.",
            filterable=True, facetable=True, sortable=True,
        ),
        Field(
            "place", Kind.PLACE, "Where it was made: `latitude` and `longitude` in degrees.",
            filterable=True, sendable=True,
        ),
        Field("point", Kind.POINT, "The place as Elasticsearch looks it up.", public=False),
        Field("facts", Kind.FACTS, "Values by key as Elasticsearch looks them up.", public=False),
        Field(
            "source", Kind.KEYWORD, "Where the item comes from.",
            sendable=True, check=Source,
        ),
        Field(
            "names", Kind.OBJECT, "The file name of each part, as the sender called it.",
            searchable=True, weight=0.5,
        ),
        Field("errors", Kind.OBJECT, "Why a part (or the `item`) is not searchable."),
        Field(
            "notes", Kind.OBJECT,
            "What was mended in a part, or of it is missing, that is searchable all the same.",
        ),
        Field("fingerprint", Kind.KEYWORD, "Of the encoders that made its vector."),
        Field("vector", Kind.VECTOR, "What neighbours are found by.", public=False),
        Field("features", Kind.PACKED, "What scores are computed from.", public=False),
    ]
)  # fmt: skip
