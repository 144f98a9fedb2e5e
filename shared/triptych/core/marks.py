"""Marks on letters, such as accents."""

import unicodedata
from itertools import chain, groupby, islice

_MOST = 256
"""No letter of any script has so many."""


def bounded(text: str) -> str:
    """The text with no more than 256 combining marks in a row.

    To normalise a text takes a time that grows with the square of the marks in a row.
    """
    if len(text) <= _MOST or text.isascii():
        return text
    runs = groupby(text, lambda char: unicodedata.combining(char) > 0)
    return "".join(chain.from_iterable(islice(run, _MOST) if marks else run for marks, run in runs))
