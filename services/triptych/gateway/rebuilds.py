"""Rebuilds: a collection gets an index for the encoders of this deployment."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from triptych.core.errors import Conflict, NotFound
from triptych.engine.collections import Collection
from triptych.gateway.access import needs
from triptych.gateway.openapi import CHANGE, operation
from triptych.gateway.requests import RebuildRequest, collection_name, read_json
from triptych.gateway.services import engine, services

blueprint = Blueprint("rebuilds", __name__, url_prefix="/v1/collections/<collection>")


@blueprint.post("/rebuild")
@operation(
    "rebuild_collection",
    needs("admin"),
    {202: Collection},
    *(*CHANGE, NotFound, Conflict),
    json=RebuildRequest,
    body_required=False,
)
def begin(collection: str) -> ResponseReturnValue:
    """Make the vectors of a collection anew, as the encoders of this deployment are others now.

    It is searched and written to meanwhile. ``index`` of the collection tells how far it is.
    """
    name = collection_name(collection)
    wanted = RebuildRequest.model_validate(read_json(request, optional=True))
    services().rebuilds.begin(name, swap=wanted.swap)
    return jsonify(engine().collection(name)), 202


@blueprint.delete("/rebuild")
@operation("cancel_rebuild", needs("admin"), {204: None}, *CHANGE, NotFound)
def cancel(collection: str) -> ResponseReturnValue:
    """Give a rebuild up; the collection stays as it is."""
    services().rebuilds.cancel(collection_name(collection))
    return "", 204


@blueprint.post("/rollback")
@operation("roll_back_collection", needs("admin"), {202: Collection}, *CHANGE, NotFound, Conflict)
def roll_back(collection: str) -> ResponseReturnValue:
    """Go back to the index that a rebuild has replaced; what was written since goes along.

    That index must be of the encoders that this deployment has: set them back first.
    """
    name = collection_name(collection)
    services().rebuilds.roll_back(name)
    return jsonify(engine().collection(name)), 202


@blueprint.delete("/previous")
@operation("delete_previous_index", needs("admin"), {204: None}, *CHANGE, NotFound)
def discard(collection: str) -> ResponseReturnValue:
    """Delete the index that a rebuild has replaced: there is no way back then."""
    engine().index.discard(collection_name(collection))
    return "", 204
