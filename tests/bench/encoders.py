"""``python -m tests.bench.encoders``: each encoder beside bare calls of the libraries it wraps.

Both sides take the same batches of real media in turns, and must say the same of them. The ratio
is of processor time on one thread, the median over batches and rounds. What is fitted is fitted
on the same media. The bare sides are in ``bare_pictures``, ``bare_texts`` and
``bare_sounds``.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench import bare_pictures, bare_sounds, bare_texts
from tests.bench.figures import Floats, emit, resampled, say
from threadpoolctl import threadpool_limits

from triptych.corpora import tuxpaint
from triptych.encoders import registry
from triptych.encoders.cards import unit_rows
from triptych.encoders.text.minilm import MiniLM
from triptych.evaluation.recognition import sheet
from triptych.media.audio import Samples, decode_audio
from triptych.media.image import Pixels, decode_image

Encode = Callable[[Sequence[Any]], Any]
Batches = Sequence[Sequence[Any]]

_PICTURES, _CAPTIONS, _SOUNDS, _RECOGNISED = 64, 200, 32, 6
_BATCHES = 4
_SIDE = 512
_SECONDS = 1.5
"""Of processor time for either side of a comparison, about."""
_ROUNDS = range(2, 40)
_TOLERANCE = 1e-4
_TOGETHER, _PADDINGS = 128, 8
_NO_LIMIT = 10**9


def run() -> None:
    """Emit the ratio of each encoder, and its milliseconds an element."""
    with threadpool_limits(1):
        _run()


def _run() -> None:
    stamps = tuxpaint.fetch()
    lines = list(tuxpaint.lines(stamps))
    paths = {
        part: [stamps / line[part] for line in lines if part in line] for part in ("image", "audio")
    }
    pictures = [_picture(path) for path in _some(paths["image"], _PICTURES)]
    captions = _some([line["text"] for line in lines], _CAPTIONS)
    sounds = [_sound(path) for path in _some(paths["audio"], _SOUNDS)]
    for bare, media in ((bare_pictures, pictures), (bare_texts, captions), (bare_sounds, sounds)):
        batches = [media[i::_BATCHES] for i in range(_BATCHES)]
        for name, make in bare.READY.items():
            _compare(name, _open(name).encode, make(), batches)
        for name, make in bare.FITTED.items():
            artefact = registry.fit(name, media)
            encoder = registry.load(artefact)
            _compare(name, encoder.encode, make(artefact), batches)
    _padding(captions)
    written = [[page] for page in _sheets(pictures, captions)]
    _compare("rapidocr", _recognise("rapidocr"), bare_pictures.rapidocr(), written)
    spoken = [[_sound(path)] for path in _some(sorted(stamps.rglob("*_desc.ogg")), _RECOGNISED)]
    _compare("whisper-base", _recognise("whisper-base"), bare_sounds.whisper_base(), spoken)


def _padding(captions: Sequence[str]) -> None:
    """What it saves to run texts of like length together: MiniLM as it is, over two other ways."""
    model = MiniLM()

    def in_one_run(texts: Sequence[str]) -> Any:
        tokens = model._tokenizer.encode_batch(list(texts))
        return unit_rows(model._run([encoding.ids for encoding in tokens]))

    def one_by_one(texts: Sequence[str]) -> Any:
        return np.concatenate([model.encode([text]) for text in texts])

    batch = captions[:_TOGETHER]
    for name, other in (("in_one_run", in_one_run), ("one_by_one", one_by_one)):
        for encode in (model.encode, other):
            encode(batch)
        pairs = [(_time(other, batch), _time(model.encode, batch)) for _ in range(_PADDINGS)]
        emit(
            resampled(
                f"encoders.minilm.{name}_over_ours", _ratio, tuple(zip(*pairs, strict=True)), "x"
            )
        )


def _some(found: Sequence[Any], count: int) -> list[Any]:
    """So many of all, evenly picked."""
    return [found[i * len(found) // count] for i in range(count)]


def _picture(path: Path) -> Pixels:
    return decode_image(path.read_bytes(), side=_SIDE, max_pixels=_NO_LIMIT)


def _sound(path: Path) -> Samples:
    return decode_audio(path.read_bytes(), max_seconds=_NO_LIMIT)


def _sheets(pictures: Sequence[Pixels], captions: Sequence[str]) -> Iterator[Pixels]:
    """Pictures with a caption printed over them."""
    random = np.random.default_rng(0)
    for picture, caption in islice(zip(pictures, captions, strict=False), _RECOGNISED):
        yield sheet(picture, caption, random)


def _open(name: str) -> Any:
    text = MiniLM() if registry.entry(name).needs_text else None
    return registry.open_encoder(name, text=text)


def _recognise(name: str) -> Encode:
    recognise = _open(name).recognise
    return lambda batch: [found.text if found else "" for found in recognise(batch)]


def _compare(name: str, ours: Encode, bare: Encode, batches: Batches) -> None:
    say(f"encoders: {name}")
    started = time.process_time()
    for batch in batches:  # the first calls are not counted: they load and plan
        _check_same(name, ours(batch), bare(batch))
    rounds = int(2 * _SECONDS / (time.process_time() - started))
    rounds = min(max(rounds, _ROUNDS.start), _ROUNDS.stop)
    pairs = []
    for number in range(rounds):
        for batch in batches:
            order = (ours, bare) if number % 2 else (bare, ours)
            seconds = {encode: _time(encode, batch) for encode in order}
            pairs.append((seconds[ours], seconds[bare], len(batch)))
    mine, theirs, sizes = zip(*pairs, strict=True)
    emit(resampled(f"encoders.{name}.ratio", _ratio, (mine, theirs), "x", "≤ 1.1"))
    emit(resampled(f"encoders.{name}.encode", _milliseconds, (mine, sizes), "ms"))


def _check_same(name: str, ours: Any, bare: Any) -> None:
    """Raise AssertionError if one side does other work than the other."""
    if isinstance(ours, list):  # of texts, whose lines may be in another order
        ours, bare = ([sorted(text.split()) for text in texts] for texts in (ours, bare))
        assert ours == bare, f"{name}: {ours} is not {bare}"
    else:
        np.testing.assert_allclose(ours, bare, atol=_TOLERANCE, err_msg=name)


def _time(encode: Encode, batch: Sequence[Any]) -> float:
    """Of this process's processor time."""
    start = time.process_time()
    encode(batch)
    return time.process_time() - start


def _ratio(ours: Floats, bare: Floats) -> float:
    return float(np.median(ours / bare))


def _milliseconds(seconds: Floats, sizes: Floats) -> float:
    return float(1000 * seconds.sum() / sizes.sum())


if __name__ == "__main__":
    run()
