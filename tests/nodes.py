"""A cluster of three real nodes of Elasticsearch."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from triptych.local import distribution, elasticsearch
from triptych.local.accounts import open_cache, open_data, unprivileged
from triptych.local.java import find_java
from triptych.local.ports import LOOPBACK, Ports, free_ports
from triptych.local.probes import http_ok
from triptych.local.process import alive, spawn, stop, tail

NODES = 3


class Node:
    """One of the nodes; it has started, but not yet found the others."""

    def __init__(self, number: int, home: Path, ports: Ports, transports: list[int]) -> None:
        account = unprivileged()
        program = distribution.install(open_cache(account))
        cluster = home.parent.name
        self.port = ports.search
        self.url = f"http://{LOOPBACK}:{ports.search}"
        self.folder = open_data(home, account)
        self.log = home.parent / f"{home.name}.log"
        elasticsearch.configure(program, self.folder, name=cluster, ports=ports, account=account)
        self._join(number, transports)
        self.process = spawn(
            [str(program / "bin" / "elasticsearch")],
            env=elasticsearch.environment(java=find_java(account), folder=self.folder, heap="512m"),
            log=self.log,
            account=account,
        )

    def _join(self, number: int, transports: list[int]) -> None:
        """Make a node of a cluster out of one that is alone."""
        path = self.folder / "config" / "elasticsearch.yml"
        own = ("node.name", "discovery.type")
        lines = [line for line in path.read_text().splitlines() if not line.startswith(own)]
        addresses = [f"{LOOPBACK}:{port}" for port in transports]
        lines += [
            f"node.name: node{number}",
            f"discovery.seed_hosts: {addresses}",
            f"cluster.initial_master_nodes: {[f'node{n}' for n in range(NODES)]}",
        ]
        path.write_text("\n".join(lines))

    def await_cluster(self) -> None:
        """Return when all nodes have found each other."""
        deadline = time.monotonic() + 240
        while not http_ok(self.port, f"/_cluster/health?wait_for_nodes={NODES}&timeout=1s"):
            assert alive(self.process), tail(self.log)
            assert time.monotonic() < deadline, tail(self.log)
            time.sleep(0.5)


@contextmanager
def cluster(home: Path) -> Iterator[list[Node]]:
    """Three nodes, all of which hold data and may lead."""
    ports = free_ports(2 * NODES)
    transports = ports[NODES:]
    started = [
        Node(n, home / f"node{n}", Ports(0, 0, ports[n], transports[n]), transports)
        for n in range(NODES)
    ]
    try:
        for node in started:
            node.await_cluster()
        yield started
    finally:
        stop([node.process for node in started], grace=0)
        for node in started:
            shutil.rmtree(node.folder, ignore_errors=True)
