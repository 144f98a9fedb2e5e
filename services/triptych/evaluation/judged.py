"""Judged queries: a folder with items, queries, and grades of how well items answer them.

* ``manifest.jsonl``: the items, one line each, as for ingest.
* ``queries.jsonl``: ``{"id", "kind", "text"?, "language"?, "image"?, "audio"?, "not"?, "half"?}``;
  figures are per ``kind``. ``not`` has parts that hits should not be like. ``half`` is "training"
  or "held-out"; by default the digest of the query's first right item decides, so that no item is
  in both.
* ``qrels.txt``: ``query 0 item grade`` a line, in TREC's format
  (https://trec.nist.gov/data/qrels_eng/); items that are not listed have grade 0.

Media are files, relative to the folder or absolute.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from triptych.core.errors import InvalidInput
from triptych.core.values import Language, describe
from triptych.ingest.lines import read_lines
from triptych.ingest.sent import ItemLine, Rejection

Half = Literal["training", "held-out"]
HALVES: tuple[Half, ...] = ("training", "held-out")
_DIGITS = 13
_LINE = re.compile(r"(\S+)\s+\S+\s+(\S.*?)\s+(\d+)\s*")


class Not(BaseModel):
    """What the hits of a query should not be like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = None
    image: str | None = None
    audio: str | None = None


class Query(BaseModel):
    """One query."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: str
    kind: str
    text: str | None = None
    language: Language | None = None
    image: str | None = None
    audio: str | None = None
    against: Not | None = Field(None, alias="not")
    half: Half | None = None


@dataclass(frozen=True)
class Judged:
    """Items, queries and judgements; media are absolute paths."""

    name: str
    items: Sequence[ItemLine]
    queries: Sequence[Query]
    grades: Mapping[str, Mapping[str, int]]
    """By query, then item; above 0."""

    def of(self, half: Half) -> list[Query]:
        """The queries of one half."""
        return [query for query in self.queries if (query.half or self._drawn(query)) == half]

    def _drawn(self, query: Query) -> Half:
        return "training" if share(min(self.grades[query.id])) < 1 / 2 else "held-out"


def share(key: str) -> float:
    """A number from 0 to 1 that depends on a string alone."""
    return int(digest(key.encode())[:_DIGITS], 16) / (1 << 4 * _DIGITS)


def digest(data: bytes) -> str:
    """The sha256 of these bytes."""
    return hashlib.sha256(data).hexdigest()


def read(folder: Path) -> Judged:
    """Read a judged set. Raises InvalidInput with file and line, OSError."""
    items = list(_items(folder / "manifest.jsonl"))
    known = {str(item.id) for item in items}
    grades = _grades(folder / "qrels.txt", known)
    queries = [_with_paths(folder, query) for query in _queries(folder / "queries.jsonl")]
    if missing := [query.id for query in queries if query.id not in grades]:
        raise InvalidInput(f"no item answers query {missing[0]!r}, says {folder / 'qrels.txt'}")
    if not queries:
        raise InvalidInput(f"{folder} has no queries")
    return Judged(folder.name, items, queries, grades)


def _items(path: Path) -> Iterator[ItemLine]:
    for _, line in read_lines(path.read_bytes()):
        if isinstance(line, Rejection):
            raise InvalidInput(f"{path}: {line.reason}")
        if line.id is None:
            raise InvalidInput(f"{path}: an item to be judged needs an id")
        yield line.model_copy(update=_absolute(path.parent, line))


def _queries(path: Path) -> Iterator[Query]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            query = Query.model_validate_json(line)
        except ValidationError as error:
            raise InvalidInput(f"{path}:{number}: {describe(error)}") from error
        if query.text is None and query.image is None and query.audio is None:
            raise InvalidInput(f"{path}:{number}: neither text, image nor audio")
        yield query


def _with_paths(folder: Path, query: Query) -> Query:
    """A query whose media are absolute paths."""
    against = query.against
    if against is not None:
        against = against.model_copy(update=_absolute(folder, against))
    return query.model_copy(update={**_absolute(folder, query), "against": against})


def _absolute(folder: Path, entry: ItemLine | Query | Not) -> dict[str, str]:
    """The absolute paths of its media."""
    paths = {"image": entry.image, "audio": entry.audio}
    return {part: str(folder.absolute() / path) for part, path in paths.items() if path is not None}


def _grades(path: Path, known: set[str]) -> Mapping[str, Mapping[str, int]]:
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        columns = _LINE.fullmatch(line)
        if columns is None:
            raise InvalidInput(f"{path}:{number}: not of the form «query 0 item grade»")
        query, item, grade = columns.groups()
        if item not in known:
            raise InvalidInput(f"{path}:{number}: the manifest has no item {item!r}")
        if int(grade) > 0:
            grades[query][item] = int(grade)
    return grades


def write(
    folder: Path,
    lines: Iterable[Mapping[str, object]],
    queries: Iterable[Query],
    grades: Mapping[str, Mapping[str, int]],
) -> None:
    """Write a judged set, the same bytes for the same arguments."""
    _write_lines(folder / "manifest.jsonl", (json.dumps(line, sort_keys=True) for line in lines))
    _write_lines(
        folder / "queries.jsonl",
        (query.model_dump_json(exclude_none=True, by_alias=True) for query in queries),
    )
    _write_lines(
        folder / "qrels.txt",
        (
            f"{query} 0 {item} {grade}"
            for query, judged in grades.items()
            for item, grade in sorted(judged.items())
        ),
    )


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
