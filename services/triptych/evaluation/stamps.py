"""Judged queries of the Tux Paint stamps, made once into the cache, the same on every machine.

Items are all stamps: English caption, picture, sound effect. Of the stamps that have a picture
those with a sound and the first by digest, 400 together, are asked for, each by

* ``caption``, the very English caption; ``name``, the words of its file's name, which whoever drew
  it chose without the caption; ``foreign``, its caption in German, French, Spanish, Russian or
  Japanese;
* ``image``, its picture after a change that people make (cut to 70 or 72 %, mirrored, turned by
  15°, smaller, compressed); ``hard image``, after a hard one (cut to 40 %, turned by 90°, seen from
  the side, tiny, pasted into a photograph);
* ``audio``, the second half of its sound, more quietly; ``speech``, its caption as somebody says it
  (English, French, Spanish or Russian), for encoders that understand speech;
* mixes of these, of one and the same stamp.

A stamp has grade 2 if it shares with the one that is asked for everything that the query was made
from (caption, picture, sound), as the six flowers do for «A flower.»; grade 1 if it shares some.
Stamps of one folder are not more alike than others as far as a query goes: whoever asks for a
badger does not want all 70 mammals, and the folders are the taste of who sorted the collection.

All stamps of one caption are in the same half, by the digest of the caption.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import soundfile as sf

from triptych.corpora import tuxpaint
from triptych.corpora.packages import cached
from triptych.evaluation import changes, judged
from triptych.evaluation.changes import Change
from triptych.evaluation.judged import Judged, Query
from triptych.media.audio import RATE, decode_audio
from triptych.media.image import Pixels, decode_image

SPEECH = "speech"
_FOLDER = "judged-tuxpaint-1"
_ASKED = 400
_SIDE = 320
_MAX_PIXELS = 2**24
_MAX_SECONDS = 3600
_AUDIBLE = 1e-3
_LANGUAGES = ("de", "fr", "es", "ru", "ja")
_SPOKEN = ("", "_fr", "_es", "_ru")
"""What the names of spoken captions end with: English and others."""
_WORD = re.compile(r"[^\W\d_]{3,}")

MIXES = (
    ("caption",), ("name",), ("foreign",), ("image",), ("hard image",), ("audio",), ("speech",),
    ("caption", "image"), ("name", "image"), ("foreign", "hard image"),
    ("name", "audio"), ("foreign", "audio"), ("hard image", "audio"), ("speech", "image"),
    ("name", "image", "audio"), ("foreign", "hard image", "audio"),
)  # fmt: skip
"""The kinds of queries, by what they are made of."""

_SHARED = {"image": "image", "hard image": "image", "audio": "audio"}
"""What else than the caption an item has to share with the one that is asked for."""

T = TypeVar("T")
Part = Mapping[str, str]
"""What a query has of one part, as its fields."""


@dataclass(frozen=True)
class Stamp:
    """A stamp, and what makes it the same as another."""

    line: Mapping[str, Any]
    same: Mapping[str, str]
    """Its caption, and digests of its picture and sound."""


def judged_stamps(*, speech: bool) -> Judged:
    """The judged set, made on first use: half a minute. Raises CorpusUnavailable.

    Without ``speech`` the spoken queries are left out: no encoder would understand them.
    """
    found = judged.read(cached(_FOLDER, partial(_build, tuxpaint.fetch())))
    queries = [query for query in found.queries if speech or SPEECH not in query.kind]
    return replace(found, queries=queries)


def _build(corpus: Path, work: Path) -> Path:
    stamps = [_stamp(corpus, line) for line in tuxpaint.lines(corpus)]
    asked = chosen(stamps, _ASKED)
    media = work / "media"
    media.mkdir()
    scenes = _scenes()
    queries: list[Query] = []
    grades: dict[str, dict[str, int]] = {}
    for stamp in asked:
        parts = _parts(corpus, stamp, media, scenes)
        for query, kinds in _mixed(stamp, parts):
            queries.append(query)
            grades[query.id] = graded(stamp, stamps, {_SHARED.get(kind, "text") for kind in kinds})
    lines = [
        {
            **stamp.line,
            **{p: str(corpus / stamp.line[p]) for p in ("image", "audio") if p in stamp.line},
        }
        for stamp in stamps
    ]
    judged.write(work, lines, queries, grades)
    return work


def _stamp(corpus: Path, line: Mapping[str, Any]) -> Stamp:
    digests = {
        part: judged.digest((corpus / line[part]).read_bytes())
        for part in ("image", "audio")
        if part in line
    }
    return Stamp(line, {"text": line["text"].casefold(), **digests})


def chosen(stamps: Sequence[Stamp], count: int) -> list[Stamp]:
    """Those with a picture that are asked for: with a sound before others, then by digest."""
    able = [stamp for stamp in stamps if "image" in stamp.line]
    able.sort(key=lambda stamp: ("audio" not in stamp.line, judged.share(stamp.line["id"])))
    return able[:count]


def graded(stamp: Stamp, stamps: Sequence[Stamp], asked: set[str]) -> dict[str, int]:
    """The grade of each stamp that shares something asked with this one: 2 everything, 1 some."""
    found = {}
    for other in stamps:
        shared = [stamp.same[part] == other.same.get(part) for part in asked]
        if any(shared):
            found[other.line["id"]] = 2 if all(shared) else 1
    return found


def _mixed(stamp: Stamp, parts: Mapping[str, Part]) -> Iterator[tuple[Query, tuple[str, ...]]]:
    item = stamp.line["id"]
    half = "training" if judged.share(stamp.same["text"]) < 1 / 2 else "held-out"
    for kinds in MIXES:
        if all(kind in parts for kind in kinds):
            fields = dict(chain.from_iterable(parts[kind].items() for kind in kinds))
            kind = " + ".join(kinds)
            query_id = f"{item}:{kind}".replace(" ", "_")
            yield Query(id=query_id, kind=kind, half=half, **fields), kinds


def _parts(corpus: Path, stamp: Stamp, media: Path, scenes: Sequence[Pixels]) -> dict[str, Part]:
    """Everything that this stamp can be asked by, as fields of a query."""
    item = stamp.line["id"]
    captions = tuxpaint.captions((corpus / item).with_suffix(".txt"))
    parts: dict[str, Part] = {"caption": {"text": captions["en"]}}
    if words := _WORD.findall(Path(item).name):
        parts["name"] = {"text": " ".join(words)}
    if foreign := [language for language in _LANGUAGES if language in captions]:
        language = _pick(foreign, item)
        parts["foreign"] = {"text": captions[language], "language": language}
    name = item.replace("/", "-")
    picture = decode_image(
        (corpus / stamp.line["image"]).read_bytes(), side=_SIDE, max_pixels=_MAX_PIXELS
    )
    for kind, group in zip(("image", "hard image"), _changes(_pick(scenes, item)), strict=True):
        change = _pick(group, f"{kind} {item}")
        random = np.random.default_rng(int(judged.share(item) * 2**32))
        file = media / f"{name}-{kind.split()[0]}.png"
        cv2.imwrite(str(file), change(picture, random)[:, :, ::-1])
        parts[kind] = {"image": f"{media.name}/{file.name}"}
    if "audio" in stamp.line:
        samples = decode_audio(
            (corpus / stamp.line["audio"]).read_bytes(), max_seconds=_MAX_SECONDS
        )
        half = samples[len(samples) // 2 :] / 2
        if np.abs(half).max(initial=0) > _AUDIBLE:  # of some the second half is silence
            sf.write(media / f"{name}.wav", half, RATE, subtype="PCM_16")
            parts["audio"] = {"audio": f"{media.name}/{name}.wav"}
    said = [path for end in _SPOKEN if (path := corpus / f"{item}_desc{end}.ogg").exists()]
    if said:
        parts[SPEECH] = {"audio": str(_pick(said, item))}
    return parts


def _changes(scene: Pixels) -> tuple[Sequence[Change], Sequence[Change]]:
    """Those that people make, and hard ones."""
    easy, hard = dict(changes.easy(scene)), dict(changes.hard(scene))
    hard["pasted, a half"] = easy.pop("pasted, a half")
    easy["mirrored"] = hard.pop("mirrored")
    easy["cut and mirrored"] = lambda picture, random: changes.mirrored(
        changes.cropped(picture, random, 0.72)
    )
    return list(easy.values()), list(hard.values())


def _pick(among: Sequence[T], key: str) -> T:
    return among[int(judged.share(f"pick {key}") * len(among))]


def _scenes() -> list[Pixels]:
    from sklearn.datasets import load_sample_images

    return [np.asarray(picture, np.uint8) for picture in load_sample_images().images]
