"""Collections: made, described, deleted."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from triptych.core.errors import NotFound, Unavailable
from triptych.engine.collections import Collection
from triptych.gateway.answers import Collections
from triptych.gateway.openapi import CHANGE, READ, operation
from triptych.gateway.requests import collection_name
from triptych.gateway.services import engine

blueprint = Blueprint("collections", __name__, url_prefix="/v1/collections")


@blueprint.get("")
@operation("list_collections", {200: Collections}, Unavailable)
def names() -> ResponseReturnValue:
    """Every collection with its items per status, or with what is wrong with it."""
    return jsonify(Collections(engine().collections()))


@blueprint.put("/<collection>")
@operation("create_collection", {200: Collection}, *CHANGE)
def create(collection: str) -> ResponseReturnValue:
    """Make a collection; one that exists stays as it is."""
    return jsonify(engine().create_collection(collection_name(collection)))


@blueprint.get("/<collection>")
@operation("get_collection", {200: Collection}, *READ, NotFound)
def describe(collection: str) -> ResponseReturnValue:
    """How many items a collection has, and which models and weights it works with."""
    return jsonify(engine().collection(collection_name(collection)))


@blueprint.delete("/<collection>")
@operation("delete_collection", {204: None}, *CHANGE, NotFound)
def drop(collection: str) -> ResponseReturnValue:
    """Delete a collection with everything in it."""
    engine().delete_collection(collection_name(collection))
    return "", 204
