"""Large files are sent in pieces, and sending goes on after whatever happens."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from triptych.client import Adding, Client, ClientError, adding, resuming
from triptych.client.resuming import Unfinished


class Gateway:
    """Keeps what it is sent; fails as it is told to, one request after the other."""

    def __init__(self, *failures: object) -> None:
        self.failures: Iterator[object] = iter(failures)
        self.uploads: dict[str, bytearray] = {}
        self.used: dict[str, str] = {}
        self.asked: list[str] = []
        self.said: dict[str, httpx.Headers] = {}
        self.refused = False

    def __call__(self, request: httpx.Request) -> httpx.Response:  # noqa: PLR0911 # by path
        """Answer, as the protocol says."""
        path, upload = request.url.path, request.url.path.rpartition("/")[2]
        self.asked.append(request.method)
        if path.endswith("/limits"):
            return httpx.Response(200, json={"file_bytes": 2**20, "text_chars": 100})
        if path.startswith("/v1/batches"):
            return self._batch(path)
        if path == "/v1/uploads":
            upload = f"u{len(self.said)}"
            self.uploads[upload], self.said[upload] = bytearray(), request.headers
            return httpx.Response(201, headers={"location": f"/v1/uploads/{upload}"})
        if path.endswith("/batches"):
            return self._submitted(request.url.params["upload"])
        if upload not in self.uploads:
            return httpx.Response(404, json={"detail": "no upload"})
        if request.method == "DELETE":
            del self.uploads[upload]
            return httpx.Response(204)
        return self._received(request, self.uploads[upload])

    def _batch(self, path: str) -> httpx.Response:
        state = {"state": "done", "total": 1, "done": 1, "failed": 0, "rate": 1.0}
        if path.endswith("/failures"):
            return httpx.Response(200, json={"failures": []})
        return httpx.Response(200, json={"batch": "b", "collection": "c", **state})

    def _submitted(self, upload: str) -> httpx.Response:
        if self.refused:
            return httpx.Response(400, json={"detail": "archive is damaged"})
        if upload not in self.uploads and upload not in self.used:
            return httpx.Response(404, json={"detail": "no upload"})
        self.uploads.pop(upload, None)
        self.used[upload] = "b"
        return httpx.Response(202, json={"batch": "b"})

    def _received(self, request: httpx.Request, known: bytearray) -> httpx.Response:
        failure = next(self.failures, None) if request.method == "PATCH" else None
        if request.method == "PATCH":
            assert int(request.headers["upload-offset"]) == len(known)
            data = request.read()
            known += data[: len(data) // 2] if failure else data
        if isinstance(failure, Exception):
            raise failure
        if isinstance(failure, int):
            return httpx.Response(failure, json={"detail": "later"})
        return httpx.Response(204, headers={"upload-offset": str(len(known))})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited; nobody really waits."""
    waited: list[float] = []
    monkeypatch.setattr(resuming, "_PIECE", 1000)
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def connected(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    """A client of this gateway."""
    client = Client("http://gateway")
    client._http.close()
    client._http = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer))
    return client


RESET = httpx.WriteError("connection reset")


def test_sending_goes_on_after_failures(pauses):
    """From where it came; whenever something has arrived, patience begins anew."""
    data = os.urandom(4096)
    gateway = Gateway(RESET, None, 503, 409, RESET, 502, None)
    told: list[tuple[int, int]] = []
    with connected(gateway) as client:
        upload = client.upload(io.BytesIO(data), name="a.zip", progress=lambda *to: told.append(to))
    assert gateway.uploads[upload] == data
    assert told[-1] == (4096, 4096)
    assert gateway.said[upload]["upload-length"] == "4096"
    assert gateway.said[upload]["upload-metadata"] == "filename YS56aXA="
    assert gateway.asked.count("PATCH") == 7
    assert set(pauses) == {resuming._PAUSES[0]}


def test_patience_ends_where_nothing_arrives(pauses):
    """With the gateway's reason; what is not there is not asked for again."""

    def away(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"location": "/v1/uploads/u"})
        raise httpx.ConnectError("refused")

    with connected(away) as client, pytest.raises(ClientError, match="can't be reached: refused"):
        client.upload(io.BytesIO(b"x"))
    assert tuple(pauses) == resuming._PAUSES
    with connected(Gateway()) as client, pytest.raises(ClientError, match="no upload"):
        client.upload(io.BytesIO(b"x"), upload="gone")


def test_another_process_goes_on(pauses, tmp_path: Path):
    """It knows the id, or finds it by the file, as long as that is the same."""
    path = tmp_path / "a.zip"
    path.write_bytes(os.urandom(3000))
    gateway = Gateway()
    with connected(gateway) as client:
        upload = client.begin_upload(3000, "a.zip")
    gateway.uploads[upload] += path.read_bytes()[:1234]
    with connected(gateway) as client:
        assert client.upload(path, upload=upload) == upload
    assert gateway.uploads[upload] == path.read_bytes()

    notes = Unfinished("http://gateway", tmp_path / "cache")
    assert notes.find(path) is None
    notes.remember(path, upload)
    assert notes.find(path) == upload
    assert Unfinished("http://other", tmp_path / "cache").find(path) is None
    os.utime(path, (1, 1))
    assert notes.find(path) is None
    notes.remember(path, "v")
    notes.forget(path)
    assert notes.find(path) is None
    assert notes.find(tmp_path / "gone.zip") is None
    unwritable = Unfinished("http://gateway", path / "no folder")
    unwritable.remember(path, "u")
    assert unwritable.find(path) is None


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses) -> Path:
    """An archive that counts as large; the cache is a folder of this test."""
    monkeypatch.setattr(adding, "_LARGE", 2000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "box" / "a.zip"
    path.parent.mkdir()
    path.write_bytes(os.urandom(5000))
    return path


def run(gateway: Gateway, path: Path) -> tuple[Adding, list]:
    """Add the archive; the run and its reports."""
    with connected(gateway) as client:
        run = Adding(client, "c", [path], root=path.parent)
        return run, list(run.run())


def notes(tmp_path: Path) -> list[Path]:
    """What is remembered of unfinished uploads."""
    return list((tmp_path / "cache").rglob("*.json"))


def test_large_archives_are_added_in_pieces(large, tmp_path):
    """The reports tell the bytes; nothing is remembered afterwards."""
    gateway = Gateway(RESET, 503)
    adding, reports = run(gateway, large)
    assert gateway.used == {"u0": "b"}
    assert set(adding.batches) == {"b"}
    assert (reports[-1].sent_bytes, reports[-1].large_bytes) == (5000, 5000)
    assert notes(tmp_path) == []


def test_an_interrupted_archive_is_gone_on_with(large, tmp_path):
    """By the same command; nothing is sent twice."""
    gateway = Gateway()
    stopped = {}

    class Stopping(Gateway):
        """Interrupts the run when the second piece has come."""

        def _received(self, request: httpx.Request, known: bytearray) -> httpx.Response:
            answer = super()._received(request, known)
            if len(known) >= 2000:
                stopped["run"]._ended.set()
            return answer

    first = Stopping()
    with connected(first) as client:
        stopped["run"] = Adding(client, "c", [large], root=large.parent)
        with pytest.raises(adding._Interrupted):
            list(stopped["run"].run())
    assert len(first.uploads["u0"]) == 2000
    assert len(notes(tmp_path)) == 1
    assert stopped["run"].large == {"a.zip": (2000, 5000)}
    gateway.uploads, gateway.said = first.uploads, first.said
    run(gateway, large)
    assert gateway.asked.count("PATCH") == 3
    assert gateway.used == {"u0": "b"}
    assert notes(tmp_path) == []


@pytest.mark.parametrize("what", ["expired", "used"])
def test_an_upload_that_is_not_there_any_more(large, what):
    """One that expired is begun anew; of one that was used the batch is told again."""
    Unfinished("http://gateway").remember(large, "old")
    gateway = Gateway()
    if what == "used":
        gateway.used["old"] = "b"
    run(gateway, large)
    assert gateway.used == ({"old": "b"} if what == "used" else {"u0": "b"})
    assert gateway.asked.count("PATCH") == (0 if what == "used" else 5)


def test_a_refused_archive_is_skipped_and_given_up(large, tmp_path):
    """With the reason; nothing of it stays."""
    gateway = Gateway()
    gateway.refused = True
    adding, _ = run(gateway, large)
    ((name, kind, reason),) = [(one.name, one.kind, one.reason) for one in adding.skips.listed]
    assert (name, kind, reason) == ("a.zip", "refused", "archive is damaged")
    assert gateway.uploads == {}
    assert notes(tmp_path) == []
