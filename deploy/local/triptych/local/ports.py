"""The ports of a stack, on loopback."""

import random
import socket
from typing import NamedTuple

from triptych.local.errors import StackError

LOOPBACK = "127.0.0.1"
# Below the ranges that kernels use for outgoing connections (Linux 32768+, macOS 49152+), so that
# no client takes a port between its choice and the server's bind.
_CHOICE = range(20_000, 32_000)


class Ports(NamedTuple):
    """One port per server of the stack."""

    gateway: int
    valkey: int
    search: int
    transport: int

    @property
    def gateway_url(self) -> str:
        """The URL of the gateway."""
        return f"http://{LOOPBACK}:{self.gateway}"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Free ports, at random, so that stacks that start together rarely choose the same."""
    choice = random.SystemRandom().sample(_CHOICE, len(_CHOICE))
    free = [port for port, _ in zip((p for p in choice if is_free(p)), range(count), strict=False)]
    if len(free) < count:
        raise StackError(f"no {count} free ports between {_CHOICE.start} and {_CHOICE.stop}")
    return free


def assign(port: int) -> Ports:
    """The gateway's port and the three after it; for port 0, free ports."""
    return Ports(*(range(port, port + len(Ports._fields)) if port else free_ports(4)))
