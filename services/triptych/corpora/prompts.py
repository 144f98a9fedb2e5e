"""The English prompts of Asterisk: one speaker, telephone quality, with their texts.

They come from Debian's packages ``asterisk-core-sounds-en-wav`` and ``asterisk-core-sounds-en``
(CC-BY-SA 3.0; see their copyright files) and are not part of this project.
"""

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from triptych.corpora.debian import unpacked

_SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
_TEXTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_REMARK = re.compile(r"\[.*?\]|<.*?>|\(.*?\)")


@dataclass(frozen=True)
class Prompt:
    """A recording and its spoken text, which is empty for tones, silence and monkeys."""

    name: str
    text: str
    path: Path
    """A WAV file of 8,000 samples a second."""


def fetch() -> list[Prompt]:
    """All prompts with text and sound, by name, fetched on first use. Raises CorpusUnavailable."""
    sounds = unpacked("asterisk-core-sounds-en-wav") / _SOUNDS
    texts = gzip.decompress((unpacked("asterisk-core-sounds-en") / _TEXTS).read_bytes()).decode()
    prompts = (Prompt(*line, sounds / f"{line[0]}.wav") for line in lines(texts).items())
    return sorted((prompt for prompt in prompts if prompt.path.exists()), key=lambda p: p.name)


def lines(texts: str) -> dict[str, str]:
    """The spoken text by name, without the remarks in brackets about other sounds."""
    pairs = (line.partition(": ") for line in texts.splitlines() if not line.startswith(";"))
    return {name: " ".join(_REMARK.sub(" ", text).split()) for name, colon, text in pairs if colon}
