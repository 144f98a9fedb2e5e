"""What sounds and films say of themselves, by every standard."""

import io
import struct
import time
from typing import Any

import av
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as some

from triptych.core.instants import microseconds
from triptych.media.audio import decode_sound
from triptych.media.id3 import read_id3
from triptych.media.iso6709 import place_of
from triptych.media.sound_tags import sound_details
from unit.media.films import KINDS, settle, write_sound
from unit.media.sounds import mp3_of, tone

MP3 = mp3_of(tone(22_050, 1), "CONSTANT")
SAID = {"title": "Größe", "artist": "Ann", "album": "Songs", "caption": "Recorded at home"}


def details(data: bytes) -> dict[str, Any]:
    """Of a sound as it is read."""
    sound = decode_sound(data, max_seconds=60)
    assert sound.format
    return sound_details(data, sound.said) | {"format": sound.format}


def tagged(kind: str, subtype: str) -> bytes:
    """A sound in which libsndfile has written what it is called."""
    file, rate = io.BytesIO(), 48_000 if subtype == "OPUS" else 44_100
    with sf.SoundFile(file, "w", rate, 1, subtype, format=kind) as sound:
        names = {"caption": "comment"}
        for field, text in SAID.items():
            setattr(sound, names.get(field, field), text)
        sound.write(tone(rate, 1))
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "named"),
    [
        ("FLAC", "PCM_16", "flac"), ("OGG", "VORBIS", "ogg"), ("OGG", "OPUS", "ogg"),
        ("WAV", "PCM_16", "wav"), ("AIFF", "PCM_16", "aiff"),
    ],
)  # fmt: skip
def test_what_libsndfile_writes(kind: str, subtype: str, named: str):
    """Comments of Vorbis in FLAC and Ogg, INFO in WAV, chunks in AIFF, which has no album."""
    wanted = {name: text for name, text in SAID.items() if (kind, name) != ("AIFF", "album")}
    assert details(tagged(kind, subtype)) == wanted | {"format": named}


def synchsafe(size: int) -> bytes:
    """Four bytes of seven bits."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def frame(name: bytes, body: bytes, version: int, flags: int = 0) -> bytes:
    """A frame of ID3."""
    if version == 2:
        return name + len(body).to_bytes(3) + body
    size = synchsafe(len(body)) if version == 4 else struct.pack(">I", len(body))
    return name + size + bytes([0, flags]) + body


def id3(*frames: bytes, version: int = 4, flags: int = 0) -> bytes:
    """A tag, with some room behind its frames."""
    body = b"".join(frames) + bytes(100)
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body


def comment(text: bytes, description: bytes = b"") -> bytes:
    """The content of a comment in UTF-8."""
    return b"\3eng" + description + b"\0" + text


TAGS = {
    2: id3(
        frame(b"TT2", b"\0Gr\xf6\xdfe", 2),
        frame(b"TP1", b"\0Ann\0", 2),
        frame(b"TAL", b"\1\xff\xfeS\0o\0n\0g\0s\0", 2),
        frame(b"COM", b"\0engiTunNORM\x00 0000", 2),
        frame(b"COM", b"\0eng\0Recorded at home", 2),
        version=2,
    ),
    3: id3(
        frame(b"APIC", bytes(5000), 3),
        frame(b"TIT2", b"\1" + "\ufeffGröße\0".encode("utf-16-le"), 3),
        frame(b"TPE1", b"\0Ann", 3),
        frame(b"TALB", b"\1\xfe\xff" + "Songs".encode("utf-16-be"), 3),
        frame(b"COMM", comment(b"Recorded at home"), 3),
        version=3,
    ),
    4: id3(
        frame(b"TIT2", b"\3" + "Größe".encode(), 4),
        frame(b"TPE1", b"\0\0\0\4\3Ann", 4, 0x01),
        frame(b"TALB", b"\2" + "Songs".encode("utf-16-be"), 4),
        frame(b"COMM", comment(b"0000", b"iTunSMPB"), 4),
        frame(b"COMM", comment(b"Recorded at home"), 4),
        frame(b"TDRC", b"\0002024-05-31T12:00:00", 4),
    ),
}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_id3(version: int):
    """In all encodings; a comment of a program is none."""
    dated = {"captured_at": microseconds("2024-05-31T12:00:00")} if version == 4 else {}
    assert details(TAGS[version] + MP3) == SAID | {"format": "mp3"} | dated


def test_frames_that_say_their_length():
    """It is no part of the text."""
    assert read_id3(TAGS[4])["artist"] == "Ann"


def test_several_performers():
    """Version 4 has them between zeros."""
    assert read_id3(id3(frame(b"TPE1", b"\3Ann\0Bob\0", 4)))["artist"] == "Ann, Bob"


def test_id3_at_the_end():
    """Of 30 letters; the longer tag at the beginning counts more."""
    strings = (part.ljust(30, b"\0") for part in (b"Old", b"Bob", b"Rest"))
    last = b"TAG" + b"".join(strings) + bytes(35)
    assert len(last) == 128
    found = read_id3(id3(frame(b"TIT2", b"\3New", 4)) + MP3 + last)
    assert found == {"title": "New", "artist": "Bob", "album": "Rest"}


def test_id3_that_is_made_not_to_look_like_sound():
    """A zero is put behind each 255 (unsynchronisation)."""
    body = b"\1\xff\0\xfea\0"
    whole = id3(frame(b"TIT2", body.replace(b"\xff\0", b"\xff"), 3), version=3)
    packed = whole[:5] + b"\x80" + whole[6:].replace(b"\xff\xfe", b"\xff\0\xfe")
    assert read_id3(packed)["title"] == "a"
    assert read_id3(id3(frame(b"TIT2", body, 4, 0x02)))["title"] == "a"


def test_a_recorder_says_when():
    """In the chunk of broadcasters."""
    bext = b"Take 1".ljust(256, b"\0") + bytes(64) + b"2024-05-3112:00:00" + bytes(264)
    wav = tagged("WAV", "PCM_16")
    chunk = b"bext" + struct.pack("<I", len(bext)) + bext
    found = details(wav[:12] + chunk + wav[12:])
    assert found["captured_at"] == microseconds("2024-05-31T12:00:00")
    assert found["caption"] == "Take 1"


@pytest.mark.parametrize("kind", ["m4a", "mka", "wma"])
def test_what_ffmpeg_finds(kind: str):
    """In the containers that it reads."""
    container, encoding, rate = KINDS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        output.metadata.update({"title": "Größe", "artist": "Ann", "album": "Songs"})
        stream = output.add_stream(encoding, rate=rate)
        settle(stream, encoding)
        write_sound(output, stream, tone(rate, 1), rate)
    found = details(file.getvalue())
    assert (found["title"], found["artist"]) == ("Größe", "Ann")
    assert found["format"] == {"mka": "mkv"}.get(kind, kind)


def test_what_a_phone_says_of_a_film():
    """When, where and with what; with the zone rather than without."""
    found = sound_details(
        b"",
        {
            "creation_time": "2024-05-31T12:00:00.000000Z",
            "com.apple.quicktime.creationdate": "2024-05-31T14:00:00+0200",
            "com.apple.quicktime.make": "Apple",
            "com.apple.quicktime.model": "iPhone 15",
            "com.apple.quicktime.location.ISO6709": "+48.1417+011.5775+520.000/",
        },
    )
    assert found["captured_at"] == microseconds("2024-05-31T12:00:00Z")
    assert found["captured_at_zone"] == "+02:00"
    assert found["camera"] == "Apple iPhone 15"
    assert found["place"] == {"latitude": 48.1417, "longitude": 11.5775}


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("+48.1417+011.5775+520.000/", (48.1417, 11.5775)),
        ("-33.8600-070.5000/", (-33.86, -70.5)),
        ("+40-075CRSWGS_84/", (40, -75)),
        ("48.1, 11.5", None), ("", None), ("+4807.5+01134.0/", None),
    ],
)  # fmt: skip
def test_places_of_films(written: str, place: tuple[float, float] | None):
    """In degrees; minutes and seconds nobody writes."""
    assert place_of(written) == place


def vorbis(*comments: bytes) -> bytes:
    """Comments in a FLAC."""
    body = struct.pack("<I", 3) + b"abc" + struct.pack("<I", len(comments))
    body += b"".join(struct.pack("<I", len(one)) + one for one in comments)
    return b"fLaC\x84" + len(body).to_bytes(3) + body


@pytest.mark.parametrize("letter", ["ö", "東", "😀"])
def test_long_comments(letter: str):
    """Are cut between two letters, whatever the standard."""
    for lead in range(4):
        text = "x" * lead + letter * 70_000
        body = text.encode()
        size = struct.pack("<I", len(body))
        for data in (
            vorbis(b"comment=" + body),
            id3(frame(b"COMM", b"\3eng\0" + body, 4)),
            b"RIFF\0\0\0\0WAVELIST" + struct.pack("<I", len(body) + 12) + b"INFOICMT" + size + body,
            b"FORM\0\0\0\0AIFFANNO" + struct.pack(">I", len(body)) + body,
        ):
            caption = sound_details(data, {})["caption"]
            assert caption == text[: len(caption)]
            assert len(caption) > 16_000


def test_many_comments():
    """Nearly a million that are all different cost no more than a thousand."""
    many = vorbis(*(b"artist=%d" % number for number in range(900_000)))
    started = time.process_time()
    found = sound_details(many, {})
    assert time.process_time() - started < 5
    assert len(found["artist"]) <= 1024


@pytest.mark.parametrize(
    "data",
    [
        id3(frame(b"XXXX", b"", 4) * 10**6),
        b"RIFF\0\0\0\0WAVE" + (b"LIST\x04\x20\0\0INFO" + b"IXXX\0\0\0\0" * 1024) * 2000,
        b"FORM\0\0\0\0AIFF" + b"XXXX\0\0\0\0" * 10**6,
        b"OggS\0" + bytes(21) + b"\0" + (b"OggS\0" + bytes(21) + b"\xff" + bytes(255)) * 50_000,
    ],
    ids=["frames", "strings", "chunks", "pages"],
)
def test_many_parts(data: bytes):
    """Cost little."""
    started = time.process_time()
    assert sound_details(data, {}) == {}
    assert time.process_time() - started < 5


def test_claims():
    """Of sizes that are not there."""
    huge = struct.pack("<I", 2**32 - 1)
    assert sound_details(b"fLaC\x84\xff\xff\xff" + huge, {}) == {}
    assert sound_details(b"fLaC\x84\0\0\x10" + bytes(4) + huge + huge + b"title=a", {}) == {}
    assert sound_details(b"ID3\4\0\0\x7f\x7f\x7f\x7fTIT2\x7f\x7f\x7f\x7f\0\0\3a", {}) == {}


WHOLE = (*TAGS.values(), tagged("OGG", "VORBIS")[:6000], tagged("WAV", "PCM_16"),
         tagged("AIFF", "PCM_16"), tagged("FLAC", "PCM_16")[:6000])  # fmt: skip


@given(which=some.integers(0, len(WHOLE) - 1), place=some.integers(0, 600),
       junk=some.binary(min_size=1, max_size=8), end=some.integers(10, 6000))  # fmt: skip
def test_damage(which: int, place: int, junk: bytes, end: int):
    """Anything may come of it but an error."""
    data = WHOLE[which]
    data = (data[:place] + junk + data[place + len(junk) :])[:end]
    sound_details(data, {})


@given(some.dictionaries(some.text(max_size=20), some.text(max_size=60), max_size=8))
def test_whatever_ffmpeg_says(said: dict[str, str]):
    """Nothing of it is trusted."""
    names = ["title", "creation_time", "location", "make", "model", "comment"]
    sound_details(b"", {**dict(zip(names, said.values(), strict=False)), **said})
