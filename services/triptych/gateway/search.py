"""The search resource."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from triptych.gateway import searching
from triptych.gateway.requests import collection_name, read_request
from triptych.gateway.schemas import SearchRequest
from triptych.gateway.services import services
from triptych.shared.item import MEDIA

blueprint = Blueprint("search", __name__, url_prefix="/v1/collections/<collection>/search")


@blueprint.post("")
def search(collection: str) -> ResponseReturnValue:
    """Find items by text, image, audio or any mix; each hit says why it is there."""
    name = collection_name(collection)
    fields, media = read_request(request, SearchRequest, files=MEDIA)
    return searching.search(services(), name, fields, media)
