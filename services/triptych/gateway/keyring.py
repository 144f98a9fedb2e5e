"""Keys: who may do what in which collections, and where that is kept.

A key is ``tk_ID_SECRET``. Its secret has 192 random bits, so nobody can guess it, however fast a
guess is compared: it is kept as a plain SHA-256. A slow hash is for what people think of, and would
cost each request more than all else at the door. Each key is a document of the media store, which
every gateway of a deployment reads. It never changes; to revoke it is to delete it.
"""

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

import structlog

from triptych.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TriptychError,
    Unauthorized,
)
from triptych.core.settings import Settings
from triptych.media.store import MediaStore

Scope = Literal["search", "read", "ingest", "train", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ADMIN: Scope = "admin"
"""Includes all others."""
ANY = "*"
"""All collections, those that will be made included; at the end of a name: all that begin so."""

FOLDER = "keys"
BOOTSTRAP = "bootstrap"
"""The id of the key that is a setting."""
MOST = 10_000
_ID_BYTES, _SECRET_BYTES, _MARK_DIGITS = 6, 24, 16
_PRESENTED = re.compile(r"tk_([0-9a-f]{12})_([0-9a-f]{48})")
_LOOK_SECONDS = 2.0
"""After which a revoked key, or a new one, is known to every gateway."""
_UNKNOWN_SECONDS = 0.25
"""The same where somebody has a key that is not known: it may be new."""
_STALE_SECONDS = 3600.0
"""So long keys are believed that can't be looked up, as the store is away."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Key:
    """What is known of a key; not its secret."""

    id: str
    name: str
    scopes: frozenset[Scope]
    collections: tuple[str, ...]
    """Names, and beginnings of names that end with ``*``."""
    digest: str
    """The SHA-256 of the whole key."""
    created: float
    """Seconds since 1970."""
    expires: float | None = None
    """Seconds since 1970."""
    made_by: str = ""
    """The id of the key that it was made with."""
    per_minute: int | None = None
    """Requests that it may send in a minute; None: any number."""

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps({**vars(self), "scopes": sorted(self.scopes)}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        facts = json.loads(data)
        lists = {"scopes": frozenset(facts["scopes"]), "collections": tuple(facts["collections"])}
        return cls(**{**facts, **lists})

    def has(self, scopes: Collection[Scope]) -> bool:
        """Whether it has one of these scopes, for whatever collection."""
        return ADMIN in self.scopes or not self.scopes.isdisjoint(scopes)

    def is_for(self, collection: str) -> bool:
        """Whether it is for a collection; ``*`` stands for all, ``x*`` for those that begin so."""
        return any(_includes(own, collection) for own in self.collections)

    def has_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= now

    def covers(self, other: "Key") -> bool:
        """Whether it may do all that another may, and for as long."""
        forever = float("inf")
        lasts = (other.expires or forever) <= (self.expires or forever)
        return (
            all(self.has((scope,)) for scope in other.scopes)
            and all(map(self.is_for, other.collections))
            and lasts
        )

    @property
    def mark(self) -> str:
        """What tells it from another key of the same id, for what is signed in its name."""
        return self.digest[:_MARK_DIGITS]

    @property
    def is_master(self) -> bool:
        """Whether it may do everything, for ever, without a limit."""
        limited = self.expires is not None or self.per_minute is not None
        return ADMIN in self.scopes and ANY in self.collections and not limited


def _includes(own: str, name: str) -> bool:
    if own.endswith(ANY):
        return name.startswith(own.removesuffix(ANY))
    return name == own


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Keyring:
    """The keys of a deployment, looked up in its media store now and then. Serves many threads."""

    def __init__(
        self,
        store: MediaStore,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self.clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._known: Mapping[str, Key | None] = {}
        self._looked = self._tried = -float("inf")
        self._bootstrap = _bootstrap(settings.admin_secret)

    @property
    def is_empty(self) -> bool:
        """Whether there is no key, not even one that has expired. Raises StoreUnavailable."""
        return self._bootstrap is None and not self._keys(_LOOK_SECONDS)

    def identify(self, presented: str) -> Key | None:
        """The key that somebody has; it may have expired. Raises StoreUnavailable."""
        digest = digest_of(presented)
        if self._bootstrap and hmac.compare_digest(digest, self._bootstrap.digest):
            return self._bootstrap
        if (found := _PRESENTED.fullmatch(presented)) is None:
            return None
        key = self.get(found[1])
        return key if key and hmac.compare_digest(digest, key.digest) else None

    def get(self, key_id: str) -> Key | None:
        """A key by its id; it may have expired. Raises StoreUnavailable."""
        if key_id == BOOTSTRAP:
            return self._bootstrap
        key = self._keys(_LOOK_SECONDS).get(key_id)
        return key or self._keys(_UNKNOWN_SECONDS).get(key_id)

    def valid(self, presented: str) -> Key:
        """The key that somebody has. Raises Unauthorized, StoreUnavailable."""
        key = self.identify(presented)
        if key is None:
            raise Unauthorized(
                "this key is not known: it was revoked, or belongs to another gateway"
            )
        if key.has_expired(self.clock()):
            raise Unauthorized("this key has expired")
        return key

    def named(self, key_id: str, mark: str) -> Key | None:
        """The key that something was signed for; None where it is of no use any more."""
        key = self.get(key_id)
        return key if key and key.mark == mark and not key.has_expired(self.clock()) else None

    def all(self) -> list[Key]:
        """The keys that are kept, the latest first. Raises StoreUnavailable."""
        keys = filter(None, self._keys(0).values())
        return sorted(keys, key=lambda key: key.created, reverse=True)

    def create(
        self,
        name: str,
        scopes: Iterable[Scope],
        collections: Iterable[str],
        *,
        seconds: int | None = None,
        per_minute: int | None = None,
        maker: Key | None = None,
    ) -> tuple[Key, str]:
        """Make a key; with it comes what its owner has to send, which is kept nowhere.

        Args:
            name: for people.
            scopes: what it is for.
            collections: names, and beginnings of names that end with ``*``.
            seconds: after which it expires.
            per_minute: how many requests it may send in a minute.
            maker: the key of who asks; None while there is none.

        Raises:
            InvalidInput: the first key has to be one that can make others.
            Unauthorized: there is a key already, since a moment ago.
            Forbidden: it could do more than the key of who asks.
            Conflict: there are too many.
            StoreUnavailable: it is not made.
        """
        key_id, now = secrets.token_hex(_ID_BYTES), self.clock()
        presented = f"tk_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
        key = Key(
            key_id,
            name,
            frozenset(scopes),
            tuple(sorted(set(collections))),
            digest_of(presented),
            created=now,
            expires=None if seconds is None else now + seconds,
            made_by="" if maker is None else maker.id,
            per_minute=per_minute,
        )
        known = self._keys(0)
        if maker is None and (known or self._bootstrap):
            raise Unauthorized("there is a key by now: make others with it")
        if maker is None and not key.is_master:
            raise InvalidInput(
                "the first key must be able to make others: scope admin, collections *, no expiry "
                "and no limit",
                field="scopes",
            )
        if maker is not None and maker.per_minute is not None:
            raise Forbidden("a key with a limit makes no others: each has a limit of its own")
        if maker is not None and not maker.covers(key):
            raise Forbidden("a key can't make one that may do more or lasts longer than itself")
        if len(known) >= MOST:
            raise Conflict(f"there are {MOST} keys already: revoke some")
        self._store.write_document(FOLDER, f"{key_id}.json", key.to_json())
        self._keys(0)
        return key, presented

    def revoke(self, key_id: str) -> None:
        """Let a key be of no use any more, here at once and elsewhere within seconds.

        Raises:
            NotFound: there is none.
            Conflict: without it nobody could make or revoke keys.
            StoreUnavailable: it is as it was, or was revoked.
        """
        key = self._keys(0).get(key_id)
        if key is None:
            raise NotFound(f"no key {key_id!r}")
        others = (one for one in self.all() if one.id != key_id and one.is_master)
        if key.is_master and self._bootstrap is None and next(others, None) is None:
            raise Conflict("it is the last key that may do everything: make another one first")
        self._store.delete_document(FOLDER, f"{key_id}.json")
        self._keys(0)

    def _keys(self, seconds: float) -> Mapping[str, Key | None]:
        """All keys by id, as they were so many seconds ago; None is one that can't be read.

        Where the store is away they are as they were an hour ago at most. While one thread looks,
        the others go on with what is known, and wait for it if that is too old. Raises
        StoreUnavailable.
        """
        stale = self._is_stale
        must = seconds == 0 or stale
        due = stale or self._timer() - self._tried >= seconds
        if due and self._lock.acquire(blocking=must):
            try:
                if self._timer() - self._tried >= seconds:
                    self._look()
            except StoreUnavailable as error:
                if seconds == 0:
                    raise
                log.warning("keys can't be looked up", reason=str(error))
            finally:
                self._lock.release()
        if self._is_stale:
            raise StoreUnavailable("the media store does not answer, so no key can be looked up")
        return self._known

    @property
    def _is_stale(self) -> bool:
        return self._timer() - self._looked > _STALE_SECONDS

    def _look(self) -> None:
        self._tried = self._timer()
        self._store.begin()  # a store that is not mounted has no keys, and must not look open
        names = [one.name.removesuffix(".json") for one in self._store.documents(FOLDER)]
        known = self._known
        self._known = {name: known.get(name) or self._read(name) for name in names}
        self._looked = self._tried

    def _read(self, key_id: str) -> Key | None:
        try:
            return Key.from_json(self._store.read_document(FOLDER, f"{key_id}.json"))
        except NotFound:  # it was revoked just now
            return None
        except StoreUnavailable:
            raise
        except (TriptychError, ValueError, TypeError, KeyError) as error:
            log.error("a key can't be read", key=key_id, reason=str(error))  # noqa: TRY400
            return None


def _bootstrap(secret: str) -> Key | None:
    if not secret:
        return None
    return Key(
        BOOTSTRAP, "TRIPTYCH_ADMIN_KEY", frozenset({ADMIN}), (ANY,), digest_of(secret), created=0.0
    )
