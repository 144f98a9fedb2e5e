"""What was accepted, and the judgement of what became of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

DELETED = None
"""The last version of an item that was deleted."""

Text = str | None
Key = tuple[str, str]
"""Collection and id."""


@dataclass
class Expected:
    """The last version of each item, by what was acknowledged. Serves many threads.

    Each version of an item has a text of its own. As long as no answer has come, or none ever
    comes, the item may be as it was before or as it was sent.
    """

    _may: dict[Key, set[Text]] = field(default_factory=dict)
    _accepted: set[Key] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def sent(self, items: Mapping[Key, Text]) -> None:
        """These versions are on their way."""
        with self._lock:
            for key, text in items.items():
                self._may.setdefault(key, {DELETED}).add(text)

    def acknowledged(self, items: Mapping[Key, Text]) -> None:
        """These versions were accepted."""
        with self._lock:
            for key, text in items.items():
                self._may[key] = {text}
                self._accepted.add(key)

    def dropped(self, collection: str) -> None:
        """A collection was deleted with all that was sent to it until now."""
        with self._lock:
            gone = [key for key in self._may if key[0] == collection]
            self._may |= {key: {DELETED} for key in gone}

    @property
    def items(self) -> dict[Key, frozenset[Text]]:
        """What each item that was sent may be now."""
        with self._lock:
            return {key: frozenset(texts) for key, texts in self._may.items()}

    @property
    def accepted(self) -> frozenset[Key]:
        """The items of which a version was accepted."""
        with self._lock:
            return frozenset(self._accepted)

    @property
    def collections(self) -> list[str]:
        """Where items were sent to."""
        return sorted({collection for collection, _ in self.items})


@dataclass(frozen=True)
class Judgement:
    """The number of accepted items by what became of them, and what is wrong."""

    accepted: int = 0
    indexed: int = 0
    failed: int = 0
    quarantined: int = 0
    deleted: int = 0
    lost: int = 0
    """Not there, there without a reason, or there in another version than the last."""
    twice: int = 0
    """Documents beside the one of an item: a second one, or one of an item that must be gone."""
    problems: tuple[str, ...] = ()


def judge(expected: Expected, found: Iterable[tuple[Key, Mapping[str, Any]]]) -> Judgement:
    """Compare what was accepted with every document of the collections.

    Args:
        expected: what was accepted.
        found: collection and id of each document, failed ones included, and the document.
    """
    documents: dict[Key, Mapping[str, Any]] = {}
    counts: Counter[str] = Counter()
    problems: list[str] = []
    may = expected.items
    for key, document in found:
        if key in documents:
            counts["twice"] += 1
            problems.append(f"{key}: twice")
        elif key not in may:
            counts["twice"] += 1
            problems.append(f"{key}: nobody has sent it")
        documents[key] = document
    for key, texts in may.items():
        fate, problem = _fate(texts, documents.get(key))
        if key in expected.accepted or problem:
            counts[fate] += 1
        if problem:
            problems.append(f"{key}: {problem}")
    return Judgement(len(expected.accepted), **counts, problems=tuple(problems))


def _fate(texts: frozenset[Text], document: Mapping[str, Any] | None) -> tuple[str, str | None]:
    """What became of an item, and what is wrong with that."""
    if document is None:
        return ("deleted", None) if DELETED in texts else ("lost", "it is not there")
    if texts == {DELETED}:
        return "twice", "it was deleted, and is there"
    status, reasons = document["status"], " ".join(document.get("errors", {}).values())
    problem = None
    if status == "quarantined":
        problem = None if "died of it" in reasons else f"quarantined for {reasons!r}"
    elif status in {"failed", "partial"} and not reasons:
        problem = f"{status} without a reason"
    if status in {"indexed", "partial"} and document.get("text") not in texts:
        problem = f"it has the text {document.get('text')!r}, but was last sent as {texts}"
    fate = "indexed" if status == "partial" else status
    return ("lost", problem) if problem else (fate, None)
