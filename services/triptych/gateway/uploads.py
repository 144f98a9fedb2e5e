"""Resumable uploads by the tus protocol (https://tus.io/protocols/resumable-upload, 1.0.0).

With the extensions creation, creation-with-upload, termination, expiration and checksum. What a
batch is made of afterwards is ``POST …/batches?upload=ID``.
"""

import base64
import binascii
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from typing import IO

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from triptych.core.errors import (
    ChecksumMismatch,
    Conflict,
    CrossOrigin,
    InvalidInput,
    NoRoom,
    NotFound,
    StoreUnavailable,
    TooLarge,
    UnsupportedType,
    UnsupportedVersion,
)
from triptych.gateway.access import PUBLIC, caller, declare, needs
from triptych.gateway.openapi import operation
from triptych.gateway.requests import read_stream
from triptych.gateway.services import engine
from triptych.ingest.resumable import ResumableUpload, ResumableUploads

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
PART_TYPE = "application/offset+octet-stream"
ROOT = "/v1/uploads"
_BLOCK = 2**20
_CHECKSUMS = ("sha1", "sha256")
_INTEGER = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}

blueprint = Blueprint("uploads", __name__, url_prefix=ROOT)


class TusHeaders(BaseModel):
    """What every request says."""

    version: str = Field(VERSION, alias="Tus-Resumable", description="of the protocol")


class CreationHeaders(TusHeaders):
    """What an upload will be."""

    length: int = Field(alias="Upload-Length", ge=0, description="bytes of the file")
    metadata: str = Field(
        "", alias="Upload-Metadata",
        description="filename and filetype: each followed by a space and its value in base64, "
        "separated by commas",
    )  # fmt: skip


class PartHeaders(TusHeaders):
    """Where the bytes of a request belong."""

    offset: int = Field(alias="Upload-Offset", ge=0, description="bytes that are there already")
    checksum: str = Field(
        "", alias="Upload-Checksum",
        description="sha1 or sha256, a space, and the digest of the body in base64",
    )  # fmt: skip


@blueprint.before_request
def _check_version() -> None:
    if request.headers.get("Tus-Resumable", VERSION) != VERSION and request.method != "OPTIONS":
        raise UnsupportedVersion(f"version {VERSION} is accepted", field="tus-resumable")


@blueprint.after_request
def _tell_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == UnsupportedVersion.status:
        response.headers["Tus-Version"] = VERSION
    return response


@blueprint.route("", methods=["OPTIONS"])
@declare(PUBLIC)
def options() -> ResponseReturnValue:
    """What is understood here."""
    return "", 204, {
        "Allow": "OPTIONS, POST",
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(engine().settings.limits.upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(_CHECKSUMS),
    }  # fmt: skip


@blueprint.post("", provide_automatic_options=False)
@operation(
    "create_upload",
    needs("ingest"),
    {201: None},
    *(CrossOrigin, NotFound, Conflict, TooLarge, ChecksumMismatch),
    *(UnsupportedVersion, UnsupportedType, NoRoom, StoreUnavailable),
    headers=CreationHeaders,
    answer_headers={"Location": _TEXT, "Upload-Offset": _INTEGER, "Upload-Expires": _TEXT},
)
def create() -> ResponseReturnValue:
    """Begin a resumable upload, by the tus protocol.

    Its first bytes may be the body, of the type application/offset+octet-stream.
    """
    given = CreationHeaders.model_validate(_headers(CreationHeaders))
    said = _metadata(given.metadata)
    name = said.get("filename") or said.get("name", "")
    kind = said.get("filetype") or said.get("type", "")
    upload = _uploads().create(given.length, name, kind, caller().collections)
    if request.mimetype == PART_TYPE:
        try:
            upload = _received(upload, request.headers.get("Upload-Checksum", ""))
        except Exception:
            _uploads().delete(upload.id)  # of which its sender will not get to know
            raise
    url = url_for("uploads.show", upload=upload.id)
    return "", 201, {"Location": url, **_state(upload)}


@blueprint.route("/<upload>", methods=["HEAD"])
@operation(
    "get_upload_offset", needs("ingest"),
    {200: None},
    *(NotFound, UnsupportedVersion, StoreUnavailable),
    headers=TusHeaders,
    answer_headers={
        "Upload-Offset": _INTEGER, "Upload-Length": _INTEGER, "Upload-Metadata": _TEXT,
        "Upload-Expires": _TEXT,
    },
    head=True,
)  # fmt: skip
def show(upload: str) -> ResponseReturnValue:
    """How much of a resumable upload has arrived."""
    found = _uploads().find(upload)
    said = {"filename": found.name, "filetype": found.kind}
    metadata = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items() if value
    )
    headers = {"Upload-Length": str(found.size), "Cache-Control": "no-store"}
    if metadata:
        headers["Upload-Metadata"] = metadata
    return "", 200, {**headers, **_state(found)}


@blueprint.patch("/<upload>")
@operation(
    "send_upload_part",
    needs("ingest"),
    {204: None},
    *(CrossOrigin, NotFound, Conflict, TooLarge, ChecksumMismatch),
    *(UnsupportedVersion, UnsupportedType, StoreUnavailable),
    headers=PartHeaders,
    files=(PART_TYPE,),
    answer_headers={"Upload-Offset": _INTEGER, "Upload-Expires": _TEXT},
)
def append(upload: str) -> ResponseReturnValue:
    """Send more of a resumable upload; what arrives before a connection is cut is kept."""
    given = PartHeaders.model_validate(_headers(PartHeaders))
    if request.mimetype != PART_TYPE:
        raise UnsupportedType(f"{PART_TYPE} is accepted", field="content-type")
    found = _uploads().find(upload)
    found.expect(given.offset)
    return "", 204, _state(_received(found, given.checksum))


@blueprint.delete("/<upload>")
@operation(
    "delete_upload",
    needs("ingest"),
    {204: None},
    *(CrossOrigin, NotFound, UnsupportedVersion, StoreUnavailable),
    headers=TusHeaders,
)
def delete(upload: str) -> ResponseReturnValue:
    """Give up a resumable upload."""
    found = _uploads().find(upload)
    _uploads().delete(found.id)
    return "", 204


def _uploads() -> ResumableUploads:
    return engine().uploads


def _received(upload: ResumableUpload, checksum: str) -> ResumableUpload:
    """The upload with the body, too."""
    stream = read_stream(request, upload.size - upload.offset)
    if not checksum:
        return _uploads().append(upload, stream)
    with _verified(stream, checksum) as file:
        return _uploads().append(upload, file)


@contextmanager
def _verified(stream: IO[bytes], checksum: str) -> Iterator[IO[bytes]]:
    """A temporary file with the bytes of a stream: none of them counts unless all are right.

    Raises InvalidInput, ChecksumMismatch.
    """
    algorithm, _, value = checksum.partition(" ")
    if algorithm not in _CHECKSUMS:
        raise InvalidInput(f"{' and '.join(_CHECKSUMS)} are accepted", field="upload-checksum")
    digest = hashlib.new(algorithm)
    with tempfile.TemporaryFile() as file:
        while block := stream.read(_BLOCK):
            digest.update(block)
            file.write(block)
        if digest.digest() != _decoded(value, "upload-checksum"):
            raise ChecksumMismatch("body has another checksum", field="upload-checksum")
        file.seek(0)
        yield file


def _state(upload: ResumableUpload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Expires": formatdate(upload.expires, usegmt=True),
    }


def _headers(model: type[BaseModel]) -> Mapping[str, str]:
    """Those of the request that a model speaks of, whatever their case."""
    names = (str(one.alias) for one in model.model_fields.values())
    return {name: value for name in names if (value := request.headers.get(name)) is not None}


def _metadata(header: str) -> dict[str, str]:
    """What a client says of its file. Raises InvalidInput."""
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = _decoded(value, "upload-metadata").decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{key} is not UTF-8", field="upload-metadata") from error
    return found


def _decoded(value: str, field: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{field}: not base64", field=field) from error
