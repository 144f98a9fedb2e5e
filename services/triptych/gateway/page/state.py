"""The state of a search as its address has it, so that a search can be linked, and Back works.

``static/state.js`` reads and writes the same addresses.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from werkzeug.datastructures import MultiDict

from triptych.core.errors import InvalidInput
from triptych.search.request import SearchRequest, Weights

PAGE = 24
FACETS = ("tags", "modalities", "language", "keywords", "artist", "camera", "predictions.label")
"""What searches of the page count."""
SHOWN = (
    "text", "title", "caption", "artist", "tags", "modalities", "media", "status", "duration",
    "language", "transcript", "writing", "captured_at", "width", "height",
)  # fmt: skip
"""What hits of the page show."""
SIGNALS = tuple(Weights().by_signal)
_KILOMETRE = 1000
_CORNERS = ("north", "south", "west", "east")

Order = Literal["", "newest", "oldest", "taken"]
_ORDERS: Mapping[str, Mapping[str, str]] = {
    "newest": {"field": "added", "order": "desc"},
    "oldest": {"field": "added", "order": "asc"},
    "taken": {"field": "captured_at", "order": "desc"},
}


@dataclass(frozen=True)
class SearchState:
    """What is searched for; pictures and sounds of one's own are in no address."""

    text: str = ""
    against: str = ""
    like: Sequence[str] = ()
    """Ids of items: hits are to be like them."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Those that are not the default, by signal."""
    fusion: str = "auto"
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values by the field of ``FACETS``; an item must have all of them."""
    dated: Literal["captured_at", "added"] = "captured_at"
    since: str = ""
    until: str = ""
    near: Mapping[str, float] = field(default_factory=dict)
    """``latitude`` and ``longitude`` in degrees, ``within`` in metres."""
    box: Mapping[str, float] = field(default_factory=dict)
    """``north``, ``south``, ``west`` and ``east`` in degrees."""
    order: Order = ""

    @property
    def is_search(self) -> bool:
        """Whether anything is searched for; else it is a listing."""
        return bool(self.text or self.like)

    def body(self) -> dict[str, Any]:
        """The body of the same search by the API."""
        body: dict[str, Any] = {
            "limit": PAGE, "facets": list(FACETS), "fields": list(SHOWN),
            "highlight": True, "cursor": "*",
        }  # fmt: skip
        if self.text:
            body["text"] = self.text
        if self.like:
            body["like"] = list(self.like)
        if self.is_search:
            if self.against:
                body["not"] = {"text": self.against}
            if self.weights:
                body["weights"] = dict(self.weights)
            body["fusion"] = self.fusion
        order = self.order or ("" if self.is_search else "newest")
        if order:
            body["sort"] = [dict(_ORDERS[order])]
        if conditions := self._filter():
            body["filter"] = conditions
        return body

    def _filter(self) -> dict[str, Any]:
        conditions: dict[str, Any] = {
            name: {"all": list(values)} for name, values in self.filters.items() if values
        }
        if not self.is_search:
            conditions["status"] = {"none": ["failed", "quarantined"]}
        bounds = {"gte": self.since, "lte": self.until}
        if dates := {name: value for name, value in bounds.items() if value}:
            conditions[self.dated] = dates
        if area := self.near or self.box:
            conditions["place"] = dict(area)
        return conditions

    def request(self) -> SearchRequest:
        """The search itself. Raises ValidationError."""
        return SearchRequest.model_validate(self.body())


def read_state(args: MultiDict[str, str]) -> SearchState:
    """Read the parameters of an address. Raises InvalidInput that names the wrong one."""
    order = args.get("sort", "")
    if order not in get_args(Order):
        raise InvalidInput(f"sort: {', '.join(_ORDERS)} are accepted", field="sort")
    return SearchState(
        text=args.get("q", "").strip(),
        against=args.get("not", "").strip(),
        like=tuple(args.getlist("like")),
        weights=_weights(args.getlist("w")),
        fusion=args.get("fusion", "auto"),
        filters={name: values for name in FACETS if (values := tuple(args.getlist(name)))},
        dated="added" if args.get("dated") == "added" else "captured_at",
        since=args.get("since", ""),
        until=args.get("until", ""),
        near=_near(args.get("near", "")),
        box=dict(zip(_CORNERS, _numbers(args.get("box", ""), "box", len(_CORNERS)), strict=False)),
        order=order,  # type: ignore[arg-type]  # was looked at above
    )


def _weights(values: Sequence[str]) -> dict[str, float]:
    """Of ``text:2`` and the like."""
    weights = {}
    for value in values:
        signal, _, number = value.partition(":")
        if signal not in SIGNALS:
            raise InvalidInput(f"weights: {', '.join(SIGNALS)} are accepted", field="w")
        (weights[signal],) = _numbers(number, "w", 1) or (1.0,)
    return weights


def _near(value: str) -> dict[str, float]:
    """Of latitude, longitude and kilometres."""
    numbers = _numbers(value, "near", 3)
    if not numbers:
        return {}
    latitude, longitude, kilometres = numbers
    return {"latitude": latitude, "longitude": longitude, "within": kilometres * _KILOMETRE}


def _numbers(value: str, name: str, count: int) -> tuple[float, ...]:
    if not value:
        return ()
    try:
        numbers = tuple(float(one) for one in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise InvalidInput(f"{name}: {count} numbers are accepted, not {value!r}", field=name)
    return numbers
