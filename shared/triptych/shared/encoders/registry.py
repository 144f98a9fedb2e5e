"""Every encoder by name. One row each; nothing heavy is imported before an encoder is opened."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from triptych.shared.blobs import MediaStore
from triptych.shared.encoders import artefacts
from triptych.shared.encoders.artefacts import Artefact
from triptych.shared.encoders.cards import Card
from triptych.shared.encoders.protocol import Encoder
from triptych.shared.errors import InvalidInput


@dataclass(frozen=True)
class Row:
    """Where an encoder is: a class in a module of this package, whose card is ``card`` there."""

    module: str
    maker: str
    card: str = "CARD"
    needs: tuple[str, ...] = ()
    """Modules that come with an extra."""
    extra: str = ""

    def read_card(self) -> Card:
        """The card, without loading a model."""
        card: Card = getattr(self._import(), self.card)
        return card

    def find_maker(self) -> Any:
        """The class. Raises InvalidInput when its extra is not installed."""
        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            raise InvalidInput(
                f"{', '.join(missing)} is not installed: pip install 'triptych[{self.extra}]'"
            )
        return getattr(self._import(), self.maker)

    def _import(self) -> Any:
        return import_module(f"{__package__}.{self.module}")


ENCODERS: Mapping[str, Row] = {
    "efficientnet-lite0": Row("efficientnet", "EfficientNetLite0"),
    "minilm": Row("minilm", "MiniLM"),
    "mfcc-statistics": Row("mfcc", "MFCCStatistics"),
}


def row(name: str) -> Row:
    """The row of a name. Raises InvalidInput that lists the names there are."""
    if name not in ENCODERS:
        raise InvalidInput(f"no encoder {name!r}; there are: {', '.join(sorted(ENCODERS))}")
    return ENCODERS[name]


def fit(name: str, corpus: Iterable[Any], *, seed: int = 0) -> Artefact:
    """Fit an encoder on decoded media. Raises InvalidInput if it is not one to be fitted."""
    found = row(name)
    if not found.read_card().needs_fit:
        raise InvalidInput(f"{name} is ready as it is: it is not fitted")
    artefact: Artefact = found.find_maker().fit(corpus, seed=seed)
    return artefact


def open_encoder(reference: str, *, threads: int = 1, store: MediaStore | None = None) -> Any:
    """Load the encoder of a reference: ``name``, or ``name@version`` of a fitted one.

    Raises:
        InvalidInput: no such encoder, an extra is missing, or it has to be fitted first.
        NotFound, WeightsError, StoreUnavailable: the fitted artefact can't be had.
    """
    name, _, version = reference.partition("@")
    found = row(name)
    maker = found.find_maker()
    if not found.read_card().needs_fit:
        encoder: Encoder[Any] = maker(threads=threads)
        return encoder
    if not version or store is None:
        raise InvalidInput(f"{name} is fitted on a corpus first: triptych fit {name} PATH…")
    fitted: Encoder[Any] = maker.load(artefacts.load(store, reference))
    return fitted
