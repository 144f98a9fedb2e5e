"""How answers are declared: dataclasses of which JSON leaves out what is absent."""

from typing import Annotated, TypeVar

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

Value = TypeVar("Value")
Omissible = Annotated[
    Value | SkipJsonSchema[None],
    Field(json_schema_extra=lambda schema: schema.pop("default", None)),
]
"""Of a field that JSON leaves out where it is None; the schema knows no null for it."""


class Described:
    """The docstrings of the fields are their descriptions in the schema."""

    __pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)
