"""Search tokens: what a key lets a browser see, signed, so that nobody has to keep it.

A token is for some collections, and of these for the items that a filter finds, until a moment. It
dies with its key, and never lets anybody do more than that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from triptych.core.errors import Forbidden, InvalidInput, Unauthorized
from triptych.core.settings import BROWSER_MARK
from triptych.gateway.keyring import ADMIN, Key, Keyring, Scope
from triptych.gateway.signing import Signer
from triptych.index.within import Within
from triptych.search.filtering import Filter, read_filter

_SCOPES: frozenset[Scope] = frozenset({"search", "read"})
_MOST_CHARS = 6000
"""Servers and proxies take some 8,000 characters of a header."""


def is_token(presented: str) -> bool:
    """Whether it looks like one."""
    return presented.startswith(BROWSER_MARK)


def sign(
    key: Key,
    collections: Sequence[str],
    within: Mapping[str, Any],
    *,
    seconds: int,
    keys: Keyring,
    signer: Signer,
) -> tuple[str, float]:
    """A token, and when it expires: with its key at the latest.

    Args:
        key: in whose name.
        collections: names, and beginnings of names that end with ``*``.
        within: a filter of a search that was checked; empty for all items.
        seconds: how long it is valid.
        keys: the keys of the deployment.
        signer: what signs for it.

    Raises:
        Forbidden: a collection is not the key's.
        InvalidInput: the filter is too long for a header.
    """
    for name in collections:
        if not key.is_for(name):
            raise Forbidden(f"this key is not for collection {name!r}")
    expires = min(keys.clock() + seconds, key.expires or float("inf"))
    facts = {
        "key": key.id,
        "mark": key.mark,
        "collections": list(collections),
        "filter": dict(within),
        "expires": expires,
    }
    token = f"{BROWSER_MARK}{signer.sign('token', facts)}"
    if len(token) > _MOST_CHARS:
        raise InvalidInput(f"the token is longer than {_MOST_CHARS} characters", field="filter")
    return token, expires


def read(token: str, keys: Keyring, signer: Signer) -> tuple[Key, Within]:
    """What its key may do that the token may, too, and the part of a collection that it shows.

    Raises Unauthorized, StoreUnavailable.
    """
    facts = signer.read("token", token.removeprefix(BROWSER_MARK))
    if facts is None:
        raise Unauthorized("this token is not signed by this gateway")
    if facts["expires"] <= keys.clock():
        raise Unauthorized("this token has expired")
    key = keys.named(facts["key"], facts["mark"])
    if key is None:
        raise Unauthorized("the key that this token was made with is of no use any more")
    scopes = _SCOPES if ADMIN in key.scopes else _SCOPES & key.scopes
    limited = replace(
        key, scopes=scopes, collections=tuple(facts["collections"]), expires=facts["expires"]
    )
    return limited, read_filter(Filter.model_validate(facts["filter"]))
