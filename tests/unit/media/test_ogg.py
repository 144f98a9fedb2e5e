"""Chains of sounds, other streams beside them, ends that are missing."""

import struct

import pytest

from triptych.core.errors import MediaError, TooLarge
from triptych.media import ogg
from triptych.media.audio import RATE, decode_sound
from unit.media.sounds import pitches, scale, tone, write

RATES = {"VORBIS": RATE, "OPUS": 48_000}
every_codec = pytest.mark.parametrize("codec", RATES)


def sound(codec: str, pitch: float, seconds: float = 2, channels: int = 1) -> bytes:
    """A tone in Ogg; each has a serial number of its own."""
    samples = tone(RATES[codec], seconds, pitch)[:, None].repeat(channels, 1)
    return write(samples, RATES[codec], "OGG", codec)


def page(body: bytes, *, flags: int, serial: int) -> bytes:
    """A page with one packet of less than 255 bytes."""
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", 0, serial, 0, 0)
    plain = head + bytes([1, len(body)]) + body
    return plain[:22] + struct.pack("<I", ogg._checksum(plain)) + plain[26:]


@every_codec
def test_every_link_of_a_chain_is_heard(codec):
    """In order."""
    chain = b"".join(sound(codec, pitch) for pitch in (300, 500, 700))
    found = decode_sound(chain, max_seconds=60)
    assert pitches(found.samples) == [300, 300, 500, 500, 700, 700]
    assert not found.notes


def test_links_may_differ_in_everything():
    """Codec, rate and number of channels."""
    chain = sound("OPUS", 300) + sound("VORBIS", 500, channels=2) + sound("OPUS", 700, channels=2)
    found = decode_sound(chain, max_seconds=60)
    assert pitches(found.samples) == [300, 300, 500, 500, 700, 700]


def test_the_limit_is_that_of_all_links_together():
    """However short each is."""
    with pytest.raises(TooLarge, match="the limit is 5 s"):
        decode_sound(sound("VORBIS", 300) * 3, max_seconds=5)


@every_codec
def test_a_byte_that_is_missing_at_the_end_costs_a_packet(codec):
    """The last page says that it is the last: nothing else is missing."""
    found = decode_sound(sound(codec, 300, 6)[:-1], max_seconds=60)
    assert len(found.samples) == pytest.approx(6 * RATE, abs=0.15 * RATE)
    assert pitches(found.samples) == [300] * 6
    assert not found.notes


@every_codec
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_pages_that_are_missing_are_noted(codec, share):
    """How much that is Ogg does not say, unless the last page is there in part."""
    data = sound(codec, 300, 10)
    (note,) = decode_sound(data[: int(len(data) * share)], max_seconds=60).notes
    assert note.lost
    assert note.text.startswith("audio is cut or damaged: ")


def test_a_link_that_breaks_off_at_its_beginning_costs_nothing_else():
    """A recording of a station may end anywhere."""
    found = decode_sound(sound("VORBIS", 300) + sound("VORBIS", 500)[:200], max_seconds=60)
    assert pitches(found.samples) == [300, 300]
    (note,) = found.notes
    assert note.lost


def test_streams_beside_the_sound_are_passed_over():
    """A film, or the headers that some programs write (Skeleton)."""
    data = sound("VORBIS", 300)
    others = page(b"fishead\0" + bytes(56), flags=2, serial=7) + data[:58]
    later = page(b"\x80theora" + bytes(30), flags=0, serial=7)
    rest = data[58:]
    at = rest.index(b"OggS", 4)
    found = decode_sound(others + rest[:at] + later + rest[at:], max_seconds=60)
    assert pitches(found.samples) == [300, 300]


@pytest.mark.parametrize("between", [b"\0" * 100, b"OggS", b"junk" * 1000])
def test_junk_between_pages_is_passed_over(between):
    """As after a disk was repaired."""
    found = decode_sound(sound("VORBIS", 300) + between + sound("OPUS", 500), max_seconds=60)
    assert pitches(found.samples) == [300, 300, 500, 500]


def test_an_ogg_without_sound_is_refused():
    """With what it is."""
    film = page(b"\x80theora" + bytes(30), flags=2, serial=7)
    with pytest.raises(MediaError, match="audio is Ogg, and"):
        decode_sound(film + film, max_seconds=60)


def test_more_links_than_a_recording_has_are_refused():
    """Each costs an opening."""
    link = page(b"OpusHead" + bytes(11), flags=2, serial=1) + page(b"", flags=0, serial=1)
    with pytest.raises(TooLarge, match="more than 4096 sounds"):
        decode_sound(link * 5000, max_seconds=60)


def test_a_single_sound_is_handed_on_as_it_is():
    """Nothing is copied or changed."""
    data = write(scale(RATE), RATE, "OGG", "VORBIS")
    (link,) = ogg.links(data)
    assert link.data(data) is data[0 : len(data)]
