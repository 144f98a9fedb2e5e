"""What senders ask before they send: the limits, and which items a collection has already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field

from triptych.core.answers import Described
from triptych.core.errors import NotFound, TooLarge
from triptych.core.settings import Limits
from triptych.core.values import ItemId
from triptych.engine.holdings import MOST, Holdings
from triptych.gateway.access import caller, needs
from triptych.gateway.openapi import READ, operation
from triptych.gateway.requests import collection_name, read_json
from triptych.gateway.services import engine

blueprint = Blueprint("holdings", __name__, url_prefix="/v1")

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class KnownRequest(BaseModel):
    """Items that are about to be sent."""

    model_config = ConfigDict(extra="forbid")

    contents: dict[ItemId, Digest] = Field(
        min_length=1, max_length=MOST, description="the digest of the content, by id"
    )


class HoldingsQuery(BaseModel):
    """Which items to list."""

    model_config = ConfigDict(extra="forbid")

    prefix: str = Field("", max_length=512, description="what ids begin with")
    after: str = Field("", max_length=512, description="from the answer before this one")


@dataclass(frozen=True)
class KnownItems(Described):
    """What the collection has already."""

    known: Sequence[str]
    """The ids of the items that are whole, and just as they would be sent."""


@blueprint.get("/limits")
@operation("get_limits", needs("search", "read", "ingest", "train"), {200: Limits})
def limits() -> ResponseReturnValue:
    """How large requests and their parts may be."""
    return jsonify(engine().settings.limits.model_dump())


@blueprint.post("/collections/<collection>/items/known")
@operation(
    "find_known_items",
    needs("read", "ingest"),
    {200: KnownItems},
    *READ,
    TooLarge,
    json=KnownRequest,
)
def known(collection: str) -> ResponseReturnValue:
    """Which items need not be sent, since the collection has them just so."""
    name = collection_name(collection)
    asked = KnownRequest.model_validate(read_json(request))
    found = engine().known(name, asked.contents)
    return jsonify(KnownItems(sorted(found)))


@blueprint.get("/collections/<collection>/items")
@operation(
    "list_items",
    needs("read", "ingest", filtered=True),
    {200: Holdings},
    *READ,
    NotFound,
    query=HoldingsQuery,
)
def holdings(collection: str) -> ResponseReturnValue:
    """The ids and file names of items, in the order of the ids."""
    name = collection_name(collection)
    query = HoldingsQuery.model_validate(request.args.to_dict())
    return jsonify(engine().holdings(name, query.prefix, query.after, caller().within))
