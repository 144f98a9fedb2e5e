"""Sidecars: files that say something of another file, which cameras and programs put beside it.

``photo.jpg.xmp`` and ``photo.xmp`` are XMP. ``photo.jpg.json`` and
``photo.jpg.supplemental-metadata.json`` are what Google Takeout says of ``photo.jpg``; it shortens
long names, and numbers equal ones in its own way.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from triptych.core.instants import written
from triptych.core.item import MEDIA
from triptych.ingest.grouping import modality_of, stem_of
from triptych.media.details import clean, coordinates
from triptych.media.xmp import read_xmp

SUFFIXES = frozenset({".xmp", ".json"})
MOST_BYTES = 2**20
_APPENDED = ".supplemental-metadata"
_TAKEOUT_CHARS = 46
"""Of a name before ``.json``, beyond which Takeout cuts it off."""
_BEGUN, _MOST_ALIKE = 40, 20
"""Letters by which long names are looked up; of more that begin alike the first are looked at."""
_NUMBERED = re.compile(r"(.+?)\((\d{1,4})\)(\.\w+)?", re.DOTALL)


def may_be_sidecar(name: str) -> bool:
    """Whether a file is a sidecar by its name, if the file that it is about is there."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def sidecars(names: Iterable[str]) -> dict[str, list[str]]:
    """The sidecars among files, by the name of the picture or sound that each is about."""
    names = list(names)
    media = [name for name in names if modality_of(name) in MEDIA]
    whole = {name.casefold(): name for name in reversed(media)}
    stems = {stem_of(name).casefold(): name for name in reversed(media)}
    takeout = _Takeout(media)
    found: dict[str, list[str]] = {}
    for name in names:
        suffix, base = PurePosixPath(name).suffix.lower(), stem_of(name)
        about = None
        if suffix in SUFFIXES:
            about = whole.get(base.casefold())
        if about is None and suffix == ".xmp":
            about = stems.get(base.casefold())
        elif about is None and suffix == ".json":
            about = takeout.medium(base)
        if about is not None:
            found.setdefault(about, []).append(name)
    return found


class _Takeout:
    """Finds media by the names of what Takeout says of them."""

    def __init__(self, media: Iterable[str]) -> None:
        self._whole: dict[tuple[str, str, int], str] = {}
        self._begun: dict[tuple[str, str, int], list[tuple[str, str]]] = {}
        """By their first letters, those with long names."""
        for name in media:
            folder, own, number = _of_takeout(name)
            self._whole.setdefault((folder, own, number), name)
            if len(own) > _BEGUN:
                begun = self._begun.setdefault((folder, own[:_BEGUN], number), [])
                begun.append((own, name))

    def medium(self, base: str) -> str | None:
        """That of a name without ``.json``, of which the end may be missing."""
        folder, own, number = _of_takeout(base)
        for size in range(len(_APPENDED) + 1):
            if own.endswith(_APPENDED[:size]):
                medium = self._whole.get((folder, own[: len(own) - size], number))
                if medium is not None:
                    return medium
        if len(PurePosixPath(base).name) < _TAKEOUT_CHARS:
            return None
        near = self._begun.get((folder, own[:_BEGUN], number), [])[:_MOST_ALIKE]
        return next((name for whole, name in near if whole.startswith(own)), None)


def objection(name: str) -> str:
    """Why a file that is of no known kind, or about none that is there, can't be taken."""
    base = stem_of(name)
    said_of = modality_of(base) or modality_of(stem_of(base))
    if name.lower().endswith(".xmp") or (may_be_sidecar(name) and said_of in MEDIA):
        return "it is a sidecar, and the file that it is about is not there"
    return "it is of no known kind by its extension"


def read_sidecar(name: str, data: bytes) -> dict[str, Any]:
    """What a sidecar says, by field as documents have them; nothing where it is damaged."""
    if len(data) > MOST_BYTES:
        return {}
    return clean(read_xmp(data) if name.lower().endswith(".xmp") else _read_takeout(data))


def as_sent(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details in the form in which clients send fields."""
    fields = {name: value for name, value in details.items() if name != "captured_at_zone"}
    if "captured_at" in fields:
        fields["captured_at"] = written(fields["captured_at"], details.get("captured_at_zone"))
    return fields


def _of_takeout(name: str) -> tuple[str, str, int]:
    """Folder, name and number of a file: of ``a(1).jpg`` and ``a.jpg(1)`` the same."""
    path = PurePosixPath(name)
    found = _NUMBERED.fullmatch(path.name)
    own, number = (found[1] + (found[3] or ""), int(found[2])) if found else (path.name, 0)
    return str(path.parent), own, number


def _read_takeout(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    taken = said.get("photoTakenTime")
    people = said.get("people")
    return {
        "caption": said.get("description"),
        "captured_at": _moment(taken.get("timestamp") if isinstance(taken, dict) else None),
        "place": _place(said.get("geoData")) or _place(said.get("geoDataExif")),
        "tags": [
            person.get("name")
            for person in (people if isinstance(people, list) else ())
            if isinstance(person, dict)
        ],
    }


def _moment(timestamp: Any) -> str | None:
    """Of seconds since 1970, in a string."""
    if not isinstance(timestamp, str) or not re.fullmatch(r"-?\d{1,11}", timestamp):
        return None
    try:
        return written(int(timestamp) * 10**6, "Z")
    except OverflowError:  # before the year 1
        return None


def _place(said: Any) -> tuple[Any, Any] | None:
    if not isinstance(said, dict):
        return None
    place = (said.get("latitude"), said.get("longitude"))
    return place if coordinates(place) else None
