"""Collections: made, described, deleted."""

from dataclasses import asdict

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from triptych.gateway.requests import collection_name
from triptych.gateway.services import services
from triptych.shared.fusion.layout import layout
from triptych.shared.fusion.query import COMPARISONS, WEIGHTS

blueprint = Blueprint("collections", __name__, url_prefix="/v1/collections")


@blueprint.put("/<name>")
def create(name: str) -> ResponseReturnValue:
    """Make a collection; one that exists stays as it is."""
    services().index.ensure(collection_name(name))
    return describe(name)


@blueprint.get("/<name>")
def describe(name: str) -> ResponseReturnValue:
    """How many items a collection has, and which models and weights it works with."""
    counts = services().index.count(collection_name(name))
    blocks = [
        {
            "name": block.name,
            "modality": block.modality,
            "part": block.part,
            "dims": block.dims,
            "encoder": {**asdict(block.card), "fingerprint": block.card.fingerprint},
        }
        for block in layout().blocks
    ]
    return jsonify(
        name=name,
        items={"total": sum(counts.values()), **counts},
        fingerprint=layout().fingerprint,
        blocks=blocks,
        weights=dict(WEIGHTS),
        comparisons={
            part: [asdict(entry) for entry in entries if entry.block in layout().slices]
            for part, entries in COMPARISONS.items()
        },
    )


@blueprint.delete("/<name>")
def drop(name: str) -> ResponseReturnValue:
    """Delete a collection with everything in it."""
    services().index.drop(collection_name(name))
    return "", 204
