"""Gunicorn's worker with threads, in which a thread is for those who have said what they want.

The thread that watches all connections reads the head of each request, and a body that is small.
Only when both are whole, a thread gets the request. So no head and no small body can hold one,
however slowly it comes. Larger bodies are read by threads of their own, which leave who sends too
slowly; ``/healthz`` has one, too. Over TLS it is the same: a handshake is a part of what is read.
Where descriptors or connections run out, who waits longest for its own request goes first, and
nothing else ends.

It relies on how gunicorn 27 is made inside: ``ThreadWorker`` of ``gunicorn/workers/gthread.py``.
"""

import errno
import re
import socket
import ssl
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from typing import cast

import orjson
import structlog
from gunicorn import sock as gunicorn_sockets
from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

SECONDS = 10.0
"""In which a request has to come, but for a large body."""
HEAD_BYTES = 2**16
SMALL_BYTES = 2**16
"""Of a body that is read before a thread gets the request: a search by words has less."""
PACE = 4096
"""Bytes a second that a large body has at least, on average and after ``SECONDS``."""
_REST_SECONDS = 0.5
_LEAVE_SECONDS = 2.0
"""For a client to take an answer after which its connection is closed."""
_BLOCK = 2**16
_RECORD = 2**14
"""Bytes that a record of TLS has at most."""
_END = b"\r\n\r\n"
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)", re.IGNORECASE)
_SIZE = re.compile(rb"[ \t]*\d{1,18}[ \t]*")
_IN_PIECES = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)
_HEALTH = re.compile(rb"(?:GET|HEAD) /healthz[ ?]")

log = structlog.get_logger(__name__)


class PacedReader(SocketUnreader):  # type: ignore[misc]
    """Reads what a client sends, unless it sends too slowly."""

    def __init__(self, sock: socket.socket) -> None:
        # Records are read whole: the poller does not see what OpenSSL keeps of one.
        super().__init__(sock, _RECORD)
        self.begin()

    def begin(self) -> None:
        """Another request begins."""
        self._waited, self._come = 0.0, 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes. Raises OSError, as a socket does on which nothing comes."""
        started = time.monotonic()
        data: bytes = super().chunk(size_hint)
        self._waited += time.monotonic() - started
        self._come += len(data)
        if data and self._waited > SECONDS and self._come < PACE * self._waited:
            raise BlockingIOError(errno.EAGAIN, f"less than {PACE} bytes a second come")
        return data


class TlsSocket(ssl.SSLSocket):
    """Gives up who stalls.

    On plain connections the kernel does so (``gunicorn.py``), but OpenSSL would ask it again.
    """

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  # as the original
        """Wait, but not for ever; or don't wait."""
        self.settimeout(SECONDS if flag else 0.0)


@dataclass(eq=False)
class Coming:
    """A connection whose request is not whole yet."""

    connection: TConn
    deadline: float
    buffer: bytearray = field(default_factory=bytearray)


class Worker(ThreadWorker):  # type: ignore[misc]
    """See the module."""

    def init_process(self) -> None:
        """As the original, with threads of its own for large bodies and for health."""
        self._coming: dict[TConn, Coming] = {}  # the one that waits longest is the first
        self._leaving: dict[TConn, float] = {}  # until when; the earliest is the first
        self._rests_until = 0.0
        self._bodies = ThreadPoolExecutor(self.cfg.threads, "bodies")
        self._health = ThreadPoolExecutor(1, "health")
        self._tls: ssl.SSLContext | None = None
        if self.cfg.is_ssl:
            self._tls = gunicorn_sockets.ssl_context(self.cfg)
            self._tls.sslsocket_class = TlsSocket
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection. Without descriptors for it, make room and rest for a moment."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _OUT_OF_DESCRIPTORS:
                raise
            log.warning("no descriptors for another connection", connections=self.nr_conns)
            self._rests_until = time.monotonic() + _REST_SECONDS
            self.set_accept_enabled(False)
            self._make_room()
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  # as the original
        """As the original, but not while there are no descriptors."""
        super().set_accept_enabled(enabled and time.monotonic() >= self._rests_until)

    def enqueue_req(self, conn: TConn) -> None:
        """Wait for the next request of a connection, without a thread."""
        if self._tls is not None and conn.parser is None:
            try:
                conn.sock = self._tls.wrap_socket(
                    conn.sock, server_side=True, do_handshake_on_connect=False
                )
            except OSError:  # it has gone
                self._close(conn)
                return
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        coming = Coming(conn, time.monotonic() + SECONDS)
        if conn.initialized:
            coming.buffer += conn.parser.unreader.take_buffered()
        conn.sock.setblocking(False)
        self._coming[conn] = coming
        self.poller.register(conn.sock, EVENT_READ, partial(self._read, coming))
        if coming.buffer:
            self._look(coming)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """As the original, unless an event of the same moment has closed the connection."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def finish_request(self, conn: TConn, fs: Future[bool]) -> None:
        """As the original, which would wait for clients that don't close their connections."""
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._leave(conn)

    def murder_pending(self) -> None:
        """Close the connections whose requests don't come, or that the client does not close."""
        super().murder_pending()
        now = time.monotonic()
        while self._leaving and (left := next(iter(self._leaving.items())))[1] <= now:
            self._close(left[0])
        while self._coming:
            coming = next(iter(self._coming.values()))
            if coming.deadline > now:
                return
            said = HTTPStatus.REQUEST_TIMEOUT if coming.buffer else None
            self._end(coming, said, f"the request did not come within {SECONDS:.0f} s")

    def _cap_keepalive(self, deadline: float) -> None:
        """A worker that stops does not wait for requests, either."""
        super()._cap_keepalive(deadline)
        for coming in self._coming.values():
            coming.deadline = min(coming.deadline, deadline)

    def _read(self, coming: Coming, connection: socket.socket) -> None:
        """Take what has come of a request, and of the handshake before."""
        if coming.connection not in self._coming:  # closed by an event of the same moment
            return
        data, waits_for = None, EVENT_READ
        try:
            data = connection.recv(_BLOCK)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except ssl.SSLWantWriteError:  # the client takes nothing of the handshake
            waits_for = EVENT_WRITE
        except OSError:
            data = b""
        self.poller.modify(connection, waits_for, self.poller.get_key(connection).data)
        if data is None:
            return
        if not data:
            self._end(coming)
            return
        coming.buffer += data
        self._look(coming)

    def _look(self, coming: Coming) -> None:
        """Give a request that is whole, or has a large body, to a thread."""
        while coming.buffer.startswith((b"\r", b"\n")):  # before a request they mean nothing
            del coming.buffer[0]
        end = coming.buffer.find(_END)
        if end < 0:
            if len(coming.buffer) > HEAD_BYTES:
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self._end(coming, status, f"the head has more than {HEAD_BYTES} bytes")
            return
        head = bytes(coming.buffer[:end])
        lengths = _LENGTH.findall(head)
        if len(lengths) > 1 or not all(map(_SIZE.fullmatch, lengths)):
            detail = "Content-Length has to be one number of at most 18 digits"
            self._end(coming, HTTPStatus.BAD_REQUEST, detail)
            return
        size = int(lengths[0]) if lengths else 0
        if size > SMALL_BYTES or _IN_PIECES.search(head):
            self._hand_over(coming, self._bodies)
        elif len(coming.buffer) >= end + len(_END) + size:
            is_health = _HEALTH.match(head) and not size
            self._hand_over(coming, self._health if is_health else self.tpool)

    def _hand_over(self, coming: Coming, threads: Executor) -> None:
        self._forget(coming)
        connection = coming.connection
        if not connection.initialized:
            connection.init()
            connection.parser.unreader = PacedReader(connection.sock)
        reader = cast("PacedReader", connection.parser.unreader)
        reader.begin()
        reader.unread(bytes(coming.buffer))
        self._submit(threads, connection)

    def _submit(self, threads: Executor, connection: TConn) -> None:
        done = threads.submit(self.handle, connection)
        finish = self.finish_request
        done.add_done_callback(lambda task: self.method_queue.defer(finish, connection, task))

    def _make_room(self) -> None:
        """Close a connection that waits for a request of its own, if there is one.

        It is the one that waits longest of those whose request has not come yet, or of idle ones,
        whichever are more: so neither kind can keep newcomers out.
        """
        if self._leaving:
            self._close(next(iter(self._leaving)))
        elif len(self._coming) > len(self.keepalived_conns):
            self._end(next(iter(self._coming.values())))
        elif self.keepalived_conns:
            self.keepalived_conns[0].timeout = 0.0
            self.murder_keepalived()

    def _end(self, coming: Coming, status: HTTPStatus | None = None, detail: str = "") -> None:
        """Close a connection, and say why."""
        self._forget(coming)
        connection = coming.connection
        if status is not None:
            try:
                connection.sock.send(_refusal(status, detail))
            except OSError:  # it has gone, or takes nothing
                log.debug("a refusal was not sent", status=status)
            self._leave(connection)
        else:
            self._close(connection)

    def _leave(self, connection: TConn) -> None:
        """Say that nothing more is sent, and close a connection when the client has.

        If it were closed with bytes that nobody has read, the client might lose the answer.
        """
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it has gone
            self._close(connection)
            return
        self._leaving[connection] = time.monotonic() + _LEAVE_SECONDS
        self.poller.register(connection.sock, EVENT_READ, partial(self._throw_away, connection))

    def _throw_away(self, connection: TConn, come: socket.socket) -> None:
        if connection not in self._leaving:
            return
        try:
            if come.recv(_BLOCK):
                return
        except BlockingIOError:
            return
        except OSError:
            log.debug("a connection that was left was reset")
        self._close(connection)

    def _close(self, connection: TConn) -> None:
        if self._leaving.pop(connection, None) is not None:
            self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        connection.close()

    def _forget(self, coming: Coming) -> None:
        del self._coming[coming.connection]
        self.poller.unregister(coming.connection.sock)


def _refusal(status: HTTPStatus, detail: str) -> bytes:
    problem = {
        "type": "urn:triptych:problem:http",
        "title": status.phrase,
        "status": status,
        "detail": detail,
    }
    body = orjson.dumps(problem)
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
