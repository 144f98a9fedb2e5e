"""Sidecars: which file each is about, and what it says."""

import io
import json
import time
import zipfile

import pytest

from triptych.core.instants import microseconds
from triptych.engine import Engine
from triptych.ingest.grouping import group_files
from triptych.ingest.sidecars import as_sent, objection, read_sidecar, sidecars
from unit.media.files import empty_png
from unit.media.test_picture_details import XMP, jpeg, xmp

LONG = "a photograph with a name of more than 46 letters"


@pytest.mark.parametrize(
    ("medium", "sidecar"),
    [
        ("photo.jpg", "photo.jpg.xmp"),
        ("photo.CR2", "photo.xmp"),
        ("photo.JPG", "photo.jpg.XMP"),
        ("a/song.mp3", "a/song.mp3.xmp"),
        ("a/photo.jpg", "a/photo.jpg.json"),
        ("photo.jpg", "photo.jpg.supplemental-metadata.json"),
        ("photo.jpg", "photo.jpg.supplemental-me.json"),
        ("photo.jpg", "photo.jpg.s.json"),
        ("photo(1).jpg", "photo.jpg(1).json"),
        ("photo(1).jpg", "photo.jpg.supplemental-metadata(1).json"),
        (f"{LONG}.jpg", f"{LONG[:46]}.json"),
        ("film.MOV", "film.MOV.json"),
    ],
)
def test_what_a_sidecar_is_about(medium: str, sidecar: str):
    """By the ways in which programs name them."""
    others = ["other.jpg", "b/photo.jpg", "photo(2).jpg", "photograph.jpg"]
    assert sidecars([*others, sidecar, medium]) == {medium: [sidecar]}


@pytest.mark.parametrize(
    "name",
    ["photo.jpg.supplemental.doc.json", "phot.json", "photo.json", "b/photo.jpg.xmp",
     "photo.jpg(1).json", "photo.txt.xmp", "photo.jpg.txt"],
)  # fmt: skip
def test_what_is_none(name: str):
    """Data of any other name, and of any other folder."""
    assert sidecars(["photo.jpg", "photo(2).jpg", "notes.txt", name]) == {}


@pytest.mark.parametrize("form", ["IMG_{}.jpg", f"{LONG}, and then {{}}.jpg"])
def test_many_files(form: str):
    """Twenty thousand are looked through in a second or two."""
    media = [form.format(number) for number in range(10_000)]
    about = [f"{name}.supplemental-metadata"[:46] + ".json" for name in media]
    started = time.process_time()
    found = sidecars([*media, *about])
    assert time.process_time() - started < 5
    assert sum(map(len, found.values())) == 10_000


def test_of_several_files_of_a_stem_the_first():
    """A raw file and the camera's picture of it."""
    assert sidecars(["a.CR2", "a.JPG", "a.xmp", "a.JPG.xmp"]) == {
        "a.CR2": ["a.xmp"],
        "a.JPG": ["a.JPG.xmp"],
    }


def test_why_one_is_not_taken():
    """One that is alone, and what is something else."""
    for name in ("photo.xmp", "photo.jpg.json", "photo.jpg.supplemental-metadata.json"):
        assert objection(name) == "it is a sidecar, and the file that it is about is not there"
    for name in ("data.json", "package.lock.json", "photo.xyz"):
        assert objection(name) == "it is of no known kind by its extension"


def takeout(**fields: object) -> bytes:
    """As Google writes it."""
    said = {
        "title": "photo.jpg",
        "description": "On the beach",
        "creationTime": {"timestamp": "1", "formatted": "x"},
        "photoTakenTime": {"timestamp": "1717156800", "formatted": "31.05.2024, 12:00:00 UTC"},
        "geoData": {"latitude": 48.1, "longitude": 11.5, "altitude": 520.0},
        "people": [{"name": "Ann"}, {"name": "Bob"}],
    }
    return json.dumps({**said, **fields}).encode()


def test_takeout():
    """When in UTC, and who is on it; the name of the file is no title."""
    found = read_sidecar("photo.jpg.json", takeout())
    assert found["captured_at"] == microseconds("2024-05-31T12:00:00Z")
    assert found["captured_at_zone"] == "Z"
    assert (found["caption"], found["tags"]) == ("On the beach", ["Ann", "Bob"])
    assert found["place"] == {"latitude": 48.1, "longitude": 11.5}
    assert "title" not in found


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"{", b"\xff", b"[" * 10**5, b'{"a": 1}' + b" " * 2**20,
        takeout(description=7, photoTakenTime="x", geoData=[], people="y"),
        takeout(description=None, photoTakenTime={"timestamp": 5}, people=[1, {"name": 2}]),
        takeout(description="", photoTakenTime={"timestamp": "9" * 20}, people=[]),
        takeout(description="", photoTakenTime={"timestamp": "-99999999999"}, people=[]),
    ],
)  # fmt: skip
def test_damaged_takeout(data: bytes):
    """Says nothing."""
    assert set(read_sidecar("photo.jpg.json", data)) <= {"place"}


def test_the_place_of_takeout():
    """That of the camera where nobody has said another; 0, 0 is none."""
    nowhere = {"latitude": 0.0, "longitude": 0.0}
    of_camera = {"latitude": -33.8, "longitude": 151.2}
    found = read_sidecar("a.jpg.json", takeout(geoData=nowhere, geoDataExif=of_camera))
    assert found["place"] == of_camera
    assert "place" not in read_sidecar("a.jpg.json", takeout(geoData=nowhere))
    assert "place" not in read_sidecar("a.jpg.json", takeout(geoData={"latitude": {}}))


def test_details_as_they_are_sent():
    """The moment in its zone; without one, without one."""
    when = microseconds("2024-05-31T12:00:00.5Z")
    assert as_sent({"captured_at": when, "captured_at_zone": "-03:30"}) == {
        "captured_at": "2024-05-31T08:30:00.500000-03:30"
    }
    assert as_sent({"captured_at": when})["captured_at"] == "2024-05-31T12:00:00.500000"


def test_a_text_that_is_called_like_a_picture():
    """Belongs to it, if it has no other text."""
    groups, _ = group_files(["a.png.txt", "a.png", "a.jpg", "a.jpg.txt", "b.png.txt", "b.txt"])
    assert [(group.id, dict(group.files)) for group in groups] == [
        ("a", {"image": "a.png", "text": "a.png.txt"}),
        ("a.jpg", {"image": "a.jpg", "text": "a.jpg.txt"}),
        ("b.png", {"text": "b.png.txt"}),
        ("b", {"text": "b.txt"}),
    ]
    groups, _ = group_files(["a.png", "a.txt", "a.png.txt"])
    assert [group.id for group in groups] == ["a", "a.png"]


def test_a_film_that_is_called_like_a_picture_without_its_extension():
    """Belongs to it, as does one of the same stem, with its own text."""
    groups, _ = group_files(["a.MP", "a.MP.jpg", "b.HEIC", "b.MOV", "a.MP.txt", "c.MP"])
    assert [(group.id, dict(group.files)) for group in groups] == [
        ("a.MP", {"image": "a.MP.jpg", "audio": "a.MP", "text": "a.MP.txt"}),
        ("b", {"image": "b.HEIC", "audio": "b.MOV"}),
        ("c", {"audio": "c.MP"}),
    ]


FILES = {
    "photo.jpg": jpeg(),
    "photo.jpg.xmp": XMP,
    "photo.png.txt": b"Alone.",
    "takeout/photo.jpg": jpeg(),
    "takeout/photo.jpg.supplemental-meta.json": takeout(),
    "captioned.png": empty_png(0, 0),
    "captioned.png.txt": b"On the beach.",
    "alone.xmp": XMP,
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """With the same files by every way in, one collection each."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "files"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    archive = home / "files.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, data in FILES.items():
            file.writestr(name, data)
    with Engine.open(home / "engine") as opened:
        opened.add("folder", folder, progress=False, root=folder)
        opened.reports = {"zip": opened.add("zip", archive, progress=False, root=home)}
        intake = opened.intake()
        for name, data in FILES.items():
            intake.take(name, io.BytesIO(data))
        opened.accepted = {"batch": opened.accept_files("batch", intake)}
        for chunk in opened.plan(opened.accepted["batch"].manifest).chunks:
            opened.process(chunk)
        opened.index.refresh("batch")
        yield opened


@pytest.mark.parametrize(("way", "prefix"), [("folder", ""), ("zip", "files/"), ("batch", "")])
def test_every_way_in_does_the_same(engine, way: str, prefix: str):
    """Sidecars are no items, and what they say is in those that they are about."""
    page = engine.search(way, limit=100, filter={"status": {"none": ["failed"]}})
    assert {hit.id.removeprefix(prefix) for hit in page.hits} == {
        "photo", "photo.png", "takeout/photo", "captioned",
    }  # fmt: skip
    photo = engine.item(way, f"{prefix}photo")
    assert (photo["title"], photo["tags"], photo["camera"]) == (
        "The beach",
        ["sea", "sand"],
        "Other",
    )
    assert photo["captured_at"] == "2020-07-01T00:00:00Z"
    assert "captured_at_zone" not in photo
    assert photo["place"] == {"latitude": 48.1416667, "longitude": -11.575}
    assert engine.item(way, f"{prefix}takeout/photo")["caption"] == "On the beach"
    assert engine.item(way, f"{prefix}captioned")["text"] == "On the beach."
    found = engine.search(way, text="+title:beach").hits
    assert [hit.id for hit in found] == [f"{prefix}photo"]


def test_a_sidecar_without_its_file_fails(engine):
    """And says why."""
    reason = "it is a sidecar, and the file that it is about is not there"
    (rejected,) = engine.accepted["batch"].rejected
    assert rejected.reason == f"file 'alone.xmp': {reason}"
    failed = [one.errors["item"] for one in engine.reports["zip"].failures if "item" in one.errors]
    assert failed == [f"file 'files/alone.xmp': {reason}"]


def test_what_is_sent_counts_more_than_a_sidecar(engine):
    """In a line of a manifest that names the picture."""
    line = {"id": "a", "image": "photo.jpg", "title": "Sent"}
    files = {"photo.jpg": jpeg(), "photo.jpg.xmp": XMP}
    accepted = engine.accept_manifest("lines", json.dumps(line).encode(), files)
    for chunk in engine.plan(accepted.manifest).chunks:
        engine.process(chunk)
    engine.index.refresh("lines")
    item = engine.item("lines", "a")
    assert (item["title"], item["artist"]) == ("Sent", "Ann, Bob")


def test_a_sidecar_counts_more_than_the_file(engine, tmp_path):
    """It is the newer one. What it does not say the file says."""
    (tmp_path / "a.jpg").write_bytes(jpeg(xmp=xmp("<dc:title>Old</dc:title>"), comment=b"x"))
    (tmp_path / "a.xmp").write_bytes(xmp("<dc:creator>Ann</dc:creator>"))
    engine.add("newer", tmp_path, progress=False, root=tmp_path)
    item = engine.item("newer", "a")
    assert (item["title"], item["artist"]) == ("Old", "Ann")
    (tmp_path / "a.xmp").write_bytes(xmp("<dc:title>New</dc:title>"))
    report = engine.add("newer", tmp_path, progress=False, root=tmp_path)
    assert report.total == 1, "a changed sidecar changes its item"
    assert engine.item("newer", "a")["title"] == "New"
    assert engine.add("newer", tmp_path, progress=False, root=tmp_path).total == 0
