"""The search resources: by a query, and by an item."""

from contextlib import suppress

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from triptych.core.errors import NotFound
from triptych.gateway import items
from triptych.gateway.access import caller, may, needs
from triptych.gateway.forms import SearchForm
from triptych.gateway.openapi import SEARCH, operation
from triptych.gateway.requests import (
    SimilarQuery,
    collection_name,
    item_id,
    read_search,
    read_similar,
    read_similar_query,
)
from triptych.gateway.services import engine
from triptych.search.answer import Answer
from triptych.search.request import SearchRequest, SimilarRequest

blueprint = Blueprint("search", __name__, url_prefix="/v1/collections/<collection>")


@blueprint.post("/search")
@operation(
    "search",
    needs("search", filtered=True),
    {200: Answer},
    *SEARCH,
    json=SearchRequest,
    form=SearchForm,
    body_required=False,
)
def search(collection: str) -> ResponseReturnValue:
    """Find items by text, image, audio or any mix; without any of them, list items."""
    name = collection_name(collection)
    return jsonify(engine().search(name, read_search(request), within=caller().within))


@blueprint.post("/items/<path:item>/similar")
@operation(
    "similar_items",
    needs("search", filtered=True),
    {200: Answer},
    *SEARCH,
    json=SimilarRequest,
    body_required=False,
)
def similar(collection: str, item: str) -> ResponseReturnValue:
    """Find items by all that one of the collection has; it is not among them."""
    name, known = collection_name(collection), item_id(item)
    return jsonify(engine().similar(name, known, read_similar(request), within=caller().within))


@blueprint.get("/items/<path:item>/similar")
@operation(
    "list_similar_items", needs("search", filtered=True), {200: Answer}, *SEARCH, query=SimilarQuery
)
def list_similar(collection: str, item: str) -> ResponseReturnValue:
    """Find items like one of the collection, as ``similar_items`` does, by a URL alone."""
    name, known = collection_name(collection), item_id(item)
    options = read_similar_query(request)
    try:
        return jsonify(engine().similar(name, known, options, within=caller().within))
    except NotFound:
        if may("read", collection=name) and not caller().within:
            with suppress(NotFound):  # the id of an item, too, may end like this path
                return items.show(collection=name, item=f"{known}/similar")
        raise
