"""Batches: accepted, counted, their failures listed."""

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from triptych.core.errors import InvalidInput, NotFound, Unavailable
from triptych.gateway.answers import AcceptedBatch, BatchFailures, BatchProgress
from triptych.gateway.forms import BatchForm
from triptych.gateway.ingest import enqueue
from triptych.gateway.openapi import MANIFEST_TYPE, READ, UPLOAD, Manifest, operation
from triptych.gateway.requests import (
    batch_id,
    collection_name,
    read_body,
    read_upload,
    refuse_when_busy,
)
from triptych.gateway.services import engine, services
from triptych.ingest.accepting import Accepted

blueprint = Blueprint("batches", __name__, url_prefix="/v1")

_MANIFEST_TYPES = {MANIFEST_TYPE, "application/jsonl", "application/jsonlines"}
_MAX_REJECTED = 100


@blueprint.post("/collections/<collection>/batches")
@operation("create_batch", {202: AcceptedBatch}, *UPLOAD, json=Manifest, form=BatchForm)
def create(collection: str) -> ResponseReturnValue:
    """Accept a manifest of server-side files, or uploaded files with or without a manifest."""
    name = collection_name(collection)
    refuse_when_busy()
    if request.mimetype in _MANIFEST_TYPES:
        lines = read_body(request, engine().settings.limits.body_bytes)
        accepted = engine().accept_manifest(name, lines)
    elif request.mimetype == "multipart/form-data":
        accepted = _accept_form(name)
    else:
        raise InvalidInput(
            f"content type {request.mimetype!r}: multipart/form-data and "
            f"{', '.join(sorted(_MANIFEST_TYPES))} are accepted",
            field="content-type",
        )
    manifest = enqueue(services(), accepted).manifest
    url = url_for("batches.show", batch=manifest.batch)
    answer = AcceptedBatch(
        manifest.batch,
        total=manifest.total,
        status_url=url,
        rejected=accepted.rejected[:_MAX_REJECTED],
        rejected_total=len(accepted.rejected),
    )
    return jsonify(answer), 202, {"Location": url}


def _accept_form(collection: str) -> Accepted:
    if request.form:
        field = next(iter(request.form))
        raise InvalidInput(f"field {field!r} is unknown: files and manifest are files", field=field)
    uploads: dict[str, bytes] = {}
    manifest = None
    for name, upload in request.files.items(multi=True):
        if name == "manifest" and manifest is None:
            manifest = read_upload(upload)
        elif name == "files" and upload.filename and upload.filename not in uploads:
            uploads[upload.filename] = read_upload(upload)
        else:
            raise InvalidInput(
                f"file {upload.filename!r} in field {name!r}: one 'manifest' and any number of "
                "'files', each under a name of its own, are accepted",
                field=name,
            )
    if manifest is None:
        return engine().accept_files(collection, uploads)
    return engine().accept_manifest(collection, manifest, uploads or None)


@blueprint.get("/batches/<batch>")
@operation("get_batch", {200: BatchProgress}, NotFound, Unavailable)
def show(batch: str) -> ResponseReturnValue:
    """How far a batch is."""
    known = batch_id(batch)
    status = services().progress.status(known)
    if status is None:
        manifest = engine().manifest(known)
        raise NotFound(
            f"the progress of batch {known} ({manifest.total} items) is no longer kept: "
            f"its items are in collection {manifest.collection!r}"
        )
    eta = status.eta
    progress = BatchProgress(
        known,
        state=status.state,
        total=status.total,
        done=status.done,
        failed=status.failed,
        rate=round(status.rate, 2),
        eta_seconds=None if eta is None else round(eta, 1),
    )
    return jsonify(progress)


@blueprint.get("/batches/<batch>/failures")
@operation("list_batch_failures", {200: BatchFailures}, *READ, NotFound)
def failures(batch: str) -> ResponseReturnValue:
    """The items of a batch that are failed or partial, each with its reasons."""
    known = batch_id(batch)
    return jsonify(BatchFailures(known, engine().failures(known)))
