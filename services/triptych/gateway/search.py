"""The search resources: by a query, and by an item."""

from contextlib import suppress

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from triptych.core.errors import InvalidInput, NotFound
from triptych.fusion.layout import layout
from triptych.gateway import items
from triptych.gateway.requests import collection_name, item_id, read_search, read_similar
from triptych.gateway.services import services
from triptych.index.model import Condition
from triptych.search import searching
from triptych.search.references import PREFIX, stored_part
from triptych.search.request import SearchRequest

blueprint = Blueprint("search", __name__, url_prefix="/v1/collections/<collection>")


@blueprint.post("/search")
def search(collection: str) -> ResponseReturnValue:
    """Find items by text, image, audio or any mix; without any of them, list items."""
    name = collection_name(collection)
    return searching.search(services(), name, read_search(request))


@blueprint.route("/items/<path:item>/similar", methods=["GET", "POST"])
def similar(collection: str, item: str) -> ResponseReturnValue:
    """Find items by all that one of the collection has; it is not among them."""
    name, known = collection_name(collection), item_id(item)
    asked = read_similar(request)
    try:
        document = services().index.get(name, known)
    except NotFound:
        if request.method == "GET":
            with suppress(NotFound):  # the id of an item, too, may end like this path
                return items.show(name, f"{known}/similar")
        raise
    parts = {
        part: f"{PREFIX}{known}"
        for part in document.get("modalities", ())
        if part == "text" or stored_part(document, part, layout()).has_vectors
    }
    if not parts:
        raise InvalidInput(f"item {known!r} has nothing to search by", field="item")
    query = SearchRequest.model_validate(
        {**asked.model_dump(by_alias=True, exclude_unset=True), **parts}
    )
    without = Condition("id", none_of=(known,))
    return searching.search(services(), name, query, (without,))
