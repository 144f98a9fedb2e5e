"""The same emoji drawn by two vendors: npm's ``emoji-datasource-google`` and ``-twitter``.

Their pictures (Noto: Apache-2.0, Twemoji: CC-BY 4.0) are not part of this project.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from triptych.corpora.npm import unpacked

VENDORS = ("google", "twitter")
_VERSION = "16.0.0"
_NOT_PICTURES = {"Flags", "Component"}
_JOINER, _EMOJI_STYLE = "200D", "-FE0F"


@dataclass(frozen=True)
class Emoji:
    """One emoji and its picture by each vendor, 64 × 64 PNG."""

    code: str
    name: str
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


def is_plain(code: str, category: str) -> bool:
    """Whether it is one code point (and a variation selector), and no flag or component."""
    return (
        category not in _NOT_PICTURES
        and _JOINER not in code
        and "-" not in code.replace(_EMOJI_STYLE, "")
    )
