"""Sending one large file in pieces, by the tus protocol: what has arrived stays."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from triptych.client.errors import ClientError
from triptych.core.settings import cache_home

if TYPE_CHECKING:
    import httpx

VERSION = {"tus-resumable": "1.0.0"}
_PART_TYPE = "application/offset+octet-stream"
_PASSING = frozenset({None, 409, 500, 502, 503, 504})
"""Statuses after which it is worth asking for the offset and going on."""
_PAUSES = (0.5, 1.0, 3.0, 10.0, 30.0)
"""Seconds between the tries while nothing arrives."""
_PIECE = 32 * 2**20
"""Bytes of one request: proxies have limits, too."""
_BLOCK = 2**18

Request = Callable[..., "httpx.Response"]
"""Sends a request of this method, path, headers and body. Raises ClientError."""
SentBytes = Callable[[int, int], None]
"""Told how many bytes were sent, and how many there are; may raise to stop."""


def metadata(name: str) -> str:
    """What the file is called, as a header has it."""
    return f"filename {base64.b64encode(name.encode()).decode()}" if name else ""


@dataclass
class Sending:
    """One file on its way.

    Args:
        request: sends requests.
        path: of the upload, at the gateway.
        file: seekable.
        size: its bytes.
        progress: told of what was sent.
    """

    request: Request
    path: str
    file: IO[bytes]
    size: int
    progress: SentBytes

    def run(self) -> None:
        """Send what has not arrived yet, and go on after each failure, as long as that helps.

        Raises ClientError: nothing arrived in the last tries, or there is no such upload.
        """
        best, offset = -1, None
        pauses = iter(_PAUSES)
        while offset is None or offset < self.size:
            try:
                offset = self._arrived() if offset is None else self._send(offset)
            except ClientError as error:
                if error.status not in _PASSING or (pause := next(pauses, None)) is None:
                    raise
                offset = None
                time.sleep(pause)
                continue
            if offset > best:
                best, pauses = offset, iter(_PAUSES)
            self.progress(offset, self.size)

    def _arrived(self) -> int:
        return _offset(self.request("HEAD", self.path, headers=VERSION))

    def _send(self, offset: int) -> int:
        """Send one piece; where the next one begins."""
        length = min(_PIECE, self.size - offset)
        headers = {
            **VERSION,
            "content-type": _PART_TYPE,
            "content-length": str(length),
            "upload-offset": str(offset),
        }
        body = self._blocks(offset, length)
        return _offset(self.request("PATCH", self.path, headers=headers, content=body))

    def _blocks(self, offset: int, length: int) -> Iterator[bytes]:
        self.file.seek(offset)
        end = offset + length
        while offset < end and (block := self.file.read(min(_BLOCK, end - offset))):
            yield block
            offset += len(block)
            self.progress(offset, self.size)


def _offset(response: "httpx.Response") -> int:
    try:
        return int(response.headers["upload-offset"])
    except (KeyError, ValueError) as error:
        raise ClientError("the gateway does not tell how much has arrived") from error


@dataclass(frozen=True)
class Unfinished:
    """The uploads that this user has begun, so that another process can go on with them.

    A file that has changed since is another one. Where nothing can be written, nothing is
    remembered: it is sent from the beginning.
    """

    server: str
    folder: Path = field(default_factory=lambda: cache_home() / "uploads")

    def find(self, path: Path) -> str | None:
        """The upload of a file, if one was begun."""
        try:
            found: Mapping[str, str] = json.loads(self._note(path).read_text("utf-8"))
            return found["upload"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, path: Path, upload: str) -> None:
        """Note that an upload was begun."""
        with suppress(OSError):
            note = self._note(path)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps({"file": str(path), "upload": upload}), "utf-8")

    def forget(self, path: Path) -> None:
        """Note that it is of no use any more."""
        with suppress(OSError):
            self._note(path).unlink(missing_ok=True)

    def _note(self, path: Path) -> Path:
        known = path.stat()
        parts = [self.server, str(path.resolve()), known.st_size, known.st_mtime_ns]
        return self.folder / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}.json"
