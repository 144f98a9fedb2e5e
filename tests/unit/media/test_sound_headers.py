"""Headers that lie, ends that are missing, starts that are not: what is there is heard."""

import struct

import numpy as np
import pytest

from triptych.core.errors import MediaError
from triptych.media.audio import RATE, decode_sound
from unit.media.sounds import (
    decode,
    in_wav,
    mp3_of,
    pitches,
    resized,
    scale,
    tone,
    without_statement,
    write,
)

ALL = [300, 400, 500, 600, 700, 800]
W64 = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
SIZES = {
    "WAV": (b"data", "<I", [0, 1, 2**31 - 1, 2**31, 0xFFFFF000, 2**32 - 1]),
    "AIFF": (b"SSND", ">I", [0, 8, 2**31 - 1, 2**32 - 1]),
    "AU": (b".snd\0\0\0\x18", ">I", [0, 2**31 - 1, 2**32 - 1]),
    "CAF": (b"data", ">q", [0, 4, -1]),
    "W64": (W64, "<Q", [0, 24, 2**63 - 1, 2**64 - 1]),
    "RF64": (b"ds64\x1c\0\0\0" + bytes(8), "<Q", [0, 2**63 - 1, 2**64 - 1]),
}
LYING = [(kind, size) for kind, (_, _, sizes) in SIZES.items() for size in sizes]


def sound(kind: str, subtype: str = "PCM_16") -> bytes:
    """Six pitches in six seconds."""
    return write(scale(RATE), RATE, kind, subtype)


def with_size(kind: str, size: int, data: bytes | None = None) -> bytes:
    """A file that states this size of its samples."""
    data = sound(kind) if data is None else data
    if kind == "RF64":  # the RIFF size is before that of the samples
        at = data.index(b"ds64") + 16
        return data[:at] + struct.pack("<Q", size & 2**64 - 1) + data[at + 8 :]
    mark, form, _ = SIZES[kind]
    return resized(data, mark, form, size)


@pytest.mark.parametrize(("kind", "size"), LYING)
def test_a_size_that_is_none_is_no_size(kind, size):
    """Zero of a recorder that crashed, the largest of a pipe: all is read, nothing is missing."""
    found = decode_sound(with_size(kind, size), max_seconds=60)
    assert pitches(found.samples) == ALL
    assert not found.notes


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_end_that_is_short_by_a_sample_is_no_loss(kind, missing):
    """Or by a byte that pads."""
    found = decode_sound(sound(kind)[:-missing], max_seconds=60)
    assert pitches(found.samples) == ALL
    assert not found.notes


@pytest.mark.parametrize("kind", SIZES)
def test_a_size_that_is_odd_by_one_is_no_loss(kind):
    """Stated is a sample more than there is."""
    whole = 2 * 6 * RATE + {"AIFF": 8, "CAF": 4, "W64": 24}.get(kind, 0)
    for size in (whole - 1, whole + 1, whole + 2):
        found = decode_sound(with_size(kind, size), max_seconds=60)
        assert pitches(found.samples) == ALL
        assert not found.notes


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "CAF", "W64", "RF64"])
@pytest.mark.parametrize("share", [0.6, 0.95])
def test_what_is_there_of_a_sound_that_is_cut_is_heard(kind, share):
    """With a note that says how much."""
    data = sound(kind)
    found = decode_sound(data[: int(len(data) * share)], max_seconds=60)
    (note,) = found.notes
    assert note.lost
    assert note.text.startswith(f"audio is cut or damaged: {6 * share:.1f}"[:-1])
    assert note.text.endswith("of 6.0 s are there")
    assert pitches(found.samples)[:3] == ALL[:3]


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("W64", "PCM_16"),
     ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("WAV", "GSM610"), ("AU", "G721_32")],
)  # fmt: skip
def test_less_than_half_of_a_sound_is_refused(kind, subtype):
    """With what there is of it."""
    data = sound(kind, subtype)
    with pytest.raises(MediaError, match=r"cut or damaged: [12]\.\d of 6\.\d s are there, less"):
        decode(data[: int(len(data) * 0.4)])


@pytest.mark.parametrize(
    ("kind", "subtype", "chunk"),
    [
        ("WAV", "PCM_16", b"data"),
        ("WAV", "MS_ADPCM", b"data"),
        ("AIFF", "PCM_16", b"SSND"),
        ("CAF", "PCM_16", b"data"),
        ("W64", "PCM_16", b"data"),
        ("AU", "PCM_16", b""),
    ],
)
def test_a_sound_that_is_cut_before_its_samples_is_refused(kind, subtype, chunk):
    """Wherever in the head of the samples, if they have one, or right behind it."""
    data = sound(kind, subtype)
    at = data.index(chunk) if chunk else 24
    for end in range(at + len(chunk), at + 26):
        with pytest.raises(MediaError):
            decode(data[:end])


@pytest.mark.parametrize(("kind", "subtype"), [("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")])
@pytest.mark.parametrize("share", [0.7, 0.9])
def test_frames_are_heard_up_to_the_cut(kind, subtype, share):
    """Of formats whose header states the number of samples, or of frames."""
    data = sound(kind, subtype)
    found = decode_sound(data[: int(len(data) * share)], max_seconds=60)
    (note,) = found.notes
    assert note.lost
    assert "of 6.0 s are there" in note.text
    assert len(found.samples) >= (share - 0.15) * 6 * RATE
    assert pitches(found.samples)[:3] == ALL[:3]


def test_damage_in_the_middle_of_a_flac_costs_its_end():
    """Which the note tells."""
    data = bytearray(sound("FLAC"))
    at = len(data) * 3 // 4
    data[at : at + 3000] = bytes(3000)
    (note,) = decode_sound(bytes(data), max_seconds=60).notes
    assert note.lost


def test_a_flac_from_a_pipe_is_read_to_its_end():
    """It states a length of 0."""
    data = bytearray(sound("FLAC"))
    data[21:26] = bytes([data[21] & 0xF0, 0, 0, 0, 0])
    found = decode_sound(bytes(data), max_seconds=60)
    assert pitches(found.samples) == ALL
    assert not found.notes


def test_samples_behind_a_size_of_zero_are_not_mistaken_for_a_chunk():
    """A sound that is truly empty, with a title behind it, stays empty."""
    empty = write(np.empty(0, np.float32), RATE) + b"LIST\x0c\0\0\0INFOINAM\0\0\0\0"
    with pytest.raises(MediaError, match="no samples"):
        decode(empty)


def test_a_size_that_was_written_too_early_does_not_hide_the_rest():
    """A recorder updates its header now and then, and crashed."""
    found = decode_sound(with_size("WAV", 2 * RATE), max_seconds=60)
    assert pitches(found.samples) == ALL


def test_what_follows_the_samples_is_not_heard():
    """Chunks, and tags that know nothing of chunks."""
    for behind in (b"LIST\x0c\0\0\0INFOINAM\0\0\0\0", b"TAG" + bytes(125)):
        assert len(decode(sound("WAV") + behind)) == 6 * RATE


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("AU", "G721_32"), ("AU", "G723_24"), ("WAV", "G721_32"), ("WAV", "GSM610"),
     ("AIFF", "GSM610"), ("W64", "GSM610"), ("WAV", "MS_ADPCM"), ("WAV", "IMA_ADPCM"),
     ("AIFF", "IMA_ADPCM"), ("WAV", "NMS_ADPCM_32"), ("CAF", "ALAC_16"), ("AIFF", "DWVW_16")],
)  # fmt: skip
def test_encodings_in_which_nothing_can_be_sought_are_read(kind, subtype):
    """From the beginning to the end."""
    found = decode_sound(write(scale(8000), 8000, kind, subtype), max_seconds=60)
    assert pitches(found.samples) == ALL
    assert not found.notes


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("stated", [True, False])
def test_an_mp3_in_a_wav_is_heard_to_its_end(mode, stated):
    """Whatever its header states of samples."""
    mp3 = mp3_of(scale(RATE), mode)
    found = decode_sound(in_wav(mp3 if stated else without_statement(mp3)), max_seconds=60)
    assert pitches(found.samples)[:6] == ALL
    assert not found.notes


APE = (
    b"APETAGEX"
    + struct.pack("<4I8x", 2000, 40, 0, 0xA0000000)
    + b"\x0c\0\0\0\0\0\0\0Artist\0Somebody"
)
JUNK = {
    "zeros": bytes(5000),
    "a sector": bytes(2048),
    "words": b"ICY 200 OK\r\nicy-name: radio\r\n\r\n" * 20,
    "noise": np.random.default_rng(0).bytes(20_000),
    "an APE tag": APE + bytes(40 - 26),
    "an ID3 tag, and zeros": b"ID3\4\0\0\0\0\1\0" + bytes(128) + bytes(700),
    "a tag that claims gigabytes": b"ID3\3\0\0\0\x7f\x7f\x7f",
    "a picture in a tag": b"ID3\4\0\0\0\2\0\0" + np.random.default_rng(1).bytes(2 * 2**14),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_begins_where_its_frames_begin(junk, mode):
    """Whatever is before them."""
    for mp3 in (mp3_of(scale(RATE), mode), without_statement(mp3_of(scale(RATE), mode))):
        found = decode_sound(junk + mp3, max_seconds=60)
        assert pitches(found.samples)[:6] == ALL
        assert not found.notes


@pytest.mark.parametrize("start", [500, 1234, 5001])
def test_an_mp3_from_the_middle_of_a_stream_is_heard(start):
    """Its first frame is not whole."""
    found = decode_sound(mp3_of(scale(RATE), "CONSTANT")[start:], max_seconds=60)
    assert len(found.samples) > 5 * RATE
    assert pitches(found.samples)[-3:-1] == ALL[-3:-1] or pitches(found.samples)[-2:] == ALL[-2:]


def test_joined_mp3s_are_heard_though_the_first_states_its_own_length():
    """All of them, with what is between them."""
    one, other = mp3_of(tone(RATE, 3, 300), "VARIABLE"), mp3_of(tone(RATE, 3, 900), "VARIABLE")
    for between in (b"", b"TAG" + bytes(125), bytes(50_000)):
        found = decode_sound(one + between + other, max_seconds=60)
        assert len(found.samples) == pytest.approx(6 * RATE, abs=0.3 * RATE)
        assert pitches(found.samples)[0] == 300
        assert pitches(found.samples)[-1] == 900


@pytest.mark.parametrize("kind", ["NIST", "IRCAM", "SVX", "VOC"])
def test_containers_of_speech_and_of_old_machines_are_read(kind):
    """As sox and FFmpeg play them."""
    found = decode_sound(write(scale(RATE), RATE, kind), max_seconds=60)
    assert pitches(found.samples) == ALL
    assert not found.notes


def test_an_ogg_begins_where_its_pages_begin():
    """Behind what a proxy or a recorder has put there."""
    found = decode_sound(b"HTTP/1.0 200 OK\r\n" * 20 + sound("OGG", "VORBIS"), max_seconds=60)
    assert pitches(found.samples) == ALL
