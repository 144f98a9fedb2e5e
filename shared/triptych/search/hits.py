"""From a scored candidate and its document to a hit of the answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triptych.core.fields import FIELDS
from triptych.fusion.scores import Reason
from triptych.index.documents import Document, public, selected
from triptych.index.model import Counts, Words
from triptych.search.answer import FacetCount, Hit
from triptych.search.filtering import SCORE, FacetRequest, as_asked
from triptych.search.highlight import highlights
from triptych.search.request import SearchRequest

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
        return selected(document, self.fields)


def shape(request: SearchRequest, words: Words | None = None) -> Shape:
    """What a request asks of each item."""
    highlighted = words if request.highlight else None
    if request.fields is None:
        return Shape(None, None, highlighted)
    needed = {
        "id",
        *(name.partition(".")[0] for name in request.fields),
        *((*FIELDS.searchable, "language") if highlighted is not None else ()),
        *(_COMPARED if request.verify else ()),
        *sorted_by(sort.field for sort in request.sort),
    }
    return Shape(tuple(request.fields), tuple(sorted(needed)), highlighted)


def sorted_by(fields: Iterable[str]) -> set[str]:
    """The fields of a document that orders by these read."""
    return {"id" if name == SCORE else FIELDS.target(name).field.path for name in fields}


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
