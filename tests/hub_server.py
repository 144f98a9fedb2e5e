"""A hub on this machine: what snapshot_download asks of huggingface.co, answered from a folder."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

_LISTED = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/tree/(?P<commit>[^/]+)")
_FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<commit>[^/]+)/(?P<file>.+)")


class _Hub(BaseHTTPRequestHandler):
    """Lists the files of a commit, and gives each."""

    root: Path
    asked: list[str]

    def do_GET(self) -> None:
        place = unquote(urlsplit(self.path).path)
        self.asked.append(place)
        if listed := _LISTED.fullmatch(place):
            folder = self.root / listed["repository"] / listed["commit"]
            if folder.is_dir():
                return self._send(json.dumps([_entry(folder, path) for path in _files(folder)]))
        elif found := _FILE.fullmatch(place):
            data = (self.root / found["repository"] / found["commit"] / found["file"]).read_bytes()
            return self._send(
                data, headers={"X-Repo-Commit": found["commit"], "ETag": f'"{_digest(data)}"'}
            )
        return self._send("", 404, {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 (http.server's naming)

    def _send(
        self, body: str | bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *args) -> None:
        """Stay silent."""


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _entry(folder: Path, path: Path) -> dict[str, object]:
    data = path.read_bytes()
    name = path.relative_to(folder).as_posix()
    return {"type": "file", "path": name, "size": len(data), "oid": _digest(data)}


@contextmanager
def serve(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve ``root/OWNER/NAME/COMMIT/…``; yields the address, and the paths that were asked for."""
    asked: list[str] = []
    handler = type("Handler", (_Hub,), {"root": root, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
