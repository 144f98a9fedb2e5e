"""Learned fusion as it is served: a checked model, run by ONNX Runtime; nothing is trained here."""

from collections.abc import Callable

from triptych.core.errors import InvalidInput
from triptych.encoders.cards import Vectors, fingerprint
from triptych.fusion.blocks import Layout
from triptych.fusion.features import Features
from triptych.fusion.models import Model
from triptych.fusion.strategies.strategy import Strategy

Run = Callable[[Features], Vectors]
"""From items to unit vectors, float32 (n, dims)."""

NETWORKS = ("convolution", "recurrent", "attention")
"""The strategies that are learnt, by name."""


class LearnedFusion(Strategy):
    """A network makes one unit vector of the blocks that an item has."""

    def __init__(self, layout: Layout, name: str, dims: int, run: Run, digest: str) -> None:
        """Fuse by a function; ``digest`` tells all that it depends on but the layout."""
        self.layout = layout
        self.name = name
        self._dims = dims
        self._run = run
        self._digest = digest

    @classmethod
    def of(cls, model: Model, layout: Layout) -> "LearnedFusion":
        """The strategy of a model.

        Raises:
            FingerprintMismatch: it was trained on another layout.
            InvalidInput: it is a classifier.
        """
        card = model.card
        if card.kind != "fusion":
            raise InvalidInput(f"{model.reference} is no fusion strategy but a {card.kind}")
        return cls(layout, card.name, card.dims, model.open(layout), model.fingerprint)

    @property
    def dims(self) -> int:
        """The width of the network's output."""
        return self._dims

    @property
    def fingerprint(self) -> str:
        """Over the layout and the model."""
        return fingerprint([self.name, self.layout.fingerprint, self._digest])

    def fuse(self, items: Features) -> Vectors:
        """One unit vector an item, whatever parts it has."""
        return self._run(items)
