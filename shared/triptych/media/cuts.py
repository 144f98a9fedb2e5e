"""The beginnings of long strings of bytes, for what is looked at within bounds."""


def beginning(raw: bytes, most: int) -> bytes:
    """No more than so many bytes, and not half a letter of UTF-8 at the end.

    With that half the whole would be no UTF-8. What is none anyway may lose three letters.
    """
    if most < len(raw) and _goes_on(raw[most]):
        for start in range(most - 1, max(most - 4, -1), -1):
            if not _goes_on(raw[start]):
                return raw[:start]
    return raw[:most]


def _goes_on(byte: int) -> bool:
    """Whether it is in a letter of UTF-8, and not its first."""
    return 0x80 <= byte < 0xC0  # noqa: PLR2004
