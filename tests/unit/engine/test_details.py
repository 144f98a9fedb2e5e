"""What files say of themselves, from the file to the query, in process."""

import io

import pytest
import soundfile as sf
from PIL import Image

from triptych.engine import Engine
from unit.media.films import filmed
from unit.media.sounds import tone


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """With a picture and a sound that say something, each sent twice."""
    with Engine.open(tmp_path_factory.mktemp("engine")) as opened:
        sent = {"captured_at": "2020-01-01T00:00:00+01:00", "title": "Sent", "tags": ["mine"]}
        items = [
            {"id": "photo", "image": photo()},
            {"id": "said", "image": photo(), **sent},
            {"id": "song", "audio": song()},
            {"id": "both", "image": photo(), "audio": song()},
        ]
        report = opened.add("c", items, progress=False)
        assert (report.done, report.failed, report.partial) == (4, 0, 0), report
        yield opened


def photo() -> bytes:
    """With a title for Windows, and a camera."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "X1"
    exif[0x010E] = "Sunset over the sea"
    exif[0x9C9B] = "Zanzibar\0".encode("utf-16-le")
    exif[0x9C9E] = "beach;evening\0".encode("utf-16-le")
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 14:00:00"
    exif.get_ifd(0x8769)[0x9011] = "+02:00"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (48.0, 8.0, 30.0), "E", (11.0, 34.0, 30.0)
    file = io.BytesIO()
    Image.new("RGB", (320, 200), (200, 80, 20)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def song() -> bytes:
    """Of 1.5 seconds."""
    file = io.BytesIO()
    with sf.SoundFile(file, "w", 22_050, 1, "PCM_16", format="FLAC") as sound:
        sound.title, sound.artist, sound.album = "Marimba", "Ann", "Songs"
        sound.write(tone(22_050, 1.5))
    return file.getvalue()


def found(engine, **query) -> set[str]:
    """The ids of the hits."""
    return {hit.id for hit in engine.search("c", **query).hits}


def test_fields_are_filled(engine):
    """As the file says."""
    item = engine.item("c", "photo")
    assert item["captured_at"] == "2024-05-31T12:00:00Z"
    assert item["captured_at_zone"] == "+02:00"
    assert (item["camera"], item["title"]) == ("Acme X1", "Zanzibar")
    assert (item["caption"], item["tags"]) == ("Sunset over the sea", ["beach", "evening"])
    assert (item["width"], item["height"], item["format"]) == (320, 200, ["jpeg"])
    assert item["size"] == len(photo())
    assert item["place"] == {"latitude": 48.1416667, "longitude": 11.575}
    song_ = engine.item("c", "song")
    assert (song_["duration"], song_["format"], song_["album"]) == (1.5, ["flac"], "Songs")
    both = engine.item("c", "both")
    assert (both["title"], both["artist"]) == ("Zanzibar", "Ann")
    assert both["format"] == ["jpeg", "flac"]


def test_what_is_sent_counts_more(engine):
    """Field by field; the same picture is read once."""
    item = engine.item("c", "said")
    assert (item["captured_at"], item["captured_at_zone"]) == ("2019-12-31T23:00:00Z", "+01:00")
    assert (item["title"], item["tags"], item["camera"]) == ("Sent", ["mine"], "Acme X1")


def test_filters(engine):
    """Of each kind."""
    assert found(engine, filter={"camera": "Acme X1"}) == {"photo", "said", "both"}
    assert found(engine, filter={"captured_at": {"gte": "2024-05-31"}}) == {"photo", "both"}
    assert found(engine, filter={"duration": {"gt": 1.25, "lt": 1.75}}) == {"song", "both"}
    assert found(engine, filter={"duration": 1.5}) == {"song", "both"}
    assert found(engine, filter={"format": ["flac", "jpeg"]}) == {"both"}
    assert found(engine, filter={"width": {"gte": 320}, "album": "Songs"}) == {"both"}


def test_places(engine):
    """Within a circle, and within a box."""
    near = {"latitude": 48.14, "longitude": 11.58, "within": 1000}
    assert found(engine, filter={"place": near}) == {"photo", "said", "both"}
    assert found(engine, filter={"place": {**near, "within": 100}}) == set()
    box = {"north": 49, "south": 48, "west": 11, "east": 12}
    assert found(engine, filter={"place": box}) == {"photo", "said", "both"}
    assert found(engine, filter={"place": {**box, "west": 11.6}}) == set()


def test_a_live_photo_is_one_item(engine, tmp_path):
    """The picture, and the sound of the film; of two moments that of the picture."""
    (tmp_path / "live.jpg").write_bytes(photo())
    (tmp_path / "live.MOV").write_bytes(filmed(tone(48_000, 2), "mov"))
    report = engine.add("live", tmp_path, progress=False, root=tmp_path)
    assert (report.total, report.failed, report.partial) == (1, 0, 0), report
    item = engine.item("live", "live")
    assert item["modalities"] == ["image", "audio"]
    assert item["format"] == ["jpeg", "mov"]
    assert item["captured_at"] == "2024-05-31T12:00:00Z"
    assert item["duration"] == pytest.approx(2, abs=0.1)


def test_a_motion_photo_is_one_item(engine):
    """The film behind the picture does not matter."""
    moving = photo() + filmed(tone(48_000, 2), "mp4")
    report = engine.add("motion", {"id": "a", "image": moving}, progress=False)
    assert (report.failed, report.partial) == (0, 0)
    item = engine.item("motion", "a")
    assert (item["modalities"], item["format"]) == (["image"], ["jpeg"])
    assert item["camera"] == "Acme X1"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("title:zanzibar", {"photo", "both"}),
        ("artist:ann", {"song", "both"}),
        ("caption:sunset", {"photo", "said", "both"}),
        ("tags:beach", {"photo", "both"}),
        ("title:sent", {"said"}),
        ("+marimba", {"song"}),
    ],
)
def test_words_are_found(engine, query, ids):
    """Of titles, performers, captions and tags."""
    hits = engine.search("c", text=query, highlight=True).hits
    assert {hit.id for hit in hits if hit.highlights} == ids
