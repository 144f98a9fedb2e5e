"""The description of the API for people: pure functions over an OpenAPI document."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Schema = Mapping[str, Any]

_REF = "#/components/schemas/"
_SEVERAL = ("anyOf", "oneOf", "allOf")
_DEEP, _FIRST = 4, 3
"""Levels of an example, and the fields of an object of which none is required."""
_VALUES = {
    "string": "…", "integer": 1, "number": 0.5, "boolean": True, "null": None, "object": {},
}  # fmt: skip
_BOUNDS = (
    ("minimum", "≥"), ("maximum", "≤"), ("exclusiveMinimum", ">"), ("exclusiveMaximum", "<"),
    ("minLength", "length ≥"), ("maxLength", "length ≤"),
    ("minItems", "items ≥"), ("maxItems", "items ≤"),
)  # fmt: skip
_LONG = 12
"""Values of an enumeration that are shown."""
_BAD_REQUEST = 400


@dataclass(frozen=True)
class Row:
    """A parameter, or a field of an object."""

    name: str
    kind: str
    required: bool
    description: str
    place: str = ""
    """Of a parameter: path, query or header."""
    refs: Sequence[str] = ()
    """The schemas that its kind names."""


@dataclass(frozen=True)
class Message:
    """A body that is sent or answered, in one of its content types."""

    title: str
    type: str
    kind: str
    refs: Sequence[str]
    example: str = ""


@dataclass(frozen=True)
class Operation:
    """A method of a path."""

    name: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    parameters: Sequence[Row]
    bodies: Sequence[Message]
    answers: Sequence[Message]
    errors: Sequence[tuple[str, str]]
    """Statuses and what they mean."""
    command: str
    """A request as curl has it."""


@dataclass(frozen=True)
class Described:
    """A schema that has a name."""

    name: str
    description: str
    kind: str
    rows: Sequence[Row]


def groups(document: Schema) -> Sequence[tuple[str, Sequence[Operation]]]:
    """The operations by their tag."""
    found = sorted(_operations(document), key=lambda one: one.tag)
    return [(tag, list(ones)) for tag, ones in groupby(found, key=lambda one: one.tag)]


def schemas(document: Schema) -> Sequence[Described]:
    """The schemas by their name."""
    named = document["components"]["schemas"]
    return [
        Described(
            name, schema.get("description", ""), kind_of(schema), rows=_fields(schema)
        )
        for name, schema in sorted(named.items())
    ]  # fmt: skip


def kind_of(schema: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    for several in _SEVERAL:
        if several in schema:
            kinds = dict.fromkeys(map(kind_of, schema[several]))
            return (" and " if several == "allOf" else " or ").join(kinds)
    if (values := _values(schema)) is not None:
        shown = [json.dumps(value, ensure_ascii=False) for value in values]
        more = [f"… ({len(shown)} values)"] if len(shown) > _LONG else []
        return ", ".join(shown[:_LONG] + more)
    return _type_of(schema)


def _type_of(schema: Schema) -> str:
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}{_bounds(schema)}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"object, by name {kind_of(values)}"
    return "bytes" if schema.get("format") == "binary" else f"{kind}{_bounds(schema)}"


def example(schema: Schema, document: Schema, depth: int = 0) -> Any:
    """A value that looks like those of a schema: what is required, or else the first fields."""
    if (inner := _inner(schema, document)) is not None:
        return example(inner, document, depth)
    if (values := _values(schema)) is not None:
        return values[0]
    kind = schema.get("type")
    if kind == "array":
        return [] if depth >= _DEEP else [example(schema.get("items", {}), document, depth + 1)]
    if kind == "object" and (properties := schema.get("properties")) and depth < _DEEP:
        chosen = schema.get("required") or list(properties)[:_FIRST]
        found = {name: properties[name] for name in chosen if name in properties}
        return {name: example(one, document, depth + 1) for name, one in found.items()}
    return schema.get("minimum", _VALUES.get(str(kind), "…"))


def _inner(schema: Schema, document: Schema) -> Schema | None:
    """The schema that an example is made of instead: the named one, or the first choice."""
    if "$ref" in schema:
        found: Schema = document["components"]["schemas"][schema["$ref"].removeprefix(_REF)]
        return found
    for several in _SEVERAL:
        if several in schema:
            return next((one for one in schema[several] if one.get("type") != "null"), {})
    inner: Schema | None = schema.get("contentSchema")
    return inner


def _values(schema: Schema) -> list[Any] | None:
    """The only values that there are."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _operations(document: Schema) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            bodies = list(_messages(one.get("requestBody", {}), "body", document))
            answers, errors = [], []
            for status, answer in one["responses"].items():
                if int(status) >= _BAD_REQUEST:
                    errors.append((status, answer.get("description", "")))
                else:
                    found = list(_messages(answer, status, document))
                    answers += found or [Message(status, "", "nothing", ())]
            yield Operation(
                one["operationId"],
                one["tags"][0],
                method.upper(),
                path,
                one["summary"],
                one.get("description", ""),
                parameters=[_parameter(entry) for entry in one.get("parameters", ())],
                bodies=bodies,
                answers=answers,
                errors=errors,
                command=_command(method.upper(), path, bodies),
            )


def _messages(message: Schema, title: str, document: Schema) -> Iterator[Message]:
    for content_type, content in message.get("content", {}).items():
        schema = content.get("schema", {})
        shown = ""
        if "json" in content_type:
            shown = json.dumps(example(schema, document), indent=2, ensure_ascii=False)
        yield Message(title, content_type, kind_of(schema), _refs(schema), shown)


def _parameter(entry: Schema) -> Row:
    schema = entry.get("schema", {})
    return Row(
        entry["name"],
        kind_of(schema),
        bool(entry.get("required")),
        entry.get("description") or schema.get("description", ""),
        place=entry["in"],
        refs=_refs(schema),
    )


def _fields(schema: Schema) -> Sequence[Row]:
    needed = schema.get("required", ())
    return [
        Row(name, kind_of(one), name in needed, one.get("description", ""), refs=_refs(one))
        for name, one in schema.get("properties", {}).items()
    ]


def _refs(schema: Any) -> Sequence[str]:
    """The schemas that one names, in their order."""
    found: dict[str, None] = {}
    if isinstance(schema, Mapping):
        if isinstance(ref := schema.get("$ref"), str):
            found[ref.removeprefix(_REF)] = None
        for value in schema.values():
            found |= dict.fromkeys(_refs(value))
    elif isinstance(schema, list):
        for value in schema:
            found |= dict.fromkeys(_refs(value))
    return list(found)


def _bounds(schema: Schema) -> str:
    found = [f"{sign} {schema[name]}" for name, sign in _BOUNDS if name in schema]
    if pattern := schema.get("pattern"):
        found.append(f"as {pattern}")
    return f" ({', '.join(found)})" if found else ""


def _command(method: str, path: str, bodies: Sequence[Message]) -> str:
    """A request as curl has it; a body of JSON, or else of the first type."""
    words = ["curl", f"'localhost:8080{path}'"]
    if method == "HEAD":
        words.append("-I")
    elif method != "GET":
        words.append(f"-X {method}")
    by_type = {body.type: body for body in bodies}
    if (body := by_type.get("application/json")) is not None:
        compact = json.dumps(json.loads(body.example), ensure_ascii=False)
        words.append(f"-H 'Content-Type: application/json' -d '{compact}'")
    elif bodies:
        words.append(f"-H 'Content-Type: {bodies[0].type}' --data-binary @FILE")
    return " ".join(words)
