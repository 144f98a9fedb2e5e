"""Which decoder reads a sound: what it is decides, not what it is called."""

from collections.abc import Iterator

from triptych.core.errors import MediaError
from triptych.media import film
from triptych.media.containers import OGG, Container, container_of, container_within
from triptych.media.kinds import kind_of
from triptych.media.mp3 import frames_of, tags_end
from triptych.media.ogg import links
from triptych.media.sndfile import FORMATS, open_sound
from triptych.media.sound_files import mended
from triptych.media.sources import Source, Unreadable

_BY_SNDFILE = frozenset(
    {"wav", "aiff", "caf", "w64", "au", "flac", "nistsphere", "voc", "iff", "ircam"}
)
"""FFmpeg's names of containers that libsndfile reads; it does not know all their encodings."""
_KNOWN = ", ".join(dict.fromkeys(FORMATS.values()))
_ANY_RATE = 22_050
_MORE = f"with the extra '{film.EXTRA}' also M4A, AAC, AMR, WMA, WebM and the sound of videos"


def sources(data: bytes) -> Iterator[Source]:
    """The sounds that a file has one after another; most have one.

    Raises:
        MediaError: no sound, or one that can't be decoded; says what it is.
        TooLarge: made to take long.
    """
    untagged = data[tags_end(data) :]
    container = container_of(untagged)
    try:
        yield from _frames(data) if container is None else _contained(untagged, container)
    except Unreadable as error:
        raise MediaError(f"audio {error.reason}") from error


def _contained(data: bytes, container: Container) -> Iterator[Source]:
    if container is OGG:
        found = _chain(data)
    elif container.demuxer in _BY_SNDFILE:
        found = _file(data, container)
    else:
        found = _film(data, container)
    for source in found:
        source.format = container.format
        yield source


def _chain(data: bytes) -> Iterator[Source]:
    """Each link of an Ogg; one that is damaged is left out, if another is not."""
    chain = links(data)
    failed: Unreadable | None = None
    succeeded = 0
    for link in chain:
        try:
            with open_sound(link.data(data)) as source:
                succeeded += 1
                source.is_cut = link.is_cut or failed is not None
                yield source
        except Unreadable as error:
            failed = error
    if failed is None and chain:
        return
    if succeeded:
        yield Source(_ANY_RATE, 1, 0, iter(()), is_cut=True)
    elif film.is_installed():
        yield from _film(data, OGG)
    else:
        raise failed or Unreadable("is Ogg, and no sound that can be read is in it")


def _file(data: bytes, container: Container) -> Iterator[Source]:
    """What libsndfile reads, or else FFmpeg."""
    contents = mended(data)
    if contents.mpeg is not None:
        yield from _frames(contents.mpeg)
        return
    try:
        with open_sound(contents.data, contents.share) as source:
            yield source
    except Unreadable as error:
        if not film.is_installed():
            more = f"the extra reads more kinds: pip install 'triptych[{film.EXTRA}]'"
            raise Unreadable(f"is {container.name}, and {error.reason}; {more}") from error
        yield from _film(contents.data, container)


def _film(data: bytes, container: Container) -> Iterator[Source]:
    with film.open_film(data, container) as source:
        yield source


def _frames(data: bytes) -> Iterator[Source]:
    """MP3, what begins behind something else, or what else libsndfile knows."""
    mp3 = frames_of(data)
    if mp3 is None and (found := container_within(data)):
        at, container = found
        yield from _contained(data[at:], container)
        return
    try:
        with open_sound(mp3.data, mp3.share) if mp3 else open_sound(data) as source:
            source.format = "mp3" if mp3 else ""
            yield source
    except Unreadable as error:
        if mp3 is not None:
            raise Unreadable(f"is MP3, and {error.reason}") from error
        what = kind_of(data) or "no sound that is known"
        raise Unreadable(f"is {what}; known are {_KNOWN}; {_MORE}") from error
