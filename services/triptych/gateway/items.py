"""Single items: accepted, looked up, deleted."""

import hashlib
import time

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from triptych.gateway.requests import MEDIA, collection_name, read_request, refuse_when_busy
from triptych.gateway.schemas import ItemRequest
from triptych.gateway.services import services
from triptych.shared import jobs, mapping
from triptych.shared.errors import InvalidInput, MediaError, NotFound
from triptych.shared.fusion.blocks import LAYOUT
from triptych.shared.item import Chunk, Item
from triptych.shared.media.text import decode_text

blueprint = Blueprint("items", __name__, url_prefix="/v1/collections/<collection>/items")

_MAX_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.05


@blueprint.post("")
def create(collection: str) -> ResponseReturnValue:
    """Accept one item: 202 and where to look; with ``?wait=SECONDS`` 200 and its document."""
    name = collection_name(collection)
    wait = _wait_seconds(request.args.get("wait", "0"))
    refuse_when_busy()
    fields, files = read_request(request, ItemRequest, files=("image", "audio", "text"))
    services().index.ensure(name)
    item = _store_item(fields, files)
    chunk = Chunk(
        collection=name,
        sequence=jobs.submission_sequence(),
        fingerprint=LAYOUT.fingerprint,
        slip=jobs.route(item),
        items=(item,),
        priority=jobs.URGENT,
    )
    jobs.send(services().queue, chunk)
    document = _await_document(chunk, wait)
    url = url_for("items.show", collection=name, item_id=item.id)
    if document is not None:
        return jsonify(mapping.public(document)), 200, {"Location": url}
    return jsonify(id=item.id, collection=name, status_url=url), 202, {"Location": url}


@blueprint.get("/<path:item_id>")
def show(collection: str, item_id: str) -> ResponseReturnValue:
    """The document of an item, with its status and its errors per modality."""
    return jsonify(mapping.public(services().index.get(collection_name(collection), item_id)))


@blueprint.delete("/<path:item_id>")
def delete(collection: str, item_id: str) -> ResponseReturnValue:
    """Delete an item from the index; its media stay in the store."""
    version = jobs.submission_sequence()
    services().index.delete(collection_name(collection), item_id, version)
    return "", 204


def _store_item(fields: ItemRequest, files: dict[str, bytes]) -> Item:
    """Put the media into the store; an unreadable text file is a failure of that part alone."""
    if not files and fields.text is None:
        raise InvalidInput("item has no image, text or audio")
    digests = {part: services().store.put(files[part]) for part in MEDIA if part in files}
    text, errors = fields.text, {}
    if "text" in files:
        try:
            text = decode_text(files["text"], max_chars=services().settings.limits.text_chars)
        except MediaError as error:
            errors["text"] = error.reason
    content = [
        text,
        *digests.values(),
        hashlib.sha256(files.get("text", b"")).hexdigest(),
    ]
    return Item(
        id=fields.id or hashlib.sha256(repr(content).encode()).hexdigest()[:32],
        text=text,
        tags=tuple(fields.tags),
        metadata=fields.metadata,
        source=fields.source,
        errors=errors,
        names={part: upload.filename for part, upload in request.files.items() if upload.filename},
        image=digests.get("image"),
        audio=digests.get("audio"),
    )


def _await_document(chunk: Chunk, seconds: float) -> mapping.Document | None:
    """Look until the index has this submission (or a later one), at most so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        try:
            document = services().index.get(chunk.collection, chunk.items[0].id)
        except NotFound:
            continue
        if document["sequence"] >= chunk.sequence:
            return document
    return None


def _wait_seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _MAX_WAIT_SECONDS:
        raise InvalidInput(f"wait={value!r}: 0 to {_MAX_WAIT_SECONDS:.0f} seconds", field="wait")
    return seconds
