"""The same emoji drawn by two vendors: npm's ``emoji-datasource-google`` and ``-twitter``.

Their pictures (Noto: Apache-2.0, Twemoji: CC-BY 4.0) are not part of this project, nor are their
names, tags and kinds (``emojibase-data``, MIT; the tags are those of Unicode's CLDR).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from triptych.corpora.npm import unpacked

VENDORS = ("google", "twitter")
_VERSION = "16.0.0"
_TAGS_VERSION = "17.0.0"
_NOT_PICTURES = {"Flags", "Component"}
_JOINER, _EMOJI_STYLE = "200D", "-FE0F"


@dataclass(frozen=True)
class Emoji:
    """One emoji and its picture by each vendor, 64 × 64 PNG."""

    code: str
    name: str
    pictures: dict[str, Path]


@dataclass(frozen=True)
class Tagged:
    """One emoji with its English name and tags, its kind, and its picture by each vendor."""

    code: str
    name: str
    tags: tuple[str, ...]
    kind: str
    """Unicode's subgroup, such as ``animal-mammal``."""
    pictures: dict[str, Path]


def fetch() -> dict[str, Path]:
    """The package's folder of each vendor, fetched on first use. Raises CorpusUnavailable."""
    return {name: unpacked(f"emoji-datasource-{name}", _VERSION) for name in VENDORS}


def emoji(folders: dict[str, Path]) -> list[Emoji]:
    """The emoji of one code point that every vendor draws.

    Flags, skin tones and joined sequences are left out. The emoji are in the order of the SHA-256
    of the code, so that the first n are a fixed random sample.
    """
    facts = json.loads((next(iter(folders.values())) / "emoji.json").read_bytes())
    drawn = [
        Emoji(
            fact["unified"],
            str(fact["name"]).lower(),
            {name: root / "img" / name / "64" / fact["image"] for name, root in folders.items()},
        )
        for fact in facts
        if is_plain(fact["unified"], fact["category"])
        and all(fact[f"has_img_{name}"] for name in folders)
    ]
    return sorted(drawn, key=lambda entry: hashlib.sha256(entry.code.encode()).digest())


def fetch_tags() -> Path:
    """The folder with names, tags and kinds, fetched on first use. Raises CorpusUnavailable."""
    return unpacked("emojibase-data", _TAGS_VERSION)


def tagged(folders: dict[str, Path], tags: Path) -> list[Tagged]:
    """The emoji that have a kind, tags, and a picture by every vendor, by code.

    Joined sequences are among them, flags of countries and skin tones are not.
    """
    drawn = [
        {
            _bare(fact["unified"]): root / "img" / vendor / "64" / fact["image"]
            for fact in json.loads((root / "emoji.json").read_bytes())
            if fact["category"] not in _NOT_PICTURES and fact[f"has_img_{vendor}"]
        }
        for vendor, root in folders.items()
    ]
    english = tags / "en"
    kinds = {
        kind["order"]: str(kind["key"])
        for kind in json.loads((english / "messages.json").read_bytes())["subgroups"]
    }
    facts = {_bare(f["hexcode"]): f for f in json.loads((english / "data.json").read_bytes())}
    return [
        Tagged(
            code,
            fact["label"],
            tuple(fact["tags"]),
            kinds[fact["subgroup"]],
            {vendor: pictures[code] for vendor, pictures in zip(folders, drawn, strict=True)},
        )
        for code, fact in sorted(facts.items())
        if fact.get("tags")
        and fact.get("subgroup") in kinds
        and all(code in pictures for pictures in drawn)
    ]


def _bare(code: str) -> str:
    """A code without its variation selectors, which not all lists have."""
    return code.replace(_EMOJI_STYLE, "")


def is_plain(code: str, category: str) -> bool:
    """Whether it is one code point (and a variation selector), and no flag or component."""
    return (
        category not in _NOT_PICTURES
        and _JOINER not in code
        and "-" not in code.replace(_EMOJI_STYLE, "")
    )
