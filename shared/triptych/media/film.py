"""Sounds that FFmpeg decodes: recordings of phones and browsers, and the sound of films.

FFmpeg is large, written in C, and meets bytes of strangers. So it runs in a sandbox
(``media/sandbox.py``), where it reads the containers and encodings that are listed here, and no
others. Pictures of a film are not decoded. The extra ``formats`` has PyAV, which brings FFmpeg.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import orjson

from triptych.core.errors import InvalidInput
from triptych.media.containers import Container
from triptych.media.sandbox import Message, Sandbox
from triptych.media.sources import Samples, Source, Unreadable

EXTRA = "formats"
_SAMPLES = b"S"


def is_installed() -> bool:
    """Whether the extra is here."""
    return find_spec("av") is not None


@contextmanager
def open_film(data: bytes, container: Container) -> Iterator[Source]:
    """Open the first sound in a container that FFmpeg reads.

    Raises:
        Unreadable: no sound in it, an encoding that is not known, or damaged; or the extra is not
            installed.
        TooLarge: takes too long.
    """
    if not is_installed():
        raise Unreadable(
            f"is {container.name}, which needs an extra: pip install 'triptych[{EXTRA}]'"
        )
    messages = _sandbox({"demuxer": container.demuxer}, data)
    try:
        with _named(container):
            first = next(messages, None)
        if first is None:
            raise Unreadable(f"is {container.name}, and no sound is in it")
        header = orjson.loads(first[1])
        source = Source(header["rate"], header["channels"], header["seconds"], iter(()))
        source.said = header["said"]
        source.blocks = _blocks(messages, source, container)
        yield source
    finally:
        messages.close()


@contextmanager
def _named(container: Container) -> Iterator[None]:
    """Errors of the sandbox say what the sound is; not those of who reads it."""
    try:
        yield
    except InvalidInput as error:
        raise type(error)(f"audio is {container.name}, and {error.reason}") from error


def _blocks(messages: Iterator[Message], source: Source, container: Container) -> Iterator[Samples]:
    while True:
        with _named(container):
            message = next(messages, None)
        if message is None:
            return
        kind, body = message
        if kind == _SAMPLES:
            yield np.frombuffer(body, np.float32).reshape(-1, source.channels)
        else:
            source.is_cut = True


_sandbox = Sandbox("triptych.media.ffmpeg")
