"""Duplicates, updates, deletions, dropped collections, clocks, and large manifests."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.load import Sent, make
from chaos.on_workers import WORKERS
from chaos.scenarios import scenario
from chaos.scene import Scene

_SHIFTED = Path(__file__).with_name("shifted")
_HOUR = 3600


@scenario("everything sent twice, by four clients at once; a worker killed")
def duplicates(scene: Scene) -> None:
    """The same content under the same ids: each is there once."""
    load = scene.load
    halves = range(scene.items // 2), range(scene.items // 2, scene.items)
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(load.send_all, half) for half in (*halves, *halves)]
        scene.when_busy()
        scene.restart("worker-text", "worker-fusion")
        for one in sending:
            one.result()


@scenario("four versions of each item, in batches and alone; workers killed")
def updates(scene: Scene) -> None:
    """The last one that was accepted stays, in whatever order they are written."""
    load = scene.load
    for version, size in enumerate((200, 50, 120, 80)):
        load.send_all(range(scene.items // 4), version=version, size=size)
        scene.when_busy()
        scene.restart("worker-image", "worker-fusion")


@scenario("deletions of items that are on their way; every second comes again")
def deletions(scene: Scene) -> None:
    """What was deleted stays away, though its older version arrives later."""
    load = scene.load
    third = scene.items // 3
    load.send_all(range(third))
    scene.stack.kill("worker-fusion")
    for number in range(0, third, 3):
        load.delete(f"item-{number}")
    load.batch([make(number, version=1) for number in range(0, third, 6)])
    scene.stack.start("worker-fusion")
    load.send_all(range(third, scene.items))
    for number in range(third, scene.items, 5):
        load.delete(f"item-{number}")


@scenario("a collection dropped in mid-work and made again under its name, twice")
def dropped_collection(scene: Scene) -> None:
    """Nothing that was sent to its predecessor appears in it."""
    load = scene.load
    third = scene.items // 3
    for version in range(2):
        load.send_all(range(version * third // 2, third), version=version)
        scene.when_busy()
        load.drop()
    load.send_all(range(third // 2, 2 * third), version=2)


@scenario("wall clocks set back by an hour, and the clock of Redis deleted", own=True)
def clocks_set_back(scene: Scene) -> None:
    """Later versions win nevertheless, and what got lost is found."""
    load = scene.load
    half = scene.items // 2
    load.send_all(range(half))
    shifted = {"PYTHONPATH": str(_SHIFTED), "CHAOS_CLOCK_SHIFT": str(-_HOUR)}
    scene.replace(*WORKERS, "gateway", env=shifted)
    scene.redis.delete("triptych:clock")
    load.send_all(range(half), version=1)
    scene.when_busy()
    scene.redis.flushall()
    scene.wait_quiet()
    scene.replace(*WORKERS, "gateway", env={"CHAOS_CLOCK_SHIFT": "0"})


@scenario("a manifest of 50,000 lines; planner and writer killed", items=50_000)
def long_manifest(scene: Scene) -> None:
    """It is planned bit by bit, and each part once."""
    load = scene.load
    texts = [make(number).text for number in range(200)]
    load.lines([Sent(f"line-{n}", texts[n % len(texts)]) for n in range(scene.items)])
    for _ in range(2):
        scene.when_busy()
        scene.restart("worker-plan", "worker-fusion")
