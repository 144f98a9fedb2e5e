"""From a scored candidate and its document to a hit of the answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.core.names import printable
from triptych.fusion.scores import Reason
from triptych.index.documents import PUBLIC_FIELDS, WORDED_FIELDS, Document, public
from triptych.index.model import ADDED, METADATA, Counts, Words
from triptych.search.answer import FacetCount, Hit
from triptych.search.filtering import SCORE, as_asked, is_key
from triptych.search.highlight import highlights
from triptych.search.request import FacetRequest, SearchRequest

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

    def hit(
        self,
        document: Document,
        score: float | None = None,
        why: Mapping[str, Reason] | None = None,
    ) -> Hit:
        """A document as a hit."""
        marked = None if self.words is None else highlights(document, self.words)
        return Hit(document["id"], score, self.item(document), marked, why)

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


def facet_counts(
    requested: Sequence[FacetRequest], counts: Mapping[str, Counts]
) -> dict[str, list[FacetCount]] | None:
    """The counts of an index for an answer; None where none were requested."""
    if not requested:
        return None
    return {
        field: [FacetCount(**entry) for entry in entries]
        for field, entries in as_asked(requested, counts).items()
    }


def milliseconds(since: float, until: float) -> float:
    """Between two readings of the clock, as answers have it."""
    return round(1000 * (until - since), 3)
