"""Liveness and readiness."""

from collections.abc import Callable

import redis
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from triptych.core.errors import Conflict, TriptychError, Unavailable
from triptych.core.names import named
from triptych.gateway.access import PUBLIC, may_see_all
from triptych.gateway.answers import Health, Readiness
from triptych.gateway.openapi import operation
from triptych.gateway.services import services
from triptych.queues import jobs, presence
from triptych.queues.state import check_policy, check_room

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@operation("get_health", PUBLIC, {200: Health})
def alive() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(Health("alive"))


@blueprint.get("/readyz")
@operation("get_readiness", PUBLIC, {200: Readiness, 503: Readiness})
def ready() -> ResponseReturnValue:
    """Every part that a request needs answers; else 503 with the reason per part.

    A gateway without workers still accepts and searches, so it is degraded, with 200: to take it
    out of service would help nobody. So it is where a collection waits for a rebuild. Nobody needs
    a key to ask; which collections these are, only one for all of them tells.
    """
    client = services().redis
    needed = {
        "redis": _reason(lambda: check_room(client)),
        "index": _reason(services().engine.index.ping),
        "store": _reason(services().engine.store.ping),
    }
    watched = {
        "collections": _reason(check_collections),
        "workers": _reason(lambda: check_workers(client)),
        "policy": _reason(lambda: check_policy(client)),
    }
    parts = {**needed, **watched}
    if not all(value == "ok" for value in needed.values()):
        return jsonify(Readiness("not ready", parts)), 503
    whole = all(value == "ok" for value in watched.values())
    return jsonify(Readiness("ready" if whole else "degraded", parts))


def check_collections() -> None:
    """Raise Conflict if a collection waits for somebody to have its index built anew."""
    if waiting := services().engine.waiting():
        which = named(waiting) if may_see_all() else f"{len(waiting)} collections"
        raise Conflict(f"other encoders built {which}: `triptych rebuild COLLECTION`")


def check_workers(client: redis.Redis) -> None:
    """Raise Unavailable if a kind has no worker; not everybody trains models."""
    kinds = {worker.kind for worker in presence.workers(client)}
    if missing := [kind for kind in jobs.NEEDED if kind not in kinds]:
        raise Unavailable(f"no worker for {', '.join(missing)}")


def _reason(check: Callable[[], object]) -> str:
    try:
        check()
    except TriptychError as error:
        return str(error)
    return "ok"
