"""The names of emoji, by the package emoji (BSD-3-Clause), which has those of Unicode's CLDR."""

import re
import unicodedata
from functools import lru_cache

_LONG = 16
_WORDS = re.compile(r"[^\W_]+")


def name(sequence: str) -> tuple[str, ...]:
    """The words of the English name of an emoji, in small letters.

    Of a sequence that has no name, those of what it is made of. A long one has none, and is not
    remembered: senders can make up any number of them.
    """
    return (_name if len(sequence) <= _LONG else _name.__wrapped__)(sequence)


@lru_cache(8192)
def _name(sequence: str) -> tuple[str, ...]:
    from emoji import EMOJI_DATA

    known = EMOJI_DATA.get(sequence) or EMOJI_DATA.get(f"{sequence}\ufe0f")
    named = known["en"] if known else " ".join(unicodedata.name(one, "") for one in sequence)
    return tuple(_WORDS.findall(named.casefold()))
