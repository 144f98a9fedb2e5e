"""The search index on Elasticsearch 9: a thin shell over pure bodies and readers."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, NotFoundError

from triptych.core.errors import CursorExpired, IndexUnavailable, InvalidInput, NotFound
from triptych.core.names import is_id
from triptych.fusion.blocks import Layout
from triptych.index.documents import SCHEMA_VERSION, Document, is_tombstone, tombstone
from triptych.index.elastic import queries, reading
from triptych.index.elastic.bulk import check_answer, write
from triptych.index.elastic.connection import connect, is_away, is_over, translated
from triptych.index.elastic.mapping import (
    HAS_DIGESTS,
    mapping,
    properties,
    replication,
    settings,
)
from triptych.index.elastic.reshaping import Move, reshape
from triptych.index.model import (
    Held,
    IndexQuery,
    Listing,
    Outcome,
    Page,
    Results,
    Versioned,
    not_whole,
)
from triptych.index.origin import check_origin, new_identity

_IDS_AT_ONCE = 1000
_DIGESTS_AT_ONCE = 10_000
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
        self._spread: set[str] = set()
        """The collections that had several shards when they were last searched."""

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
        names = (name.removeprefix(every) for name in aliases)
        return sorted(name for name in names if "." not in name)  # those have an identity

    def ensure(
        self,
        collection: str,
        *,
        identity: str | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> str:
        """Create the collection, or give it other numbers of shards and replicas; its identity.

        Raises FingerprintMismatch, InvalidInput.
        """
        with translated(f"no collection {collection!r}"):
            if not self._indexes(collection):
                self._create(collection, identity or new_identity(), shards or 1, replicas)
            entries = self._indexes(collection)
            found = self._adopt(collection, entries)
            self._reshape(collection, entries, shards, replicas)
        return found

    def _reshape(
        self,
        collection: str,
        entries: Mapping[str, Any],
        shards: int | None,
        replicas: int | None,
    ) -> None:
        ((name, entry),) = entries.items()
        now = entry["settings"]["index"]
        if replicas is not None:
            try:
                self._client.indices.put_settings(index=name, settings=replication(replicas))
            except BadRequestError as error:
                raise InvalidInput(f"{replicas} replicas: {error}", field="replicas") from error
        if shards is None or int(now["number_of_shards"]) == shards:
            return
        identity = reading.read_identity(entry)
        move = Move(
            source=name,
            target=f"{self._built_with(collection)}.{identity}.{secrets.token_hex(4)}",
            aliases=(self._alias(collection), self._identity_alias(collection, identity)),
        )
        try:
            reshape(
                self._client,
                move,
                layout=self._layout,
                mappings=mapping(self._layout, identity),
                shards=shards,
                replicas=replicas if replicas is not None else reading.read_replicas(entry),
                write=self._write,
            )
        except BadRequestError as error:
            raise InvalidInput(f"{shards} shards: {error}", field="shards") from error

    def identity(self, collection: str) -> str:
        """What ``ensure`` returned. Raises NotFound."""
        with translated():
            entries = self._indexes(collection)
        if not entries:
            raise NotFound(f"no collection {collection!r}")
        return reading.read_identity(*entries.values())

    def _create(self, collection: str, identity: str, shards: int, replicas: int | None) -> None:
        """Create the index of a collection, unless another process is faster."""
        try:
            self._client.indices.create(
                index=f"{self._built_with(collection)}.{identity}",
                # An alias has one index that is written to, so the server refuses a second one.
                aliases={
                    self._alias(collection): {"is_write_index": True},
                    self._identity_alias(collection, identity): {},
                },
                mappings=mapping(self._layout, identity),
                settings=settings(shards, replicas),
            )
        except ApiError as error:
            if self._indexes(collection):
                return
            if isinstance(error, BadRequestError):
                raise InvalidInput(f"collection {collection!r}: {error}") from error
            raise

    def _indexes(self, collection: str) -> Mapping[str, Any]:
        """The index of the collection by name, as the server describes it; none without one.

        Raises FingerprintMismatch.
        """
        try:
            answer = self._client.indices.get(index=self._alias(collection))
        except NotFoundError:
            return {}
        for entry in answer.values():
            check_origin(collection, entry["mappings"].get("_meta", {}), self._layout)
        return dict(answer)

    def _adopt(self, collection: str, entries: Mapping[str, Any]) -> str:
        """Bring what an older version made, or what was restored, up to date; its identity."""
        if not entries:
            raise NotFound(f"no collection {collection!r}")
        ((name, entry),) = entries.items()
        identity, mappings = reading.read_identity(entry), entry["mappings"]
        changes: dict[str, Any] = {}
        if identity != mappings["_meta"].get("identity"):
            changes["meta"] = {**mappings["_meta"], "identity": identity}
        # No item has these fields yet: they were declared after the index was made.
        known, declared = mappings.get("properties", {}), properties(self._layout)
        if missing := {field: declared[field] for field in declared if field not in known}:
            changes["properties"] = missing
        if changes:
            self._client.indices.put_mapping(index=name, **changes)
        alias = self._identity_alias(collection, identity)
        if alias not in entry["aliases"]:
            self._client.indices.put_alias(index=name, name=alias)
        return identity

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        with translated(f"no collection {collection!r}"):
            names = list(self._client.indices.get_alias(name=self._alias(collection)))
            self._client.indices.delete(index=names)

    def bulk(
        self, collection: str, documents: Sequence[Versioned], *, identity: str | None = None
    ) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others.

        Raises NotFound where the collection is gone, or not that of the identity.
        """
        if identity is None:
            return self._write(self._alias(collection), documents)
        alias = self._identity_alias(collection, identity)
        try:
            return self._write(alias, documents)
        except NotFound:
            if self.identity(collection) != identity:
                raise
        self.ensure(collection)  # an index that was restored may lack this alias
        return self._write(alias, documents)

    def _write(self, alias: str, documents: Sequence[Versioned]) -> list[Outcome]:
        return write(self._client, alias, documents, self._sleep)

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        missing = f"no item {item_id!r} in collection {collection!r}"
        if not is_id(item_id):  # a path can't have it
            raise NotFound(missing)
        with translated(missing):
            answer = self._client.get(
                index=self._alias(collection), id=item_id, source_excludes=["vector"]
            )
        document: Document = answer["_source"]
        if is_tombstone(document):
            raise NotFound(missing)
        return document

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete an item; a newer version of it stays. Raises NotFound where there is none."""
        missing = f"no item {item_id!r} in collection {collection!r}"
        if not is_id(item_id):
            raise NotFound(missing)
        hits = self._look_up(collection, [item_id], ["status", "batch", "media", "digests"])
        last = hits[item_id]["_source"] if hits else None
        buried = Versioned(tombstone(item_id, version, last), version)
        (outcome,) = self._write(self._alias(collection), [buried])
        if outcome.result == "refused":
            raise IndexUnavailable(f"the index does not take a deletion: {outcome.reason}")
        if last is None or is_tombstone(last):
            raise NotFound(missing)
        if outcome.result == "superseded":
            log.info("a newer version of the item stays", collection=collection, id=item_id)

    def versions(self, collection: str, ids: Collection[str]) -> dict[str, Held]:
        """What there is under each id, as written by the latest ``bulk``."""
        hits = self._look_up(collection, ids, ["status"])
        return {item: reading.read_held(hit) for item, hit in hits.items()}

    def _look_up(
        self, collection: str, ids: Collection[str], fields: Sequence[str]
    ) -> dict[str, Mapping[str, Any]]:
        """Some fields of documents or tombstones by id, as written by the latest ``bulk``."""
        valid = [item for item in dict.fromkeys(ids) if is_id(item)]
        missing = f"no collection {collection!r}"
        found = {}
        for start in range(0, len(valid), _IDS_AT_ONCE):
            with translated(missing):
                answer = self._client.mget(
                    index=self._alias(collection),
                    ids=valid[start : start + _IDS_AT_ONCE],
                    source_includes=fields,
                )
            for hit in answer["docs"]:
                check_answer(hit, missing)
                if hit["found"]:
                    found[hit["_id"]] = hit
        return found

    def tombstones(self, collection: str, before: int, limit: int) -> Sequence[Document]:
        """The oldest tombstones with a version below ``before``."""
        self.refresh(collection)
        answer = self._send(collection, queries.tombstones_body(before, limit))
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def forget(self, collection: str, versions: Mapping[str, int]) -> None:
        """Remove tombstones for good, given by id and version; what was written since stays."""
        held = self._look_up(collection, versions, ["status"])
        # By what the server has now: a document that comes after this look is not deleted.
        operations = [
            {
                "delete": {
                    "_index": self._alias(collection),
                    "_id": item,
                    "if_seq_no": hit["_seq_no"],
                    "if_primary_term": hit["_primary_term"],
                }
            }
            for item, hit in held.items()
            if is_tombstone(hit["_source"]) and hit["_version"] <= versions[item]
        ]
        if not operations:
            return
        missing = f"no collection {collection!r}"
        with translated(missing):
            answer = self._client.bulk(operations=operations)
        for item in answer["items"]:
            check_answer(item["delete"], missing)

    def referenced(self, digests: Collection[str]) -> set[str]:
        """Which of the digests a document of any collection refers to, as of now.

        All of them while there is a collection whose documents were written without digests.
        """
        every: dict[str, Any] = {"index": f"{self._alias('')}*", "expand_wildcards": "all"}
        with translated():
            mappings = self._client.indices.get_mapping(**every)
            metas = [entry["mappings"].get("_meta", {}) for entry in mappings.values()]
            if not all(HAS_DIGESTS in meta for meta in metas):
                return set(digests)
            self._refresh(**every)
            found: set[str] = set()
            wanted = list(digests)
            for start in range(0, len(wanted), _DIGESTS_AT_ONCE):
                body = queries.referenced_body(wanted[start : start + _DIGESTS_AT_ONCE])
                answer = self._client.search(**every, body=body, allow_partial_search_results=False)
                if answer["_shards"]["total"]:
                    found |= reading.read_referenced(answer.body)
        return found

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """Return candidates with their raw scores."""
        answer = self._ask(
            collection,
            lambda spread: queries.search_body(query, snapshot, spread=spread),
            scored=True,
        )
        return reading.read_results(query, answer, self._layout)

    def list(self, collection: str, listing: Listing, *, snapshot: str | None = None) -> Page:
        """Return documents by filter and order."""
        answer = self._ask(
            collection, lambda spread: queries.list_body(listing, snapshot, spread=spread)
        )
        return reading.read_page(listing, answer)

    def _ask(
        self, collection: str, make: Callable[[bool], dict[str, Any]], *, scored: bool = False
    ) -> Mapping[str, Any]:
        """Send a search; ``make`` gives its body, told whether there are several shards.

        That may change at any time, and every answer tells. Statistics of words are collected from
        all shards first if there are several, which one shard needs not.
        """
        spread = collection in self._spread
        answer = self._send(collection, make(spread), globally=scored and spread)
        if (answer["_shards"]["total"] > 1) is spread:
            return answer
        if spread:
            self._spread.discard(collection)
            return answer  # what is asked of several shards is as right for one
        self._spread.add(collection)
        return self._send(collection, make(True), globally=scored)

    def _send(
        self, collection: str, body: dict[str, Any], *, globally: bool = False
    ) -> Mapping[str, Any]:
        """Send one request.

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
                    index=target,
                    body=body,
                    include_named_queries_score=True,
                    # A search for neighbours is of this type by itself, and refuses to be told.
                    search_type="dfs_query_then_fetch" if globally and "knn" not in body else None,
                    allow_partial_search_results=False,
                )
            except ApiError as error:
                if frozen and is_over(error):
                    raise CursorExpired(_OVER) from error
                if isinstance(error, BadRequestError) and not is_away(
                    error.meta.status, error.error
                ):
                    self._indexes(collection)  # vectors of another width are refused
                    raise InvalidInput(f"the index does not take this query: {error}") from error
                raise
            # Vectors of the same width by other models are not: the index's name tells, at no cost.
            ours = self._built_with(collection)
            names = {hit["_index"] for hit in answer["hits"]["hits"]}
            others = {name for name in names if not name.startswith(ours)}
            elsewhere = bool(others) and not others <= set(self._indexes(collection))
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

    def scan(self, collection: str, *, tombstones: bool = False) -> Iterator[Versioned]:
        """Every document with its version and its vector, to write it into another index."""
        with translated(f"no collection {collection!r}"):
            self._indexes(collection)
        snapshot = self.freeze(collection)
        after = None
        try:
            while True:
                body = queries.scan_body(snapshot, after, tombstones=tombstones)
                hits = self._send(collection, body)["hits"]["hits"]
                if not hits:
                    return
                for hit in hits:
                    yield reading.read_versioned(hit, self._layout)
                after = hits[-1]["sort"]
        finally:
            with suppress(ApiError, TransportError):  # it ends by itself, too
                self._client.close_point_in_time(id=snapshot)

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """The keys in the metadata of the items, each with the kinds of its values."""
        self.refresh(collection)
        return reading.read_metadata(self._send(collection, queries.metadata_body()))

    def failures(
        self, collection: str, batch: str, limit: int, after: Sequence[Any] | None = None
    ) -> Page:
        """Documents of a batch that are not whole, by id."""
        self.refresh(collection)
        return self.list(collection, not_whole(batch, limit, after))

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        self.refresh(collection)
        with translated():
            self._indexes(collection)  # no hit tells by which encoders it is
        return reading.read_count(self._send(collection, queries.count_body()))

    def advice(self, collection: str) -> str | None:  # noqa: ARG002
        """Nothing: a cluster grows with its collections."""
        return None

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        with translated(f"no collection {collection!r}"):
            self._refresh(index=self._alias(collection))

    def _refresh(self, **indexes: Any) -> None:
        failed = self._client.indices.refresh(**indexes)["_shards"]["failed"]
        if failed:
            raise IndexUnavailable(f"{failed} shards of the index can't be refreshed")

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _built_with(self, collection: str) -> str:
        """How the names of the indexes begin that this process makes."""
        return queries.index_name(
            self._prefix, collection, SCHEMA_VERSION, self._layout.fingerprint
        )

    def _alias(self, collection: str) -> str:
        return queries.alias_name(self._prefix, collection)

    def _identity_alias(self, collection: str, identity: str) -> str:
        return queries.identity_alias(self._prefix, collection, identity)
