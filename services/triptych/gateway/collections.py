"""Collections: made, described, deleted."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from triptych.core.errors import FingerprintMismatch, NotFound
from triptych.fusion.query import COMPARISONS, WEIGHTS
from triptych.gateway.requests import collection_name
from triptych.gateway.services import engine

blueprint = Blueprint("collections", __name__, url_prefix="/v1/collections")


@blueprint.get("")
def names() -> ResponseReturnValue:
    """Every collection with its items per status, or with what is wrong with it."""
    return jsonify(
        collections=[entry for name in engine().index.collections() if (entry := _entry(name))]
    )


def _entry(name: str) -> dict[str, Any] | None:
    """None for a collection that was deleted meanwhile."""
    try:
        return {"name": name, "items": _counts(name)}
    except FingerprintMismatch as error:
        return {"name": name, "problem": str(error)}
    except NotFound:
        return None


def _counts(name: str) -> dict[str, int]:
    counts = engine().index.count(name)
    return {"total": sum(counts.values()), **counts}


@blueprint.put("/<name>")
def create(name: str) -> ResponseReturnValue:
    """Make a collection; one that exists stays as it is."""
    engine().index.ensure(collection_name(name))
    return describe(name)


@blueprint.get("/<name>")
def describe(name: str) -> ResponseReturnValue:
    """How many items a collection has, and which models and weights it works with."""
    counts = _counts(collection_name(name))
    blocks = [
        {
            "name": block.name,
            "modality": block.modality,
            "part": block.part,
            "dims": block.dims,
            "encoder": {**asdict(block.card), "fingerprint": block.card.fingerprint},
        }
        for block in engine().layout.blocks
    ]
    advice = engine().index.advice(name)
    return jsonify(
        name=name,
        items=counts,
        fingerprint=engine().layout.fingerprint,
        blocks=blocks,
        weights=dict(WEIGHTS),
        comparisons={
            part: [asdict(entry) for entry in entries if entry.block in engine().layout.slices]
            for part, entries in COMPARISONS.items()
        },
        **({} if advice is None else {"advice": advice}),
    )


@blueprint.delete("/<name>")
def drop(name: str) -> ResponseReturnValue:
    """Delete a collection with everything in it."""
    engine().index.drop(collection_name(name))
    return "", 204
