"""Collections: made, described, deleted."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from triptych.core.errors import NotFound, TooLarge, Unavailable
from triptych.engine.collections import Collection
from triptych.gateway.access import may, needs
from triptych.gateway.answers import Collections
from triptych.gateway.openapi import CHANGE, READ, operation
from triptych.gateway.requests import CollectionRequest, collection_name, read_collection
from triptych.gateway.services import engine

blueprint = Blueprint("collections", __name__, url_prefix="/v1/collections")


@blueprint.get("")
@operation("list_collections", needs("read"), {200: Collections}, Unavailable)
def names() -> ResponseReturnValue:
    """Every collection with its items per status, or with what is wrong with it.

    Those that the key is not for are left out.
    """
    found = [one for one in engine().collections() if may("read", collection=one.name)]
    return jsonify(Collections(found))


@blueprint.put("/<collection>")
@operation(
    "create_collection",
    needs("admin"),
    {200: Collection},
    *(*CHANGE, TooLarge),
    json=CollectionRequest,
    body_required=False,
)
def create(collection: str) -> ResponseReturnValue:
    """Make a collection, or give it other numbers of shards and replicas.

    What is left out stays as it is. Another number of shards takes a while: the documents are
    copied. Until the answer, the collection is searched and written to as before.
    """
    name, wanted = collection_name(collection), read_collection(request)
    return jsonify(engine().create_collection(name, shards=wanted.shards, replicas=wanted.replicas))


@blueprint.get("/<collection>")
@operation("get_collection", needs("read"), {200: Collection}, *READ, NotFound)
def describe(collection: str) -> ResponseReturnValue:
    """How many items a collection has, and which models and weights it works with."""
    return jsonify(engine().collection(collection_name(collection)))


@blueprint.delete("/<collection>")
@operation("delete_collection", needs("admin"), {204: None}, *CHANGE, NotFound)
def drop(collection: str) -> ResponseReturnValue:
    """Delete a collection with everything in it."""
    engine().delete_collection(collection_name(collection))
    return "", 204
