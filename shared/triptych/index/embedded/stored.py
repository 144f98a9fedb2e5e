"""Reading stored documents."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from triptych.index.documents import pack_features
from triptych.index.embedded.conditions import KINDS
from triptych.index.embedded.records import LONG
from triptych.index.embedded.store import Places, View
from triptych.index.model import Versioned

_METADATA = "metadata."
"""What the names of facts of the metadata begin with."""
_AT_ONCE = 500
"""SQLite takes at least 999 values in one statement."""

_KEYS = "SELECT number, substr(name, ?) FROM fields WHERE substr(name, 1, ?) = ?"
_USED = """
    SELECT EXISTS (
        SELECT 1 FROM facts JOIN rows USING (place)
        WHERE field = ? AND kind = ? AND died IS NULL
    )
"""


def public(view: View, places: Places) -> Iterator[dict[str, Any]]:
    """What clients may see of the documents at some places, in their order."""
    for (body,) in _columns(view, "public", "documents", places):
        yield orjson.loads(body)


def hidden(view: View, places: Places) -> Iterator[dict[str, Any]]:
    """The words and facts of the documents at some places, in their order."""
    for (body,) in _columns(view, "hidden", "documents", places):
        yield orjson.loads(body)


def whole(view: View, places: Places) -> Iterator[dict[str, Any]]:
    """The documents at some places, in their order; without vectors."""
    for body, words in _columns(view, "public, hidden", "documents", places):
        yield {**orjson.loads(body), **orjson.loads(words)}


def versions(view: View, places: Places) -> Iterator[tuple[str, int]]:
    """Ids and versions at some places, in their order."""
    for row in _columns(view, "id, version", "rows", places):
        yield row[0], row[1]


def _columns(view: View, columns: str, table: str, places: Places) -> Iterator[Sequence[Any]]:
    for start in range(0, len(places), _AT_ONCE):
        wanted = places[start : start + _AT_ONCE].tolist()
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT place, {columns} FROM {table} WHERE place IN ({marks})"  # noqa: S608
        rows = {row[0]: row[1:] for row in view.connection.execute(query, wanted)}
        for place in wanted:
            yield rows[place]


def versioned(view: View, places: Places) -> list[Versioned]:
    """The documents at some places, in their order, with all that they were written with."""
    filled = view.state.blocks[places]
    found = zip(
        whole(view, places),
        versions(view, places),
        view.store.blocks.vectors(places, filled),
        view.store.blocks.features(places, filled),
        strict=True,
    )
    return [
        Versioned({**document, "vector": vector, "features": pack_features(features)}, version)
        if "modalities" in document
        else Versioned(document, version)
        for document, (_, version), vector, features in found
    ]


def metadata(view: View) -> dict[str, set[str]]:
    """The keys of the metadata, and the kinds of values that each has now."""
    beginning = (len(_METADATA) + 1, len(_METADATA), _METADATA)
    keys = view.connection.execute(_KEYS, beginning).fetchall()
    found = {
        name: {
            "string" if kind == LONG[0] else kind
            for kind in (*KINDS, LONG[0])
            if view.connection.execute(_USED, (number, kind)).fetchone()[0]
        }
        for number, name in keys
    }
    return {name: kinds for name, kinds in found.items() if kinds}
