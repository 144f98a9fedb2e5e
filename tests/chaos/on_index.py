"""Faults of Elasticsearch: stopped, blocked, at flood stage, one node of three killed."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from chaos.scenarios import Props, scenario
from chaos.scene import Scene
from nodes import cluster
from triptych.local.process import stop


@scenario("Elasticsearch refuses writes (403, `index.blocks.write`) for 10 s", index="elastic")
def blocked_index(scene: Scene) -> None:
    """Refused for now is not failed."""
    _block(scene, {"index.blocks.write": True})


@scenario("Elasticsearch at flood stage (`read_only_allow_delete`) for 10 s", index="elastic")
def flooded_index(scene: Scene) -> None:
    """As it does by itself when its disk is full."""
    _block(scene, {"index.blocks.read_only_allow_delete": True})


@scenario("Elasticsearch killed (`kill -9`), back after 5 s", index="elastic")
def killed_index(scene: Scene) -> None:
    """Workers wait; uploads are refused until it is back."""
    with scene.busy():
        scene.when_busy()
        with scene.away("elasticsearch", seconds=5):
            pass


def _three_nodes(exits: ExitStack, folder: Path) -> Props:
    home = folder / "cluster"
    home.mkdir()
    nodes = exits.enter_context(cluster(home))
    return Props({"TRIPTYCH_INDEX_URL": nodes[0].url}, nodes)


@scenario("one of three nodes of Elasticsearch killed", index="elastic", stage=_three_nodes)
def killed_node(scene: Scene) -> None:
    """Each document has a replica on another node."""
    load = scene.load
    load.send(1_000_000, 100)
    with Elasticsearch(scene.settings.index_url or "") as client:
        client.cluster.health(index="triptych-*", wait_for_status="green", timeout="60s")
    with scene.busy():
        scene.when_busy()
        stop([scene.props.things[-1].process], grace=0)


def _block(scene: Scene, settings: dict[str, Any]) -> None:
    with scene.busy():
        scene.when_busy()
        with Elasticsearch(scene.settings.index_url or "") as client:
            client.indices.put_settings(index="triptych-*", settings=settings)
            try:
                time.sleep(10)
            finally:
                client.indices.put_settings(index="triptych-*", settings=dict.fromkeys(settings))
