"""Faults of the media store: not mounted, full."""

import time

from chaos.scenarios import scenario
from chaos.scene import Scene, Stuck


@scenario("media store not mounted for 10 s: an empty folder in its place")
def unmounted_store(scene: Scene) -> None:
    """Nobody takes the empty folder for the store, and nothing is written into it."""
    with scene.busy():
        for done in (1, scene.items // 3):
            scene.when_busy(done)
            _unmount(scene, seconds=10)


def _unmount(scene: Scene, seconds: float) -> None:
    aside = scene.media.with_name("media.aside")
    scene.media.rename(aside)
    scene.media.mkdir()
    try:
        time.sleep(seconds)
    finally:
        beside = scene.media.with_name("media.beside")
        scene.media.rename(beside)
        aside.rename(scene.media)
    written = [path for path in beside.rglob("*") if path.is_file()]
    if written:
        raise Stuck(f"written beside the store: {written[:5]}")
    for path in sorted(beside.rglob("*"), reverse=True):
        path.rmdir()
    beside.rmdir()
