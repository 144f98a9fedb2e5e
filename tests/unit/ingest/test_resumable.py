"""Files that come in pieces."""

import io
import os
import threading
import zipfile

import pytest

from triptych.core.errors import Conflict, InvalidInput, NoRoom, NotFound, TooLarge
from triptych.core.settings import Limits
from triptych.ingest import resumable
from triptych.ingest.archives import members
from triptych.ingest.resumable import ResumableUploads
from triptych.media.store import MediaStore

LIMITS = Limits(upload_bytes=2**20, uploads_bytes=40 * 2**20)


class Broken(io.BytesIO):
    """A stream that breaks off at its end."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if not (data := super().read(size)):
            raise ConnectionResetError
        return data


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    """Of a store in a folder; parts are small."""
    monkeypatch.setattr(resumable, "PART_BYTES", 100)
    store = MediaStore(tmp_path.as_uri())
    return ResumableUploads(store, LIMITS, 60)


def files(tmp_path):
    """All files below the folder of uploads."""
    return sorted(path for path in (tmp_path / "uploads").rglob("*") if path.is_file())


def test_what_arrived_is_kept_where_a_stream_breaks_off(uploads):
    """Also the last bytes, which do not fill a part; another gateway goes on from there."""
    data = os.urandom(1000)
    upload = uploads.create(1000, "a.zip", "application/zip")
    with pytest.raises(ConnectionResetError):
        uploads.append(upload, Broken(data[:250]))
    other = ResumableUploads(MediaStore(uploads.store._root), LIMITS, 60)
    found = other.find(upload.id)
    assert (found.offset, found.name, found.kind) == (250, "a.zip", "application/zip")
    assert [part.size for part in found.parts] == [100, 100, 50]
    with pytest.raises(Conflict, match="250 of its 1000"):
        other.open(found)
    assert other.append(found, io.BytesIO(data[250:])).offset == 1000
    with uploads.open(uploads.find(upload.id)) as file:
        assert file.read() == data
        assert (file.seek(95), file.read(110)) == (95, data[95:205])
        assert (file.seek(-3, os.SEEK_END), file.read()) == (997, data[-3:])
        assert file.read() == b""


def test_two_requests_that_send_the_same_bytes_do_not_mix(uploads):
    """One of them goes on, the other is refused, and neither waits for the other."""
    data = os.urandom(1000)
    upload = uploads.create(1000)
    uploads.append(upload, io.BytesIO(data[:300]))
    found = uploads.find(upload.id)
    uploads.append(found, io.BytesIO(data[300:450]))
    with pytest.raises(Conflict, match="another request"):
        uploads.append(found, io.BytesIO(data[300:]))  # as it was before
    with pytest.raises(Conflict, match="offset is 450, not 300"):
        uploads.find(upload.id).expect(300)
    uploads.append(uploads.find(upload.id), io.BytesIO(data[450:]))
    assert uploads.open(uploads.find(upload.id)).read() == data


def test_of_many_at_the_same_moment_one_takes_a_place(uploads):
    """Threads here, processes elsewhere: the store decides."""
    outcomes = []
    upload, barrier = uploads.create(80), threading.Barrier(8)

    def send(number: int) -> None:
        barrier.wait()
        try:
            uploads.append(upload, io.BytesIO(bytes([number]) * 80))
            outcomes.append(number)
        except Conflict:
            outcomes.append(None)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for number in outcomes if number is not None]
    assert uploads.open(uploads.find(upload.id)).read() == bytes([winner]) * 80


def test_more_than_was_told_is_refused(uploads, monkeypatch):
    """And too many parts."""
    upload = uploads.create(150)
    with pytest.raises(TooLarge, match="150"):
        uploads.append(upload, io.BytesIO(b"x" * 151))
    assert uploads.find(upload.id).offset == 100
    monkeypatch.setattr(resumable, "_PARTS", 1)
    upload = uploads.append(uploads.create(150), io.BytesIO(b"x"))
    upload = uploads.append(upload, io.BytesIO(b"x"))
    with pytest.raises(TooLarge, match="more than 2 parts"):
        uploads.append(upload, io.BytesIO(b"x"))


def test_uploads_that_nobody_uses_have_a_bound(uploads, tmp_path):
    """However small each is; what is refused leaves nothing behind."""
    with pytest.raises(TooLarge, match="the limit is 1048576"):
        uploads.create(2**20 + 1)
    with pytest.raises(InvalidInput, match="1024 bytes"):
        uploads.create(1, "x" * 1025)
    first, _ = uploads.create(1), uploads.create(1)
    before = files(tmp_path)
    with pytest.raises(NoRoom, match="41943040"):
        uploads.create(1)
    assert files(tmp_path) == before
    uploads.use(first.id, b"{}")
    assert uploads.create(1).offset == 0


def test_what_is_given_up_or_used_leaves_nothing(uploads, tmp_path):
    """But for what was answered."""
    upload = uploads.append(uploads.create(150), io.BytesIO(b"x" * 150))
    uploads.delete(upload.id)
    used = uploads.append(uploads.create(150), io.BytesIO(b"x" * 150))
    assert uploads.outcome(used.id) is None
    uploads.use(used.id, b'{"batch": "b"}')
    assert list((tmp_path / "uploads").iterdir()) == []
    assert uploads.outcome(used.id) == b'{"batch": "b"}'
    for gone in (upload.id, used.id, "../used", "0" * 32):
        with pytest.raises(NotFound):
            uploads.find(gone)


def test_uploads_expire_by_their_last_bytes(tmp_path):
    """What has expired is not found, and is removed with whatever is in its folder."""
    now = [0.0]
    store = MediaStore(tmp_path.as_uri())
    uploads = ResumableUploads(store, Limits(), 60, clock=lambda: now[0])
    old, young, used = (uploads.create(10) for _ in range(3))
    for upload in (old, young):
        uploads.append(upload, io.BytesIO(b"x" * 5))
    uploads.use(used.id, b"{}")
    (tmp_path / "uploads" / old.id / ".unfinished").write_bytes(b"of a process that was killed")
    for folder in ("uploads", "used"):
        for path in (tmp_path / folder).rglob("*"):
            os.utime(path, (50, 50))
    (last,) = (tmp_path / "uploads" / young.id).glob("0*")
    os.utime(last, (100, 100))
    now[0] = 111
    assert uploads.find(young.id).expires == 160
    with pytest.raises(NotFound, match="expired"):
        uploads.find(old.id)
    assert uploads.collect() == 1
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [young.id]
    assert list((tmp_path / "used").iterdir()) == []


def test_a_zip_is_read_where_it_is(uploads, monkeypatch):
    """Nothing is copied to a temporary file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in ("a.txt", "b.txt"):
            made.writestr(name, name * 100)
    data = buffer.getvalue()
    upload = uploads.append(uploads.create(len(data)), io.BytesIO(data))
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    with uploads.open(upload) as file:
        read = {one.name: one.read(1000) for one in members(file, Limits())}
    assert read == {name: name.encode() * 100 for name in ("a.txt", "b.txt")}
    small = Limits(archive_bytes=len(data) - 1)
    with uploads.open(upload) as file, pytest.raises(TooLarge, match="archive has more"):
        list(members(file, small))
