"""From a scored candidate and its document to a hit of the answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.core.names import printable
from triptych.fusion.scores import Reason
from triptych.index.documents import PUBLIC_FIELDS, WORDED_FIELDS, Document, public
from triptych.index.model import ADDED, METADATA, Words
from triptych.search.filtering import SCORE, is_key
from triptych.search.highlight import highlights
from triptych.search.request import SearchRequest

Hit = dict[str, Any]

_COMPARED = ("media", "modalities")
"""What verification reads of a document."""


@dataclass(frozen=True)
class Shape:
    """What of an item is answered."""

    fields: tuple[str, ...] | None
    """Those that were asked for; None for all."""
    needed: tuple[str, ...] | None
    """Those that the index has to send for it."""
    words: Words | None
    """What is highlighted, if anything."""

    def hit(self, item_id: str, score: float | None, document: Document) -> Hit:
        """A hit without its reasons."""
        hit: Hit = {"id": item_id, "score": score, "item": self.item(document)}
        if self.words is not None:
            hit["highlights"] = highlights(document, self.words)
        return hit

    def item(self, document: Document) -> Mapping[str, Any]:
        """The fields that were asked for, of those that the item has."""
        if self.fields is None:
            return public(document)
        item = {name: document[name] for name in self.fields if name in document}
        metadata = document.get("metadata", {})
        some = {
            key: metadata[key]
            for name in self.fields
            if name.startswith(METADATA) and (key := name.removeprefix(METADATA)) in metadata
        }
        return item | {"metadata": some} if some and "metadata" not in item else item


def shape(request: SearchRequest, words: Words | None = None) -> Shape:
    """What a request asks of each item. Raises InvalidInput naming the field."""
    highlighted = words if request.highlight else None
    if request.fields is None:
        return Shape(None, None, highlighted)
    for place, name in enumerate(request.fields):
        if name not in PUBLIC_FIELDS and not is_key(name):
            raise InvalidInput(
                f"fields.{place}: an item has no {printable(name)!r}; there are "
                f"{', '.join(PUBLIC_FIELDS)} and {METADATA}KEY",
                field=f"fields.{place}",
            )
    needed = {
        "id",
        *(name.partition(".")[0] for name in request.fields),
        *((*WORDED_FIELDS, "language") if highlighted is not None else ()),
        *(_COMPARED if request.verify else ()),
        *sorted_by(sort.field for sort in request.sort),
    }
    return Shape(tuple(request.fields), tuple(sorted(needed)), highlighted)


def sorted_by(fields: Iterable[str]) -> set[str]:
    """The fields of a document that orders by these read."""
    read = {ADDED: "sequence", SCORE: "id"}
    return {read.get(field, field.partition(".")[0]) for field in fields}


def reasons(why: Mapping[str, Reason]) -> dict[str, dict[str, Any]]:
    """The reasons of a hit as they are answered: without what a signal does not have."""
    return {
        name: {key: value for key, value in vars(reason).items() if value != {}}
        for name, reason in why.items()
    }


def milliseconds(since: float, until: float) -> float:
    """Between two readings of the clock, as answers have it."""
    return round(1000 * (until - since), 3)
