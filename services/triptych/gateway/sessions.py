"""Sessions of the page: a signed cookie that names a key, and dies with it.

The cookie has no secret of the key. Scripts can't read it, and pages of other sites can't have it
sent. Of what comes with it, a change counts only if the browser says that our own page sent it.
"""

from flask import Request, request
from werkzeug import Response

from triptych.core.errors import CrossOrigin
from triptych.gateway.cors import SAFE, is_own
from triptych.gateway.keyring import Key, Keyring
from triptych.gateway.signing import Signer

COOKIE = "triptych_session"
HOURS = 12


def begin(response: Response, key: Key, keys: Keyring, signer: Signer) -> None:
    """Let a browser act with a key for some hours."""
    now = keys.clock()
    expires = min(now + HOURS * 3600, key.expires or float("inf"))
    facts = {"key": key.id, "mark": key.mark, "expires": expires}
    response.set_cookie(
        COOKIE,
        signer.sign("session", facts),
        max_age=int(expires - now),
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )


def end(response: Response) -> None:
    """Let a browser forget its key."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)


def key_of(asked: Request, keys: Keyring, signer: Signer) -> Key | None:
    """The key that the cookie of a request stands for; None where there is none that is valid.

    Raises CrossOrigin, StoreUnavailable.
    """
    if (cookie := asked.cookies.get(COOKIE)) is None:
        return None
    facts = signer.read("session", cookie)
    if facts is None or facts["expires"] <= keys.clock():
        return None
    key = keys.named(facts["key"], facts["mark"])
    if key is not None:
        _check_origin(asked)
    return key


def _check_origin(asked: Request) -> None:
    """Raise CrossOrigin unless our own page sent it, or a person followed a link.

    https://www.w3.org/TR/fetch-metadata/; a browser that is older than that sends ``Origin`` with
    every change.
    """
    site, is_link = asked.headers.get("Sec-Fetch-Site"), False
    if asked.method in SAFE:
        is_link = asked.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        is_ours = site in {None, "same-origin", "none"}
    elif site is not None:
        is_ours = site == "same-origin"
    else:
        is_ours = is_own(asked.headers.get("Origin", ""), asked.headers.get("Host", ""))
    if not (is_ours or is_link):
        raise CrossOrigin("the request comes from a page of another origin")
