"""Which language a text is in, as far as a few words tell.

By py3langid (BSD-3-Clause; Lui & Baldwin, langid.py, ACL 2012), among the languages below only: a
caption is short, and every rare language among the candidates makes the likely ones less certain.
"""

from functools import cache, lru_cache
from typing import Any

LANGUAGES = frozenset(
    """
    ar bg ca cs da de el en es fa fi fr he hi hr hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh
    """.split()  # noqa: SIM905
)
"""ISO 639-1."""

# Chosen on captions of two to five words in fifteen languages. Above ``_SURE`` it is right 98 times
# of 100. The lower the threshold of English, the fewer English texts get stems of other languages.
_SURE = 0.6
_PLAUSIBLE = 0.1
_ENGLISH = 0.05
_SAMPLE_CHARS = 1000


def detect(text: str) -> str | None:
    """The language of a text, ISO 639-1; None where it is too short, or too mixed, to tell."""
    language, probability = _ranked(text)[0]
    return language if probability >= _SURE else None


def guess(text: str) -> tuple[str, ...]:
    """The languages that a text may be in, likeliest first: one if it is sure, else up to three.

    English has no rivals: where it is possible but not sure, it alone is returned.
    """
    if language := detect(text):
        return (language,)
    ranked = _ranked(text)
    if dict(ranked)["en"] >= _ENGLISH:
        return ("en",)
    return tuple(name for name, probability in ranked[:3] if probability >= _PLAUSIBLE)


def _ranked(text: str) -> tuple[tuple[str, float], ...]:
    return _rank(text[:_SAMPLE_CHARS])


@lru_cache(256)
def _rank(sample: str) -> tuple[tuple[str, float], ...]:
    """Every language and its probability, likeliest first."""
    return tuple(_identifier().rank(sample))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
