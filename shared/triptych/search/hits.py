"""From a document to a hit of the answer."""

from collections.abc import Mapping, Sequence

from triptych.fusion.scores import Reason
from triptych.index.documents import Document, selected
from triptych.index.model import Counts, Words
from triptych.search.answer import FacetCount, Hit
from triptych.search.filtering import FacetRequest, as_asked
from triptych.search.highlight import highlights


def make_hit(
    document: Document,
    fields: Sequence[str] | None,
    words: Words | None = None,
    score: float | None = None,
    why: Mapping[str, Reason] | None = None,
) -> Hit:
    """A document as a hit.

    Args:
        document: the document.
        fields: those that the hit shows, if the item has them; None for all.
        words: those to highlight, if any.
        score: the score, if anything is searched for.
        why: its reasons, if they are requested.
    """
    marked = None if words is None else highlights(document, words)
    return Hit(document["id"], score, selected(document, fields), marked, why)


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
