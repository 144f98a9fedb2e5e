"""Requests to other servers are bounded as a whole: real servers that hang, drip, and redirect."""

import threading
import time
from collections.abc import Callable, Iterator
from socket import socket

import httpx
import pytest

from triptych.core.outgoing import asked

Answer = Callable[[socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Starts servers that answer each connection like this; gives the URL."""
    listeners: list[socket] = []

    def start(answer: Answer) -> str:
        listener = socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    answer(connection)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for listener in listeners:
        listener.close()


def drip(connection: socket) -> None:
    """A header that never ends."""
    try:
        for byte in b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1000:
            connection.send(bytes([byte]))
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize("answer", [lambda _: time.sleep(5), drip], ids=["hangs", "drips"])
def test_nobody_is_waited_for_longer_than_that(serve, answer):
    """Whether it says nothing, or one byte after the other."""
    began = time.monotonic()
    with (
        pytest.raises((httpx.HTTPError, OSError)),
        asked("POST", serve(answer), seconds=0.5, whole_seconds=0.8, content=b"x"),
    ):
        pass
    assert time.monotonic() - began < 2


def test_redirects_are_not_followed(serve, monkeypatch):
    """And no proxy of the environment is asked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    url = serve(lambda connection: connection.sendall(moved))
    with asked("GET", url, seconds=1, whole_seconds=2) as response:
        assert response.status_code == 302
