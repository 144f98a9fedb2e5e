"""A layout with what a collection has learnt, and the models that fill it.

A *fusion* adds the block ``joint``: one unit vector of all blocks that an item has. A *classifier*
fills the field ``predictions``. Both take the features of the *base*, the layout that encoders
fill; whoever has these can fill the rest, without media and without an encoder.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from triptych.core.errors import InvalidInput, ModelUnavailable, StoreUnavailable
from triptych.encoders.cards import Card, Vectors
from triptych.fusion import models
from triptych.fusion.blocks import JOINT, Block, Layout, fuse
from triptych.fusion.classifier import Classifier, Prediction
from triptych.fusion.features import Features
from triptych.fusion.models import Model, Runner
from triptych.media.store import MediaStore

_KEPT = 8
"""What so many layouts have learnt stays loaded in a process."""


def extended(base: Layout, learnt: Sequence[Model]) -> Layout:
    """The layout with the block and the field that these models fill.

    Raises:
        InvalidInput: several models of one kind, or the base has models itself.
        FingerprintMismatch: a model was trained on another layout.
    """
    if base.models:
        raise InvalidInput(f"the layout has models already: {', '.join(base.models)}")
    for model in learnt:
        model.card.check(base)
    fusion, classifier = (_only(learnt, kind) for kind in ("fusion", "classifier"))
    blocks = () if fusion is None else (_joint(base, fusion),)
    return Layout((*base.blocks, *blocks), "" if classifier is None else classifier.reference)


def _only(learnt: Sequence[Model], kind: Literal["fusion", "classifier"]) -> Model | None:
    found = [model for model in learnt if model.card.kind == kind]
    if len(found) > 1:
        names = " and ".join(model.reference for model in found)
        raise InvalidInput(f"a collection has one {kind} at most, not {names}")
    return found[0] if found else None


def _joint(base: Layout, model: Model) -> Block:
    card = Card(
        name=model.card.name,
        version=model.card.version,
        modality=None,
        dims=model.card.dims,
        licence="Apache-2.0",
        source="learnt by this collection",
        needs_fit=True,
        weights=(hashlib.sha256(model.data).hexdigest(),),
        built_on=tuple(block.card.fingerprint for block in base.blocks),
    )
    share = model.card.share
    return Block(
        JOINT, None, None, in_text_space=False, card=card, reference=model.reference, share=share
    )


@dataclass(frozen=True, eq=False)
class Learnt:
    """The models of a layout, ready to run. One instance serves many threads.

    Each method raises ModelUnavailable if a model does not give finite numbers.
    """

    layout: Layout
    """With what the models fill."""
    fusion: Runner | None = None
    classifier: Classifier | None = None

    @classmethod
    def of(cls, base: Layout, learnt: Sequence[Model]) -> "Learnt":
        """What these models fill. Raises as ``extended``."""
        layout = extended(base, learnt)
        fusion, classifier = (_only(learnt, kind) for kind in ("fusion", "classifier"))
        return cls(
            layout,
            None if fusion is None else fusion.open(base),
            None if classifier is None else Classifier(classifier, base),
        )

    @classmethod
    def open(cls, layout: Layout, store: MediaStore) -> "Learnt":
        """The models that a layout names, from the store. A process opens each layout once.

        Raises:
            StoreUnavailable: the store does not answer.
            ModelUnavailable: a model is not there, damaged, of another layout, or can't be run
                here; try again when it can.
        """
        with _LOCK:
            if layout.fingerprint in _OPEN:
                _OPEN.move_to_end(layout.fingerprint)
                return _OPEN[layout.fingerprint]
        opened = _opened(layout, store)
        with _LOCK:
            _OPEN[layout.fingerprint] = opened
            while len(_OPEN) > _KEPT:
                _OPEN.popitem(last=False)
        return opened

    def extend(self, fused: Vectors) -> Vectors:
        """Fill the computed block: float32 (n, base.dims) to float32 (n, layout.dims).

        The joint vector is that of the features as indexes keep them, in float16, so it is the same
        whenever it is made. An item without any block gets zeros.
        """
        if self.fusion is None:
            return fused
        items = self._items(fused)
        joint = self.fusion(items)
        if not np.isfinite(joint).all():
            raise self._defective(self.layout.models[0])
        joint = np.where(items.filled.any(axis=1, keepdims=True), joint, np.float32(0))
        return np.concatenate([fused, joint], axis=1, dtype=np.float32)

    def query(self, blocks: Mapping[str, Vectors]) -> Vectors:
        """The joint vector of one part of a query alone, of its blocks by name; (joint dims,)."""
        joint = self.layout.joint
        if joint is None:
            return np.zeros(0, np.float32)
        vector: Vectors = self.extend(fuse([blocks], self.layout.base))[0]
        return vector[self.layout.slices[joint.name]]

    def completed(self, blocks: Mapping[str, Vectors]) -> Mapping[str, Vectors]:
        """The blocks of one part of a query, and the joint vector if there is one."""
        if self.fusion is None or not blocks:
            return blocks
        return {**blocks, JOINT: self.query(blocks)}

    def predictions(self, fused: Vectors) -> list[Prediction | None]:
        """What each item is, of float32 (n, base.dims); None where nothing is known of it."""
        if self.classifier is None:
            return [None] * len(fused)
        found = self.classifier.predict(self._items(fused))
        if not np.isfinite([one.probability for one in found if one is not None]).all():
            raise self._defective(self.layout.classifier)
        return found

    def _items(self, fused: Vectors) -> Features:
        return Features.of(fused.astype(np.float16), self.layout.base)

    @staticmethod
    def _defective(reference: str) -> ModelUnavailable:
        return ModelUnavailable(f"model {reference} gives numbers that are not finite")


_OPEN: OrderedDict[str, Learnt] = OrderedDict()
"""By the fingerprint of the layout, which tells the content of every model."""
_LOCK = threading.Lock()


def _opened(layout: Layout, store: MediaStore) -> Learnt:
    try:
        found = [models.load(store, reference) for reference in layout.models]
        learnt = Learnt.of(layout.base, found)
    except StoreUnavailable:
        raise
    except Exception as error:  # a file, a library, or ONNX Runtime: each has errors of its own
        names = ", ".join(layout.models)
        raise ModelUnavailable(
            f"what the collection has learnt ({names}) can't be run: {error}"
        ) from error
    if learnt.layout.fingerprint != layout.fingerprint:
        names = ", ".join(layout.models)
        raise ModelUnavailable(f"{names} fill another layout than that of the index")
    return learnt
