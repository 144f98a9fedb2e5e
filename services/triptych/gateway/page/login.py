"""Who looks at the page: a key is given once, and a cookie stands for it from then on."""

import re
from http import HTTPStatus
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from triptych.core.errors import Unauthorized
from triptych.gateway import sessions
from triptych.gateway.access import PUBLIC, declare, keyring, signer
from triptych.gateway.page.views import blueprint

_FORM_BYTES = 10_000
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""A path of this gateway, and no address of another."""


@blueprint.context_processor
def _who() -> dict[str, Any]:
    return {"signed_in": "caller" in g and g.caller.way == "session"}


@blueprint.get("/login")
@declare(PUBLIC)
def login() -> ResponseReturnValue:
    """The form for a key; a gateway that has none at all needs none."""
    if keyring().is_empty:
        return redirect(url_for("page.home"))
    return render_template("login.html", next=_next(request.args.get("next", "")), problem=None)


@blueprint.post("/login")
@declare(PUBLIC)
def log_in() -> ResponseReturnValue:
    """Begin a session with a key."""
    request.max_content_length = _FORM_BYTES
    target = _next(request.form.get("next", ""))
    try:
        key = keyring().valid(request.form.get("key", "").strip())
    except Unauthorized as error:
        page = render_template("login.html", next=target, problem=error.reason)
        return page, HTTPStatus.UNAUTHORIZED
    response = redirect(target, HTTPStatus.SEE_OTHER)
    sessions.begin(response, key, keyring(), signer())
    return response


@blueprint.post("/logout")
@declare(PUBLIC)
def log_out() -> ResponseReturnValue:
    """End the session of this browser."""
    response = redirect(url_for("page.login"), HTTPStatus.SEE_OTHER)
    sessions.end(response)
    return response


def _next(path: str) -> str:
    """Where to go afterwards: to a page of this gateway, never elsewhere."""
    return path if _LOCAL.fullmatch(path) else url_for("page.home")
