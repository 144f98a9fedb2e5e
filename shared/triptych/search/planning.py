"""A request, checked: what the index is to find beside the query, and what hits are to show."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS
from triptych.index.model import Condition, Facet, Group, Sort
from triptych.search.filtering import (
    SCORE,
    SortRequest,
    fields_of,
    read_facets,
    read_filter,
    read_sort,
)
from triptych.search.request import SearchRequest

_VERIFIED_FIELDS = ("media", "modalities")
"""What verification reads of a document."""
_SHOWN_KEYS = 50
_METADATA = "metadata."


@dataclass(frozen=True)
class Plan:
    """The checked conditions, facets, orders and fields of a request."""

    conditions: tuple[Condition | Group, ...] = ()
    facets: tuple[Facet, ...] = ()
    sorts: tuple[Sort, ...] = ()
    shown: tuple[str, ...] | None = None
    """The fields of items that hits show; None for all."""
    fields: tuple[str, ...] | None = None
    """The fields of documents that the index has to return; None for all."""
    exact_total: bool = False


def plan(
    request: SearchRequest,
    metadata_keys: Callable[[Collection[str]], Collection[str]],
    beside: tuple[Condition | Group, ...] = (),
) -> Plan:
    """Check everything in a request that is not searched for.

    Args:
        request: the request.
        metadata_keys: the keys in the metadata of the collection, those that it is called with
            among them if there are such.
        beside: conditions beside those of the request's filter.

    Raises:
        InvalidInput: naming the field of the request.
    """
    _check_combination(request)
    checked = Plan(
        (*read_filter(request.filter), *beside),
        read_facets(request.facets),
        read_sort(request.sort, scored=bool(request.by_modality)),
        *_fields(request),
        request.exact_total,
    )
    _check_metadata(request, metadata_keys)
    return checked


def _check_combination(request: SearchRequest) -> None:
    if not request.by_modality and request.against is not None and request.against.by_modality:
        raise InvalidInput("the query has only negative parts: add others", field="not")
    if request.min_score is not None and not request.by_modality:
        raise InvalidInput("nothing is searched for, so there is no score", field="min_score")
    if request.verify and not request.by_modality:
        raise InvalidInput("only a search by one image can be verified", field="verify")
    if request.verify and (request.sort or request.cursor):
        raise InvalidInput(
            "near-duplicates come first, so verify excludes sort and cursor", field="verify"
        )


def _fields(request: SearchRequest) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """The fields that hits show, and those that this needs of documents."""
    if request.fields is None:
        return None, None
    needed = {
        "id",
        *(name.partition(".")[0] for name in request.fields),
        *((*FIELDS.searchable, "language") if request.highlight else ()),
        *(_VERIFIED_FIELDS if request.verify else ()),
        *sort_fields(request.sort),
    }
    return tuple(request.fields), tuple(sorted(needed))


def sort_fields(sorts: Iterable[Sort | SortRequest]) -> set[str]:
    """The fields of a document that these orders read."""
    return {"id" if sort.field == SCORE else FIELDS.target(sort.field).field.path for sort in sorts}


def _check_metadata(
    request: SearchRequest, metadata_keys: Callable[[Collection[str]], Collection[str]]
) -> None:
    """Refuse a key of the metadata that no item has: it is probably misspelt.

    Where no item has any, every key is accepted: the collection may be about to be filled.
    """
    positions = {
        name.partition(".")[2]: position
        for name, position in _positions(request)
        if name.startswith(_METADATA)
    }
    if not positions:
        return
    keys = metadata_keys(positions)
    for key, position in positions.items():
        if keys and key not in keys:
            shown = ", ".join(sorted(keys)[:_SHOWN_KEYS]) + (", …" * (len(keys) > _SHOWN_KEYS))
            raise InvalidInput(
                f"{position}: no item has metadata.{key}; there are {shown}", field=position
            )


def _positions(request: SearchRequest) -> Iterator[tuple[str, str]]:
    """Each field in use, and where in the request."""
    yield from fields_of(request.filter)
    yield from ((facet.field, f"facets.{number}") for number, facet in enumerate(request.facets))
    yield from ((sort.field, f"sort.{number}") for number, sort in enumerate(request.sort))
