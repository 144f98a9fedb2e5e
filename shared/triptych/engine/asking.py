"""A query of plain Python values as a request: what a notebook has, instead of JSON or a form."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from triptych.core.errors import InvalidInput
from triptych.core.item import MEDIA
from triptych.core.values import describe
from triptych.search.request import SearchRequest, SimilarRequest

Request = TypeVar("Request", bound=SimilarRequest)

_REFERENCES = ("item:", "http://", "https://")


def search_request(**query: Any) -> SearchRequest:
    """A search by these parts and options. Raises InvalidInput naming the field; OSError."""
    fields = _without_media_paths(query)
    if "not_" in fields:  # ``not`` is a keyword
        fields["not"] = _without_media_paths(fields.pop("not_"))
    return _checked(SearchRequest, fields)


def similar_request(**options: Any) -> SimilarRequest:
    """The options of a search by an item. Raises as ``search_request``."""
    if "not_" in options:
        options["not"] = _without_media_paths(options.pop("not_"))
    return _checked(SimilarRequest, options)


def _checked(model: type[Request], fields: dict[str, Any]) -> Request:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise InvalidInput(describe(error), field=field or None) from error


def _without_media_paths(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts with the bytes of images and sounds in place of their paths."""
    fields = {name: value for name, value in parts.items() if value is not None}
    for part in MEDIA:
        if part in fields:
            value = fields[part]
            several = isinstance(value, Iterable) and not isinstance(value, bytes | str | PathLike)
            fields[part] = [_medium(one) for one in value] if several else _medium(value)
    return fields


def _medium(value: Any) -> Any:
    """Bytes and references as they are; else the bytes of the file with this path."""
    if isinstance(value, PathLike) or (
        isinstance(value, str) and not value.startswith(_REFERENCES)
    ):
        return Path(value).read_bytes()
    return value
