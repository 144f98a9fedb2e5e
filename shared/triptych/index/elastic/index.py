"""The search index on Elasticsearch 9: a thin shell over pure bodies and readers."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, NotFoundError

from triptych.core.errors import (
    CursorExpired,
    FingerprintMismatch,
    IndexUnavailable,
    InvalidInput,
    NotFound,
)
from triptych.core.fields import FIELDS, Kind
from triptych.core.names import is_id
from triptych.fusion.blocks import Layout
from triptych.index.documents import (
    Document,
    fits,
    fitting,
    is_tombstone,
    returned,
    tombstone,
)
from triptych.index.elastic import queries, reading
from triptych.index.elastic.bulk import check_answer, write
from triptych.index.elastic.connection import connect, is_away, is_over, translated
from triptych.index.elastic.mapping import (
    HAS_DIGESTS,
    SCHEMA,
    SINGLE,
    mapping,
    properties,
    replication,
    settings,
)
from triptych.index.elastic.neighbours import divided, undivided
from triptych.index.elastic.reshaping import Move, changes, next_number, reshape
from triptych.index.generations import ROLES, delete_beside, following, forget_beside, previous
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
from triptych.index.origin import BLOCKS, Origin, mismatch, new_identity, origin, read_origin

_IDS_AT_ONCE = 1000
_GROWING = frozenset({Kind.WORDS, Kind.FACTS})
"""The kinds of fields whose parts may become more."""
_DIGESTS_AT_ONCE = 10_000
_SCHEMAS = (SINGLE, SCHEMA)
_SIZE_SECONDS = 60.0
_WAYS = 3
"""How often a search asks, at most: this way, the other way, and again this way."""
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
        self.layout = layout
        self._prefix = prefix
        self._sleep = sleep
        self._spread: set[str] = set()
        """The collections that had several shards when they were last searched."""
        self._origins: dict[str, Origin] = {}
        """What built each index that was looked at, by its name."""
        self._single: set[str] = set()
        """Of these, those that have one field for all blocks."""
        self._old: set[str] = set()
        """The collections that had such an index when they were last searched."""
        self._sizes: dict[str, tuple[float, int]] = {}
        """How many documents each collection had, and until when (by the monotonic clock) that is
        good enough to say how long lists of neighbours are."""
        self._targets: dict[str, _Target] = {}
        """What is written to, by the name of the collection, as of the last look."""

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
        return sorted(name for name in names if "." not in name)  # those are further names

    def origins(self) -> dict[str, Origin]:
        """What built the index of each collection."""
        every = self._alias("")
        with translated():
            answer = self._client.indices.get(index=f"{every}*", features="aliases,mappings")
        found: dict[str, Origin] = {}
        for entry in answer.values():
            names = (alias.removeprefix(every) for alias in entry["aliases"])
            for name in (name for name in names if "." not in name):
                with suppress(FingerprintMismatch):  # of another schema
                    found[name] = read_origin(name, _meta(entry), self.layout, _SCHEMAS)
        return found

    def origin(self, collection: str) -> Origin:
        """What built the index of a collection. Raises NotFound, FingerprintMismatch."""
        with translated(f"no collection {collection!r}"):
            entries = self._indexes(collection)
        if not entries:
            raise NotFound(f"no collection {collection!r}")
        ((name, _),) = entries.items()
        return self._origins[name]

    def ensure(
        self,
        collection: str,
        *,
        identity: str | None = None,
        layout: Layout | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> str:
        """Create the collection, or give it other numbers of shards and replicas; its identity.

        Raises InvalidInput; FingerprintMismatch as ``reshape`` needs to know the blocks.
        """
        with translated(f"no collection {collection!r}"):
            if not self._indexes(collection):
                made = layout or self.layout
                self._create(collection, identity or new_identity(), made, shards or 1, replicas)
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
        if shards is None or (int(now["number_of_shards"]) == shards and name not in self._single):
            return
        identity, found = reading.read_identity(entry), self._origins[name]
        if found.layout is None:
            raise mismatch(collection, found, self.layout)
        move = Move(
            source=name,
            target=f"{self._named(collection, found.fingerprint)}.{identity}."
            f"{secrets.token_hex(4)}",
            aliases=self._aliases(collection, identity, found.fingerprint),
        )
        try:
            reshape(
                self._client,
                move,
                layout=found.layout,
                mappings=mapping(found.layout, identity),
                shards=shards,
                replicas=replicas if replicas is not None else reading.read_replicas(entry),
                write=partial(self._write, layout=found.layout),
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

    def _create(
        self, collection: str, identity: str, layout: Layout, shards: int, replicas: int | None
    ) -> None:
        """Create the index of a collection, unless another process is faster."""
        names = self._aliases(collection, identity, layout.fingerprint)
        try:
            self._client.indices.create(
                index=f"{self._named(collection, layout.fingerprint)}.{identity}",
                # An alias has one index that is written to, so the server refuses a second one.
                aliases={
                    name: {"is_write_index": True} if name == names[0] else {} for name in names
                },
                mappings=mapping(layout, identity),
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

        Raises FingerprintMismatch for one of another schema.
        """
        try:
            answer = self._client.indices.get(index=self._alias(collection))
        except NotFoundError:
            return {}
        self._note(collection, answer.body)
        return dict(answer)

    def _note(self, collection: str, entries: Mapping[str, Any]) -> None:
        """Remember what built these indexes. Raises FingerprintMismatch for another schema."""
        for name, entry in entries.items():
            meta = _meta(entry)
            self._origins[name] = read_origin(collection, meta, self.layout, _SCHEMAS)
            (self._single.add if meta["schema"] == SINGLE else self._single.discard)(name)

    def _built(self, collection: str, name: str) -> Origin:
        """What built an index that an answer names."""
        if name not in self._origins:
            self._note(collection, self._client.indices.get(index=name).body)
        return self._origins[name]

    def _adopt(self, collection: str, entries: Mapping[str, Any]) -> str:
        """Bring what an older version made, or what was restored, up to date; its identity."""
        if not entries:
            raise NotFound(f"no collection {collection!r}")
        ((name, entry),) = entries.items()
        identity, mappings, meta = reading.read_identity(entry), entry["mappings"], _meta(entry)
        found = self._origins[name]
        ours = found.fingerprint == self.layout.fingerprint
        changes: dict[str, Any] = {}
        if identity != meta.get("identity") or (ours and BLOCKS not in meta):
            kept = origin(self.layout) if ours else {}
            changes["meta"] = {**kept, **meta, "identity": identity}
        # No item has these fields yet: they were declared after the index was made.
        known, declared = mappings.get("properties", {}), properties(found.layout or self.layout)
        missing = {name: made for name, made in declared.items() if _lacks(known, name, made)}
        if missing:
            changes["properties"] = missing
        if changes:
            self._client.indices.put_mapping(index=name, **changes)
        for alias in self._aliases(collection, identity, found.fingerprint):
            if alias not in entry["aliases"]:
                self._client.indices.put_alias(index=name, name=alias)
        return identity

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        with translated(f"no collection {collection!r}"):
            names = set(self._client.indices.get_alias(name=self._alias(collection)))
            for role in ROLES if "." not in collection else ():
                with suppress(NotFoundError):
                    beside = self._alias(f"{collection}.{role}")
                    names |= set(self._client.indices.get_alias(name=beside))
            self._client.indices.delete(index=sorted(names))

    def bulk(
        self, collection: str, documents: Sequence[Versioned], *, identity: str | None = None
    ) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others.

        Raises NotFound where the collection is gone, or not that of the identity.
        """
        known = self._targets.get(collection)
        if known is not None and identity in {None, known.identity}:
            with suppress(NotFound):  # it has another index by now, or is gone
                outcomes = self._fit(collection, known, documents)
                if all(outcome.result != "refused" for outcome in outcomes):
                    return outcomes
                if self._target(collection) == known:  # else it was copied into one of now
                    return outcomes
        known = self._targets[collection] = self._target(collection)
        if identity not in {None, known.identity}:
            raise NotFound(f"the collection {collection!r} of {identity} is gone")
        return self._fit(collection, known, documents)

    def _fit(
        self, collection: str, target: "_Target", documents: Sequence[Versioned]
    ) -> list[Outcome]:
        """Write documents to the index that was looked at; NotFound if it is not there any more."""
        fit = [
            replace(one, document=fitting(one.document, target.fingerprint)) for one in documents
        ]
        name = self._aliases(collection, target.identity, target.fingerprint)[2]
        return [
            replace(outcome, whole=fits(one.document, target.fingerprint))
            for outcome, one in zip(self._write(name, fit, target.layout), documents, strict=True)
        ]

    def _target(self, collection: str) -> "_Target":
        """The index that is written to now. Raises NotFound."""
        with translated(f"no collection {collection!r}"):
            entries = self._indexes(collection)
            identity = self._adopt(collection, entries)  # a restored one may lack its aliases
        ((name, _),) = entries.items()
        found = self._origins[name]
        layout = None if name in self._single else found.layout
        return _Target(identity, found.fingerprint, layout)

    def _write(
        self, alias: str, documents: Sequence[Versioned], layout: Layout | None = None
    ) -> list[Outcome]:
        """Write documents: as they are, or as an index has them that knows these blocks."""
        kept = documents
        if layout is not None:
            kept = [replace(one, document=divided(one.document, layout)) for one in documents]
        return write(self._client, alias, kept, self._sleep)

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        missing = f"no item {item_id!r} in collection {collection!r}"
        if not is_id(item_id):  # a path can't have it
            raise NotFound(missing)
        with translated(missing):
            answer = self._client.get(
                index=self._alias(collection), id=item_id, source_excludes=["vector"]
            )
            document = self._document(collection, answer.body)
        if is_tombstone(document):
            raise NotFound(missing)
        return document

    def _document(self, collection: str, hit: Mapping[str, Any]) -> Document:
        """The document of a hit as it was written, without its vector."""
        source: Document = hit["_source"]
        if "features" not in source:
            return source
        return undivided(source, self._built(collection, hit["_index"]).layout)

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete an item; a newer version of it stays. Raises NotFound where there is none."""
        missing = f"no item {item_id!r} in collection {collection!r}"
        if not is_id(item_id):
            raise NotFound(missing)
        hits = self._look_up(
            collection, [item_id], includes=["status", "batch", "media", "digests"]
        )
        last = hits[item_id]["_source"] if hits else None
        buried = Versioned(tombstone(item_id, version, last), version)
        (outcome,) = self._write(self._alias(collection), [buried])
        if outcome.result == "refused":
            raise IndexUnavailable(f"the index does not take a deletion: {outcome.reason}")
        if "." not in collection:
            delete_beside(self, collection, item_id, version)
        if last is None or is_tombstone(last):
            raise NotFound(missing)
        if outcome.result == "superseded":
            log.info("a newer version of the item stays", collection=collection, id=item_id)

    def versions(self, collection: str, ids: Collection[str]) -> dict[str, Held]:
        """What there is under each id, as written by the latest ``bulk``."""
        hits = self._look_up(collection, ids, includes=["status", "fingerprint"])
        return {item: reading.read_held(hit) for item, hit in hits.items()}

    def fetch(self, collection: str, ids: Collection[str]) -> dict[str, Versioned]:
        """The documents of items with their features, as written by the latest ``bulk``."""
        hits = self._look_up(collection, ids, excludes=["vector"])
        with translated(f"no collection {collection!r}"):
            return {
                item: Versioned(self._document(collection, hit), hit["_version"])
                for item, hit in hits.items()
                if not is_tombstone(hit["_source"])
            }

    def shown(
        self, collection: str, ids: Collection[str], fields: Sequence[str] | None
    ) -> dict[str, Document]:
        """What hits show of items, as of the last refresh."""
        chosen: dict[str, Sequence[str]] = (
            {"excludes": FIELDS.hidden}
            if fields is None
            else {"includes": ["id", "status", *fields]}
        )
        hits = self._look_up(collection, ids, **chosen, searched=True)
        sources = {item: hit["_source"] for item, hit in hits.items()}
        return {
            item: returned(source, fields)
            for item, source in sources.items()
            if not is_tombstone(source)
        }

    def _look_up(
        self,
        collection: str,
        ids: Collection[str],
        *,
        includes: Sequence[str] | None = None,
        excludes: Sequence[str] | None = None,
        searched: bool = False,
    ) -> dict[str, Mapping[str, Any]]:
        """Some fields of documents or tombstones by id, as written by the latest ``bulk``.

        ``searched``: as of the last refresh.
        """
        valid = [item for item in dict.fromkeys(ids) if is_id(item)]
        missing = f"no collection {collection!r}"
        found = {}
        for start in range(0, len(valid), _IDS_AT_ONCE):
            with translated(missing):
                answer = self._client.mget(
                    index=self._alias(collection),
                    ids=valid[start : start + _IDS_AT_ONCE],
                    source_includes=includes,
                    source_excludes=excludes,
                    realtime=not searched,
                )
            for hit in answer["docs"]:
                check_answer(hit, missing)
                if hit["found"]:
                    found[hit["_id"]] = hit
        return found

    def tombstones(
        self, collection: str, before: int, limit: int, *, above: int = -1
    ) -> Sequence[Document]:
        """The oldest tombstones with a version below ``before``."""
        self.refresh(collection)
        answer = self._send(collection, queries.tombstones_body(before, limit, above))
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def forget(self, collection: str, versions: Mapping[str, int]) -> None:
        """Remove tombstones for good, given by id and version; what was written since stays."""
        if "." not in collection:
            forget_beside(self, collection, versions)
        held = self._look_up(collection, versions, includes=["status"])
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
        ours = query.fingerprint or self.layout.fingerprint
        answer = self._search(collection, query, ours, snapshot)
        layouts = [self._origins[name].layout for name in _index_names(answer)]
        return reading.read_results(query, answer, *(layouts or [None]))  # of one index

    def _search(
        self, collection: str, query: IndexQuery, fingerprint: str, snapshot: str | None
    ) -> Mapping[str, Any]:
        """Ask as the index of the collection is to be asked.

        That may change at any time, as when it is rebuilt, and the hits tell. If there are none,
        the index is looked at; that of a snapshot can't be, and is asked the other way.
        """
        layout, documents = self._layout(collection, fingerprint), self._size(collection)
        old = collection in self._old
        for _ in range(_WAYS):
            answer = self._ask(
                collection,
                partial(_search_body, query, None if old else layout, snapshot, documents),
                scored=True,
                fingerprint=fingerprint if query.classes else None,
            )
            names = _index_names(answer)
            if not names and snapshot is None:
                with translated(f"no collection {collection!r}"):
                    names = set(self._indexes(collection))
            if names and (names <= self._single) is old:
                break
            old = not old
        else:
            return answer
        if snapshot is None:
            (self._old.add if old else self._old.discard)(collection)
        return answer

    def _size(self, collection: str) -> int:
        """About how many documents a collection has."""
        now = time.monotonic()
        until, size = self._sizes.get(collection, (now, 0))
        if now >= until:
            with translated(f"no collection {collection!r}"):
                size = int(self._client.count(index=self._alias(collection))["count"])
            self._sizes[collection] = now + _SIZE_SECONDS, size
        return size

    def _layout(self, collection: str, fingerprint: str) -> Layout:
        """The blocks of the vectors of a query. Raises FingerprintMismatch if they aren't known."""
        if fingerprint == self.layout.fingerprint:
            return self.layout
        with translated(f"no collection {collection!r}"):
            known = [*self._origins.values()]
            if all(one.fingerprint != fingerprint for one in known):
                known = [self._origins[name] for name in self._indexes(collection)]
        for found in known:
            if found.fingerprint == fingerprint and found.layout is not None:
                return found.layout
        if not known:
            raise NotFound(f"no collection {collection!r}")
        raise mismatch(collection, known[-1], self.layout)

    def list(self, collection: str, listing: Listing, *, snapshot: str | None = None) -> Page:
        """Return documents by filter and order."""
        answer = self._ask(
            collection, lambda spread: queries.list_body(listing, snapshot, spread=spread)
        )
        return reading.read_page(listing, answer)

    def _ask(
        self,
        collection: str,
        make: Callable[[bool], dict[str, Any]],
        *,
        scored: bool = False,
        fingerprint: str | None = None,
    ) -> Mapping[str, Any]:
        """Send a search; ``make`` gives its body, told whether there are several shards.

        That may change at any time, and every answer tells. Statistics of words are collected from
        all shards first if there are several, which one shard needs not.
        """
        spread = collection in self._spread
        answer = self._send(
            collection, make(spread), globally=scored and spread, fingerprint=fingerprint
        )
        if (answer["_shards"]["total"] > 1) is spread:
            return answer
        if spread:
            self._spread.discard(collection)
            return answer  # what is asked of several shards is as right for one
        self._spread.add(collection)
        return self._send(collection, make(True), globally=scored, fingerprint=fingerprint)

    def _send(
        self,
        collection: str,
        body: dict[str, Any],
        *,
        globally: bool = False,
        fingerprint: str | None = None,
    ) -> Mapping[str, Any]:
        """Send one request.

        Raises:
            NotFound, IndexUnavailable: as every method.
            FingerprintMismatch: the collection is not of the ``fingerprint`` of the body's vectors,
                or of another schema.
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
                    known = self._indexes(collection)  # of another schema it is refused, too
                    if fingerprint is not None:  # as are vectors of another width
                        self._check(collection, known, fingerprint)
                    raise InvalidInput(f"the index does not take this query: {error}") from error
                raise
            # Vectors of the same width by other models are not: the hits tell, at no cost.
            names = _index_names(answer.body)
            elsewhere = False
            if not names <= self._origins.keys() or frozen:
                base = self._alias(collection.partition(".")[0])
                strangers = {name for name in names if not name.startswith(f"{base}.v")}
                if strangers or not names <= self._origins.keys():
                    elsewhere = bool(strangers - set(self._indexes(collection)))
                for name in () if elsewhere else names:
                    self._built(collection, name)
            if not elsewhere and fingerprint is not None:
                self._check(collection, names, fingerprint)
        if frozen and (elsewhere or not answer["_shards"]["total"]):
            raise CursorExpired(_OVER)
        response: Mapping[str, Any] = answer.body
        return response

    def _check(self, collection: str, names: Collection[str], fingerprint: str) -> None:
        """Raise FingerprintMismatch unless these indexes are of this fingerprint."""
        for name in names:
            if (found := self._origins[name]).fingerprint != fingerprint:
                raise mismatch(collection, found, self.layout)

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
                    layout = self._built(collection, hit["_index"]).layout
                    yield reading.read_versioned(hit, layout)
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
            self._indexes(collection)  # no hit tells of which schema it is
        return reading.read_count(self._send(collection, queries.count_body()))

    def advice(self, collection: str) -> str | None:
        """That a collection has an index as older versions made it: a cluster grows with others."""
        with translated(f"no collection {collection!r}"):
            entries = self._indexes(collection)
        old = [entry for name, entry in entries.items() if name in self._single]
        if not old:
            return None
        shards = old[0]["settings"]["index"]["number_of_shards"]
        return (
            f"an older version of Triptych made collection {collection!r}; searches are faster and "
            f"the index is smaller after `triptych create {collection} --shards {shards}`, which "
            "copies it"
        )

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        with translated(f"no collection {collection!r}"):
            self._refresh(index=self._alias(collection))

    def _refresh(self, **indexes: Any) -> None:
        failed = self._client.indices.refresh(**indexes)["_shards"]["failed"]
        if failed:
            raise IndexUnavailable(f"{failed} shards of the index can't be refreshed")

    # The next index of a collection, and the one before

    def begin(self, collection: str, layout: Layout) -> None:
        """Make the index *next* of a collection, for a layout."""
        wanted, name = layout.fingerprint, following(collection)
        with translated(f"no collection {collection!r}"):
            entries = self._indexes(collection)
            identity = self._adopt(collection, entries)
            ((current, entry),) = entries.items()
            for there, begun in self._indexes(name).items():
                same = reading.read_identity(begun) == identity  # else of one that was dropped
                if same and self._origins[there].fingerprint == wanted:
                    return  # it may be about to be swapped, so writes may have to wait
                self._remove_role(collection, name)
            self._release(current)
            names = self._aliases(name, identity, wanted)
            for kept in self._indexes(previous(collection)):
                if self._origins[kept].fingerprint == wanted:
                    self._release(kept)
                    actions = [{"add": {"index": kept, "alias": alias}} for alias in names]
                    self._client.indices.update_aliases(actions=actions)
                    return
            built = f"{self._named(collection, wanted)}.{identity}.{secrets.token_hex(4)}"
            shards = int(entry["settings"]["index"]["number_of_shards"])
            self._client.indices.create(
                index=built,
                # As for a collection, the server refuses a second one.
                aliases={
                    alias: {"is_write_index": True} if alias == names[0] else {} for alias in names
                },
                mappings=mapping(layout, identity),
                # A replica builds every graph again, so it comes last.
                settings=settings(shards, 0),
            )

    def swap(self, collection: str, finish: Callable[[], None]) -> None:
        """Let *next* take the place of the collection, whose index becomes *previous*."""
        with translated(f"no collection {collection!r}"):
            ((old, entry),) = self._indexes(collection).items()
            found = self._indexes(following(collection))
            if not found:
                raise NotFound(f"collection {collection!r} has no next index")
            ((new, _),) = found.items()
            replicas = reading.read_replicas(entry)
            self._client.indices.put_settings(index=new, settings=replication(replicas))
            self._client.indices.add_block(index=old, block="write")
            try:
                finish()
                if not self._is_blocked(old):  # something was written that nobody has copied
                    raise IndexUnavailable(f"writes to {collection!r} went on during its swap")
                self._exchange(collection, old, new, reading.read_identity(entry))
            finally:
                with suppress(ApiError, TransportError):
                    self._release(old)

    def _exchange(self, collection: str, old: str, new: str, identity: str) -> None:
        """Give the names of the collection to its new index, in one step."""
        origins, kept, next_one = self._origins, previous(collection), following(collection)
        was, now = origins[old].fingerprint, origins[new].fingerprint
        actions: list[dict[str, Any]] = []
        for name in self._indexes(kept):
            names = self._aliases(kept, identity, origins[name].fingerprint)
            actions += (
                [{"remove": {"index": name, "alias": alias}} for alias in names]
                if name == new
                else [{"remove_index": {"index": name}}]
            )
        written_to, *further = self._aliases(collection, identity, now)
        moves = [
            ("remove", old, self._aliases(collection, identity, was)),
            ("remove", new, self._aliases(next_one, identity, now)),
            ("add", new, further),
            ("add", old, self._aliases(kept, identity, was)),
        ]
        actions += [
            {action: {"index": name, "alias": alias}}
            for action, name, aliases in moves
            for alias in aliases
        ]
        actions += [{"add": {"index": new, "alias": written_to, "is_write_index": True}}]
        self._client.indices.update_aliases(actions=actions)

    def abandon(self, collection: str) -> None:
        """Delete the index *next*, and let writes to the others go on."""
        with translated(f"no collection {collection!r}"):
            self._remove_role(collection, following(collection))
            for name in (*self._indexes(collection), *self._indexes(previous(collection))):
                self._release(name)

    def discard(self, collection: str) -> None:
        """Delete the index *previous*. Raises NotFound."""
        with translated(f"no collection {collection!r}"):
            if not self._indexes(previous(collection)):
                raise NotFound(f"collection {collection!r} has no previous index")
            self._remove_role(collection, previous(collection))

    def _remove_role(self, collection: str, name: str) -> None:
        """Delete an index beside that of a collection, unless it has another role, too."""
        for index, entry in self._indexes(name).items():
            beside = {self._alias(f"{collection}.{role}") for role in ROLES} - {self._alias(name)}
            if beside & set(entry["aliases"]):
                for alias in self._aliases(
                    name, reading.read_identity(entry), self._origins[index].fingerprint
                ):
                    self._client.indices.delete_alias(index=index, name=alias)
            else:
                self._client.indices.delete(index=index)

    def _is_blocked(self, index: str) -> bool:
        """Whether writes still wait for a swap to end."""
        found = self._client.indices.get_settings(index=index, name="index.blocks.write")
        blocks = [entry["settings"]["index"]["blocks"] for entry in found.values()]
        return any(str(each["write"]).lower() == "true" for each in blocks)

    def _release(self, index: str) -> None:
        """Let writes go on that an interrupted swap has blocked."""
        self._client.indices.put_settings(index=index, settings={"blocks.write": None})

    def mark(self, collection: str) -> str:
        """Where ``changed`` begins to see what is written from now on."""
        with translated(f"no collection {collection!r}"):
            ((name, _),) = self._indexes(collection).items()
            return f"{next_number(self._client, name)}:{name}"

    def changed(self, collection: str, since: str) -> Iterator[str]:
        """The ids of items that were written since a mark, and perhaps a few that were not."""
        number, _, name = since.partition(":")
        with translated(f"no collection {collection!r}"):
            known = self._indexes(collection)
            first = int(number) if name in known else 0
            for entry in changes(self._client, self._alias(collection), first):
                yield entry["_id"]

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _named(self, collection: str, fingerprint: str) -> str:
        """How the names of the indexes of a collection begin that these encoders fill."""
        return queries.index_name(self._prefix, collection, SCHEMA, fingerprint)

    def _alias(self, collection: str) -> str:
        return queries.alias_name(self._prefix, collection)

    def _aliases(self, collection: str, identity: str, fingerprint: str) -> tuple[str, str, str]:
        """The names of an index: the collection's, that of its identity, and the one for writing.

        The last one says of which encoders the vectors are, so the server itself refuses others.
        """
        return (
            self._alias(collection),
            queries.identity_alias(self._prefix, collection, identity),
            queries.vectors_alias(self._prefix, collection, identity, fingerprint),
        )


@dataclass(frozen=True)
class _Target:
    """Which index is written to."""

    identity: str
    fingerprint: str
    layout: Layout | None
    """The blocks that its fields are made of; None: it has one field for all of them."""


def _search_body(
    query: IndexQuery,
    layout: Layout | None,
    snapshot: str | None,
    documents: int,
    spread: bool,  # noqa: FBT001
) -> dict[str, Any]:
    return queries.search_body(query, layout, snapshot, documents=documents, spread=spread)


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = entry["mappings"].get("_meta", {})
    return found


def _lacks(known: Mapping[str, Any], name: str, declared: Mapping[str, Any]) -> bool:
    """Whether a mapping lacks a field of the catalogue, or a part of one that has parts.

    ``declared`` is the field as it would be made now.
    """
    parts = set(declared["properties"]) if FIELDS[name].kind in _GROWING else set()
    return name not in known or not parts <= set(known[name].get("properties", ()))


def _index_names(answer: Mapping[str, Any]) -> set[str]:
    return {hit["_index"] for hit in answer["hits"]["hits"]}
