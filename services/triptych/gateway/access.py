"""The door: who asks, and whether they may. Each operation declares what a key needs for it.

Without any key the gateway is open, but to this machine alone. From the first key on everybody
needs one. What a key may not see does not exist for it: nothing tells a collection that is there
from one that is not.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Literal, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

from triptych.core.errors import Forbidden, NotFound, StoreUnavailable, Unauthorized
from triptych.core.names import is_id, printable
from triptych.gateway import rates, sessions, tokens
from triptych.gateway.keyring import ADMIN, ANY, Key, Keyring, Scope
from triptych.gateway.services import engine, services
from triptych.gateway.signing import Signer
from triptych.index.within import Within

View = TypeVar("View", bound=Callable[..., Any])

_KEYRING, _SIGNER = "triptych.keyring", "triptych.signer"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""What tells that somebody else stands behind who connects."""
_CHALLENGE = "a key is needed: send it as Authorization: Bearer KEY"


log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Needs:
    """What an operation needs of a key."""

    scopes: tuple[Scope, ...]
    """One of these; none at all: the operation is for everybody, without a key."""
    whole: bool = False
    """Whether it is about the whole deployment, so that the key must be for all collections."""
    filtered: bool = False
    """Whether it keeps to the filter of a search token; to others no token gives access."""
    told: bool = False
    """Whether the audit tells of it though it changes nothing."""


PUBLIC = Needs(())
_EVERYTHING = Needs((ADMIN,), whole=True)
"""Of what declares nothing."""
_needs: dict[Callable[..., Any], Needs] = {}


def needs(*scopes: Scope, whole: bool = False, filtered: bool = False, told: bool = False) -> Needs:
    """Any one of these scopes; as ``Needs``."""
    return Needs(scopes, whole=whole, filtered=filtered, told=told)


def declare(needed: Needs) -> Callable[[View], View]:
    """Say what a view needs. ``operation`` does so for those of the API."""

    def note(view: View) -> View:
        _needs[view] = needed
        return view

    return note


def needed_by(view: Callable[..., Any]) -> Needs | None:
    """What a view declares."""
    return _needs.get(view)


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    key: Key | None
    """None: the gateway has no key, and everybody may do everything. Of a token, what its key may
    do that the token may, too."""
    way: Literal["open", "key", "session", "token"] = "open"
    within: Within = ()
    """The part of each collection that a token shows."""

    @property
    def name(self) -> str:
        """For logs."""
        return self.key.id if self.key else "open"

    def may(self, scopes: tuple[Scope, ...], collection: str | None = None) -> bool:
        """Whether one of the scopes is theirs, and the collection, if one is named."""
        if self.key is None:
            return True
        return self.key.has(scopes) and (collection is None or self.key.is_for(collection))

    @property
    def collections(self) -> tuple[str, ...]:
        """Those that they may use: names, and beginnings of names that end with ``*``."""
        return (ANY,) if self.key is None else self.key.collections

    def may_use(self, collections: tuple[str, ...]) -> bool:
        """Whether all of these, names or beginnings of names, are theirs."""
        return self.key is None or all(map(self.key.is_for, collections))


def register(app: Flask) -> None:
    """Let nobody in who may not do what they ask for."""
    app.before_request(_check)
    app.after_request(_tell_rate)


def tell(app: Flask) -> None:
    """Log who is let in, where that is everybody, or this machine alone."""
    with app.app_context(), suppress(StoreUnavailable):
        if not keyring().is_empty:
            return
        if engine().settings.open:
            log.warning("everybody is let in: there is no key, and TRIPTYCH_OPEN is set")
        else:
            log.info("there is no key: this machine alone is answered")


def _tell_rate(response: Response) -> Response:
    if (rate := g.get("rate")) is not None:
        response.headers.update(rate.headers)
    return response


def keyring() -> Keyring:
    """The keys of the application that handles this request."""
    found: Keyring | None = current_app.extensions.get(_KEYRING)
    if found is None:
        found = current_app.extensions[_KEYRING] = Keyring(engine().store, engine().settings)
    return found


def signer() -> Signer:
    """What signs for the application that handles this request."""
    found: Signer | None = current_app.extensions.get(_SIGNER)
    if found is None:
        found = current_app.extensions[_SIGNER] = Signer(engine().store)
    return found


def caller() -> Caller:
    """Who sent this request.

    Raises:
        Unauthorized: they have no key that is valid, and need one.
        Forbidden: there are no keys yet, and they are on another machine.
        StoreUnavailable: keys can't be looked up.
    """
    if "caller" not in g:
        g.caller = _identified()
    found: Caller = g.caller
    return found


def may(*scopes: Scope, collection: str | None = None) -> bool:
    """Whether whoever sent this request may do more than what it was let in for."""
    return caller().may(scopes, collection)


def may_see_all() -> bool:
    """Whether whoever sent a request that needs no key may see every collection."""
    try:
        return caller().may(("read",)) and caller().may_use((ANY,))
    except (Unauthorized, Forbidden, StoreUnavailable):
        return False


def is_write() -> bool:
    """Whether the operation of this request changes something, or lets somebody in."""
    if (view := current_app.view_functions.get(request.endpoint or "")) is None:
        return False
    needed = _needs.get(view, _EVERYTHING)
    reads = {"search", "read"} & set(needed.scopes)
    return needed.told or bool(needed.scopes and not reads)


def _identified() -> Caller:
    keys = keyring()
    if keys.is_empty:
        if not (engine().settings.open or _is_local()):
            raise Forbidden(
                "this gateway has no key yet, so it answers its own machine alone: make one there "
                "with `triptych keys create`, or set TRIPTYCH_ADMIN_KEY"
            )
        return Caller(None)
    kind, _, presented = request.headers.get("Authorization", "").partition(" ")
    presented = presented.strip() if kind.lower() == "bearer" else ""
    if tokens.is_token(presented):
        key, within = tokens.read(presented, keys, signer())
        return Caller(key, "token", within)
    if presented:
        return Caller(keys.valid(presented), "key")
    if (found := sessions.key_of(request, keys, signer())) is not None:
        return Caller(found, "session")
    raise Unauthorized(_CHALLENGE)


def _is_local() -> bool:
    """Whether the request comes from this machine, and not through a proxy on it."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:  # a Unix socket, where a proxy is
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _check() -> None:
    """Whether whoever sent this request may do what it asks for.

    Raises Unauthorized, Forbidden, NotFound, StoreUnavailable.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.method == "OPTIONS":
        return
    needed = _needs.get(view, _EVERYTHING)
    if not needed.scopes:
        return
    who, named = caller(), request.view_args or {}
    if not who.may(needed.scopes):
        raise Forbidden(f"this key lacks the scope {' or '.join(needed.scopes)}")
    if needed.whole and not who.may_use((ANY,)):
        raise Forbidden("this is for keys that are for all collections")
    if "collection" in named and not who.may(needed.scopes, named["collection"]):
        raise Forbidden(f"this key is not for collection {printable(named['collection'])!r}")
    if who.way == "token" and not needed.filtered:
        raise Forbidden("search tokens are not for this")
    if who.key is not None:
        g.rate = rates.count(services().redis, who.key)
    _check_named(named)


def _check_named(named: Mapping[str, Any]) -> None:
    """Raise NotFound for what a path names that the caller may not see."""
    if "item" in named and caller().within:
        _check_item(named["collection"], named["item"])
    if "batch" in named:
        check_batch(named["batch"])
    if "upload" in named:
        check_upload(named["upload"])


def _check_item(collection: str, item: str) -> None:
    """Raise NotFound for an item that a token does not show, as for one that is not there."""
    if not (is_id(item) and engine().sees(collection, item, caller().within)):
        raise NotFound(f"no item {printable(item)!r} in collection {collection!r}")


def check_batch(batch: str) -> None:
    """Raise NotFound for a batch of a collection that the caller may not use."""
    if caller().may_use((ANY,)):
        return
    missing = NotFound(f"no batch {batch!r}")
    try:
        collection = engine().ledger.manifest(batch).collection
    except NotFound:
        raise missing from None
    if not caller().may_use((collection,)):
        raise missing


def check_upload(upload: str) -> None:
    """Raise NotFound for an upload of somebody who may use collections that the caller may not."""
    if caller().may_use((ANY,)):
        return
    missing = NotFound(f"no upload {upload!r}")
    try:
        collections = engine().uploads.find(upload).collections
    except NotFound:
        raise missing from None
    if not caller().may_use(collections):
        raise missing
