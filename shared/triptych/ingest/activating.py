"""Whether a model may serve: it answers the trials that what serves now answers, too.

Both are asked by the served scores, over items that neither has learnt from. What is surely worse
is refused.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from triptych.core.errors import Conflict, InvalidInput
from triptych.fusion.blocks import Layout
from triptych.fusion.classifier import Classifier
from triptych.fusion.examples import Examples
from triptych.fusion.extended import Learnt
from triptych.fusion.measures import Floats, interval
from triptych.fusion.models import Model, load
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.comparison import Gain, compare
from triptych.fusion.strategies.trials import make_trials
from triptych.index import SearchIndex
from triptych.ingest.collection_models import CollectionModels, Entry
from triptych.ingest.examples import SPLIT, study
from triptych.media.store import MediaStore

_FEWEST = 10
"""Items with a label that a classifier is measured with."""
ACCURACY = "accuracy"


@dataclass(frozen=True)
class Comparing:
    """Compares models of collections with what serves."""

    store: MediaStore
    index: SearchIndex
    layout: Layout
    """Of the encoders of this process."""
    most: int
    """Items that are drawn of a collection at most."""

    @property
    def models(self) -> CollectionModels:
        """Those of the same store."""
        return CollectionModels(self.store, self.index)

    def gains(self, collection: str, entry: Entry) -> list[Gain]:
        """What the model gains over what serves.

        Raises:
            NotFound: the collection or the model is gone.
            Conflict: the model can't be better: its share of the score is zero.
            InvalidInput: too few items were set aside.
            FingerprintMismatch: other encoders built the collection.
            WeightsError, ModelUnavailable: a model can't be run.
            IndexUnavailable, StoreUnavailable: try again.
        """
        model = load(self.store, entry.reference)
        model.card.check(self.layout)
        read = study(self.index, collection, self.layout, most=self.most, labels=entry.labels)
        if entry.card.kind == "classifier":
            return [self._accuracy(collection, model, entry, read.examples, read.held)]
        if model.card.share <= 0:
            raise Conflict(
                f"model {entry.reference} finds nothing that the blocks don't find: its share of "
                "the score is 0"
            )
        now = self._layout(collection)
        served = self.models.with_model(collection, entry)
        found = [load(self.store, one) for one in served]
        new = Learnt.of(self.layout, [one for one in found if one.card.kind == "fusion"])
        trials = make_trials(read.held.features, read.held.groups, seed=SPLIT)
        old = BlockFusion(now, Learnt.open(now, self.store)) if now.joint else BlockFusion(now)
        return compare(old, BlockFusion(new.layout, new), trials)

    def _layout(self, collection: str) -> Layout:
        """The layout that serves; its base is ours, as ``study`` has checked."""
        return self.index.origin(collection).layout or self.layout

    def _accuracy(
        self, collection: str, model: Model, entry: Entry, every: Examples, held: Examples
    ) -> Gain:
        """How often the classifier is right, beside the present one of the same labels.

        Without one: beside who always says the commonest label. Items are asked about whose label
        one of the two knows.
        """
        new, present = Classifier(model, self.layout), self._present(collection, entry.labels)
        labels = {*new.classes, *(present.classes if present else ())}
        asked = held.rows(np.array([label in labels for label in held.labels], np.bool_))
        if len(asked) < _FEWEST:
            raise InvalidInput(
                f"{len(asked)} items with a label were set aside to measure {entry.reference} "
                f"with; {_FEWEST} are needed"
            )
        if present is None:
            commonest = Counter(label for label in every.labels if label in labels).most_common(1)
            old = np.array([label == commonest[0][0] for label in asked.labels], float)
        else:
            old = _right(present, asked)
        new_right = _right(new, asked)
        gain, low, high = interval(new_right - old)
        means = float(old.mean()), float(new_right.mean())
        return Gain(ACCURACY, *means, gain, low, high, len(asked))

    def _present(self, collection: str, labels: str) -> Classifier | None:
        """The classifier that serves, if it has learnt the same labels."""
        reference = self._layout(collection).classifier
        known = {one.reference: one.labels for one in self.models.all(collection)}
        if not reference or known.get(reference) != labels:
            return None
        return Classifier(load(self.store, reference), self.layout)


def _right(classifier: Classifier, items: Examples) -> Floats:
    """1 for each item whose label was told, else 0; (n,)."""
    said = classifier.predict(items.features)
    return np.array(
        [one is not None and one.label == label
         for one, label in zip(said, items.labels, strict=True)], float,
    )  # fmt: skip
