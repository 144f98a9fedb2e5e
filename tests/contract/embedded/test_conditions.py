"""Conditions against plain Python, on values of every kind."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.documents import make
from support import layout
from triptych.index.documents import kind
from triptych.index.embedded import EmbeddedIndex
from triptych.index.model import Condition, Facet, Listing, Range, Sort, Value

VALUES = (0, 1, -1, 1.5, 2**53, 1e300, True, False, "", "1", "a", "é", "\U0001f600", "\uffff")
TAGS = ("a", "b", "é")

value = st.sampled_from(VALUES)
values = st.lists(value, max_size=3).map(tuple)
bounds = st.one_of(
    *(
        st.builds(Range, *(st.none() | st.sampled_from(some) for _ in range(4)))
        for some in ([v for v in VALUES if kind(v) == k] for k in ("number", "string"))
    )
).filter(lambda r: any(bound is not None for bound in vars(r).values()))
conditions = st.builds(
    Condition,
    st.sampled_from(["metadata.v", "metadata.w", "tags"]),
    st.none() | values,
    values,
    values,
    st.none() | bounds,
)


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[EmbeddedIndex, list[dict]]]:
    """An index of items that have some value or none."""
    rng = np.random.default_rng(3)
    index = EmbeddedIndex(Path(tmp_path_factory.mktemp("index")), layout=layout())
    index.ensure("c")
    entries = []
    for n in range(120):
        metadata = {
            name: VALUES[rng.integers(len(VALUES))] for name in ("v", "w") if rng.random() < 0.8
        }
        tags = tuple(tag for tag in TAGS if rng.random() < 0.4)
        entries.append(make(f"{n:03}", tags=tags, metadata=metadata))
    index.bulk("c", entries)
    yield index, [dict(entry.document) for entry in entries]
    index.close()


def of(document: dict, field: str) -> list[Value]:
    """The values of a field."""
    if field == "tags":
        return document.get("tags", [])
    key = field.removeprefix("metadata.")
    return [document["metadata"][key]] if key in document.get("metadata", {}) else []


def same(one: Value, other: Value) -> bool:
    """Equal, and of one kind."""
    return kind(one) == kind(other) and one == other


def between(found: Value, asked: Range) -> bool:
    """Whether a value is of the kind of the bounds, and between them."""
    return all(
        bound is None or (kind(bound) == kind(found) and holds(found, bound))
        for bound, holds in [
            (asked.gte, lambda a, b: a >= b),
            (asked.gt, lambda a, b: a > b),
            (asked.lte, lambda a, b: a <= b),
            (asked.lt, lambda a, b: a < b),
        ]
    )


def holds(document: dict, condition: Condition) -> bool:
    """One condition in plain Python."""
    found = of(document, condition.field)

    def has(wanted: Value) -> bool:
        return any(same(one, wanted) for one in found)

    return (
        (condition.any_of is None or any(map(has, condition.any_of)))
        and all(map(has, condition.all_of))
        and not any(map(has, condition.none_of))
        and (condition.within is None or any(between(one, condition.within) for one in found))
    )


@settings(max_examples=300, deadline=None)
@given(asked=st.lists(conditions, max_size=2))
def test_conditions_are_those_of_python(mixed, asked: list[Condition]):
    """Whatever is combined."""
    index, documents = mixed
    expected = [d["id"] for d in documents if all(holds(d, condition) for condition in asked)]
    page = index.list("c", Listing(asked, limit=1000, fields=[]))
    assert [document["id"] for document in page.documents] == expected
    assert page.total == len(expected)


@pytest.mark.parametrize("prefix", ["", "a", "a\0", "a\0b", "a\0bc", "a\0bcd", "\0", "b", "é"])
def test_prefixes_are_those_of_python(mixed, prefix: str):
    """Also where there are characters at which other languages end a string."""
    index, _ = mixed
    strings = ["", "a", "a\0", "a\0b", "a\0bc", "ab", "a\U0001f600", "\0", "\0\0", "b", "Éa", "éa"]
    index.ensure("prefixes")
    for field, form in (("tags", str.casefold), ("metadata.v", str)):
        made = [
            make(f"{n:02}", tags=(one,))
            if field == "tags"
            else make(f"{n:02}", metadata={"v": one})
            for n, one in enumerate(strings)
        ]
        index.bulk("prefixes", made)
        page = index.list("prefixes", Listing([Condition(field, prefix=prefix)], limit=100))
        expected = [n for n, one in enumerate(strings) if form(one).startswith(form(prefix))]
        assert [int(document["id"]) for document in page.documents] == expected
        index.drop("prefixes")
        index.ensure("prefixes")


@settings(max_examples=50, deadline=None)
@given(asked=conditions, size=st.integers(1, 20))
def test_facets_count_what_fits(mixed, asked: Condition, size: int):
    """The most frequent first, equals by kind and value."""
    index, documents = mixed
    fitting = [d for d in documents if holds(d, asked)]
    page = index.list("c", Listing([asked], limit=0, facets=[Facet("metadata.v", size)]))
    order = {"number": 0, "string": 1, "boolean": 2}
    counts: dict[tuple[int, Value], int] = {}
    for document in fitting:
        for one in of(document, "metadata.v"):
            place = order[kind(one)], one
            counts[place] = counts.get(place, 0) + 1
    expected = sorted(counts, key=lambda place: (-counts[place], *place))[:size]
    found = page.facets["metadata.v"]
    assert [(entry["value"], entry["count"]) for entry in found] == [
        (place[1], counts[place]) for place in expected
    ]
    assert [kind(entry["value"]) for entry in found] == [kind(place[1]) for place in expected]


@pytest.mark.parametrize("descending", [True, False])
def test_pages_go_on_where_an_item_was(mixed, descending: bool):  # noqa: FBT001
    """Also when that one is gone, or has another value, meanwhile."""
    index, _ = mixed
    index.ensure("d")
    index.bulk("d", [make(f"{n}", metadata={"v": n % 4} if n != 3 else {}) for n in range(9)])
    sort = [Sort("metadata.v", descending)]
    whole = [d["id"] for d in index.list("d", Listing(sort=sort, limit=20)).documents]
    page = index.list("d", Listing(sort=sort, limit=5))
    index.delete("d", page.documents[-1]["id"], 5)
    rest = index.list("d", Listing(sort=sort, limit=20, after=page.last)).documents
    assert [d["id"] for d in (*page.documents, *rest)] == whole
    index.drop("d")
