"""Models: a collection learns from its items, and lets what it has learnt serve."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from triptych.core.errors import Conflict, NotFound
from triptych.engine.collections import Collection
from triptych.engine.learning import LearntModel, LearntModels, TrainingState
from triptych.gateway.access import needs
from triptych.gateway.openapi import CHANGE, READ, operation
from triptych.gateway.requests import (
    ActivationRequest,
    RebuildRequest,
    TrainingRequest,
    collection_name,
    read_json,
)
from triptych.gateway.services import engine, services

blueprint = Blueprint("models", __name__, url_prefix="/v1/collections/<collection>")


@blueprint.post("/train")
@operation(
    "train_model",
    needs("train"),
    {202: TrainingState},
    *(*CHANGE, NotFound, Conflict),
    json=TrainingRequest,
    body_required=False,
)
def train(collection: str) -> ResponseReturnValue:
    """Train a model of the items that the collection has; what it does serve stays as it is.

    A worker of kind `train` does it, which must be there. A classifier needs `labels`.
    """
    name = collection_name(collection)
    wanted = TrainingRequest.model_validate(read_json(request, optional=True))
    services().trainings.train(name, wanted.chosen, labels=wanted.labels, seed=wanted.seed)
    return jsonify(engine().training(name)), 202


@blueprint.get("/train")
@operation("get_training", needs("read", "train"), {200: TrainingState}, *READ, NotFound)
def training(collection: str) -> ResponseReturnValue:
    """How far the latest training, or comparison of a model, is."""
    return jsonify(engine().training(collection_name(collection)))


@blueprint.delete("/train")
@operation("cancel_training", needs("train"), {204: None}, *CHANGE, NotFound)
def cancel(collection: str) -> ResponseReturnValue:
    """Give it up; a worker ends at its next epoch."""
    services().trainings.cancel(collection_name(collection))
    return "", 204


@blueprint.get("/models")
@operation("list_models", needs("read", "train"), {200: LearntModels}, *READ, NotFound)
def models(collection: str) -> ResponseReturnValue:
    """The models that a collection has learnt, the latest first, and which are active."""
    return jsonify(LearntModels(engine().models(collection_name(collection))))


@blueprint.get("/models/<model>")
@operation("get_model", needs("read", "train"), {200: LearntModel}, *READ, NotFound)
def describe(collection: str, model: str) -> ResponseReturnValue:
    """A model with its card, and why it can't serve, if it can't."""
    return jsonify(engine().model(collection_name(collection), model))


@blueprint.delete("/models/<model>")
@operation("delete_model", needs("train"), {204: None}, *CHANGE, NotFound, Conflict)
def delete(collection: str, model: str) -> ResponseReturnValue:
    """Delete a model that no index uses, the previous one neither."""
    engine().delete_model(collection_name(collection), model)
    return "", 204


@blueprint.post("/models/<model>/activate")
@operation(
    "activate_model",
    needs("train"),
    {202: Collection},
    *(*CHANGE, NotFound, Conflict),
    json=ActivationRequest,
    body_required=False,
)
def activate(collection: str, model: str) -> ResponseReturnValue:
    """Compare a model with what serves, and rebuild the collection with it if it is not worse.

    `GET …/train` tells what came of the comparison; with `force` there is none. `index` of the
    collection tells how far the rebuild is.
    """
    name = collection_name(collection)
    wanted = ActivationRequest.model_validate(read_json(request, optional=True))
    services().trainings.activate(name, model, force=wanted.force, swap=wanted.swap)
    return jsonify(engine().collection(name)), 202


@blueprint.post("/models/<model>/deactivate")
@operation(
    "deactivate_model",
    needs("train"),
    {202: Collection},
    *(*CHANGE, NotFound, Conflict),
    json=RebuildRequest,
    body_required=False,
)
def deactivate(collection: str, model: str) -> ResponseReturnValue:
    """Rebuild the collection without a model; `index` of it tells how far that is."""
    name = collection_name(collection)
    wanted = RebuildRequest.model_validate(read_json(request, optional=True))
    services().trainings.deactivate(name, model, swap=wanted.swap)
    return jsonify(engine().collection(name)), 202
