"""Celery's transport over Redis Streams, which loses no message.

The transport of kombu takes a message off its list before it notes who has it, and gives it to
somebody else when work takes long. Here both are one step, and a lease says who still works.
"""

import os
import socket
import uuid
from typing import Any

import redis
import structlog
from kombu.transport import TRANSPORT_ALIASES, virtual

from triptych.queues import codec, streams
from triptych.queues.holder import Holder, Lease
from triptych.queues.labels import HEADER, Label
from triptych.queues.streams import BULK, URGENT, Streams, Taken

SCHEME = "triptych"
URL = f"{SCHEME}://redis"
"""The address of Redis is an option: it may hold a password, and Celery logs URLs."""


log = structlog.get_logger(__name__)


def register_transport() -> None:
    """Make the scheme known to kombu."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


class Channel(virtual.Channel):
    """Sends messages; in a worker it also consumes the one queue of its kind."""

    body_encoding = None  # type: ignore[assignment]  # bytes stay bytes
    do_restore = False
    holder: Holder | None = None
    _limit = 1

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        headers = dict(message["headers"])
        label = Label.from_header(headers.pop(HEADER, None))
        body = message["body"]
        head = [
            *(message["content-type"], message["content-encoding"]),
            *(headers, message["properties"]),
        ]
        self.connection.streams.put(
            queue,
            URGENT if message["properties"].get("priority") == 0 else BULK,
            head=codec.dumps(head),
            body=body if isinstance(body, bytes) else body.encode(),
            label=label,
        )

    def _purge(self, queue: str) -> int:
        raise NotImplementedError(f"{queue}: drop batches instead")

    def basic_qos(
        self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False
    ) -> None:
        """How many messages may be held: one for each process."""
        self._limit = max(1, prefetch_count)

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Any, consumer_tag: str, **_: Any
    ) -> None:
        """Begin to take messages; they are delivered by the event loop."""
        if self.holder is not None:
            raise ValueError("a worker has one queue")
        self._tag_to_queue[consumer_tag] = queue
        self._consumers.add(consumer_tag)
        self.connection.consume(self, queue, callback, limit=self._limit)

    def basic_cancel(self, consumer_tag: str) -> None:
        """Take no more messages."""
        if consumer_tag in self._consumers:
            self._consumers.discard(consumer_tag)
            self._tag_to_queue.pop(consumer_tag, None)
            if self.holder is not None:
                self.holder.stop_taking()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """The work has ended."""
        if self.holder is not None:
            self.holder.done(delivery_tag)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """The message comes again; without ``requeue`` it ends."""
        if self.holder is not None:
            (self.holder.put_back if requeue else self.holder.done)(delivery_tag)

    def died(self, delivery_tag: str, process: int | None, cause: str) -> None:
        """The message comes again, and it is known what became of the process that had it."""
        if self.holder is not None:
            self.holder.put_back(delivery_tag, (process, cause))

    def close(self) -> None:
        """Put back what is held."""
        if self.holder is not None:
            self.connection.leave(self.holder)
            self.holder.close()
            self.holder = None
        super().close()  # type: ignore[no-untyped-call]


class Transport(virtual.Transport):
    """A connection: to one Redis, and in a worker to the event loop."""

    Channel = Channel
    driver_type = SCHEME
    driver_name = "redis"
    connection_errors: Any = (*virtual.Transport.connection_errors, redis.RedisError)
    implements = virtual.Transport.implements.extend(asynchronous=True)

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)  # type: ignore[no-untyped-call]
        self._options = client.transport_options
        self._loop: Any = None
        self._streams: Streams | None = None
        self._receive: Any = None

    def driver_version(self) -> str:
        """The version of the Redis client."""
        return str(redis.__version__)

    def _connect(self, retries: int) -> redis.Redis:
        return streams.connect(self._options["url"], retries=retries)

    @property
    def streams(self) -> Streams:
        """The queues, for those who send."""
        if self._streams is None:
            self._streams = Streams(self._connect(1))
        return self._streams

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Celery's loop calls ``_deliver_arrived`` when messages have arrived."""
        self._loop = loop

    def consume(self, channel: Any, queue: str, receive: Any, *, limit: int) -> None:
        """Begin to hold messages for a channel."""
        name = f"{queue}:{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        holder = channel.holder = Holder(
            self._connect,
            name=name,
            queue=queue,
            limit=limit,
            lease=Lease(self._options["lease"], self._options["lease_renew"]),
        )
        self._loop.add_reader(holder.fileno(), self._deliver_arrived, channel, holder, receive)

    def leave(self, holder: Holder) -> None:
        """Stop to listen."""
        self._loop.remove_reader(holder.fileno())

    def _deliver_arrived(self, channel: Any, holder: Holder, receive: Any) -> None:
        while (taken := holder.arrived()) is not None:
            try:
                receive(channel.Message(_payload(taken), channel=channel))
            except Exception:
                # It would kill every worker. The sweep finds what it carried.
                log.exception("message can't be delivered and is dropped", queue=holder.queue)
                holder.done(taken.tag)

    def close_connection(self, connection: Any) -> None:
        """Close every channel and the client."""
        super().close_connection(connection)  # type: ignore[no-untyped-call]
        if self._streams is not None:
            self._streams.client.close()
            self._streams = None


def _payload(taken: Taken) -> dict[str, Any]:
    """A message as kombu wants it."""
    content_type, content_encoding, headers, properties = codec.loads(taken.head)
    return {
        "body": taken.body,
        "content-type": content_type,
        "content-encoding": content_encoding,
        "headers": {**headers, HEADER: taken.label.to_header()},
        "properties": {**properties, "delivery_tag": taken.tag},
    }
