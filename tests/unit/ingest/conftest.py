"""Doubles of what a worker talks to."""

from collections.abc import Callable, Sequence

import pytest

from support import layout
from triptych.core.item import Item
from triptych.index.model import Outcome, Versioned
from triptych.index.origin import Origin
from triptych.ingest.chunk import Chunk


class Index:
    """Holds documents in memory, refuses those whose metadata names a reason."""

    def __init__(self) -> None:
        self.documents: dict[str, Versioned] = {}
        self.error: Exception | None = None
        self.layout = layout()
        self.refused: set[str] = set()
        """Ids of which it takes no document at all."""

    def origin(self, _: str) -> Origin:
        """It is of the encoders of this process."""
        return Origin(self.layout.fingerprint, self.layout.encoders, self.layout)

    def bulk(
        self,
        _: str,
        documents: Sequence[Versioned],
        *,
        identity: str | None = None,  # noqa: ARG002
    ) -> list[Outcome]:
        """Write the documents, newest version last."""
        if self.error is not None:
            raise self.error
        return [self._write(entry) for entry in documents]

    def _write(self, entry: Versioned) -> Outcome:
        item_id = entry.document["id"]
        if item_id in self.refused:
            return Outcome(item_id, "refused", "bad id")
        if "break" in entry.document.get("metadata", {}):
            raise RuntimeError("a defect of the index")
        if reason := entry.document.get("metadata", {}).get("refuse"):
            return Outcome(item_id, "refused", reason)
        known = self.documents.get(item_id)
        if known is not None and known.version > entry.version:
            return Outcome(item_id, "superseded")
        self.documents[item_id] = entry
        return Outcome(item_id, "written")


@pytest.fixture
def index() -> Index:
    """An empty index."""
    return Index()


@pytest.fixture
def make_chunk() -> Callable[..., Chunk]:
    """A chunk of the models of this process."""

    def make(*items: Item, **options: object) -> Chunk:
        facts = {
            "collection": "c",
            "sequence": 1000,
            "fingerprint": layout().fingerprint,
            "slip": ("text", "fusion"),
            "batch": "b",
        }
        return Chunk(**{**facts, "items": items, **options})

    return make
