"""Single items: accepted, looked up, deleted."""

import hashlib
import time
from contextlib import suppress

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from triptych.core.errors import IndexUnavailable, InvalidInput, MediaError, NotFound, TooLarge
from triptych.core.item import MEDIA, Item
from triptych.core.names import printable
from triptych.gateway.requests import (
    collection_name,
    item_id,
    read_request,
    refuse_when_busy,
)
from triptych.gateway.services import engine, services
from triptych.index.documents import Document, public
from triptych.ingest.accepting import read_text
from triptych.ingest.chunk import URGENT, Chunk, route, submission_sequence
from triptych.ingest.manifest import ItemRequest
from triptych.queues import jobs

blueprint = Blueprint("items", __name__, url_prefix="/v1/collections/<collection>/items")

_MAX_WAIT_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25


@blueprint.post("")
def create(collection: str) -> ResponseReturnValue:
    """Accept one item: 202 and where to look; with ``?wait=SECONDS`` 200 and its document."""
    name = collection_name(collection)
    wait = _wait_seconds(request.args.get("wait", "0"))
    refuse_when_busy()
    fields, files = read_request(request, ItemRequest, files=("image", "audio", "text"))
    engine().index.ensure(name)
    item = _store_item(fields, files)
    chunk = Chunk(
        collection=name,
        sequence=submission_sequence(),
        fingerprint=engine().layout.fingerprint,
        slip=route(item),
        items=(item,),
        priority=URGENT,
    )
    jobs.send(services().queue, chunk)
    document = _await_document(chunk, wait) if wait else None
    url = url_for("items.show", collection=name, item=item.id)
    if document is not None:
        return jsonify(public(document)), 200, {"Location": url}
    return jsonify(id=item.id, collection=name, status_url=url), 202, {"Location": url}


@blueprint.get("/<path:item>")
def show(collection: str, item: str) -> ResponseReturnValue:
    """The document of an item, with its status and its errors per modality."""
    name, known = collection_name(collection), item_id(item)
    document = engine().index.get(name, known)
    return jsonify(public(document))


@blueprint.delete("/<path:item>")
def delete(collection: str, item: str) -> ResponseReturnValue:
    """Delete an item from the index; its media stay in the store."""
    name, known = collection_name(collection), item_id(item)
    engine().index.delete(name, known, submission_sequence())
    return "", 204


def _store_item(fields: ItemRequest, files: dict[str, bytes]) -> Item:
    """Put the media into the store; an unreadable text is a failure of that part alone."""
    if not files and fields.text is None:
        raise InvalidInput("item has no image, text or audio")
    text, errors = None, {}
    given = files.get("text", fields.text)
    if given is not None:
        try:
            text = read_text(given, engine().settings.limits.text_chars)
        except TooLarge as error:
            error.field = "text"
            raise
        except MediaError as error:
            errors["text"] = error.reason
    digests = {part: engine().store.put(files[part]) for part in MEDIA if part in files}
    content = [
        fields.text,
        *digests.values(),
        hashlib.sha256(files.get("text", b"")).hexdigest(),
    ]
    return Item(
        id=fields.id or hashlib.sha256(repr(content).encode()).hexdigest()[:32],
        text=text,
        fields=fields.values(),
        errors=errors,
        names={
            part: printable(upload.filename)
            for part, upload in request.files.items()
            if upload.filename
        },
        image=digests.get("image"),
        audio=digests.get("audio"),
    )


def _await_document(chunk: Chunk, seconds: float) -> Document | None:
    """Look until the index has this submission (or a later one), at most so long.

    Half of the threads may wait like this; for a request beyond them the answer is None at once.
    """
    waiters = services().waiters
    if not waiters.acquire(blocking=False):
        return None
    try:
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, _LONGEST_PAUSE)
            # The item is accepted already: an index that is away, or a collection whose shard is
            # still starting, only means that its document is not there yet.
            with suppress(NotFound, IndexUnavailable):
                document = engine().index.get(chunk.collection, chunk.items[0].id)
                if document["sequence"] >= chunk.sequence:
                    return document
        return None
    finally:
        waiters.release()


def _wait_seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _MAX_WAIT_SECONDS:
        raise InvalidInput(f"wait={value!r}: 0 to {_MAX_WAIT_SECONDS:.0f} seconds", field="wait")
    return seconds
