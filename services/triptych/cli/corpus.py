"""The corpus of a demonstration: items, and questions with known answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Question:
    """A query, and the prefix of the id that one of the first hits must have."""

    title: str
    expected: str
    text: str | None = None
    media: Mapping[str, bytes] = field(default_factory=dict)
    within: int = 3

    def answered_by(self, hits: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a right item is among the first ``within`` hits, with a score and reasons."""
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
