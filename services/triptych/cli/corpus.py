"""What a demonstration needs: items, and questions whose answers are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Question:
    """A query, and a prefix of the ids of which one must be among the first hits."""

    title: str
    expected: str
    text: str | None = None
    media: Mapping[str, bytes] = field(default_factory=dict)
    within: int = 3

    def answered_by(self, hits: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the right item is among the first ``within`` hits, and for a reason."""
        return any(
            hit["id"].startswith(self.expected) and hit["score"] > 0 and hit["why"]
            for hit in hits[: self.within]
        )


@dataclass(frozen=True)
class Corpus:
    """Manifest lines of files under a root, and questions."""

    name: str
    root: Path
    lines: Sequence[Mapping[str, Any]]
    questions: Sequence[Question]
