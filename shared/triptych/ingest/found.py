"""What steps find in the parts of an item becomes its fields; what its sender says counts more."""

from collections.abc import Iterable, Mapping
from typing import Any

from triptych.core.fields import FIELDS
from triptych.core.item import Item, Words

_BREAK = " | "
"""Between the words of two values, as ``analyse_each`` has it: no phrase reaches across."""
_OF_STEPS = frozenset({"language"})
"""What a step says although it may be sent: it has taken that into account."""

Found = tuple[Mapping[str, Any], Mapping[str, Words]]
"""Fields that a step found in a part, and the words of those whose words are searched."""


def news(known: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What was found but for what is known already: by the sender, by a sidecar, of another part.

    Args:
        known: fields of an item.
        found: those that a step found in one of its parts.
    """
    fresh = {
        name: value
        for name, value in found.items()
        if name in _OF_STEPS or not FIELDS[name].sendable or name not in known
    }
    if "captured_at" in known:  # whose zone may be another
        fresh.pop("captured_at_zone", None)
    return fresh


def adopting(item: Item, parts: Iterable[Found]) -> Item:
    """A copy with what was found in its parts: of two parts the first one counts, of lists both."""
    sent, taken = item.fields, dict[str, Any]()
    for fields, words in parts:
        single = {name: value for name, value in taken.items() if not FIELDS[name].many}
        fresh = news({**sent, **single}, fields)
        for name, each in words.items():
            if name in fresh:
                item = item.with_words(name, _joined(item, name, each) if name in taken else each)
            elif name not in fields:  # of a text, which is no field that was found
                item = item.with_words(name, each)
        for name, value in fresh.items():
            both = FIELDS[name].many and name in taken
            taken[name] = list(dict.fromkeys([*taken[name], *value])) if both else value
    return item.noting(taken)


def _joined(item: Item, name: str, words: Words) -> Words:
    stems, plain = (item.words[name], words.stems), (item.plain[name], words.plain)
    return Words(" ".join(filter(None, stems)), _BREAK.join(filter(None, plain)))
