"""The search index on Elasticsearch 9: a thin shell over the pure bodies in ``queries``."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import elastic_transport
import structlog
from elasticsearch import ApiError, BadRequestError, ConflictError, Elasticsearch, NotFoundError
from elasticsearch.serializer import CompatibilityModeNdjsonSerializer, OrjsonSerializer

from triptych.shared import mapping
from triptych.shared.errors import FingerprintMismatch, IndexUnavailable, InvalidInput, NotFound
from triptych.shared.fusion.blocks import Layout
from triptych.shared.index import queries
from triptych.shared.index.protocol import IndexQuery, Outcome, Results, Versioned
from triptych.shared.mapping import Document

_BUSY = frozenset({429, 502, 503, 504})
_WHOLE_REFUSED = frozenset({400, 413})
_CONFLICT = 409
_REMEMBER_DELETES = "24h"
_NO_INDEX = "index_not_found_exception"
_BACK_OFF_SECONDS = (0.5, 1, 2, 4, 8)

log = structlog.get_logger(__name__)


class ElasticIndex:
    """Collections as aliases of one server or cluster. One instance serves many threads."""

    def __init__(
        self, url: str, *, layout: Layout, prefix: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = Elasticsearch(
            url,
            serializers={
                "application/vnd.elasticsearch+json": _Serializer(),
                "application/json": _Serializer(),
                _LinesSerializer.mimetype: _LinesSerializer(),
            },
            request_timeout=30,
            max_retries=0,
            http_compress=False,  # vectors hardly compress, and the network is near
        )
        self._layout = layout
        self._prefix = prefix
        self._sleep = sleep

    def ping(self) -> None:
        """Return if the index answers."""
        with _errors():
            self._client.cluster.health(timeout="2s")

    def ensure(self, collection: str) -> None:
        """Create the collection unless it exists. Raises FingerprintMismatch, InvalidInput."""
        alias = self._alias(collection)
        with _errors():
            if self._check_fingerprint(collection):
                return
            try:
                self._client.indices.create(
                    index=self._index(collection),
                    aliases={alias: {}},
                    mappings=mapping.mapping(self._layout),
                    settings={
                        "number_of_shards": 1,
                        "auto_expand_replicas": "0-1",
                        # A late redelivery must not bring back what was deleted meanwhile.
                        "gc_deletes": _REMEMBER_DELETES,
                    },
                )
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise InvalidInput(f"collection {collection!r}: {error}") from error
            self._check_fingerprint(collection)

    def _check_fingerprint(self, collection: str) -> bool:
        """Whether the collection exists. Raises FingerprintMismatch if other models made it."""
        try:
            answer = self._client.indices.get_mapping(index=self._alias(collection))
        except NotFoundError:
            return False
        for entry in answer.values():
            meta = entry["mappings"].get("_meta", {})
            if meta.get("fingerprint") != self._layout.fingerprint:
                theirs, ours = meta.get("encoders", {}), self._layout.encoders
                changed = [
                    f"{block} was {theirs.get(block, 'nothing')}, is {ours.get(block, 'nothing')}"
                    for block in dict.fromkeys([*theirs, *ours])
                    if theirs.get(block) != ours.get(block)
                ]
                raise FingerprintMismatch(
                    f"collection {collection!r} was built with other encoders, whose vectors can't "
                    f"be compared with those of this process: {'; '.join(changed)}. Set them back, "
                    "or use another collection"
                )
        return True

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        with _errors(f"no collection {collection!r}"):
            names = list(self._client.indices.get_alias(name=self._alias(collection)))
            self._client.indices.delete(index=names)

    def bulk(self, collection: str, documents: Sequence[Versioned]) -> list[Outcome]:
        """Write documents; those that the server is too busy for are sent again, more slowly."""
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(documents)))
        for pause in (*_BACK_OFF_SECONDS, None):
            answers = self._send_bulk(collection, documents, waiting)
            waiting = [row for row, answer in answers.items() if answer["status"] in _BUSY]
            outcomes |= {
                row: _outcome(documents[row].document["id"], answer)
                for row, answer in answers.items()
                if row not in waiting
            }
            if not waiting:
                return [outcomes[row] for row in range(len(documents))]
            if pause is not None:
                log.warning("index is busy", waiting=len(waiting), pause=pause)
                self._sleep(pause)
        raise IndexUnavailable(f"the index still refuses {len(waiting)} documents: too busy")

    def _send_bulk(
        self, collection: str, documents: Sequence[Versioned], rows: Sequence[int]
    ) -> dict[int, dict[str, Any]]:
        """Send some of the documents; the answer per row.

        One document can make the server refuse the whole request (an id it does not take, a body
        that is too large). Then each half is sent on its own, until that one stands alone.
        """
        try:
            with _errors(f"no collection {collection!r}"):
                items = self._client.bulk(
                    operations=list(_operations(self._alias(collection), documents, rows)),
                    require_alias=True,  # a typing error must not create an index without mapping
                )["items"]
        except ApiError as error:
            if error.meta.status not in _WHOLE_REFUSED:
                raise
            if len(rows) == 1:
                return {rows[0]: {"status": error.meta.status, "error": {"reason": str(error)}}}
            half = len(rows) // 2
            return self._send_bulk(collection, documents, rows[:half]) | self._send_bulk(
                collection, documents, rows[half:]
            )
        answers = dict(zip(rows, (item["index"] for item in items), strict=True))
        if any(_error_type(answer) == _NO_INDEX for answer in answers.values()):
            raise NotFound(f"no collection {collection!r}")
        return answers

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        with _errors(f"no item {item_id!r} in collection {collection!r}"):
            answer = self._client.get(
                index=self._alias(collection), id=item_id, source_excludes=["vector"]
            )
        document: Document = answer["_source"]
        return document

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete a document. Raises NotFound; a newer version of it stays."""
        with _errors(f"no item {item_id!r} in collection {collection!r}"):
            try:
                self._client.delete(
                    index=self._alias(collection),
                    id=item_id,
                    version=version,
                    version_type="external_gte",
                )
            except ConflictError:
                log.info("a newer version of the item stays", collection=collection, id=item_id)

    def search(self, collection: str, query: IndexQuery) -> Results:
        """Return candidates with their raw scores. Raises NotFound, FingerprintMismatch."""
        with _errors(f"no collection {collection!r}"):
            try:
                answer = self._client.search(
                    index=self._alias(collection),
                    body=queries.search_body(query),
                    include_named_queries_score=True,
                )
            except BadRequestError:
                self._check_fingerprint(collection)  # vectors of another width are refused
                raise
        # Vectors of the same width by other models are not: the index's name tells, at no cost.
        if any(hit["_index"] != self._index(collection) for hit in answer["hits"]["hits"]):
            self._check_fingerprint(collection)
        return queries.read_results(answer.body, self._layout)

    def failures(self, collection: str, batch: str, limit: int) -> list[Document]:
        """Documents of a batch that are failed or partial."""
        self.refresh(collection)
        with _errors(f"no collection {collection!r}"):
            answer = self._client.search(
                index=self._alias(collection), body=queries.failures_body(batch, limit)
            )
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status. Raises NotFound, FingerprintMismatch."""
        self.refresh(collection)
        with _errors():
            self._check_fingerprint(collection)
        body = {"size": 0, "aggs": {"status": {"terms": {"field": "status"}}}}
        with _errors(f"no collection {collection!r}"):
            answer = self._client.search(index=self._alias(collection), body=body)
        buckets = answer["aggregations"]["status"]["buckets"]
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        with _errors(f"no collection {collection!r}"):
            self._client.indices.refresh(index=self._alias(collection))

    def _index(self, collection: str) -> str:
        """The index that this process would make."""
        return queries.index_name(
            self._prefix, collection, mapping.SCHEMA_VERSION, self._layout.fingerprint
        )

    def _alias(self, collection: str) -> str:
        return queries.alias_name(self._prefix, collection)


class _Serializer(OrjsonSerializer):
    """orjson writes numpy arrays straight from memory, without a list of Python floats."""

    mimetype = "application/vnd.elasticsearch+json"


class _LinesSerializer(CompatibilityModeNdjsonSerializer):
    """The same for bulk bodies: the client's own writes each number from a Python float."""

    json_dumps = OrjsonSerializer.json_dumps


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
        yield dict(entry.document)


def _error_type(answer: dict[str, Any]) -> str:
    return str(answer.get("error", {}).get("type", ""))


def _outcome(item_id: str, answer: dict[str, Any]) -> Outcome:
    if answer["status"] == _CONFLICT:
        return Outcome(item_id, "superseded")
    if "error" in answer:
        error = answer["error"]
        cause = error.get("caused_by", {}).get("reason")
        return Outcome(item_id, "refused", "; ".join(filter(None, (error["reason"], cause))))
    return Outcome(item_id, "written")


@contextmanager
def _errors(missing: str = "") -> Iterator[None]:
    """Translate the client's errors into ours."""
    try:
        yield
    except NotFoundError as error:
        raise NotFound(missing or str(error)) from error
    except ApiError as error:
        if error.meta.status in _BUSY:
            raise IndexUnavailable(f"Elasticsearch refuses for now: {error}") from error
        raise
    except elastic_transport.TransportError as error:
        raise IndexUnavailable(f"Elasticsearch does not answer: {error}") from error
