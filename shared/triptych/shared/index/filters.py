"""Which items a search may return: conditions on their fields, in no index's language."""

from dataclasses import dataclass

Value = str | float | bool

SETS = ("tags", "keywords", "modalities", "status", "language", "id", "batch")
"""The fields of an item that hold names."""
ADDED = "added"
"""When an item was submitted, in microseconds since 1970."""
METADATA = "metadata."
"""What the name of a field of the metadata begins with."""


@dataclass(frozen=True)
class Range:
    """Between these bounds, of numbers or of strings (in the order of their code points)."""

    gte: float | str | None = None
    gt: float | str | None = None
    lte: float | str | None = None
    lt: float | str | None = None


@dataclass(frozen=True)
class Condition:
    """What one field must be; all that is given must hold. An item without it has no values."""

    field: str
    """One of SETS, ADDED, or METADATA and a key."""
    any_of: tuple[Value, ...] | None = None
    all_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    within: Range | None = None


@dataclass(frozen=True)
class Facet:
    """Counts of the values of a field (the most frequent ones, equals by value), or of ranges."""

    field: str
    size: int = 10
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Sort:
    """An order by a field; items without it come last, equals by id."""

    field: str
    """``id``, ADDED, or METADATA and a key: numbers before strings before booleans."""
    descending: bool = False
