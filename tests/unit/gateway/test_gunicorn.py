"""The server's settings."""

import socket
import struct
import time
from types import SimpleNamespace

import pytest

from triptych.gateway import gunicorn


def test_a_client_that_stalls_is_given_up(monkeypatch):
    """Also after gunicorn has made its connection blocking again; another one is served."""
    monkeypatch.setattr(gunicorn, "_STALLED_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gunicorn.when_ready(SimpleNamespace(LISTENERS=[listener]))
        listener.settimeout(20)  # it would give up after a second, too
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"GET")  # before that it may not be accepted
            with listener.accept()[0] as connection:
                connection.setblocking(True)
                assert connection.recv(10) == b"GET"
                started = time.monotonic()
                with pytest.raises(BlockingIOError):
                    connection.recv(10)
                assert time.monotonic() - started > 0.5
                option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)
                assert struct.unpack("ll", option)[0] == 1


@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="the kernel is not Linux")
def test_who_says_nothing_takes_no_thread():
    """Only what has spoken is accepted, however many were there before."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gunicorn.when_ready(SimpleNamespace(LISTENERS=[listener]))
        listener.settimeout(20)
        silent = [socket.create_connection(listener.getsockname()) for _ in range(5)]
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"GET")
            with listener.accept()[0] as connection:
                assert connection.recv(10) == b"GET"
        for one in silent:
            one.close()
