"""The order of the hits: by score, or by fields of the items."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from triptych.core.fields import FIELDS
from triptych.fusion.scores import Scored
from triptych.index.documents import Document, kind
from triptych.index.model import Counts, Found, Sort
from triptych.search.answer import PackedReasons
from triptych.search.filtering import SCORE

_KINDS = FIELDS["metadata"].kinds_of_values
"""Those of the values of metadata, in the order in which they are sorted."""


@dataclass(frozen=True)
class Ranked:
    """One hit of a ranking."""

    id: str
    score: float
    why: PackedReasons | None
    """None without ``explain``."""


@dataclass(frozen=True)
class Ranking:
    """All that paging through one query reaches, best first."""

    hits: Sequence[Ranked]
    total: int
    total_is_exact: bool
    facets: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Equal for equal orders."""
        return digest(hit.id for hit in self.hits)


def digest(ids: Iterable[str]) -> str:
    """Sixteen hex digits of a sequence of ids."""
    found = hashlib.sha256()
    for one in ids:
        found.update(one.encode() + b"\n")
    return found.hexdigest()[:16]


def ordered(
    scored: Sequence[Scored], found: Sequence[Found], sorts: Sequence[Sort]
) -> list[Scored]:
    """Scored candidates by the first order, equals by the next ones, in the end by id.

    Items without a field come last, whichever way it is sorted; of the metadata numbers come
    before strings before booleans, as in every index.
    """
    if not sorts:
        return list(scored)
    hits = sorted(scored, key=lambda hit: found[hit.index].candidate.id)
    for sort in reversed(sorts):
        value = _reader(sort.field)
        groups: dict[str, list[tuple[Any, Scored]]] = {name: [] for name in (*_KINDS, "")}
        for hit in hits:
            one = value(hit, found[hit.index].document)
            groups["" if one is None else kind(one)].append((one, hit))
        for name in _KINDS:
            groups[name].sort(key=lambda pair: pair[0], reverse=sort.descending)
        hits = [hit for group in groups.values() for _, hit in group]
    return hits


def _reader(name: str) -> Callable[[Scored, Document], Any]:
    if name == SCORE:
        return lambda hit, _: hit.score
    field, key = FIELDS.target(name)
    if key is None:
        return lambda _, document: document.get(field.path)
    return lambda _, document: document.get(field.path, {}).get(key)
