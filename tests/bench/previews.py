"""``python -m tests.bench.previews``: what previews cost as items are indexed, and what they save.

Processor time of the decoding of pictures and sounds, with a preview that is kept on disk and
without one, both in turns on the same files. Then thirty photographs of 12 megapixels are verified
as hits: their originals, as before there were previews, and their previews. And thumbnails are
made of them.
"""

import io
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from tests.bench import photographs
from tests.bench.decode import photograph
from tests.bench.figures import emit, in_turns, resampled, say, timed

from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.core.threads import limit_threads
from triptych.corpora import tuxpaint
from triptych.encoders.image.alignment import likeness, view
from triptych.encoders.image.descriptors import SIDE
from triptych.encoders.image.efficientnet import EfficientNetLite0
from triptych.encoders.image.geometry import verify
from triptych.ingest.decoding import decoder
from triptych.media.audio import decode_sound
from triptych.media.image import Pixels, decode_image, fit_within
from triptych.media.previews import SIZES, Previews, read_picture
from triptych.media.store import MediaStore

_ROUNDS = 5
_PICTURES = 8
_HITS = 30
_SIDE = 224
_RATE = 44_100


def run() -> None:
    """Emit the cost of an item, the effect on the features, and the time of a verified search."""
    pictures = {
        "photograph_12mp": [photograph(seed) for seed in range(_PICTURES)],
        "photograph_1600": _photographs(_PICTURES),
        "stamp": [path.read_bytes() for path in sorted(tuxpaint.fetch().rglob("*.png"))[::12]],
    }
    network = EfficientNetLite0()
    for name, files in pictures.items():
        say(f"previews: {name}")
        _emit_cost(name, files, _pixels, "image")
        cosines = [_cosine(network, data) for data in files]
        emit(resampled(f"previews.{name}.cosine", np.mean, (cosines,), ""))
    for seconds in (2, 120):
        say(f"previews: sound of {seconds} s")
        files = [_sound(seconds, seed) for seed in range(_PICTURES)]
        _emit_cost(f"sound_{seconds}s", files, _samples, "audio")
    _emit_verification("jpeg_12mp", pictures["photograph_12mp"])
    _emit_verification("png_4k", [_png(data) for data in pictures["photograph_12mp"][:2]])


def _emit_cost(
    name: str, files: list[bytes], without: Callable[[bytes], object], part: str
) -> None:
    folder = Path(tempfile.mkdtemp())
    store = MediaStore(folder.as_uri())
    decode = decoder(part, Settings(), store, side=_SIDE if part == "image" else 0)  # type: ignore[arg-type]
    times: tuple[list[float], list[float]] = ([], [])
    for number, data in enumerate(files):
        item = Item(id=str(number), ordinal=number, **{part: store.put(data)})  # type: ignore[arg-type]

        def with_preview(item: Item = item, digest: str = store.put(data)) -> None:
            for kind in store.derived_kinds():
                store.delete_derived(kind, digest)
            decode(item)

        read = partial(_read, store, store.put(data), without)
        with_preview()
        for all_times, measured in zip(
            times, in_turns(with_preview, read, _ROUNDS, time.process_time), strict=True
        ):
            all_times.append(float(np.median(measured)))
    for kind, seconds in zip(("with", "without"), times, strict=True):
        emit(resampled(f"previews.{name}.{kind}", _milliseconds, (seconds,), "ms"))
    kept = [one.size for kind in store.derived_kinds() for one in store.derived(kind)]
    emit(resampled(f"previews.{name}.bytes", np.mean, (kept,), "B"))
    shutil.rmtree(folder)


def _read(store: MediaStore, digest: str, decode: Callable[[bytes], object]) -> None:
    decode(store.get(digest))


def _pixels(data: bytes) -> Pixels:
    return decode_image(data, side=_SIDE, max_pixels=10**9)


def _samples(data: bytes) -> object:
    return decode_sound(data, max_seconds=3600)


def _cosine(network: EfficientNetLite0, data: bytes) -> float:
    """Of the features of a picture that is decoded as before, and as now."""
    now = fit_within(read_picture(data, Settings(), _SIDE).pixels, _SIDE)
    one, other = network.encode([_pixels(data), now])
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def _emit_verification(name: str, files: list[bytes]) -> None:
    say(f"previews: verification of {name}")
    folder = Path(tempfile.mkdtemp())
    store = MediaStore(folder.as_uri())
    digests = [store.put(data) for data in files]
    hits = [digests[number % len(digests)] for number in range(_HITS)]
    previews = Previews(store, Settings())
    query = view(previews.picture(digests[0], side=SIDE))

    def verified(seen: Callable[[str], Pixels]) -> None:
        views = [view(seen(digest)) for digest in hits]
        verify(query.features, [one.features for one in views])
        likeness(query, views)

    def original(digest: str) -> Pixels:
        return decode_image(store.get(digest), side=SIDE, max_pixels=10**9)

    def preview(digest: str) -> Pixels:
        return previews.picture(digest, side=SIDE)

    verified(preview)
    now, before = in_turns(
        partial(verified, preview), partial(verified, original), _ROUNDS, time.process_time
    )
    emit(resampled(f"previews.verify.{name}.previews", _milliseconds, (now,), "ms"))
    emit(resampled(f"previews.verify.{name}.originals", _milliseconds, (before,), "ms"))
    previews.thumbnail(digests[0], SIZES[0])
    for size in SIZES:
        seconds = [
            timed(partial(previews.thumbnail, digest, size), time.process_time)
            for digest in digests
        ]
        emit(resampled(f"previews.thumbnail.{name}.{size}", _milliseconds, (seconds,), "ms"))
    shutil.rmtree(folder)


def _png(jpeg: bytes) -> bytes:
    """A screen of 4K of it."""
    pixels = decode_image(jpeg, side=10**9, max_pixels=10**9)
    done, data = cv2.imencode(".png", cv2.resize(pixels, (3840, 2160)))
    assert done
    return data.tobytes()


def _photographs(count: int) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        lines = photographs.draw(Path(folder), count)
        return [(Path(folder) / line["image"]).read_bytes() for line in lines]


def _sound(seconds: int, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    file = io.BytesIO()
    samples = random.normal(0, 0.1, seconds * _RATE).astype(np.float32)
    sf.write(file, samples, _RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _milliseconds(seconds: NDArray[np.float64]) -> float:
    return float(1000 * np.mean(seconds))


if __name__ == "__main__":
    limit_threads()
    run()
