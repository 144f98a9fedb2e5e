"""From a Flask request to checked values: JSON or multipart, whichever was sent."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Annotated, Any, Literal

from flask import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from werkzeug.datastructures import FileStorage, MultiDict

from triptych.core.errors import Busy, InvalidInput, NotFound, QuotaReached, TooLarge
from triptych.core.item import MEDIA, MODALITIES, Modality
from triptych.core.names import is_id, printable
from triptych.core.strict_json import read_object, read_value
from triptych.core.values import BatchId, CollectionName
from triptych.fusion.classifier import NAME as CLASSIFIER
from triptych.fusion.query import AGAINST
from triptych.gateway.bodies import hold, size_of, whole_body
from triptych.gateway.forms import REPEATABLE, UNLIKE, json_fields
from triptych.gateway.services import engine, services
from triptych.ingest.sent import ItemRequest
from triptych.ingest.trainings import LARGEST_SEED
from triptych.queues import jobs
from triptych.queues.batches import State
from triptych.queues.state import check_room
from triptych.search.filtering import Filter
from triptych.search.request import (
    SearchRequest,
    SimilarRequest,
    decode_base64,
)

_IN_URL = ("limit", "fusion", "explain")
"""The options of a search by an item that its URL may have."""

_KEY_CHARS = 255
_COPIES = 3
"""Of a body of JSON: as it came, as text, and its media."""

UploadId = Annotated[str, Field(pattern="^[0-9a-f]{32}-[0-9]{1,15}$")]
ModelReference = Annotated[str, Field(pattern="^[a-z]+@[0-9a-f]{16}$")]
_collection_name: TypeAdapter[str] = TypeAdapter(CollectionName)
_batch_id: TypeAdapter[str] = TypeAdapter(BatchId)


class WaitQuery(BaseModel):
    """How long a request waits for its item."""

    wait: float = Field(0, ge=0, le=60, allow_inf_nan=False, description="seconds")


class CollectionRequest(BaseModel):
    """How the index keeps a collection; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    shards: int | None = Field(
        None, ge=1, le=128, description="Into how many parts it is cut; at first one."
    )
    replicas: int | None = Field(
        None, ge=0, le=100,
        description="How many copies of each part there are; at first one if there are two nodes.",
    )  # fmt: skip


class DeletionRequest(BaseModel):
    """Which items are deleted."""

    model_config = ConfigDict(extra="forbid")

    filter: Filter = Field(description="all of these, at most 1,000 at once")


class RebuildRequest(BaseModel):
    """How a collection is rebuilt."""

    model_config = ConfigDict(extra="forbid", strict=True)

    swap: bool = Field(
        True, description="whether the new index takes the place of the old one by itself"
    )


class TrainingRequest(BaseModel):
    """What a collection learns."""

    model_config = ConfigDict(extra="forbid", strict=True)

    strategy: Literal["attention", "convolution", "recurrent", "classifier"] | None = Field(
        None, description="by default attention, or with labels a classifier"
    )
    labels: str = Field(
        "", max_length=128,
        description="of a classifier: the field that has them, such as tags or metadata.KEY",
    )  # fmt: skip
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of all that is drawn")

    @property
    def chosen(self) -> str:
        """The strategy, or the default one."""
        return self.strategy or (CLASSIFIER if self.labels else "attention")


class ActivationRequest(RebuildRequest):
    """How a model begins to serve."""

    force: bool = Field(False, description="whether to do without the comparison")


class BatchesQuery(BaseModel):
    """Which batches are listed."""

    collection: CollectionName | None = Field(None, description="only those of this collection")
    state: State | None = Field(None, description="only those in this state")
    limit: int = Field(100, ge=1, le=1000, description="at most so many")


class FailuresQuery(BaseModel):
    """Which failures are listed."""

    limit: int = Field(1000, ge=1, le=1000, description="at most so many")
    after: str | None = Field(None, description="what the page before said")

    @property
    def position(self) -> list[Any] | None:
        """Where the page begins. Raises InvalidInput."""
        if self.after is None:
            return None
        with suppress(ValueError):
            found = read_value(self.after)
            if isinstance(found, list):
                return found
        raise InvalidInput("after: not what a page before said", field="after")


class RetryRequest(BaseModel):
    """Which of the failed items are added again; all by default."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = Field(None, description="only these items")
    reason: str | None = Field(None, description="only those of which a reason contains this text")


ARCHIVE_TYPES = frozenset(
    {
        "application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip",
        "application/x-gzip", "application/zstd",
    }
)  # fmt: skip
"""The content itself tells which of them it is."""


class BatchQuery(BaseModel):
    """What the body is called, or where it is."""

    name: str = Field(
        "", max_length=256, description="of an archive: the folder that ids of its items begin with"
    )
    upload: UploadId | None = Field(
        None, description="a resumable upload, which is the body; there is no other"
    )


_options: dict[str, Any] = {
    name: (info.annotation, info)
    for name, info in SimilarRequest.model_fields.items()
    if name in _IN_URL
}
SimilarQuery: type[BaseModel] = create_model("SimilarQuery", **_options)


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
    try:
        return _batch_id.validate_python(value)
    except ValidationError as error:
        raise NotFound(f"no batch {value!r}") from error


def item_id(value: str) -> str:
    """Check the id of an item in a path. Raises NotFound for what can't be one."""
    if not is_id(value):
        raise NotFound(f"no item {value!r}")
    return value


def refuse_when_busy() -> None:
    """Raise Busy while too many chunks wait; called before a body is read.

    Raises QueueUnavailable while Redis is away or full.
    """
    check_room(services().redis)
    bound = engine().settings.queue_bound
    waiting = sum(queue.messages for queue in jobs.backlog(services().redis).values())
    if waiting >= bound:
        raise Busy(f"{waiting} chunks wait, the bound is {bound}")


def refuse_when_full(collection: str) -> None:
    """Raise QuotaReached where a collection has as many items as one may have.

    What is still on its way is not counted, so a batch that was let in may exceed it.
    """
    if not (limit := engine().settings.limits.collection_items):
        return
    with suppress(NotFound):  # it is about to be made
        if sum(engine().index.count(collection).values()) >= limit:
            raise QuotaReached(
                f"collection {collection!r} has {limit} items, as many as one may have: delete "
                "some first"
            )


def read_json(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in the body; an empty one for a request without body and content type.

    Where the body is ``optional``, the content type alone says nothing. Generated clients send it.
    Raises InvalidInput, TooLarge.
    """
    limits = engine().settings.limits
    limit = min(limits.json_bytes, limits.body_bytes)
    hint = "; larger media are accepted as files of a form"
    body = read_body(request, limit, hint)
    if not body and (optional or not request.mimetype):
        return {}
    return read_object(body, "body")


def read_body(request: Request, limit: int, hint: str = "") -> bytes:
    """The whole body. Raises TooLarge."""
    if (request.content_length or 0) <= limit:
        data = whole_body(request, limit, copies=_COPIES)
        if data is not None:
            return data
    raise TooLarge(f"body has more than {limit} bytes{hint}", field="body")


def read_stream(request: Request, limit: int) -> IO[bytes]:
    """The body as it comes. Raises TooLarge, now or as it is read."""
    if (request.content_length or 0) > limit:
        raise TooLarge(f"body has more than {limit} bytes", field="body")
    # Werkzeug looks for the end of a body in pieces beyond the limit; who reads it counts.
    request.max_content_length = limit + 1
    return request.stream


def idempotency_key(request: Request) -> str | None:
    """The sender's key of this submission, in quotes or without. Raises InvalidInput.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    value = request.headers.get("Idempotency-Key")
    if value is None:
        return None
    key = value.strip().removeprefix('"').removesuffix('"')
    if not (key.isascii() and key.isprintable() and 1 <= len(key) <= _KEY_CHARS):
        raise InvalidInput(
            f"Idempotency-Key: 1 to {_KEY_CHARS} printable ASCII characters are accepted",
            field="idempotency-key",
        )
    return key


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


@dataclass(frozen=True)
class ItemUpload:
    """An item as it came."""

    fields: ItemRequest
    files: Mapping[Modality, bytes]
    names: Mapping[Modality, str]
    """What the uploader calls these files."""


def read_item(request: Request) -> ItemUpload:
    """Read an item, JSON or form. In a form, fields that are no strings (tags, …) are JSON."""
    if not is_multipart(request):
        fields = ItemRequest.model_validate(read_json(request))
        media = {
            part: decode_base64(value, part)
            for part in MEDIA
            if (value := getattr(fields, part)) is not None
        }
        return ItemUpload(fields, _bounded(media), {})
    hold(sum(size_of(upload) for _, upload in request.files.items(multi=True)))
    files = _uploads(request)
    clash = sorted(set(files) & set(request.form))
    if clash:
        raise InvalidInput(f"{clash[0]} is given twice, as a file and as a field", field=clash[0])
    if media_fields := sorted(set(MEDIA) & set(request.form)):
        raise InvalidInput(f"{media_fields[0]} must be a file in a form", field=media_fields[0])
    names = {part: name for part in files if (name := request.files[part].filename)}
    return ItemUpload(
        ItemRequest.model_validate(_form_values(ItemRequest, request.form)), files, names
    )


def read_search(request: Request) -> SearchRequest:
    """Read a search, JSON or form; what a form uploads is bytes beside what it gives as text."""
    if not is_multipart(request):
        return SearchRequest.model_validate(read_json(request))
    repeated = {name: request.form.getlist(name) for name in REPEATABLE}
    others = MultiDict(
        (name, value) for name, value in request.form.items(multi=True) if name not in repeated
    )
    values = _form_values(SearchRequest, others)
    values |= {name: texts for name, texts in repeated.items() if texts}
    hold(sum(size_of(upload) for _, upload in request.files.items(multi=True)))
    for name, upload in request.files.items(multi=True):
        if name not in MEDIA and name not in UNLIKE:
            raise InvalidInput(
                f"file field {name!r} is unknown; {', '.join((*MEDIA, *UNLIKE))} are accepted",
                field=name,
            )
        data = read_upload(upload)
        if name in MEDIA:
            values.setdefault(name, []).append(data)
            continue
        against = values.setdefault(AGAINST, {})
        if not isinstance(against, dict):
            break  # the model says what it expects
        given = against.get(UNLIKE[name], [])
        against[UNLIKE[name]] = [*(given if isinstance(given, list) else [given]), data]
    return SearchRequest.model_validate(values)


def read_collection(request: Request) -> CollectionRequest:
    """Read how a collection is kept; no body says nothing of it."""
    if is_multipart(request):
        raise InvalidInput("application/json is accepted", field="content-type")
    return CollectionRequest.model_validate(read_json(request, optional=True))


def read_similar(request: Request) -> SimilarRequest:
    """Read how to search by an item."""
    if is_multipart(request):
        raise InvalidInput("application/json is accepted", field="content-type")
    return SimilarRequest.model_validate(read_json(request))


def read_similar_query(request: Request) -> SimilarRequest:
    """Read how to search by an item: the few options that a URL has."""
    for name in request.args:
        if name not in _IN_URL:
            raise InvalidInput(
                f"{printable(name)!r} is unknown; {', '.join(_IN_URL)} are accepted", field=name
            )
    return SimilarRequest.model_validate(_form_values(SimilarRequest, request.args))


def _form_values(model: type[BaseModel], form: MultiDict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, texts in form.lists():
        if len(texts) > 1:
            raise InvalidInput(f"field {name!r} is given twice", field=name)
        values[name] = _from_json(name, texts[0]) if name in json_fields(model) else texts[0]
    return values


def _from_json(name: str, value: str) -> Any:
    try:
        return read_value(value)
    except ValueError:
        return value  # the model says what it expects
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.reason}", field=error.field or name) from error


def _uploads(request: Request) -> dict[Modality, bytes]:
    files: dict[Modality, bytes] = {}
    for name, upload in request.files.items(multi=True):
        if name not in MODALITIES:
            raise InvalidInput(
                f"file field {name!r} is unknown; {', '.join(MODALITIES)} are accepted", field=name
            )
        if name in files:
            raise InvalidInput(f"file {name!r} is given twice", field=name)
        files[name] = read_upload(upload)
    return files


def read_upload(upload: FileStorage, limit: int | None = None) -> bytes:
    """The bytes of an uploaded file. Raises TooLarge."""
    limit = engine().settings.limits.file_bytes if limit is None else limit
    data = upload.stream.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"file {upload.filename!r} is above {limit} bytes", field=upload.name)
    return data


def _bounded(media: dict[Modality, bytes]) -> dict[Modality, bytes]:
    limit = engine().settings.limits.file_bytes
    for name, data in media.items():
        if len(data) > limit:
            raise TooLarge(f"{name} has {len(data)} bytes, the limit is {limit}", field=name)
    return media
