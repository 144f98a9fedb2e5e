"""A collection gets another number of shards: a copy beside it, which then takes its place.

Nothing is encoded again, and items are written and searched meanwhile. Only for the last changes,
and the moment in which the aliases move, writes are blocked: they are IndexUnavailable then, as on
any server that takes nothing now.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from triptych.core.errors import IndexUnavailable
from triptych.fusion.blocks import Layout
from triptych.index.elastic.mapping import replication, settings
from triptych.index.elastic.queries import KEPT, scan_body
from triptych.index.elastic.reading import read_versioned
from triptych.index.model import Outcome, Versioned

_CHUNK = 250
_FEW = 500
"""Changes that are copied while writes are blocked, some seconds at most."""
_PASSES = 10
_IDS_AT_ONCE = 5000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Move:
    """From which index to which, and the aliases that move."""

    source: str
    target: str
    aliases: tuple[str, str, str]
    """The collection's, that of the identity, and the one for writing."""

    @property
    def copying(self) -> str:
        """The alias of the target until it takes over."""
        return f"{self.target}.copy"


Write = Callable[[str, Sequence[Versioned]], list[Outcome]]


def reshape(
    client: Elasticsearch,
    move: Move,
    *,
    layout: Layout,
    mappings: Mapping[str, Any],
    shards: int,
    replicas: int | None,
    write: Write,
) -> None:
    """Copy an index into a new one of so many shards, and replace it.

    If it fails, everything is as before.

    Raises:
        IndexUnavailable: the server does not answer, or does not take a document.
    """
    _clear(client, move)
    client.indices.create(
        index=move.target,
        aliases={move.copying: {}},
        mappings=mappings,
        settings=settings(shards, 0),
    )
    try:
        since = 0
        for _ in range(_PASSES):
            following = next_number(client, move.source)
            if _copy(client, move, since, layout, write) <= _FEW:
                break
            since = following
        client.indices.put_settings(index=move.target, settings=replication(replicas))
        client.cluster.health(
            index=move.target, wait_for_no_initializing_shards=True, timeout="60s"
        )
        client.indices.add_block(index=move.source, block="write")
        try:
            _copy(client, move, since, layout, write)
            _check(client, move)
            _swap(client, move)
        except BaseException:
            with suppress(ApiError, TransportError):
                client.indices.put_settings(index=move.source, settings={"blocks.write": None})
            raise
    except BaseException:
        with suppress(ApiError, TransportError):
            client.indices.delete(index=move.target)
        raise
    log.info("collection has other shards", index=move.target, shards=shards)


def _clear(client: Elasticsearch, move: Move) -> None:
    """Delete what an interrupted change has left."""
    copies = f"{move.target.rpartition('.')[0]}.*"
    left = set(client.indices.get_alias(index=copies)) - {move.source}
    if left:
        client.indices.delete(index=sorted(left))


def next_number(client: Elasticsearch, index: str) -> int:
    """A sequence number below which every shard has finished all that it was given."""
    shards = client.indices.stats(index=index, level="shards")["indices"][index]["shards"]
    numbers: list[int] = [
        copy["seq_no"]["local_checkpoint"] + 1
        for copies in shards.values()
        for copy in copies
        if copy["routing"]["primary"]
    ]
    return min(numbers)


def _copy(client: Elasticsearch, move: Move, since: int, layout: Layout, write: Write) -> int:
    """Copy what was written from a sequence number on; how much that was."""
    count = 0
    documents = _scan(client, move.source, since, layout)
    while chunk := list(islice(documents, _CHUNK)):
        count += len(chunk)
        refused = [o for o in write(move.copying, chunk) if o.result == "refused"]
        if refused:
            raise IndexUnavailable(f"the copy does not take {refused[0].id!r}: {refused[0].reason}")
    return count


def _scan(client: Elasticsearch, index: str, since: int, layout: Layout) -> Iterator[Versioned]:
    for hit in changes(client, index, since, whole=True):
        yield read_versioned(hit, layout)


def changes(
    client: Elasticsearch, index: str, since: int, *, whole: bool = False
) -> Iterator[Mapping[str, Any]]:
    """What was written from a sequence number on, tombstones too; ``whole``: with the documents."""
    client.indices.refresh(index=index)
    snapshot = client.open_point_in_time(index=index, keep_alive=KEPT)["id"]
    after = None
    try:
        while True:
            body = scan_body(snapshot, after, tombstones=True, since=since)
            if not whole:
                body |= {"_source": False, "size": _IDS_AT_ONCE}
            hits = client.search(body=body, allow_partial_search_results=False)["hits"]["hits"]
            if not hits:
                return
            yield from hits
            after = hits[-1]["sort"]
    finally:
        with suppress(ApiError, TransportError):
            client.close_point_in_time(id=snapshot)


def _check(client: Elasticsearch, move: Move) -> None:
    """Raise IndexUnavailable unless both have as many documents."""
    client.indices.refresh(index=[move.source, move.target])
    theirs, ours = (client.count(index=name)["count"] for name in (move.source, move.target))
    if theirs != ours:
        raise IndexUnavailable(f"the copy has {ours} documents instead of {theirs}")


def _swap(client: Elasticsearch, move: Move) -> None:
    """In one step."""
    written_to, *further = move.aliases
    client.indices.update_aliases(
        actions=[
            {"add": {"index": move.target, "alias": written_to, "is_write_index": True}},
            *({"add": {"index": move.target, "alias": alias}} for alias in further),
            {"remove": {"index": move.target, "alias": move.copying}},
            {"remove_index": {"index": move.source}},
        ]
    )
