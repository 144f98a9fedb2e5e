"""One method per resource; every error carries the problem document's detail."""

import base64
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar
from urllib.parse import quote

import httpx

from triptych.client.adding import Adding, AddReport
from triptych.client.errors import ClientError
from triptych.client.resuming import VERSION, Sending, SentBytes, metadata
from triptych.core.gallery import Gallery
from triptych.core.settings import LOCAL_URL

Media = Mapping[str, bytes | Sequence[bytes]]
"""Of a search: ``image`` and ``audio``, ``not.image`` and ``not.audio``; one file or several."""

Answer = TypeVar("Answer")
_UNKNOWN, _BUSY, _AWAY = 401, 429, 503
_NO_KEY = (
    "Set TRIPTYCH_KEY to a key of this gateway; who has one that may do everything makes others "
    "with `triptych keys create`"
)
_PAUSES = (1.0, 3.0, 10.0, 15.0, 15.0)
"""Seconds between the tries to reach a gateway that may only start anew."""
NO_PICTURE = frozenset({404, 422})
"""An item has none, or one that can't be decoded."""
_ENDED = frozenset({"done", "cancelled"})
_BLOCK = 2**20
_DATA = "data: "
"""Begins the line of a Server-Sent Event that has its content."""
_ARCHIVE_TYPES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".gz": "application/gzip",
    ".tgz": "application/gzip",
    ".zst": "application/zstd",
    ".tzst": "application/zstd",
}
_EVENT_SECONDS = 60
"""A gateway whose events come is never silent for so long: it sends a comment each 15 s."""


@dataclass(frozen=True)
class BatchStatus:
    """The progress of a batch; see ``GET /v1/batches/{batch}``."""

    batch: str
    collection: str
    state: str
    """``running``, ``paused``, ``cancelling``; or at the end ``done`` or ``cancelled``."""
    total: int
    done: int
    failed: int
    rate: float
    """Items per second."""
    eta_seconds: float | None = None
    accepted: float = 0.0
    """Seconds since 1970."""
    outcomes: Mapping[str, int] | None = None
    """At the end, when all is written down: the number of items by what became of them."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """What the gateway answers, of which there may be more."""
        return cls(**{one.name: answer[one.name] for one in fields(cls) if one.name in answer})

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.state in _ENDED


class Client:
    """A connection to one gateway, for any number of threads; use it as a context manager.

    Args:
        url: of the gateway; by default ``TRIPTYCH_URL``, or the local stack.
        key: what the gateway wants, if it wants one; by default ``TRIPTYCH_KEY``.
        headers: sent with every request, such as those that a proxy wants.
        timeout: seconds to wait for an answer.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> None:
        self.url = url or os.environ.get("TRIPTYCH_URL") or LOCAL_URL
        key = os.environ.get("TRIPTYCH_KEY") if key is None else key
        sent = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=self.url, timeout=timeout, headers={**sent, **(headers or {})}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def add_item(
        self,
        collection: str,
        fields: Mapping[str, Any],
        media: Mapping[str, bytes] | None = None,
        *,
        wait: float = 0,
    ) -> dict[str, Any]:
        """Send one item; ``fields`` as in the JSON request, ``image`` and ``audio`` as bytes.

        Returns its document if it is indexed within ``wait`` seconds, else where it will be.
        """
        body = with_media(fields, media or {})
        path = _path("collections", collection, "items")
        return self._call("POST", path, params={"wait": wait}, json=body)

    def add_files(
        self,
        collection: str,
        paths: Iterable[Path] | Path,
        *,
        progress: Callable[[AddReport], None] | None = None,
        **options: Any,
    ) -> AddReport:
        """Add folders, files, manifests and archives of this machine, and wait for all of it.

        What the collection has already is not sent. Files of one stem are one item, whose id is
        their path relative to the working folder, without the extension.

        Args:
            collection: made if it does not exist.
            paths: one or several.
            progress: called with what has become of them so far.
            options: those of ``Adding``: ``root``, ``exclude``, ``again``, ``dry_run``, ``prune``
                and ``parallel``.

        Raises:
            FileNotFoundError: a path is not there.
            ClientError: the gateway can't be reached, or refuses everything.
        """
        report = AddReport()
        given = [paths] if isinstance(paths, Path) else paths
        with closing(Adding(self, collection, given, **options).run()) as reports:
            for report in reports:
                if progress is not None:
                    progress(report)
        return report

    def submit_files(
        self, collection: str, manifest: bytes, files: Mapping[str, bytes]
    ) -> dict[str, Any]:
        """Send a manifest and the files that it names as one batch."""
        parts = [("files", (name, data)) for name, data in files.items()]
        parts.append(("manifest", ("manifest.jsonl", manifest)))
        return self._submit(collection, files=parts)

    def submit_manifest(self, collection: str, manifest: bytes) -> dict[str, Any]:
        """Send a JSONL manifest of files that lie on the server."""
        headers = {"content-type": "application/x-ndjson"}
        return self._submit(collection, content=manifest, headers=headers)

    def submit_archive(self, collection: str, path: Path, name: str = "") -> dict[str, Any]:
        """Send a ZIP or TAR archive as one batch.

        Args:
            collection: its name.
            path: of the archive, which is read as it is sent.
            name: what the archive is called; the ids of its items begin with it.

        Raises:
            ValueError: the path does not end like an archive.
            OSError: it can't be read.
        """
        kind = _ARCHIVE_TYPES.get(path.suffix.lower())
        if kind is None:
            known = ", ".join(_ARCHIVE_TYPES)
            raise ValueError(f"{path.name!r} is no archive by its name: {known} are accepted")
        return self._submit(
            collection,
            body=lambda: _blocks(path),
            params={"name": name} if name else {},
            headers={"content-type": kind, "content-length": str(path.stat().st_size)},
        )

    def begin_upload(self, size: int, name: str = "") -> str:
        """Begin a resumable upload of a file of so many bytes; its id.

        The name tells what it is: an archive, a manifest, or a file of an item.
        """
        headers = {**VERSION, "upload-length": str(size), "upload-metadata": metadata(name)}
        response = self._request("POST", "/v1/uploads", headers=headers)
        return str(response.headers["location"]).rpartition("/")[2]

    def upload(
        self,
        file: Path | IO[bytes],
        *,
        name: str | None = None,
        upload: str | None = None,
        progress: SentBytes = lambda sent, size: None,  # noqa: ARG005
    ) -> str:
        """Send a large file in pieces; ``submit_upload`` makes a batch of it.

        Where the connection is cut, or the gateway is away for a while, it goes on by itself with
        what has not arrived. Another process can go on, too, if it knows the id.

        Args:
            file: a path, or a file that is open for reading bytes and can be read from any place.
            name: what it is called; by default the name of the path.
            upload: what ``begin_upload`` returned, here or elsewhere; by default it is begun.
            progress: called with the bytes that were sent and that there are; may raise to stop.

        Returns:
            The id of the upload.

        Raises:
            ClientError: nothing arrived in several tries, or the upload is not there (404).
        """
        if isinstance(file, Path):
            name = file.name if name is None else name
            with file.open("rb") as opened:
                return self.upload(opened, name=name, upload=upload, progress=progress)
        size = file.seek(0, 2)
        upload = upload or self.begin_upload(size, name or "")
        Sending(self._request, _path("uploads", upload), file, size, progress).run()
        return upload

    def submit_upload(self, collection: str, upload: str, name: str = "") -> dict[str, Any]:
        """Make a batch of an upload, which is used up. The same again has the same answer.

        Args:
            collection: its name.
            upload: what ``upload`` returned.
            name: what the file is called, if not as it was when it was begun.
        """
        params = {"upload": upload, **({"name": name} if name else {})}
        path = _path("collections", collection, "batches")
        return self.patiently(lambda: self._call("POST", path, params=params))

    def delete_upload(self, upload: str) -> None:
        """Give up an upload."""
        self._call("DELETE", _path("uploads", upload), headers=VERSION)

    def limits(self) -> dict[str, int]:
        """How large requests and their parts may be."""
        return self._call("GET", "/v1/limits")

    def known(self, collection: str, contents: Mapping[str, str]) -> set[str]:
        """Of ids with the digests of their content: those that the collection has just so."""
        path = _path("collections", collection, "items", "known")
        return set(self._call("POST", path, json={"contents": dict(contents)})["known"])

    def holdings(self, collection: str, prefix: str = "") -> Iterator[dict[str, Any]]:
        """Ids and file names of the items whose ids begin with a prefix, in their order."""
        options = {"prefix": prefix}
        while True:
            page = self._call("GET", _path("collections", collection, "items"), params=options)
            yield from page["items"]
            if "after" not in page:
                return
            options["after"] = page["after"]

    def batch(self, batch: str) -> BatchStatus:
        """The progress of a batch."""
        return BatchStatus.of(self._call("GET", _path("batches", batch)))

    def watch(self, batch: str) -> Iterator[BatchStatus]:
        """The progress of a batch at once and at each change, until it has ended.

        It comes as Server-Sent Events. A connection that is cut is made again.

        Raises ClientError: there is no such batch, or the gateway stays away.
        """
        cuts = 0
        while True:
            try:
                for status in self._events(batch):
                    cuts = 0
                    yield status
                    if status.has_ended:
                        return
            except ClientError as error:
                if error.status not in {None, _AWAY} or cuts == len(_PAUSES):
                    raise
            time.sleep(_PAUSES[min(cuts, len(_PAUSES) - 1)])
            cuts += 1

    def batches(
        self, collection: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[BatchStatus]:
        """The batches that are kept: open ones, then those that have ended; the latest first."""
        wanted = {"collection": collection, "state": state, "limit": limit}
        query = {name: value for name, value in wanted.items() if value is not None}
        found = self._call("GET", "/v1/batches", params=query)["batches"]
        return [BatchStatus.of(one) for one in found]

    def pause(self, batch: str) -> BatchStatus:
        """Begin nothing more of a batch; what a worker is at is finished."""
        return BatchStatus.of(self._call("POST", _path("batches", batch, "pause")))

    def resume(self, batch: str) -> BatchStatus:
        """Go on with a batch that was paused."""
        return BatchStatus.of(self._call("POST", _path("batches", batch, "resume")))

    def cancel(self, batch: str) -> BatchStatus:
        """End a batch: what is indexed stays, the rest is not done."""
        return BatchStatus.of(self._call("POST", _path("batches", batch, "cancel")))

    def retry(
        self, batch: str, *, ids: Sequence[str] | None = None, reason: str | None = None
    ) -> str:
        """Add failed items of a batch again; the new batch.

        Items that were sent anew or deleted since are left as they are.

        Args:
            batch: one that has ended.
            ids: only these items.
            reason: only those of which a reason contains this text.
        """
        wanted = {"ids": None if ids is None else list(ids), "reason": reason}
        return str(self._call("POST", _path("batches", batch, "retry"), json=wanted)["batch"])

    def reconcile(self) -> dict[str, int]:
        """Look now for items that got lost on their way; what was found."""
        return self._call("POST", "/v1/reconcile")

    def failures(self, batch: str) -> list[dict[str, Any]]:
        """Items of a batch that are failed, partial or quarantined, all of them."""
        return [item for page in self.failure_pages(batch) for item in page["failures"]]

    def failure_pages(
        self, batch: str, *, limit: int | None = None, after: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The same page by page, each with the ``total``.

        Args:
            batch: which.
            limit: items of a page; by default as many as the gateway gives.
            after: of a page: the first one to return is the one behind it.
        """
        query: dict[str, Any] = {} if limit is None else {"limit": limit}
        while True:
            if after is not None:
                query["after"] = after
            page = self._call("GET", _path("batches", batch, "failures"), params=query)
            yield page
            if (after := page.get("after")) is None:
                return

    def search(
        self, collection: str, fields: Mapping[str, Any], media: Media | None = None
    ) -> dict[str, Any]:
        """Search; ``fields`` as in the JSON request, images and sounds of this machine as bytes."""
        body = with_media(fields, media or {})
        return self._call("POST", _path("collections", collection, "search"), json=body)

    def pages(
        self, collection: str, fields: Mapping[str, Any], media: Media | None = None
    ) -> Iterator[dict[str, Any]]:
        """The answers to a search page by page, from ``fields["cursor"]`` or the first one on."""
        cursor = fields.get("cursor", "*")
        while cursor is not None:
            answer = self.search(collection, {**fields, "cursor": cursor}, media)
            yield answer
            cursor = answer.get("cursor")

    def similar(
        self,
        collection: str,
        item: str,
        fields: Mapping[str, Any] | None = None,
        media: Media | None = None,
    ) -> dict[str, Any]:
        """Items like one of the collection, by every part that it has."""
        path = _item(collection, item, "similar")
        return self._call("POST", path, json=with_media(fields or {}, media or {}))

    def item(self, collection: str, item: str) -> dict[str, Any]:
        """The document of an item."""
        return self._call("GET", _item(collection, item))

    def medium(self, collection: str, item: str, modality: str) -> bytes:
        """The image or sound of an item as it was sent, or its text as UTF-8."""
        path = _item(collection, item, "media", modality)
        return self._request("GET", path).content

    def thumbnail(self, collection: str, item: str, size: int = 256) -> bytes:
        """The image of an item as a WebP, its longer side at most ``size`` or a little more.

        Sizes are 64, 128, 256, 512 and 1,024 pixels: the next one is sent.
        """
        path = _item(collection, item, "thumbnail")
        return self._request("GET", path, params={"size": size}).content

    def waveform(self, collection: str, item: str) -> dict[str, Any]:
        """The peaks of the sound of an item, as audiowaveform has them, and its ``duration``."""
        return self._call("GET", _item(collection, item, "waveform"))

    def gallery(self, collection: str, answer: Mapping[str, Any]) -> Gallery:
        """An answer of a search with the pictures of its hits, as a notebook shows it."""

        def thumbnail(item: str) -> bytes | None:
            try:
                return self.thumbnail(collection, item)
            except ClientError as error:
                if error.status in NO_PICTURE:
                    return None
                raise

        return Gallery(answer, thumbnail)

    def change_item(
        self, collection: str, item: str, change: Mapping[str, Any], *, wait: float = 0
    ) -> dict[str, Any]:
        """Change fields of an item, or its text, without its media.

        Args:
            collection: its name.
            item: the id.
            change: by field what it becomes, or None to remove it; of values by key, as in
                ``metadata``, only those that are given change.
            wait: seconds within which the new document is returned, else where it will be.
        """
        path = _item(collection, item)
        return self._call("PATCH", path, params={"wait": wait}, json=dict(change))

    def delete_items(self, collection: str, filter: Mapping[str, Any]) -> int:  # noqa: A002
        """Delete all items that a filter finds; how many there were."""
        path, deleted = _path("collections", collection, "items", "delete"), 0
        while True:
            answer = self._call("POST", path, json={"filter": dict(filter)})
            deleted += int(answer["deleted"])
            if not answer["more"]:
                return deleted

    def delete_item(self, collection: str, item: str) -> None:
        """Delete an item."""
        self._call("DELETE", _item(collection, item))

    def create_collection(
        self, collection: str, *, shards: int | None = None, replicas: int | None = None
    ) -> dict[str, Any]:
        """Make a collection, or give it other numbers of shards and replicas, and describe it.

        None leaves a number as it is. Another number of shards takes as long as copying it.
        """
        wanted = {"shards": shards, "replicas": replicas}
        given = {name: number for name, number in wanted.items() if number is not None}
        more: dict[str, Any] = {"json": given, "timeout": None} if given else {}
        return self._call("PUT", _path("collections", collection), **more)

    def collection(self, collection: str) -> dict[str, Any]:
        """Describe a collection; searches find everything that was written until then."""
        return self._call("GET", _path("collections", collection))

    def delete_collection(self, collection: str) -> None:
        """Delete a collection with everything in it."""
        self._call("DELETE", _path("collections", collection))

    def rebuild(self, collection: str, *, swap: bool = True) -> dict[str, Any]:
        """Have the vectors of a collection made anew, for the gateway's encoders; describes it.

        ``collection(…)["index"]`` tells how far it is. Without ``swap`` the new index waits, when
        it is ready, until this is called again.
        """
        path = _path("collections", collection, "rebuild")
        return self._call("POST", path, json={} if swap else {"swap": False})

    def cancel_rebuild(self, collection: str) -> None:
        """Give a rebuild up; the collection stays as it is."""
        self._call("DELETE", _path("collections", collection, "rebuild"))

    def roll_back(self, collection: str) -> dict[str, Any]:
        """Go back to the index that a rebuild has replaced; describes the collection."""
        return self._call("POST", _path("collections", collection, "rollback"))

    def delete_previous_index(self, collection: str) -> None:
        """Delete the index that a rebuild has replaced: there is no way back then."""
        self._call("DELETE", _path("collections", collection, "previous"))

    def train(
        self, collection: str, strategy: str = "", *, labels: str = "", seed: int = 0
    ) -> dict[str, Any]:
        """Have a model of a collection trained; returns how far it is, as ``training`` does.

        Args:
            collection: its name.
            strategy: attention, convolution, recurrent, or classifier; by default attention, or
                with ``labels`` a classifier.
            labels: the field that has the labels of a classifier.
            seed: of all that is drawn.
        """
        wanted = {"strategy": strategy, "labels": labels, "seed": seed}
        given = {name: value for name, value in wanted.items() if value}
        return self._call("POST", _path("collections", collection, "train"), json=given)

    def training(self, collection: str) -> dict[str, Any]:
        """How far the latest training, or comparison of a model, is."""
        return self._call("GET", _path("collections", collection, "train"))

    def cancel_training(self, collection: str) -> None:
        """Give it up; a worker ends at its next epoch."""
        self._call("DELETE", _path("collections", collection, "train"))

    def models(self, collection: str) -> list[dict[str, Any]]:
        """The models that a collection has learnt, the latest first, and which are active."""
        found: list[dict[str, Any]] = self._call("GET", _path("collections", collection, "models"))[
            "models"
        ]
        return found

    def model(self, collection: str, reference: str) -> dict[str, Any]:
        """A model with its card."""
        return self._call("GET", _path("collections", collection, "models", reference))

    def delete_model(self, collection: str, reference: str) -> None:
        """Delete a model that no index uses."""
        self._call("DELETE", _path("collections", collection, "models", reference))

    def activate(
        self, collection: str, reference: str, *, force: bool = False, swap: bool = True
    ) -> dict[str, Any]:
        """Have a model compared with what serves, and the collection rebuilt with it.

        Describes the collection. ``training(…)`` tells what came of the comparison; with ``force``
        there is none.
        """
        wanted = {**({"force": True} if force else {}), **({} if swap else {"swap": False})}
        path = _path("collections", collection, "models", reference, "activate")
        return self._call("POST", path, json=wanted)

    def deactivate(self, collection: str, reference: str, *, swap: bool = True) -> dict[str, Any]:
        """Have a collection rebuilt without a model; describes it."""
        path = _path("collections", collection, "models", reference, "deactivate")
        return self._call("POST", path, json={} if swap else {"swap": False})

    def collections(self) -> list[dict[str, Any]]:
        """Every collection with its items per status, or with what is wrong with it."""
        found: list[dict[str, Any]] = self._call("GET", "/v1/collections")["collections"]
        return found

    def create_key(
        self,
        name: str,
        scopes: Sequence[str],
        collections: Sequence[str] = ("*",),
        *,
        expires_in: int | None = None,
        per_minute: int | None = None,
    ) -> dict[str, Any]:
        """Make a key; ``key`` of the answer is what its owner sends, and is shown this once.

        Args:
            name: for people.
            scopes: of search, read, ingest, train and admin, which includes the others.
            collections: names, and beginnings of names that end with ``*``.
            expires_in: seconds; never by default.
            per_minute: requests that it may send in a minute; any number by default.
        """
        wanted = {"name": name, "scopes": list(scopes), "collections": list(collections)}
        limits = {"expires_in": expires_in, "per_minute": per_minute}
        more = {name: number for name, number in limits.items() if number is not None}
        return self._call("POST", "/v1/keys", json={**wanted, **more})

    def keys(self) -> list[dict[str, Any]]:
        """The keys of the gateway without their secrets, the latest first."""
        found: list[dict[str, Any]] = self._call("GET", "/v1/keys")["keys"]
        return found

    def revoke_key(self, key: str) -> None:
        """Let a key be of no use any more; ``key`` is its id."""
        self._call("DELETE", _path("keys", key))

    def create_token(
        self,
        collections: Sequence[str],
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - its name in a search
        *,
        expires_in: int = 3600,
    ) -> dict[str, Any]:
        """Make a search token for a browser, in the name of the client's key.

        ``token`` of the answer is sent like a key. It shows items of these collections that the
        filter finds, for so many seconds; nobody keeps it.
        """
        wanted = {"collections": list(collections), "expires_in": expires_in}
        wanted |= {} if filter is None else {"filter": dict(filter)}
        return self._call("POST", "/v1/tokens", json=wanted)

    def _submit(self, collection: str, **arguments: Any) -> dict[str, Any]:
        """Send a batch; while no answer comes, again under the same key, a few times."""
        path = _path("collections", collection, "batches")
        headers = {**arguments.pop("headers", {}), "idempotency-key": uuid.uuid4().hex}
        return self.patiently(lambda: self._call("POST", path, headers=headers, **arguments))

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to what may be asked again: while none comes, it is, for 44 s."""
        for pause in _PAUSES:
            try:
                return ask()
            except ClientError as error:
                if error.status not in {None, _AWAY}:
                    raise
            time.sleep(pause)
        return ask()

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """What the gateway answers. As ``_request``."""
        response = self._request(method, path, **arguments)
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Callable[[], Iterator[bytes]] | None = None,
        **arguments: Any,
    ) -> httpx.Response:
        """Ask, again and again while the gateway is busy; ``body`` is made anew each time.

        Raises ClientError.
        """
        while True:
            self._begin()
            if body is not None:
                arguments["content"] = body()
            with self._explained():
                response = self._http.request(method, path, **arguments)
            if response.status_code != _BUSY:
                break
            time.sleep(_retry_after(response))
        if response.is_error:
            raise ClientError(_detail(response), response.status_code)
        return response

    def _begin(self) -> None:
        """Called before each request; may raise, and nothing is sent."""

    def _events(self, batch: str) -> Iterator[BatchStatus]:
        """The events of one connection. While the gateway has no thread for it, ask now and then.

        Raises ClientError.
        """
        self._begin()
        with (
            self._explained(),
            self._http.stream(
                "GET", _path("batches", batch, "events"), timeout=_EVENT_SECONDS
            ) as response,
        ):
            if not response.is_error:
                for line in response.iter_lines():
                    if line.startswith(_DATA):
                        yield BatchStatus.of(json.loads(line.removeprefix(_DATA)))
                return
            response.read()
        if response.status_code != _BUSY:
            raise ClientError(_detail(response), response.status_code)
        yield self.batch(batch)
        time.sleep(_retry_after(response))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise ClientError(
                f"{self.url} can't be reached: {error}. Start a gateway with `triptych up`, or "
                "name one in TRIPTYCH_URL"
            ) from error


def with_media(fields: Mapping[str, Any], media: Media) -> dict[str, Any]:
    """A search request as JSON: media in base64, after what the fields say of the same part."""
    body = dict(fields)
    if "not" in body:
        body["not"] = dict(body["not"])
    for name, given in media.items():
        negative, _, part = name.rpartition(".")
        place = body.setdefault(negative, {}) if negative else body
        files = [given] if isinstance(given, bytes) else given
        values = [*_listed(place.get(part)), *(base64.b64encode(file).decode() for file in files)]
        if values:
            place[part] = values if len(values) > 1 else values[0]
    return body


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _retry_after(response: httpx.Response) -> float:
    return float(response.headers.get("retry-after", "1"))


def _path(*names: str) -> str:
    """The path that leads through these names. Raises ValueError for one with a slash."""
    return "/".join(["/v1", *map(_step, names)])


def _item(collection: str, item: str, *more: str) -> str:
    """The path of an item, whose id may have slashes, or of what belongs to it."""
    return _path("collections", collection, "items", *item.split("/"), *more)


def _step(name: str) -> str:
    """A name as one step of a path, whatever it has: no name leads elsewhere."""
    if "/" in name:  # which servers take for the end of a step even if it is quoted
        raise ValueError(f"{name!r} is no name: it has a slash")
    quoted = quote(name, safe="@")
    return quoted.replace(".", "%2E") if quoted in {".", ".."} else quoted


def _detail(response: httpx.Response) -> str:
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {response.status_code}"
    return f"{detail}. {_NO_KEY}" if response.status_code == _UNKNOWN else detail
