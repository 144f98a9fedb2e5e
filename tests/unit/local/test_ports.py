"""Choosing ports on loopback."""

import socket

import pytest

from triptych.local.errors import StackError
from triptych.local.ports import Ports, assign, free_ports, is_free


def test_the_stores_follow_the_gateway():
    """A given port fixes all four."""
    assert assign(9000) == Ports(gateway=9000, valkey=9001, search=9002, transport=9003)


def test_port_zero_takes_free_ones():
    """Port 0 gives four different ports that nobody listens on."""
    ports = assign(0)
    assert len(set(ports)) == 4
    assert all(map(is_free, ports))


def test_a_listening_port_is_not_free():
    """A port is taken while somebody listens, free again afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_wildcard_listener_counts(monkeypatch):
    """A server on all addresses takes loopback too."""
    with socket.create_server(("", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_no_free_port_is_an_error(monkeypatch):
    """When everything is taken the message says so, instead of too few ports."""
    monkeypatch.setattr("triptych.local.ports.is_free", lambda port: port == 20_500)
    assert free_ports(1) == [20_500]
    with pytest.raises(StackError, match="no 2 free ports"):
        free_ports(2)
