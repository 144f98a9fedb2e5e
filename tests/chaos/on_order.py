"""Duplicates, updates, deletions, dropped collections, clocks, and large manifests."""

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
    load = scene.load()
    half = scene.items // 2
    sending = [load.stream(half) for _ in range(2)]
    sending += [load.stream(half, first=half) for _ in range(2)]
    scene.when_busy()
    scene.restart("worker-text", "worker-fusion")
    for one in sending:
        one.result()


@scenario("four versions of each item, in batches and alone; workers killed")
def updates(scene: Scene) -> None:
    """The last one that was accepted stays, in whatever order they are written."""
    load = scene.load()
    count = scene.items // 4
    for version in range(4):
        sending = load.stream(count, version=version, size=(200, 50, 120, 80)[version])
        scene.when_busy()
        scene.restart("worker-image", "worker-fusion")
        sending.result()


@scenario("deletions of items that are on their way; every second comes again")
def deletions(scene: Scene) -> None:
    """What was deleted stays away, though its older version arrives later."""
    load = scene.load()
    count = scene.items // 3
    load.stream(count).result()
    scene.stack.kill("worker-fusion")
    for number in range(0, count, 3):
        load.delete(f"item-{number}")
    load.batch([make(number, version=1) for number in range(0, count, 6)])
    scene.stack.start("worker-fusion")
    load.stream(count, first=count).result()
    for number in range(count, 2 * count, 5):
        load.delete(f"item-{number}")


@scenario("a collection dropped in mid-work and made again under its name, twice")
def dropped_collection(scene: Scene) -> None:
    """Nothing that was sent to its predecessor appears in it."""
    load = scene.load()
    count = scene.items // 3
    for round_ in range(2):
        load.stream(count, first=round_ * count // 2, version=round_).result()
        scene.when_busy()
        load.drop()
    load.stream(count, first=count // 2, version=2).result()


@scenario("wall clocks set back by an hour, and the clock of Redis deleted", own=True)
def clocks_set_back(scene: Scene) -> None:
    """Later versions win nevertheless, and what got lost is found."""
    load = scene.load()
    count = scene.items // 2
    load.stream(count).result()
    shifted = {"PYTHONPATH": str(_SHIFTED), "CHAOS_CLOCK_SHIFT": str(-_HOUR)}
    scene.replace(*WORKERS, "gateway", env=shifted)
    scene.redis.delete("triptych:clock")
    sending = load.stream(count, version=1)
    scene.when_busy()
    scene.redis.flushall()
    sending.result()
    scene.wait_quiet()
    scene.replace(*WORKERS, "gateway", env={"CHAOS_CLOCK_SHIFT": "0"})


@scenario("a manifest of 50,000 lines; planner and writer killed", items=50_000)
def long_manifest(scene: Scene) -> None:
    """It is planned bit by bit, and each part once."""
    load = scene.load()
    texts = [make(number).text for number in range(200)]
    load.lines([Sent(f"line-{n}", texts[n % len(texts)]) for n in range(scene.items)])
    for _ in range(2):
        scene.when_busy()
        scene.restart("worker-plan", "worker-fusion")
