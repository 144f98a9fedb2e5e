"""The search resources: by a query, and by an item."""

from contextlib import suppress

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from triptych.core.errors import NotFound
from triptych.gateway import items
from triptych.gateway.requests import collection_name, item_id, read_search, read_similar
from triptych.gateway.services import engine

blueprint = Blueprint("search", __name__, url_prefix="/v1/collections/<collection>")


@blueprint.post("/search")
def search(collection: str) -> ResponseReturnValue:
    """Find items by text, image, audio or any mix; without any of them, list items."""
    name = collection_name(collection)
    return jsonify(engine().search(name, read_search(request)))


@blueprint.route("/items/<path:item>/similar", methods=["GET", "POST"])
def similar(collection: str, item: str) -> ResponseReturnValue:
    """Find items by all that one of the collection has; it is not among them."""
    name, known = collection_name(collection), item_id(item)
    options = read_similar(request)
    try:
        return jsonify(engine().similar(name, known, options))
    except NotFound:
        if request.method == "GET":
            with suppress(NotFound):  # the id of an item, too, may end like this path
                return items.show(name, f"{known}/similar")
        raise
