"""JSON from outside: what has two meanings, or no end, is refused before anything is made of it."""

import json
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.core.names import printable

_MOST_NAMES = 1000
"""Of one object: to refuse a name that a model does not know costs far more than to read it."""
_MOST_COMMAS = 1_000_000
"""A third of a second for the parser, during which no other thread gets on. The longest texts of a
query may be all commas, and pass."""


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object, in which no name is given twice.

    NaN and lone surrogates pass, so that a model can tell in which field they are: orjson is
    quicker by microseconds, and says only where.

    Args:
        data: UTF-8.
        what: how a reason calls it.

    Raises:
        InvalidInput: its field is the name that is given twice, else ``what``.
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
    """Any JSON value.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
        InvalidInput: a name is given twice, or there is too much of it.
    """
    if text.count(",") > _MOST_COMMAS:
        raise InvalidInput(f"there are more than {_MOST_COMMAS} values")
    try:
        return _decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MOST_NAMES:
        raise InvalidInput(f"an object has {len(pairs)} names, {_MOST_NAMES} are accepted")
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = printable(next(name for name in names if names.count(name) > 1))
        raise InvalidInput(f"{twice!r} is given twice", field=twice)
    return found


_decode = json.JSONDecoder(object_pairs_hook=_checked).decode
