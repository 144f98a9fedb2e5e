"""From a Flask request to checked values: JSON or multipart, whichever was sent."""

import re
from collections.abc import Collection
from functools import cache
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.datastructures import FileStorage, MultiDict

from triptych.core.errors import Busy, InvalidInput, NotFound, TooLarge
from triptych.core.item import MEDIA
from triptych.core.names import is_id, printable
from triptych.core.strict_json import read_object, read_value
from triptych.fusion.query import AGAINST
from triptych.gateway.services import engine, services
from triptych.queues import jobs
from triptych.search.request import (
    CollectionName,
    SearchRequest,
    SimilarRequest,
    decode_base64,
)

Model = TypeVar("Model", bound=BaseModel)

_REPEATABLE = ("text", "image", "audio")
_AGAINST = {f"{AGAINST}.{part}": part for part in MEDIA}
"""The files of a form that hits are to be unlike."""
_IN_URL = ("limit", "fusion", "explain")

_BATCH = re.compile(r"[0-9a-f]{32}")
_collection_name: TypeAdapter[str] = TypeAdapter(CollectionName)


def collection_name(value: str) -> str:
    """Check the name of a collection. Raises InvalidInput with what is accepted."""
    try:
        return _collection_name.validate_python(value)
    except ValidationError as error:
        raise InvalidInput(
            f"collection {value!r}: lower-case letters, digits, - and _, at most 64, are accepted",
            field="collection",
        ) from error


def batch_id(value: str) -> str:
    """Check the id of a batch in a path. Raises NotFound for what can't be one."""
    if not _BATCH.fullmatch(value):
        raise NotFound(f"no batch {value!r}")
    return value


def item_id(value: str) -> str:
    """Check the id of an item in a path. Raises NotFound for what can't be one."""
    if not is_id(value):
        raise NotFound(f"no item {value!r}")
    return value


def refuse_when_busy() -> None:
    """Raise Busy while too many chunks wait; called before a body is read."""
    bound = engine().settings.queue_bound
    waiting = sum(jobs.queue_lengths(services().redis).values())
    if waiting >= bound:
        raise Busy(f"{waiting} chunks wait, the bound is {bound}")


def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises InvalidInput, TooLarge."""
    limits = engine().settings.limits
    limit = min(limits.json_bytes, limits.body_bytes)
    hint = "; larger media are accepted as files of a form"
    return read_object(read_body(request, limit, hint), "body")


def read_body(request: Request, limit: int, hint: str = "") -> bytes:
    """The whole body. Raises TooLarge."""
    if (request.content_length or 0) <= limit:
        # Of a body in pieces, which says no length before, Werkzeug takes what the limit lets in.
        request.max_content_length = limit + 1
        data = request.get_data(cache=False)
        if len(data) <= limit:
            return data
    raise TooLarge(f"body has more than {limit} bytes{hint}", field="body")


def is_multipart(request: Request) -> bool:
    """Whether the body is a form with files; raises InvalidInput for neither form nor JSON."""
    if request.mimetype == "multipart/form-data":
        return True
    if request.mimetype in {"application/json", ""}:
        return False
    raise InvalidInput(
        f"content type {request.mimetype!r}: application/json and multipart/form-data are accepted",
        field="content-type",
    )


def read_request(
    request: Request, model: type[Model], *, files: Collection[str]
) -> tuple[Model, dict[str, bytes]]:
    """Read a JSON or multipart request: its fields, checked, and its media as bytes.

    In a form, fields that are no strings (tags, weights, …) are JSON.
    """
    if not is_multipart(request):
        fields = model.model_validate(read_json(request))
        media: dict[str, bytes] = {
            name: decode_base64(value, name)
            for name in MEDIA
            if (value := getattr(fields, name, None)) is not None
        }
        return fields, _bounded(media)
    uploads = _uploads(request, files)
    clash = sorted(set(uploads) & set(request.form))
    if clash:
        raise InvalidInput(f"{clash[0]} is given twice, as a file and as a field", field=clash[0])
    if media_fields := sorted(set(MEDIA) & set(request.form)):
        raise InvalidInput(f"{media_fields[0]} must be a file in a form", field=media_fields[0])
    return model.model_validate(_form_values(request.form, model)), uploads


def read_search(request: Request) -> SearchRequest:
    """Read a search, JSON or form; what a form uploads is bytes beside what it gives as text."""
    if not is_multipart(request):
        return SearchRequest.model_validate(read_json(request))
    repeated = {name: request.form.getlist(name) for name in _REPEATABLE}
    others = MultiDict(
        (name, value) for name, value in request.form.items(multi=True) if name not in repeated
    )
    values = _form_values(others, SearchRequest)
    values |= {name: given for name, given in repeated.items() if given}
    for name, upload in request.files.items(multi=True):
        if name not in MEDIA and name not in _AGAINST:
            raise InvalidInput(
                f"file field {name!r} is unknown; {', '.join((*MEDIA, *_AGAINST))} are accepted",
                field=name,
            )
        data = read_upload(upload)
        if name in MEDIA:
            values.setdefault(name, []).append(data)
            continue
        against = values.setdefault(AGAINST, {})
        if not isinstance(against, dict):
            break  # the model says what it expects
        given = against.get(_AGAINST[name], [])
        against[_AGAINST[name]] = [*(given if isinstance(given, list) else [given]), data]
    return SearchRequest.model_validate(values)


def read_similar(request: Request) -> SimilarRequest:
    """Read how to search by an item: JSON, or the few options that a URL has."""
    if request.method == "POST":
        if is_multipart(request):
            raise InvalidInput("application/json is accepted", field="content-type")
        return SimilarRequest.model_validate(read_json(request))
    for name in request.args:
        if name not in _IN_URL:
            raise InvalidInput(
                f"{printable(name)!r} is unknown; {', '.join(_IN_URL)} are accepted", field=name
            )
    return SimilarRequest.model_validate(_form_values(request.args, SimilarRequest))


def _form_values(form: MultiDict[str, str], model: type[BaseModel]) -> dict[str, Any]:
    literal = _literal_fields(model)
    values: dict[str, Any] = {}
    for name, given in form.lists():
        if len(given) > 1:
            raise InvalidInput(f"field {name!r} is given twice", field=name)
        values[name] = given[0] if name in literal else _from_json(name, given[0])
    return values


@cache
def _literal_fields(model: type[BaseModel]) -> frozenset[str]:
    """The fields that may be strings: in a form these are no JSON, so an id of digits stays one."""
    fields = model.model_json_schema()["properties"]
    return frozenset(
        name
        for name, schema in fields.items()
        if "string" in [one.get("type") for one in schema.get("anyOf", [schema])]
    )


def _from_json(name: str, value: str) -> Any:
    try:
        return read_value(value)
    except ValueError:
        return value  # the model says what it expects
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.reason}", field=error.field or name) from error


def _uploads(request: Request, accepted: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, upload in request.files.items(multi=True):
        if name not in accepted:
            raise InvalidInput(
                f"file field {name!r} is unknown; {', '.join(accepted)} are accepted", field=name
            )
        if name in found:
            raise InvalidInput(f"file {name!r} is given twice", field=name)
        found[name] = read_upload(upload)
    return found


def read_upload(upload: FileStorage) -> bytes:
    """The bytes of an uploaded file. Raises TooLarge."""
    limit = engine().settings.limits.file_bytes
    data = upload.stream.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"file {upload.filename!r} is above {limit} bytes", field=upload.name)
    return data


def _bounded(media: dict[str, bytes]) -> dict[str, bytes]:
    limit = engine().settings.limits.file_bytes
    for name, data in media.items():
        if len(data) > limit:
            raise TooLarge(f"{name} has {len(data)} bytes, the limit is {limit}", field=name)
    return media
