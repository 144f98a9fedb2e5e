"""Archives of every form, whole, hostile and broken."""

import gzip
import io
import os
import stat
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import BadArchive, MediaError, TooLarge
from triptych.core.settings import Limits
from triptych.ingest.archives import LeftOut, Member, Refused, members

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FILES = {"a/cat.png": b"picture", "a/cat.txt": b"A cat.", "b.wav": bytes(range(256)) * 40}


class Stream(io.RawIOBase):
    """Bytes as a socket gives them: forward only, some at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        """At most 1,000 bytes."""
        return self._file.read(min(size, 1000) if size >= 0 else 1000)


def tar(files: dict[str, bytes] | None = None, *infos: tarfile.TarInfo) -> bytes:
    """A TAR of files, and of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info in infos:
            archive.addfile(info)
        for name, data in (FILES if files is None else files).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(files: dict[str, bytes] | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in (FILES if files is None else files).items():
            archive.writestr(name, data)
    return buffer.getvalue()


FORMS: dict[str, Callable[..., bytes]] = {
    "tar": tar,
    "tar.gz": lambda *args: gzip.compress(tar(*args)),
    "tar.zst": lambda *args: zstd.compress(tar(*args)),
    "zip": zipped,
    "stored zip": lambda *args: zipped(*args, method=zipfile.ZIP_STORED),
    "bzip2 zip": lambda *args: zipped(*args, method=zipfile.ZIP_BZIP2),
}
each_form = pytest.mark.parametrize("form", FORMS)


def read(data: bytes, **limits: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """What is taken, and the reasons of what is not."""
    taken: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for member in members(Stream(data), Limits(**limits)):
        if isinstance(member, LeftOut):
            continue
        if isinstance(member, Refused):
            refused[member.name] = member.reason
            continue
        assert isinstance(member, Member)
        try:
            taken[member.name] = member.read(10**8)
        except MediaError as error:
            refused[member.name] = error.reason
    return taken, refused


@each_form
def test_every_member_is_read_from_a_stream(form):
    """Whatever the form; what is hidden, and what systems keep beside it, is left out."""
    hidden = {
        ".DS_Store": b"x",
        "a/.b/c.png": b"x",
        "__MACOSX/a/._cat.png": b"x",
        "__MACOSX/b.png": b"x",
        "a/@eaDir/cat.png/S.jpg": b"x",
        "a/Thumbs.db": b"x",
    }
    assert read(FORMS[form]({**FILES, **hidden})) == (FILES, {})
    assert read(FORMS[form]({"./x.png": b"1", "./y/": b""}))[0]["x.png"] == b"1"


def test_names_in_a_zip_without_a_mark():
    """UTF-8, as a Mac writes them, or code page 437, as the specification says."""
    names = {"Café.png": "utf-8", "Größe.png": "cp437"}
    data = zipped({name.encode(code).hex().ljust(40, "_"): b"x" for name, code in names.items()})
    for name, code in names.items():
        raw = name.encode(code)
        data = data.replace(raw.hex().ljust(40, "_").encode(), raw.rjust(40, b"_"))
    taken, refused = read(data)
    assert ([name.strip("_") for name in taken], refused) == (list(names), {})


@each_form
def test_paths_that_lead_elsewhere_are_refused(form):
    """Nothing is ever written by these names, but they are no names of items either."""
    bad = ("../up.png", "a/../../up.png", "/etc/passwd.png", "C:\\boot.png", "..\\up.png")
    taken, refused = read(FORMS[form]({**dict.fromkeys(bad, b"x"), "good.png": b"y"}))
    assert taken == {"good.png": b"y"}
    assert len(refused) == len(bad)
    assert all("path" in reason for reason in refused.values())


@each_form
def test_archives_in_archives_are_refused(form):
    """And the rest goes on."""
    taken, refused = read(FORMS[form]({"in.zip": zipped(), "in.tar.gz": b"", "c.png": b"y"}))
    assert taken == {"c.png": b"y"}
    assert refused == dict.fromkeys(("in.zip", "in.tar.gz"), "an archive in an archive")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_first_is_taken():
    """In either form."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"1")
        archive.writestr("a.png", b"2")
    reason = {"a.png": "another member has the same name"}
    assert read(buffer.getvalue()) == ({"a.png": b"1"}, reason)
    twice = tar({"a.png": b"1"})[:1024] + tar({"a.png": b"2"})
    assert read(twice) == ({"a.png": b"1"}, reason)


def special(kind: bytes) -> tarfile.TarInfo:
    """A member that is no file."""
    info = tarfile.TarInfo("odd.png")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "it is a link"),
        (tarfile.LNKTYPE, "it is a link"),
        (tarfile.CHRTYPE, "it is not a file"),
        (tarfile.BLKTYPE, "it is not a file"),
        (tarfile.FIFOTYPE, "it is not a file"),
    ],
)
def test_links_and_devices_of_a_tar_are_refused(kind, reason):
    """They are not followed, not even into the archive."""
    assert read(tar(None, special(kind))) == (FILES, {"odd.png": reason})


def test_links_of_a_zip_are_refused():
    """By the mode that Unix programs write."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, mode in (
            ("l.png", stat.S_IFLNK),
            ("p.png", stat.S_IFIFO),
            ("f.png", stat.S_IFREG),
        ):
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o644) << 16
            archive.writestr(info, b"/etc/passwd")
    taken, refused = read(buffer.getvalue())
    assert list(taken) == ["f.png"]
    assert refused == {"l.png": "it is a link", "p.png": "it is not a file"}


@pytest.mark.parametrize(
    ("flag", "reason"),
    [(1, "it is encrypted"), (64, "it is encrypted"), (32, "it is a patch for another file")],
)
def test_members_that_can_not_be_read_are_refused(flag: int, reason: str):
    """By their flag; the others are taken."""
    data = bytearray(zipped({"a.png": b"1", "b.png": b"2"}, zipfile.ZIP_STORED))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature)
        struct.pack_into("<H", data, at + flags, flag)
    assert read(bytes(data)) == ({"b.png": b"2"}, {"a.png": reason})


def test_a_member_that_begins_before_its_zip_fails_alone():
    """Since the directory of the ZIP says that it lies elsewhere."""
    data = bytearray(zipped({"a.png": b"1", "b.png": b"2"}, zipfile.ZIP_STORED))
    at = data.rindex(b"PK\x05\x06") + 16
    (directory,) = struct.unpack_from("<L", data, at)
    struct.pack_into("<L", data, at, directory + 10)
    taken, refused = read(bytes(data))
    assert not taken or set(taken) == {"b.png"}
    assert "it is damaged in the archive" in refused["a.png"]


def test_a_member_whose_two_names_differ_fails_alone():
    """The one before its bytes is no UTF-8."""
    data = bytearray(zipped({"é.png": b"1", "b.png": b"2"}, zipfile.ZIP_STORED))
    data[data.index("é".encode())] = 0xFF
    taken, refused = read(bytes(data))
    assert taken == {"b.png": b"2"}
    assert "it is damaged in the archive" in refused["é.png"]


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.map": "a,b"},
        {"GNU.sparse.size": "zz"},
        {"GNU.sparse.realsize": "zz"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"},
    ],
)
def test_headers_of_a_tar_that_make_no_sense_are_damage(headers):
    """And no defect of ours."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.pax_headers = headers
        archive.addfile(info)
    with pytest.raises(BadArchive):
        read(buffer.getvalue())


def test_a_damaged_member_of_a_zip_fails_alone():
    """By its checksum."""
    data = zipped({"a.png": b"first" * 50, "b.png": b"2"}, zipfile.ZIP_STORED)
    taken, refused = read(data.replace(b"firstfirst", b"firstFIRST", 1))
    assert taken == {"b.png": b"2"}
    assert "damaged" in refused["a.png"]


@each_form
def test_a_bomb_is_refused(form):
    """By its ratio, before more than a little of it is unpacked; a large drawing is not."""
    bomb = FORMS[form]({"bomb.png": bytes(80 * 2**20)})
    if len(bomb) > 2**20:
        pytest.skip("not compressed")
    tracemalloc.start()
    try:
        taken, refused = read(bomb, archive_ratio=100)
    except TooLarge as error:
        taken, refused = {}, {"bomb.png": error.reason}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken == {}
    assert "times" in refused["bomb.png"]
    assert peak < 40 * 2**20
    assert len(read(FORMS[form]({"drawing.png": bytes(10 * 2**20)}), archive_ratio=100)[0]) == 1


@each_form
def test_limits_hold(form):
    """Of the archive itself, of what it holds, and of its members."""
    data = FORMS[form]({f"{n}.png": os.urandom(50_000) for n in range(20)})
    for limits in (
        {"archive_bytes": 100_000}, {"archive_content_bytes": 500_000}, {"archive_members": 19},
    ):  # fmt: skip
        with pytest.raises(TooLarge, match="archive h"):
            read(data, **limits)
    assert len(read(data, archive_members=20, archive_content_bytes=1_100_000)[0]) == 20


@each_form
def test_a_member_above_the_limit_is_not_read(form):
    """It is skipped, and the next one is there."""
    found = iter(members(Stream(FORMS[form]({"a.png": b"x" * 5000, "b.png": b"y"})), Limits()))
    with pytest.raises(TooLarge, match="5000 bytes, the limit is 10"):
        next(found).read(10)
    assert next(found).read(10) == b"y"


@each_form
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_an_archive_that_is_cut_off_is_refused(form, part):
    """Wherever."""
    data = FORMS[form]({f"{n}.png": os.urandom(3000) for n in range(5)})
    if form == "tar":  # which ends with many more zeros than are needed
        data = data[: 5 * 3584 + 512]
    with pytest.raises(BadArchive):
        read(data[: int(len(data) * part)])


def test_a_tar_that_is_cut_between_two_members_is_refused():
    """What came before is whole, but there was more."""
    data = FORMS["tar"]({f"{n}.png": os.urandom(3000) for n in range(5)})
    assert len(read(data[: 5 * 3584 + 512])[0]) == 5
    for count in range(1, 6):
        for more in (0, 1, 511):  # also within the header of the next one
            with pytest.raises(BadArchive, match="ends with a block of zeros"):
                read(data[: count * 3584 + more])


STARTS = (b"no archive at all", b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
NOISE = [start + b"x" * 99 for start in STARTS]


@pytest.mark.parametrize("data", [b"", b"x", *NOISE])
def test_what_is_no_archive_is_refused(data):
    """Also where it begins like one."""
    with pytest.raises(BadArchive):
        read(data)


def test_headers_that_fill_the_memory_are_refused():
    """A TAR whose extended header is said to have a gigabyte; a ZIP with such a directory."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2**30
    with pytest.raises(BadArchive, match="header"):
        read(info.tobuf() + bytes(10**6))
    data = bytearray(zipped())
    struct.pack_into("<L", data, data.rindex(b"PK\x05\x06") + 12, 2**30)
    with pytest.raises(BadArchive, match="directory"):
        read(bytes(data))


def test_names_that_are_no_utf8_are_escaped():
    """As those of folders."""
    info = tarfile.TarInfo("caf\udce9.png")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(info)
    assert read(buffer.getvalue()) == ({"caf\\xe9.png": b""}, {})


WHOLE = {form: make() for form, make in FORMS.items()}


@given(st.sampled_from(sorted(FORMS)), st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_no_damage_is_a_defect(form, place, noise):
    """Whatever is wrong, it is said in our words."""
    data = WHOLE[form]
    place %= len(data)
    with suppress(BadArchive, TooLarge):
        read(data[:place] + noise + data[place + len(noise) :])
