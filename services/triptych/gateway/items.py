"""Items: accepted, looked up, changed, deleted."""

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from triptych.core.errors import Conflict, KeyReused, MediaError, NotFound, TooLarge
from triptych.engine.deleting import Deleted
from triptych.gateway.access import needs
from triptych.gateway.answers import AcceptedItem
from triptych.gateway.forms import ItemForm
from triptych.gateway.ingest import enqueue_item
from triptych.gateway.openapi import CHANGE, READ, UPLOAD, operation
from triptych.gateway.requests import (
    DeletionRequest,
    WaitQuery,
    collection_name,
    idempotency_key,
    item_id,
    read_item,
    read_json,
    refuse_when_busy,
    refuse_when_full,
)
from triptych.gateway.services import engine, services
from triptych.index.item_document import ItemDocument
from triptych.ingest.chunk import Chunk
from triptych.ingest.sent import ItemChange, ItemRequest

blueprint = Blueprint("items", __name__, url_prefix="/v1/collections/<collection>/items")


@blueprint.post("")
@operation(
    "create_item",
    needs("ingest"),
    {200: ItemDocument, 202: AcceptedItem},
    *UPLOAD,
    KeyReused,
    json=ItemRequest,
    form=ItemForm,
    query=WaitQuery,
)
def create(collection: str) -> ResponseReturnValue:
    """Accept one item: 202 and where to look; with ``?wait=SECONDS`` 200 and its document."""
    name = collection_name(collection)
    wait = WaitQuery.model_validate(request.args.to_dict()).wait
    key = idempotency_key(request)
    refuse_when_busy()
    refuse_when_full(name)
    upload = read_item(request)
    accepted = engine().accept_item(name, upload.fields, upload.files, upload.names, key=key)
    if not accepted.repeated:
        enqueue_item(services(), accepted.chunk, has_key=key is not None)
    return _accepted(name, accepted.chunk, wait)


@blueprint.get("/<path:item>")
@operation("get_item", needs("read", filtered=True), {200: ItemDocument}, *READ, NotFound)
def show(collection: str, item: str) -> ResponseReturnValue:
    """The document of an item, with its status and its errors per modality."""
    return jsonify(engine().item(collection_name(collection), item_id(item)))


@blueprint.patch("/<path:item>")
@operation(
    "change_item",
    needs("ingest"),
    {200: ItemDocument, 202: AcceptedItem},
    *UPLOAD,
    NotFound,
    MediaError,
    Conflict,
    json=ItemChange,
    query=WaitQuery,
)
def change(collection: str, item: str) -> ResponseReturnValue:
    """Change fields of an item, or its text, without its media: a JSON merge patch (RFC 7396)."""
    name, known = collection_name(collection), item_id(item)
    wait = WaitQuery.model_validate(request.args.to_dict()).wait
    wanted = ItemChange.model_validate(read_json(request))
    refuse_when_busy()
    chunk = engine().change_item(name, known, wanted).chunk
    enqueue_item(services(), chunk, has_key=False)
    return _accepted(name, chunk, wait)


@blueprint.post("/delete")
@operation(
    "delete_items",
    needs("ingest"),
    {200: Deleted},
    *CHANGE,
    NotFound,
    TooLarge,
    json=DeletionRequest,
)
def delete_matching(collection: str) -> ResponseReturnValue:
    """Delete up to 1,000 items that a filter finds, and say whether there are more."""
    name = collection_name(collection)
    asked = DeletionRequest.model_validate(read_json(request))
    return jsonify(engine().delete_items(name, asked.filter))


@blueprint.delete("/<path:item>")
@operation("delete_item", needs("ingest"), {204: None}, *CHANGE, NotFound)
def delete(collection: str, item: str) -> ResponseReturnValue:
    """Delete an item, and soon its media, if no other item has them."""
    engine().delete_item(collection_name(collection), item_id(item))
    return "", 204


def _accepted(collection: str, chunk: Chunk, wait: float) -> ResponseReturnValue:
    """The document if it is there within so many seconds, else where it will be."""
    (item,) = chunk.items
    url = url_for("items.show", collection=collection, item=item.id)
    document = _await_document(chunk, wait) if wait else None
    if document is not None:
        return jsonify(document), 200, {"Location": url}
    return jsonify(AcceptedItem(item.id, collection, status_url=url)), 202, {"Location": url}


def _await_document(chunk: Chunk, seconds: float) -> ItemDocument | None:
    """The document when it is there, or None when the time is over.

    Half of the threads may wait like this; for a request beyond them the answer is None at once.
    """
    waiters = services().waiters
    if not waiters.acquire(blocking=False):
        return None
    try:
        return engine().await_item(chunk, seconds)
    finally:
        waiters.release()
