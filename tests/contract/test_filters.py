"""What every search index must do alike: conditions, facets and orders, against plain Python."""

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contract.documents import features, look_up, make, word, write
from support import layout
from triptych.core.errors import InvalidInput, NotFound
from triptych.core.fields import FIELDS
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.index import SearchIndex
from triptych.index.documents import Document, kind, parts
from triptych.index.model import (
    Box,
    Circle,
    Condition,
    Facet,
    Group,
    IndexQuery,
    Listing,
    Range,
    Sort,
    Value,
    Versioned,
    Words,
)

ADDED_AT = 1_700_000_000_000_000

KINDS = ("number", "string", "boolean")
ORDER = ("number", "date", "string", "boolean")

MOMENTS = {
    "2025-01-01T00:30:00+02:00": datetime(2024, 12, 31, 22, 30, tzinfo=UTC),
    "2024-12-31T23:30:00Z": datetime(2024, 12, 31, 23, 30, tzinfo=UTC),
    "2024-12-31 18:30:00-05:00": datetime(2024, 12, 31, 23, 30, tzinfo=UTC),
    "2025-01-01": datetime(2025, 1, 1, tzinfo=UTC),
    "2025-01-01T00:00": datetime(2025, 1, 1, tzinfo=UTC),
    "2025-01-01T01:00:00+0100": datetime(2025, 1, 1, tzinfo=UTC),
    "2025-01-01T00:00:00.000001Z": datetime(2025, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "0001-01-01T14:00:00+14:00": datetime(1, 1, 1, tzinfo=UTC),
    "9999-12-31T23:59:59,5Z": datetime(9999, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC),
}
"""Strings that are dates, and when that was."""
UNDATED = (
    "2025", "2025-01", "20250101", "2025-13-01", "2025-01-01T24:00", "2025-01-01T00:00:60Z",
    "2025-W01-1", "2024-12-31T23:30:00Zulu", "soon", "2025-02-29", "2025-02-30T00:00", "0000-12-31",
)  # fmt: skip
PLACES = (
    (0, 0), (52.5, 13.4), (52.5000001, 13.4000001), (-90, 0), (90, 90), (-17.5, 179.5),
    (-17.5, -179.5), (10, 180), (10, -180), (-0.0, -0.0), (52.6, 13.5),
)  # fmt: skip


def items() -> list[Versioned]:
    """Items whose metadata has every kind of value under one key."""
    mixed = [
        1, 1.0, 2.5, -3, 0, -0.0, True, False, "1", "true", "", "é", "e", "Z", "\U0001f600",
        "\uffff", None, 1e308, -1e308, 5e-324, 2**53, 2**63 - 1, -(2**63), "x" * 1000,
        2**53 + 1, 2**53 + 2.0, -(2**53) - 1, 2**63 - 2, 2.0**63, 0.5, 2**53 - 1,
        1541815603606036480, 1541815603606036481,
    ]  # fmt: skip
    when = [*MOMENTS, *UNDATED, 5, None]
    documents = []
    for n in range(72):
        metadata = {"mix": mixed[n % len(mixed)], "n": n % 10, "half": n / 2, "even": n % 2 == 0}
        metadata |= {"when": when[n % len(when)], "long": "x" * 2000 if n % 4 else None}
        if n % 5 == 0:
            metadata = {"n": str(n % 10), "a.b": n, "": "empty", "*": n % 3}
        documents.append(
            make(
                f"{n:02}",
                version=ADDED_AT + n // 4,
                parts=("text", "text image", "audio", "text image audio")[n % 4],
                tags=(*(f"t{k}" for k in (2, 3, 5) if n % k == 0), *LABELS[n % 11]),
                fields={} if n % 12 == 11 else {"place": place(*PLACES[n % 12])},
                keywords=("cat", "Dog")[: n % 3],
                language=("en", "de", None)[n % 3],
                metadata=metadata if n % 7 else {},
                errors={"image": "cut"} if n % 8 == 0 else {},
                words={"text": f"word w{n % 2}"},
            )
        )
    return documents


LABELS = (
    ("Beach",), ("beach", "BEACH"), ("Stra\u00dfe",), ("STRASSE",), ("caf\u00e9",), ("Cafe\u0301",),
    ("e\u0301cole",), *[()] * 4,
)  # fmt: skip
"""Of which some are one but for case and form."""


def place(latitude: float, longitude: float) -> dict[str, float]:
    """A place as documents have it."""
    return {"latitude": latitude, "longitude": longitude}


DOCUMENTS = items()


@pytest.fixture(scope="module")
def zoo(index: SearchIndex) -> Iterator[str]:
    """A collection with these items, which no test changes."""
    with suppress(NotFound):
        index.drop("zoo")
    index.ensure("zoo")
    write(index, "zoo", DOCUMENTS)
    yield "zoo"
    index.drop("zoo")


def values(document: Document, field: str) -> list[Value]:
    """What an item has in a field."""
    declared, key = FIELDS.target(field)
    found = document.get(declared.path)
    if key is not None:
        found = (found or {}).get(key)
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def same(one: Value, other: Value, field: str) -> bool:
    """Equal and of one kind: numbers exactly, dates at one moment, tags whatever their case."""
    if kind(one) != kind(other):
        return False
    if field.startswith("metadata.") and one in MOMENTS and other in MOMENTS:
        return MOMENTS[one] == MOMENTS[other]
    return alike(one) == alike(other) if field == "tags" else one == other


def alike(label: Value) -> str:
    """A tag without what makes no difference."""
    return unicodedata.normalize("NFC", str(label)).casefold()


def between(value: Value, asked: Range, field: str) -> bool:
    """Whether a value lies within the bounds, all of its kind."""
    given = {name: bound for name, bound in vars(asked).items() if bound is not None}
    if kind(value) == "boolean" or any(kind(bound) != kind(value) for bound in given.values()):
        return False
    if field.startswith("metadata.") and all(bound in MOMENTS for bound in given.values()):
        if value not in MOMENTS:
            return False
        value, given = MOMENTS[value], {name: MOMENTS[bound] for name, bound in given.items()}
    tests = {
        "gte": lambda bound: value >= bound,
        "gt": lambda bound: value > bound,
        "lte": lambda bound: value <= bound,
        "lt": lambda bound: value < bound,
    }
    return all(tests[name](bound) for name, bound in given.items())


def holds(condition: Condition | Group, document: Document) -> bool:
    """What a condition means."""
    if isinstance(condition, Group):
        each = [holds(member, document) for member in condition.members]
        return {"and": all(each), "or": any(each), "not": not all(each)}[condition.join]
    found = values(document, condition.field)

    def has(value: Value) -> bool:
        return any(same(value, each, condition.field) for each in found)

    def lies(each: Value) -> bool:
        return condition.within is None or between(each, condition.within, condition.field)

    return (
        (condition.any_of is None or any(map(has, condition.any_of)))
        and all(map(has, condition.all_of))
        and not any(map(has, condition.none_of))
        and (condition.within is None or any(map(lies, found)))
        and (condition.area is None or any(inside(each, condition.area) for each in found))
        and (condition.exists is None or bool(found) is condition.exists)
        and (condition.prefix is None or begins(condition, found))
    )


def begins(condition: Condition, found: Sequence[Value]) -> bool:
    """Whether one of the values is a string that begins as asked."""
    form = alike if condition.field == "tags" else str
    prefix = form(condition.prefix)
    return any(form(each).startswith(prefix) for each in found if isinstance(each, str))


def inside(where: Mapping[str, float], area: Box | Circle) -> bool:
    """Whether a place lies there; on a sphere, by the angle between two vectors."""
    latitude, longitude = where["latitude"], where["longitude"]
    if isinstance(area, Circle):
        one, other = vector(latitude, longitude), vector(area.latitude, area.longitude)
        angle = math.atan2(np.linalg.norm(np.cross(one, other)), np.dot(one, other))
        return angle * 6_371_008.7714 <= area.within
    if area.west <= area.east:
        between = area.west <= longitude <= area.east
    else:
        between = not area.east < longitude < area.west
    return area.south <= latitude <= area.north and between


def vector(latitude: float, longitude: float) -> np.ndarray:
    """A unit vector from the middle of the earth."""
    up, around = math.radians(latitude), math.radians(longitude)
    return np.array(
        [math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)]
    )


def matching(*conditions: Condition | Group) -> list[str]:
    """The items that have to be found."""
    return [
        entry.document["id"]
        for entry in DOCUMENTS
        if all(holds(condition, entry.document) for condition in conditions)
    ]


def meta(key: str, **asked) -> Condition:
    """A condition on a key of the metadata."""
    return Condition(f"metadata.{key}", **asked)


CONDITIONS = [
    Condition("tags", any_of=("t2", "t5", "none")),
    Condition("tags", all_of=("t2", "t3")),
    Condition("tags", none_of=("t2",)),
    Condition("tags", any_of=("t2",), all_of=("t3",), none_of=("t5", "x")),
    Condition("tags", any_of=()),
    Condition("tags", any_of=(2, True)),
    Condition("tags", within=Range(gte="t3", lt="t6")),
    Condition("keywords", any_of=("dog",)),
    Condition("keywords", any_of=("Dog",)),
    Condition("modalities", all_of=("text", "image")),
    Condition("modalities", none_of=("text", "image")),
    Condition("status", any_of=("partial", "failed")),
    Condition("language", any_of=("de",)),
    Condition("language", none_of=("de",)),
    Condition("id", any_of=("07", "70", "700", "7")),
    Condition("id", none_of=("07",)),
    Condition("id", within=Range(gt="10", lte="20")),
    Condition("batch", any_of=("b",)),
    Condition("batch", any_of=("B",)),
    Condition("tags", any_of=("", "\0", "*", "t?", "x" * 40_000)),
    *(meta("mix", any_of=(value,)) for value in (1, 2.5, 0, -0.0, True, False, "1", "true", "")),
    *(meta("mix", any_of=(value,)) for value in (1e308, 5e-324, 2**63 - 1, 2**70, -1e308, "é")),
    *(
        meta("mix", any_of=(value,))
        for value in (math.nan, math.inf, 10**400, "x" * 1000, "\uffff")
    ),
    meta("mix", any_of=(1, "1", True)),
    meta("mix", none_of=(1, "1")),
    meta("mix", none_of=(10**400,)),
    meta("mix", all_of=(1, True)),
    meta("mix", all_of=(1, 1.0)),
    meta("mix", within=Range(gte=0)),
    meta("mix", within=Range(gt=0)),
    meta("mix", within=Range(gte=-0.0, lt=1)),
    meta("mix", within=Range(gt=-0.0, lte=2.5)),
    meta("mix", within=Range(lte=-0.0)),
    meta("mix", within=Range(lt=0.0)),
    meta("mix", within=Range(gte=-(10**400), lte=10**400)),
    meta("mix", within=Range(gt=10**400)),
    meta("mix", within=Range(lt=-math.inf)),
    meta("mix", within=Range(gt=-math.inf, lt=math.inf)),
    meta("mix", within=Range(gt=math.nan)),
    meta("mix", within=Range(gt=1e308)),
    meta("mix", within=Range(gte="")),
    meta("mix", within=Range(gt="e", lt="\U0001f600")),
    meta("mix", within=Range(gte="\uffff")),
    meta("mix", within=Range(gt="Z" * 40_000)),
    meta("mix", within=Range(gte=1, lt="z")),
    meta("mix", within=Range(gte=True)),
    meta("n", within=Range(gte=2, lte=5)),
    meta("n", within=Range(gte="2", lte="5")),
    meta("half", within=Range(gt=1, lt=7.25)),
    meta("even", any_of=(True,)),
    meta("even", none_of=(True,)),
    meta("a.b", within=Range(gte=10)),
    meta("", any_of=("empty",)),
    meta("*", any_of=(1,)),
    meta("?", any_of=(1,)),
    meta("none", any_of=(1,)),
    meta("none", none_of=(1,)),
    meta("x" * 40_000, any_of=(1,)),
    *(meta("mix", any_of=(value,)) for value in (2**53, 2**53 + 1, 2**53 + 2, 2.0**53, 2**53 - 1)),
    *(meta("mix", any_of=(value,)) for value in (-(2**53) - 1, -(2**53), 2.0**63, 2**63 - 2)),
    *(meta("mix", any_of=(1541815603606036480 + n,)) for n in range(-1, 3)),
    meta("mix", none_of=(2**53 + 1, 1541815603606036480)),
    meta("mix", any_of=(2**53 + 1, 0.5, 2.0**63, "1")),
    *(
        meta("mix", within=Range(**{side: bound}))
        for side in ("gte", "gt", "lte", "lt")
        for bound in (2**53, 2**53 + 1, 2**53 + 2.0, -(2**53) - 1, 2**63 - 1, 2.0**63, -(2**63))
    ),
    meta("mix", within=Range(gt=2**53, lt=2**53 + 2)),
    meta("mix", within=Range(gt=0.5, lte=2**53 + 1)),
    meta("mix", within=Range(gt=2**63 - 1, lte=2.0**63)),
    *(meta("when", any_of=(value,)) for value in (*MOMENTS, *UNDATED)),
    meta("when", none_of=("2025-01-01", "soon")),
    *(
        meta("when", within=Range(**{side: bound}))
        for side in ("gte", "gt", "lte", "lt")
        for bound in ("2025-01-01T01:00:00+0100", "2025-01", "2024-12-31T23:30:00Z")
    ),
    meta("when", within=Range(gte="2024-12-31 18:30:00-05:00", lt="2025-01-01")),
    meta("when", within=Range(gte="2024", lt="2025-01-01")),
    *(Condition("tags", any_of=(tag,)) for tag in ("beach", "BEACH", "strasse", "CAF\u00c9")),
    Condition("tags", all_of=("beach", "Beach")),
    Condition("tags", none_of=("bEACH",)),
    *(
        Condition(field, exists=there)
        for field in (
            "tags",
            "language",
            "metadata.mix",
            "metadata.none",
            "place",
            "added",
            "id",
            "metadata.a.b",
            "metadata.long",
            "predictions.label",
        )
        for there in (True, False)
    ),
    *(Condition("id", prefix=prefix) for prefix in ("0", "07", "070", "x" * 1023, "x" * 40_000)),
    *(
        Condition("tags", prefix=prefix)
        for prefix in ("t", "bEa", "CAF", "cafe\u0301", "e", "\u00c9", "*", "?")
    ),
    *(meta("mix", prefix=prefix) for prefix in ("", "x", "\U0001f600", "1", "\uffff")),
    *(meta("when", prefix=prefix) for prefix in ("2025-01", "2024-12-31T", "s")),
    Condition("added", prefix="1"),
    Condition("tags", prefix="t", exists=True, none_of=("t2",)),
    Condition("place", area=Box(53, 52, 13, 14)),
    Condition("place", area=Box(52.5, 52.5, 13.4, 13.4)),
    Condition("place", area=Box(90, -90, -180, 180)),
    Condition("place", area=Box(90, 52.5000001, -180, 180)),
    Condition("place", area=Box(-17, -18, 179, -179)),
    Condition("place", area=Box(0, -17.5, 179.5, -179.5)),
    Condition("place", area=Box(20, 0, 180, 180)),
    Condition("place", area=Box(20, 0, -180, -180)),
    Condition("place", area=Box(0, 0, 0, 0)),
    Condition("place", area=Box(-80, -90, 100, 101)),
    *(Condition("place", area=Circle(52.5, 13.4, metres)) for metres in (1, 13_000, 13_200, 2e7)),
    Condition("place", area=Circle(-17.5, 180, 53_100)),
    Condition("place", area=Circle(-17.5, 180, 52_900)),
    Condition("place", area=Circle(90, 0, 5_000_000)),
    Condition("place", area=Circle(-90, 123, 1)),
    Condition("place", area=Circle(0, 0, 20_100_000)),
    Condition("added", within=Range(gte=ADDED_AT + 3, lt=ADDED_AT + 9)),
    Condition("added", within=Range(gt=ADDED_AT + 3.5, lte=ADDED_AT + 9.5)),
    Condition("added", within=Range(gte=-1e300, lt=1e300)),
    Condition("added", within=Range(gt=1e300)),
    Condition("added", within=Range(gte=2**63)),
    Condition("added", within=Range(lt=2**63)),
    Condition("added", within=Range(gte="2020")),
    Condition("added", any_of=(ADDED_AT, ADDED_AT + 2.0, 0.5, 1e300)),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: repr(c)[:100])
def test_conditions(index: SearchIndex, zoo: str, condition: Condition):
    """Alone, each finds what it means."""
    page = index.list(zoo, Listing([condition], limit=100, fields=[]))
    assert [document["id"] for document in page.documents] == matching(condition)
    assert page.total == len(page.documents)
    assert page.last is None


def test_all_conditions_must_hold(index: SearchIndex, zoo: str):
    """Pairs of them, in a listing, for words and for vectors, which are sought among what fits."""
    rng = np.random.default_rng(0)
    useful = [c for c in CONDITIONS if 15 < len(matching(c)) < 60]
    query = fuse_query(
        {"text": {"semantic": features(DOCUMENTS[1], "semantic")}}, WEIGHTS, layout()
    )
    classes = query.presence_classes()
    for pair in rng.choice(len(useful), (20, 2)):
        conditions = [useful[place] for place in pair]
        expected = matching(*conditions)
        page = index.list(zoo, Listing(conditions, limit=100, fields=[]))
        assert [document["id"] for document in page.documents] == expected
        worded = look_up(index, zoo, word("word"), filter=conditions)
        assert {f.candidate.id for f in worded} == set(expected)
        seen = {n for n in expected if {"text", "image"} & set(parts(DOCUMENTS[int(n)].document))}
        for candidates in (5, 100):
            request = IndexQuery(Words(), classes, conditions, candidates)
            near = {f.candidate.id for f in index.search(zoo, request).matches}
            assert near <= seen
            assert len(near) >= min(candidates, len(seen))


def test_groups_nest(index: SearchIndex, zoo: str):
    """Trees of conditions, drawn at random, for a listing, words and vectors."""
    rng = np.random.default_rng(0)
    useful = [c for c in CONDITIONS if 5 < len(matching(c)) < 67]

    def draw(depth: int) -> Condition | Group:
        if depth == 0 or rng.random() < 0.2:
            return useful[rng.integers(len(useful))]
        members = tuple(draw(depth - 1) for _ in range(rng.integers(1, 4)))
        return Group(("and", "or", "not")[rng.integers(3)], members)

    query = fuse_query(
        {"text": {"semantic": features(DOCUMENTS[1], "semantic")}}, WEIGHTS, layout()
    )
    classes, sizes = query.presence_classes(), set()
    for _ in range(60):
        group = draw(3)
        expected = matching(group)
        page = index.list(zoo, Listing([group], limit=100, fields=[]))
        assert [document["id"] for document in page.documents] == expected
        worded = look_up(index, zoo, word("word"), filter=[group])
        assert {found.candidate.id for found in worded} == set(expected)
        near = index.search(zoo, IndexQuery(Words(), classes, [group], 100)).matches
        assert {found.candidate.id for found in near} <= set(expected)
        sizes.add(len(expected))
    assert len(sizes) > 10
    for join, expected in (("and", matching()), ("or", []), ("not", [])):
        page = index.list(zoo, Listing([Group(join, ())], limit=100, fields=[]))
        assert [document["id"] for document in page.documents] == expected


def counts(field: str, among: Sequence[str], size: int) -> list[dict]:
    """The most frequent values, equals by value: numbers, strings, booleans."""
    found: Counter[tuple[int, Value]] = Counter()
    for name in among:
        had = values(DOCUMENTS[int(name)].document, field)
        for value in {alike(tag) for tag in had} if field == "tags" else had:
            found[KINDS.index(kind(value)), value] += 1
    order = sorted(found, key=lambda place: (-found[place], *place))
    return [{"value": place[1], "count": found[place]} for place in order[:size]]


NAMES = (
    *("tags", "keywords", "modalities", "status", "language"),
    *(f"metadata.{key}" for key in ("mix", "n", "when", "even", "half", "a.b", "none", "*")),
)


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("field", NAMES)
def test_facets_count_values(index: SearchIndex, zoo: str, field: str, size: int):
    """With their types, over what a listing or a search finds."""
    facet = Facet(field, size)
    condition = meta("n", none_of=(3,))
    page = index.list(zoo, Listing([condition], facets=[facet], limit=1))
    expected = counts(field, matching(condition), size)
    assert list(page.facets[field]) == expected
    assert [kind(c["value"]) for c in page.facets[field]] == [kind(c["value"]) for c in expected]
    request = IndexQuery(Words([word("w0")]), filter=[condition], facets=[facet], candidates=1)
    results = index.search(zoo, request)
    found = [n for n in matching(condition) if int(n) % 2 == 0]
    assert list(results.facets[field]) == counts(field, found, size)
    assert results.total == len(found)


RANGES = {
    "metadata.mix": (Range(gte=0), Range(gt=0, lt=3), Range(lte=2.5), Range(gte="e"), Range(lt="e"),
                     Range(gte=1, lt="x"), Range(gt=10**400), Range(gte=-(10**400))),
    "metadata.half": (Range(lt=10), Range(gte=10, lt=20), Range(gte=20)),
    "metadata.none": (Range(gte=0),),
    "metadata.when": (Range(gte="2025-01-01"), Range(lt="2025-01-01"), Range(lt="2025")),
    "added": (Range(gte=ADDED_AT, lte=ADDED_AT + 3), Range(gt=ADDED_AT + 3), Range(gt=1e300)),
}  # fmt: skip


@pytest.mark.parametrize("field", RANGES)
def test_facets_count_ranges(index: SearchIndex, zoo: str, field: str):
    """With the bounds as they were asked for."""
    among = [n for n in matching() if int(n) % 2 == 0]
    expected = [
        {
            **{name: bound for name, bound in vars(asked).items() if bound is not None},
            "count": sum(
                any(between(one, asked, field) for one in values(DOCUMENTS[int(n)].document, field))
                for n in among
            ),
        }
        for asked in RANGES[field]
    ]
    facets = [Facet(field, ranges=RANGES[field]), Facet("tags", 1)]
    request = IndexQuery(Words([word("w0")]), facets=facets)
    found = index.search(zoo, request).facets
    assert list(found[field]) == expected
    assert set(found) == {field, "tags"}


def key(sort: Sort, document: Document) -> tuple:
    """Where an item stands: numbers, dates, strings, booleans, none; within a kind by value."""
    found = values(document, sort.field)
    if not found:
        return (len(ORDER), 0)
    value = found[0]
    if sort.field.startswith("metadata.") and value in MOMENTS:
        since = (MOMENTS[value] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return (ORDER.index("date"), -since if sort.descending else since)
    if kind(value) != "string":
        return (ORDER.index(kind(value)), -value if sort.descending else value)
    letters = [ord(letter) for letter in value]
    ended = [*letters, -1]  # what begins like another stands before it
    return (ORDER.index("string"), [-letter for letter in ended] if sort.descending else ended)


KEYS = ("id", "added", "metadata.mix", "metadata.n", "metadata.when", "metadata.even")
SORTS = [
    [],
    *([Sort(field, down)] for field in KEYS for down in (False, True)),
    [Sort("metadata.n", descending=True), Sort("metadata.half")],
    [Sort("metadata.even"), Sort("added", descending=True), Sort("metadata.mix")],
    [Sort("metadata.none"), Sort("id", descending=True)],
    [Sort("metadata.a.b", descending=True)],
    [Sort("metadata." + "x" * 40_000)],
]


@pytest.mark.parametrize("sorts", SORTS, ids=lambda s: repr(s)[:120])
def test_a_listing_is_ordered(index: SearchIndex, zoo: str, sorts: list[Sort]):
    """Page by page as at once: by each key, those without it last, equals by id."""
    expected = [
        entry.document["id"]
        for entry in sorted(
            DOCUMENTS,
            key=lambda e: (*(key(sort, e.document) for sort in sorts), e.document["id"]),
        )
    ]
    for snapshot in (None, index.freeze(zoo)):
        found, after = [], None
        for limit in (1, 2, 3, 13, 50, 100):
            listing = Listing(sort=sorts, limit=limit, after=after, fields=[])
            page = index.list(zoo, listing, snapshot=snapshot)
            assert page.total == len(DOCUMENTS)
            found += [document["id"] for document in page.documents]
            if page.last is None:
                break
            after = json.loads(json.dumps(page.last))
        assert found == expected


@pytest.mark.parametrize(
    "after", [[], [1], [None], ["a", "b", "c"], [{"a": 1}], [[1]], [10**30], ["x" * 40_000], [True]]
)
def test_a_made_up_place_is_refused_or_taken(index: SearchIndex, zoo: str, after: list):
    """It is the caller's mistake, never ours."""
    for sorts in ([], [Sort("metadata.mix")], [Sort("added")]):
        with suppress(InvalidInput):
            index.list(zoo, Listing(sort=sorts, after=after))


def test_what_can_not_be_asked_is_the_callers_mistake(index: SearchIndex, zoo: str):
    """Or there is nothing like it."""
    for condition in (
        Condition("tags", any_of=("\ud800",)),
        meta("\ud800", any_of=(1,)),
        meta("n", within=Range(gte="\ud800")),
        Condition("tags", any_of=tuple(map(str, range(100_000)))),
        Condition("tags", all_of=tuple(map(str, range(20_000)))),
        meta("n", any_of=tuple(range(20_000))),
    ):
        with suppress(InvalidInput):
            index.list(zoo, Listing([condition]))
            index.search(zoo, IndexQuery(Words([word("word")]), filter=[condition]))


def test_metadata_tells_its_keys(index: SearchIndex, zoo: str):
    """With the kinds of their values; null is none."""
    expected: dict[str, set[str]] = {}
    for entry in DOCUMENTS:
        for name, value in entry.document.get("metadata", {}).items():
            if value is not None:
                expected.setdefault(name, set()).add(kind(value))
    assert index.metadata(zoo) == expected


def test_metadata_sees_every_write(index: SearchIndex, collection: str):
    """And is empty where there is none; a string too long to be looked up is one all the same."""
    assert index.metadata(collection) == {}
    index.bulk(collection, [make("a", metadata={"new": True, "long": "x" * 40_000, "no": None})])
    assert index.metadata(collection) == {"new": {"boolean"}, "long": {"string"}}
