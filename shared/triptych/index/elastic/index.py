"""The search index on Elasticsearch 9: a thin shell over pure bodies and readers."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, ConflictError, NotFoundError

from triptych.core.errors import CursorExpired, InvalidInput, NotFound
from triptych.core.names import is_id
from triptych.fusion.blocks import Layout
from triptych.index.documents import SCHEMA_VERSION, Document
from triptych.index.elastic import queries, reading
from triptych.index.elastic.bulk import write
from triptych.index.elastic.connection import connect, is_over, translated
from triptych.index.elastic.mapping import mapping, properties
from triptych.index.model import IndexQuery, Listing, Outcome, Page, Results, Versioned
from triptych.index.origin import check_origin

_REMEMBER_DELETES = "24h"
_OVER = "the collection as it was when the paging began is no longer kept; begin again"

log = structlog.get_logger(__name__)


class ElasticIndex:
    """Collections as aliases of one server or cluster. One instance serves many threads."""

    def __init__(
        self,
        url: str,
        *,
        layout: Layout,
        prefix: str,
        threads: int = 16,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = connect(url, threads)
        self._layout = layout
        self._prefix = prefix
        self._sleep = sleep

    def ping(self) -> None:
        """Return if the index answers."""
        with translated():
            self._client.cluster.health(timeout="2s")

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        every = self._alias("")
        with translated():
            answer = self._client.indices.get_alias(name=f"{every}*")
        aliases = {name for entry in answer.values() for name in entry["aliases"]}
        return sorted(name.removeprefix(every) for name in aliases)

    def ensure(self, collection: str) -> None:
        """Create the collection unless it exists. Raises FingerprintMismatch, InvalidInput."""
        alias = self._alias(collection)
        with translated():
            if existing := self._check_origin(collection):
                self._add_fields(existing)
                return
            try:
                self._client.indices.create(
                    index=self._index(collection),
                    aliases={alias: {}},
                    mappings=mapping(self._layout),
                    settings={
                        "number_of_shards": 1,
                        "auto_expand_replicas": "0-1",
                        # A late redelivery must not bring back what was deleted meanwhile.
                        "gc_deletes": _REMEMBER_DELETES,
                        # How the walk through a graph meets filters: docs/decisions/0007.
                        "dense_vector.hnsw_filter_heuristic": "fanout",
                    },
                )
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise InvalidInput(f"collection {collection!r}: {error}") from error
            self._check_origin(collection)

    def _check_origin(self, collection: str) -> Mapping[str, Any]:
        """The indexes of the collection, each with its mapping; none if it does not exist.

        Raises FingerprintMismatch.
        """
        try:
            answer = self._client.indices.get_mapping(index=self._alias(collection))
        except NotFoundError:
            return {}
        for entry in answer.values():
            check_origin(collection, entry["mappings"].get("_meta", {}), self._layout)
        return {name: entry["mappings"] for name, entry in answer.items()}

    def _add_fields(self, indexes: Mapping[str, Any]) -> None:
        """Map the fields that were declared after an index was made; no item of it has them yet."""
        declared = properties(self._layout)
        for name, mappings in indexes.items():
            known = mappings.get("properties", {})
            if missing := {field: declared[field] for field in declared if field not in known}:
                self._client.indices.put_mapping(index=name, properties=missing)

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        with translated(f"no collection {collection!r}"):
            names = list(self._client.indices.get_alias(name=self._alias(collection)))
            self._client.indices.delete(index=names)

    def bulk(self, collection: str, documents: Sequence[Versioned]) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others."""
        with translated(f"no collection {collection!r}"):
            return write(self._client, self._alias(collection), documents, self._sleep)

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        with _item(collection, item_id):
            answer = self._client.get(
                index=self._alias(collection), id=item_id, source_excludes=["vector"]
            )
        document: Document = answer["_source"]
        return document

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete a document. Raises NotFound; a newer version of it stays."""
        with _item(collection, item_id):
            try:
                self._client.delete(
                    index=self._alias(collection),
                    id=item_id,
                    version=version,
                    version_type="external_gte",
                )
            except ConflictError:
                log.info("a newer version of the item stays", collection=collection, id=item_id)

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """Return candidates with their raw scores."""
        answer = self._ask(collection, queries.search_body(query, snapshot))
        return reading.read_results(query, answer, self._layout)

    def list(self, collection: str, listing: Listing, *, snapshot: str | None = None) -> Page:
        """Return documents by filter and order."""
        answer = self._ask(collection, queries.list_body(listing, snapshot))
        return reading.read_page(listing, answer)

    def _ask(self, collection: str, body: dict[str, Any]) -> Mapping[str, Any]:
        """Send a search.

        Raises:
            NotFound, FingerprintMismatch, IndexUnavailable: as every method.
            CursorExpired: the point in time of the body is over.
            InvalidInput: the server does not take the body.
        """
        frozen = "pit" in body
        target = None if frozen else self._alias(collection)
        with translated(f"no collection {collection!r}"):
            try:
                answer = self._client.search(
                    index=target, body=body, include_named_queries_score=True
                )
            except ApiError as error:
                if frozen and is_over(error):
                    raise CursorExpired(_OVER) from error
                if isinstance(error, BadRequestError):
                    self._check_origin(collection)  # vectors of another width are refused
                    raise InvalidInput(f"the index does not take this query: {error}") from error
                raise
            # Vectors of the same width by other models are not: the index's name tells, at no cost.
            others = {hit["_index"] for hit in answer["hits"]["hits"]} - {self._index(collection)}
            elsewhere = bool(others) and not others <= set(self._check_origin(collection))
        if frozen and (elsewhere or not answer["_shards"]["total"]):
            raise CursorExpired(_OVER)
        response: Mapping[str, Any] = answer.body
        return response

    def freeze(self, collection: str) -> str:
        """Keep the collection as it is for some minutes of paging; returns the snapshot."""
        with translated(f"no collection {collection!r}"):
            answer = self._client.open_point_in_time(
                index=self._alias(collection), keep_alive=queries.KEPT
            )
        return str(answer["id"])

    def scan(self, collection: str) -> Iterator[Versioned]:
        """Every document with its version and its vector, to write it into another index."""
        with translated(f"no collection {collection!r}"):
            self._check_origin(collection)
        snapshot = self.freeze(collection)
        after = None
        try:
            while hits := self._ask(collection, queries.scan_body(snapshot, after))["hits"]["hits"]:
                for hit in hits:
                    yield reading.read_versioned(hit, self._layout)
                after = hits[-1]["sort"]
        finally:
            with suppress(ApiError, TransportError):  # it ends by itself, too
                self._client.close_point_in_time(id=snapshot)

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """The keys in the metadata of the items, each with the kinds of its values."""
        self.refresh(collection)
        return reading.read_metadata(self._ask(collection, queries.metadata_body()))

    def failures(self, collection: str, batch: str, limit: int) -> Sequence[Document]:
        """Documents of a batch that are failed or partial."""
        self.refresh(collection)
        return self.list(collection, queries.failed(batch, limit)).documents

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        self.refresh(collection)
        with translated():
            self._check_origin(collection)
        return reading.read_count(self._ask(collection, queries.count_body()))

    def advice(self, collection: str) -> str | None:  # noqa: ARG002
        """Nothing: a cluster grows with its collections."""
        return None

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        with translated(f"no collection {collection!r}"):
            self._client.indices.refresh(index=self._alias(collection))

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _index(self, collection: str) -> str:
        """The index that this process would make."""
        return queries.index_name(
            self._prefix, collection, SCHEMA_VERSION, self._layout.fingerprint
        )

    def _alias(self, collection: str) -> str:
        return queries.alias_name(self._prefix, collection)


@contextmanager
def _item(collection: str, item_id: str) -> Iterator[None]:
    """Around a request for one item: what is no id is not sent, since a path can't have it."""
    missing = f"no item {item_id!r} in collection {collection!r}"
    if not is_id(item_id):
        raise NotFound(missing)
    with translated(missing):
        yield
