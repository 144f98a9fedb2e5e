"""Faults of workers: killed, stopped, frozen, and items that kill them."""

import hashlib
import sys
import time
from pathlib import Path

import numpy as np

from chaos.load import Sent, make, picture
from chaos.scenarios import scenario
from chaos.scene import LEASE, Scene

WORKERS = ("worker-image", "worker-text", "worker-audio", "worker-fusion", "worker-plan")
_DEADLY = Path(__file__).with_name("deadly_worker.py")


@scenario("`kill -9` of all workers at once, three times")
def killed_workers(scene: Scene) -> None:
    """The messages that they held come again when their leases have run out."""
    with scene.busy():
        for done in (1, 2, 3):
            scene.when_busy(done * scene.items // 8)
            scene.restart(*WORKERS)


@scenario("`kill -9` of processes of every worker's pool, ten times")
def killed_processes(scene: Scene) -> None:
    """The messages that they worked on come again at once."""
    with scene.busy():
        for n in range(10):
            scene.when_busy()
            scene.kill_children(WORKERS[n % len(WORKERS)])
            scene.kill_children("worker-image")
            time.sleep(1)


@scenario("SIGTERM of every worker in mid-chunk")
def stopped_workers(scene: Scene) -> None:
    """They finish what they hold, and take no more."""
    with scene.busy():
        for part in WORKERS:
            scene.when_busy()
            scene.stack.stop(part)
            scene.stack.start(part)


@scenario("workers frozen (SIGSTOP) for longer than their lease, then awake again")
def frozen_workers(scene: Scene) -> None:
    """Others would take over what they hold; awake, they do it twice, which changes nothing."""
    with scene.busy():
        scene.when_busy()
        with scene.frozen("worker-text", "worker-image", "worker-fusion"):
            time.sleep(LEASE + 3)


@scenario("an item that kills each process that decodes it", items=600, failing=1, own=True)
def deadly_item(scene: Scene) -> None:
    """It is quarantined; its neighbours arrive."""
    deadly = picture(np.random.default_rng(1))
    command = (sys.executable, str(_DEADLY), "image", "--concurrency", "2")
    digest = hashlib.sha256(deadly).hexdigest()
    scene.replace("worker-image", command=command, env={"CHAOS_DEADLY": digest})
    load = scene.load
    load.batch(
        [
            *(make(n, media=True) for n in range(40)),
            Sent("deadly", "a picture that nobody survives", image=deadly),
            *(make(n, media=True) for n in range(40, 100)),
        ]
    )
    load.send_all(range(100, scene.items))
    scene.wait_quiet()
