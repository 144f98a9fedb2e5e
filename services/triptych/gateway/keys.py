"""Keys over HTTP: made, listed, revoked; and the tokens that are signed in their name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field

from triptych.core.answers import Described, Omissible
from triptych.core.errors import Conflict, CrossOrigin, NotFound
from triptych.gateway import tokens
from triptych.gateway.access import Caller, caller, keyring, needs, signer
from triptych.gateway.keyring import Key, Scope
from triptych.gateway.openapi import operation
from triptych.gateway.requests import read_json
from triptych.search.filtering import Filter, limits

blueprint = Blueprint("keys", __name__, url_prefix="/v1")

_TEN_YEARS, _MONTH = 3660 * 86_400, 31 * 86_400

Collections = Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,63}\*?)$")]


class KeyRequest(BaseModel):
    """What a key is for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(
        min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", description="for people"
    )
    scopes: list[Scope] = Field(min_length=1, max_length=8, description="admin includes the others")
    collections: list[Collections] = Field(
        ["*"],
        min_length=1,
        max_length=100,
        description="names, and beginnings of names that end with *, which alone is all of them",
    )
    expires_in: int | None = Field(
        None, ge=1, le=_TEN_YEARS, description="seconds; never if not given"
    )
    per_minute: int | None = Field(
        None, ge=1, le=60_000, description="requests that it may send in a minute; any if not given"
    )


class TokenRequest(BaseModel):
    """What a search token shows."""

    model_config = ConfigDict(extra="forbid")

    collections: list[Collections] = Field(
        min_length=1, max_length=100,
        description="names, and beginnings of names that end with *",
    )  # fmt: skip
    filter: Filter = Field(
        default_factory=Filter,
        description="of these the items that it finds, no part of it empty; all if not given",
    )
    expires_in: int = Field(3600, ge=1, le=_MONTH, strict=True, description="seconds")


@dataclass(frozen=True)
class TokenState(Described):
    """A search token that was made just now."""

    token: str
    """What to send in place of a key."""
    collections: Sequence[str]
    expires: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class KeyState(Described):
    """A key without its secret."""

    id: str
    name: str
    scopes: Sequence[Scope]
    collections: Sequence[str]
    created: float
    """Seconds since 1970."""
    expires: Omissible[float] = None
    """Seconds since 1970; absent of one that never does."""
    per_minute: Omissible[int] = None
    """Requests that it may send in a minute; absent where it may send any number."""
    made_by: Omissible[str] = None
    """The id of the key that it was made with."""
    key: Omissible[str] = None
    """What to send, where it was made just now: it is shown once."""


@dataclass(frozen=True)
class KeyList(Described):
    """Keys, the latest first; those that have expired are among them."""

    keys: Sequence[KeyState]


@blueprint.post("/keys")
@operation(
    "create_key", needs("admin"), {201: KeyState}, CrossOrigin, Conflict, json=KeyRequest
)  # fmt: skip
def create() -> ResponseReturnValue:
    """Make a key, which may do no more than the one that it is made with; it is shown once.

    The first one is made without any, on the gateway's own machine, and may do everything.
    """
    wanted = KeyRequest.model_validate(read_json(request))
    key, presented = keyring().create(
        wanted.name,
        wanted.scopes,
        wanted.collections,
        seconds=wanted.expires_in,
        per_minute=wanted.per_minute,
        maker=caller().key,
    )
    return jsonify(_state(key, presented)), 201, {"Cache-Control": "no-store"}


@blueprint.get("/keys")
@operation("list_keys", needs("admin"), {200: KeyList})
def index() -> ResponseReturnValue:
    """The keys that are for no other collections than the one that asks."""
    return jsonify(KeyList([_state(key) for key in keyring().all() if _sees(caller(), key)]))


@blueprint.delete("/keys/<key>")
@operation("revoke_key", needs("admin"), {204: None}, CrossOrigin, NotFound, Conflict)
def revoke(key: str) -> ResponseReturnValue:
    """Let a key be of no use any more, on every gateway within seconds."""
    found = keyring().get(key)
    if found is None or not _sees(caller(), found):
        raise NotFound(f"no key {key!r}")
    keyring().revoke(key)
    return "", 204


@blueprint.post("/tokens")
@operation(
    "create_token",
    needs("search", told=True),
    {201: TokenState},
    CrossOrigin,
    Conflict,
    json=TokenRequest,
)
def create_token() -> ResponseReturnValue:
    """Make a search token: what a browser may see, of whoever asks, for a while.

    It is valid as long as the key that it is made with. A gateway without keys needs no token.
    """
    body = read_json(request)
    wanted = TokenRequest.model_validate(body)
    if (key := caller().key) is None:
        raise Conflict("this gateway has no key yet, so there is nothing to make a token of")
    if "filter" in wanted.model_fields_set:
        limits(wanted.filter)
    token, expires = tokens.sign(
        key,
        wanted.collections,
        body.get("filter", {}),
        seconds=wanted.expires_in,
        keys=keyring(),
        signer=signer(),
    )
    made = TokenState(token, wanted.collections, expires)
    return jsonify(made), 201, {"Cache-Control": "no-store"}


def _sees(who: Caller, key: Key) -> bool:
    return who.may_use(key.collections)


def _state(key: Key, presented: str | None = None) -> KeyState:
    return KeyState(
        key.id,
        key.name,
        sorted(key.scopes),
        key.collections,
        key.created,
        expires=key.expires,
        per_minute=key.per_minute,
        made_by=key.made_by or None,
        key=presented,
    )
