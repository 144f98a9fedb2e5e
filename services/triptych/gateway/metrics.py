"""Figures for Prometheus, in its text format (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from collections.abc import Callable, Iterable, Mapping

import redis
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from triptych.core.errors import TriptychError
from triptych.gateway.access import needs
from triptych.gateway.openapi import METRICS_TYPE, Metrics, operation
from triptych.gateway.services import services
from triptych.queues import jobs, presence
from triptych.queues.state import check_room, events

blueprint = Blueprint("metrics", __name__)

Sample = tuple[Mapping[str, str], float]

_HELP = {
    "triptych_up": ("gauge", "Whether a part answers, as seen from this gateway."),
    "triptych_queue_messages": ("gauge", "Messages of a queue's lane, also those in work."),
    "triptych_queue_held": ("gauge", "Messages in work."),
    "triptych_queue_items": ("gauge", "Items in the messages of a queue."),
    "triptych_queue_bytes": ("gauge", "Weight of the messages of a queue."),
    "triptych_queue_age_seconds": ("gauge", "Seconds since the first message was sent."),
    "triptych_workers": ("gauge", "Workers of a kind."),
    "triptych_worker_processes": ("gauge", "Processes of the workers of a kind."),
    "triptych_worker_memory_bytes": ("gauge", "Memory of the workers of a kind."),
    "triptych_events_total": ("counter", "What has happened in a queue since Redis was filled."),
}


@blueprint.get("/metrics")
@operation("get_metrics", needs("read", whole=True), {200: Metrics})
def show() -> ResponseReturnValue:
    """What waits, who works, and what has happened; a part that is away says so and has none."""
    found = services()
    up = {
        "redis": _answers(lambda: check_room(found.redis)),
        "index": _answers(found.engine.index.ping),
        "store": _answers(found.engine.store.ping),
    }
    samples: dict[str, list[Sample]] = {
        "triptych_up": [({"part": part}, float(ok)) for part, ok in up.items()]
    }
    try:
        samples |= _of_queues(found.redis)
    except TriptychError:
        samples["triptych_up"][0] = ({"part": "redis"}, 0.0)
    return Response(render(samples), content_type=f"{METRICS_TYPE}; version=0.0.4; charset=utf-8")


def _answers(check: Callable[[], object]) -> bool:
    try:
        check()
    except TriptychError:
        return False
    return True


def _of_queues(client: redis.Redis) -> dict[str, list[Sample]]:
    backlog = jobs.backlog(client)
    lanes = [
        ({"queue": queue, "lane": name}, lane)
        for queue, found in backlog.items()
        for name, lane in found.lanes.items()
    ]
    workers = presence.workers(client)
    kinds = {kind: [one for one in workers if one.kind == kind] for kind in jobs.QUEUES}
    return {
        "triptych_queue_messages": [(labels, lane.messages) for labels, lane in lanes],
        "triptych_queue_held": [(labels, lane.held) for labels, lane in lanes],
        "triptych_queue_age_seconds": [(labels, lane.age) for labels, lane in lanes],
        "triptych_queue_items": [({"queue": name}, one.items) for name, one in backlog.items()],
        "triptych_queue_bytes": [({"queue": name}, one.bytes) for name, one in backlog.items()],
        "triptych_workers": [({"kind": kind}, len(found)) for kind, found in kinds.items()],
        "triptych_worker_processes": [
            ({"kind": kind}, sum(one.processes for one in found)) for kind, found in kinds.items()
        ],
        "triptych_worker_memory_bytes": [
            ({"kind": kind}, sum(one.rss for one in found)) for kind, found in kinds.items()
        ],
        "triptych_events_total": [
            ({"queue": queue, "event": event}, number)
            for (queue, event), number in sorted(events(client).items())
        ],
    }


def render(samples: Mapping[str, Iterable[Sample]]) -> str:
    """The text of figures. Names and labels are our own words, so nothing is escaped."""
    lines: list[str] = []
    for name, rows in samples.items():
        kind, text = _HELP[name]
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for labels, value in rows:
            inner = ",".join(f'{label}="{word}"' for label, word in labels.items())
            lines.append(f"{name}{{{inner}}} {value}")
    return "\n".join(lines) + "\n"
