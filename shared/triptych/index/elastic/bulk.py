"""Bulk writes to Elasticsearch: one outcome per document, whatever happens to the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from elasticsearch import ApiError, Elasticsearch

from triptych.core.errors import IndexUnavailable, InvalidInput, NotFound
from triptych.index.documents import kept
from triptych.index.elastic.connection import BUSY, is_away, translated
from triptych.index.model import Outcome, Versioned

_WHOLE_REFUSED = frozenset({400, 413})
_CONFLICT = 409
_UNKNOWN = 500
_NO_INDEX = "index_not_found_exception"
_BACK_OFF_SECONDS = (0.5, 1, 2, 4, 8)

log = structlog.get_logger(__name__)


def write(
    client: Elasticsearch,
    alias: str,
    documents: Sequence[Versioned],
    sleep: Callable[[float], None],
) -> list[Outcome]:
    """Write documents; those that the server is too busy for are sent again, more slowly.

    Raises:
        NotFound: there is no such alias.
        IndexUnavailable: the server does not answer, stays too busy, or takes nothing now.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = list(range(len(documents)))
    for pause in (*_BACK_OFF_SECONDS, None):
        answers = _send(client, alias, documents, waiting)
        waiting = [row for row, answer in answers.items() if answer["status"] in BUSY]
        outcomes |= {
            row: _outcome(documents[row].document["id"], answer)
            for row, answer in answers.items()
            if row not in waiting
        }
        if not waiting:
            return [outcomes[row] for row in range(len(documents))]
        if pause is not None:
            log.warning("index is busy", waiting=len(waiting), pause=pause)
            sleep(pause)
    raise IndexUnavailable(f"the index still refuses {len(waiting)} documents: too busy")


def _send(
    client: Elasticsearch, alias: str, documents: Sequence[Versioned], rows: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Send some of the documents; the answer per row.

    One document can make the whole request fail (a string that JSON can't have, an id that the
    server does not take, a body that is too large). Then each half is sent on its own, until that
    one stands alone.
    """
    if not rows:
        return {}  # the server refuses an empty request
    try:
        with translated(f"no collection behind {alias}"):
            items = client.bulk(
                operations=list(_operations(alias, documents, rows)),
                require_alias=True,  # a typing error must not create an index without mapping
            )["items"]
    except (ApiError, InvalidInput) as error:
        if isinstance(error, ApiError) and error.meta.status not in _WHOLE_REFUSED:
            raise
        if len(rows) == 1:
            return {rows[0]: {"status": 400, "error": {"reason": str(error)}}}
        half = len(rows) // 2
        return _send(client, alias, documents, rows[:half]) | _send(
            client, alias, documents, rows[half:]
        )
    answers = dict(zip(rows, (item["index"] for item in items), strict=True))
    for answer in answers.values():
        check_answer(answer, f"no collection behind {alias}")
    return answers


def check_answer(answer: Mapping[str, Any], missing: str) -> None:
    """Raise for an item of a bulk, or of a multi-get, that failed for no fault of its own.

    Raises:
        NotFound: its index is not there; ``missing`` says so.
        IndexUnavailable: any other reason, but for those that a bulk is sent again for.
    """
    error = answer.get("error")
    if error is None:
        return
    kind, status = error.get("type", ""), answer.get("status", _UNKNOWN)
    if kind == _NO_INDEX:
        raise NotFound(missing)
    if status in BUSY:
        return
    if status not in {*_WHOLE_REFUSED, _CONFLICT} or is_away(status, kind):
        raise IndexUnavailable(f"the index takes nothing now: {kind}: {error.get('reason')}")


def _operations(
    alias: str, documents: Sequence[Versioned], rows: Sequence[int]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        entry = documents[row]
        yield {
            "index": {
                "_index": alias,
                "_id": entry.document["id"],
                "version": entry.version,
                "version_type": "external_gte",
            }
        }
        yield dict(kept(entry.document))


def _outcome(item_id: str, answer: dict[str, Any]) -> Outcome:
    if answer["status"] == _CONFLICT:
        return Outcome(item_id, "superseded")
    if "error" in answer:
        error = answer["error"]
        cause = error.get("caused_by", {}).get("reason")
        return Outcome(item_id, "refused", "; ".join(filter(None, (error["reason"], cause))))
    return Outcome(item_id, "written")
