"""The pages: each view reads what it shows through the engine, in process."""

from contextlib import suppress
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import quote

import structlog
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from triptych.core.errors import Busy, InvalidInput, NotFound, TriptychError, Unauthorized
from triptych.core.names import printable
from triptych.core.values import describe
from triptych.engine.collections import CollectionSummary
from triptych.gateway import openapi
from triptych.gateway.access import PUBLIC, declare, may, needs
from triptych.gateway.keyring import Scope
from triptych.gateway.page import plots, reference, shown
from triptych.gateway.page.assets import asset, version
from triptych.gateway.page.state import FACETS, PAGE, read_state
from triptych.gateway.requests import batch_id, collection_name, item_id
from triptych.gateway.services import engine, services
from triptych.queues.batches import BatchState
from triptych.search.answer import Answer, dumps
from triptych.search.request import SimilarRequest, Weights

blueprint = Blueprint("page", __name__, template_folder="templates")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_FOR_LONG = "public, max-age=31536000, immutable"
_IN_QUERIES = "!$&'()*+,;=:@/?%"
"""What RFC 3986 (3.4) allows in queries beside letters, digits and ``-._~``."""
_SIMILAR = 8
_BATCHES = 50
_HELP = {
    "index-unavailable": "The index does not answer. `triptych status` says which part is away, "
    "and where its log is. The page works again as soon as the index does.",
    "queue-unavailable": "Redis does not answer. `triptych status` says which part is away.",
    "store-unavailable": "The media store does not answer: is its folder or bucket there?",
    "fingerprint-mismatch": "The collection was made by other encoders: `triptych rebuild NAME` "
    "makes its vectors anew.",
    "busy": "Too much is going on just now: try again in a few seconds.",
    "unknown-host": "Name this host in TRIPTYCH_TRUSTED_HOSTS, or open the page by its address.",
}
"""What to do about an error."""

log = structlog.get_logger(__name__)

blueprint.add_app_template_filter(shown.size, "size")
blueprint.add_app_template_filter(shown.duration, "duration")
blueprint.add_app_template_filter(shown.moment, "moment")
blueprint.add_app_template_filter(shown.instant, "instant")
blueprint.add_app_template_filter(shown.count, "count")
blueprint.add_app_template_filter(shown.marked, "marked")
blueprint.add_app_template_filter(shown.coded, "coded")
blueprint.add_app_template_filter(shown.name_of, "name_of")
blueprint.add_app_template_filter(shown.bars, "bars")


@blueprint.context_processor
def _globals() -> dict[str, Any]:
    return {
        "may": _may,
        "asset": lambda name: url_for("page.static", digest=version(), name=name),
        "labels": shown.LABELS,
    }


def _may(*scopes: Scope, collection: str | None = None) -> bool:
    """Whether to show what needs one of these; on an error page nobody may be known."""
    try:
        return may(*scopes, collection=collection)
    except TriptychError:
        return False


@blueprint.after_request
def _secure(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@blueprint.get("/static/<digest>/<name>")
@declare(PUBLIC)
def static(digest: str, name: str) -> ResponseReturnValue:
    """A style sheet, script or icon; of another version than this one it is not kept."""
    data, kind = asset(name)
    current = digest == version()
    response = Response(
        data,
        content_type=kind,
        headers={"Cache-Control": _FOR_LONG if current else "no-cache"},
    )
    response.set_etag(version())
    return response.make_conditional(request)


@blueprint.get("/")
@declare(needs("read"))
def home() -> ResponseReturnValue:
    """The collections; of a single one its search."""
    found = _theirs()
    if len(found) == 1 and not found[0].problem:
        return redirect(url_for("page.search", collection=found[0].name))
    return render_template("collections.html", collections=found)


@blueprint.get("/collections")
@declare(needs("read"))
def collections() -> ResponseReturnValue:
    """The collections, also where there is one."""
    return render_template("collections.html", collections=_theirs())


@blueprint.get("/c/<collection>")
@declare(needs("search"))
def search(collection: str) -> ResponseReturnValue:
    """The search of a collection with the hits of the query in the address."""
    name = collection_name(collection)
    about = engine().collection(name)
    state, answer, problem, status = None, None, None, HTTPStatus.OK
    try:
        state = read_state(request.args)
        answer = engine().search(name, state.request())
    except InvalidInput as error:
        problem, status = error.reason, HTTPStatus(error.status)
    except ValidationError as error:
        problem, status = describe(error), HTTPStatus.BAD_REQUEST
    page = render_template(
        "search.html",
        collection=name,
        about=about,
        state=state,
        answer=answer,
        problem=None if problem is None else printable(problem),
        facets=FACETS,
        limit=PAGE,
        weights=Weights().by_signal,
    )
    return page, status


@blueprint.get("/c/<collection>/items/<path:item>")
@declare(needs("read"))
def item(collection: str, item: str) -> ResponseReturnValue:
    """An item: its parts, what is known of it, and what is similar."""
    name, known = collection_name(collection), item_id(item)
    document = engine().item(name, known)
    similar: Answer | None = None
    if document.get("modalities") and may("search", collection=name):
        try:
            similar = engine().similar(name, known, SimilarRequest(limit=_SIMILAR))
        except TriptychError as error:  # the item itself can be shown all the same
            log.info("no similar items", item=known, reason=str(error))
    return render_template(
        "item.html",
        collection=name,
        item=document,
        rows=shown.facts(document),
        similar=similar,
        back=f"{url_for('page.search', collection=name)}?{_query()}",
    )


def _query() -> str:
    """The query of the address in ASCII, whatever bytes came."""
    return quote(request.query_string, safe=_IN_QUERIES)


def _theirs() -> list[CollectionSummary]:
    return [one for one in engine().collections() if may("read", collection=one.name)]


@blueprint.get("/upload")
@declare(needs("ingest"))
def choose() -> ResponseReturnValue:
    """Where to add items, for the form that asks for a collection."""
    name = collection_name(request.args.get("collection", ""))
    return redirect(url_for("page.upload", collection=name))


@blueprint.get("/c/<collection>/upload")
@declare(needs("ingest"))
def upload(collection: str) -> ResponseReturnValue:
    """Where items are added to a collection, which is made if it does not exist."""
    return render_template("upload.html", collection=collection_name(collection))


@blueprint.get("/batches")
@declare(needs("read", "ingest"))
def batches() -> ResponseReturnValue:
    """The batches that are kept."""
    found = services().batches.list()
    theirs = (one for one in found if may("read", "ingest", collection=one.collection))
    shown_ones = [_with_json(state) for state in islice(theirs, _BATCHES)]
    return render_template("batches.html", batches=shown_ones)


@blueprint.get("/batches/<batch>")
@declare(needs("read", "ingest"))
def batch(batch: str) -> ResponseReturnValue:
    """How far a batch is, and what of it failed."""
    state = services().batches.state(batch_id(batch))
    return render_template("batches.html", batches=[_with_json(state)], one=True)


def _with_json(state: BatchState) -> tuple[BatchState, str]:
    return state, dumps(state).decode()


@blueprint.get("/c/<collection>/models")
@declare(needs("read"))
def models(collection: str) -> ResponseReturnValue:
    """A collection: its items, encoders and weights, and what it has learnt."""
    name = collection_name(collection)
    about = engine().collection(name)
    training = None
    with suppress(NotFound):
        training = engine().training(name)
    learnt = [
        (one, plots.gains(one.comparison.gains) if one.comparison else None)
        for one in engine().models(name)
    ]
    return render_template(
        "models.html", collection=name, about=about, training=training, models=learnt
    )


@blueprint.get("/c/<collection>/map")
@declare(needs("read"))
def show_map(collection: str) -> ResponseReturnValue:
    """The items of a collection on a plane."""
    name = collection_name(collection)
    return render_template("map.html", collection=name, found=engine().map(name))


@blueprint.get("/c/<collection>/map.jsonl")
@declare(needs("read"))
def save_map(collection: str) -> ResponseReturnValue:
    """The same as a file with a line an item, as tools for maps read it (docs/page.md)."""
    name = collection_name(collection)
    lines = b"".join(
        dumps(
            {
                "id": one.id,
                "title": one.title or one.id,
                "parts": "+".join(one.modalities),
                "x": one.x,
                "y": one.y,
            }
        )
        + b"\n"
        for one in engine().map(name).items
    )
    response = Response(lines, content_type="application/jsonl")
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}-map.jsonl")
    return response


@blueprint.get("/accessibility")
@declare(PUBLIC)
def accessibility() -> ResponseReturnValue:
    """What was done for access by everybody, and what is missing."""
    return render_template("accessibility.html")


@blueprint.get("/docs")
@declare(PUBLIC)
def docs() -> ResponseReturnValue:
    """The description of the API, to be read."""
    document = openapi.document(current_app)
    return render_template(
        "reference.html",
        info=document["info"],
        groups=reference.groups(document),
        schemas=reference.schemas(document),
    )


@blueprint.errorhandler(TriptychError)
def _ours(error: TriptychError) -> ResponseReturnValue:
    if isinstance(error, Unauthorized) and request.method == "GET":
        here = f"{quote(request.path)}?{_query()}".removesuffix("?")
        return redirect(url_for("page.login", next=here))
    page, status = _error(error.status, error.reason, _HELP.get(error.slug))
    return page, status, {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else {}


@blueprint.errorhandler(ValidationError)
def _invalid(error: ValidationError) -> ResponseReturnValue:
    return _error(HTTPStatus.BAD_REQUEST, describe(error))


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> ResponseReturnValue:
    return _error(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, error.description or error.name)


@blueprint.errorhandler(Exception)
def _defect(error: Exception) -> ResponseReturnValue:
    log.error("defect", exc_info=error)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "The gateway's log has the details.")


def _error(status: int, reason: str, advice: str | None = None) -> tuple[str, int]:
    title = HTTPStatus(status).phrase
    page = render_template("error.html", title=title, reason=printable(reason, 2000), advice=advice)
    return page, status
