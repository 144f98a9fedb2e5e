"""The catalogue: what may be declared, and that the documentation tells of all of it."""

from pathlib import Path

import pytest

from triptych.core.fields import FIELDS, Catalogue, Field, Kind

PAGE = (Path(__file__).parents[3] / "docs/fields.md").read_text("utf-8")


def rows() -> list[str]:
    """The table of the fields, as the page must have it."""

    def mark(*, flag: bool) -> str:
        return "yes" if flag else ""

    table = [
        "| field | kind | send | filter | facet | sort | words | description |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for field in FIELDS:
        if not field.public:
            continue
        kind = f"list of {field.kind}s" if field.many else str(field.kind)
        choices = f" One of {', '.join(f'`{each}`' for each in field.choices)}."
        marks = [
            mark(flag=flag)
            for flag in (
                field.sendable, field.filterable, field.facetable, field.sortable, field.searchable,
            )
        ]  # fmt: skip
        description = field.description + (choices if field.choices else "")
        names = ", ".join(f"`{label}`" for label in field.labels)
        table.append(f"| {names} | {kind} | {' | '.join(marks)} | {description} |")
    return table


def test_the_page_has_every_field():
    """With its kind, what it can do, and its description; in the order of documents."""
    written = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert written == rows(), "\n".join(["docs/fields.md must have this table:", *rows()])


def test_names_lead_to_fields():
    """Those with keys with a key, others without."""
    assert FIELDS.target("tags") == (FIELDS["tags"], None)
    assert FIELDS.target("metadata.a.b") == (FIELDS["metadata"], "a.b")
    assert FIELDS.target("predictions.label") == (FIELDS["predictions"], "label")
    for name in ("metadata", "tags.x", "colour", "", "metadatas.x", "predictions.other"):
        with pytest.raises(KeyError):
            FIELDS.target(name)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"kind": Kind.TEXT, "filterable": True}, "not compared"),
        ({"kind": Kind.OBJECT, "facetable": True}, "not compared"),
        ({"kind": Kind.KEYWORD, "sortable": True, "many": True}, "lists of values have no order"),
        ({"kind": Kind.VECTOR, "sendable": True}, "can't send"),
        ({"kind": Kind.NUMBER, "sendable": True}, "can't send"),
        ({"kind": Kind.KEYWORD, "name": "a.b"}, "not a valid field name"),
    ],
)
def test_what_can_not_be_is_refused(flags, reason):
    """When it is declared."""
    with pytest.raises(ValueError, match=reason):
        Field(**{"name": "new", "description": "New.", **flags})


def test_names_are_unique():
    """Within a catalogue."""
    with pytest.raises(ValueError, match="one name"):
        Catalogue([*FIELDS, FIELDS["tags"]])
