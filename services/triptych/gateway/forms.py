"""Forms: the bodies of JSON requests as multipart/form-data has them.

A text stands for itself, and a field that is neither text nor file is JSON. What there may be
several of (texts, files) is sent as several fields of one name.
"""

from collections.abc import Mapping
from functools import cache
from typing import IO, Annotated, Any, cast

from flask import Request
from pydantic import BaseModel, ConfigDict, Field, Json, WithJsonSchema, create_model
from werkzeug.formparser import FormDataParser
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from triptych.core.errors import InvalidInput
from triptych.core.item import MEDIA
from triptych.fusion.query import AGAINST
from triptych.ingest.sent import ItemRequest
from triptych.search.request import SEVERAL, Parts, SearchRequest

File = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]
Files = Annotated[list[File], Field(max_length=SEVERAL)]
Texts = Annotated[list[str], Field(max_length=SEVERAL)]

REPEATABLE = tuple(Parts.model_fields)
UNLIKE = {f"{AGAINST}.{part}": part for part in MEDIA}
"""The file fields of negative parts, and the part of a query that each is."""


class FormParser(FormDataParser):
    """Refuses a form without a boundary, or cut off, which Werkzeug takes for an empty one.

    Raises InvalidInput.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.silent = False

    def parse(self, stream: IO[bytes], *arguments: Any, **options: Any) -> Any:
        """As the original."""
        try:
            return super().parse(stream, *arguments, **options)
        except ValueError as error:
            raise InvalidInput(f"body is not a form: {error}", field="body") from error


class WholeStream(LimitedStream):
    """The body of a request that says how long it is. Raises InvalidInput where it is shorter.

    Gunicorn takes the end of a connection for the end of a body, and Werkzeug believes it.
    """

    def on_disconnect(self, error: Exception | None = None) -> None:
        """As the original, which says less."""
        come = f"{self._pos} of {self.limit} bytes came"
        raise InvalidInput(f"body is cut off: {come}", field="body") from error


class FormRequest(Request):
    """A request whose form is read by ``FormParser``, and whose body is never cut off."""

    form_data_parser_class = FormParser

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body."""
        length, limit = self.content_length, self.max_content_length
        if length is None or (limit is not None and length > limit):
            return super().stream
        return cast("IO[bytes]", WholeStream(self.environ["wsgi.input"], length))


@cache
def json_fields(model: type[BaseModel]) -> frozenset[str]:
    """The fields of a request that are JSON in a form; all others are taken literally."""
    properties = model.model_json_schema()["properties"]
    return frozenset(name for name, schema in properties.items() if not _is_text(schema))


def _is_text(schema: Mapping[str, Any]) -> bool:
    types = [choice.get("type") for choice in schema.get("anyOf", (schema,))]
    return "string" in types and set(types) <= {"string", "null"}


def _form(name: str, model: type[BaseModel], **types: Any) -> type[BaseModel]:
    """The form of a request, by which it is described; ``types`` are those that differ in it."""
    json = json_fields(model)
    fields: dict[str, Any] = {}
    for field, info in model.model_fields.items():
        alias = info.alias or field
        json_type: Any = Json[info.rebuild_annotation()]  # type: ignore[misc]
        kind = types.get(alias, json_type if alias in json else Annotated[str, _TEXT])
        fields[field] = (kind, _optional(alias, info.description))
    for alias, kind in types.items():
        fields.setdefault(alias.replace(".", "_"), (kind, _optional(alias, None)))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


_TEXT = WithJsonSchema({"type": "string"})


def _optional(alias: str, description: str | None) -> Any:
    """A field that may be left out; there is no null in a form."""
    return Field(None, alias=alias, description=description, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


ItemForm = _form("ItemForm", ItemRequest, image=File, audio=File, text=File)
SearchForm = _form(
    "SearchForm",
    SearchRequest,
    text=Texts,
    **dict.fromkeys((*MEDIA, *UNLIKE), Files),
)


class BatchForm(BaseModel):
    """Files of items: those of one stem are one item, unless a manifest says what they are."""

    model_config = ConfigDict(extra="forbid")

    files: list[File] = Field([], json_schema_extra=_without_default)
    manifest: File = Field(
        b"",
        description="a line of JSON for each item, as ItemLine has it; alone, as a body of lines",
        json_schema_extra=_without_default,
    )
