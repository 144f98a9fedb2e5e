"""What phones, browsers and cameras record; in a sandbox, and without what decodes it."""

import pytest

from triptych.core.errors import MediaError, TooLarge
from triptych.media import film
from triptych.media.audio import RATE, decode_sound
from triptych.media.containers import container_of
from unit.media.films import FILMS, KINDS, fast_start, filmed, recorded
from unit.media.sounds import pitches, scale

ALL = [300, 400, 500, 600, 700, 800]
NARROW = {"amr", "wav of g726"}


@pytest.fixture
def without_extra(monkeypatch):
    """As where the extra is not installed."""
    monkeypatch.setattr(film, "is_installed", lambda: False)


@pytest.mark.parametrize("name", KINDS)
def test_recordings_are_heard(name):
    """In the pitches and the length that they were made of."""
    found = decode_sound(recorded(scale(KINDS[name][2]), name), max_seconds=60)
    assert pitches(found.samples)[:6] == ALL
    assert len(found.samples) == pytest.approx(6 * RATE, abs=0.12 * RATE)
    assert not found.notes


@pytest.mark.parametrize("name", FILMS)
def test_the_sound_of_films_is_heard(name):
    """Their pictures are not looked at."""
    found = decode_sound(filmed(scale(48_000), name), max_seconds=60)
    assert pitches(found.samples)[:6] == ALL
    assert not found.notes


@pytest.mark.parametrize("name", ["weba", "mka", "wav of g726"])
def test_a_recording_that_does_not_say_how_long_it_is_is_heard(name):
    """Browsers write while they record, and never go back."""
    found = decode_sound(recorded(scale(KINDS[name][2]), name, piped=True), max_seconds=60)
    assert pitches(found.samples)[:6] == ALL
    assert not found.notes


@pytest.mark.parametrize("name", ["m4a", "alac", "weba", "wma", "mka"])
def test_what_is_there_of_a_recording_that_is_cut_is_heard(name):
    """Where it says how long it is, with how much is missing."""
    data = recorded(scale(KINDS[name][2]), name)
    if name in {"m4a", "alac"}:
        data = fast_start(data)
    found = decode_sound(data[: int(len(data) * 0.8)], max_seconds=60)
    (note,) = found.notes
    assert note.lost
    assert "of 6.0 s are there" in note.text
    assert pitches(found.samples)[:4] == ALL[:4]


def test_aac_is_heard_from_the_middle_of_a_stream():
    """From the first frame that is whole."""
    found = decode_sound(recorded(scale(44_100), "aac")[333:], max_seconds=60)
    assert pitches(found.samples)[:6] == ALL


def test_a_recording_without_its_index_is_refused():
    """A phone writes it at the end, when the recording is done."""
    data = recorded(scale(44_100), "m4a")
    with pytest.raises(MediaError, match=r"audio is M4A .*can't be decoded"):
        decode_sound(data[: len(data) // 2], max_seconds=60)


@pytest.mark.parametrize(
    ("name", "what"),
    [("m4a", "M4A"), ("aac", "AAC"), ("3gp", "3GPP"), ("amr", "AMR"), ("weba", "WebM"),
     ("mka", "Matroska"), ("wma", "Windows Media"), ("mp2", "layer II")],
)  # fmt: skip
def test_without_the_extra_the_reason_names_both(name, what, without_extra):
    """The container, and what to install."""
    data = recorded(scale(KINDS[name][2]), name)
    with pytest.raises(MediaError, match=rf"is .*{what}.* pip install 'triptych\[formats\]'"):
        decode_sound(data, max_seconds=60)


def test_without_the_extra_an_encoding_is_refused_with_what_reads_it(without_extra):
    """Of a container that libsndfile knows."""
    data = recorded(scale(8_000), "wav of g726")
    with pytest.raises(MediaError, match=r"is WAV, and .*triptych\[formats\]"):
        decode_sound(data, max_seconds=60)


def test_a_film_without_sound_is_refused():
    """With what it is."""
    with pytest.raises(MediaError, match="is an MP4 video, and no sound is in it"):
        decode_sound(filmed(None, "mp4"), max_seconds=60)


def test_the_limit_of_length_is_kept():
    """Before anything is decoded where the container says it, else while it is."""
    for name in ("m4a", "aac"):
        with pytest.raises(TooLarge, match="the limit is 5 s"):
            decode_sound(recorded(scale(KINDS[name][2]), name), max_seconds=5)


def test_what_goes_wrong_while_a_sound_is_read_says_what_it_is(monkeypatch):
    """As what goes wrong before."""

    def dies(arguments, data):
        for number, message in enumerate(sandbox(arguments, data)):
            if number == 2:
                raise MediaError("its decoder has died of it (SIGSEGV)")
            yield message

    sandbox = film._sandbox
    monkeypatch.setattr(film, "_sandbox", dies)
    with pytest.raises(MediaError, match=r"^audio is M4A.*, and its decoder has died of it"):
        decode_sound(recorded(scale(44_100), "m4a"), max_seconds=60)


def test_errors_of_who_reads_a_sound_stay_as_they_are():
    """They know it by its field."""
    data = recorded(scale(44_100), "m4a")
    mine = TooLarge("audio is longer than 5 s", field="audio")
    with pytest.raises(TooLarge) as raised, film.open_film(data, container_of(data)):
        raise mine
    assert raised.value is mine


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a PNG picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "is a JPEG picture"),
        (b"%PDF-1.7\n" + bytes(100), "is a PDF document"),
        (b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "is a HEIC picture"),
        (b"MThd" + bytes(100), "is a MIDI file"),
        (b"<!DOCTYPE html><html>", "is an HTML page"),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(100), "is a WebP picture"),
        ("Ein Text.".encode("utf-16"), "is no sound that is known"),
    ],
)
def test_what_is_no_sound_is_refused_by_what_it_is(data, what):
    """And with what would be read."""
    with pytest.raises(MediaError, match=f"audio {what}.*known are WAV.*M4A"):
        decode_sound(data, max_seconds=60)
