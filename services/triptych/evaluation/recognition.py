"""Speech and writing: recognised where they are, and nowhere else.

The thresholds of the recognisers were chosen on the files whose name has a digest with an even
first byte; only the other half is measured here.

* Sounds without speech: the sound effects of Tux Paint (animals, machines, weather) and the
  samples of Sonic Pi. Left out: ``symbols`` (spoken letters and numbers), the four dreidels
  (spoken) and the lunar module (radio). A ghost's "boo" is left in. Right is no transcript.
* Speech: 100 spoken captions of Tux Paint in nine languages, most a single word, drawn with seed
  0. Right is any transcript.
* Pictures without writing: the stamps of Tux Paint but ``symbols`` and those of ``_WRITTEN``, which
  were inspected. Right is that nothing is read.
* Writing: 100 stamps, drawn with seed 0, each on a white sheet with its English caption printed
  over it by OpenCV, capitals 15 to 26 pixels high, turned by up to ten degrees. Queries are the
  captions, the gallery the vectors of the recognised texts; right is a sheet of the same caption.
"""

import hashlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from triptych.corpora import debian, tuxpaint
from triptych.encoders.audio.whisper import Whisper
from triptych.encoders.image.ocr import OCR
from triptych.encoders.recognition import Embedded
from triptych.encoders.text.minilm import MiniLM
from triptych.evaluation.metrics import Floats, Matrix, Result, recall_at, result
from triptych.evaluation.prompts import edits, same_words
from triptych.media.audio import decode_audio
from triptych.media.image import Pixels, decode_image, fit_within

_SAMPLE = 100
_MAX_SECONDS = 600
_MAX_PIXELS = 2**24
_SIDE = 1024
_SPOKEN = ("dreydl-", "apollo_lander")
_WRITTEN = frozenset(
    [
        *("highlighter", "pen_dryerase", "measuring_tape", "measuring_tape_mirror", "toolbox"),
        *("bradley", "bradley_mirror", "grave-d", "australian_rules_football", "give_way_sign"),
        *("hospital", "railroad_crossing", "school_sign", "stop", "xing_school", "yield"),
        *("xing_school_mirror", "firetruck", "sedan_police", "sedan_police_mirror", "tender"),
        *("tender_mirror", "tugboat", "tugboat_mirror"),
    ]
)


def run() -> Iterator[Result]:
    """Look for speech and writing. Raises CorpusUnavailable."""
    stamps = tuxpaint.fetch()
    yield from _speech(stamps)
    yield from _writing(stamps)


def _speech(stamps: Path) -> Iterator[Result]:
    whisper = Whisper()

    def is_heard(path: Path) -> bool:
        samples = decode_audio(path.read_bytes(), max_seconds=_MAX_SECONDS)
        return whisper.recognise([samples])[0] is not None

    sounds = held_out(stamps, "*.ogg")
    captions = [path for path in sounds if "_desc" in path.stem]
    noises = {
        "tuxpaint": [
            path for path in sounds if path not in captions and not path.name.startswith(_SPOKEN)
        ],
        "sonic-pi": held_out(debian.unpacked("sonic-pi-samples"), "*.flac"),
    }
    for corpus, paths in noises.items():
        silent = [float(not is_heard(path)) for path in paths]
        yield result(corpus, whisper.card.name, "no speech, no transcript", np.array(silent))
    heard = [float(is_heard(path)) for path in drawn(captions)]
    yield result("tuxpaint", whisper.card.name, "speech has a transcript", np.array(heard))


def _writing(stamps: Path) -> Iterator[Result]:
    ocr, text = OCR(), MiniLM()
    pictures = held_out(stamps, "*.png")
    plain = [path for path in pictures if path.stem not in _WRITTEN]
    unread = [float(ocr.recognise([_picture(path)])[0] is None) for path in plain]
    yield result("tuxpaint", ocr.card.name, "no writing, nothing read", np.array(unread))

    paths = drawn([path for path in pictures if path.with_suffix(".txt").exists()])
    captions = [tuxpaint.english_caption(path.with_suffix(".txt")) for path in paths]
    rng = np.random.default_rng(0)
    writings = [
        ocr.recognise([sheet(_picture(path), caption, rng)])[0]
        for path, caption in zip(paths, captions, strict=True)
    ]
    cosines: Matrix = text.encode(captions) @ Embedded(ocr, text).embed(writings).T
    right = recall_at(1, cosines, same_words(captions))
    yield result("tuxpaint captions", ocr.card.name, "R@1", right)
    read = ["" if each is None else each.text for each in writings]
    errors = character_errors(captions, read)
    yield result("tuxpaint captions", ocr.card.name, "character error rate", errors)


def held_out(folder: Path, pattern: str) -> list[Path]:
    """The files, but ``symbols``, whose name has a digest with an odd first byte, in order."""
    return [
        path
        for path in sorted(folder.rglob(pattern))
        if "symbols" not in path.parts and hashlib.sha256(path.name.encode()).digest()[0] % 2
    ]


def drawn(paths: Sequence[Path]) -> list[Path]:
    """A sample drawn with seed 0."""
    return [paths[i] for i in np.random.default_rng(0).permutation(len(paths))[:_SAMPLE]]


def _picture(path: Path) -> Pixels:
    return decode_image(path.read_bytes(), side=_SIDE, max_pixels=_MAX_PIXELS)


def sheet(picture: Pixels, caption: str, rng: np.random.Generator) -> Pixels:
    """A white sheet of 640 × 480, the picture in its middle, the caption over it and askew.

    A long caption takes several lines.
    """
    canvas = np.full((480, 640, 3), 255, np.uint8)
    small = fit_within(picture, 320)
    height, width = small.shape[:2]
    top, left = (480 - height) // 2, (640 - width) // 2
    canvas[top : top + height, left : left + width] = small
    size, baseline = rng.uniform(0.7, 1.2), int(rng.integers(120, 260))
    for line in textwrap.wrap(caption, int(24 / size)):
        black, white = (0, 0, 0), (255, 255, 255)
        for colour, thickness in ((white, 8), (black, 2)):  # an outline, as subtitles have
            cv2.putText(
                canvas, line, (70, baseline), cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness,
                cv2.LINE_AA,
            )  # fmt: skip
        baseline += int(45 * size)
    turn = cv2.getRotationMatrix2D((320, 240), rng.uniform(-10, 10), 1)
    turned = cv2.warpAffine(canvas, turn, (640, 480), borderValue=(255, 255, 255))
    return np.asarray(turned, np.uint8)


def character_errors(captions: Sequence[str], read: Sequence[str]) -> Floats:
    """Errors in each caption over the mean length, so that their mean is the error rate.

    Case, spaces and line ends do not count.
    """
    pairs = [
        ["".join(text.lower().split()) for text in pair]
        for pair in zip(captions, read, strict=True)
    ]
    errors = np.array([edits(caption, text) for caption, text in pairs], np.float64)
    return errors / np.mean([len(caption) for caption, _ in pairs])
