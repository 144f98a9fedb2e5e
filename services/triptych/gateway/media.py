"""The media of items, as they were sent, and previews of them."""

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wsgi import wrap_file

from triptych.core.errors import Busy, MediaError, NotFound, TooLarge
from triptych.core.item import Modality
from triptych.gateway.access import caller, needs
from triptych.gateway.answers import Problem
from triptych.gateway.openapi import READ, File, Thumbnail, operation
from triptych.gateway.requests import collection_name, item_id
from triptych.gateway.services import engine
from triptych.media.previews import SIZES, Waveform
from triptych.media.types import UNKNOWN

blueprint = Blueprint("media", __name__, url_prefix="/v1/collections/<collection>/items")

_HEADERS = {
    # A stranger's file is shown, never run: no script, no form, no request of its own.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # An item that is sent again has other media under the same address.
    "Cache-Control": "private, no-cache",
}
_FOR_EVER = "private, max-age=31536000, immutable"
_TAGGED: Mapping[str, Any] = {"answer_headers": {"ETag": {"type": "string"}}}
_PREVIEW = (*READ, NotFound, MediaError, TooLarge, Busy)


class PreviewQuery(BaseModel):
    """Which state of the item is meant."""

    model_config = ConfigDict(extra="forbid")

    digest: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = Field(
        "",
        description="the SHA-256 in `media` of the item's document; while it is that of the item, "
        "the answer may be kept for ever",
    )


class ThumbnailQuery(PreviewQuery):
    """How large a picture is wanted."""

    size: int = Field(
        256,
        ge=1,
        le=SIZES[-1],
        description=f"pixels along the longer side: the next of {', '.join(map(str, SIZES))}",
    )


@blueprint.get("/<path:item>/media/<any(image, text, audio):modality>")
@operation(
    "get_media",
    needs("read", filtered=True),
    {200: File, 206: File, 304: None, 416: Problem},
    *READ,
    NotFound,
    answer_headers={"ETag": {"type": "string"}, "Accept-Ranges": {"type": "string"}},
)
def show(collection: str, item: str, modality: Modality) -> ResponseReturnValue:
    """The image or sound of an item as it was sent, or its text; parts of it with ``Range``."""
    name = collection_name(collection)
    try:
        medium = engine().medium(name, item_id(item), modality)
    except NotFound as error:
        return _item(name, f"{item}/media/{modality}", error)
    response = Response(
        wrap_file(request.environ, medium.file),
        content_type=medium.type,
        headers=_HEADERS,
        direct_passthrough=True,
    )
    response.content_length = medium.size
    response.set_etag(medium.digest)
    if medium.type == UNKNOWN:
        response.headers["Content-Disposition"] = "attachment"
    response.headers["Accept-Ranges"] = "bytes"
    is_part = _is_part(medium.size)
    return response.make_conditional(request, accept_ranges=is_part, complete_length=medium.size)


@blueprint.get("/<path:item>/thumbnail")
@operation(
    "get_thumbnail",
    needs("read", filtered=True),
    {200: Thumbnail, 304: None},
    *_PREVIEW,
    query=ThumbnailQuery,
    **_TAGGED,
)
def thumbnail(collection: str, item: str) -> ResponseReturnValue:
    """The image of an item as a small WebP, upright and in sRGB."""
    name, query = collection_name(collection), ThumbnailQuery.model_validate(request.args.to_dict())
    try:
        digest = engine().digest(name, item_id(item), "image")
    except NotFound as error:
        return _item(name, f"{item}/thumbnail", error)
    size = next(step for step in SIZES if step >= query.size)
    previews = engine().previews
    tag = f"{digest}-{previews.picture_kind}-{size}"
    data = b"" if tag in request.if_none_match else previews.thumbnail(digest, size)
    return _preview(Response(data, content_type="image/webp"), tag, query)


@blueprint.get("/<path:item>/waveform")
@operation(
    "get_waveform",
    needs("read", filtered=True),
    {200: Waveform, 304: None},
    *_PREVIEW,
    query=PreviewQuery,
    **_TAGGED,
)
def waveform(collection: str, item: str) -> ResponseReturnValue:
    """How loud the sound of an item is over time, to draw it."""
    name, query = collection_name(collection), PreviewQuery.model_validate(request.args.to_dict())
    try:
        digest = engine().digest(name, item_id(item), "audio")
    except NotFound as error:
        return _item(name, f"{item}/waveform", error)
    previews = engine().previews
    tag = f"{digest}-{previews.sound_kind}"
    body = None if tag in request.if_none_match else previews.waveform(digest)
    return _preview(jsonify(body), tag, query)


def _preview(response: Response, tag: str, query: PreviewQuery) -> ResponseReturnValue:
    """With its headers; nothing of it where the client has it."""
    response.headers.update(_HEADERS)
    if tag.startswith(query.digest or "-"):
        response.headers["Cache-Control"] = _FOR_EVER
    response.set_etag(tag)
    return response.make_conditional(request)


def _item(collection: str, item: str, error: NotFound) -> Response:
    """The item whose id ends like the address of a part of one. Raises the error else."""
    if caller().within:  # what was checked is another item
        raise error
    try:
        return jsonify(engine().item(collection, item_id(item)))
    except NotFound:
        raise error from None


def _is_part(size: int) -> bool:
    """Whether one part is asked for; else all is sent, as a server may (RFC 9110, 14.2)."""
    asked = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes":
        return False
    if request.if_none_match:  # which comes first, and has no part
        return False
    if len(asked.ranges) != 1:
        return False
    ((start, _),) = asked.ranges
    return start is None or start >= -size
