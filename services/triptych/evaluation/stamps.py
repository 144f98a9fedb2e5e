"""Judged queries of the Tux Paint stamps, made once into the cache, the same on every machine.

Items are all stamps: English caption, picture, sound effect. Queries are made from 400 stamps that
have a picture: those with a sound, then the first by digest. Each is searched for by

* ``caption``, its own English caption; ``name``, the words of its file's name, which the artist
  chose without the caption; ``foreign``, its caption in German, French, Spanish, Russian or
  Japanese;
* ``image``, its picture after an easy change (cut to 70 or 72 %, mirrored, turned by
  15°, smaller, compressed); ``hard image``, after a hard one (cut to 40 %, turned by 90°, seen from
  the side, tiny, pasted into a photograph);
* ``audio``, the second half of its sound, more quietly; ``speech``, its spoken caption
  (English, French, Spanish or Russian), for encoders that understand speech;
* mixes of these, of one and the same stamp.

A stamp has grade 2 if it shares all that the query was made from (caption, picture, sound) with the
query's stamp, as the six flowers do for «A flower.»; grade 1 if it shares a part of it. Folders do
not count: a query for a badger does not mean all 70 mammals, and the folders are the taste of
whoever sorted the collection.

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
_QUERIED = 400
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
"""What an item has to share with the stamp of the query, where it is not the caption."""

T = TypeVar("T")
Part = Mapping[str, str]
"""The fields of a query for one part."""


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
    judged_set = judged.read(cached(_FOLDER, partial(_build, tuxpaint.fetch())))
    queries = [query for query in judged_set.queries if speech or SPEECH not in query.kind]
    return replace(judged_set, queries=queries)


def _build(corpus: Path, work: Path) -> Path:
    stamps = [_stamp(corpus, line) for line in tuxpaint.lines(corpus)]
    queried = chosen(stamps, _QUERIED)
    media = work / "media"
    media.mkdir()
    scenes = _scenes()
    queries: list[Query] = []
    grades: dict[str, dict[str, int]] = {}
    for stamp in queried:
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
    """The stamps to make queries from: with a picture; with a sound first, then by digest."""
    able = [stamp for stamp in stamps if "image" in stamp.line]
    able.sort(key=lambda stamp: ("audio" not in stamp.line, judged.share(stamp.line["id"])))
    return able[:count]


def graded(stamp: Stamp, stamps: Sequence[Stamp], parts: set[str]) -> dict[str, int]:
    """The grade of each stamp that shares these parts with this one: 2 for all, 1 for some."""
    grades = {}
    for other in stamps:
        shared = [stamp.same[part] == other.same.get(part) for part in parts]
        if any(shared):
            grades[other.line["id"]] = 2 if all(shared) else 1
    return grades


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
    """Everything that this stamp can be searched for by, as fields of a query."""
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
        if np.abs(half).max(initial=0) > _AUDIBLE:  # the second half may be silence
            sf.write(media / f"{name}.wav", half, RATE, subtype="PCM_16")
            parts["audio"] = {"audio": f"{media.name}/{name}.wav"}
    spoken = [path for end in _SPOKEN if (path := corpus / f"{item}_desc{end}.ogg").exists()]
    if spoken:
        parts[SPEECH] = {"audio": str(_pick(spoken, item))}
    return parts


def _changes(scene: Pixels) -> tuple[Sequence[Change], Sequence[Change]]:
    """The easy changes, and the hard ones."""
    easy, hard = dict(changes.easy(scene)), dict(changes.hard(scene))
    hard["pasted, a half"] = easy.pop("pasted, a half")
    easy["mirrored"] = hard.pop("mirrored")
    easy["cut and mirrored"] = lambda picture, random: changes.mirrored(
        changes.cropped(picture, random, 0.72)
    )
    return list(easy.values()), list(hard.values())


def _pick(options: Sequence[T], key: str) -> T:
    return options[int(judged.share(f"pick {key}") * len(options))]


def _scenes() -> list[Pixels]:
    from sklearn.datasets import load_sample_images

    return [np.asarray(picture, np.uint8) for picture in load_sample_images().images]
