"""Strict JSON for input: ambiguous or oversized JSON is refused before it is used."""

import json
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.core.names import printable

_MOST_NAMES = 1000
"""Per object. Refusing an unknown name costs far more than reading it."""
_MOST_COMMAS = 1_000_000
"""The parser takes a third of a second for this, and no other thread runs meanwhile. The longest
texts of a query pass, even if they are all commas."""


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object in which no name is given twice.

    NaN and lone surrogates pass, so that the model can name the field. (orjson is faster by
    microseconds, but reports only the position.)

    Args:
        data: UTF-8.
        what: what error messages call it.

    Raises:
        InvalidInput: ``field`` is the name that is given twice, else ``what``.
    """
    try:
        value = read_value(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{what} is not UTF-8: byte {error.start}", field=what) from error
    except ValueError as error:
        raise InvalidInput(f"{what} is not JSON: {error}", field=what) from error
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error.reason}", field=error.field or what) from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not a JSON object", field=what)
    return value


def read_value(text: str) -> Any:
    """Read any JSON value.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
        InvalidInput: a name is given twice, or there are too many values.
    """
    if text.count(",") > _MOST_COMMAS:
        raise InvalidInput(f"there are more than {_MOST_COMMAS} values")
    try:
        return _decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MOST_NAMES:
        raise InvalidInput(f"an object has {len(pairs)} names; at most {_MOST_NAMES} are accepted")
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = printable(next(name for name in names if names.count(name) > 1))
        raise InvalidInput(f"{twice!r} is given twice", field=twice)
    return value


_decode = json.JSONDecoder(object_pairs_hook=_checked).decode
