"""Bytes of a text to characters, whatever its encoding: marked, declared, or found out.

What is valid UTF-8 is UTF-8. Else ``chardet`` ranks the encodings that texts are found in; of short
texts, a few words, it tells five of six right, of thirty names nineteen of twenty (emoji names in
twenty languages; charset-normalizer: two and sixteen). What looks strange then may be in an
encoding of DOS, of an old Mac, or of ISO 8859: of captions of stamps in 24 languages and 35
encodings, that makes 80 % right instead of 75, and 95 instead of 79 of a dozen captions together.
"""

import codecs
import re
from collections.abc import Sequence
from encodings import normalize_encoding
from encodings.aliases import aliases

from triptych.core.errors import MediaError

_MARKS: Sequence[tuple[bytes, str]] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_DETECTED = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874",
    "iso8859-2", "koi8-r", "koi8-u", "cp866", "cp932", "euc_jis_2004", "iso2022_jp_2", "gb18030",
    "big5hkscs", "cp949",
)  # fmt: skip
_SMALL = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "cp874", "gb2312", "big5", "shift_jis", "euc_kr",
)  # fmt: skip
"""Sets of characters: what has a meaning is written in one, Chinese in its frequent signs."""
_SENSIBLE = 0.9
"""So much of a text that has no mark is in one of these."""
_LOOKED_AT = 4096
_UNSURE = 0.05
"""The detector's confidence below which a Western text is likelier."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ASCII = re.compile(rb"[A-Za-z ]")
_SHIFT = re.compile(rb"\x1b[$(]")
"""How texts in ISO 2022 change their set of characters."""
_MOST_ASCII = 0.75
_MOST_CONTROL = 0.05
"""Parts of the bytes: a text with more Latin letters has no wide characters; one with more control
characters is none."""
_MULTIBYTE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_DECLARED = re.compile(rb"(?:charset|coding|encoding)\s*[=:]\s*[\"']?([\w.-]+)")
_CHARACTER_SET = re.compile(
    r"""ascii | utf_8(?:_sig)? | latin_1 | iso8859_\d+ | cp\d+ | koi8_[rtu] | mac_\w+ | euc_\w+
    | shift_jis\w* | iso2022_\w+ | big5\w* | gb2312 | gbk | gb18030 | hz | johab | tis_620
    | kz1048 | ptcp154 | hp_roman8""",
    re.VERBOSE,
)
"""What a file may say that it is in. Python has codecs that are no set of characters; one of them,
``punycode``, takes quadratic time. What is in UTF-16 can't say so in ASCII."""
_WESTERN = frozenset(
    "ÄÖÜäöüßÀÂÇÈÉÊËÎÏÔÙÛàâçèéêëîïôùœŒæÆÁÍÓÚÑáíóúñ¿¡ÃÕãõÅåØøìò€£§°©®«»„“”‘’‚–—…·•™±×÷µ½¼¾²³"
)
_OLD = (
    "iso8859-2", "iso8859-5", "iso8859-6", "cp850", "cp852", "cp866", "mac_roman", "mac_latin2",
    "mac_cyrillic", "mac_greek", "mac_turkish", "cp932",
)  # fmt: skip
_RELATED = {
    "Windows-1250": ("iso8859-2", "cp852", "mac_latin2"),
    "Windows-1251": ("mac_cyrillic", "iso8859-5", "cp866"),
}
"""Those of the same languages."""
_STRANGE = 2
"""From so many on any of them may be meant; one is strange in a formula, too."""
_DRAWN = frozenset(map(chr, (*range(0x80, 0xA0), *range(0x2500, 0x25A0), *range(0xE000, 0xF900))))
"""Control characters, lines and blocks, and what has no meaning."""
_NEVER_INSIDE = frozenset("¶§©®¬¦¨¯´¸»«¤¢£¥ªº¹²³¼½¾¿¡˘˙˛˝ˇ†‡‰‹›„‚ˆ˜™•√∫∂∑∏≈◊")
_APART = ((frozenset("ěřů"), frozenset("ąĄęłľĽĺŕ")), (frozenset("ôäď"), frozenset("ąĄęł")))
"""Letters of Czech and Slovak, and those that no text has beside them."""
_MIXED = re.compile(r"[A-Za-zÀ-ɏ][\u0370-\uffff]|[\u0370-\u2dff][A-Za-zÀ-ɏ]")
"""Letters of two scripts in one word."""


def decode(data: bytes) -> str:
    """The characters of a text; each byte, or pair, that can't be one is U+FFFD.

    Raises MediaError for what is no text.
    """
    if not data:
        return ""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    text = _utf8(data) or _unmarked(data)
    if text is None and len(_CONTROL.findall(data)) > 1 + _MOST_CONTROL * len(data):
        raise MediaError("text is binary data")
    return text or _damaged_utf8(data) or _declared(data) or _detected(data)


def _utf8(data: bytes) -> str | None:
    try:
        return None if b"\0" in data or _SHIFT.search(data) else data.decode()
    except UnicodeDecodeError:
        return None


def _unmarked(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: other texts have no control characters."""
    start = data[:_LOOKED_AT]
    if not _CONTROL.search(start):
        return None
    if len(_ASCII.findall(start)) > _MOST_ASCII * len(start):
        return None
    best = max(_WIDE, key=lambda encoding: _sense(data, encoding))
    return data.decode(best, "replace") if _sense(data, best) >= _SENSIBLE else None


def _sense(data: bytes, encoding: str) -> float:
    """The part of a text's beginning that is in one small set of characters; 0 where it is none."""
    width = 4 if encoding.startswith("utf-32") else 2
    try:
        text = data[: _LOOKED_AT - _LOOKED_AT % width].decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    text = text.replace("\ufeff", "")
    if not text or _CONTROL.search(text.encode("ascii", "ignore")):
        return 0.0
    return max(len(text.encode(name, "ignore").decode(name)) for name in _SMALL) / len(text)


def _damaged_utf8(data: bytes) -> str | None:
    if _SHIFT.search(data):
        return None
    text = data.decode("utf-8", "replace")
    damage, right = text.count("\ufffd"), len(_MULTIBYTE.findall(data))
    is_cut = damage == 1 and right and text.endswith("\ufffd")
    return text if right > damage or is_cut or not damage else None


def _declared(data: bytes) -> str | None:
    """By what a page or a source file says of itself."""
    found = _DECLARED.search(data[:_LOOKED_AT])
    if found is None:
        return None
    # Not by codecs.lookup, which keeps every name that it was ever asked for.
    name = normalize_encoding(found[1].decode().lower())
    codec = aliases.get(name, name)
    try:
        return data.decode(codec) if _CHARACTER_SET.fullmatch(codec) else None
    except (LookupError, UnicodeError):
        return None


def _detected(data: bytes) -> str:
    import chardet  # where it is needed: most texts are UTF-8

    western = data.decode("cp1252", "replace")
    # Not the larger set: cp1250 has the letters of ISO 8859-2, but not where they are there.
    found = chardet.detect(data, include_encodings=_DETECTED)
    try:
        text = data.decode(found["encoding"] or "cp1252")
    except UnicodeDecodeError:
        return western
    unlikely = _MIXED.search(text) or (found["confidence"] or 0) < _UNSURE
    usual = all(char.isascii() or char in _WESTERN for char in western)
    return western if unlikely and usual else _plausible(data, found["encoding"], text)


def _plausible(data: bytes, encoding: str | None, text: str) -> str:
    """The text, or what another encoding makes of it if that is far less strange.

    Detectors take the encodings of DOS, of old Macs and of ISO 8859 for those of Windows, in which
    the same bytes are signs, and capitals in the middle of words.
    """
    strange = _strangeness(text)
    if not strange:
        return text
    names = _OLD if strange >= _STRANGE else _RELATED.get(encoding or "", ())
    others = [other for name in names if (other := _decoded(data, name)) is not None]
    best = min(others, key=_strangeness, default=text)
    return best if _strangeness(best) <= strange / 2 else text


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _strangeness(text: str) -> int:
    """How many letters of its beginning no text has where they are, or signs within words."""
    start = text[:_LOOKED_AT]
    count = len(_MIXED.findall(start))
    for letters, foreign in _APART:
        count += sum(map(start.count, foreign)) if letters & {*start} else 0
    for before, char, after in zip(f" {start}", start, f"{start[1:]} ", strict=False):
        if char.isascii() and before.isascii():
            continue
        inside = before.isalpha() and after.isalpha()
        count += (
            char in _DRAWN
            or (inside and char in _NEVER_INSIDE)
            or (char.isupper() and before.islower())
        )
    return count
