"""A client whose upload is refused reads why, though it has not sent all of it."""

import socket
import threading
from functools import partial

import pytest

from triptych.gateway.closing import linger

BODY = b"x" * 2**17


def test_the_rest_is_read_after_a_refusal():
    """Until the client has closed: nothing resets the connection before."""
    server, client = socket.socketpair()
    with server, client:
        server.sendall(b"answer")
        reader = threading.Thread(target=partial(linger, server))
        reader.start()
        client.sendall(bytes(10**7))
        assert client.recv(100) == b"answer"
        assert client.recv(100) == b""
        client.close()
        reader.join(10)
        assert not reader.is_alive()


def test_a_client_that_never_closes_is_left():
    """When its time is over."""
    server, client = socket.socketpair()
    with server, client:
        linger(server, seconds=0.05)
        assert client.recv(1) == b""


class Response:
    """Gunicorn's, of which only one method is asked for."""

    closed = False

    def force_close(self) -> None:
        """Remember."""
        self.closed = True

    def start(self, status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        """Remember."""
        self.status, self.headers = status, dict(headers)


@pytest.mark.parametrize(("body", "closes"), [(BODY, True), (b"x", False)])
def test_large_refused_bodies_close_their_connection(app, lists, body, closes):
    """The answer says when to come again."""
    lists.waiting = 10**6
    server, client = socket.socketpair()
    response = Response()
    environ = app.test_request_context(
        "/v1/collections/c/batches", method="POST", data=body, content_type="application/x-ndjson",
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    ).request.environ  # fmt: skip
    with server, client:
        answer = app.wsgi_app({**environ, "gunicorn.socket": server}, response.start)
        assert response.status.startswith("429")
        assert response.headers["Retry-After"]
        assert response.closed == closes
        client.close()
        answer.close()
