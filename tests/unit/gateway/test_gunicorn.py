"""The server's settings."""

import resource
import socket
import struct
import time
from types import SimpleNamespace

import pytest

from triptych.gateway import descriptors, gunicorn


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


@pytest.mark.parametrize(
    ("limits", "found"),
    [((64, 64), 64), ((1024, 4096), 4096), ((1024, resource.RLIM_INFINITY), 8192)],
)
def test_as_many_descriptors_as_are_of_use(monkeypatch, limits, found):
    """What is allowed is asked for."""
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: asked.append(wanted))
    assert descriptors.descriptors() == found
    assert asked == [(found, limits[1])]


def test_connections_leave_descriptors_for_requests():
    """However many threads there are."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 2 * gunicorn.threads <= gunicorn.worker_connections <= max(32, soft // 2)
