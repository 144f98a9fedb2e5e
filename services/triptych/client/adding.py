"""Adding the files of this machine: several requests at once, what is there already not at all."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triptych.client.errors import ClientError
from triptych.client.resuming import Unfinished
from triptych.ingest.uploads import Outgoing, Upload, find_sources, only_unknown, uploads_of
from triptych.ingest.walking import Found, Kind, Skips, Walk

if TYPE_CHECKING:
    from triptych.client.client import BatchStatus, Client

_GONE, _USED, _NO_ROOM = 404, 409, 507
_REFUSED = frozenset({400, 413, 422, _NO_ROOM})
"""What the gateway says of one request; other errors are about all of them."""
_LARGE = 64 * 2**20
"""Bytes from which on an archive is sent in pieces that survive a cut connection."""
_LOOKED_AT = 8
"""Batches that one look asks for."""
_PAUSE = 0.2
_REPORT_SECONDS = 0.5
_UNREADABLE: Kind = "unreadable"


@dataclass(frozen=True)
class AddReport:
    """What has become of the files so far."""

    total: int = 0
    """Items that were accepted."""
    done: int = 0
    """Items that were dealt with, failed ones included."""
    failed: int = 0
    failures: Sequence[dict[str, Any]] = ()
    """Documents of failed and partial items."""
    planned: Sequence[str] = ()
    """Of a dry run: the ids of the items that would be sent."""
    gone: Sequence[str] = ()
    """The ids of the items of given folders whose files are gone."""
    pruned: int = 0
    """How many of these were deleted."""
    seconds: float = 0.0
    sent_bytes: int = 0
    """Of large archives, which take longer."""
    large_bytes: int = 0
    """What these have in all."""

    @property
    def partial(self) -> int:
        """Items of which a part failed."""
        return sum(item["status"] == "partial" for item in self.failures)

    @property
    def rate(self) -> float:
        """Items per second, as the sender saw it."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class _Sent:
    """What became of one request."""

    batch: str | None
    skipped: Sequence[tuple[str, Kind, str]] = ()


class _Interrupted(Exception):
    """The run has ended: nothing more is sent."""


@dataclass
class Adding:
    """One run: ``for report in adding.run()`` goes on until everything is dealt with.

    Where it is interrupted, the gateway goes on with ``batches``, and a new run skips what has
    become of them.

    Args:
        client: of the gateway.
        collection: its name.
        paths: folders, files, manifests and archives.
        root: what ids are relative to, by default the working folder.
        exclude: patterns of files and folders that are left out.
        again: whether to send what the collection has already, too.
        dry_run: whether to find out only what would be sent and deleted.
        prune: asked whether these items, whose files are gone, are to be deleted; None: don't look.
        parallel: requests at once.
        inside: folders that every file must lie in, links followed; none: it may lie anywhere.
    """

    client: "Client"
    collection: str
    paths: Iterable[Path]
    root: Path | None = None
    exclude: Sequence[str] = ()
    again: bool = False
    dry_run: bool = False
    prune: Callable[[Sequence[str]], bool] | None = None
    parallel: int = 4
    inside: tuple[Path, ...] = ()
    skips: Skips = field(default_factory=Skips)
    """What was left out, and why."""
    batches: dict[str, "BatchStatus"] = field(default_factory=dict)
    """What was accepted."""
    large: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes of large archives, by name: those that were sent, and all."""
    all_sent: bool = False
    """Whether nothing is left to send."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _ids: set[str] = field(default_factory=set)
    _planned: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> Generator[AddReport, None, None]:
        """Send everything, and wait for it.

        Raises:
            FileNotFoundError: a path is not there.
            ClientError: the gateway can't be reached, or refuses everything.
        """
        paths = list(self.paths)
        walk = Walk(self.root or Path.cwd(), tuple(self.exclude), self.skips, self.inside)
        sources = find_sources(paths, walk)
        items: Iterator[Outgoing] = iter(())
        if not sources.is_empty:
            limits = self.client.limits()
            sources.leave_out_large(limits["file_bytes"])
            items = map(self._note, sources.items(limits["text_chars"]))
        if not self.again:
            items = only_unknown(items, walk, self._known)
        if self.dry_run:
            self._planned = [item.id for item in items]
            self._planned += [archive.name for archive in sources.archives]
        else:
            yield from self._send(sources.archives, uploads_of(items))
            self.all_sent = True
            while any(not status.has_ended for status in self.batches.values()):
                time.sleep(_PAUSE)
                self._look()
                yield self._report()
        gone = self._gone(walk, paths) if self.prune is not None else []
        pruned = 0
        if gone and self.prune is not None and not self.dry_run and self.prune(gone):
            pruned = self._delete(gone)
        failures = [item for batch in self.batches for item in self.client.failures(batch)]
        yield self._report(failures=failures, gone=gone, pruned=pruned)

    def _known(self, contents: Mapping[str, str]) -> set[str]:
        return self.client.patiently(partial(self.client.known, self.collection, contents))

    def _note(self, item: Outgoing) -> Outgoing:
        self._ids.add(item.id)
        return item

    def _report(self, **others: Any) -> AddReport:
        statuses = self.batches.values()
        return AddReport(
            total=sum(status.total for status in statuses),
            done=sum(status.done for status in statuses),
            failed=sum(status.failed for status in statuses),
            planned=self._planned,
            sent_bytes=sum(sent for sent, _ in self.large.values()),
            large_bytes=sum(size for _, size in self.large.values()),
            seconds=time.monotonic() - self._started,
            **others,
        )

    def _send(self, archives: Iterable[Found], uploads: Iterable[Upload]) -> Iterator[AddReport]:
        """Keep a few requests under way; at an interrupt those are finished, and no more begun.

        Of large archives no more is sent: a later run goes on with them.
        """
        pool = ThreadPoolExecutor(self.parallel)
        waiting: set[Future[_Sent]] = set()
        try:
            for send in self._requests(archives, uploads):
                waiting.add(pool.submit(send))
                while len(waiting) >= self.parallel:
                    waiting = self._some(waiting)
                    yield self._report()
            while waiting:
                waiting = self._some(waiting)
                yield self._report()
        finally:
            self._ended.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self._take(one for one in waiting if not one.cancelled() and not one.exception())

    def _some(self, waiting: set[Future[_Sent]]) -> set[Future[_Sent]]:
        """Wait a little, and take what is done; the rest."""
        done, rest = wait(waiting, _REPORT_SECONDS, FIRST_COMPLETED)
        self._take(done)
        self._look()
        return rest

    def _requests(
        self, archives: Iterable[Found], uploads: Iterable[Upload]
    ) -> Iterator[Callable[[], _Sent]]:
        for upload in uploads:
            yield partial(self._upload, upload)
        for archive in archives:
            yield partial(self._upload_archive, archive)

    def _upload(self, upload: Upload) -> _Sent:
        files, skipped = {}, []
        for name, path in upload.files.items():
            try:
                files[name] = path.read_bytes()
            except OSError as error:
                skipped.append((name, _UNREADABLE, error.strerror or str(error)))
        try:
            answer = self.client.submit_files(self.collection, upload.manifest, files)
        except ClientError as error:
            name = next(iter(upload.files), "a text")
            return _refused(f"{name} and what was sent with it", error)
        return _Sent(answer["batch"], skipped)

    def _upload_archive(self, archive: Found) -> _Sent:
        try:
            if archive.size < _LARGE:
                answer = self.client.submit_archive(self.collection, archive.path, archive.name)
            else:
                answer = self._submit_large(archive)
        except ClientError as error:
            return _refused(archive.name, error)
        except OSError as error:
            return _Sent(None, [(archive.name, _UNREADABLE, error.strerror or str(error))])
        return _Sent(answer["batch"])

    def _submit_large(self, archive: Found) -> dict[str, Any]:
        """Send an archive in pieces, or go on where an earlier run was interrupted."""
        unfinished = Unfinished(self.client.url)
        begun = unfinished.find(archive.path)
        try:
            answer = self._submit_pieces(archive, unfinished, begun)
        except ClientError as error:
            if begun is None or error.status not in {_GONE, _USED}:
                raise
            answer = self._submit_pieces(archive, unfinished, None)
        unfinished.forget(archive.path)
        return answer

    def _submit_pieces(
        self, archive: Found, unfinished: Unfinished, upload: str | None
    ) -> dict[str, Any]:
        if upload is None:
            upload = self.client.begin_upload(archive.size, archive.name)
            unfinished.remember(archive.path, upload)

        def progress(sent: int, size: int) -> None:
            self.large[archive.name] = sent, size
            if self._ended.is_set():
                raise _Interrupted

        try:
            self.client.upload(archive.path, upload=upload, progress=progress)
        except ClientError as error:
            if error.status != _GONE:
                raise
            # It has expired, or an earlier run has made a batch of it, which is told again.
        try:
            return self.client.submit_upload(self.collection, upload, archive.name)
        except ClientError as error:
            if error.status in _REFUSED:
                unfinished.forget(archive.path)
                with suppress(ClientError):  # it expires anyway
                    self.client.delete_upload(upload)
            raise

    def _take(self, done: Iterable[Future[_Sent]]) -> None:
        for sent in (future.result() for future in done):
            for skip in sent.skipped:
                self.skips.add(*skip)
            if sent.batch is not None:
                self._ask(sent.batch)

    def _look(self) -> None:
        """Ask for the batches that were sent first, of those that are not done."""
        running = [batch for batch, status in self.batches.items() if not status.has_ended]
        for batch in running[:_LOOKED_AT]:
            self._ask(batch)

    def _ask(self, batch: str) -> None:
        self.batches[batch] = self.client.patiently(partial(self.client.batch, batch))

    def _gone(self, walk: Walk, paths: Iterable[Path]) -> list[str]:
        """The items of the given folders whose files are no longer there."""
        gone = []
        for folder in (path for path in paths if path.is_dir()):
            prefix = f"{walk.name(folder)}/"
            if prefix == "/":
                raise ValueError(
                    "prune needs a folder with a name: run it from the folder above, "
                    "or give that one as root"
                )
            if not any(name.startswith(prefix) for name in walk.present):
                self.skips.add(prefix, "unreadable", "the folder is empty: nothing is deleted")
                continue
            for item in self.client.holdings(self.collection, prefix):
                names = list(item.get("names", {}).values())
                ours = names and all(name.startswith(prefix) for name in names)
                if ours and item["id"] not in self._ids and not walk.may_have(names):
                    gone.append(item["id"])
        return gone

    def _delete(self, gone: Sequence[str]) -> int:
        with ThreadPoolExecutor(self.parallel) as pool:
            return sum(1 for _ in pool.map(partial(self.client.delete_item, self.collection), gone))


def _refused(name: str, error: ClientError) -> _Sent:
    """What the gateway says of one request; raises what it would say of each."""
    if error.status not in _REFUSED:
        raise error
    return _Sent(None, [(name, "refused", str(error))])
