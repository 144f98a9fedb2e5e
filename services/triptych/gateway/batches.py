"""Batches: accepted, counted, their failures listed."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

import orjson
from flask import Blueprint, Response, current_app, jsonify, request, url_for
from flask.ctx import AppContext
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from triptych.core.errors import Busy, Conflict, InvalidInput, KeyReused, NotFound, Unavailable
from triptych.engine import Engine
from triptych.gateway.access import check_upload, may, needs
from triptych.gateway.answers import AcceptedBatch, BatchFailures, BatchList
from triptych.gateway.bodies import hold, size_of
from triptych.gateway.forms import BatchForm
from triptych.gateway.ingest import enqueue
from triptych.gateway.openapi import (
    CHANGE,
    EVENTS_TYPE,
    MANIFEST_TYPE,
    READ,
    UPLOAD,
    Events,
    Manifest,
    operation,
)
from triptych.gateway.requests import (
    ARCHIVE_TYPES,
    BatchesQuery,
    BatchQuery,
    FailuresQuery,
    RetryRequest,
    batch_id,
    collection_name,
    idempotency_key,
    read_body,
    read_json,
    read_stream,
    read_upload,
    refuse_when_busy,
    refuse_when_full,
)
from triptych.gateway.services import engine, services
from triptych.index.documents import public
from triptych.index.model import Page
from triptych.ingest.accepting import Accepted
from triptych.ingest.grouping import is_manifest, numbered, without_archive
from triptych.ingest.lines import Form, form_of
from triptych.ingest.resumable import ResumableUpload
from triptych.ingest.sent import Rejection
from triptych.queues.batches import BatchState
from triptych.queues.reconciling import Reconciler, Sweep
from triptych.search.answer import dumps

blueprint = Blueprint("batches", __name__, url_prefix="/v1")

_MANIFEST_TYPES: Mapping[str, Form] = {
    MANIFEST_TYPE: "jsonl",
    "application/jsonl": "jsonl",
    "application/jsonlines": "jsonl",
    "text/csv": "csv",
}
_MAX_REJECTED = 100
_PAGE = 1000
_LOOK_SECONDS, _KEEP_ALIVE = 0.5, 15.0


@blueprint.post("/collections/<collection>/batches")
@operation(
    "create_batch",
    needs("ingest"),
    {202: AcceptedBatch},
    *(*UPLOAD, NotFound, Conflict, KeyReused),
    json=Manifest,
    form=BatchForm,
    query=BatchQuery,
    body_required=False,
    files=("text/csv", *sorted(ARCHIVE_TYPES)),
)
def create(collection: str) -> ResponseReturnValue:
    """Accept a manifest of server-side files, an archive, or files with or without a manifest.

    What was uploaded before, in pieces, is named by ``upload``.
    """
    name = collection_name(collection)
    key = idempotency_key(request)
    query = BatchQuery.model_validate(request.args.to_dict())
    refuse_when_busy()
    refuse_when_full(name)
    if query.upload is not None:
        return _answer(_accept_upload(name, query.upload, query.name, key))
    if (form := _MANIFEST_TYPES.get(request.mimetype)) is not None:
        lines = read_body(request, engine().settings.limits.body_bytes)
        accepted = engine().accept_manifest(name, lines, form=form, key=key)
    elif request.mimetype == "multipart/form-data":
        accepted = _accept_form(name, key)
    elif request.mimetype in ARCHIVE_TYPES:
        accepted = _accept_archive(name, query.name, key)
    else:
        known = ["multipart/form-data", *sorted({*_MANIFEST_TYPES, *ARCHIVE_TYPES})]
        raise InvalidInput(
            f"content type {request.mimetype!r}: {', '.join(known)} are accepted",
            field="content-type",
        )
    return _answer(_enqueued(accepted))


def _enqueued(accepted: Accepted) -> AcceptedBatch:
    """What is answered of a batch that is on its way now."""
    if not accepted.repeated:
        enqueue(services(), accepted)
    manifest = accepted.manifest
    return AcceptedBatch(
        manifest.batch,
        total=manifest.total,
        status_url=url_for("batches.show", batch=manifest.batch),
        rejected=accepted.rejected[:_MAX_REJECTED],
        rejected_total=len(accepted.rejected),
        left_out=accepted.left_out,
    )


def _answer(batch: AcceptedBatch) -> ResponseReturnValue:
    return jsonify(batch), 202, {"Location": batch.status_url}


def _accept_form(collection: str, key: str | None) -> Accepted:
    """The files are read one after the other, each into the media store."""
    if request.form:
        field = next(iter(request.form))
        raise InvalidInput(f"field {field!r} is unknown: files and manifest are files", field=field)
    # One after the other is in memory.
    sizes = (size_of(upload) for _, upload in request.files.items(multi=True))
    hold(max(sizes, default=0))
    intake = engine().intake()
    names: Counter[str] = Counter()
    manifest: tuple[bytes, Form] | None = None
    for field, upload in request.files.items(multi=True):
        name = upload.filename or ""
        if field == "manifest" and manifest is None:
            form = _MANIFEST_TYPES.get(upload.mimetype, form_of(name))
            manifest = read_upload(upload, engine().settings.limits.body_bytes), form
        elif field == "files" and name:
            names[name] += 1
            intake.take(numbered(name, names[name]), upload.stream)
        else:
            raise InvalidInput(
                f"file {name!r} in field {field!r}: one 'manifest' and any number of "
                "'files', each with a name, are accepted",
                field=field,
            )
    if manifest is None:
        return engine().accept_files(collection, intake, key=key)
    lines, form = manifest
    return engine().accept_manifest(collection, lines, intake if names else None, form, key=key)


def _accept_archive(collection: str, name: str, key: str | None) -> Accepted:
    """The body is an archive, which is read as it comes."""
    intake = engine().intake()
    stream = read_stream(request, engine().settings.limits.archive_bytes)
    intake.take_archive(stream, f"{without_archive(name)}/" if name else "")
    return engine().accept_files(collection, intake, key=key)


def _accept_upload(collection: str, upload_id: str, name: str, key: str | None) -> AcceptedBatch:
    """A resumable upload is what the same file in a form would be; it is used once.

    Asked again, the answer is the same: where the sender gave no key, the upload is the key.
    """
    read_body(request, 0, ": beside an upload there is none")
    uploads = engine().uploads
    asked = [collection, key or f"upload {upload_id}"]
    try:
        upload = uploads.find(upload_id)
        check_upload(upload_id)
        answer = _enqueued(_accept_file(collection, upload, name, asked[1]))
    except NotFound:
        # It was used, perhaps while it was read here.
        if (outcome := uploads.outcome(upload_id)) is None:
            raise
        earlier = orjson.loads(outcome)
        if not may("ingest", collection=earlier["asked"][0]):
            raise
        rejected = [Rejection(**one) for one in earlier["answer"].pop("rejected")]
        answer = AcceptedBatch(rejected=rejected, **earlier["answer"])
        if earlier["asked"] != asked:
            raise Conflict(f"upload {upload_id} was used for batch {answer.batch}") from None
        return answer
    uploads.use(upload_id, dumps({"asked": asked, "answer": answer}))
    return answer


def _accept_file(collection: str, upload: ResumableUpload, name: str, key: str) -> Accepted:
    """A file that came in pieces: a manifest, an archive, or one file of an item."""
    name = name or upload.name
    with engine().uploads.open(upload) as file:
        if is_manifest(name, given=True) or upload.kind in _MANIFEST_TYPES:
            form = _MANIFEST_TYPES.get(upload.kind, form_of(name))
            lines = read_upload(
                FileStorage(file, name, "upload"), engine().settings.limits.body_bytes
            )
            return engine().accept_manifest(collection, lines, form=form, key=key)
        intake = engine().intake()
        if not name and upload.kind in ARCHIVE_TYPES:
            intake.take_archive(file)
        elif name:
            intake.take(name, file)
        else:
            raise InvalidInput("upload has no file name, which tells what it is", field="name")
        return engine().accept_files(collection, intake, key=key)


@blueprint.get("/batches")
@operation("list_batches", needs("read", "ingest"), {200: BatchList}, *READ, query=BatchesQuery)
def index() -> ResponseReturnValue:
    """The batches that are kept: open ones, then those that have ended, both the latest first."""
    query = BatchesQuery.model_validate(request.args.to_dict())
    found = services().batches.list(query.collection, query.state)
    theirs = (one for one in found if may("read", "ingest", collection=one.collection))
    return jsonify(BatchList(list(islice(theirs, query.limit))))


@blueprint.get("/batches/<batch>")
@operation("get_batch", needs("read", "ingest"), {200: BatchState}, *READ, NotFound)
def show(batch: str) -> ResponseReturnValue:
    """How far a batch is, or what became of it."""
    return jsonify(services().batches.state(batch_id(batch)))


@blueprint.get("/batches/<batch>/events")
@operation("watch_batch", needs("read", "ingest"), {200: Events}, *READ, NotFound, Busy)
def events(batch: str) -> ResponseReturnValue:
    """The states of a batch as Server-Sent Events, one at each change; the last one has ended."""
    known = batch_id(batch)
    first = services().batches.state(known)
    if not services().waiters.acquire(blocking=False):
        raise Busy("too many requests wait for batches")
    stream = _events(current_app.app_context(), first)
    response = Response(stream, mimetype=EVENTS_TYPE, headers={"Cache-Control": "no-store"})
    response.call_on_close(services().waiters.release)  # a HEAD request never begins the stream
    return response


def _events(context: AppContext, state: BatchState) -> Iterator[bytes]:
    """At least a comment every fifteen seconds, so that nothing between takes it for dead."""
    with context:
        found = services()
        sent, quiet = None, 0.0
        while True:
            if state != sent:
                yield b"event: state\ndata: " + dumps(state) + b"\n\n"
                sent, quiet = state, 0.0
            elif quiet >= _KEEP_ALIVE:
                yield b": waiting\n\n"
                quiet = 0.0
            if state.state in {"done", "cancelled"}:
                return
            time.sleep(_LOOK_SECONDS)
            quiet += _LOOK_SECONDS
            try:
                state = found.batches.state(state.batch)
            except NotFound:  # it went with its collection
                return
            except Unavailable:  # what is away comes back
                continue


@blueprint.get("/batches/<batch>/failures")
@operation(
    "list_batch_failures",
    needs("read", "ingest"),
    {200: BatchFailures},
    *READ,
    NotFound,
    query=FailuresQuery,
)
def failures(batch: str) -> ResponseReturnValue:
    """The items of a batch that are failed, partial or quarantined, each with its reasons.

    With ``Accept: application/x-ndjson`` all of them, a line each.
    """
    known = batch_id(batch)
    query = FailuresQuery.model_validate(request.args.to_dict())
    if request.accept_mimetypes.best == MANIFEST_TYPE:
        pages = _pages(engine(), known, engine().failures(known, _PAGE))
        lines = (dumps(public(one)) + b"\n" for page in pages for one in page.documents)
        return Response(lines, mimetype=MANIFEST_TYPE)
    page = engine().failures(known, query.limit, query.position)
    after = None if page.last is None else dumps(page.last).decode()
    return jsonify(BatchFailures(known, page.total, [public(one) for one in page.documents], after))


def _pages(found: Engine, batch: str, page: Page) -> Iterator[Page]:
    """A page and those after it, which are read when the request is no longer at hand."""
    while True:
        yield page
        if page.last is None:
            return
        page = found.failures(batch, _PAGE, page.last)


@blueprint.post("/batches/<batch>/pause")
@operation("pause_batch", needs("ingest"), {200: BatchState}, *CHANGE, NotFound, Conflict)
def pause(batch: str) -> ResponseReturnValue:
    """Begin nothing more of a batch; what a worker is at is finished."""
    return jsonify(services().batches.pause(batch_id(batch)))


@blueprint.post("/batches/<batch>/resume")
@operation("resume_batch", needs("ingest"), {200: BatchState}, *CHANGE, NotFound, Conflict)
def resume(batch: str) -> ResponseReturnValue:
    """Go on with a batch that was paused."""
    return jsonify(services().batches.resume(batch_id(batch)))


@blueprint.post("/batches/<batch>/cancel")
@operation("cancel_batch", needs("ingest"), {200: BatchState}, *CHANGE, NotFound, Conflict)
def cancel(batch: str) -> ResponseReturnValue:
    """End a batch: what is indexed stays, the rest is not done."""
    return jsonify(services().batches.cancel(batch_id(batch)))


@blueprint.post("/batches/<batch>/retry")
@operation(
    "retry_batch",
    needs("ingest"),
    {202: AcceptedBatch},
    *CHANGE,
    NotFound,
    Conflict,
    json=RetryRequest,
    body_required=False,
)
def retry(batch: str) -> ResponseReturnValue:
    """Add the items again that failed in part or altogether, as a batch of their own."""
    wanted = RetryRequest.model_validate(read_json(request, optional=True))
    known = batch_id(batch)
    chosen = set(wanted.ids) if wanted.ids is not None else None
    if wanted.reason is not None:
        documents = (
            one
            for page in _pages(engine(), known, engine().failures(known, _PAGE))
            for one in page.documents
        )
        matching = {
            str(one["id"])
            for one in documents
            if any(
                wanted.reason in reason
                for reasons in (one.get("errors", {}), one.get("notes", {}))
                for reason in reasons.values()
            )
        }
        chosen = matching if chosen is None else chosen & matching
    manifest, total = services().batches.retry(
        known, lambda entry: chosen is None or entry.item.id in chosen
    )
    url = url_for("batches.show", batch=manifest.batch)
    answer = AcceptedBatch(
        manifest.batch, total=total, status_url=url, rejected=[], rejected_total=0
    )
    return jsonify(answer), 202, {"Location": url}


@blueprint.post("/reconcile")
@operation("reconcile", needs("admin", whole=True), {200: Sweep}, *CHANGE)
def reconcile() -> ResponseReturnValue:
    """Look now for accepted items that got lost on their way, and plan them again."""
    return jsonify(Reconciler(services().batches).sweep())
