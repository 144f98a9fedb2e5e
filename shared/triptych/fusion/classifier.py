"""A classifier of fused features as it is served: a checked model, run by ONNX Runtime."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.fusion.blocks import Layout
from triptych.fusion.classification import Floats, softmax
from triptych.fusion.features import Features
from triptych.fusion.models import Model

NAME = "classifier"


@dataclass(frozen=True)
class Prediction:
    """What an item is, in plain types."""

    label: str
    probability: float
    probabilities: Mapping[str, float]
    """Of every class, likeliest first; they sum to one."""


class Classifier:
    """Classes of items by their features, whatever parts they have."""

    def __init__(self, model: Model, layout: Layout) -> None:
        """Open a model.

        Raises:
            InvalidInput: it is no classifier.
            FingerprintMismatch: it was trained on another layout.
        """
        if model.card.kind != "classifier":
            raise InvalidInput(f"{model.reference} is no classifier but a {model.card.kind}")
        self.card = model.card
        self._run = model.open(layout)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of ``probabilities``."""
        return self.card.classes

    def probabilities(self, items: Features) -> Floats:
        """The probability of each class, (n, classes), scaled by the temperature of the card."""
        return softmax(self._run(items), self.card.temperature)

    def predict(self, items: Features) -> list[Prediction | None]:
        """The class of each item; None where nothing is known of an item."""
        known = np.any(items.filled, axis=1)
        return [
            self._prediction(row) if is_known else None
            for row, is_known in zip(self.probabilities(items), known, strict=True)
        ]

    def _prediction(self, row: Floats) -> Prediction:
        ordered = sorted(zip(self.classes, row.tolist(), strict=True), key=lambda one: -one[1])
        label, probability = ordered[0]
        return Prediction(label, probability, dict(ordered))
