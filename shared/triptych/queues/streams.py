"""Queues as Redis Streams: a message is in a stream until somebody says that it is done.

Redis records who takes a message in the same instant, so there is no moment in which it is
nowhere. All times are those of the server.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from triptych.queues import labels, scripts
from triptych.queues.labels import Death, Label
from triptych.queues.scripts import GROUP

URGENT, BULK = "urgent", "bulk"
LANES = (URGENT, BULK)
"""The streams of a queue, in the order in which they are read."""

log = structlog.get_logger(__name__)

_REAPED_AT_ONCE = 100
_FORGOTTEN_SECONDS = 600


def connect(url: str, *, retries: int = 1) -> redis.Redis:
    """A client that fails within seconds; a connection that was cut is made again, once."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=3,
        socket_timeout=10,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), retries),
    )


def stream_key(queue: str, lane: str) -> str:
    """The stream of a queue's lane."""
    return f"triptych:queue:{queue}:{lane}"


def flight_key(group: str) -> str:
    """The hash of a batch's messages: where each is, and which items it carries."""
    return f"triptych:flight:{group}"


@dataclass(frozen=True)
class Taken:
    """A message that a consumer has."""

    queue: str
    stream: str
    id: bytes
    key: bytes
    head: bytes
    body: bytes
    label: Label

    @property
    def tag(self) -> str:
        """Names this delivery."""
        return f"{self.stream}/{self.id.decode()}"


class Streams:
    """What can happen to a message. Every method raises RedisError when Redis does not do it."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._put = client.register_script(scripts.PUT)
        self._done = client.register_script(scripts.DONE)
        self._put_back = client.register_script(scripts.PUT_BACK)
        self._reap = client.register_script(scripts.REAP)

    def put(self, queue: str, lane: str, *, head: bytes, body: bytes, label: Label) -> None:
        """Add a message, and count it."""
        weight = len(body) if label.bytes is None else label.bytes
        evidence = json.dumps([asdict(death) for death in label.evidence])
        members = labels.spell(label.members)
        self._put(
            keys=[stream_key(queue, lane)],
            args=[
                *(uuid.uuid4().hex, label.group, members, label.items, weight),
                *(label.deaths, evidence, head, body),
            ],
        )

    def take(self, consumer: str, queue: str, *, room: int, wait: float) -> list[Taken]:
        """Take up to ``room`` messages, urgent ones first; wait up to ``wait`` seconds for one.

        May return more than ``room`` when messages of both lanes arrive at once.
        """
        taken: list[Taken] = []
        for lane in LANES:
            if len(taken) < room:
                taken += self._read(consumer, queue, [lane], count=room - len(taken))
        return taken or self._read(consumer, queue, LANES, count=room, block=int(wait * 1000))

    def _read(
        self,
        consumer: str,
        queue: str,
        lanes: Sequence[str],
        *,
        count: int,
        block: int | None = None,
    ) -> list[Taken]:
        streams: dict[Any, Any] = {stream_key(queue, lane): ">" for lane in lanes}
        try:
            reply: Any = self.client.xreadgroup(GROUP, consumer, streams, count=count, block=block)
        except redis.ResponseError as error:
            if not _is_gone(error):
                raise
            self.make_groups(queue)
            return []
        rows = reply.items() if isinstance(reply, dict) else reply or ()
        found = (
            self._readable(queue, _text(stream), id_, fields)
            for stream, entries in rows
            for id_, fields in _pairs(entries)
        )
        return [taken for taken in found if taken is not None]

    def _readable(
        self, queue: str, stream: str, id_: bytes, fields: Mapping[bytes, bytes]
    ) -> Taken | None:
        """A message; one that is none of ours, or of another version, is deleted."""
        try:
            return _taken(queue, stream, id_, fields)
        except (KeyError, TypeError, ValueError):
            log.exception("a message can't be read and is deleted", queue=queue)
            self.client.xack(stream, GROUP, id_)
            self.client.xdel(stream, id_)
            return None

    def make_groups(self, queue: str) -> None:
        """Make the streams of a queue, each with its group, unless they are there."""
        for lane in LANES:
            try:
                self.client.xgroup_create(stream_key(queue, lane), GROUP, id="0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def done(self, message: Taken, consumer: str = "", *, room: int = 0) -> list[Taken]:
        """End a message; nothing happens if it has ended, or was given to somebody else.

        In the same step up to ``room`` others are taken, if any wait.
        """
        label = message.label
        arguments: list[Any] = [
            *(message.id, message.key, label.group, label.items, label.bytes or 0),
            *(consumer, room),
        ]
        lanes = [stream_key(message.queue, lane) for lane in LANES]
        rows: Any = self._done(keys=[message.stream, *lanes], args=arguments)
        found = (
            self._readable(
                message.queue, _text(stream), id_, dict(zip(flat[::2], flat[1::2], strict=True))
            )
            for stream, id_, flat in rows
        )
        return [taken for taken in found if taken is not None]

    def put_back(self, message: Taken, death: Death | None = None) -> bool:
        """Add a message again, at the end of its lane. False if it is not ours any more."""
        evidence = json.dumps(asdict(death)) if death else ""
        arguments: list[Any] = [message.id, int(death is not None), evidence]
        return bool(self._put_back(keys=[message.stream], args=arguments))

    def renew(self, consumer: str, messages: Iterable[Taken]) -> None:
        """Say that a consumer still works on these."""
        ids: dict[str, list[Any]] = {}
        for message in messages:
            ids.setdefault(message.stream, []).append(message.id)
        for stream, names in ids.items():
            try:
                self.client.xclaim(stream, GROUP, consumer, 0, names, justid=True)
            except redis.ResponseError as error:
                if not _is_gone(error):
                    raise

    def reap(self, queue: str, lease: float) -> int:
        """Put back, as a death, what nobody has renewed for ``lease`` seconds; how many."""
        moved = 0
        for lane in LANES:
            arguments = [int(lease * 1000), _REAPED_AT_ONCE, _FORGOTTEN_SECONDS]
            try:
                moved += int(self._reap(keys=[stream_key(queue, lane)], args=arguments))
            except redis.ResponseError as error:
                if not _is_gone(error):
                    raise
        return moved

    def return_strays(self, consumer: str, queue: str, known: Iterable[Taken]) -> int:
        """Put back what Redis gave to a consumer in a reply that never came; how many."""
        ids = {message.id for message in known}
        strays = 0
        for lane in LANES:
            stream = stream_key(queue, lane)
            try:
                rows: Any = self.client.xpending_range(
                    stream, GROUP, "-", "+", 1000, consumername=consumer
                )
            except redis.ResponseError as error:
                if not _is_gone(error):
                    raise
                continue
            for row in rows:
                if row["message_id"] not in ids:
                    arguments = [row["message_id"], 0, ""]
                    strays += int(self._put_back(keys=[stream], args=arguments))
        return strays


def _is_gone(error: redis.ResponseError) -> bool:
    """Whether Redis was wiped: it has no such stream or group."""
    return any(word in str(error) for word in ("NOGROUP", "UNBLOCKED", "no such key"))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _pairs(entries: Any) -> Iterable[tuple[bytes, Mapping[bytes, bytes]]]:
    """The entries of one stream; RESP3 nests them once more."""
    rows = entries[0] if entries and isinstance(entries[0], list) else entries
    return ((row[0], row[1]) for row in rows)


def _taken(queue: str, stream: str, id_: bytes, fields: Mapping[bytes, bytes]) -> Taken:
    label = Label(
        group=fields[b"group"].decode(),
        members=labels.parse(fields[b"members"].decode()),
        items=int(fields[b"items"]),
        bytes=int(fields[b"bytes"]),
        deaths=int(fields[b"deaths"]),
        evidence=tuple(Death(**death) for death in json.loads(fields[b"evidence"]) or ()),
    )
    return Taken(queue, stream, id_, fields[b"key"], fields[b"head"], fields[b"body"], label)
