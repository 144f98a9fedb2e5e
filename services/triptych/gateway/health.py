"""Liveness and readiness."""

from collections.abc import Callable

import redis
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from triptych.core.errors import TriptychError
from triptych.gateway.answers import Health, Readiness
from triptych.gateway.openapi import operation
from triptych.gateway.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@operation("get_health", {200: Health})
def alive() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(Health("alive"))


@blueprint.get("/readyz")
@operation("get_readiness", {200: Readiness, 503: Readiness})
def ready() -> ResponseReturnValue:
    """Every part that a request needs answers; else 503 with the reason per part."""
    parts: dict[str, Callable[[], object]] = {
        "redis": services().redis.ping,
        "index": services().engine.index.ping,
    }
    report = {name: _reason(check) for name, check in parts.items()}
    if all(value == "ok" for value in report.values()):
        return jsonify(Readiness("ready", report))
    return jsonify(Readiness("not ready", report)), 503


def _reason(check: Callable[[], object]) -> str:
    try:
        check()
    except (TriptychError, redis.RedisError) as error:
        return str(error)
    return "ok"
