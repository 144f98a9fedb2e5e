"""Faults of Redis: killed, emptied, full, forgetful, cut off."""

import time

from chaos.on_workers import WORKERS
from chaos.proxy import Proxy
from chaos.scenarios import scenario
from chaos.scene import Scene


@scenario("Redis killed (`kill -9`), back after 12 s")
def killed_redis(scene: Scene) -> None:
    """It has logged every write but those of its last second."""
    with scene.busy():
        scene.when_busy()
        with scene.away("valkey", seconds=12):
            pass


@scenario("`FLUSHALL` in mid-batch, twice")
def emptied_redis(scene: Scene) -> None:
    """All messages and counts are gone: the sweep makes them anew from manifests and index."""
    with scene.busy():
        for done in (1, scene.items // 3):
            scene.when_busy(done)
            scene.redis.flushall()


@scenario("Redis killed, and back after 5 s without its data", own=True)
def replaced_redis(scene: Scene) -> None:
    """As after a failover to a server that has nothing."""
    with scene.busy():
        scene.when_busy()
        with scene.away("valkey", seconds=5):
            for path in (scene.stack.home / "valkey").glob("appendonlydir/*"):
                path.unlink()


@scenario("Redis full (`maxmemory` below what it has) for 15 s")
def full_redis(scene: Scene) -> None:
    """Uploads are refused; what was accepted goes on and makes room."""
    with scene.busy():
        scene.when_busy()
        used = int(scene.redis.info("memory")["used_memory"])
        scene.redis.config_set("maxmemory", used // 2)
        try:
            time.sleep(15)
        finally:
            scene.redis.config_set("maxmemory", 0)


@scenario("all connections to Redis cut by `CLIENT KILL`, every half second for 15 s")
def killed_clients(scene: Scene) -> None:
    """Also in the middle of a reply."""
    with scene.busy():
        scene.when_busy()
        for _ in range(30):
            scene.redis.client_kill_filter(_type="normal", skipme=True)
            time.sleep(0.5)


@scenario("connections to Redis reset (TCP RST), every half second for 15 s", own=True)
def reset_connections(scene: Scene) -> None:
    """By a proxy between Redis and all others."""
    proxy = Proxy(scene.stack.ports.valkey)
    parts = (*WORKERS, "gateway")
    scene.replace(*parts, env={"TRIPTYCH_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"})
    with scene.busy():
        scene.when_busy()
        for _ in range(30):
            proxy.cut()
            time.sleep(0.5)
